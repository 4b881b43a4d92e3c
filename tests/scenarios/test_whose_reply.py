"""A reply belongs to the conversation of the last SMS that its handset received from that number before it was written.

What is not known yet waits; what cannot be known is not guessed.
"""

from __future__ import annotations

from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.store.admin import QueueAdmin
from tests.inspector import K
from tests.scenarios.world import BOB, DELAY, LUNCH, NO_RECEIPTS, ONE, TALK, TWO, World
from tests.support import turn, until

SETTLE = 600.0
LOST = "This thread has ended. Please answer in the app."
#: Nexmo says nothing, whether it has accepted the SMS or not.
CUT = {"path": "/sms/json", "number": BOB, "drop": True, "done": True}
NEVER = {"path": "/sms/json", "number": BOB, "drop": True}


class ReplyThreadCase(World):
    """One number, which goes from one conversation of Bob's to the next."""

    settings = {"nexmo": {"phone_numbers": [ONE]}, "sms": {"when_exhausted": "oldest"}}

    async def pass_time(self, seconds: float) -> None:
        """Webhooks come again whose connection had been given up meanwhile."""
        await super().pass_time(seconds)
        while self.sandbox.deliverer.retries:
            await super().pass_time(1)

    async def on_wire(self, text: str, conversation: str, **fault: object) -> None:
        """A text falls due, and its request is under way."""
        await self.send(text, conversation=conversation)
        self.fault(path="/sms/json", number=BOB, **fault)
        self.clock.advance(DELAY)
        await self.tick_until(lambda: not len(self.sandbox.faults))

    async def write(self, text: str, number: str = ONE) -> None:
        """Bob writes while something is under way."""
        before = self.counted("replies_received")
        self.nexmo.reply(BOB, number, text)
        await self.tick_until(lambda: self.counted("replies_received") != before)

    async def arrive(self, seconds: float) -> None:
        """What is under way comes to its end, so many seconds later."""
        self.clock.advance(seconds)
        await self.settle()

    async def dead_letters(self) -> list[str]:
        return [await self.inspector.reason(each, "in") for each in await self.inspector.dead("in")]

    def answers(self, conversation: str) -> list[str]:
        """What Bob has written there, as the others see it."""
        return [text for user, text in self.posted(conversation) if user == "bob"]


