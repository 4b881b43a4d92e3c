"""What the keys begin with: applications with different prefixes share one Redis and do not meet."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from nexmo_twisted.domain.links import Choice, choose
from nexmo_twisted.domain.model import Accepted, Asked, InboundSms, Part, Status, Thread
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.monitor import RedisHeartbeat
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.schema import KEYS, PREFIX
from nexmo_twisted.store.sweep import RedisSweep
from nexmo_twisted.store.url import parse
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, delivery_report, event, uuid
from tests.support import PATIENCE, Server, StoreCase, attempted

LEASE, LINKS = 90_000, 37 * 86_400_000
NODE = "nexmo-layer-integration-"


class Application:
    """One service on the Redis that all share."""

    def __init__(self, connection: Connection, now: Any) -> None:
        self.connection = connection
        self.store = RedisStore(connection, connection, now)
        self.admin = QueueAdmin(connection, now)
        self.heartbeat = RedisHeartbeat(connection, "one", now)
        self._sweeping = RedisSweep(connection, now, REPORT, LINKS)

    async def work(self) -> None:
        """Texts and replies in every state, so that there are keys of nearly all kinds."""
        for n in range(1, 5):
            sent = event("sent", uuid(n), **{f"user {n}": Status.SENT})
            await self.store.record_event(sent, 0 if n < 4 else 600_000)
        await self.store.promote(200, REPORT)
        one, two, three = (await self.store.claim_notifications(10, LEASE)).items
        choices = []
        for item, handset in ((one, HANDSET), (two, "12015550199")):
            state = await self.store.read_links(item.user_id, handset, raw=handset)
            choice = choose(state, Thread(item.user_id, CONVERSATION), handset, handset, NUMBERS, 1000, 1000)
            assert isinstance(choice, Choice)
            assert await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE) == "OK"
            choices.append(choice)
        accepted = Accepted(0.1, 0.1, ("0A01",))
        await self.store.record_accepted(one, attempted(choices[0]), f"sent {NUMBERS[0]} 0A01", accepted)
        await self.store.record_receipt(delivery_report("", "0A01", HANDSET, NUMBERS[0], "delivered", "0"))
        await self.store.record_receipt(delivery_report("", "0A02", HANDSET, NUMBERS[0], "delivered", "0"))
        await self.store.set_aside(two, "time-out", uncertain=True)
        await self.store.suspend_sending(three, "no credit")
        await self.store.receive_sms(InboundSms("in 1", HANDSET, NUMBERS[0], "Yes"), HANDSET, NUMBERS[0])
        (reply,) = (await self.store.claim_replies(10, LEASE)).items
        await self.store.complete(reply, "posted")
        stop = Asked("stop", "You get no more texts.")
        await self.store.receive_sms(
            InboundSms("in 2", "12015550197", NUMBERS[0], "STOP"), "12015550197", NUMBERS[0], stop
        )
        long = InboundSms("in 3", HANDSET, NUMBERS[0], "A part")
        await self.store.receive_sms_part(long, Part("7", 2, 1), HANDSET, NUMBERS[0], 60_000, 60_000)
        await self.store.dismiss(InboundSms("in 4", HANDSET, NUMBERS[0], " "), "blank")
        await self.store.quarantine('{"source": "layer"}', signed=True)
        await self.store.set_unowned_numbers(["12015550109"])
        await self.store.acquire_lock("job", 60)
        await self.heartbeat.heartbeat(1, 60_000)

    async def sweep(self) -> dict[str, int]:
        """All that a whole sweep finds."""
        found: dict[str, int] = {}
        place: str | None = ""
        while place is not None:
            step = await self._sweeping.step(place)
            found |= {**step.repaired, **step.expired, **step.foreign}
            place = step.next
        return found


class PrefixTests(StoreCase):
    async def application(self, prefix: str) -> Application:
        connection = Connection(reactor, parse(Server.shared().url), Scripts(prefix), reply_timeout=PATIENCE)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        await connection.open()
        return Application(connection, self.now)

    async def keys(self, prefix: str = "") -> dict[str, Any]:
        """The keys that begin with it, and what is in them."""
        keys = [key for key in await self.redis("KEYS", "*") if key.startswith(prefix)]
        return {key: await self.redis("DUMP", key) for key in keys}

    async def test_side_by_side(self) -> None:
        """Three applications do the same work on one database: none sees or touches what is another one's, and a sweep
        finds nothing that is not as it should be."""
        prefixes = ("chat1:", "{chat1}:", PREFIX)
        for number, prefix in enumerate(prefixes):
            application = await self.application(prefix)
            before = await self.keys()
            await application.work()
            after = await self.keys()
            self.assertEqual(
                {key: value for key, value in after.items() if key in before and key[:8] != "nx:lock:"}, before
            )
            own = set(after) - set(before)
            self.assertGreater(len(own), 20)
            others = {key for key in own if not key.startswith((prefix, NODE) if prefix == PREFIX else prefix)}
            self.assertEqual(others, set(), number)
            self.assertEqual(await application.sweep(), {})
            self.assertEqual(await self.keys(), after)
            self.assertEqual(len(await application.admin.aside("out")), 1)

    async def test_the_node_service(self) -> None:
        """With a prefix of one's own, the links that the Node service keeps are neither read nor written."""
        await self.redis("SET", f"{NODE}phone-{HANDSET}", "somebody")
        await self.redis("SET", f"{NODE}somebody", f'{{"c": {{"phone": "{NUMBERS[0]}", "expires": 9999999999999}}}}')
        before = await self.keys(NODE)
        application = await self.application("a:")
        state = await application.store.read_links("somebody", HANDSET, raw=HANDSET, number=NUMBERS[0])
        self.assertEqual((state.user_map, state.owner, state.owner_map), ("", "", ""))
        await application.work()
        self.assertEqual(await self.keys(NODE), before)
        default = await self.application(PREFIX)
        state = await default.store.read_links("somebody", HANDSET, raw=HANDSET, number=NUMBERS[0])
        self.assertEqual(state.owner, "somebody")

    def test_no_other_keys(self) -> None:
        """No script has a key that does not begin with the prefix."""
        for name, (_, source) in Scripts("{x}:").by_name().items():
            code = "\n".join(line.partition("--")[0] for line in source.decode().splitlines())
            self.assertEqual(re.findall(f"{PREFIX}|{NODE}", code), [], name)
        self.assertEqual([key for key in Scripts("{x}:").keys.values() if not key.startswith("{x}:")], [])
        self.assertEqual(Scripts().keys, KEYS)
