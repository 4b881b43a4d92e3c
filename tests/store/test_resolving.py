"""To which of two threads a reply belongs that came while an attempt was under way, at the level of the scripts."""

from __future__ import annotations

from nexmo_twisted.domain.ids import reference
from nexmo_twisted.domain.model import (
    Accepted,
    Thread,
)
from nexmo_twisted.domain.results import (
    Resolved,
)
from nexmo_twisted.store.schema import F
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, delivery_report
from tests.inspector import K
from tests.store.cases import LEASE, NUMBER, OLD, SETTLE, ResolvingCase
from tests.support import attempt, sent


class ResolveReplyTests(ResolvingCase):
    async def test_before_the_bytes(self) -> None:
        """The attempt is recorded, its bytes are not out yet: the old thread, however long the request took then."""
        item = await self.trying()
        self.clock.advance(1)
        reply = await self.reply()
        self.assertTrue(reply.open)
        self.clock.advance(20)
        await self.store.record_accepted(item, attempt(HANDSET, NUMBER), "sent x y", Accepted(19.0, 20.0))
        self.assertEqual(await self.resolved(reply), Resolved(Thread("ann", OLD)))

    async def test_before_the_bytes_of_the_first(self) -> None:
        """So it is where the number carried nothing before: then it belongs to nothing."""
        await self.redis("DEL", f"{K.handset}{HANDSET}")
        item = await self.trying()
        self.clock.advance(1)
        reply = await self.reply()
        self.clock.advance(20)
        await self.store.record_accepted(item, attempt(HANDSET, NUMBER), "sent x y", Accepted(19.0, 20.0))
        self.assertEqual(await self.resolved(reply), Resolved(None))

    async def test_decided_once(self) -> None:
        """What was decided is not decided again, whatever becomes known."""
        item = await self.trying()
        reply = await self.reply()
        await self.store.reschedule(item, 1000, "HTTP 503")
        self.assertEqual((await self.resolved(reply)).thread, Thread("ann", OLD))
        await self.store.release(reply)
        again = await self.next_reply()
        self.assertEqual((again.open, again.thread), (False, Thread("ann", OLD)))

    async def test_waits(self) -> None:
        """As long as the request is under way it waits, at most until the lease of the attempt is over; a crash of the
        sender makes it uncertain, and a receipt is waited for."""
        item = await self.trying()
        reply = await self.reply()
        self.assertTrue((await self.resolved(reply)).waits)
        self.assertEqual((await self.store.claim_replies(1, LEASE)).items, [])
        self.clock.advance(LEASE / 1000)
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).lost, 1)
        self.assertTrue((await self.resolved(await self.next_reply())).waits)
        self.clock.advance(SETTLE / 1000 - 1)
        self.assertEqual((await self.store.claim_replies(1, LEASE)).items, [])
        self.clock.advance(1)
        reply = await self.next_reply()
        self.assertEqual(await self.resolved(reply), Resolved(doubt=True))
        await self.store.record_accepted(item, attempt(HANDSET, NUMBER), "sent x y", sent())

    async def test_woken(self) -> None:
        """Whatever ends the attempt has the reply looked at again at once."""
        for ends in ("accepted", "refused", "dead letter", "held"):
            await self.redis("FLUSHALL")
            await self.redis("HSET", f"{K.handset}{HANDSET}", NUMBER, f'["ann","{OLD}",1,1]', F.version, 1)
            item = await self.trying()
            self.assertTrue((await self.resolved(await self.reply())).waits)
            self.clock.advance(1)
            if ends == "accepted":
                await self.store.record_accepted(item, attempt(HANDSET, NUMBER), "sent x y", sent())
            elif ends == "refused":
                await self.store.reschedule(item, 60_000, "HTTP 503")
            elif ends == "dead letter":
                await self.store.set_aside(item, "refused: status 6", uncertain=False)
            else:
                await self.store.suspend_sending(item, "status 9")
            self.assertEqual((await self.resolved(await self.next_reply())).thread, Thread("ann", OLD), ends)

    async def test_stale(self) -> None:
        """Who lost the reply to another process decides nothing."""
        await self.trying()
        reply = await self.reply()
        self.clock.advance(LEASE / 1000 + 1)
        other = await self.next_reply()
        self.assertTrue((await self.resolved(reply)).waits)
        self.assertNotEqual(other.token, reply.token)

    async def test_two_attempts(self) -> None:
        """Two texts of the new conversation are uncertain: the receipt of either decides."""
        one = await self.trying()
        await self.store.set_aside(one, "no answer", uncertain=True, on_wire=1.0)
        two = await self.trying(2)
        await self.store.set_aside(two, "no answer", uncertain=True, on_wire=1.0)
        reply = await self.reply()
        self.clock.advance(1)
        await self.store.record_accepted(two, attempt(HANDSET, NUMBER), "sent x y", Accepted(2.0, 1.0))
        self.assertEqual(await self.resolved(reply), Resolved(Thread("ann", OLD)))
        await self.store.complete(reply, "posted")
        self.clock.advance(3.1)
        self.assertEqual((await self.reply("in 2")).thread, Thread("bob", CONVERSATION))


class LateAcceptanceTests(ResolvingCase):
    async def test_resent_from_another_number(self) -> None:
        """The first attempt was given up and the second is under way from another number when the receipt of the first
        comes, which names its number: that one carries the conversation, and of the other nothing is known."""
        one = await self.trying()
        await self.store.set_aside(one, "no answer", uncertain=True)
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "resend", REPORT)
        (two,) = await self.claim()
        self.assertEqual(await self.begin(two, HANDSET, (NUMBERS[1],)), "OK")
        await self.receipt(one.id, NUMBER)
        for number, user in ((NUMBER, "bob"), (NUMBERS[1], None)):
            entry = await self.redis("HGET", f"{K.handset}{HANDSET}", number)
            self.assertEqual(entry and entry.split('"')[1], user)
        self.assertFalse(await self.store.record_accepted(two, attempt(HANDSET, NUMBERS[1]), "sent x y", sent()))
        self.assertIn("bob", await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBERS[1]))

    async def test_only_the_last_sms_counts(self) -> None:
        """A receipt that comes after the taking back gives nothing to the conversation when another SMS went out from
        that number since, even to the same thread as before."""
        one = await self.trying()
        await self.store.set_aside(one, "no answer", uncertain=True)
        self.clock.advance(SETTLE / 1000)
        await self.store.reconcile(5, SETTLE, "drop", REPORT)
        await self.redis("HSET", f"{K.handset}{HANDSET}", f"{F.accepted_at}{NUMBER}", int(self.now()))
        await self.receipt(one.id, NUMBER)
        self.assertIn("ann", await self.redis("HGET", f"{K.handset}{HANDSET}", NUMBER))
        reply = await self.reply()
        self.assertTrue(reply.doubt)

    async def receipt(self, item_id: str, number: str) -> None:
        await self.store.record_receipt(delivery_report(reference(item_id), "0A01", HANDSET, number, "delivered", "0"))
