"""Delivery receipts: what each is counted as, which failures are logged, and what an acceptance sets going."""

from __future__ import annotations

from dataclasses import replace

from nexmo_twisted.domain.delivery import CodeMeaning, DeliveryState, DeliveryStatus
from nexmo_twisted.domain.results import Delivery, ItemState, Relink
from nexmo_twisted.engine.delivery_receipts import DeliveryNews, ReceiptIntake
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import KEEP, LIFETIME, NOW, StageCase, link_state
from tests.engine.fake_store import FakeLinks, FakeReceipts
from tests.factories import HANDSET, NUMBERS, READ_RECEIPT

DELIVERED, EXPIRED, FAILED = (
    DeliveryState(status) for status in (DeliveryStatus.DELIVERED, DeliveryStatus.EXPIRED, DeliveryStatus.FAILED)
)
RECEIPT = ("delivery_receipts", "delivered")
ACCEPTED, RECONCILED = ("sms_accepted",), ("sms_reconciled", "receipt")

#: What a receipt comes to, and what is counted for it.
COUNTED = [
    (Delivery(message_id="", ended=None, before=None, said=None), {("delivery_receipts", "unmatched"): 1}),
    (Delivery(message_id="m-1", ended=None, before=None, said=DELIVERED), {RECEIPT: 1}),
    (Delivery(message_id="m-1", ended=ItemState.SENDING, before=None, said=DELIVERED), {RECEIPT: 1, ACCEPTED: 1}),
    (
        Delivery(message_id="m-1", ended=ItemState.UNCERTAIN, before=None, said=DELIVERED),
        {RECEIPT: 1, ACCEPTED: 1, RECONCILED: 1},
    ),
    (
        Delivery(message_id="m-1", ended=ItemState.READY, before=None, said=DELIVERED),
        {RECEIPT: 1, ACCEPTED: 1, RECONCILED: 1},
    ),
    (
        Delivery(message_id="m-1", ended=ItemState.DEAD, before=None, said=DELIVERED),
        {RECEIPT: 1, ACCEPTED: 1, RECONCILED: 1},
    ),
]

#: What the receipts of an SMS said before and say now, and whether that is logged.
LOGGED = [
    (None, None, []),
    (None, DELIVERED, []),
    (None, FAILED, ["warn"]),
    (None, EXPIRED, ["warn"]),
    (DELIVERED, FAILED, ["warn"]),
    (FAILED, FAILED, []),
    (EXPIRED, FAILED, []),
    (None, replace(FAILED, code=7), ["error"]),
    (None, replace(FAILED, code=8), ["info"]),
]
MEANINGS = {7: CodeMeaning("barred", "call them", "error"), 8: CodeMeaning("", "", "info")}


class ReceiptCase(StageCase):
    def begin(self) -> None:
        super().begin()
        self.receipts = FakeReceipts(self.calls)
        self.links = FakeLinks(self.calls, link_state(**{NUMBERS[0]: f'["bob","c-1",{NOW + 1000},{NOW}]'}))
        self.news = DeliveryNews(self.metrics, lambda code: MEANINGS.get(code, CodeMeaning("", "")))

    def take(self, delivery: Delivery, *, block: bool = True) -> None:
        self.receipts.delivery = delivery
        intake = ReceiptIntake(
            receipts=self.receipts,
            link_updates=LinkUpdates(self.links, LIFETIME, KEEP),
            poke_waiting=lambda: self.calls.append(("poke_waiting",)),
            metrics=self.metrics,
            news=self.news,
            block=block,
        )
        self.result(intake.take(READ_RECEIPT))


class ReceiptIntakeTests(ReceiptCase):
    def test_counted(self) -> None:
        """A receipt is counted by its status; one that proves an SMS is counted with what it has ended."""
        for delivery, counted in COUNTED:
            self.begin()
            self.take(delivery)
            self.assertEqual(self.counted, counted, delivery)
            self.assertEqual(self.calls, [("record_receipt", READ_RECEIPT, "block")], delivery)

    def test_block(self) -> None:
        """Whether somebody who has opted out is blocked is a setting."""
        self.take(Delivery(message_id="m-1", ended=None, before=None, said=DELIVERED), block=False)
        self.assertEqual(self.calls, [("record_receipt", READ_RECEIPT)])

    def test_link(self) -> None:
        """Once a receipt proves an attempt, what waited for it goes on and the user's map follows; that the store is
        away then does no harm."""
        for errors in ([], [StoreUnavailable("Redis is away")]):
            self.begin()
            self.links.fail("write_map", *errors)
            self.take(
                Delivery(
                    message_id="m-1",
                    ended=ItemState.SENDING,
                    before=None,
                    said=DELIVERED,
                    relink=Relink("bob", HANDSET, NUMBERS[0]),
                )
            )
            names = [call[0] for call in self.calls]
            self.assertEqual(names, ["record_receipt", "poke_waiting", "read_links", "write_map"])

    def test_store_away(self) -> None:
        """A receipt that cannot be stored is not counted: the provider repeats it."""
        self.receipts.fail("record_receipt", StoreUnavailable("Redis is away"))
        with self.assertRaises(StoreUnavailable):
            self.take(Delivery(message_id="m-1", ended=None, before=None, said=DELIVERED))
        self.assertEqual(self.counted, {})


class DeliveryNewsTests(ReceiptCase):
    def test_logged(self) -> None:
        """A failed delivery is logged once for an SMS, as loudly as its code deserves."""
        for before, said, levels in LOGGED:
            self.begin()
            self.take(Delivery(message_id="m-1", ended=None, before=before, said=said))
            self.assertEqual(self.levels, levels, (before, said))

    def test_line(self) -> None:
        """The line says which message, whom it did not reach, why, and what to do; a sender that is no number is not
        shown as one."""
        self.take(Delivery(message_id="m-1", ended=None, before=None, said=replace(FAILED, code=7)))
        [line] = self.lines
        self.assertRegex(line, r"^Message m-1: not delivered to .*824: failed, code 7 \(barred\); call them$")
        self.assertNotIn(READ_RECEIPT.handset, line)

    def test_earlier_receipts(self) -> None:
        """Receipts that came before the acceptance are counted and logged with it, if there were any."""
        self.news.report_earlier(Delivery(message_id="m-1", ended=None, before=None, said=None), HANDSET)
        self.assertEqual((self.counted, self.levels), ({}, []))
        self.news.report_earlier(Delivery(message_id="m-1", ended=None, before=None, said=EXPIRED), HANDSET)
        self.assertEqual((self.counted, self.levels), ({("delivery_receipts", "expired"): 1}, ["warn"]))
