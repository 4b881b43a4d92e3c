"""What Redis tells of itself: whether it takes what is written, what it remembers, what waits, and what it may lose."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from nexmo_twisted.domain.heartbeat import Heartbeat, RedisSettings
from nexmo_twisted.domain.model import InboundSms
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.monitor import RedisHeartbeat
from nexmo_twisted.store.schema import KEYS
from nexmo_twisted.store.url import parse
from tests.factories import event, uuid
from tests.inspector import K
from tests.scenarios.own_redis import OwnRedis
from tests.store.cases import QueueCase
from tests.support import NEW_YEAR, StoreCase

DAY = 86_400_000


class HeartbeatTests(QueueCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.one = RedisHeartbeat(self.connection, "one", self.now)
        self.two = RedisHeartbeat(self.connection, "two", self.now)

    async def heartbeat(self, number: int, redis: RedisHeartbeat | None = None) -> int | None:
        return (await (redis or self.one).heartbeat(number, DAY)).before

    async def test_remembered(self) -> None:
        """Each beat hears of the one before, and of nobody else's."""
        heard = [
            await self.heartbeat(1),
            await self.heartbeat(2),
            await self.heartbeat(70, self.two),
            await self.heartbeat(3),
        ]
        self.assertEqual(heard, [None, 1, None, 2])
        self.assertEqual(await self.heartbeat(71, self.two), 70)

    async def test_carried_out_late(self) -> None:
        """A beat that comes after its successor does not lower the number."""
        await self.heartbeat(5)
        self.assertEqual(await self.heartbeat(3), 5)
        self.assertEqual(await self.heartbeat(6), 5)
        self.assertEqual(await self.heartbeat(7), 6)

    async def test_forgotten(self) -> None:
        """Beats are forgotten by themselves, and at once when their process says so."""
        await self.heartbeat(1)
        left = await self.redis("PTTL", f"{K.beat}one")
        self.assertTrue(0 < left <= DAY, left)
        await self.one.forget()
        self.assertEqual(await self.redis("KEYS", "*"), [])

    async def test_nothing_waits(self) -> None:
        """An empty Redis has nothing but the time."""
        self.assertEqual(await self.one.heartbeat(1, DAY), Heartbeat(now=NEW_YEAR * 1000))

    async def test_redis_time(self) -> None:
        """In production the time is that of Redis."""
        heartbeat = await RedisHeartbeat(self.connection, "one").heartbeat(1, DAY)
        seconds, micros = await self.redis("TIME")
        self.assertLess(int(seconds) * 1000 + int(micros) // 1000 - heartbeat.now, 30_000)

    async def test_what_waits(self) -> None:
        """It counts what waits, and tells how long the oldest that is due has waited."""
        for n, delay in ((1, 1000), (2, 500_000)):
            sent = event("sent", uuid(n))
            await self.store.record_event(sent, delay)
        self.clock.advance(61)
        await self.owe(3, "bob", "cleo")  # which looks at the first one too: nobody is owed anything by it
        sent = event("sent", uuid(4))
        await self.store.record_event(sent, 0)
        await self.store.receive_sms(
            InboundSms(message_id="id", msisdn="12015550198", to="12015550101", text="Yes"),
            "12015550198",
            "12015550101",
        )
        self.clock.advance(10)
        heartbeat = await self.one.heartbeat(1, DAY)
        self.assertEqual((heartbeat.pending, heartbeat.pending_age), (2, 10_000))
        self.assertEqual((heartbeat.out, heartbeat.out_age), (2, 10_001))
        self.assertEqual((heartbeat.in_, heartbeat.in_age), (1, 10_000))
        self.assertEqual((heartbeat.out_jobs, heartbeat.in_jobs), (2, 1))

    async def test_jobs(self) -> None:
        """Of one user all jobs are counted, also the one that is worked on."""
        for n in range(1, 6):
            await self.owe(n)
        await self.claim()
        heartbeat = await self.one.heartbeat(1, DAY)
        self.assertEqual((heartbeat.out, heartbeat.out_jobs), (1, 5))

    async def test_jobs_of_many(self) -> None:
        """In a thousand lanes they are counted; each further lane counts as one job, and so does an unreadable one."""
        lanes = [f"user-{n:04}" for n in range(1003)]
        await self.redis("ZADD", KEYS["out_queue"], *(word for lane in lanes for word in ("0", lane)))
        for lane in (lanes[0], lanes[999], lanes[1000]):
            await self.redis("ZADD", KEYS["out_lane"] + lane, 0, "one", 0, "two", 0, "three")
        await self.redis("SET", KEYS["out_lane"] + lanes[1], "no lane")
        heartbeat = await self.one.heartbeat(1, DAY)
        self.assertEqual((heartbeat.out, heartbeat.out_jobs), (1003, 3 + 3 + 1 + 3))

    async def test_at_work(self) -> None:
        """What is being worked on is not overdue."""
        await self.owe()
        await self.claim()
        self.clock.advance(10)
        heartbeat = await self.one.heartbeat(1, DAY)
        self.assertEqual((heartbeat.out, heartbeat.out_age), (1, 0))

    async def test_aside(self) -> None:
        """It counts uncertain SMS and dead letters, and tells how long the oldest uncertain one has been so."""
        for n, uncertain in ((1, True), (2, True), (3, False)):
            await self.owe(n)
            (item,) = await self.claim()
            await self.store.set_aside(item, "why", uncertain=uncertain)
            self.clock.advance(10)
        await self.store.receive_sms(
            InboundSms(message_id="id", msisdn="12015550198", to="12015550101", text="Yes"),
            "12015550198",
            "12015550101",
        )
        (reply,) = (await self.store.claim_replies(1, 1000)).items
        await self.store.set_aside(reply, "why", uncertain=False)
        heartbeat = await self.one.heartbeat(1, DAY)
        self.assertEqual((heartbeat.uncertain, heartbeat.uncertain_age), (2, 30_002))
        self.assertEqual((heartbeat.out_dead, heartbeat.in_dead), (1, 1))

    async def test_held(self) -> None:
        """It tells since when the outgoing side is held, and why."""
        await self.owe()
        (item,) = await self.claim()
        since = int(self.now())
        await self.store.suspend_sending(item, "no credit")
        self.clock.advance(10)
        heartbeat = await self.one.heartbeat(1, DAY)
        self.assertEqual((heartbeat.suspended_since, heartbeat.suspended_reason), (since, "no credit"))


class OwnRedisCase(StoreCase):
    """A server of the test's own, as it should be: noeviction, AOF, fsync always."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.server = OwnRedis()
        self.addCleanup(self.server.close)
        self.watched = await self.watch(self.server.url)

    async def watch(self, url: str) -> RedisHeartbeat:
        connection = Connection(reactor, parse(url), self.scripts)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        await connection.open()
        return RedisHeartbeat(connection, "one", self.now)

    async def as_user(self, *rules: str) -> RedisHeartbeat:
        """As a user who may do anything but this."""
        self.server.ask("ACL", "SETUSER", "guest", "on", ">guest", "~*", "&*", "+@all", *rules)
        return await self.watch(f"unix://guest:guest@{self.server.socket}")


class RefusedHeartbeatTests(OwnRedisCase):
    async def test_full(self) -> None:
        """Out of memory it refuses a beat, as it refuses a webhook; afterwards not."""
        await self.watched.heartbeat(1, DAY)
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        with self.assertRaises(StoreUnavailable):
            await self.watched.heartbeat(2, DAY)
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual((await self.watched.heartbeat(3, DAY)).before, 1)

    async def test_read_only(self) -> None:
        """So does one that became a replica."""
        await self.watched.heartbeat(1, DAY)
        self.server.ask("REPLICAOF", "127.0.0.1", "1")
        with self.assertRaises(StoreUnavailable):
            await self.watched.heartbeat(2, DAY)

    async def test_killed(self) -> None:
        """What it confirmed it still has after it was killed, its disk being written at once."""
        await self.watched.heartbeat(1, DAY)
        self.server.kill()
        self.server.start()
        again = await self.watch(self.server.url)
        self.assertEqual((await again.heartbeat(2, DAY)).before, 1)


class RedisSettingsTests(OwnRedisCase):
    async def test_told(self) -> None:
        """Its settings, as they are at that moment."""
        self.assertEqual(await self.watched.settings(), RedisSettings("noeviction", True, "always"))
        for name, value, expected in (
            ("appendfsync", "everysec", RedisSettings("noeviction", True, "everysec")),
            ("appendfsync", "no", RedisSettings("noeviction", True, "no")),
            ("appendonly", "no", RedisSettings("noeviction", False, "no")),
            ("maxmemory-policy", "volatile-ttl", RedisSettings("volatile-ttl", False, "no")),
        ):
            self.server.ask("CONFIG", "SET", name, value)
            self.assertEqual(await self.watched.settings(), expected)

    async def test_without_config(self) -> None:
        """Where CONFIG is not allowed, as at those who run Redis for others, INFO tells all but the fsync."""
        guest = await self.as_user("-config")
        self.assertEqual(await guest.settings(), RedisSettings("noeviction", True, None))
        self.server.ask("CONFIG", "SET", "appendonly", "no")
        self.server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        self.assertEqual(await guest.settings(), RedisSettings("allkeys-lru", False, None))

    async def test_without_info(self) -> None:
        """Where neither is, nothing can be told; and beats are beaten all the same."""
        guest = await self.as_user("-config", "-info")
        self.assertEqual(await guest.settings(), RedisSettings(None, None, None))
        self.assertEqual((await guest.heartbeat(1, DAY)).before, None)

    async def test_away(self) -> None:
        """That Redis is away is not taken for a refusal."""
        self.server.kill()
        with self.assertRaises(StoreUnavailable):
            await self.watched.settings()
