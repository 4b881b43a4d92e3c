"""The sweep: checks all data in Redis every hour, and repairs and counts what is inconsistent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.ports import Metrics
from nexmo_twisted.ports.store import Locks

#: Seconds until the first sweep of a process, and from the end of one to the beginning of the next.
FIRST = 300.0
EVERY = 3600.0
#: Seconds for which one process has the lock of a sweep.
ALONE = EVERY - 60.0
#: Seconds between two steps: a sweep must not slow anything down.
PAUSE = 0.025
#: What the kinds of expired items are called in the log.
_EXPIRED = {"out": "dead letters (out)", "in": "dead letters (in)", "uncertain": "uncertain SMS"}


class Step(Protocol):
    """The result of one step: how much was repaired, had expired, or was left alone, by kind; and where to continue."""

    @property
    def next(self) -> str | None: ...
    @property
    def looked(self) -> int: ...
    @property
    def repaired(self) -> Mapping[str, int]: ...
    @property
    def expired(self) -> Mapping[str, int]: ...
    @property
    def foreign(self) -> Mapping[str, int]: ...


class Steps(Protocol):
    """Walks through all data of the store."""

    async def step(self, place: str) -> Step:
        """Check some more entries, from ``place`` on; "" is the beginning. Raises StoreUnavailable."""


class Sweep:
    """One process at a time walks through the store in small steps; normally it finds nothing.

    After an outage of the store it continues where it was. If the process ends before that, the next sweep does the
    rest, an hour later at most.
    """

    _log = Logger()

    def __init__(self, *, locks: Locks, steps: Steps, clock: IReactorTime, metrics: Metrics) -> None:
        self._locks = locks
        self._steps = steps
        self._metrics = metrics
        self._waited = False
        self._place: str | None = None  #: where the next step begins; None between two sweeps
        self._looked = 0
        self._repaired: Counter[str] = Counter()
        self._expired: Counter[str] = Counter()
        self._foreign: Counter[str] = Counter()
        self.poller = Poller("sweep", clock=clock, poll=self._poll, longest=EVERY)

    @property
    def walking(self) -> bool:
        """This process is in the middle of a sweep."""
        return self._place is not None

    async def _poll(self) -> float | None:
        if not self._waited:  # a start has more important work
            self._waited = True
            return FIRST
        if self._place is None:
            if not await self._locks.acquire_lock("sweep", ALONE):
                return EVERY
            self._place = ""
        step = await self._steps.step(self._place)
        self._place = step.next
        self._count(step)
        if self._place is not None:
            return PAUSE
        self._report()
        return EVERY

    def _count(self, step: Step) -> None:
        self._looked += step.looked
        for name, found, total in (
            ("integrity_repairs", step.repaired, self._repaired),
            ("dead_letters_expired", step.expired, self._expired),
        ):
            for kind, number in found.items():
                total[kind] += number
                self._metrics.count(name, kind, amount=number)
        self._foreign.update(step.foreign)

    def _report(self) -> None:
        """Log at most one line of each kind for a sweep."""
        if self._repaired:
            self._log.error("Sweep: repaired inconsistent data in Redis: {found}", found=_listed(self._repaired))
        else:
            self._log.info("Sweep: checked {n} entries, all consistent", n=self._looked)
        if self._foreign:
            self._log.error("Sweep: left keys of an unknown form alone: {found}", found=_listed(self._foreign))
        if self._expired:
            named = {_EXPIRED.get(kind, kind): number for kind, number in self._expired.items()}
            self._log.warn("Sweep: deleted because they were not handled within 30 days: {found}", found=_listed(named))
        self._looked = 0
        for total in (self._repaired, self._expired, self._foreign):
            total.clear()


def _listed(found: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(found.items()))
