"""The worker: how many items are claimed at a time, what is worked on alone, and what a stop does to it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from nexmo_twisted.domain.model import Reply
from nexmo_twisted.domain.results import Claimed
from nexmo_twisted.engine.circuit_breaker import FAILURES, CircuitBreaker
from nexmo_twisted.engine.poller import LONGEST_PAUSE, PATIENCE
from nexmo_twisted.engine.worker import Worker
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import LEASE, StageCase, reply

SLOTS = 3


class WorkerCase(StageCase):
    def begin(self) -> None:
        super().begin()
        self.waiting: list[Reply] = []
        self.next: int | None = None
        self.stubborn = 0  # how many cancellations are survived
        self.lost = self.crashed = 0
        self.working: dict[str, Deferred[None]] = {}
        self.circuit = CircuitBreaker("a remote", self.clock)
        self.worker: Worker[Reply] = Worker(
            "test",
            queue="in",
            clock=self.clock,
            claim=self.claim,
            handle=self.handle,
            metrics=self.metrics,
            lease=LEASE,
            circuits=[self.circuit],
            slots=SLOTS,
        )

    async def claim(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
        self.calls.append((limit, lease, idle))
        items, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return Claimed(0 if self.waiting else self.next, items, self.lost, self.crashed)

    async def handle(self, item: Reply) -> None:
        while True:
            self.working[item.id] = Deferred()
            try:
                return await self.working[item.id]
            except CancelledError:
                if not self.stubborn:
                    raise
                self.stubborn -= 1

    def start(self, *items: Reply) -> None:
        self.waiting = list(items)
        self.worker.start()
        self.clock.advance(0)

    def finish(self, name: str) -> None:
        """One item is done; what waits may be claimed."""
        self.working.pop(name).callback(None)
        self.clock.advance(0)


def replies(count: int) -> list[Reply]:
    return [reply(id=f"r-{n}", token=f"t-{n}") for n in range(count)]


class SlotsTests(WorkerCase):
    def test_free_slots(self) -> None:
        """As many items are claimed as there are free slots, and another one when one is done."""
        self.start(*replies(SLOTS + 2))
        self.assertEqual((list(self.working), self.calls), (["r-0", "r-1", "r-2"], [(SLOTS, LEASE, True)]))
        self.finish("r-1")
        self.assertEqual((list(self.working), self.calls[1:]), (["r-0", "r-2", "r-3"], [(1, LEASE, False)]))

    def test_full(self) -> None:
        """While all slots are taken nothing is claimed, whatever time passes."""
        self.start(*replies(SLOTS))
        self.clock.pump([LONGEST_PAUSE] * 3)
        self.assertEqual(len(self.calls), 1)

    def test_next(self) -> None:
        """The next claim is when the next item is due."""
        self.next = 1_500
        self.start()
        self.clock.advance(1.4)
        self.assertEqual(len(self.calls), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.calls), 2)

    def test_behind_one_that_is_worked_on(self) -> None:
        """What is due but waits behind an item that is worked on is claimed when that is done, not before."""
        self.next = 0
        self.start(*replies(1))
        self.clock.advance(LONGEST_PAUSE - 0.1)
        self.assertEqual(len(self.calls), 1)
        self.next = None
        self.finish("r-0")
        self.assertEqual(len(self.calls), 2)

    def test_suspect(self) -> None:
        """After an item that may have killed a process nothing is claimed until it is done."""
        self.start(reply(id="suspect", suspect=True))
        self.waiting = replies(1)
        self.worker.poke()
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(list(self.working), ["suspect"])
        self.finish("suspect")
        self.assertEqual(list(self.working), ["r-0"])

    def test_open_circuit(self) -> None:
        """While a remote fails one item at a time is worked on, after its pause."""
        for _ in range(FAILURES):
            self.circuit.record_failure("down")
        self.start(*replies(2))
        self.assertEqual(self.calls, [])
        self.clock.advance(self.circuit.pause)
        self.assertEqual((list(self.working), self.calls), (["r-0"], [(1, LEASE, True)]))


class ReportTests(WorkerCase):
    def test_lost(self) -> None:
        """SMS whose process died while it sent them are counted as uncertain."""
        self.lost = 2
        self.start()
        self.assertEqual((self.counted, self.levels), ({("sms_uncertain",): 2}, ["error"]))

    def test_crashed(self) -> None:
        """Items that killed several processes are counted as dead letters of their queue."""
        self.crashed = 2
        self.start()
        counted = {("dead_letters", "in", "crashes"): 2, ("replies_closed", "dead_letter"): 2}
        self.assertEqual((self.counted, self.levels), (counted, ["error"]))


class ErrorTests(WorkerCase):
    def test_unrecorded(self) -> None:
        """An error of an item whose result could not be stored is logged; others are worked on."""
        self.start(*replies(SLOTS + 1))
        self.working.pop("r-0").errback(ValueError("unforeseen"))
        self.clock.advance(0)
        self.assertEqual((list(self.working), self.levels), (["r-1", "r-2", "r-3"], ["critical"]))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_store_away(self) -> None:
        """A store that is away ends a claim, and the next one is soon."""
        answers = [StoreUnavailable("Redis is away")]

        async def claim(limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
            if answers:
                raise answers.pop()
            return await self.claim(limit, lease, idle=idle)

        worker: Worker[Reply] = Worker(
            "test", queue="in", clock=self.clock, claim=claim, handle=self.handle, metrics=self.metrics, lease=LEASE
        )
        worker.start()
        self.clock.pump([0, 0.2])
        self.assertEqual((len(self.calls), self.levels), (1, ["error", "info"]))


class StopTests(WorkerCase):
    def test_waits(self) -> None:
        """A stop claims nothing more and waits for what is being worked on."""
        self.start(*replies(SLOTS + 1))
        self.assertFalse(self.worker.closing)
        stopped = Deferred.fromCoroutine(self.worker.stop())
        self.assertTrue(self.worker.closing)
        for name in ("r-0", "r-1"):
            self.finish(name)
            self.assertNoResult(stopped)
        self.assertTrue(self.worker.busy)
        self.finish("r-2")
        self.successResultOf(stopped)
        self.assertEqual((len(self.calls), self.worker.busy), (1, False))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gives_up(self) -> None:
        """What takes longer than ten seconds is cancelled, with a warning for each."""
        self.start(*replies(2))
        stopped = Deferred.fromCoroutine(self.worker.stop())
        self.clock.advance(PATIENCE - 0.1)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual((self.levels, self.clock.getDelayedCalls()), (["warn", "warn"], []))

    def test_gives_up_again(self) -> None:
        """What goes on after that is cancelled again every second."""
        self.stubborn = 2
        self.start(*replies(1))
        stopped = Deferred.fromCoroutine(self.worker.stop())
        self.clock.pump([PATIENCE, 1.0])
        self.assertNoResult(stopped)
        self.clock.advance(1.0)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
