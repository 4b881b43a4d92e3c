"""An SMS of unknown outcome: its receipt settles it, at whichever process; without one the customer's policy does."""

from __future__ import annotations

from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from tests.scenarios.world import BOB, DELAY, NO_RECEIPTS, World

SETTLE = 600.0
#: Nexmo has accepted the SMS, and then the connection breaks.
CUT = {"path": "/sms/json", "drop": True, "done": True}
#: The connection breaks before Nexmo has accepted it, which looks the same from here.
LOST = {"path": "/sms/json", "drop": True}


class UncertainCase(World):
    async def uncertain(self) -> int:
        """How many are uncertain."""
        number: int = len(await self.inspector.uncertain())
        return number

    async def dead_letters(self) -> list[str]:
        """The reasons of the dead letters."""
        ids = await self.inspector.dead()
        return [await self.inspector.reason(each) for each in ids]


class ReconcileByReceiptTests(UncertainCase):
    async def test_settles(self) -> None:
        """The answer is lost, the receipt comes: the SMS is known to be sent, and never sent again."""
        self.fault(**CUT)
        await self.text_unread()
        await self.pass_time(SETTLE * 2)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertEqual((await self.uncertain(), await self.dead_letters()), (0, []))
        self.assertEqual(self.counted("sms_accepted"), 1)

    async def test_of_any_kind(self) -> None:
        """A receipt that says "failed" is a receipt: Nexmo had accepted the SMS."""
        self.nexmo.receipts = ReceiptPlan(statuses=("failed",), err_code="6")
        self.fault(**CUT)
        await self.text_unread()
        await self.pass_time(SETTLE * 2)
        self.assertEqual(len(self.nexmo.sent), 1)

    async def test_early(self) -> None:
        """A receipt that overtakes the answer of its own send request: one SMS, counted once."""
        self.nexmo.receipts = ReceiptPlan(early=True, times=3)
        await self.text_unread()
        self.assertEqual((len(self.texts()), self.counted("sms_accepted"), self.counted("sms_uncertain")), (1, 1, 0))

    async def test_late(self) -> None:
        """A receipt that comes while the SMS waits for its settling."""
        self.nexmo.receipts = ReceiptPlan(delay=SETTLE - 60)
        self.fault(**CUT)
        await self.text_unread()
        self.assertEqual(await self.uncertain(), 1)
        await self.pass_time(SETTLE - 60)
        self.assertEqual((await self.uncertain(), self.counted("sms_reconciled", "receipt")), (0, 1))
        await self.pass_time(SETTLE)
        self.assertEqual((len(self.texts()), self.counted("sms_accepted")), (1, 1))

    async def test_at_another_process(self) -> None:
        """The process that sent it is gone; its receipt arrives at another one, which settles it."""
        self.nexmo.receipts = ReceiptPlan(delay=60)
        self.fault(**CUT)
        await self.text_unread()
        await self.stop(self.service)
        self.service = await self.start()
        await self.pass_time(60)
        self.assertEqual((await self.uncertain(), self.counted("sms_reconciled", "receipt")), (0, 1))

    async def test_after_it_was_a_dead_letter(self) -> None:
        """Even a dead letter that was uncertain is known to be sent when its receipt comes after all."""
        self.nexmo.receipts = ReceiptPlan(delay=3 * SETTLE)
        self.fault(**CUT)
        self.fault(**LOST)
        await self.text_unread()
        await self.pass_time(SETTLE)
        await self.pass_time(SETTLE)
        self.assertEqual(await self.dead_letters(), ["uncertain: connection lost"])
        await self.pass_time(2 * SETTLE)
        self.assertEqual((await self.dead_letters(), len(self.texts())), ([], 1))