class ReplyDuringSendTests(ReplyThreadCase):
    """The reply comes while the request for the next conversation's SMS is under way, or right after."""

    async def test_refused(self) -> None:
        """Nexmo refuses it in the end: the handset knows the old conversation only."""
        await self.text_unread("For Bob alone")
        await self.on_wire("To all", LUNCH, nexmo_status="6", delay=2.0)
        await self.write("Between us")
        await self.arrive(2)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), (["Between us"], []))

    async def test_refused_again_and_again(self) -> None:
        """So it is at each further attempt."""
        await self.text_unread("For Bob alone")
        await self.on_wire("To all", LUNCH, status=503, delay=2.0)
        for n in range(3):
            await self.write(f"Between us {n}")
            await self.arrive(2)
            self.fault(path="/sms/json", number=BOB, nexmo_status="10", delay=2.0)
            while len(self.sandbox.faults):
                self.clock.advance(1)
                await self.tick_until(lambda: not (self.busy and len(self.sandbox.faults)))
        await self.arrive(2)
        self.assertEqual(self.answers(LUNCH), [])

    async def test_accepted_quickly(self) -> None:
        """Nobody reads and answers a text so fast: it was written to the old one."""
        await self.text_unread("For Bob alone")
        await self.on_wire("To all", LUNCH, done=True, delay=4.9)
        await self.write("Between us")
        await self.arrive(4.9)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), (["Between us"], []))
        await self.reply(BOB, ONE, "Still between us")
        self.assertEqual((self.answers(TALK)[1:], self.answers(LUNCH)), (["Still between us"], []))
        await self.pass_time(3.1)
        await self.reply(BOB, ONE, "To you all")
        self.assertEqual((len(self.answers(TALK)), self.answers(LUNCH)), (2, ["To you all"]))

    async def test_accepted_slowly(self) -> None:
        """He may have read either: it is posted nowhere, he is told once, and an operator sees both."""
        await self.text_unread("For Bob alone")
        await self.on_wire("To all", LUNCH, done=True, delay=6.0)
        await self.write("Yes")
        await self.arrive(6)
        await self.reply(BOB, ONE, "Yes!")
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), ([], []))
        self.assertEqual(len(await self.dead_letters()), 2)
        self.assertTrue(all(reason.startswith("ambiguous") for reason in await self.dead_letters()))
        self.assertEqual(self.texts()[2:], [LOST])
        await self.pass_time(4)
        await self.reply(BOB, ONE, "To you all")
        self.assertEqual(self.answers(LUNCH), ["To you all"])

    async def test_the_first_there(self) -> None:
        """The number carried nothing before: there is only one SMS that it can answer."""
        await self.on_wire("Hello?", TALK, done=True, delay=20.0)
        await self.write("Yes")
        self.assertEqual(self.answers(TALK), [])
        await self.arrive(20)
        self.assertEqual(self.answers(TALK), ["Yes"])

    async def test_of_the_same_thread(self) -> None:
        """The number carries that conversation already: the reply waits for nothing."""
        await self.text_unread("One")
        await self.on_wire("Two", TALK, done=True, delay=20.0)
        await self.write("Yes")
        await self.tick_until(lambda: self.answers(TALK) == ["Yes"])
        await self.arrive(20)

    async def test_others_go_ahead(self) -> None:
        """A reply that waits holds back later ones on the same number, and no others of the phone; STOP never waits."""
        await self.text_unread("For Bob alone")
        self.nexmo.add_number(TWO)
        await self.stop(self.service)
        self.service = await self.start(nexmo={"phone_numbers": [ONE, TWO]}, sms={"when_exhausted": "oldest"})
        third = self.layer.start_conversation(["ann", "bob"])
        await self.text_unread("Two", conversation=third)
        self.assertEqual(self.numbers(), [ONE, TWO])
        await self.on_wire("To all", LUNCH, nexmo_status="6", delay=20.0)
        for text, number in (("first", ONE), ("second", ONE), ("other", TWO), ("STOP", ONE)):
            await self.write(text, number)
        await self.tick_until(lambda: self.answers(third) == ["other"])
        self.assertEqual(self.answers(TALK), [])
        self.assertEqual(await self.redis("EXISTS", f"{K.opted_out}{BOB}"), 1)
        await self.arrive(20)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), (["first", "second"], []))


class LongReplyDuringSendTests(ReplyThreadCase):
    """The first part of a long reply comes while the SMS is under way, and the others never do."""

    async def part(self) -> None:
        before = self.counted("replies_received")
        self.nexmo.reply(BOB, ONE, "We meet at noon. " * 12, PartsPlan(order=(1,)))
        await self.tick_until(lambda: self.counted("replies_received") != before)

    async def test_the_first_there(self) -> None:
        """The number carried nothing before: it belongs to that SMS, and does not wait for a receipt."""
        await self.on_wire("Hello?", TALK, done=True, delay=2.0)
        await self.part()
        await self.arrive(2)
        await self.pass_time(61)
        self.assertEqual(len(self.answers(TALK)), 1)

    async def test_accepted_slowly(self) -> None:
        """It may answer either: that is known as soon as it is closed."""
        await self.text_unread("For Bob alone")
        await self.on_wire("To all", LUNCH, done=True, delay=6.0)
        await self.part()
        await self.arrive(6)
        await self.pass_time(61)
        self.assertEqual(len(await self.dead_letters()), 1)


