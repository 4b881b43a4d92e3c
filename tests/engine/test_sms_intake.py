"""The intake of inbound SMS: how each is stored and counted, and who looks at it next."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from nexmo_twisted.domain.model import Asked, InboundSms, Part
from nexmo_twisted.domain.optout import CONFIRM_STOP
from nexmo_twisted.domain.results import PartTaken, Received
from nexmo_twisted.engine.auto_replies import AutoReplies, AutoReplyPolicy
from nexmo_twisted.engine.delivery_receipts import DeliveryNews, ReceiptIntake
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.quarantine import Quarantine
from nexmo_twisted.engine.sms_intake import LONGEST, InboundSmsIntake
from nexmo_twisted.engine.turned_away import TurnedAway
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import KEEP, LIFETIME, StageCase, link_state
from tests.engine.fake_queues import FakeReplyQueue
from tests.engine.fake_store import FakeInbox, FakeLinks, FakeQuarantineLog, FakeReceipts
from tests.factories import HANDSET, NUMBERS, READ_RECEIPT

OURS = NUMBERS[0]
SMS = InboundSms(message_id="id-1", msisdn=HANDSET, to=OURS, text="On my way")
PART = Part("ref", 2, 1)
WAIT = 20_000

POKE_REPLIES, POKE_AUTO_REPLIES = ("poke_replies",), ("poke_notices",)

#: What the store makes of an SMS, its text, who looks at it next, what it is counted as, and what is logged.
WHOLE: list[tuple[Received, str, list[tuple[Any, ...]], str, list[str]]] = [
    (Received.NEW, "On my way", [POKE_REPLIES], "whole", []),
    (Received.KNOWN, "On my way", [], "repeated", ["info"]),
    (Received.STOP, "Stop", [POKE_AUTO_REPLIES], "stop", ["info"]),
    (Received.START, "Start", [POKE_AUTO_REPLIES], "start", ["info"]),
    (Received.START_TOO_EARLY, "Start", [POKE_AUTO_REPLIES], "start", ["info"]),
    (Received.HELP, "Help", [POKE_AUTO_REPLIES], "help", ["info"]),
    (Received.NEW, "Stop", [POKE_REPLIES, POKE_AUTO_REPLIES], "whole", []),
]

#: What the store makes of a part, who looks at it next, and what is counted.
PARTS: list[tuple[PartTaken, list[tuple[Any, ...]], dict[tuple[str, ...], int]]] = [
    (PartTaken("waiting", 0, 1_500), [("poke_long_replies", 1.5)], {("replies_received", "part"): 1}),
    (PartTaken("waiting", 0, 0), [("poke_long_replies", 0)], {("replies_received", "part"): 1}),
    (PartTaken("whole", 0, None), [POKE_REPLIES], {("replies_received", "part"): 1}),
    (PartTaken("late", 0, None), [POKE_REPLIES], {("replies_received", "late_part"): 1}),
    (PartTaken("known", 0, None), [], {("replies_received", "repeated"): 1}),
    (
        PartTaken("waiting", 2, None),
        [POKE_REPLIES],
        {("replies_received", "part"): 1, ("long_replies_incomplete",): 2},
    ),
]

#: SMS in which there is nothing to post.
DISMISSED = [
    (replace(SMS, binary=True, text=""), "binary"),
    (replace(SMS, text=" \u200b"), "blank"),
    (replace(SMS, msisdn=NUMBERS[1]), "own_number"),
    (replace(SMS, msisdn=NUMBERS[1], part=PART), "own_number"),
    (replace(SMS, binary=True, text="", part=PART), "binary"),
]


class IntakeCase(StageCase):
    def begin(self) -> None:
        super().begin()
        calls = self.calls
        self.inbox = FakeInbox(calls)
        self.receipts = FakeReceipts(calls)
        self.turned_away = TurnedAway(self.inbox, self.clock)

    def intake(self, wait: int = WAIT, numbers: tuple[str, ...] = NUMBERS) -> InboundSmsIntake:
        calls = self.calls
        policy = AutoReplyPolicy("service", (), "", numbers)
        return InboundSmsIntake(
            inbox=self.inbox,
            quarantine=Quarantine(FakeQuarantineLog(calls), "sms", signed=False),
            poke_replies=lambda: calls.append(POKE_REPLIES),
            metrics=self.metrics,
            concat_timeout=wait,
            poke_long_replies=lambda after: calls.append(("poke_long_replies", after)),
            receipts=ReceiptIntake(
                receipts=self.receipts,
                link_updates=LinkUpdates(FakeLinks(calls, link_state()), LIFETIME, KEEP),
                poke_waiting=lambda: None,
                metrics=self.metrics,
                news=DeliveryNews(self.metrics, lambda _code: self.fail("no failure")),
                block=False,
            ),
            auto_replies=AutoReplies(FakeReplyQueue(calls), policy, lambda: calls.append(POKE_AUTO_REPLIES)),
            numbers=numbers,
            turned_away=self.turned_away,
        )

    def take(self, sms: InboundSms) -> None:
        self.result(self.intake().inbound_sms(sms))


class WholeTests(IntakeCase):
    def test_table(self) -> None:
        """Whatever an SMS is, it is counted as that, and whoever has to act on it does so at once."""
        for received, text, poked, kind, levels in WHOLE:
            self.begin()
            self.inbox.received = received
            self.take(replace(SMS, text=text))
            stored, *others = self.calls
            self.assertEqual((stored[0], others), ("receive_sms", poked), received)
            self.assertEqual((self.counted, self.levels), ({("replies_received", kind): 1}, levels), received)

    def test_stored(self) -> None:
        """It is stored under its handset and our number, with what it asks of the service."""
        self.take(SMS)
        self.assertEqual(self.calls[0], ("receive_sms", "id-1", HANDSET, OURS, Asked()))
        self.begin()
        self.take(replace(SMS, text="Stop"))
        self.assertEqual(self.calls[0], ("receive_sms", "id-1", HANDSET, OURS, Asked("stop", CONFIRM_STOP)))

    def test_turned_away(self) -> None:
        """That others were turned away before it is stored with it."""
        intake = self.intake()
        intake.turned_away()
        self.result(intake.inbound_sms(SMS))
        self.assertEqual(self.calls[0][-1], Asked(turned_away=True))

    def test_lines(self) -> None:
        """What was asked is in the log, or that the SMS came before."""
        for received, text, ending in (
            (Received.STOP, "Stop", ": STOP"),
            (Received.KNOWN, "On my way", ": repeated delivery"),
        ):
            self.begin()
            self.inbox.received = received
            self.take(replace(SMS, text=text))
            self.assertTrue(self.lines[0].endswith(ending), self.lines)
            self.assertNotIn(HANDSET, self.lines[0])

    def test_our_spelling(self) -> None:
        """A number of ours that the provider spells in another way is known by our spelling."""
        mexican = "5215512345678"
        for to in (mexican, "525512345678"):
            self.begin()
            self.result(self.intake(numbers=(mexican,)).inbound_sms(replace(SMS, to=to)))
            self.assertEqual(self.calls[0][3], mexican)

    def test_store_away(self) -> None:
        """An SMS that cannot be stored is not counted: the provider repeats it."""
        self.inbox.fail("receive_sms", StoreUnavailable("Redis is away"))
        with self.assertRaises(StoreUnavailable):
            self.take(SMS)
        self.assertEqual(self.counted, {})


class PartTests(IntakeCase):
    def test_table(self) -> None:
        """A part is counted, and whoever has to act on it does so: at once, or when it was waited for long enough."""
        for taken, poked, counted in PARTS:
            self.begin()
            self.inbox.taken = taken
            self.take(replace(SMS, part=PART))
            stored = ("receive_sms_part", "id-1", PART, HANDSET, OURS, WAIT, LONGEST)
            self.assertEqual(self.calls, [stored, *poked], taken)
            self.assertEqual(self.counted, counted, taken)

    def test_blank(self) -> None:
        """A part may be blank."""
        self.take(replace(SMS, part=PART, text=" "))
        self.assertEqual(self.calls[0][0], "receive_sms_part")

    def test_long_timeout(self) -> None:
        """All parts together are waited for at least as long as one."""
        self.result(self.intake(2 * LONGEST).inbound_sms(replace(SMS, part=PART)))
        self.assertEqual(self.calls[0][-2:], (2 * LONGEST, 2 * LONGEST))


class DismissedTests(IntakeCase):
    def test_table(self) -> None:
        """What is nothing to post is recorded with the reason and counted, once."""
        for sms, reason in DISMISSED:
            self.begin()
            self.take(sms)
            self.assertEqual(self.calls, [("dismiss", "id-1", reason)])
            self.assertEqual(self.counted, {("replies_received", "ignored"): 1, ("replies_closed", reason): 1}, sms)
            self.begin()
            self.inbox.new = False
            self.take(sms)
            self.assertEqual(self.counted, {("replies_received", "repeated"): 1}, sms)

    def test_no_number(self) -> None:
        """One whose sender or receiver is no number goes into quarantine as it came, since nobody could be answered."""
        for sms in (replace(SMS, msisdn="Vonage"), replace(SMS, to="Vonage")):
            self.begin()
            self.take(sms)
            [(name, entry)] = self.calls
            kept = json.loads(entry)
            self.assertEqual((name, kept["source"], kept["ids"]), ("quarantine", "sms", ["id-1"]))
            self.assertRegex(kept["reason"], "^sender or receiver: .")
            values = {"messageId": "id-1", "msisdn": sms.msisdn, "to": sms.to, "text": "On my way"}
            self.assertEqual(json.loads(kept["body"]), values)
            counted = {("replies_received", "ignored"): 1, ("replies_closed", "not_a_number"): 1}
            self.assertEqual(self.counted, counted)


class ReceiptTests(IntakeCase):
    def test_handed_on(self) -> None:
        """A receipt goes to those who take receipts."""
        self.result(self.intake().receipt(READ_RECEIPT))
        self.assertEqual(self.calls, [("record_receipt", READ_RECEIPT)])
