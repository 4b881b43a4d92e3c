"""What became of an SMS on its way to the handset: whatever comes of receipts, and however it comes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from twisted.logger import LogEvent, LogLevel, eventAsText

from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.domain.model import Status
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.store.admin import QueueAdmin
from tests.factories import RECEIPT
from tests.inspector import K
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller
from tests.scenarios.world import BOB, CLEO, LUNCH, NO_RECEIPTS, ONE, World
from tests.support import observe_log

LONG = "Where do we meet, and when? " * 12


class ReceiptsCase(World):
    async def asyncSetUp(self) -> None:
        self.failures: list[tuple[LogLevel, str]] = []
        observe_log(self, self._note)
        await super().asyncSetUp()

    def _note(self, event: LogEvent) -> None:
        if event["log_namespace"] == "nexmo_twisted.engine.delivery_receipts":
            self.failures.append((event["log_level"], eventAsText(event, includeTimestamp=False, includeSystem=False)))

    async def why(self, message_id: str) -> str:
        """What an operator is told of a message."""
        lines: list[str] = []
        operator = QueueAdmin(self.connection, self.now)
        await explain(operator, message_id, Policy((Status.SENT,), 600_000, "resend"), describe, lines.append)
        return "\n".join(lines)

    async def receipt(self, **params: str) -> int:
        """A receipt as somebody else might post it; underscores stand for hyphens."""
        fields = {**RECEIPT, **{name.replace("_", "-"): value for name, value in params.items()}}
        given = {name: value for name, value in fields.items() if value}
        caller = Caller(f"http://127.0.0.1:{self.port}")
        heard = await caller.ask("POST", f"{NEXMO_DOOR}/receipt", urlencode(given).encode(), content_type=FORM)
        await self.settle()
        return heard.code

    def counted_receipts(self) -> dict[str, float]:
        words = ("delivered", "failed", "rejected", "expired", "buffered", "accepted", "unknown", "unmatched")
        return {word: count for word in words if (count := self.counted("delivery_receipts", word))}


class DeliveryReceiptTests(ReceiptsCase):
    async def test_delivered(self) -> None:
        """That it was delivered is kept, and told to whoever asks why."""
        message_id = await self.text_unread()
        self.assertIn("delivery receipt: delivered", await self.why(message_id))
        self.assertEqual((self.counted_receipts(), self.failures), ({"delivered": 1}, []))

    async def test_three_forms(self) -> None:
        """By GET, as a form and as JSON."""
        for form in ("GET", "POST", "JSON"):
            self.nexmo.inbound_form = form
            self.assertIn("delivery receipt: delivered", await self.why(await self.text_unread()))
        self.assertEqual(self.counted_receipts(), {"delivered": 3})

    async def test_failed(self) -> None:
        """Why it failed is kept with its code, and logged once, with what is to be done; no phone is shown whole."""
        self.nexmo.receipts = ReceiptPlan(statuses=("failed", "buffered"), err_code="6", times=3)
        message_id = await self.text_unread(LONG)
        story = await self.why(message_id)
        self.assertIn("delivery receipt: failed, code 6 (anti-spam rejection)", story)
        self.assertIn("what to do: ask Vonage's support", story)
        ((level, line),) = self.failures
        self.assertEqual(level, LogLevel.error)
        self.assertIn("not delivered to …0112: failed, code 6 (anti-spam rejection); ask Vonage", line)
        self.assertIn(message_id.rpartition("/")[2], line)
        self.assertNotIn(BOB[1:], line)
        self.assertEqual((len(self.texts()), self.counted("sms_accepted")), (1, 1))

    async def test_levels(self) -> None:
        """How loudly depends on what is to be done: nothing, something about this phone, ask Vonage."""
        levels = {
            "2": LogLevel.info,
            "12": LogLevel.warn,
            "9": LogLevel.warn,
            "51": LogLevel.warn,
            "99": LogLevel.error,
        }
        for code, level in levels.items():
            self.failures.clear()
            self.nexmo.receipts = ReceiptPlan(statuses=("rejected",), err_code=code)
            await self.text_unread(conversation=self.layer.start_conversation(["ann", self.somebody(code)]))
            self.assertEqual([each[0] for each in self.failures], [level], code)

    def somebody(self, code: str) -> str:
        user = f"user {code}"
        self.layer.add_user(user, phone_number=f"+120155502{int(code):02}")
        return user

    async def test_any_word(self) -> None:
        """Words that no documentation has are taken as no verdict, in any case."""
        self.nexmo.receipts = ReceiptPlan(statuses=("DELIVERED", "Pondering"))
        self.assertIn("delivery receipt: delivered", await self.why(await self.text_unread()))
        self.assertEqual(self.counted_receipts(), {"delivered": 1, "unknown": 1})

    async def test_out_of_order(self) -> None:
        """A final state never goes back, in whatever order they come."""
        for statuses in (("buffered", "delivered"), ("delivered", "buffered", "accepted", "unknown")):
            self.nexmo.receipts = ReceiptPlan(statuses=statuses, times=2)
            self.assertIn("delivery receipt: delivered", await self.why(await self.text_unread()))

    async def test_parts(self) -> None:
        """Of a long text each part has a receipt; one that failed outweighs the others, wherever it comes."""
        self.nexmo.receipts = NO_RECEIPTS
        for failed in range(3):
            message_id = await self.text_unread(LONG)
            parts = self.nexmo.sent[-1].message_ids
            self.assertEqual(len(parts), 3)
            self.assertNotIn("delivery receipt", await self.why(message_id))
            for number, part in enumerate(parts):
                status, code = ("expired", "1") if number == failed else ("delivered", "0")
                await self.receipt(messageId=part, client_ref="", status=status, err_code=code, msisdn=BOB, to=ONE)
            self.assertIn("delivery receipt: expired, code 1", await self.why(message_id))
        self.assertEqual(self.counted_receipts(), {"delivered": 6, "expired": 3})
        self.assertEqual(len(self.failures), 3)

    async def test_without_reference(self) -> None:
        """A receipt that does not name the SMS is found by its messageId, repeated or not, also days later."""
        self.nexmo.receipts = ReceiptPlan(
            statuses=("buffered", "failed"), err_code="6", times=2, delay=3 * 86_400.0, client_ref=False
        )
        message_id = await self.text_unread(LONG)
        self.assertNotIn("delivery receipt", await self.why(message_id))
        await self.pass_time(3 * 86_400.0)
        self.assertIn("failed, code 6", await self.why(message_id))
        self.assertEqual(self.counted_receipts(), {"buffered": 6, "failed": 6})
        self.assertEqual(len(self.failures), 1)

    async def test_faster_than_the_answer(self) -> None:
        """One that comes before the answer of the send request is heard once that is there, whether it names the SMS
        or not."""
        for named in (True, False):
            self.nexmo.receipts = ReceiptPlan(statuses=("failed",), err_code="6", early=True, times=2, client_ref=named)
            message_id = await self.text_unread(LONG)
            self.assertIn("delivery receipt: failed, code 6", await self.why(message_id))
        self.assertEqual(self.counted_receipts(), {"failed": 7, "unmatched": 6})
        self.assertEqual((len(self.failures), self.counted("sms_accepted"), len(self.texts())), (2, 2, 2))
        self.assertEqual(await self.redis("EXISTS", K.early_receipts), 0)

    async def test_each_recipient(self) -> None:
        """What became of one recipient's SMS says nothing of another's."""
        self.nexmo.receipts_of[CLEO] = ReceiptPlan(statuses=("rejected",), err_code="7", client_ref=False)
        story = await self.why(await self.text_unread(conversation=LUNCH))
        bob, _, cleo = story.partition("cleo")
        self.assertIn("delivery receipt: delivered", bob)
        self.assertIn("delivery receipt: rejected, code 7 (handset busy)", cleo)

    async def test_documented(self) -> None:
        """The documented receipt, which is none of ours: answered 200, counted, and it leaves nothing that stays."""
        before = set(await self.redis("KEYS", "*"))
        self.assertEqual(await self.receipt(), 200)
        self.assertEqual(await self.receipt(client_ref=""), 200)
        self.assertEqual(self.counted_receipts(), {"unmatched": 2})
        self.assertEqual(set(await self.redis("KEYS", "*")) - before, {K.early_receipts})
        self.assertGreater(await self.redis("PTTL", K.early_receipts), 0)

    async def test_of_ours(self) -> None:
        """The same one, of an SMS of ours."""
        self.nexmo.receipts = NO_RECEIPTS
        message_id = await self.text_unread()
        ref = self.nexmo.sent[0].client_ref
        self.assertEqual(await self.receipt(client_ref=ref, msisdn=BOB, to=ONE), 200)
        self.assertIn("delivery receipt: delivered", await self.why(message_id))

    async def test_at_another_process(self) -> None:
        """Whichever process gets it knows of it."""
        self.nexmo.receipts = ReceiptPlan(delay=60, client_ref=False)
        message_id = await self.text_unread()
        await self.stop(self.service)
        self.service = await self.start()
        await self.pass_time(60)
        self.assertIn("delivery receipt: delivered", await self.why(message_id))


class OptedOutReceiptTests(ReceiptsCase):
    async def blocked(self) -> list[str]:
        keys: list[str] = await self.inspector.keys("opted_out")
        return keys

    async def test_blocks(self) -> None:
        """A receipt that says "opted out" blocks the phone, as STOP does, whether it names the SMS or not."""
        for plan in (
            ReceiptPlan(statuses=("failed",), err_code="9"),
            ReceiptPlan(statuses=("rejected",), err_code="9", client_ref=False),
            ReceiptPlan(statuses=("failed",), err_code="9", client_ref=False, early=True),
        ):
            await self.redis("DEL", f"{K.opted_out}{BOB}")
            self.nexmo.receipts = plan
            message_id = await self.text_unread()
            self.assertEqual(await self.blocked(), [f"{K.opted_out}{BOB}"], plan)
            story = await self.why(message_id)
            self.assertIn("failed, code 9 (the recipient has opted out)", story)
            self.assertIn("texts to this phone should stop", story)

    async def test_forged(self) -> None:
        """One of an SMS that we never sent blocks nobody."""
        self.nexmo.receipts = NO_RECEIPTS
        await self.text_unread()
        for ref in ("", "m-42"):
            await self.receipt(client_ref=ref, status="failed", err_code="9", msisdn=BOB, to=ONE)
        self.assertEqual(await self.blocked(), [])


class OptedOutAtProviderTests(OptedOutReceiptTests):
    """Where the provider honours STOP, that is how we hear of it."""

    settings: dict[str, Any] = {"sms": {"opt_out": "provider"}}


class OptOutDisabledTests(ReceiptsCase):
    settings: dict[str, Any] = {"sms": {"opt_out": "off"}}

    async def test_blocks_nobody(self) -> None:
        """Where nobody shall be blocked nobody is; the receipt is kept like any other."""
        self.nexmo.receipts = ReceiptPlan(statuses=("failed",), err_code="9")
        message_id = await self.text_unread()
        self.assertIn("failed, code 9", await self.why(message_id))
        self.assertEqual(await self.inspector.keys("opted_out"), [])
