"""The answer to an SMS appears in the conversation."""

from __future__ import annotations

from nexmo_twisted.domain.model import InboundSms
from tests.inspector import K
from tests.scenarios.world import BOB, CLEO, ONE, TALK, World


class ReplyTests(World):
    async def test_all_forms(self) -> None:
        """By GET, form POST or JSON POST."""
        await self.text_unread()
        for form in ("GET", "POST", "JSON"):
            self.nexmo.inbound_form = form
            await self.reply(BOB, ONE, f"By {form}: ünïcode & more=1 😀")
        self.assertEqual(
            [text for _, text in self.posted()[1:]],
            [f"By {form}: ünïcode & more=1 😀" for form in ("GET", "POST", "JSON")],
        )

    async def test_once(self) -> None:
        """The same messageId posts once, also three days later."""
        await self.text_unread()
        sms = InboundSms(message_id="0A0000000123ABCD1", msisdn=BOB, to=ONE, text="Yes")
        for wait in (0, 60, 3 * 86_400):
            await self.pass_time(wait)
            await self.service.pipeline.sms_intake.inbound_sms(sms)
            await self.settle()
        self.assertEqual(self.posted()[1:], [("bob", "Yes")])

    async def test_posted_although_the_answer_is_lost(self) -> None:
        """Layer posts it, the answer does not reach us: it is sent again and stands there once."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", drop=True, done=True)
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual(self.counted("replies_closed", "posted"), 0)
        await self.pass_time(10)
        self.assertEqual(self.posted()[1:], [("bob", "Yes")])
        self.assertEqual(self.counted("replies_closed", "posted"), 1)

    async def test_no_thread(self) -> None:
        """A sender or number without a link is recorded with its reason and answered 200."""
        await self.reply(CLEO, ONE, "Who is this?")
        self.assertEqual(self.counted("replies_closed", "no_thread"), 1)
        self.assertEqual(self.sandbox.deliverer.retries, 0)
        (key,) = await self.inspector.keys("in_item")
        self.assertEqual(await self.redis("GET", key), "no_thread")

    async def test_not_a_number(self) -> None:
        """A sender with a name instead of a number cannot be answered: recorded and answered 200."""
        await self.reply("VONAGE", ONE, "Hello from Vonage")
        self.assertEqual(self.counted("replies_closed", "not_a_number"), 1)
        self.assertEqual(self.sandbox.deliverer.retries, 0)
        self.assertEqual(await self.redis("LLEN", K.unsigned), 1)

    async def test_long(self) -> None:
        """A text over 2 KB is split over several parts of one message, never cut, never inside a character."""
        await self.text_unread()
        text = "Ende gut, 👩‍👩‍👧 alles gut. " * 200
        await self.reply(BOB, ONE, text.strip())
        message = self.layer.messages(TALK)[-1]
        self.assertEqual("".join(part["body"] for part in message.parts), text.strip())
        self.assertGreater(len(message.parts), 2)
        for part in message.parts:
            self.assertLessEqual(len(part["body"].encode()), 2048)
            self.assertFalse(part["body"].startswith(("\u200d", "👧")))

    async def test_order(self) -> None:
        """Replies of one phone are posted in order, also when the first one has to wait."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=500)
        for text in ("one", "two", "three"):
            await self.reply(BOB, ONE, text)
        await self.pass_time(10)
        self.assertEqual([text for _, text in self.posted()[1:]], ["one", "two", "three"])

    async def test_layer_down_for_an_hour(self) -> None:
        """Layer calls are simply tried again."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=503, times=8)
        await self.reply(BOB, ONE, "Patience")
        for _ in range(12):
            await self.pass_time(900)
        self.assertEqual(self.posted()[1:], [("bob", "Patience")])

    async def test_conversation_gone(self) -> None:
        """A reply whose conversation is gone becomes a dead letter with its reason."""
        await self.text_unread()
        self.layer.delete_conversation(TALK)
        await self.reply(BOB, ONE, "Anybody there?")
        self.assertEqual(self.counted("dead_letters", "in", "conversation_gone"), 1)
        (rid,) = await self.inspector.dead("in")
        self.assertIn("conversation_gone", await self.inspector.reason(rid, "in"))

    async def test_not_a_participant(self) -> None:
        """So is one of a user who has left; the next one of that phone is not kept waiting."""
        await self.text_unread()
        self.layer.leave(TALK, "bob")
        await self.reply(BOB, ONE, "Let me in")
        self.assertEqual(self.counted("dead_letters", "in", "not_participant"), 1)

    async def test_too_late(self) -> None:
        """A reply that cannot be posted for a day becomes a dead letter, and is not posted into another day's talk."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=503, times=0)
        await self.reply(BOB, ONE, "Now!")
        await self.pass_time(86_400)
        await self.pass_time(900)
        self.assertEqual(self.counted("dead_letters", "in", "too_late"), 1)
