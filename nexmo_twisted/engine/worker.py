"""A worker: claims due items and processes them concurrently, up to its number of slots. Used for notifications and
replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.deferreds import shielded
from nexmo_twisted.domain.model import (
    Notification,
    Reply,
)
from nexmo_twisted.domain.results import (
    Claimed,
)
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.poller import PATIENCE, Poller
from nexmo_twisted.ports import Metrics

Item = TypeVar("Item", bound=Notification | Reply)
ItemOut = TypeVar("ItemOut", bound=Notification | Reply, covariant=True)

#: How many items of one kind are worked on at a time.
SLOTS = 20


class Claim(Protocol[ItemOut]):
    """One of the claims of the Store."""

    async def __call__(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[ItemOut]: ...


class Worker(Generic[Item]):
    """Claims due items into free slots and hands each to ``handle``, which must store its outcome and not raise.

    ``queue`` is "out" (notifications) or "in" (replies), ``lease`` is in ms. While one of the ``circuits`` is open, one
    item at a time is worked on. So is an item whose lease expired without a result: it may have killed the process that
    worked on it.
    """

    def __init__(
        self,
        name: str,
        *,
        queue: str,
        clock: IReactorTime,
        claim: Claim[Item],
        handle: Callable[[Item], Awaitable[None]],
        metrics: Metrics,
        lease: int,
        circuits: Sequence[CircuitBreaker] = (),
        slots: int = SLOTS,
    ) -> None:
        self._log = Logger(namespace=f"nexmo_twisted.{name}")
        self._name = name
        self._queue = queue
        self._clock = clock
        self._claim = claim
        self._handle = handle
        self._metrics = metrics
        self._lease = lease
        self._circuits = circuits
        self._slots = slots
        self._working: set[Deferred[None]] = set()
        self._alone = False
        self.closing = False  #: nothing new is to be begun
        self._poller = Poller(name, clock=clock, poll=self._poll)
        self.start = self._poller.start
        self.poke = self._poller.poke

    async def _poll(self) -> float | None:
        pause = max((circuit.pause for circuit in self._circuits), default=0.0)
        if pause:
            return pause
        slots = 1 if any(circuit.open for circuit in self._circuits) else self._slots
        free = slots - len(self._working)
        if free <= 0 or (self._alone and self._working):
            return None  # the first item that finishes calls poke
        claimed = await self._claim(free, self._lease, idle=not self._working)
        self._report(claimed)
        self._alone = any(item.suspect for item in claimed.items)
        for item in claimed.items:
            work = Deferred.fromCoroutine(self._guarded(item))
            self._working.add(work)
            work.addBoth(self._finished, work)
        if claimed.next is None or (claimed.next == 0 and self._working):
            return None
        return claimed.next / 1000

    def _report(self, claimed: Claimed[Item]) -> None:
        if claimed.lost:
            self._metrics.count("sms_uncertain", amount=claimed.lost)
            self._log.error(
                "{name}: {n} SMS uncertain, the process that was sending them died", name=self._name, n=claimed.lost
            )
        if claimed.crashed:
            self._metrics.count("dead_letters", self._queue, "crashes", amount=claimed.crashed)
            if self._queue == "in":
                self._metrics.count("replies_closed", "dead_letter", amount=claimed.crashed)
            self._log.error(
                "{name}: {n} dead letters, several workers died processing them", name=self._name, n=claimed.crashed
            )

    async def _guarded(self, item: Item) -> None:
        try:
            await self._handle(item)
        except CancelledError:
            self._log.warn(
                "Shut down before the result of {id} was recorded; when its lease expires it is retried or uncertain",
                id=item.id,
            )
        except Exception:
            self._log.failure(
                "The result of {id} was not recorded; when its lease expires it is retried or uncertain", id=item.id
            )

    def _finished(self, _: Any, work: Deferred[None]) -> None:
        self._working.discard(work)
        self.poke()

    @property
    def busy(self) -> bool:
        return bool(self._working) or self._poller.busy

    def _all_done(self) -> Deferred[Any]:
        return DeferredList([shielded(work) for work in self._working])

    async def stop(self) -> None:
        """Claim nothing more; wait for what is being worked on, not longer than ten seconds."""
        self.closing = True
        self._patience = self._clock.callLater(PATIENCE, self._give_up)
        await self._poller.stop()
        await self._all_done()
        if self._patience.active():
            self._patience.cancel()

    def _give_up(self) -> None:
        """Cancel what is left, again and again: an SMS we no longer wait for still has to be noted down."""
        for work in list(self._working):
            work.cancel()
        if self._working:
            self._patience = self._clock.callLater(1.0, self._give_up)
