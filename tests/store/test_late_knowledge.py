"""What becomes known later than it happened: replies go by what the handset had, whoever learned of it, and when."""

from __future__ import annotations

import json

from nexmo_twisted.domain.ids import reference
from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import (
    Accepted,
    Asked,
    InboundSms,
    Notification,
    Thread,
)
from nexmo_twisted.domain.results import (
    Resolved,
)
from nexmo_twisted.store.schema import F
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, delivery_report
from tests.inspector import K
from tests.store.cases import LEASE, NUMBER, OLD, SETTLE, ResolvingCase
from tests.support import attempt, attempted, in_words, sent

NEW_HANDSET = "12015550155"
ANN, BOB = Thread("ann", OLD), Thread("bob", CONVERSATION)
ACCOUNTS = attempt(HANDSET, NUMBER)


def entry(user: str, conversation: str) -> str:
    return f'["{user}","{conversation}",1,1]'


class StoredLateTests(ResolvingCase):
    """Nexmo has answered at once, but the process stood still, or Redis was away, until that could be stored."""

    async def test_reply_that_waits(self) -> None:
        """What came meanwhile may answer either."""
        item = await self.trying()
        self.clock.advance(10)
        reply = await self.reply()
        self.clock.advance(10)
        await self.store.record_accepted(item, ACCOUNTS, "sent x y", Accepted(20.0, 0.3))
        self.assertEqual(await self.resolved(reply), Resolved(doubt=True))

    async def test_reply_too_fast(self) -> None:
        """What came within five seconds after the SMS went out does not answer it."""
        item = await self.trying()
        self.clock.advance(4)
        reply = await self.reply()
        self.clock.advance(16)
        await self.store.record_accepted(item, ACCOUNTS, "sent x y", Accepted(20.0, 0.3))
        self.assertEqual(await self.resolved(reply), Resolved(ANN))

    async def test_reply_right_after(self) -> None:
        """So may what comes within the three seconds after that; later it is the new thread."""
        item = await self.trying()
        self.clock.advance(20)
        await self.store.record_accepted(item, ACCOUNTS, "sent x y", Accepted(20.0, 0.3))
        self.clock.advance(1)
        self.assertTrue((await self.reply()).doubt)
        self.clock.advance(3)
        await self.store.receive_sms(
            InboundSms(message_id="in 2", msisdn=HANDSET, to=NUMBER, text="Yes"), HANDSET, NUMBER
        )
        self.assertEqual(await self.redis("HGET", f"{K.in_item}{await self.last()}", F.entry), await self.carried())

    async def test_receipt_first(self) -> None:
        """The receipt was faster than the answer, which changes nothing of when it was known."""
        item = await self.trying()
        self.clock.advance(6)
        reply = await self.reply()
        self.clock.advance(1)
        await self.store.record_receipt(delivery_report(reference(item.id), "0A01", HANDSET, NUMBER, "delivered", "0"))
        self.clock.advance(1)
        await self.store.record_accepted(item, ACCOUNTS, "sent x y", Accepted(8.0, 0.3))
        self.assertEqual(await self.resolved(reply), Resolved(doubt=True))

    async def last(self) -> str:
        rid: str = (await self.redis("ZRANGE", f"{K.in_lane}{HANDSET}:{NUMBER}", -1, -1))[0]
        return rid

    async def carried(self) -> str:
        entry: str = await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBER)
        return entry


