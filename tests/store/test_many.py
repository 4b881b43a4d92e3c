"""A message to many: each step costs the same however many there are, and all that is told of it is the same."""

from __future__ import annotations

from collections.abc import Sequence

from nexmo_twisted.domain.ids import message_key
from nexmo_twisted.domain.inspection import MessageReport
from nexmo_twisted.domain.model import Notification, Status
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.schema import KEEP
from tests.factories import NUMBERS, REPORT, delivery_report, event, kept, uuid
from tests.inspector import K
from tests.store.cases import SweepCase
from tests.support import attempt, sent

MANY = [f"user{number:02}" for number in range(60)]
MID = message_key(uuid(1))


class ManyCase(SweepCase):
    async def claim(self, limit: int = 100) -> list[Notification]:
        return sorted(await super().claim(limit), key=lambda item: item.user_id)

    async def accepted(self, item: Notification) -> None:
        number = int(item.user_id[4:])
        handset = f"120155502{number:02}"
        self.assertEqual(await self.begin(item, handset), "OK")
        await self.store.record_accepted(
            item, attempt(handset, NUMBERS[0]), f"sent {NUMBERS[0]} 0A{number:02}", sent(f"0A{number:02}")
        )

    async def facts(self) -> MessageReport:
        facts = await QueueAdmin(self.connection, self.now).inspect_message(uuid(1))
        assert facts is not None
        return facts

    async def apart(self) -> int:
        exists: int = await self.redis("EXISTS", f"{K.outcomes}{MID}")
        return exists


