"""``sms.when_exhausted = "oldest"``: when no number is free, the conversation that has been idle longest gives way."""

from __future__ import annotations

import json

from tests.inspector import K
from tests.scenarios.world import BOB, DELAY, LUNCH, ONE, TALK, TWO, World
from tests.support import counted


class TakeOverNumberTests(World):
    settings = {
        "sms": {"when_exhausted": "oldest"},
        "introduce_conversation": "About {{ conversation.metadata.conversationName }}.",
    }

    async def three(self) -> str:
        """Bob is texted about three conversations, with two numbers to choose from. Returns the third one."""
        third = self.layer.start_conversation(["ann", "bob"], {"conversationName": "Dinner"})
        for conversation in (TALK, LUNCH, third):
            await self.text_unread("Hello?", conversation=conversation)
        return third

    async def test_idle_longest(self) -> None:
        """The third conversation takes the number of the first, and is introduced there; it is counted, and nothing was
        left out."""
        await self.three()
        self.assertEqual(self.numbers(), [ONE, TWO, ONE])
        self.assertEqual(self.texts()[2], "About Dinner.\n\nAnn: Hello?")
        self.assertEqual((self.counted("numbers_taken_over"), self.counted("numbers_exhausted")), (1, 0))

    async def test_a_late_reply(self) -> None:
        """An answer to what stood there before goes where the number leads now."""
        third = await self.three()
        await self.pass_time(4)
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual(self.posted(third)[-1], ("bob", "Yes"))
        self.assertEqual([user for user, _ in self.posted(TALK)], ["ann"])

    async def test_a_reply_in_time(self) -> None:
        """An answer that came before, but could not be posted yet, goes where the number led when it came."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=503, times=0)
        await self.reply(BOB, ONE, "Yes")
        third = await self.three()
        self.assertEqual(self.numbers(), [ONE, ONE, TWO, ONE])
        self.sandbox.faults.clear()
        await self.pass_time(900)
        self.assertEqual(self.posted(TALK)[-1], ("bob", "Yes"))
        self.assertEqual([user for user, _ in self.posted(third)], ["ann"])
        await self.reply(BOB, ONE, "No")
        self.assertEqual(self.posted(third)[-1], ("bob", "No"))

    async def test_the_displaced_comes_back(self) -> None:
        """It takes the number that is idle longest now, and is introduced again."""
        third = await self.three()
        await self.text_unread("Still there?")
        self.assertEqual((self.numbers()[3], self.texts()[3]), (TWO, "About Ann and Bob.\n\nAnn: Still there?"))
        links = json.loads(await self.redis("GET", "nexmo-layer-integration-bob"))
        self.assertEqual({talk: link["phone"] for talk, link in links.items()}, {TALK: TWO, third: ONE})
        await self.text_unread("Anybody?")
        self.assertEqual((self.numbers()[4], self.texts()[4]), (TWO, "Ann: Anybody?"))
        self.assertEqual(self.counted("numbers_taken_over"), 2)

    async def test_an_answer_keeps_a_number(self) -> None:
        """Who answers is not idle: the other number is taken."""
        await self.text_unread()
        await self.text_unread(conversation=LUNCH)
        await self.pass_time(1)
        await self.reply(BOB, ONE, "Here")
        await self.text_unread(conversation=self.layer.start_conversation(["ann", "bob"]))
        self.assertEqual(self.numbers(), [ONE, TWO, TWO])

    async def test_another_user_of_the_handset(self) -> None:
        """Bob's conversation gives way to one of Rob, who has the same phone; each answer is posted as who it is from,
        and Bob's comes back on the other number, introduced again."""
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        robs = self.layer.start_conversation(["ann", "rob"], {"conversationName": "Rob's"})
        for conversation in (TALK, LUNCH, robs):
            await self.text_unread("Hello?", conversation=conversation)
        self.assertEqual(self.numbers(), [ONE, TWO, ONE])
        await self.pass_time(4)
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual(self.posted(robs)[-1], ("rob", "Yes"))
        await self.text_unread("Still there?")
        self.assertEqual((self.numbers()[3], self.texts()[3]), (TWO, "About Ann and Bob.\n\nAnn: Still there?"))
        await self.pass_time(4)
        await self.reply(BOB, TWO, "Sure")
        self.assertEqual(self.posted(TALK)[-1], ("bob", "Sure"))
        self.assertEqual([user for user, _ in self.posted(LUNCH)], ["ann"])

    async def test_side_by_side(self) -> None:
        """Many conversations of two users of one handset at once, over two processes: all are texted, and every number
        leads to the one that took it last."""
        self.layer.add_user("rob", display_name="Rob", phone_number=BOB)
        await self.start()
        talks = [self.layer.start_conversation(["ann", user], {"n": n}) for n in range(3) for user in ("bob", "rob")]
        for talk in talks:
            self.layer.send(talk, "ann", f"This is {talk}")
        await self.pass_time(DELAY)
        self.assertEqual(len(self.texts()), 6)
        await self.pass_time(4)
        last = {}
        for number in (ONE, TWO):
            user, conversation, *_ = json.loads(await self.redis("HGET", f"{K.handset}{BOB}", number))
            last[number] = conversation
            await self.reply(BOB, number, f"Over {number}")
            self.assertEqual(self.posted(conversation)[-1], (user, f"Over {number}"))
        self.assertEqual(len(set(last.values())), 2)
        self.assertEqual(sum(counted(service.metrics, "numbers_taken_over") for service in self.running), 4)
