"""Outcomes: what is stored, counted and logged for everything that may become of an SMS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from nexmo_twisted.domain.delivery import CodeMeaning, DeliveryState, DeliveryStatus
from nexmo_twisted.domain.model import Accepted, Attempt, Notification, Outcome, Sms, Verdict
from nexmo_twisted.domain.rate_limits import ACCOUNT
from nexmo_twisted.domain.results import Delivery, Relink, Suspension
from nexmo_twisted.engine.delivery_receipts import DeliveryNews
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.outcomes import OutcomeRecorder
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import KEEP, LIFETIME, NOW, StageCase, link_state, notification
from tests.engine.fake_queues import FakeOutbox
from tests.engine.fake_store import FakeLinks
from tests.factories import HANDSET, NUMBERS

#: What is counted, and what is logged, by level.
Counted = dict[tuple[str, ...], int]
Levels = list[str]

OURS = NUMBERS[0]
AWAY = StoreUnavailable("Redis is away")
RETRY: Counted = {("sms_retries",): 1}
DEAD: Counted = {("dead_letters", "out", "refused"): 1}
#: How long the requests took, in seconds.
TOOK = 0.5

AFTER_THE_ATTEMPT: list[tuple[Outcome, tuple[Any, ...], Counted, Levels]] = [
    (
        Outcome(verdict=Verdict.ACCEPTED, reason="", message_ids=("id-1", "id-2"), on_wire=0.25),
        ("record_accepted", OURS, f"sent {OURS} id-1", Accepted(0.25, TOOK, ("id-1", "id-2"))),
        {("sms_accepted",): 1},
        ["info"],
    ),
    (
        Outcome(verdict=Verdict.ACCEPTED, reason="", alarm="the balance is low"),
        ("record_accepted", OURS, f"sent {OURS} ", Accepted(None, TOOK)),
        {("sms_accepted",): 1},
        ["error", "info"],
    ),
    (Outcome(verdict=Verdict.NOT_SENT, reason="down"), ("reschedule", 5_000, "down"), RETRY, ["info"]),
    (Outcome(verdict=Verdict.NOT_SENT, reason="down", retry_after=60), ("reschedule", 60_000, "down"), RETRY, ["info"]),
    (
        Outcome(verdict=Verdict.NOT_SENT, reason="too fast", exceeded="account"),
        ("pause_limit", ACCOUNT, 1_030, "too fast"),
        {**RETRY, ("provider_throttled", "account"): 1},
        ["warn"],
    ),
    (
        Outcome(verdict=Verdict.NOT_SENT, reason="too fast", exceeded="number", retry_after=2),
        ("pause_limit", OURS, 2_030, "too fast"),
        {**RETRY, ("provider_throttled", "number"): 1},
        ["warn"],
    ),
    (
        Outcome(verdict=Verdict.UNCERTAIN, reason="no answer"),
        ("set_aside", "no answer", None, "uncertain"),
        {("sms_uncertain",): 1},
        ["error"],
    ),
    (
        Outcome(verdict=Verdict.UNCERTAIN, reason="no answer", on_wire=0.5),
        ("set_aside", "no answer", 0.5, "uncertain"),
        {("sms_uncertain",): 1},
        ["error"],
    ),
    (Outcome(verdict=Verdict.REFUSED, reason="barred"), ("set_aside", "refused: barred", None), DEAD, ["error"]),
    (
        Outcome(verdict=Verdict.REFUSED, reason="barred", account_works=True),
        ("set_aside", "refused: barred", None, "account_works"),
        DEAD,
        ["error"],
    ),
    (
        Outcome(verdict=Verdict.REFUSED, reason="barred", alarm="look at it"),
        ("set_aside", "refused: barred", None),
        DEAD,
        ["error", "error"],
    ),
]

SUSPENDING: list[tuple[Suspension, Counted, Levels]] = [
    (Suspension.BEGUN, {}, ["critical"]),
    (Suspension.IN_DOUBT, {}, ["warn"]),
    (Suspension.KNOWN, {}, []),
    (Suspension.DEAD, DEAD, ["error"]),
    (Suspension.STALE, {}, []),
]


class OutcomeCase(StageCase):
    def begin(self) -> None:
        super().begin()
        self.outbox = FakeOutbox(self.calls)
        self.links = FakeLinks(self.calls, link_state())
        self.recorder = OutcomeRecorder(
            outbox=self.outbox,
            clock=self.clock,
            random=lambda: 1.0,
            metrics=self.metrics,
            link_updates=LinkUpdates(self.links, LIFETIME, KEEP),
            news=DeliveryNews(self.metrics, lambda _code: CodeMeaning("", "do something")),
        )

    def conclude(self, outcome: Outcome, *seconds: float, item: Notification | None = None) -> list[Any]:
        """Returns the calls to the store while time passes."""
        item = item or notification()
        self.outbox.claim(item)
        self.outbox.sending.add(item.token)
        sms, attempt = Sms(OURS, HANDSET, "Hello", "ref"), Attempt(handset=HANDSET, number=OURS, until=0.0)
        concluding = Deferred.fromCoroutine(self.recorder.conclude(item, sms, attempt, outcome, TOOK))
        self.clock.pump(seconds)
        self.news = self.successResultOf(concluding)
        return self.calls


class OutcomeTests(OutcomeCase):
    def test_table(self) -> None:
        """Every outcome is stored in its own way, counted and logged; an acceptance is news."""
        for outcome, stored, counted, levels in AFTER_THE_ATTEMPT:
            self.begin()
            self.assertEqual(self.conclude(outcome), [stored], outcome)
            self.assertEqual((self.counted, self.levels), (counted, levels), outcome)
            self.assertIs(self.news, outcome.verdict is Verdict.ACCEPTED, outcome)

    def test_account(self) -> None:
        """When the account is at fault sending is suspended: what that comes to is logged, and counted when the
        message is given up for it."""
        for suspension, counted, levels in SUSPENDING:
            self.begin()
            self.outbox.suspension = suspension
            self.assertEqual(
                self.conclude(Outcome(verdict=Verdict.ACCOUNT_ERROR, reason="no credit")),
                [("suspend_sending", "no credit")],
            )
            self.assertEqual(self.counted, {("account_errors",): 1, **counted}, suspension)
            self.assertEqual((self.levels, self.news), (levels, False), suspension)

    def test_somebody_elses(self) -> None:
        """What another process has concluded meanwhile is not counted as a dead letter or as uncertain."""
        for verdict in (Verdict.UNCERTAIN, Verdict.REFUSED):
            self.begin()
            self.outbox.mine = False
            self.conclude(Outcome(verdict=verdict, reason="why"))
            self.assertEqual(self.counted, {}, verdict)

    def test_later_attempts(self) -> None:
        """The delay doubles with the attempts."""
        calls = self.conclude(Outcome(verdict=Verdict.NOT_SENT, reason="down"), item=notification(attempts=3))
        self.assertEqual(calls, [("reschedule", 40_000, "down")])


class StoreAwayTests(OutcomeCase):
    def test_every_outcome(self) -> None:
        """Whatever the outcome, it is stored when the store is back."""
        for outcome, stored, counted, _ in AFTER_THE_ATTEMPT:
            self.begin()
            self.outbox.fail(stored[0], AWAY)
            first, second = self.conclude(replace(outcome, on_wire=None), 0.2)
            self.assertEqual((first, self.counted), (second, counted), outcome)

    def test_on_wire(self) -> None:
        """How long ago the SMS went out grows until that is stored."""
        for verdict, method in ((Verdict.ACCEPTED, "record_accepted"), (Verdict.UNCERTAIN, "set_aside")):
            self.begin()
            self.outbox.fail(method, AWAY, AWAY)
            *_, call = self.conclude(Outcome(verdict=verdict, reason="why", on_wire=1.0), 0.25, 0.5)
            self.assertIn(1.75, (call[2], getattr(call[3], "on_wire", None)), verdict)


class AcceptedTests(OutcomeCase):
    ACCEPTED = Outcome(verdict=Verdict.ACCEPTED, reason="")

    def test_receipt_was_faster(self) -> None:
        """What a receipt has proved already is no news, and not counted again."""
        self.outbox.delivery = None
        self.conclude(self.ACCEPTED)
        self.assertEqual((self.counted, self.levels, self.news), ({}, [], False))

    def test_map_is_rewritten(self) -> None:
        """The user's map is written again when the acceptance says so; that the store is away then does no harm."""
        for errors in ([], [AWAY]):
            self.begin()
            self.outbox.delivery = Delivery(
                message_id="known", ended=None, before=None, said=None, relink=Relink("bob", HANDSET, OURS)
            )
            self.links.states = [link_state(**{OURS: f'["bob","c-1",{NOW + 1000},{NOW}]'})]
            self.links.fail("write_map", *errors)
            calls = self.conclude(self.ACCEPTED)
            self.assertEqual([call[0] for call in calls], ["record_accepted", "read_links", "write_map"])
            self.assertEqual((self.counted, self.news), ({("sms_accepted",): 1}, True))

    def test_earlier_receipts(self) -> None:
        """Receipts that came before the acceptance are counted with it, and a failure is logged."""
        self.outbox.delivery = Delivery(
            message_id="known", ended=None, before=None, said=DeliveryState(DeliveryStatus.FAILED, 6)
        )
        self.conclude(self.ACCEPTED)
        self.assertEqual(self.counted, {("sms_accepted",): 1, ("delivery_receipts", "failed"): 1})
        self.assertEqual(self.levels, ["info", "warn"])