class ExpiredMessageTests(ManyCase):
    async def test_known_by_its_whole_id(self) -> None:
        """A recipient whose text ran out while others are open is told apart by the whole digest, as all are."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.redis("DEL", f"{K.out_item}{items[0].id}")
        await self.redis("PERSIST", f"{K.message}{MID}")
        self.clock.advance(KEEP["aside"] / 1000)
        await self.sweep()
        self.assertTrue(await self.redis("HEXISTS", f"{K.outcomes}{MID}", items[0].id.partition(".")[2]))


class ManyRecipientsTests(ManyCase):
    async def test_claimed(self) -> None:
        """Each of many notifications has the whole message with everybody's status."""
        await self.owe(1, *MANY)
        items = await self.claim()
        self.assertEqual([item.user_id for item in items], MANY)
        for item in items:
            self.assertEqual(item.statuses, {"ann": Status.READ, **dict.fromkeys(MANY, Status.SENT)})
            self.assertEqual((item.sender, bool(item.payload), item.gone), ("ann", True, ""))

    async def test_closed_one_by_one(self) -> None:
        """At each moment it is told how many are open and what became of the others; in the end all are."""
        await self.owe(1, *MANY)
        for number, item in enumerate(await self.claim(), 1):
            await self.accepted(item)
            facts = await self.facts()
            self.assertEqual(sorted(facts.outcomes), MANY[:number])
            left = len(MANY) - number
            self.assertEqual((facts.closed, facts.open or 0), ("" if left else "done", left))
            self.assertEqual(len(facts.entries), left)
        self.assertEqual(facts.outcomes["user07"], f"sent {NUMBERS[0]} 0A07 @1")
        self.assertEqual(await self.apart(), 0)
        await self.assert_ends(f"{K.message}{MID}", KEEP["closed"])
        self.assertEqual(await self.sweep(), {})

    async def test_nothing_to_repair(self) -> None:
        """The sweep finds it as it should be, at whatever point, also while some are aside."""
        await self.owe(1, *MANY)
        self.assertEqual(await self.sweep(), {})
        one, two, *others = await self.claim()
        await self.store.set_aside(one, "why", uncertain=False)
        await self.store.complete(two, "no_phone")
        await self.redis("PERSIST", f"{K.message}{MID}")
        for item in others:
            self.assertEqual(await self.sweep(), {})
            await self.store.complete(item, "no_phone")
        self.assertEqual((await self.facts()).open, 1)
        self.assertEqual(await self.sweep(), {})

    async def test_news_after_the_claim(self) -> None:
        """Who has read it since the claim gets no text, nor does anybody of a message that is deleted or gone."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.store.record_event(event("read", uuid(1), user00=Status.READ), 0)
        self.assertEqual(await self.begin(items[0], "12015550198"), "read")
        self.assertEqual(await self.begin(items[1], "12015550198"), "OK")
        await self.store.record_event(event("deleted", uuid(1)), 0)
        self.assertEqual(await self.begin(items[2], "12015550198"), "deleted")
        await self.redis("DEL", f"{K.message}{MID}")
        self.assertEqual(await self.begin(items[3], "12015550198"), "expired")

    async def test_gone_unnoticed(self) -> None:
        """Also of one that ran out without anybody's doing."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.redis("DEL", f"{K.message}{MID}")
        self.assertEqual(await self.begin(items[0], "12015550198"), "expired")

    async def test_news_without_a_version(self) -> None:
        """So it is when what stands apart was lost, before the claim or after it."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.redis("DEL", f"{K.outcomes}{MID}")
        await self.store.release(items[1])
        (again,) = await self.claim()
        await self.store.record_event(event("read", uuid(1), user00=Status.READ, user01=Status.READ), 0)
        self.assertEqual(await self.begin(items[0], "12015550198"), "read")
        self.assertEqual(await self.begin(again, "12015550198"), "read")

    async def test_read_between_two_claims(self) -> None:
        """Each claim looks anew."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.store.record_event(event("read", uuid(1), user00=Status.READ), 0)
        await self.store.release(items[0])
        (again,) = await self.claim()
        self.assertEqual(again.statuses["user00"], Status.READ)

    async def test_receipts(self) -> None:
        """What a receipt says is kept while others are open, and after that."""
        await self.owe(1, *MANY)
        one, two, *others = await self.claim()
        await self.accepted(one)
        await self.accepted(two)
        heard = await self.store.record_receipt(delivery_report(one.id, "", "", "", "failed", "6"))
        self.assertEqual((heard.message_id, kept(heard.before), kept(heard.said)), (uuid(1), "", "f6"))
        heard = await self.store.record_receipt(delivery_report("", "0A01", "", "", "delivered", "0"))
        self.assertEqual((heard.message_id, kept(heard.said)), (uuid(1), "d"))
        outcomes = (await self.facts()).outcomes
        self.assertTrue(outcomes["user00"].endswith(" =f6") and outcomes["user01"].endswith(" =d"), outcomes)
        for item in others:
            await self.store.complete(item, "no_phone")
        self.assertEqual({user: (await self.facts()).outcomes[user] for user in outcomes}, outcomes)
        heard = await self.store.record_receipt(delivery_report("", "0A01", "", "", "failed", "1"))
        self.assertEqual((kept(heard.before), kept(heard.said)), ("d", "f1"))

    async def test_deleted_meanwhile(self) -> None:
        """A message that is deleted while some are open is closed with the last of them, and still tells of all."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.accepted(items[0])
        await self.store.record_event(event("deleted", uuid(1)), 0)
        self.assertEqual(await self.begin(items[1], "12015550198"), "deleted")
        self.assertEqual((await self.facts()).open, len(MANY) - 1)
        for item in items[1:]:
            await self.store.complete(item, "deleted")
        facts = await self.facts()
        self.assertEqual((facts.closed, sorted(facts.outcomes), facts.open), ("deleted", MANY, None))
        self.assertTrue(facts.outcomes["user00"].startswith("sent"))
        self.assertEqual(await self.apart(), 0)

    async def test_expired_meanwhile(self) -> None:
        """When the message itself is gone, nothing of it stays behind."""
        await self.owe(1, *MANY)
        items = await self.claim()
        await self.redis("DEL", f"{K.message}{MID}")
        for item in items:
            await self.store.complete(item, "expired")
        self.assertEqual(await self.apart(), 0)

    async def test_orphan(self) -> None:
        """Outcomes of a message that is gone end by themselves."""
        await self.owe(1, *MANY)
        await self.redis("DEL", f"{K.message}{MID}")
        self.assertEqual((await self.sweep())["expiry"], 1)
        await self.assert_ends(f"{K.outcomes}{MID}", KEEP["closed"])

    async def test_lost_item(self) -> None:
        """One that was lost is uncertain, and the message is closed when that is settled."""
        await self.owe(1, *MANY)
        one, two, *others = await self.claim()
        await self.redis("DEL", f"{K.out_item}{one.id}")
        await self.redis("DEL", f"{K.out_lane}{one.user_id}")
        self.assertEqual((await self.sweep())["item"], 1)
        for item in (two, *others):
            await self.store.complete(item, "no_phone")
        self.assertEqual((await self.facts()).open, 1)
        await self.store.record_receipt(delivery_report(one.id, "", "", "", "delivered", "0"))
        facts = await self.facts()
        self.assertEqual((facts.closed, len(facts.outcomes)), ("done", len(MANY)))

    async def test_lost_outcomes(self) -> None:
        """When what stands apart was lost the message is closed all the same."""
        await self.owe(1, *MANY)
        items = await self.claim()
        for item in items[:30]:
            await self.store.complete(item, "no_phone")
        await self.redis("DEL", f"{K.outcomes}{MID}")
        for item in items[30:]:
            await self.store.complete(item, "no_phone")
        await self.sweep()
        for item in await self.claim():
            await self.store.complete(item, "no_phone")
        self.assertNotIn("item", await self.sweep())

    async def test_expired_items(self) -> None:
        """Items that lay aside for too long are forgotten one by one, and the message is closed with the last."""
        await self.owe(1, *MANY)
        items = await self.claim()
        for item in items[:58]:
            await self.accepted(item)
        for item in items[58:]:
            await self.store.set_aside(item, "why", uncertain=False)
        await self.redis("PERSIST", f"{K.message}{MID}")
        for item in items[58:]:
            await self.redis("PERSIST", f"{K.out_item}{item.id}")
        self.clock.advance(KEEP["aside"] / 1000)
        self.assertEqual(await self.sweep(), {"expired out": 2})
        facts = await self.facts()
        self.assertEqual((facts.closed, len(facts.outcomes)), ("done", len(MANY)))
        self.assertTrue(facts.outcomes["user59"].startswith("expired"))

    async def test_few(self) -> None:
        """A message to few costs no key and no field more than before."""
        await self.owe(1, *MANY[:50])
        self.assertEqual(await self.apart(), 0)
        (nid,) = await self.redis("ZRANGE", f"{K.out_lane}user00", 0, -1)
        self.assertEqual(sorted(await self.redis("HKEYS", f"{K.out_item}{nid}")), ["d", "g", "l", "m", "s"])


class LinearCostTests(ManyCase):
    async def redis_time(self, users: Sequence[str]) -> float:
        """Microseconds that Redis takes for each recipient, from the claim to the end."""
        await self.redis("FLUSHALL")
        sent = event("sent", uuid(1), **dict.fromkeys(users, Status.SENT))
        await self.store.record_event(sent, 0)
        await self.store.promote(200, REPORT)
        self.clock.advance(1)
        await self.redis("CONFIG", "RESETSTAT")
        while items := await self.claim(20):
            for item in items:
                await self.begin(item, f"1201{item.user_id[4:]:>07}")
                await self.store.complete(item, "no_phone")
        (line,) = [line for line in (await self.redis("INFO", "commandstats")).split() if "_evalsha:" in line]
        return int(line.partition("usec=")[2].partition(",")[0]) / len(users)

    async def test_a_thousand(self) -> None:
        """A recipient among a thousand costs Redis about as much as one among a hundred."""
        few, many = [f"user{number:04}" for number in range(100)], [f"user{number:04}" for number in range(1000)]
        best = [min([await self.redis_time(users) for _ in range(3)]) for users in (few, many)]
        self.assertLess(best[1], 3 * best[0])
