"""The content of ``/health``: issues and warnings, collected from small conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.issues import Issue

#: Called for each report; returns the current issues, none when all is well.
Condition = Callable[[], Iterable[Issue]]


@dataclass(frozen=True, slots=True)
class Health:
    """``vital`` are the conditions without which webhooks cannot be stored, ``partial`` those without which some of
    the work waits; ``doubtful`` is what works but should be looked at."""

    vital: Sequence[Condition]
    partial: Sequence[Condition]
    doubtful: Sequence[Condition]

    @property
    def down(self) -> bool:
        """Webhooks cannot be stored."""
        return bool(_all(self.vital))

    def report(self) -> dict[str, object]:
        """``status`` ("ok", "degraded" or "down"), ``missing`` and ``warnings``; each of these has ``what``, ``since``
        (ISO 8601, UTC) and ``reason``."""
        down, degraded = _all(self.vital), _all(self.partial)
        status = "down" if down else "degraded" if degraded else "ok"
        return {
            "status": status,
            "missing": [_as_json(each) for each in down + degraded],
            "warnings": [_as_json(each) for each in _all(self.doubtful)],
        }


def open_circuits(circuits: Sequence[CircuitBreaker], clock: IReactorTime, wall: Callable[[], float]) -> Condition:
    """The remotes that have failed too often, or in whose place something else answers. Circuits tell seconds of
    ``clock``, which are no time of day."""

    def found() -> Iterable[Issue]:
        for circuit in circuits:
            open_ = [(circuit.since, circuit.reason)] if circuit.since is not None else []
            for since, reason in (*open_, *filter(None, [circuit.intercepted])):
                yield Issue(circuit.name, wall() - (clock.seconds() - since), reason)

    return found


def _all(conditions: Iterable[Condition]) -> list[Issue]:
    return [issue for condition in conditions for issue in condition()]


def _as_json(issue: Issue) -> dict[str, str]:
    since = datetime.fromtimestamp(issue.since, UTC)
    return {"what": issue.what, "since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "reason": issue.reason}
