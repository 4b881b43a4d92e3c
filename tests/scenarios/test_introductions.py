"""Introductions: the text before the first SMS of a conversation on a number."""

from __future__ import annotations

from typing import Any

from tests.scenarios.world import BOB, DELAY, LUNCH, TALK, World


class IntroductionTemplateTests(World):
    settings = {"introduce_conversation": "About {{ conversation.metadata.conversationName }}, from {{ sender.name }}."}

    async def test_first_comes_the_introduction(self) -> None:
        """On a new link it comes first, then an empty line; after that no more."""
        await self.text_unread()
        await self.text_unread("Again")
        self.assertEqual(self.texts(), ["About Ann and Bob, from Ann.\n\nAnn: Lunch at noon?", "Ann: Again"])

    async def test_once_accepted(self) -> None:
        """It counts as given once an SMS with it was accepted."""
        self.fault(path="/sms/json", nexmo_status="6")
        await self.text_unread()
        await self.text_unread("Again")
        self.assertEqual(self.texts(), ["About Ann and Bob, from Ann.\n\nAnn: Again"])

    async def test_settled_by_a_receipt(self) -> None:
        """It counts as given also when only the receipt tells that the SMS with it went out."""
        self.fault(path="/sms/json", drop=True, done=True)
        await self.text_unread("One")
        await self.text_unread("Two")
        self.assertEqual(self.texts()[1:], ["Ann: Two"])

    async def test_each_conversation(self) -> None:
        """Every conversation has its own."""
        await self.text_unread()
        await self.text_unread(conversation=LUNCH)
        self.assertIn("About Lunch", self.texts()[1])

    async def test_new_phone(self) -> None:
        """A phone that was never texted is told of each conversation what it is, linked or not."""
        for conversation in (TALK, LUNCH):
            await self.text_unread(conversation=conversation)
        self.layer.add_user("bob", display_name="Bob", phone_number="+12015550199")
        await self.pass_time(400)
        for conversation in (TALK, LUNCH):
            await self.text_unread(conversation=conversation)
        about = [text.partition(",")[0] for text in self.texts("12015550199")]
        self.assertEqual(about, ["About Ann and Bob", "About Lunch"])

    async def test_after_three_failures(self) -> None:
        """When it fails three times the SMS goes without it."""
        self.fault(path="/conversations/", method="GET", status=500, times=0)
        await self.text_unread()
        for _ in range(4):
            await self.pass_time(60)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.sandbox.faults.clear()
        await self.text_unread("Again")
        self.assertEqual(self.texts()[1:], ["About Ann and Bob, from Ann.\n\nAnn: Again"])


class IntroductionFunctionTests(World):
    async def test_function(self) -> None:
        """A function gets the message and the conversation as Layer has it."""
        await self.stop(self.service)
        seen: list[Any] = []

        def introduce(message: dict[str, Any], conversation: dict[str, Any]) -> str:
            seen.append((message["text"], message["recipient"]["name"], sorted(conversation["participants"])))
            return f"A word from {message['sender']['name']}"

        self.service = await self.start(introduce_conversation=introduce)
        await self.text_unread()
        self.assertEqual(self.texts(BOB), ["A word from Ann\n\nAnn: Lunch at noon?"])
        self.assertEqual(seen, [("Lunch at noon?", "Bob", ["ann", "bob"])])

    async def test_junk(self) -> None:
        """A function that returns junk, or raises, costs the introduction and nothing else."""
        for introduce in (lambda _m, _c: 7, lambda _m, _c: 1 / 0):
            await self.stop(self.service)
            await self.redis("FLUSHALL")
            self.service = await self.start(introduce_conversation=introduce)
            await self.send()
            for wait in (DELAY, 60, 60, 60, 60):
                await self.pass_time(wait)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"] * 2)

    async def test_blank(self) -> None:
        """An introduction of which nobody sees anything is none."""
        await self.stop(self.service)
        self.service = await self.start(introduce_conversation=lambda _m, _c: " \u200b\n\u2800")
        await self.text_unread()
        self.assertEqual(self.texts(BOB), ["Ann: Lunch at noon?"])


class IntroductionUnderscoreTests(World):
    settings = {"template": "<%= sender.name %> (<%= parts[0].mime_type %>): <%= text %>"}

    async def test_unchanged(self) -> None:
        """A template of the Node service works as it is."""
        await self.text_unread("a < b")
        self.assertEqual(self.texts(), ["Ann (text/plain): a < b"])


class LongIntroductionTests(World):
    settings = {"introduce_conversation": "{{ conversation.metadata.conversationName }}", "sms": {"max_segments": 4}}

    async def test_leaves_room(self) -> None:
        """A title that a participant made endless takes half of the segments at most: the message is in its own SMS."""
        talk = self.layer.start_conversation(["ann", "bob"], {"conversationName": "Title " * 250})
        await self.text_unread("This is what matters", conversation=talk)
        (text,) = self.texts()
        self.assertTrue(text.startswith("Title Title") and text.endswith("...\n\nAnn: This is what matters"), text)
