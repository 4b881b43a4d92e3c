"""The account is said to be at fault: who is tried before sending is suspended, and who while it is."""

from __future__ import annotations

from nexmo_twisted.domain.model import (
    Notification,
)
from nexmo_twisted.domain.results import (
    Claimed,
)
from tests.factories import NUMBERS, uuid
from tests.inspector import K
from tests.store.cases import LEASE, QueueCase
from tests.support import attempt, sent

MINUTE = 60


class SuspensionCase(QueueCase):
    async def refused(self, item: Notification) -> str:
        """What comes of suspending for an item that is tried and refused."""
        self.assertEqual(await self.begin(item, f"1201555{sum(item.user_id.encode()) % 10_000:04}"), "OK")
        return await self.store.suspend_sending(item, "HTTP 403: request refused")

    async def tried(self) -> Notification:
        (item,) = await self.claim()
        self.assertEqual(await self.claim(), [])
        return item

    async def accept(self, item: Notification) -> None:
        handset = f"1201555{sum(item.user_id.encode()) % 10_000:04}"
        self.assertEqual(await self.begin(item, handset), "OK")
        await self.store.record_accepted(item, attempt(handset, NUMBERS[0]), "sent", sent("id"))

    async def suspension(self) -> dict[str, str]:
        flat = await self.redis("HGETALL", K.suspended)
        return dict(zip(flat[::2], flat[1::2], strict=True))


