"""SMS of unknown outcome: what settles them, and what becomes of those that nothing settles."""

from __future__ import annotations

from nexmo_twisted.domain.link_state import (
    introduction_mark,
)
from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import (
    Status,
    Thread,
)
from nexmo_twisted.domain.results import (
    Reconciled,
)
from nexmo_twisted.store.schema import F
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, event, receipt, uuid
from tests.inspector import K
from tests.store.cases import LEASE, SETTLE, UncertainCase
from tests.support import attempt, sent

MARK = introduction_mark(Thread("bob", CONVERSATION))


class ReceiptProofTests(UncertainCase):
    async def test_any_status(self) -> None:
        """A receipt proves that the SMS was accepted, whatever it says became of it."""
        for n, status in enumerate(("delivered", "failed", "expired", "buffered", "what is this"), 1):
            item = await self.uncertain(n)
            self.assertEqual((await self.store.record_receipt(receipt(item.id, status))).ended, "U")
            self.assertEqual(await self.state(item), "")
        self.assertEqual(len(await self.inspector.uncertain()), 0)

    async def test_once(self) -> None:
        """The second receipt, for the next part or repeated, is no news."""
        item = await self.uncertain()
        await self.store.record_receipt(receipt(item.id))
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, None)
        self.assertEqual(await self.outcome(), f"receipt {NUMBERS[0]} provider-id @1 =d")

    async def test_every_state(self) -> None:
        """It counts in every state that comes after an attempt: on the wire, a dead letter, waiting, claimed again."""
        item = await self.sending(1)
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, "S")
        item = await self.sending(2)
        await self.store.set_aside(item, "refused", uncertain=False)
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, "D")
        self.assertEqual(len(await self.inspector.dead()), 0)
        item = await self.sending(3)
        await self.store.reschedule(item, 0, "later")
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, "R")
        item = await self.sending(4)
        await self.store.reschedule(item, 0, "later")
        (item,) = await self.claim()
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, "C")
        self.assertEqual(await self.begin(item), "STALE")
        self.assertEqual(await self.claim(), [])

    async def test_no_evidence(self) -> None:
        """A reference of which no SMS went out, or of nobody, changes nothing."""
        await self.owe()
        (item,) = await self.claim()
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, None)
        self.assertEqual(await self.state(item), "C")
        for odd in ("nobody", "", "\x00", "é" * 50):
            self.assertEqual((await self.store.record_receipt(receipt(odd))).ended, None)
        self.assertEqual(await self.inspector.keys("out_item"), [f"{K.out_item}{item.id}"])

    async def test_before_the_answer(self) -> None:
        """A receipt that is faster than the answer of the send request: the answer brings no news."""
        item = await self.sending()
        await self.store.record_receipt(receipt(item.id))
        self.assertFalse(await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent()))
        self.assertFalse(await self.store.set_aside(item, "no answer", uncertain=True))
        await self.store.reschedule(item, 0, "refused")
        self.assertEqual(await self.inspector.keys("out_item"), [])

    async def test_introduction(self) -> None:
        """With the SMS its introduction has arrived."""
        await self.owe()
        (item,) = await self.claim()
        state = await self.store.read_links("bob", HANDSET, raw=HANDSET)
        choice = choose(state, Thread("bob", CONVERSATION), HANDSET, HANDSET, NUMBERS, 1000, 1000)
        assert isinstance(choice, Choice)
        await self.store.begin_attempt(item, REPORT, choice.commit, MARK, LEASE)
        await self.store.set_aside(item, "no answer", uncertain=True)
        self.assertEqual(await self.redis("HGET", f"{K.handset}{HANDSET}", f"{F.introduced}{NUMBERS[0]}"), None)
        await self.store.record_receipt(receipt(item.id))
        self.assertEqual(await self.redis("HGET", f"{K.handset}{HANDSET}", f"{F.introduced}{NUMBERS[0]}"), MARK)


