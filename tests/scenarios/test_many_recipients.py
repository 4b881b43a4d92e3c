"""A message to as many as may be: each of them gets one text, and can be asked for."""

from __future__ import annotations

from collections import Counter

from nexmo_twisted.domain.quarantine import known_as
from nexmo_twisted.platforms.layer.events import MOST_RECIPIENTS
from nexmo_twisted.store.admin import QueueAdmin
from tests.scenarios.world import NO_RECEIPTS, World


class ManyRecipientsTests(World):
    timeout = 120

    async def converse(self, number: int) -> str:
        """A conversation of Ann's with so many others."""
        users = [f"user{each:04}" for each in range(number)]
        for each, user in enumerate(users):
            self.layer.add_user(user, display_name=user, phone_number=f"+1201556{each:04}")
        return self.layer.start_conversation(["ann", *users])

    async def test_a_thousand(self) -> None:
        """A message to a thousand people is texted to each of them once, and what became of each is known."""
        self.nexmo.receipts = NO_RECEIPTS
        message = known_as(await self.text_unread("Hi", "ann", await self.converse(MOST_RECIPIENTS)))
        received = Counter(sms.to for sms in self.nexmo.sent)
        self.assertEqual(received, Counter({f"1201556{each:04}": 1 for each in range(MOST_RECIPIENTS)}))
        facts = await QueueAdmin(self.connection, self.now).inspect_message(message)
        assert facts is not None
        self.assertEqual((facts.closed, len(facts.outcomes)), ("done", MOST_RECIPIENTS))
        self.assertTrue(all(outcome.startswith("sent ") for outcome in facts.outcomes.values()))
        self.assertEqual(await self.inspector.keys("outcomes"), [])

    async def test_receipts(self) -> None:
        """With receipts, which come while others are still sent, each is kept with its own text."""
        message = known_as(await self.text_unread("Hi", "ann", await self.converse(100)))
        await self.pass_time(60)
        facts = await QueueAdmin(self.connection, self.now).inspect_message(message)
        assert facts is not None
        self.assertEqual(len(facts.outcomes), 100)
        self.assertTrue(all(outcome.endswith(" =d") for outcome in facts.outcomes.values()), facts.outcomes)

    async def test_one_more(self) -> None:
        """A message to one more is texted to nobody."""
        await self.text_unread("Hi", "ann", await self.converse(MOST_RECIPIENTS + 1))
        self.assertEqual((self.nexmo.sent, self.counted("webhooks", "layer", "quarantined")), ([], 1))