class ResendTests(UncertainCase):
    async def test_lost(self) -> None:
        """No receipt: sent again after the settle time, not before."""
        self.fault(**LOST)
        await self.text_unread()
        await self.pass_time(SETTLE - 1)
        self.assertEqual(self.texts(), [])
        await self.pass_time(1)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertEqual(self.counted("sms_reconciled", "resent"), 1)

    async def test_once(self) -> None:
        """Only once: an SMS that is uncertain twice becomes a dead letter, with its reason."""
        self.fault(**LOST, times=2)
        await self.text_unread()
        await self.pass_time(SETTLE)
        await self.pass_time(SETTLE)
        self.assertEqual(await self.dead_letters(), ["uncertain: connection lost"])
        await self.pass_time(86_400)
        self.assertEqual(self.texts(), [])
        self.assertEqual(
            (self.counted("sms_reconciled", "parked"), self.counted("dead_letters", "out", "uncertain")), (1, 1)
        )

    async def test_read_meanwhile(self) -> None:
        """Not to somebody who has read the message by then."""
        self.fault(**LOST)
        message_id = await self.text_unread()
        self.layer.mark_read(message_id, "bob")
        await self.pass_time(SETTLE)
        self.assertEqual((self.texts(), await self.uncertain()), ([], 0))
        self.assertEqual(self.counted("sms_reconciled", "unneeded"), 1)

    async def test_twice_without_receipts(self) -> None:
        """Without receipts an SMS whose answer was lost goes out a second time: that is the price, and it is one."""
        self.nexmo.receipts = NO_RECEIPTS
        self.fault(**CUT)
        await self.text_unread()
        await self.pass_time(SETTLE)
        await self.pass_time(86_400)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"] * 2)

    async def test_behind_it(self) -> None:
        """The next message to the same person does not wait for it."""
        self.fault(**LOST)
        await self.send("first")
        await self.pass_time(1)
        await self.send("second")
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: second"])
        await self.pass_time(SETTLE)
        self.assertEqual(self.texts(), ["Ann: second", "Ann: first"])

    async def test_nothing_left(self) -> None:
        """Once settled it leaves nothing behind that does not end."""
        self.fault(**LOST)
        await self.text_unread()
        await self.pass_time(SETTLE)
        self.assertEqual(await self.inspector.keys("out_item"), [])
        (message,) = await self.inspector.keys("message")
        self.assertGreater(await self.redis("PTTL", message), 0)


class UncertainDuringOutageTests(UncertainCase):
    async def test_nothing_is_wasted(self) -> None:
        """While Nexmo answers 503 to everything for longer than the settle time, only now and then one is sent again:
        the others still have their second attempt when Nexmo is back."""
        self.nexmo.receipts = NO_RECEIPTS
        for number in range(12):
            self.layer.add_user(f"u{number}", display_name="U", phone_number=f"+120155502{number:02}")
            await self.send(conversation=self.layer.start_conversation(["ann", f"u{number}"]))
        self.fault(path="/sms/json", status=503, times=0)
        await self.pass_time(DELAY)
        for _ in range(35 * 4):
            await self.pass_time(15)
        self.sandbox.faults.clear()
        for _ in range(60):
            await self.pass_time(60)
        dead = len(await self.dead_letters())
        self.assertLessEqual(dead, 3)
        self.assertEqual((len(self.nexmo.sent), await self.uncertain()), (12 - dead, 0))


class ParkTests(UncertainCase):
    settings = {"sms": {"when_uncertain": "park", "receipt_timeout": "2 minutes"}}

    async def test_hold(self) -> None:
        """Parked: a dead letter after the settle time, and nothing is sent again."""
        self.fault(**LOST)
        await self.text_unread()
        await self.pass_time(119)
        self.assertEqual((await self.uncertain(), await self.dead_letters()), (1, []))
        await self.pass_time(1)
        self.assertEqual((await self.uncertain(), await self.dead_letters()), (0, ["uncertain: connection lost"]))
        await self.pass_time(86_400)
        self.assertEqual(self.texts(BOB), [])


class DropTests(UncertainCase):
    settings = {"sms": {"when_uncertain": "drop"}}

    async def test_drop(self) -> None:
        """Dropped: over after the settle time, counted, and nothing is left of it."""
        self.fault(**LOST)
        await self.text_unread()
        await self.pass_time(SETTLE)
        self.assertEqual((await self.uncertain(), await self.dead_letters()), (0, []))
        self.assertEqual(self.counted("sms_reconciled", "dropped"), 1)
        await self.pass_time(86_400)
        self.assertEqual(self.texts(BOB), [])