class ReplyWhileUncertainTests(ReplyThreadCase):
    """Nobody knows whether the SMS of the next conversation went out."""

    async def test_receipt_comes(self) -> None:
        """A receipt tells that it did, some time later: he may have read either."""
        self.nexmo.receipts = ReceiptPlan(delay=60)
        await self.text_unread("For Bob alone")
        self.fault(**CUT)
        await self.text_unread("To all", conversation=LUNCH)
        await self.pass_time(20)
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual((self.answers(TALK), self.answers(LUNCH), await self.dead_letters()), ([], [], []))
        await self.pass_time(40)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH), len(await self.dead_letters())), ([], [], 1))
        await self.pass_time(4)
        await self.reply(BOB, ONE, "To you all")
        self.assertEqual(self.answers(LUNCH), ["To you all"])

    async def test_receipt_comes_for_the_first_there(self) -> None:
        """The number carried nothing before."""
        self.nexmo.receipts = ReceiptPlan(delay=60)
        self.fault(**CUT)
        await self.text_unread()
        await self.reply(BOB, ONE, "Yes")
        await self.pass_time(60)
        self.assertEqual(self.answers(TALK), ["Yes"])

    async def test_no_receipt_though_they_come(self) -> None:
        """Receipts of SMS to this country do come: without one it was not sent, and the old conversation is meant."""
        await self.text_unread("For Bob alone")
        self.fault(**NEVER)
        await self.text_unread("To all", conversation=LUNCH)
        await self.reply(BOB, ONE, "Between us")
        await self.pass_time(SETTLE - 1)
        self.assertEqual(self.answers(TALK), [])
        self.fault(path="/sms/json", number=BOB, nexmo_status="6", times=0)
        await self.pass_time(1)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), (["Between us"], []))

    async def test_receipts_not_known_to_come(self) -> None:
        """Nothing decides it: posted nowhere."""
        self.nexmo.receipts = NO_RECEIPTS
        await self.text_unread("For Bob alone")
        self.fault(**CUT)
        await self.text_unread("To all", conversation=LUNCH)
        await self.reply(BOB, ONE, "Yes")
        await self.pass_time(SETTLE)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), ([], []))
        self.assertEqual(len(await self.dead_letters()), 1)

    async def test_no_receipts_for_the_first_there(self) -> None:
        """The number never carried anything else on that handset: the reply proves nothing about the SMS, which is sent
        again, but belongs there."""
        self.nexmo.receipts = NO_RECEIPTS
        self.fault(**CUT)
        await self.text_unread()
        await self.reply(BOB, ONE, "Yes")
        await self.pass_time(SETTLE)
        self.assertEqual((self.answers(TALK), len(self.texts())), (["Yes"], 2))

    async def test_not_longer_whatever_becomes_of_it(self) -> None:
        """The reply waits one receipt_timeout from the end of that attempt, also if the second is uncertain."""
        await self.text_unread("For Bob alone")
        self.fault(**{**NEVER, "times": 2})
        await self.text_unread("To all", conversation=LUNCH)
        await self.reply(BOB, ONE, "Between us")
        await self.pass_time(SETTLE)
        self.assertEqual(len(await self.inspector.uncertain()), 1)
        self.assertEqual(self.answers(TALK), ["Between us"])


