"""A self-arming poller: one timer, set for the earliest time at which something is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from nexmo_twisted.errors import StoreUnavailable

#: Seconds after which a poller polls even if nothing is due: other processes may have died meanwhile.
LONGEST_PAUSE = 5.0

#: Seconds for work in flight to finish when the service stops.
PATIENCE = 10.0


class Poller:
    """Calls ``poll`` repeatedly, never twice at a time.

    ``poll`` returns the seconds until the next item is due, or None. Errors never stop the poller: it waits, 0.2
    seconds growing to 5, and polls again. An outage is logged once when it begins and once when it ends.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: IReactorTime,
        poll: Callable[[], Awaitable[float | None]],
        longest: float = LONGEST_PAUSE,
    ) -> None:
        self._log = Logger(namespace=f"nexmo_twisted.{name}")
        self._name = name
        self._clock = clock
        self._poll = poll
        self._longest = longest
        self._timer: IDelayedCall | None = None
        self._running: Deferred[float | None] | None = None
        self._again = False
        self._stopped = True
        self._failures = 0
        self._waiting: list[Deferred[None]] = []

    def start(self) -> None:
        self._stopped = False
        self.poke()

    def poke(self, after: float = 0.0) -> None:
        """Poll in ``after`` seconds at the latest."""
        if self._stopped:
            return
        if self._running is not None and after <= 0:
            self._again = True
            return
        after = min(max(after, 0.0), self._longest)
        when = self._clock.seconds() + after
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= when:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(after, self._run)

    async def stop(self) -> None:
        """Stop polling; wait for the poll in progress, ten seconds at most."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._patience = self._clock.callLater(PATIENCE, self._give_up)
        await self.idle()
        if self._patience.active():
            self._patience.cancel()

    def _give_up(self) -> None:
        """Cancel the poll in progress, repeatedly: it may go on with its next request when one was cancelled."""
        if self._running is not None:
            self._running.cancel()
        if self._running is not None:
            self._patience = self._clock.callLater(1.0, self._give_up)

    def idle(self) -> Deferred[None]:
        """Fires when no poll is in progress."""
        waiting: Deferred[None] = Deferred()
        if self._running is None:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
        return waiting

    @property
    def busy(self) -> bool:
        """A poll is in progress, or due now."""
        timer = self._timer
        due = timer is not None and timer.active() and timer.getTime() <= self._clock.seconds()
        return self._running is not None or due

    def _run(self) -> None:
        if self._running is not None:
            self._again = True
            return
        self._running = Deferred.fromCoroutine(self._once())
        self._running.addBoth(self._done)

    async def _once(self) -> float | None:
        try:
            after = await self._poll()
        except StoreUnavailable as error:
            if not self._failures:
                self._log.error("{name}: Redis unavailable, retrying: {reason}", name=self._name, reason=error.reason)
        except CancelledError:
            return None
        except Exception:
            self._log.failure("{name}: unexpected error, retrying", name=self._name)
        else:
            if self._failures:
                self._log.info("{name}: recovered", name=self._name)
            self._failures = 0
            return after
        self._failures += 1
        self._again = False
        return min(0.2 * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE)

    def _done(self, after: Any) -> None:
        self._running = None
        again, self._again = self._again, False
        self.poke(0.0 if again else self._longest if after is None else after)
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)