class SuspectAccountTests(SuspensionCase):
    async def test_another_at_once(self) -> None:
        """One SMS is refused as if the account were at fault: another one is tried at once, and when that goes out
        nothing is suspended, nor ever was."""
        await self.owe(1, "ann2")
        await self.owe(2, "bob")
        await self.owe(3, "cleo")
        (poison,) = await self.claim(1)
        self.assertEqual(await self.refused(poison), "DOUBT")
        self.assertNotIn("since", await self.suspension())
        other = await self.tried()
        self.assertEqual(other.message_id, uuid(2))
        await self.accept(other)
        self.assertEqual((await self.suspension(), await self.redis("EXISTS", K.suspended_ms)), ({}, 0))
        self.assertEqual([item.message_id for item in await self.claim()], [uuid(3)])

    async def test_of_the_same_user(self) -> None:
        """The other one may be the next of the same user."""
        await self.owe(1)
        await self.owe(2)
        (poison,) = await self.claim()
        self.assertEqual(await self.refused(poison), "DOUBT")
        other = await self.tried()
        self.assertEqual(other.message_id, uuid(2))
        await self.accept(other)
        self.clock.advance(MINUTE)
        self.assertEqual((await self.tried()).message_id, uuid(1))

    async def test_the_other_is_refused_too(self) -> None:
        """When the other one is refused as well sending is suspended, and one is tried a minute."""
        for n, user in enumerate(("ann2", "bob", "cleo"), 1):
            await self.owe(n, user)
        (first,) = await self.claim(1)
        await self.refused(first)
        self.assertEqual(await self.refused(await self.tried()), "NEW")
        self.assertEqual((await self.suspension())["since"], self.now())
        self.assertEqual(await self.store.claim_notifications(10, LEASE), Claimed(60_000, []))

    async def test_nobody_else(self) -> None:
        """When no other one waits sending is suspended at once; the next that comes is tried when it comes."""
        await self.owe(1, "ann2")
        (poison,) = await self.claim()
        self.assertEqual(await self.refused(poison), "NEW")
        self.clock.advance(10)
        self.assertEqual(await self.claim(), [])
        await self.owe(2, "bob")
        await self.accept(await self.tried())
        self.assertEqual(await self.suspension(), {})

    async def test_one_message_to_many(self) -> None:
        """A message that is refused to two recipients is tried with no third one while another message could tell
        whose fault it is; that one is tried at once, when it comes."""
        await self.owe(1, *(f"u{n}" for n in range(25)))
        (poison,) = await self.claim(1)
        self.assertEqual(await self.refused(poison), "DOUBT")
        second = await self.tried()
        self.assertEqual(await self.refused(second), "NEW")
        self.assertEqual(await self.claim(), [])
        self.clock.advance(10)
        self.assertEqual(await self.claim(), [])
        await self.owe(2, "bob")
        other = await self.tried()
        self.assertEqual(other.message_id, uuid(2))
        await self.accept(other)
        self.assertEqual(await self.suspension(), {})

    async def test_told_in_between(self) -> None:
        """Recipients of the refused message who are refused meanwhile do not settle the doubt."""
        await self.owe(1, "u0", "u1")
        first, second = await self.claim()
        await self.owe(2, "bob")
        handset = f"1201555{sum(second.user_id.encode()) % 10_000:04}"
        self.assertEqual(await self.begin(second, handset), "OK")
        self.assertEqual(await self.refused(first), "DOUBT")
        self.assertEqual(await self.store.suspend_sending(second, "HTTP 403"), "DOUBT")
        other = await self.tried()
        self.assertEqual(other.message_id, uuid(2))
        await self.accept(other)
        self.assertEqual(await self.suspension(), {})

    async def test_needs_no_sms(self) -> None:
        """When the other one needs no SMS, or cannot be prepared, the next is tried at once."""
        for n, user in enumerate(("ann2", "bob", "cleo", "dan"), 1):
            await self.owe(n, user)
        (poison,) = await self.claim(1)
        await self.refused(poison)
        await self.store.complete(await self.tried(), "read")
        await self.store.reschedule(await self.tried(), 60_000, "Layer is away")
        dan = await self.tried()
        self.assertEqual(dan.message_id, uuid(4))
        await self.store.set_aside(dan, "template", uncertain=False)
        self.assertEqual((await self.tried()).message_id, uuid(1))

    async def test_tells_nothing(self) -> None:
        """An answer that tells nothing of the account leaves the doubt to the next one, at once."""
        for n, user in enumerate(("ann2", "bob", "cleo", "dan"), 1):
            await self.owe(n, user)
        (poison,) = await self.claim(1)
        await self.refused(poison)
        for n in (2, 3):
            probe = await self.tried()
            self.assertEqual((await self.begin(probe, f"1201555017{n}"), probe.message_id), ("OK", uuid(n)))
            if n == 2:
                await self.store.reschedule(probe, 5000, "connection refused")
            else:
                await self.store.set_aside(probe, "no answer", uncertain=True)
        await self.accept(await self.tried())
        self.assertEqual(await self.suspension(), {})

    async def test_late_word(self) -> None:
        """A refusal that is heard when the lease is over does not disturb what its user's lane is working on."""
        await self.owe(1)
        await self.owe(2)
        (late,) = await self.claim()
        await self.begin(late)
        self.clock.advance(LEASE / 1000)
        (other,) = await self.claim()
        self.assertEqual(await self.store.suspend_sending(late, "no credit"), "DOUBT")
        self.assertEqual(await self.claim(), [])
        await self.store.release(other)
        self.assertEqual((await self.tried()).message_id, uuid(2))

    async def test_alone_after_all(self) -> None:
        """When the others are gone the first one is tried again; when it is refused, sending is suspended."""
        await self.owe(1, "ann2")
        await self.owe(2, "bob")
        (poison,) = await self.claim(1)
        await self.refused(poison)
        await self.store.complete(await self.tried(), "read")
        self.assertEqual(await self.refused(await self.tried()), "NEW")
        self.assertEqual(await self.store.claim_notifications(10, LEASE), Claimed(60_000, []))

    async def test_swept(self) -> None:
        """An undecided suspension is no broken one."""
        await self.owe(1, "ann2")
        await self.owe(2, "bob")
        (poison,) = await self.claim(1)
        await self.refused(poison)
        before = await self.suspension()
        found = await self.connection.run("sweep_keys", self.now(), "0", 1000, "01", 1000)
        self.assertEqual((found[2:], await self.suspension()), ([], before))


