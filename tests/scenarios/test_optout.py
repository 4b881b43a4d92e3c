"""STOP, START and HELP by SMS, and replies that belong nowhere."""

from __future__ import annotations

from nexmo_twisted.domain.optout import CONFIRM_START, CONFIRM_STOP, HELP_TEXT, START_AGAIN
from nexmo_twisted.sandbox.http.messages import WebhookCall
from tests.inspector import K
from tests.scenarios.world import ANN, BOB, CLEO, DELAY, LUNCH, ONE, TALK, TWO, World

LOST = "This thread has ended. Please answer in the app."


class StopTests(World):
    async def stopped(self) -> None:
        """Bob got a text, and wants no more."""
        await self.text_unread()
        await self.reply(BOB, ONE, " Stop! ")

    async def test_stop(self) -> None:
        """Confirmed once from the number it came to, not posted, and nothing is sent there any more."""
        await self.stopped()
        self.assertEqual(self.texts()[1:], [CONFIRM_STOP])
        self.assertEqual(self.numbers()[1], ONE)
        self.assertEqual([user for user, _ in self.posted()], ["ann"])
        await self.text_unread("Are you there?")
        self.assertEqual(len(self.texts()), 2)
        self.assertEqual(self.counted("notifications_skipped", "opted_out"), 1)
        self.assertEqual(self.counted("replies_received", "stop"), 1)

    async def test_whole_pool(self) -> None:
        """It counts for every conversation and number, and for this phone only."""
        await self.stopped()
        await self.text_unread("Lunch?", conversation=LUNCH)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (2, 1))

    async def test_again(self) -> None:
        """Said twice it is not confirmed twice, nor is a repeated webhook."""
        await self.stopped()
        for word in ("STOP", "unsubscribe", "Please stop."):
            await self.reply(BOB, ONE, word)
        self.assertEqual(len(self.texts()), 2)
        self.assertEqual(len(self.posted()), 1)

    async def test_behind_a_reply_that_cannot_be_posted(self) -> None:
        """It counts from the moment it came, whatever was written before it and waits for Layer."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=503, times=0)
        await self.reply(BOB, ONE, "See you")
        await self.reply(BOB, ONE, "STOP")
        await self.text_unread("One more")
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?", CONFIRM_STOP])
        self.sandbox.faults.clear()
        for _ in range(30):
            await self.pass_time(60)
        self.assertEqual(self.posted()[-1], ("bob", "See you"))

    async def test_lasts(self) -> None:
        """After a restart, and after weeks, it still holds."""
        await self.stopped()
        await self.stop(self.service)
        self.clock.advance(90 * 86_400)
        self.service = await self.start()
        await self.text_unread("Hello?")
        self.assertEqual(len(self.texts()), 2)

    async def test_start(self) -> None:
        """START lifts it and says so; the next message is texted again, with all numbers as before."""
        await self.stopped()
        await self.pass_time(60)
        await self.reply(BOB, ONE, "start")
        self.assertEqual(self.texts()[2:], [CONFIRM_START])
        await self.text_unread("Back?")
        self.assertEqual(self.texts()[3:], ["Ann: Back?"])
        self.assertEqual(len(self.posted()), 2)
        self.assertEqual(self.counted("replies_received", "start"), 1)

    async def test_start_too_soon(self) -> None:
        """Within a minute after STOP it may be the older of the two: the block stays, and he is asked, once, to send
        START again; that lifts it."""
        await self.stopped()
        await self.pass_time(59)
        for _ in range(2):
            await self.reply(BOB, ONE, "START")
        self.assertEqual(self.texts()[2:], [START_AGAIN])
        await self.text_unread("Still?")
        self.assertEqual(len(self.texts()), 3)
        await self.reply(BOB, ONE, "START")
        self.assertEqual(self.texts()[3:], [CONFIRM_START])

    async def test_order_of_arrival(self) -> None:
        """An older START that is handled late lifts no newer STOP: words count when they are stored."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=503, times=0)
        for word in ("See you", "START", "STOP"):
            await self.reply(BOB, ONE, word)
        self.sandbox.faults.clear()
        await self.pass_time(900)
        await self.text_unread("Hello?")
        self.assertEqual(self.texts()[1:], [CONFIRM_STOP])

    async def test_start_that_comes_again(self) -> None:
        """When SMS were turned away since the STOP, a START may be one of them: he is asked to send it again."""
        await self.stopped()
        self.service.pipeline.turned_away.mark()
        await self.settle()
        await self.pass_time(120)
        await self.reply(BOB, ONE, "START")
        self.assertEqual(self.texts()[2:], [START_AGAIN])
        await self.pass_time(60)
        await self.reply(BOB, ONE, "START")
        self.assertEqual(self.texts()[3:], [CONFIRM_START])

    async def test_turned_away_elsewhere(self) -> None:
        """That is so whichever process turned them away."""
        other = await self.start()
        await self.stopped()
        other.pipeline.turned_away.mark()
        await self.pass_time(120)
        await self.reply(BOB, ONE, "START")
        self.assertEqual(self.texts()[2:], [START_AGAIN])

    async def test_repeated_webhooks(self) -> None:
        """A webhook that comes again changes nothing: neither a STOP after the START, nor the other way round."""
        calls: list[WebhookCall] = []
        deliver = self.nexmo.deliver

        def noted(call: WebhookCall) -> None:
            calls.append(call)
            deliver(call)

        self.nexmo.deliver = noted
        await self.stopped()
        await self.pass_time(60)
        await self.reply(BOB, ONE, "START")
        replies = [call for call in calls if call.method and "receipt" not in call.channel]
        self.assertEqual(len(replies), 2)
        for call in replies:
            deliver(call)
            await self.settle()
        await self.text_unread("Back?")
        self.assertEqual(self.texts()[-1], "Ann: Back?")
        self.assertEqual(self.counted("replies_received", "repeated"), 2)

    async def test_start_of_nothing(self) -> None:
        """START from a phone that is not blocked is a message like any other."""
        await self.text_unread()
        await self.reply(BOB, ONE, "Start")
        self.assertEqual((self.posted()[-1], len(self.texts())), (("bob", "Start"), 1))

    async def test_a_message(self) -> None:
        """Words in a sentence are a message, however often they come."""
        await self.text_unread()
        for text in ("stop by at 5", "Stop it", "I will quit", "stop by at 5"):
            await self.reply(BOB, ONE, text)
        self.assertEqual(
            [text for user, text in self.posted() if user == "bob"],
            ["stop by at 5", "Stop it", "I will quit", "stop by at 5"],
        )

    async def test_a_text_on_its_way(self) -> None:
        """A text that waits to be tried again when STOP comes is not sent."""
        self.fault(path="/sms/json", nexmo_status="10")
        await self.text_unread()
        await self.reply(BOB, ONE, "STOP")
        await self.pass_time(3600)
        self.assertEqual(self.texts(), [CONFIRM_STOP])

    async def test_chat_goes_on(self) -> None:
        """Who is blocked can still write: his replies are posted."""
        await self.stopped()
        await self.reply(BOB, ONE, "By the way, see you at eight")
        self.assertEqual(self.posted()[-1], ("bob", "By the way, see you at eight"))

    async def test_uncertain(self) -> None:
        """A confirmation of which nobody knows whether it went out is not sent again."""
        self.fault(path="/sms/json", text="START", drop=True)
        await self.stopped()
        await self.pass_time(1200)
        self.assertEqual((len(self.texts()), len(await self.inspector.uncertain())), (1, 0))

    async def test_tried_again(self) -> None:
        """One that certainly did not go out is."""
        self.fault(path="/sms/json", text="START", status=429)
        await self.stopped()
        await self.pass_time(60)
        self.assertEqual(self.texts()[1:], [CONFIRM_STOP])


