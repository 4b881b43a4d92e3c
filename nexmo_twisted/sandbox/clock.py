"""A clock that can be ahead of the machine's: skipping a week takes no week."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer


@implementer(IReactorTime)
class SkippingClock:
    """The time of ``reactor`` and of ``wall`` (seconds since the epoch), moved ahead by every :meth:`skip`.

    Neither the machine's clock nor the reactor's is touched. What is timed by this clock comes so much sooner.
    """

    def __init__(self, reactor: IReactorTime, wall: Callable[[], float]) -> None:
        self.ahead = 0.0  #: seconds skipped so far
        self._reactor = reactor
        self._wall = wall
        self._calls: dict[_Call, None] = {}  # in the order in which they were made

    def seconds(self) -> float:
        return float(self._reactor.seconds()) + self.ahead

    def wall(self) -> float:
        """The time of day, in seconds since the epoch."""
        return self._wall() + self.ahead

    def milliseconds(self) -> str:
        """The same, as the scripts of the store are told it."""
        return str(int(self.wall() * 1000))

    def skip(self, seconds: float) -> None:
        """Be so much further ahead. What has fallen due by that is called when the reactor comes to it."""
        if not 0 <= seconds < float("inf"):
            raise ValueError("time can only be skipped ahead")
        self.ahead += seconds
        for call in list(self._calls):
            call.sooner(seconds)

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> IDelayedCall:
        def run() -> None:
            del self._calls[call]
            callable(*args, **kw)

        call = _Call(self, self._reactor.callLater(delay, run))
        self._calls[call] = None
        return call

    def getDelayedCalls(self) -> list[IDelayedCall]:
        return list(self._calls)

    def forget(self, call: _Call) -> None:
        """It was cancelled."""
        del self._calls[call]


@implementer(IDelayedCall)
class _Call:
    """A call of the reactor's, which knows its time by the other clock."""

    def __init__(self, clock: SkippingClock, call: Any) -> None:
        self._clock = clock
        self._call = call

    def getTime(self) -> float:
        return float(self._call.getTime()) + self._clock.ahead

    def cancel(self) -> None:
        self._call.cancel()  # raises when it is too late
        self._clock.forget(self)

    def delay(self, secondsLater: float) -> None:
        self._call.delay(secondsLater)

    def reset(self, secondsFromNow: float) -> None:
        self._call.reset(secondsFromNow)

    def active(self) -> bool:
        return bool(self._call.active())

    def sooner(self, seconds: float) -> None:
        """Its time is the same, but the clock is ``seconds`` ahead of what it was."""
        self._call.delay(-seconds)