class SuspendedAccountTests(SuspensionCase):
    async def test_never_the_first(self) -> None:
        """While another one waits it is never the item that the suspension began with that is tried, also when that was
        the first to wait, and whichever lane the others are in."""
        await self.owe(1, "ann2")
        (poison,) = await self.claim(1)
        await self.refused(poison)
        await self.owe(2, "ann2")
        for _ in range(5):
            probe = await self.tried()
            self.assertEqual(probe.message_id, uuid(2))
            await self.refused(probe)
            self.clock.advance(MINUTE)
        await self.owe(3, "bob")
        self.assertEqual((await self.tried()).message_id, uuid(3))

    async def test_those_not_tried_yet(self) -> None:
        """Who came since the last probe is tried before those who were refused."""
        await self.owe(1, "ann2")
        await self.owe(2, "bob")
        (poison,) = await self.claim(1)
        await self.refused(poison)
        await self.refused(await self.tried())
        await self.owe(3, "cleo")
        self.clock.advance(MINUTE)
        self.assertEqual((await self.tried()).message_id, uuid(3))

    async def test_another_message(self) -> None:
        """When a message to many is refused it is not each of them that is tried, one a minute, but other messages."""
        await self.owe(1, "ann2")
        (poison,) = await self.claim(1)
        await self.refused(poison)
        await self.owe(2, *(f"u{n}" for n in range(25)))
        self.assertEqual(await self.refused(await self.tried()), "DONE")
        await self.owe(3, "bob")
        self.clock.advance(MINUTE)
        self.assertEqual((await self.tried()).message_id, uuid(3))

    async def test_those_of_before(self) -> None:
        """Two that are refused again, and were refused before while others went out, suspend nothing."""
        for n, user in enumerate(("ann2", "bob", "cleo"), 1):
            await self.owe(n, user)
        (first,) = await self.claim(1)
        await self.refused(first)
        (second,) = await self.claim(1)
        self.assertEqual(second.message_id, uuid(2))
        await self.refused(second)
        self.clock.advance(MINUTE)
        await self.accept(await self.tried())
        await self.owe(4, "dan")
        items = {item.message_id: item for item in await self.claim()}
        self.assertEqual(set(items), {uuid(1), uuid(2), uuid(4)})
        for n in (1, 2):
            self.assertEqual(await self.begin(items[uuid(n)], f"1201555016{n}"), "OK")
        self.assertEqual(await self.store.suspend_sending(items[uuid(1)], "403"), "DOUBT")
        self.assertEqual(await self.store.suspend_sending(items[uuid(2)], "403"), "DOUBT")
        await self.store.release(items[uuid(4)])
        await self.accept(await self.tried())
        self.assertEqual(await self.suspension(), {})

    async def test_a_refusal_of_its_own(self) -> None:
        """A probe that is refused for a reason of its own proves that the account works."""
        await self.owe(1, "ann2")
        await self.owe(2, "bob")
        (poison,) = await self.claim(1)
        await self.refused(poison)
        probe = await self.tried()
        await self.begin(probe, "12015550177")
        await self.store.set_aside(probe, "refused: number barred", uncertain=False, account_works=True)
        self.assertEqual(await self.suspension(), {})

    async def test_no_proof(self) -> None:
        """What is given up for another reason proves nothing, nor what was on its way when the hold began."""
        await self.owe(1, "ann2")
        await self.owe(2, "bob")
        first, second = await self.claim()
        await self.begin(second, "12015550177")
        await self.refused(first)
        await self.store.set_aside(second, "refused: number barred", uncertain=False, account_works=True)
        self.assertEqual((await self.suspension())["by"], first.id)
        await self.owe(3, "cleo")
        probe = await self.tried()
        await self.store.set_aside(probe, "template", uncertain=False)
        self.assertEqual((await self.suspension())["by"], first.id)

    async def test_many_lanes(self) -> None:
        """However many wait for the same message, the other one is found."""
        await self.owe(1, *(f"u{n:03}" for n in range(500)))
        (poison,) = await self.claim(1)
        await self.refused(poison)
        await self.owe(2, "bob")
        self.assertEqual((await self.tried()).message_id, uuid(2))