class RevertedAttemptTests(ReplyThreadCase):
    """What an attempt would have changed is as before when it is over without proof."""

    async def test_read_meanwhile(self) -> None:
        """Nexmo fails, and before the next attempt the message is read: answers go where they went before, and the link
        of the conversation that was never texted there keeps nobody's number."""
        await self.text_unread("For Bob alone")
        self.fault(path="/sms/json", number=BOB, status=503)
        message = await self.text_unread("To all", conversation=LUNCH)
        self.layer.mark_read(message, "bob")
        await self.pass_time(SETTLE)
        await self.reply(BOB, ONE, "Between us")
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), (["Between us"], []))

    async def test_deleted_or_stopped_meanwhile(self) -> None:
        """So it is when it is deleted while nobody knows, or the phone says STOP, or the second attempt is refused."""
        await self.text_unread("For Bob alone")
        self.fault(**NEVER)
        message = await self.text_unread("To all", conversation=LUNCH)
        self.layer.delete_message(message)
        await self.pass_time(SETTLE)
        self.fault(**NEVER)
        self.fault(path="/sms/json", number=BOB, nexmo_status="6")
        await self.text_unread("To all again", conversation=LUNCH)
        await self.pass_time(SETTLE)
        await self.reply(BOB, ONE, "Between us")
        self.fault(**NEVER)
        await self.text_unread("And again", conversation=LUNCH)
        await self.reply(BOB, ONE, "STOP")
        await self.pass_time(SETTLE)
        await self.reply(BOB, ONE, "Only us")
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), (["Between us", "Only us"], []))

    async def proved_too_late(self) -> None:
        """An SMS for the next conversation is dropped as uncertain; its receipt comes after that."""
        self.nexmo.receipts = ReceiptPlan(delay=SETTLE + 60)
        await self.stop(self.service)
        self.service = await self.start(sms={"when_uncertain": "drop"})
        await self.text_unread("For Bob alone")
        self.fault(**CUT)
        await self.text_unread("To all", conversation=LUNCH)

    async def test_receipt_after_that(self) -> None:
        """It puts the link back, if nothing else was sent from there: from then on he answers the new conversation."""
        await self.proved_too_late()
        await self.pass_time(SETTLE + 30)
        await self.reply(BOB, ONE, "Between us")
        self.assertEqual(self.answers(TALK), ["Between us"])
        await self.pass_time(44)
        await self.pass_time(4)
        await self.reply(BOB, ONE, "To you all")
        self.assertEqual(self.answers(LUNCH), ["To you all"])

    async def test_receipt_after_another_sms(self) -> None:
        """Which of the two came last on the handset, nobody knows: ambiguous until the next SMS from there."""
        await self.proved_too_late()
        await self.pass_time(SETTLE - DELAY + 10)
        await self.text_unread("For Bob again")
        await self.pass_time(60)
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), ([], []))
        self.assertEqual(len(await self.dead_letters()), 1)
        await self.text_unread("Now then")
        await self.pass_time(4)
        await self.reply(BOB, ONE, "To Ann")
        self.assertEqual(self.answers(TALK), ["To Ann"])


class RefusedSharedPhoneTests(World):
    settings = {"nexmo": {"phone_numbers": [ONE, TWO]}, "sms": {"when_exhausted": "oldest"}}

    async def test_two_users_of_one_phone(self) -> None:
        """One message to two users of a phone that Nexmo refuses takes nothing from anybody."""
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        await self.text_unread("For Bob alone")
        await self.text_unread("To all", conversation=LUNCH)
        family = self.layer.start_conversation(["ann", "bob", "rob"])
        self.fault(path="/sms/json", number=BOB, nexmo_status="7", times=2)
        await self.text_unread("Refused", conversation=family)
        await self.pass_time(4)
        await self.reply(BOB, ONE, "One")
        await self.reply(BOB, TWO, "Two")
        self.assertEqual([text for user, text in self.posted(TALK) if user == "bob"], ["One"])
        self.assertEqual([text for user, text in self.posted(LUNCH) if user == "bob"], ["Two"])
        self.assertEqual([user for user, _ in self.posted(family)], ["ann"])