class FurtherKeywordTests(World):
    settings = {"sms": {"opt_out_words": ["Halt", "Schluss jetzt"]}}

    async def test_further_words(self) -> None:
        """Words of other languages, whatever their case and punctuation, besides the built-in ones."""
        for phone, word in ((BOB, "halt."), (CLEO, "SCHLUSS  JETZT!"), (ANN, "stopall")):
            await self.reply(phone, ONE, word)
            self.assertEqual(self.texts(phone), [CONFIRM_STOP])


class HelpTests(World):
    async def test_help(self) -> None:
        """Answered, and posted."""
        await self.text_unread()
        await self.reply(BOB, ONE, "HELP")
        self.assertEqual((self.posted()[-1], self.texts()[1:]), (("bob", "HELP"), [HELP_TEXT]))

    async def test_two_machines(self) -> None:
        """A machine that answers everything with HELP gets one answer a day, and all it says is posted."""
        await self.text_unread()
        for _ in range(15):
            await self.reply(BOB, ONE, "HELP")
        self.assertEqual((len(self.texts()), len(self.posted())), (2, 16))
        await self.pass_time(86_401)
        await self.reply(BOB, ONE, "HELP")
        self.assertEqual(len(self.texts()), 3)

    async def test_strangers(self) -> None:
        """Handsets that we have never texted get a hundred answers in all within a day, since their senders may be
        forged; one that we have texted is answered nevertheless."""
        await self.text_unread()
        strangers = [f"1201555{2000 + n}" for n in range(103)]
        for stranger in strangers:
            await self.reply(stranger, ONE, "HELP")
        self.assertEqual([n for n, each in enumerate(strangers) if self.texts(each)], list(range(100)))
        await self.reply(BOB, ONE, "HELP")
        self.assertEqual(self.texts()[1:], [HELP_TEXT])


