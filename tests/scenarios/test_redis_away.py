"""Redis dead, hung, read-only, full or behind a password: nothing is lost, nothing is doubled, and nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from nexmo_twisted.config import Settings
from nexmo_twisted.service import NexmoService
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller, Heard, Lines
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import ANN, BOB, DELAY, ONE, TALK, World, free_port
from tests.support import turn, until
from tests.web.test_layer_events import webhook

#: An SMS that some caller delivers once and never again.
SMS = urlencode({"messageId": "0A0000000123ABCD1", "msisdn": BOB, "to": ONE, "text": "Once"})
#: Seconds on the wall in which a webhook must be answered: Layer counts a slower one as failed.
AT_ONCE = 1.0
#: Seconds on the clock that a service which stops gives to what it has begun.
PATIENCE = 10


class OwnWorld(World):
    """The world with a Redis of its own."""

    options: tuple[str, ...] = ()
    password = ""

    async def setUp(self) -> None:
        self.server = OwnRedis(*self.options, password=self.password)
        self.addCleanup(self.server.close)
        self.lines = Lines(self)
        await super().setUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)

    def url(self) -> str:
        return self.server.url

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, **{"server": {"redis": self.url()}, **more})

    def begin(self) -> NexmoService:
        """Start a process without waiting until it has its Redis."""
        service = NexmoService(self.configured(self.port), reactor, self.clock, self.now)
        service.privilegedStartService()
        service.startService()
        self.running.append(service)
        self.service = service
        return service

    def keys(self) -> set[str]:
        """All keys but the one that comes and goes by itself."""
        return set(self.server.ask("KEYS", "*")) - {"nx:lock:registration"}

    def callers(self) -> list[Coroutine[Any, Any, Heard]]:
        """Webhooks of every kind."""
        ask, event = self.caller.ask, self.caller.event
        return [
            event(webhook()),
            event(webhook("message.read")),
            event(b"junk"),
            ask("POST", NEXMO_DOOR, SMS.encode(), content_type=FORM),
            ask("GET", f"{NEXMO_DOOR}?{SMS}"),
            ask("POST", NEXMO_DOOR, b"junk", content_type=FORM),
        ]

    async def turned_away(self) -> None:
        """Both doors answer 503 at once, whatever comes: with nothing to read, but with a time to come again."""
        for heard in await gatherResults([Deferred.fromCoroutine(asking) for asking in self.callers()]):
            self.assertEqual((heard.code, heard.body), (503, b""))
            (after,) = heard.headers.getRawHeaders("retry-after", [])
            self.assertGreater(int(after), 0)
            self.assertLess(heard.seconds, AT_ONCE)

    async def connected(self) -> None:
        """Waits until every process has both its connections to Redis again."""
        await until(lambda: self.server.clients() >= 2 * len(self.running), 1_000_000)
        for _ in range(5):
            await turn()

    async def all_delivered(self) -> None:
        """The companies come again until everything is taken."""
        await self.settle()
        while self.sandbox.deliverer.retries:
            await self.pass_time(1)


class Outage(OwnWorld):
    async def outage(self, begin: Callable[[], object], end: Callable[[], object]) -> None:
        """What Ann writes and Bob answers before, during and after an outage comes through, and comes once."""
        await self.text_unread("first")
        await self.send("before")
        self.clock.advance(1)
        keys = self.keys()
        begin()
        await self.turned_away()
        self.layer.send(TALK, "ann", "during")
        self.nexmo.reply(BOB, ONE, "Yes")
        await self.settle()
        self.assertEqual(self.sandbox.deliverer.retries, 2)
        self.assertEqual(self.counted("webhooks", "unavailable"), 8)
        end()
        await self.connected()
        self.assert_whole(keys)
        await self.all_delivered()
        await self.pass_time(DELAY)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), ["Ann: first", "Ann: before", "Ann: during"])
        self.assertEqual([text for text in self.texts(ANN) if text != "Bob: Once"], ["Bob: Yes"])
        posted = sorted(text for _, text in self.posted() if text != "Once")
        self.assertEqual(posted, ["Yes", "before", "during", "first"])
        (hook,) = self.layer.webhooks
        self.assertEqual(hook.status, "active")
        self.assertEqual((self.counted("uncertain"), self.counted("webhooks", "failed")), (0, 0))
        self.assertEqual(self.flushLoggedErrors(), [])

    def assert_whole(self, before: set[str]) -> None:
        """What was turned away has left nothing."""
        self.assertEqual(self.keys(), before)


class Away(Outage):
    async def test_dead(self) -> None:
        """Killed, and started again."""
        await self.outage(self.server.kill, self.server.start)

    async def test_read_only(self) -> None:
        """Made a replica, which refuses to write, and then a master again."""
        await self.outage(
            lambda: self.server.ask("REPLICAOF", "127.0.0.1", "1"), lambda: self.server.ask("REPLICAOF", "NO", "ONE")
        )

    async def test_full(self) -> None:
        """Out of memory, and given more."""
        await self.outage(
            lambda: self.server.ask("CONFIG", "SET", "maxmemory", "1"),
            lambda: self.server.ask("CONFIG", "SET", "maxmemory", "0"),
        )

    async def test_told(self) -> None:
        """An outage is told once when it begins and once when it is over, however long it takes."""
        self.server.kill()
        for _ in range(20):
            await self.pass_time(5)
        told = [line for line in self.lines.ours if "pauses" in line]
        self.assertEqual(len(set(told)), 4, told)  # checks, notifications, replies, registration
        self.assertEqual(len(told), 4, told)
        self.assertEqual([line for line in self.lines.ours if "goes on" in line], [])
        self.server.start()
        await self.connected()
        for _ in range(20):
            await self.pass_time(5)
        self.assertEqual(len([line for line in self.lines.ours if "goes on" in line]), 4)
        self.assertEqual(len([line for line in self.lines.ours if "pauses" in line]), 4)

    async def test_full_drains(self) -> None:
        """Out of memory, what is stored already is texted nevertheless: that is what makes room."""
        await self.send("stored")
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        await self.turned_away()
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: stored"])


class Hung(Outage):
    """Stopped with SIGSTOP, and continued: it reads what came meanwhile and carries it out after all."""

    def assert_whole(self, before: set[str]) -> None:
        """What was turned away has left nothing, or all that belongs to it."""
        new = self.keys() - before
        for mark in ("nx:m:", "nx:i:"):
            self.assertLessEqual(len([key for key in new if key.startswith(mark)]), 2)
        due = self.server.ask("ZRANGE", "nx:due", 0, -1)
        for key in new:
            if key.startswith("nx:m:"):
                self.assertIn(key.removeprefix("nx:m:"), due)
            if key.startswith("nx:i:"):
                self.assertIn(key.removeprefix("nx:i:"), self.server.ask("ZRANGE", f"nx:lane:in:{BOB}", 0, -1))

    async def test_hung(self) -> None:
        """Every webhook is answered in time, and what Redis carries out late does no harm."""
        await self.outage(self.server.pause, self.server.go_on)


class Beginning(OwnWorld):
    async def setUp(self) -> None:
        await super().setUp()
        await self.stop_all()
        self.lines.clear()

    async def test_without_redis(self) -> None:
        """Started while Redis is down it comes up, says so, answers 503, and begins to work when Redis comes."""
        for hook in self.layer.webhooks:
            self.layer.webhooks.deactivate(hook.id)
        self.server.kill()
        service = self.begin()
        await self.turned_away()
        self.clock.advance(1)
        self.assertEqual(len([line for line in self.lines.ours if "Redis does not answer" in line]), 1)
        await self.pass_time(30)
        self.assertFalse(service.ready)
        self.assertEqual(len([line for line in self.lines.ours if "Redis does not answer" in line]), 1)
        self.server.start()
        await until(lambda: service.ready, 1_000_000)
        await self.pass_time(60)
        (hook,) = self.layer.webhooks
        self.assertEqual(hook.status, "active")
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_verification(self) -> None:
        """What needs no Redis is answered without it: a challenge, a stranger, a bare GET."""
        self.server.kill()
        self.begin()
        self.assertEqual((await self.caller.ask("GET", "/nexmo-new-message?verification_challenge=x")).body, b"x")
        self.assertEqual((await self.caller.event(webhook(), layer_webhook_signature=None)).code, 403)
        self.assertEqual((await self.caller.ask("GET", NEXMO_DOOR)).code, 200)

    async def test_never_came(self) -> None:
        """Started and stopped without Redis, it ends at once."""
        self.server.kill()
        service = self.begin()
        await self.turned_away()
        await self.stop(service)
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
