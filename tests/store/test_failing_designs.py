"""Designs that are usual and fail, each as a test that they would not pass. Others of them have theirs elsewhere:

* pop, then push: test_queue.ClaimTests.test_once, tests/chaos
* a lease that ran out means "run it again": test_queue.BeginAttemptTests.test_lost_lease_is_uncertain
* attempts counted when they are reported: test_queue.ClaimTests.test_crashing_item
* late acknowledgements thrown away: test_queue.BeginAttemptTests.test_late_truth, test_uncertain
* clocks of clients: tests/scenarios/test_clocks.py
"""

from __future__ import annotations

import json

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.model import InboundSms, Status
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.url import parse
from tests.factories import NUMBERS, REPORT, delivery_report, event, uuid, webhook
from tests.inspector import K
from tests.scenarios.outside import Caller
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import DELAY, TALK, World
from tests.store.cases import LEASE, QueueCase
from tests.support import attempt, sent

DAY = 86_400.0
HANDSET = "12015550198"

#: Keys without an end: two counters, and lists whose entries end with what they name.
ENDLESS = {K.seq, K.suspended_ms}


class LeaseLengthTests(QueueCase):
    async def test_no_longer_than_the_delay(self) -> None:
        """A lease that spans the delay gives a long delay to several processes, one after the other. Here a check is
        nobody's before it is due: however often processes look, one notification comes of it, and none early."""
        sent = event("sent", uuid(1), bob=Status.SENT)
        days = 20
        await self.store.record_event(sent, int(days * DAY * 1000))
        for _ in range(days * 4 - 1):
            self.clock.advance(DAY / 4)
            self.assertEqual((await self.store.promote(200, REPORT)).notifications, 0)
            self.assertEqual(await self.claim(), [])
        self.clock.advance(DAY / 4)
        self.assertEqual((await self.store.promote(200, REPORT)).notifications, 1)
        self.assertEqual((await self.store.promote(200, REPORT)).notifications, 0)
        self.assertEqual(len(await self.claim()), 1)


class RepeatedEventTests(World):
    """A message is known by its own id. The id of an event or request differs where the message is the same (two
    registrations, one made anew) and would be forgotten some day."""

    async def post(self, message: str, event_id: str, registration: str) -> None:
        document = webhook(
            id=f"layer:///messages/{message}",
            conversation={"id": TALK, "url": f"{self.sandbox.layer_url}/conversations/{TALK.rpartition('/')[2]}"},
            sender={"user_id": "ann", "name": None},
            recipient_status={"ann": "read", "bob": "sent"},
        )
        document["event"]["id"], document["config"]["name"] = event_id, registration
        caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)
        self.assertEqual((await caller.event(document)).code, 204)

    async def test_one_message_by_many_events(self) -> None:
        """Whatever the ids of its events and whoever is registered, also after it was dealt with: one text."""
        for event_id, registration in ((uuid(1), "Nexmo Integration"), (uuid(2), "Another"), (uuid(3), "Another")):
            await self.post(uuid(9), event_id, registration)
        await self.pass_time(DELAY)
        for days in range(3):
            self.clock.advance(days * DAY)
            await self.post(uuid(9), uuid(4 + days), "Made anew")
            await self.pass_time(DELAY)
        self.assertEqual(len(self.texts()), 1)

    async def test_many_messages_by_one_event(self) -> None:
        """The same event id on two messages: two texts."""
        for message in (uuid(8), uuid(9)):
            await self.post(message, uuid(1), "Nexmo Integration")
        await self.pass_time(DELAY)
        self.assertEqual(len(self.texts()), 2)


class ForeignDataTests(World):
    async def test_json_of_others(self) -> None:
        """JSON of others that goes through Lua and back loses its empty lists and long numbers. What the Node service
        has in its keys beside our link stays to the letter."""
        others = {
            "layer:///conversations/11111111-1111-4111-8111-111111111111": {
                "phone": "12015550102",
                "expires": int(self.now()) + 10_000_000,
                "tags": [],
                "nothing": {},
                "long": 12345678901234567,
                "exact": 0.1,
                "text": "\u00fc\u2028/",
            }
        }
        await self.redis("SET", "nexmo-layer-integration-bob", json.dumps(others))
        await self.text_unread()
        kept = json.loads(await self.redis("GET", "nexmo-layer-integration-bob"))
        self.assertIn(TALK, kept)
        del kept[TALK]
        self.assertEqual(json.dumps(kept), json.dumps(others))