class NoThreadTests(World):
    async def test_bound_too_late(self) -> None:
        """A reply that belonged to nothing when it came stays so, whatever its number carries when its turn comes."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=503, times=0)
        await self.reply(BOB, ONE, "To Ann")
        await self.reply(BOB, TWO, "To nobody")
        await self.text_unread("To all", conversation=LUNCH)
        self.assertEqual(self.numbers()[-1], TWO)
        self.sandbox.faults.clear()
        await self.pass_time(900)
        self.assertEqual([user for user, _ in self.posted(LUNCH)], ["ann"])
        self.assertEqual(self.posted(TALK)[-1], ("bob", "To Ann"))
        self.assertEqual(self.counted("replies_closed", "no_thread"), 1)


class NumbersInUseTests(ReplyThreadCase):
    """All numbers of a handset are in use by attempts whose outcome nobody knows."""

    settings = {"nexmo": {"phone_numbers": [ONE]}}

    async def test_waits_for_the_number(self) -> None:
        """The next conversation's text steps aside, others of the user go ahead, and it goes out as soon as the number
        is free: here since the receipt tells that the SMS went out, so that the conversation keeps it."""
        self.nexmo.receipts = ReceiptPlan(delay=60)
        self.fault(**CUT)
        await self.send("One")
        await self.pass_time(30)
        await self.send("Two", conversation=LUNCH)
        await self.pass_time(DELAY - 30)
        await self.pass_time(30)
        self.assertEqual((len(self.texts()), self.counted("notifications_skipped", "no_number")), (1, 0))
        await self.pass_time(30)
        self.assertEqual((len(self.texts()), self.counted("notifications_skipped", "no_number")), (1, 1))

    async def test_comes_back(self) -> None:
        """When the attempt was in vain the other conversation gets the number; nobody takes it before."""
        self.fault(**NEVER)
        message = await self.send("One")
        await self.pass_time(DELAY - 1)
        await self.send("Two", conversation=LUNCH)
        await self.pass_time(1)
        await self.pass_time(DELAY - 2)
        self.layer.mark_read(message, "bob")
        await self.pass_time(1)
        self.assertEqual(self.texts(), [])
        await self.pass_time(2)
        self.assertEqual(self.texts(), ["Ann: Two"])

    async def test_not_for_ever(self) -> None:
        """After one receipt_timeout when_exhausted decides."""
        await self.stop(self.service)
        self.service = await self.start(sms={"when_uncertain": "resend"})
        self.fault(**{**NEVER, "times": 9})
        await self.send("One")
        await self.pass_time(DELAY - 1)
        await self.send("Two", conversation=LUNCH)
        await self.pass_time(DELAY)
        for _ in range(3):
            await self.pass_time(SETTLE)
        self.assertEqual(self.counted("notifications_skipped", "no_number"), 1)


class SomebodyElsesPhoneTests(World):
    settings = {"nexmo": {"phone_numbers": [ONE, TWO]}}

    async def test_somebody_elses_phone(self) -> None:
        """Eve enters Bob's phone. She takes every number that is free, but never the last one of his; each answer is
        posted as who was texted there last."""
        self.layer.add_user("eve", display_name="Eve", phone_number=BOB)
        talks = [self.layer.start_conversation(["ann", "eve"]) for _ in range(3)]
        for talk in talks:
            await self.text_unread("To Eve", conversation=talk)
        await self.text_unread("To Bob")
        self.assertEqual(self.numbers(), [ONE, TWO, ONE])
        await self.text_unread("To Eve again", conversation=talks[2])
        self.assertEqual(len(self.texts()), 3)
        await self.pass_time(4)
        await self.reply(BOB, ONE, "I am Bob")
        self.assertEqual(self.posted(TALK)[-1], ("bob", "I am Bob"))


class SharedPhoneFewNumbersTests(ReplyThreadCase):
    async def test_in_flight(self) -> None:
        """Another user of the phone never takes the number whose SMS is under way: who answers that is who was
        texted."""
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        robs = self.layer.start_conversation(["ann", "rob"])
        await self.on_wire("To Bob", TALK, done=True, delay=20.0)
        self.layer.send(robs, "ann", "To Rob")
        await until(lambda: self.sandbox.idle().called)
        self.clock.advance(DELAY - 600 + 10)
        for _ in range(200):
            await turn()
        await self.arrive(10)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: To Bob"])
        await self.reply(BOB, ONE, "I am Bob")
        self.assertEqual((self.posted(TALK)[-1], len(self.posted(robs))), (("bob", "I am Bob"), 1))


class FormerPhoneTests(World):
    NEW = "12015550155"

    async def moved(self, **identity: object) -> None:
        """Bob was texted on his old phone, and then on a new one."""
        await self.text_unread()
        self.layer.add_user("bob", display_name="Bob", phone_number=self.NEW)
        await self.pass_time(301)
        await self.text_unread("On the new one")
        self.assertEqual(len(self.texts(self.NEW)), 1)
        self.layer.add_user("bob", **{"display_name": "Bob", "phone_number": self.NEW} | identity)
        await self.pass_time(301)

    async def test_not_posted(self) -> None:
        """Whoever holds the old phone does not speak as Bob any more, and is told as for any other ended thread; the
        new phone does."""
        await self.moved()
        await self.reply(BOB, ONE, "Who am I?")
        self.assertEqual([user for user, _ in self.posted()], ["ann", "ann"])
        self.assertEqual((self.counted("replies_closed", "not_their_phone"), self.texts()[1:]), (1, [LOST]))
        await self.reply(self.NEW, self.numbers(self.NEW)[0], "It is me")
        self.assertEqual(self.posted()[-1], ("bob", "It is me"))

    async def test_removed(self) -> None:
        """Nor when the profile names no phone at all."""
        await self.moved(phone_number=None)
        await self.reply(BOB, ONE, "Who am I?")
        self.assertEqual([user for user, _ in self.posted()], ["ann", "ann"])

    async def test_back_again(self) -> None:
        """The profile names the old phone again: it is his."""
        await self.moved(phone_number=f"+{BOB}")
        await self.reply(BOB, ONE, "Back")
        self.assertEqual(self.posted()[-1], ("bob", "Back"))

    async def test_nobody_says_so(self) -> None:
        """Where the profile cannot be asked it is posted: nobody names another phone."""
        await self.moved()
        self.fault(path="/identity", status=404, body=b'{"id": "not_found", "code": 102}', times=0)
        await self.reply(BOB, ONE, "Hello")
        self.assertEqual(self.posted()[-1], ("bob", "Hello"))

    async def test_links_end(self) -> None:
        """What the old handset carried for him keeps no number there from others."""
        await self.moved()
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        for n in range(2):
            await self.text_unread(f"To Rob {n}", conversation=self.layer.start_conversation(["ann", "rob"]))
        self.assertEqual(len(self.texts()), 3)

    async def test_before_the_new_one_is_texted(self) -> None:
        """Nor does it matter that he was not texted on the new phone yet: his old one is lost the day he says so."""
        await self.text_unread()
        self.layer.add_user("bob", display_name="Bob", phone_number=self.NEW)
        await self.pass_time(301)
        await self.reply(BOB, ONE, "Who am I?")
        self.assertEqual([user for user, _ in self.posted()], ["ann"])
        self.assertEqual(self.counted("replies_closed", "not_their_phone"), 1)

    async def test_just_texted(self) -> None:
        """What the profile said when he was texted counts for five minutes, and no longer."""
        await self.text_unread()
        self.layer.add_user("bob", display_name="Bob", phone_number=self.NEW)
        await self.pass_time(299)
        await self.reply(BOB, ONE, "Still mine")
        self.assertEqual(self.posted()[-1], ("bob", "Still mine"))
        await self.pass_time(2)
        await self.reply(BOB, ONE, "Who am I?")
        self.assertEqual(self.posted()[-1], ("bob", "Still mine"))


class OwnNumberTests(World):
    async def test_never_a_person(self) -> None:
        """A profile that names one of our numbers is not texted, and what comes from one is not posted."""
        self.layer.add_user("bob", display_name="Bob", phone_number=f"+{TWO}")
        await self.text_unread()
        self.assertEqual((self.nexmo.sent, self.counted("notifications_skipped", "own_number")), ([], 1))
        await self.reply(TWO, ONE, "Yes")
        self.assertEqual((len(self.posted()), self.counted("replies_closed", "own_number")), (1, 1))


class PlaceReplyTests(ReplyThreadCase):
    async def test_placed(self) -> None:
        """An operator posts it into one of the two, once; into no other conversation."""
        third = self.layer.start_conversation(["ann", "bob"])
        await self.text_unread("For Bob alone")
        await self.on_wire("To all", LUNCH, done=True, delay=6.0)
        await self.write("Yes")
        await self.arrive(6)
        (item,) = await self.inspector.dead("in")
        place = QueueAdmin(self.connection, self.now).place_reply
        self.assertEqual((await place(item, third, "")).answer, "OTHER")
        self.assertEqual((await place(item, LUNCH, "ann")).answer, "OTHER")
        self.assertEqual((await place(item, LUNCH, "")).answer, "DONE")
        self.assertEqual((await place(item, TALK, "")).answer, "PLACED")
        await self.pass_time(6)
        self.assertEqual((self.answers(TALK), self.answers(LUNCH)), ([], ["Yes"]))
        self.assertEqual((await place(item, LUNCH, "")).answer, "UNKNOWN")