class SeveralTextsTests(ResolvingCase):
    """Two texts of the new conversation; nobody knows whether the first one went out."""

    async def first_uncertain(self) -> Notification:
        one = await self.trying()
        self.clock.advance(30)
        await self.store.set_aside(one, "no answer", uncertain=True, on_wire=30.0)
        self.clock.advance(30)
        return one

    async def test_the_second_is_accepted(self) -> None:
        """That tells nothing of the first, which may have been read long before: it is waited for."""
        for before in (True, False):
            await self.redis("FLUSHALL")
            await self.redis("HSET", f"{K.handset}{HANDSET}", NUMBER, entry("ann", OLD), F.version, 1)
            await self.first_uncertain()
            two = await self.trying(2)
            if not before:
                self.clock.advance(1)
            reply = await self.reply()
            self.clock.advance(1)
            await self.store.record_accepted(two, ACCOUNTS, "sent x y", Accepted(0.5 if before else 1.5, 0.3))
            self.assertTrue((await self.resolved(reply)).waits, before)
            self.clock.advance(SETTLE / 1000)
            self.assertEqual(await self.resolved(await self.next_reply()), Resolved(doubt=True))

    async def test_nothing_before(self) -> None:
        """Where the number carried nothing before, the first receipt is enough."""
        await self.redis("DEL", f"{K.handset}{HANDSET}")
        one = await self.first_uncertain()
        await self.trying(2)
        reply = await self.reply()
        await self.store.record_receipt(delivery_report(reference(one.id), "0A01", HANDSET, NUMBER, "delivered", "0"))
        self.assertEqual(await self.resolved(reply), Resolved(BOB))


class UnclaimedReplyTests(ResolvingCase):
    async def test_bounded(self) -> None:
        """The sender died and nobody claims texts, since sending is suspended: a reply waits one receipt_timeout from
        the end of the lease all the same."""
        await self.trying()
        reply = await self.reply()
        self.assertTrue((await self.resolved(reply)).waits)
        self.clock.advance(LEASE / 1000)
        self.assertTrue((await self.resolved(await self.next_reply())).waits)
        self.clock.advance(SETTLE / 1000 - 1)
        self.assertEqual((await self.store.claim_replies(1, LEASE)).items, [])
        self.clock.advance(1)
        self.assertEqual(await self.resolved(await self.next_reply()), Resolved(doubt=True))

    async def test_noticed_late(self) -> None:
        """Nor longer when somebody notices in the meantime."""
        await self.trying()
        reply = await self.reply()
        self.clock.advance((LEASE + SETTLE) / 1000 - 1)
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).lost, 1)
        self.clock.advance(1)
        self.assertEqual(await self.resolved(await self.next_reply()), Resolved(doubt=True))
        del reply

    async def test_before_the_bytes(self) -> None:
        """What came before the bytes of an SMS went out does not wait until it is known what became of that."""
        item = await self.trying()
        self.clock.advance(1)
        reply = await self.reply()
        self.clock.advance(10)
        await self.store.set_aside(item, "no answer", uncertain=True, on_wire=9.0)
        self.assertEqual(await self.resolved(reply), Resolved(ANN))

    async def test_perhaps_never_sent(self) -> None:
        """Of an SMS whose sender died nobody knows whether its bytes ever went out: without a receipt a reply is
        ambiguous, also where the number never carried anything."""
        await self.redis("DEL", f"{K.handset}{HANDSET}")
        await self.trying()
        reply = await self.reply()
        self.clock.advance((LEASE + SETTLE) / 1000)
        self.assertEqual(await self.resolved(reply), Resolved(doubt=True))


class QuickSuccessionTests(ResolvingCase):
    """Several texts from one number within three seconds."""

    async def texted(self, n: int, user: str) -> None:
        await self.owe(n, user)
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item, HANDSET, (NUMBER,)), "OK")
        await self.store.record_accepted(item, ACCOUNTS, "sent x y", sent())

    async def test_the_oldest(self) -> None:
        """Nobody reads and answers any of them so fast: it is the thread before them all; and later each in its turn
        is old enough."""
        await self.texted(1, "bob")
        self.clock.advance(2)
        await self.texted(2, "cleo")
        self.clock.advance(0.5)
        self.assertEqual((await self.reply("in 1")).thread, ANN)
        await self.redis("DEL", f"{K.in_lane}{HANDSET}:{NUMBER}", K.in_queue)
        self.clock.advance(1)
        self.assertEqual((await self.reply("in 2")).thread, BOB)
        await self.redis("DEL", f"{K.in_lane}{HANDSET}:{NUMBER}", K.in_queue)
        self.clock.advance(2)
        self.assertEqual((await self.reply("in 3")).thread, Thread("cleo", CONVERSATION))

    async def test_nothing_before(self) -> None:
        """The first thread there, where the number carried nothing."""
        await self.redis("DEL", f"{K.handset}{HANDSET}")
        await self.texted(1, "bob")
        self.clock.advance(1.1)
        await self.texted(2, "cleo")
        self.assertEqual((await self.reply()).thread, BOB)

    async def test_and_back(self) -> None:
        """A further text of the thread before is no doubt."""
        before = Thread("dan", CONVERSATION)
        await self.redis("HSET", f"{K.handset}{HANDSET}", NUMBER, entry("dan", CONVERSATION))
        await self.texted(1, "bob")
        self.clock.advance(2)
        await self.owe(2, "dan")
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item, HANDSET, (NUMBER,)), "OK")
        reply = await self.reply()
        self.assertEqual((reply.open, reply.thread), (False, before))


