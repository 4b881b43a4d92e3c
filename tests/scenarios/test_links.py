"""One SMS thread on a handset is one conversation."""

from __future__ import annotations

import json

from tests.scenarios.world import BOB, DELAY, LUNCH, ONE, TALK, TWO, WEEK, World


class LinkTests(World):
    async def test_kept(self) -> None:
        """A conversation keeps its number, and another one gets another."""
        for conversation in (TALK, LUNCH, TALK, LUNCH):
            await self.text_unread(conversation=conversation)
        self.assertEqual(self.numbers(), [ONE, TWO, ONE, TWO])
        await self.reply(BOB, TWO, "To all")
        await self.reply(BOB, ONE, "To Ann")
        self.assertEqual(self.posted(LUNCH)[-1], ("bob", "To all"))
        self.assertEqual(self.posted(TALK)[-1], ("bob", "To Ann"))

    async def test_exhausted(self) -> None:
        """When all numbers are taken nothing is sent; it is logged as an error and counted."""
        third = self.layer.start_conversation(["ann", "bob"], {"n": 3})
        for conversation in (TALK, LUNCH, third):
            await self.text_unread(conversation=conversation)
        self.assertEqual(self.numbers(), [ONE, TWO])
        self.assertEqual(self.counted("numbers_exhausted"), 1)
        self.assertEqual(self.counted("notifications_skipped", "no_number"), 1)

    async def test_expired(self) -> None:
        """A link that was not used for a week frees its number; until another one takes it answers still arrive."""
        await self.text_unread(conversation=TALK)
        await self.pass_time(WEEK + 1)
        await self.reply(BOB, ONE, "Sorry, was away")
        self.assertEqual(self.posted(TALK)[-1], ("bob", "Sorry, was away"))

    async def test_freed(self) -> None:
        """An expired link of another conversation makes room; the least recently used number goes first."""
        third = self.layer.start_conversation(["ann", "bob"], {"n": 3})
        await self.text_unread(conversation=TALK)
        await self.text_unread(conversation=LUNCH)
        await self.pass_time(WEEK + 1)
        await self.text_unread(conversation=third)
        self.assertEqual(self.numbers(), [ONE, TWO, ONE])
        await self.pass_time(4)
        await self.reply(BOB, ONE, "Here")
        self.assertEqual(self.posted(third)[-1], ("bob", "Here"))

    async def test_renewed_by_a_reply(self) -> None:
        """An answer lets the link live on for another week."""
        await self.text_unread(conversation=TALK)
        await self.pass_time(WEEK - 3600)
        await self.reply(BOB, ONE, "Still here")
        await self.pass_time(WEEK - 7200)
        await self.text_unread(conversation=LUNCH)
        self.assertEqual(self.numbers(), [ONE, TWO])
        stored = json.loads(await self.redis("GET", "nexmo-layer-integration-bob"))
        self.assertEqual(set(stored), {TALK, LUNCH})

    async def test_two_users_one_handset(self) -> None:
        """Two users with one phone never share a number; each answer goes to the right conversation."""
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        other = self.layer.start_conversation(["ann", "rob"])
        await self.text_unread(conversation=TALK)
        await self.text_unread(conversation=other)
        self.assertEqual(self.numbers(), [ONE, TWO])
        await self.reply(BOB, ONE, "This is Bob")
        await self.reply(BOB, TWO, "This is Rob")
        self.assertEqual(self.posted(TALK)[-1], ("bob", "This is Bob"))
        self.assertEqual(self.posted(other)[-1], ("rob", "This is Rob"))

    async def test_side_by_side(self) -> None:
        """Many conversations of two users of one handset at once, over two processes: no number is shared."""
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        await self.start()
        talks = [self.layer.start_conversation(["ann", user], {"n": n}) for n in range(3) for user in ("bob", "rob")]
        for talk in talks:
            self.layer.send(talk, "ann", "Hi")
        await self.pass_time(DELAY)
        self.assertEqual(sorted(self.numbers()), [ONE, TWO])


