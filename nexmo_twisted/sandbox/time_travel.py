"""Skipping time: everything that falls due meanwhile happens in its order, as if that time had passed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.sandbox.clock import SkippingClock

#: The longest skip, in seconds: four weeks.
LONGEST = 28 * 86_400.0
#: So many times at most a skip stops exactly at what is next. After that, and past what is overdue and does not get
#: done, it takes steps of which so many make up the whole: it has to be over within seconds.
STEPS = 300
#: Seconds of the machine's time: from one look whether all is quiet to the next, and until it is not waited for longer.
#: What is still under way then waits for the clock itself, to time out or to have been slow.
PAUSE, PATIENCE = 0.01, 0.25
#: Seconds of the machine's time that Redis may be slow or away before a skip ends early.
REDIS_PATIENCE = 10.0
#: Looks in a row that find everything quiet.
QUIET = 3


class AlreadyTravelling(Exception):
    """One skip at a time."""


class TimeTravel:
    """``reactor`` gives the machine's time. ``busy`` says whether something is under way or due at this instant,
    ``next_due`` in how many seconds the next thing is (0 when it is overdue), None when nothing waits. ``keep`` keeps
    what time it is now."""

    def __init__(
        self,
        clock: SkippingClock,
        *,
        reactor: IReactorTime,
        busy: Callable[[], bool],
        next_due: Callable[[], Awaitable[float | None]],
        keep: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._reactor = reactor
        self._busy = busy
        self._next_due = next_due
        self._keep = keep
        self.under_way = False

    async def skip(self, seconds: float) -> None:
        """Let ``seconds`` pass: jump to the next thing that is due, let it happen, and so on.

        Raises ValueError for what is no such time, AlreadySkipping while another skip is under way, StoreUnavailable
        when Redis does not answer for so long that it is not known what is next.
        """
        if not 0 < seconds <= LONGEST:
            raise ValueError(f"so much time cannot be skipped: more than 0 and at most {LONGEST / 86_400:g} days can")
        if self.under_way:
            raise AlreadyTravelling
        self.under_way = True
        try:
            left, exact = seconds, STEPS
            while left > 0:
                await self._quiet()
                due = await self._known_next_due()
                if due is None:
                    step = left
                elif due > 0 and exact > 0:
                    step, exact = due, exact - 1
                else:
                    step = max(due, seconds / STEPS)
                step = min(step, left)
                self._clock.skip(step)
                left -= step
            await self._quiet()
            await self._keep()
        finally:
            self.under_way = False

    async def _known_next_due(self) -> float | None:
        """As ``next_due``, asked again while Redis is slow."""
        began = self._reactor.seconds()
        while True:
            try:
                return await self._next_due()
            except StoreUnavailable:
                if self._reactor.seconds() - began >= REDIS_PATIENCE:
                    raise
            await deferLater(self._reactor, PAUSE)

    async def _quiet(self) -> None:
        began, looks = self._reactor.seconds(), 0
        while looks < QUIET and self._reactor.seconds() - began < PATIENCE:
            await deferLater(self._reactor, PAUSE)
            looks = 0 if self._busy() else looks + 1
