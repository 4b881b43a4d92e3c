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
from tests.scenarios.world import ANN, BOB, CLEO, DELAY, LUNCH, ONE, TALK, World, free_port
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


class Refused(OwnWorld):
    async def test_one_key(self) -> None:
        """A key that Redis refuses to read (of another type, say) costs its own message only, and no endless work."""
        self.server.ask("RPUSH", "nexmo-layer-integration-bob", "what is this?")
        await self.send(conversation=LUNCH)
        self.clock.advance(DELAY)
        await until(lambda: self.texts(CLEO) or self.clock.advance(0))
        before = self.worked()
        for _ in range(100):
            self.clock.advance(0)
            await turn()
        self.assertLess(self.worked() - before, 50)
        self.assertEqual(self.texts(BOB), [])
        self.server.ask("DEL", "nexmo-layer-integration-bob")
        for _ in range(10):
            await self.pass_time(60)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (1, 1))

    def worked(self) -> int:
        """How many commands the server has carried out."""
        stats = self.server.ask("INFO", "stats").splitlines()
        return int(next(line for line in stats if line.startswith("total_commands_processed:")).partition(":")[2])


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


class Ending(OwnWorld):
    async def ended(self) -> float:
        """Stops the service; returns how many seconds of the clock it took, or fails after a minute of them."""
        self.running.remove(self.service)
        done = self.service.stopService()
        for passed in range(60):
            for _ in range(100):
                await turn()
            if done.called:
                await self.assert_nothing_left()
                return passed
            self.clock.advance(1)
        raise AssertionError("it does not end")

    async def assert_nothing_left(self) -> None:
        """No timer and no connection; of those at the real reactor trial takes care."""
        await self.sandbox.stop()  # the companies keep their connections to the doors
        for _ in range(5):
            await turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def at_work(self, condition: Callable[[], object], seconds: float = 0.0) -> None:
        """Lets the service work until the condition holds. It may be in the middle of something then."""

        def holds() -> object:
            self.clock.advance(seconds)
            return condition()

        await until(holds)

    async def text_under_way(self) -> None:
        """Nexmo has accepted an SMS, but its answer takes another five seconds."""
        self.fault(path="/sms/json", delay=5.0, done=True)
        await self.send()
        self.clock.advance(DELAY)
        await self.at_work(lambda: self.nexmo.sent)

    async def test_nothing_under_way(self) -> None:
        """Stopped while Redis is down and with nothing under way, it ends at once."""
        await self.send()
        self.server.kill()
        await self.turned_away()
        self.assertEqual(await self.ended(), 0)

    async def test_between_two_looks(self) -> None:
        """The same when every part has noticed, and pauses."""
        self.server.kill()
        await self.pass_time(60)
        self.assertEqual(await self.ended(), 0)

    async def test_never_came(self) -> None:
        """The same when it was started without Redis."""
        await self.stop_all()
        self.server.kill()
        self.begin()
        await self.turned_away()
        self.assertEqual(await self.ended(), 0)

    async def test_hung(self) -> None:
        """Stopped while Redis says nothing, with a webhook at the door, it ends without the clock."""
        self.server.pause()
        connections = self.service.public.connections
        asking = Deferred.fromCoroutine(self.caller.event(webhook()))
        await until(lambda: self.service.public.connections > connections)
        for _ in range(5):
            await turn()
        self.running.remove(self.service)
        await self.service.stopService()
        self.assertEqual((await asking).code, 503)
        self.server.go_on()
        await until(lambda: self.server.clients() == 0)
        await self.assert_nothing_left()

    async def test_text_under_way(self) -> None:
        """What is known of an SMS cannot be written down any more: ten seconds, then it ends. It is not sent again."""
        await self.text_under_way()
        self.server.kill()
        self.clock.advance(5)
        await until(lambda: self.sandbox.idle().called)
        self.assertLessEqual(await self.ended(), PATIENCE)
        self.server.start()
        self.begin()
        await until(lambda: self.service.ready, 1_000_000)
        await self.pass_time(100)
        await self.pass_time(DELAY)
        self.assertEqual(len(self.nexmo.sent), 1)
        self.assertEqual(self.server.ask("ZCARD", "nx:uncertain:out"), 1)

    async def test_answer_kept(self) -> None:
        """When Redis is back in time, what is known of the SMS is written down, and it is no uncertain one."""
        await self.text_under_way()
        self.server.kill()
        for _ in range(10):
            self.clock.advance(1)
            for _ in range(20):
                await turn()
        self.assertEqual(self.counted("sent"), 0)
        self.server.start()
        await self.connected()
        await self.at_work(lambda: self.counted("sent"), 0.1)
        self.assertEqual((self.counted("sent"), self.counted("uncertain")), (1, 0))
        await self.pass_time(DELAY)
        self.assertEqual(len(self.nexmo.sent), 1)
        self.assertEqual(self.server.ask("ZCARD", "nx:out"), 0)

    async def test_reply_under_way(self) -> None:
        """A reply that is just being posted holds it up no longer, and stands there once in the end."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", delay=5.0, done=True)
        self.nexmo.reply(BOB, ONE, "Yes")
        await self.at_work(lambda: len(self.posted()) == 2)
        self.server.kill()
        self.clock.advance(5)
        self.assertLessEqual(await self.ended(), PATIENCE)
        self.server.start()
        self.begin()
        await until(lambda: self.service.ready, 1_000_000)
        await self.pass_time(100)
        self.assertEqual(self.posted()[1:], [("bob", "Yes")])
        self.assertEqual(self.counted("replies", "posted"), 1)

    async def test_registration_under_way(self) -> None:
        """Nor does a look at the registration, whose calls the companies leave without an answer."""
        self.fault(path="/webhooks", delay=3600.0, times=0)
        self.fault(path="/account/numbers", delay=3600.0, times=0)
        self.clock.advance(60)
        await until(lambda: self.service.registration.loop.busy)
        for _ in range(100):
            await turn()
        self.server.kill()
        self.assertLessEqual(await self.ended(), PATIENCE)


class Password(OwnWorld):
    """Redis behind a password, reached over TCP."""

    password = "open-sesame"

    async def setUp(self) -> None:
        self.redis_port = free_port()
        self.options = ("--port", str(self.redis_port), "--bind", "127.0.0.1", "--requirepass", self.password)
        await super().setUp()

    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.redis_port}/1"

    async def test_right(self) -> None:
        """A password in the URL works, and so does the number of a database."""
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertIn("db1:", self.server.ask("INFO", "keyspace"))
        self.assertNotIn(self.password, "\n".join(self.lines.all))


class WrongPassword(OwnWorld):
    password = "open-sesame"
    options = ("--requirepass", password)

    def url(self) -> str:
        return f"unix://:{self.password}@{self.server.socket}"

    async def setUp(self) -> None:
        await super().setUp()
        await self.stop_all()
        self.server.ask("CONFIG", "SET", "requirepass", "tell-nobody")
        self.lines.clear()

    async def test_wrong(self) -> None:
        """A wrong password: 503, and a line in the log that says so, without the password."""
        self.begin()
        await until(lambda: [line for line in self.lines.all if "auth" in line.lower()], 1_000_000)
        await self.turned_away()
        told = "\n".join(self.lines.all)
        self.assertRegex(told, "(?i)WRONGPASS|invalid (username-)?password")
        for secret in (self.password, "tell-nobody"):
            self.assertNotIn(secret, told)

    async def test_said_by_us(self) -> None:
        """The service itself says so, as an error an operator's alarm can see."""
        self.begin()
        await until(lambda: [line for line in self.lines.all if "auth" in line.lower()], 1_000_000)
        await self.pass_time(60)
        self.assertTrue([line for line in self.lines.ours if "password" in line.lower()], self.lines.ours)

    async def test_mended(self) -> None:
        """Once the password is right it goes on by itself."""
        service = self.begin()
        await until(lambda: [line for line in self.lines.all if "auth" in line.lower()], 1_000_000)
        self.server.password = "tell-nobody"
        self.server.ask("CONFIG", "SET", "requirepass", self.password)
        self.server.password = self.password
        await self.connected()
        await until(lambda: service.ready)
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