class ProviderOptOutTests(World):
    settings = {"sms": {"opt_out": "provider"}}

    async def test_left_to_the_provider(self) -> None:
        """The provider answers STOP itself and blocks; here it is a message."""
        await self.text_unread()
        await self.reply(BOB, ONE, "STOP")
        self.assertEqual((self.posted()[-1], len(self.texts())), (("bob", "STOP"), 1))

    async def test_lifted_by_the_provider(self) -> None:
        """A block of ours (after a receipt with code 9) ends with START; the provider is the one who says so."""
        await self.redis("SET", f"{K.opted_out}{BOB}", "receipt 1767225600000")
        await self.text_unread()
        await self.reply(BOB, ONE, "START")
        await self.text_unread("Back?")
        self.assertEqual((self.texts(), len(self.posted())), (["Ann: Back?"], 2))


class LostReplyNoticeTests(World):
    async def test_told(self) -> None:
        """A reply to a number that carries nothing on this handset, which we have texted from another."""
        await self.text_unread()
        await self.reply(BOB, TWO, "Who is this?")
        self.assertEqual((self.texts()[1:], self.numbers()[1:]), ([LOST], [TWO]))
        self.assertEqual(len(self.posted()), 1)

    async def test_once_a_day(self) -> None:
        """However often it writes: once a day."""
        await self.text_unread()
        for _ in range(5):
            await self.reply(BOB, TWO, "Who is this?")
            await self.pass_time(3600)
        self.assertEqual(self.texts()[1:], [LOST])
        await self.pass_time(86_400)
        await self.reply(BOB, TWO, "Still there?")
        self.assertEqual(self.texts()[1:], [LOST, LOST])

    async def test_strangers(self) -> None:
        """Whom we have never texted, and who wants no texts, hears nothing."""
        await self.reply(BOB, ONE, "Hello?")
        self.assertEqual(self.texts(), [])
        await self.text_unread()
        await self.reply(BOB, ONE, "STOP")
        await self.reply(BOB, TWO, "Hello?")
        self.assertEqual(self.texts()[1:], [CONFIRM_STOP])


class NoNoticeTests(World):
    settings = {"sms": {"no_thread_text": "", "opt_out": "off"}}

    async def test_nothing(self) -> None:
        """Neither answers nor words of command, when they are not wanted."""
        await self.text_unread()
        await self.reply(BOB, TWO, "Who is this?")
        await self.reply(BOB, ONE, "STOP")
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(), self.posted(TALK)[-1]), (["Ann: Lunch at noon?"], ("bob", "STOP")))