class FailingScriptTests(QueueCase):
    """Scripts are atomic, not transactional: nothing takes back what one wrote before it failed. So one that may be
    refused is refused at its first write, and one that makes room is never refused."""

    async def asyncSetUp(self) -> None:
        self.server = OwnRedis()
        self.addCleanup(self.server.close)
        await super().asyncSetUp()

    async def connect(self) -> Connection:
        connection = Connection(reactor, parse(self.server.url), self.scripts)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        await connection.open()
        return connection

    def everything(self) -> dict[str, object]:
        """All keys with all that is in them."""
        return {key: self.server.ask("DUMP", key) for key in self.server.ask("KEYS", "*")}

    async def test_all_or_nothing(self) -> None:
        """Out of memory, what would store something new has stored nothing."""
        await self.owe(1)
        sent, early = event("sent", uuid(2), bob=Status.SENT), event("read", uuid(3), bob=Status.READ)
        known, deleted = event("read", uuid(1), bob=Status.READ), event("deleted", uuid(1))
        before = self.everything()
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        for one in (sent, early, known, deleted):
            with self.assertRaises(StoreUnavailable):
                await self.store.record_event(one, 1000)
        with self.assertRaises(StoreUnavailable):
            await self.store.receive_sms(
                InboundSms(message_id="once", msisdn=HANDSET, to=NUMBERS[0], text="Hi"), HANDSET, NUMBERS[0]
            )
        with self.assertRaises(StoreUnavailable):
            await self.store.quarantine("{}", signed=True)
        self.assertEqual(self.everything(), before)

    async def test_the_way_out(self) -> None:
        """Out of memory, everything that leads to an end is carried out, and wholly."""
        for n in range(1, 9):
            await self.owe(n, f"user{n}")
        new = event("sent", uuid(9), bob=Status.SENT)
        await self.store.record_event(new, 0)
        await self.store.receive_sms(
            InboundSms(message_id="once", msisdn=HANDSET, to=NUMBERS[0], text="Hi"), HANDSET, NUMBERS[0]
        )
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        self.assertEqual((await self.store.promote(200, REPORT)).notifications, 1)
        one, two, three, four, five, six, *rest = await self.claim()
        for item in (one, two, three, *rest):
            self.assertEqual(await self.begin(item, f"1201555{ord(item.user_id[-1]):04}"), "OK")
        self.assertTrue(await self.store.record_accepted(one, attempt(HANDSET, NUMBERS[0]), "sent", sent()))
        self.assertTrue(await self.store.set_aside(two, "time-out", uncertain=True))
        self.assertEqual((await self.store.record_receipt(receipt(two.id))).ended, "U")
        self.assertTrue(await self.store.set_aside(three, "time-out", uncertain=True))
        await self.store.reschedule(four, 5000, "later")
        await self.store.release(five)
        await self.store.complete(six, "no_phone")
        self.clock.advance(LEASE / 1000)
        self.assertEqual((await self.store.claim_notifications(10, LEASE)).lost, len(rest))
        settled = await self.store.reconcile(100, 1000, "park", REPORT)
        self.assertEqual(settled.parked, 1)
        (reply,) = (await self.store.claim_replies(10, LEASE)).items
        await self.store.complete(reply, "posted")
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual(self.server.ask("ZCARD", K.due), 0)
        self.assertEqual(self.server.ask("ZRANGE", K.out_dead, 0, -1), [three.id])
        self.assertCountEqual(self.server.ask("ZRANGE", K.out_uncertain, 0, -1), [item.id for item in rest])
        self.assertCountEqual(self.server.ask("ZRANGE", K.out_queue, 0, -1), [four.user_id, five.user_id])


class LateResultTests(QueueCase):
    async def test_late_words(self) -> None:
        """A receipt or status that comes when all is over and forgotten makes no key that would stay for ever."""
        item = await self.sending()
        await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent", sent())
        for key in (f"{K.message}{item.id.partition('.')[0]}", f"{K.out_item}{item.id}"):
            await self.redis("DEL", key)  # as if its time were over
        before = set(await self.redis("KEYS", "*"))
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, None)
        self.assertFalse(await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0], "thread"), "sent", sent()))
        self.assertFalse(await self.store.set_aside(item, "time-out", uncertain=True))
        await self.store.reschedule(item, 1000, "later")
        await self.store.complete(item, "read")
        self.assertEqual(set(await self.redis("KEYS", "*")) - before, {K.early_receipts})
        for kind, status in (("delivered", Status.DELIVERED), ("read", Status.READ), ("deleted", Status.READ)):
            late = event(kind, uuid(1), bob=status)
            await self.store.record_event(late, 1000)
        for key in set(await self.redis("KEYS", "*")) - ENDLESS:
            self.assertGreater(await self.redis("PTTL", key), 0, key)
        self.assertEqual(await self.redis("ZCARD", K.due), 0)


def receipt(nid: str) -> DeliveryReport:
    return delivery_report(nid, "0B0000000123ABCD1", HANDSET, NUMBERS[0], "delivered", "0")