class UncertaintyEndsTests(ResolvingCase):
    async def test_with_the_next_sms(self) -> None:
        """Which of two threads came last nobody knew; three seconds after the next SMS from there it is known."""
        other = entry("cleo", OLD)
        await self.redis(
            "HSET", f"{K.handset}{HANDSET}", f"{F.disputed}{NUMBER}", other, NUMBER, entry("bob", CONVERSATION)
        )
        item = await self.trying()
        await self.store.record_accepted(item, ACCOUNTS, "sent x y", sent())
        self.assertTrue((await self.reply("in 1")).doubt)
        await self.redis("DEL", f"{K.in_lane}{HANDSET}:{NUMBER}", K.in_queue)
        self.clock.advance(3.1)
        reply = await self.reply("in 2")
        self.assertEqual((reply.doubt, reply.thread), (False, BOB))


class PhoneChangedTests(ResolvingCase):
    """Bob's phone changes while the SMS to the old one is of unknown outcome."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        await self.redis("DEL", f"{K.handset}{HANDSET}")
        self.one = await self.trying()
        await self.store.set_aside(self.one, "no answer", uncertain=True)

    async def to_the_new_one(self, n: int, number: str = NUMBER) -> Notification:
        """An attempt on the new phone."""
        if n > 1:
            await self.owe(n)
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item, NEW_HANDSET, (number,)), "OK")
        return item

    async def receipt(self, handset: str = HANDSET, status: str = "delivered", code: str = "0") -> None:
        told = delivery_report(reference(self.one.id), "0A01", handset, NUMBER, status, code)
        await self.store.record_receipt(told, block=True)

    async def test_resent_to_the_new_one(self) -> None:
        """A receipt of the first attempt proves that one only: the new phone carries nothing yet."""
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "resend", REPORT)
        two = await self.to_the_new_one(1)
        await self.receipt()
        self.assertIn("bob", await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBER))
        self.assertIsNone(await self.redis("HGET", f"{K.handset}{NEW_HANDSET}", NUMBER))
        await self.store.record_accepted(two, attempt(NEW_HANDSET, NUMBER), "sent x y", sent())
        self.assertIn("bob", await self.redis("HGET", f"{K.handset}{NEW_HANDSET}", NUMBER))

    async def test_resent_and_over(self) -> None:
        """So it is when both attempts are over."""
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "resend", REPORT)
        two = await self.to_the_new_one(1)
        await self.store.set_aside(two, "no answer", uncertain=True)
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "resend", REPORT)
        await self.receipt()
        self.assertIn("bob", await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBER))
        self.assertIsNone(await self.redis("HGET", f"{K.handset}{NEW_HANDSET}", NUMBER))

    async def test_the_new_one_stays(self) -> None:
        """Whatever becomes known of the old phone later, the new one is the last that Bob was texted on, and its links
        go on."""
        for given_up in (False, True):
            two = await self.to_the_new_one(2)
            await self.store.record_accepted(two, attempt(NEW_HANDSET, NUMBER), "sent x y", sent())
            if given_up:
                self.clock.advance(SETTLE / 1000)
                await self.store.reconcile(5, SETTLE, "drop", REPORT)
            await self.receipt()
            state = await self.store.read_links("bob", NEW_HANDSET)
            self.assertEqual(state.texted, NEW_HANDSET)
            self.assertGreater(json.loads(state.handset[NUMBER])[2], 0)
            former = json.loads(await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBER))
            self.assertEqual((former[0], former[2]), ("bob", 0))  # it keeps the number from nobody there
            await self.redis("FLUSHALL")
            self.one = await self.trying()
            await self.store.set_aside(self.one, "no answer", uncertain=True)

    async def test_opted_out_on_the_old_one(self) -> None:
        """It is the phone of that SMS that wants no more."""
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "resend", REPORT)
        await self.to_the_new_one(1)
        await self.receipt(status="failed", code="9")
        self.assertEqual(await self.inspector.keys("opted_out"), [f"{K.opted_out}{HANDSET}"])


class AutoReplyTests(ResolvingCase):
    async def test_opted_out(self) -> None:
        """A receipt of an answer of ours, which is closed, blocks the handset that had such an answer, and no other one
        that it names."""
        for named, blocked in ((NEW_HANDSET, []), (HANDSET, [f"{K.opted_out}{HANDSET}"])):
            await self.redis("FLUSHALL")
            for handset in (HANDSET, NEW_HANDSET):
                await self.redis("HSET", f"{K.handset}{handset}", NUMBER, entry("ann", OLD), F.version, 1)
            help_me = InboundSms(message_id="in 1", msisdn=HANDSET, to=NUMBER, text="HELP")
            await self.store.receive_sms(help_me, HANDSET, NUMBER, Asked("help", "So it goes."))
            (item,) = await self.claim()
            self.assertEqual(in_words(await self.store.begin_auto_reply(item, LEASE)), "OK")
            await self.store.record_accepted(item, ACCOUNTS, "sent x y", sent("0A01"))
            await self.store.record_receipt(delivery_report("", "0A01", named, NUMBER, "failed", "9"), block=True)
            self.assertEqual(await self.inspector.keys("opted_out"), blocked)


class WaitForNumberTests(ResolvingCase):
    async def test_looked_at_at_once(self) -> None:
        """When the attempt is over that kept a number from a text, this goes out before others of its user that stepped
        aside for reasons of their own."""
        await self.owe(1, "cleo")
        await self.owe(2)
        await self.owe(3)
        items = {item.user_id: item for item in await self.claim()}
        self.assertEqual(await self.begin(items["cleo"], HANDSET, (NUMBER,)), "OK")
        state = await self.store.read_links("bob", HANDSET)
        self.assertTrue(await self.store.step_aside(items["bob"], state, HANDSET, SETTLE))
        (three,) = await self.claim()
        await self.store.reschedule(three, 30_000, "a page", aside=True)
        self.assertEqual(await self.claim(), [])
        await self.store.reschedule(items["cleo"], 60_000, "HTTP 429")
        (two,) = await self.claim()
        self.assertEqual(two.id, items["bob"].id)

    async def test_over_already(self) -> None:
        """A text whose choice was made before that steps aside for nothing: nobody would bring it back."""
        await self.owe(1, "cleo")
        await self.owe(2)
        items = {item.user_id: item for item in await self.claim()}
        self.assertEqual(await self.begin(items["cleo"], HANDSET, (NUMBER,)), "OK")
        state = await self.store.read_links("bob", HANDSET)
        await self.store.reschedule(items["cleo"], 60_000, "HTTP 429")
        self.assertFalse(await self.store.step_aside(items["bob"], state, HANDSET, SETTLE))
        self.assertEqual(await self.begin(items["bob"], HANDSET, (NUMBER,)), "OK")


class OtherNumberTests(ResolvingCase):
    async def test_attempted(self) -> None:
        """The attempts of one text are over, each from its number; what one is proved by tells nothing of the other."""
        one = await self.trying()
        await self.store.set_aside(one, "no answer", uncertain=True)
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "resend", REPORT)
        (two,) = await self.claim()
        state = await self.store.read_links("bob", HANDSET, raw=HANDSET)
        choice = choose(state, BOB, HANDSET, HANDSET, (NUMBERS[1],), 1000, 1000)
        assert isinstance(choice, Choice)
        self.assertEqual(in_words(await self.store.begin_attempt(two, REPORT, choice.commit, "", LEASE)), "OK")
        await self.store.record_accepted(two, attempted(choice), "sent x y", sent())
        await self.store.record_receipt(
            delivery_report(reference(one.id), "0A01", HANDSET, NUMBERS[1], "delivered", "0")
        )
        self.assertIn("ann", await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBER))
