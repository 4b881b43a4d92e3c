"""Claimed items worked on side by side, as many at a time as there are slots. Notifications and replies both use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.engine.loop import Loop

Item = TypeVar("Item")

#: Milliseconds until a claimed item may be claimed by another process: longer than anything we do with it.
LEASE = 90_000
#: How many items of one kind are worked on at a time.
SLOTS = 20
#: Seconds that claimed work gets to finish when the service stops.
PATIENCE = 10.0


class Desk(Generic[Item]):
    """Claims what is due into free slots and hands each item to ``handle``, which must settle it and not raise."""

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        claim: Callable[[int, int], Awaitable[tuple[int | None, list[Item]]]],
        handle: Callable[[Item], Awaitable[None]],
        slots: int = SLOTS,
    ) -> None:
        self._log = Logger(namespace=f"nexmo_twisted.{name}")
        self._clock = clock
        self._claim = claim
        self._handle = handle
        self._slots = slots
        self._working: set[Deferred[None]] = set()
        self.closing = False  #: nothing new is to be begun
        self._loop = Loop(name, clock, self._look)
        self.start = self._loop.start
        self.poke = self._loop.poke

    async def _look(self) -> float | None:
        free = self._slots - len(self._working)
        if free <= 0:
            return None  # whoever finishes first pokes
        after, items = await self._claim(free, LEASE)
        for item in items:
            work = Deferred.fromCoroutine(self._guarded(item))
            self._working.add(work)
            work.addBoth(self._finished, work)
        return None if after is None else after / 1000

    async def _guarded(self, item: Item) -> None:
        try:
            await self._handle(item)
        except CancelledError:
            self._log.warn("Stopped before one item was settled; its lease will tell")
        except Exception:
            self._log.failure("An item could not be settled; its lease will tell")

    def _finished(self, _: Any, work: Deferred[None]) -> None:
        self._working.discard(work)
        self.poke()

    @property
    def busy(self) -> bool:
        return bool(self._working) or self._loop.busy

    def idle(self) -> Deferred[Any]:
        """Fires when the present look and the items claimed so far are done."""
        return self._loop.idle().addCallback(lambda _: self._all_done())

    def _all_done(self) -> Deferred[Any]:
        return DeferredList([_follow(work) for work in self._working])

    async def stop(self) -> None:
        """Claim nothing more; wait for what is being worked on, not longer than ten seconds."""
        self.closing = True
        await self._loop.stop()
        patience = self._clock.callLater(PATIENCE, self._give_up)
        await self._all_done()
        if patience.active():
            patience.cancel()

    def _give_up(self) -> None:
        for work in list(self._working):
            work.cancel()


def _follow(work: Deferred[None]) -> Deferred[None]:
    """A Deferred that fires when ``work`` does, without taking its result away."""
    follower: Deferred[None] = Deferred()

    def fire(result: Any) -> Any:
        follower.callback(None)
        return result

    work.addBoth(fire)
    return follower
