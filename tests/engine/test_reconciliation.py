"""Reconciliation: what becomes of SMS of unknown outcome is counted, and while the provider fails few are tried."""

from __future__ import annotations

from nexmo_twisted.domain.results import Reconciled
from nexmo_twisted.engine.circuit_breaker import FAILURES, CircuitBreaker
from nexmo_twisted.engine.poller import LONGEST_PAUSE
from nexmo_twisted.engine.reconciliation import BATCH, Reconciler
from tests.engine.cases import StageCase
from tests.engine.fake_queues import FakeOutbox
from tests.factories import REPORT

TIMEOUT = 3_000
POKE = ("poke_waiting",)

#: What a pass did, what is counted and logged, whether others may go on, and the seconds until the next pass.
PASSES = [
    (Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=None), {}, [], [], LONGEST_PAUSE),
    (Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=2_500), {}, [], [], 2.5),
    (
        Reconciled(resent=2, parked=0, dropped=0, unneeded=0, next=10),
        {("sms_reconciled", "resent"): 2},
        ["warn"],
        [POKE],
        0.01,
    ),
    (
        Reconciled(resent=0, parked=2, dropped=0, unneeded=0, next=None),
        {("sms_reconciled", "parked"): 2, ("dead_letters", "out", "uncertain"): 2},
        ["warn"],
        [POKE],
        LONGEST_PAUSE,
    ),
    (
        Reconciled(resent=0, parked=0, dropped=2, unneeded=0, next=None),
        {("sms_reconciled", "dropped"): 2},
        ["warn"],
        [POKE],
        LONGEST_PAUSE,
    ),
    (
        Reconciled(resent=0, parked=0, dropped=0, unneeded=2, next=None),
        {("sms_reconciled", "unneeded"): 2},
        ["warn"],
        [POKE],
        LONGEST_PAUSE,
    ),
]


class ReconciliationCase(StageCase):
    def begin(self) -> None:
        super().begin()
        self.outbox = FakeOutbox(self.calls)
        self.circuit = CircuitBreaker("SMS", self.clock)

    def reconciler(self, policy: str) -> Reconciler:
        return Reconciler(
            outbox=self.outbox,
            clock=self.clock,
            receipt_timeout=TIMEOUT,
            policy=policy,
            report=REPORT,
            poke_waiting=lambda: self.calls.append(POKE),
            metrics=self.metrics,
            circuit=self.circuit,
        )


class ReconcilerTests(ReconciliationCase):
    def test_table(self) -> None:
        """What is resent, parked, dropped or unneeded is counted, and then others may go on."""
        for settled, counted, levels, poked, pause in PASSES:
            self.begin()
            self.outbox.settled = settled
            self.assertEqual(self.poll(self.reconciler("park").poller), pause, settled)
            self.assertEqual(self.calls, [("reconcile", BATCH, TIMEOUT, "park", REPORT), *poked], settled)
            self.assertEqual((self.counted, self.levels), (counted, levels), settled)


class OpenCircuitTests(ReconciliationCase):
    def begin(self) -> None:
        super().begin()
        for _ in range(FAILURES):
            self.circuit.record_failure("down")

    def limits(self, policy: str, *seconds: float) -> list[int]:
        """How many are reconciled at most, pass by pass, while time passes."""
        reconciler = self.reconciler(policy)
        reconciler.poller.start()
        self.clock.pump([0, *seconds])
        return [limit for name, limit, *_ in self.calls if name == "reconcile"]

    def test_resend(self) -> None:
        """While the provider fails one SMS is sent again in each time that a receipt may take."""
        self.outbox.settled = Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=500)
        self.assertEqual(self.limits("resend", 0.5, 0.5, 1.9), [1])
        self.begin()
        self.outbox.settled = Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=500)
        self.assertEqual(self.limits("resend", 0.5, 0.5, 2.0), [1, 1])

    def test_nothing_is_sent(self) -> None:
        """Where nothing is sent again the provider does not matter."""
        for policy in ("park", "drop"):
            self.begin()
            self.outbox.settled = Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=500)
            self.assertEqual(self.limits(policy, 0.5), [BATCH, BATCH], policy)

    def test_closed_again(self) -> None:
        """Once the provider works all are tried."""
        self.outbox.settled = Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=500)
        reconciler = self.reconciler("resend")
        self.poll(reconciler.poller)
        self.circuit.record_success()
        reconciler.poller.poke()
        self.clock.advance(0)
        self.assertEqual([call[1] for call in self.calls], [1, BATCH])
