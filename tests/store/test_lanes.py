"""Who may look at a lane next: only the item that the lane is leased to gives it free."""

from __future__ import annotations

from nexmo_twisted.domain.model import Notification
from nexmo_twisted.store.schema import F
from tests.factories import HANDSET, NUMBERS, REPORT, receipt, uuid
from tests.inspector import K
from tests.store.cases import LEASE, QueueCase
from tests.support import attempt, sent


class LaneTests(QueueCase):
    async def lost(self, n: int = 1) -> Notification:
        """An SMS whose sender did not say a word until its lease was over, so that it steps aside."""
        item = await self.sending(n)
        self.clock.advance(LEASE / 1000)
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).lost, 1)
        return item

    async def test_free_after_the_end(self) -> None:
        """The next one goes out at once when the one before is done, however it ended."""
        endings = {
            1: lambda item: self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent()),
            2: lambda item: self.store.set_aside(item, "?", uncertain=True),
            3: lambda item: self.store.set_aside(item, "no", uncertain=False),
            4: lambda item: self.store.complete(item, "blank"),
            5: lambda item: self.store.record_receipt(receipt(item.id)),
        }
        for n in range(1, 7):
            await self.owe(n)
        for n, end in endings.items():
            (item,) = await self.claim()
            self.assertEqual((item.message_id, await self.begin(item)), (uuid(n), "OK"))
            self.assertEqual(await self.claim(), [])
            await end(item)
        self.assertEqual([item.message_id for item in await self.claim()], [uuid(6)])

    async def test_a_late_end_frees_nobody_else(self) -> None:
        """A word about an item that lost its lease does not end the lease of the one that is worked on now."""
        for late in (
            lambda item: self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent()),
            lambda item: self.store.record_receipt(receipt(item.id)),
            lambda item: self.store.reschedule(item, 0, "connection refused"),
            lambda item: self.store.complete(item, "blank"),
        ):
            await self.redis("FLUSHALL")
            first = await self.lost(1)
            second = await self.sending(2)
            await late(first)
            claimed = await self.store.claim_notifications(5, LEASE)
            self.assertEqual((claimed.items, claimed.lost), ([], 0))
            self.assertEqual(await self.inspector.state(second.id), "S")

    async def test_two_that_believe_they_hold_it(self) -> None:
        """One comes back as ready while another is on the wire, whose lease then ends: each is judged by itself."""
        first = await self.lost(1)
        second = await self.sending(2)
        await self.store.reschedule(first, 0, "connection refused")
        self.clock.advance(LEASE / 1000)
        (again,) = await self.claim()
        self.assertEqual(again.id, first.id)
        await self.store.record_accepted(second, attempt(HANDSET, NUMBERS[0]), "sent x y", sent())
        claimed = await self.store.claim_notifications(5, LEASE)
        self.assertEqual((claimed.items, claimed.lost), ([], 0))
        self.assertEqual(await self.begin(again), "OK")
        await self.store.record_accepted(again, attempt(HANDSET, NUMBERS[0]), "sent x y", sent())
        self.assertEqual(await self.redis("EXISTS", K.out_queue, f"{K.out_lane}bob"), 0)


class BrokenLaneTests(QueueCase):
    async def test_a_hold_without_its_probe(self) -> None:
        """A hold somebody has damaged still lets one SMS through at a time, and the first success ends it."""
        await self.owe(1)
        await self.redis("HSET", K.suspended, F.since, 1, F.why, "x")
        (probe,) = await self.claim()
        self.assertEqual(await self.begin(probe), "OK")
        await self.owe(2, "cleo")
        self.assertEqual(await self.claim(), [])

    async def test_a_due_entry_of_an_open_message(self) -> None:
        """A message that is being texted already, or is over, is not checked a second time."""
        await self.owe(1)
        (key,) = await self.inspector.keys("message")
        for _ in range(2):
            await self.redis("ZADD", K.due, 1, key.removeprefix(K.message))
            promoted = await self.store.promote(200, REPORT)
            self.assertEqual((promoted.notifications, promoted.orphans), (0, 1))
            for item in await self.claim():
                await self.store.complete(item, "blank")