class NumberChangesHandsTests(World):
    """A number changes hands, and the first SMS of its new conversation certainly does not go out: whoever answers the
    one before still reaches those who wrote it."""

    settings = {"nexmo": {"phone_numbers": [ONE]}, "sms": {"when_exhausted": "oldest"}}

    async def test_refused(self) -> None:
        """Refused for good."""
        await self.send("For Bob alone")
        await self.pass_time(DELAY)
        self.fault(path="/sms/json", nexmo_status="6", times=0)
        await self.text_unread("To all", conversation=LUNCH)
        await self.check_answers()

    async def test_put_off(self) -> None:
        """Not now; once it went out, the number is the new conversation's."""
        await self.send("For Bob alone")
        await self.pass_time(DELAY)
        self.fault(path="/sms/json", nexmo_status="10", times=3)
        await self.text_unread("To all", conversation=LUNCH)
        await self.check_answers()
        for _ in range(30):
            await self.pass_time(60)
        self.assertEqual(self.texts()[1:], ["Ann: To all"])
        await self.pass_time(4)
        await self.reply(BOB, ONE, "To you all")
        self.assertEqual(self.posted(LUNCH)[1:], [("bob", "To you all")])

    async def test_too_fast(self) -> None:
        """Throttled."""
        await self.send("For Bob alone")
        await self.pass_time(DELAY)
        self.fault(path="/sms/json", nexmo_status="1", times=0)
        await self.text_unread("To all", conversation=LUNCH)
        await self.check_answers()

    async def test_held(self) -> None:
        """No credit left."""
        await self.send("For Bob alone")
        await self.pass_time(DELAY)
        self.fault(path="/sms/json", nexmo_status="9", times=0)
        await self.text_unread("To all", conversation=LUNCH)
        await self.check_answers()

    async def test_given_back_whole(self) -> None:
        """The number is the first conversation's again in every respect: it goes on there, and takes nobody else's."""
        await self.stop(self.service)
        self.service = await self.start(nexmo={"phone_numbers": [ONE, TWO]})
        other, third = (self.layer.start_conversation(["ann", "bob"]) for _ in range(2))
        for text, conversation in (("One", TALK), ("Two", other)):
            await self.text_unread(text, conversation=conversation)
        self.fault(path="/sms/json", nexmo_status="6")
        await self.text_unread("Refused", conversation=third)
        await self.text_unread("One again", conversation=TALK)
        self.assertEqual(self.numbers(), [ONE, TWO, ONE])
        await self.reply(BOB, TWO, "To two")
        self.assertEqual(self.posted(other)[1:], [("bob", "To two")])

    async def check_answers(self) -> None:
        await self.reply(BOB, ONE, "Between us")
        self.assertEqual(self.posted(LUNCH), [("ann", "To all")])
        self.assertEqual(self.posted(TALK)[1:], [("bob", "Between us")])


class RefusedLinkTests(World):
    async def test_keeps_no_number(self) -> None:
        """A conversation whose first SMS was permanently refused keeps no number from others."""
        third = self.layer.start_conversation(["ann", "bob"])
        await self.text_unread("One", conversation=TALK)
        self.fault(path="/sms/json", number=BOB, nexmo_status="6")
        await self.text_unread("Refused", conversation=LUNCH)
        await self.text_unread("Three", conversation=third)
        self.assertEqual(self.numbers(), [ONE, TWO])


class LegacyLinkTests(World):
    async def test_switched_over(self) -> None:
        """Links of the Node service answer both ways, and nothing is introduced again."""
        week = int(self.now()) + 1_000_000
        await self.redis("SET", "nexmo-layer-integration-bob", json.dumps({TALK: {"phone": TWO, "expires": week}}))
        await self.redis("SET", f"nexmo-layer-integration-phone-{BOB}", "bob")
        await self.reply(BOB, TWO, "From before")
        self.assertEqual(self.posted(TALK), [("bob", "From before")])
        await self.text_unread()
        self.assertEqual((self.numbers(), self.texts()), ([TWO], ["Ann: Lunch at noon?"]))


class LegacyLinkIntroducedTests(LegacyLinkTests):
    settings = {"introduce_conversation": "Welcome"}
