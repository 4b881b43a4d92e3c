"""What the simulated companies put on the wire: their answers, and their calls to a customer's server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

JSON = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class SimulatedResponse:
    """One HTTP response of a simulated company, or to a webhook of one."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def json_response(status: int, value: object, *headers: tuple[str, str]) -> SimulatedResponse:
    """An answer whose body is this value as JSON in UTF-8."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return SimulatedResponse(status, body, (JSON, *headers))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a company waits for an answer, and how it tries again. All in seconds.

    The waits between attempts start at ``first``, double up to ``longest`` and end with one last attempt
    ``limit`` after the first one. A limit of zero means: one attempt only.
    """

    timeout: float
    first: float = 0.0
    longest: float = 0.0
    limit: float = 0.0

    def wait(self, failures: int, elapsed: float) -> float | None:
        """How long to wait after that many failures, so long after the first attempt; None to give up."""
        if elapsed >= self.limit:
            return None
        return min(self.first * 2.0 ** min(failures - 1, 64), self.longest, self.limit - elapsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """One request that a company wants to make to a customer's server.

    Calls of one ``channel`` go out one at a time. ``wanted`` is asked before every attempt; a call that is
    not wanted any more is forgotten. ``done`` is told the outcome once: the 2xx answer, or after giving up
    the last one, which is None when there was none.
    """

    channel: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    patience: Patience
    wanted: Callable[[], bool] = lambda: True
    done: Callable[[SimulatedResponse | None], None] = lambda _answer: None


def with_query(url: str, query: str) -> str:
    """The URL with more parameters at its end, whether it already has some or not."""
    return f"{url}{'&' if '?' in url else '?'}{query}"