class ReconcileTests(UncertainCase):
    async def test_patience(self) -> None:
        """Nothing happens before the settle time is over, and the answer says when that is."""
        item = await self.uncertain()
        self.assertEqual(await self.settle(), Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=SETTLE))
        self.clock.advance(SETTLE / 1000 - 1)
        self.assertEqual(await self.settle(), Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=1000))
        self.assertEqual(await self.state(item), "U")

    async def test_resend_once(self) -> None:
        """Sent again once; when that is uncertain too, it is a dead letter and says so."""
        item = await self.uncertain()
        self.clock.advance(SETTLE / 1000)
        self.assertEqual(await self.settle(), Reconciled(resent=1, parked=0, dropped=0, unneeded=0, next=None))
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item), "OK")
        await self.store.set_aside(item, "no answer", uncertain=True)
        self.clock.advance(SETTLE / 1000)
        self.assertEqual(await self.settle(), Reconciled(resent=0, parked=1, dropped=0, unneeded=0, next=None))
        self.assertEqual(
            await self.redis("HMGET", f"{K.out_item}{item.id}", F.state, F.reason), ["D", "uncertain: no answer"]
        )
        self.assertEqual(await self.inspector.dead(), [item.id])

    async def test_before_one_that_waits(self) -> None:
        """What is sent again does not wait for the backoff of a later one of the same user."""
        item = await self.sending(1)
        await self.store.set_aside(item, "?", uncertain=True)
        self.clock.advance(SETTLE / 1000 - 10)
        later = await self.sending(2)
        await self.store.reschedule(later, 900_000, "too many connections")
        self.clock.advance(10)
        self.assertEqual((await self.settle("resend")).resent, 1)
        self.assertEqual([again.id for again in await self.claim()], [item.id])

    async def test_lost_leases_settle_too(self) -> None:
        """The SMS of a process that died counts from the moment its lease was found over."""
        item = await self.sending()
        self.clock.advance(LEASE / 1000)
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).lost, 1)
        self.assertEqual((await self.settle()).next, SETTLE)
        self.clock.advance(SETTLE / 1000)
        self.assertEqual((await self.settle()).resent, 1)
        self.assertEqual([i.id for i in await self.claim()], [item.id])

    async def test_hold(self) -> None:
        """Suspension: a dead letter, for somebody to decide."""
        item = await self.uncertain()
        self.clock.advance(SETTLE / 1000)
        self.assertEqual(await self.settle("park"), Reconciled(resent=0, parked=1, dropped=0, unneeded=0, next=None))
        self.assertEqual(await self.state(item), "D")

    async def test_drop(self) -> None:
        """Dropped: over, with a word about it."""
        item = await self.uncertain()
        self.clock.advance(SETTLE / 1000)
        self.assertEqual(await self.settle("drop"), Reconciled(resent=0, parked=0, dropped=1, unneeded=0, next=None))
        self.assertEqual((await self.state(item), await self.outcome()), ("", f"uncertain dropped @{SETTLE + 1}"))

    async def test_read_meanwhile(self) -> None:
        """Whoever has read the message, or whose message was deleted, is sent nothing more, whatever the policy."""
        for n, policy in enumerate(("resend", "park", "drop"), 1):
            item = await self.uncertain(n)
            await self.store.record_event(event("read", uuid(n), bob=Status.READ), 0)
            self.clock.advance(SETTLE / 1000)
            self.assertEqual(
                await self.settle(policy), Reconciled(resent=0, parked=0, dropped=0, unneeded=1, next=None), policy
            )
            self.assertEqual(await self.state(item), "")
        item = await self.uncertain(4)
        await self.store.record_event(event("deleted", uuid(4)), 0)
        self.clock.advance(SETTLE / 1000)
        self.assertEqual((await self.settle()).unneeded, 1)

    async def test_blocks_nobody(self) -> None:
        """While one is uncertain the next to the same user goes out; sent again it waits for that one's end."""
        await self.uncertain(1)
        self.clock.advance(SETTLE / 1000 - 10)
        await self.owe(2)
        (second,) = await self.claim()
        self.assertEqual(second.message_id, uuid(2))
        self.assertEqual(await self.begin(second), "OK")
        self.clock.advance(10)
        self.assertEqual((await self.settle()).resent, 1)
        self.assertEqual(await self.claim(), [])
        await self.store.record_accepted(second, attempt(HANDSET, NUMBERS[0]), "sent x y", sent())
        self.assertEqual([item.message_id for item in await self.claim()], [uuid(1)])

    async def test_the_late_truth(self) -> None:
        """A process that says "accepted" after its SMS was found uncertain is believed, also while it is sent again."""
        item = await self.uncertain()
        self.clock.advance(SETTLE / 1000)
        await self.settle()
        (again,) = await self.claim()
        self.assertTrue(await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent()))
        self.assertEqual(await self.begin(again), "STALE")

    async def test_batches(self) -> None:
        """No more at a time than asked for, the longest waiting first."""
        for n in range(1, 6):
            await self.uncertain(n)
            self.clock.advance(1)
        self.clock.advance(SETTLE / 1000)
        first = await self.store.reconcile(3, SETTLE, "resend", REPORT)
        self.assertEqual((first.resent, first.next), (3, 0))
        self.assertEqual((await self.settle()).resent, 2)
