"""The world on a Redis of its own, and what must hold when that one is away, whatever the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from nexmo_twisted.config.models import Settings
from nexmo_twisted.service import NexmoService
from nexmo_twisted.store.protocol import REPLY_TIMEOUT
from tests.factories import webhook
from tests.inspector import K
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller, Heard, Lines
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import ANN, BOB, DELAY, ONE, TALK, World
from tests.support import until

#: An SMS that some caller delivers once and never again.
SMS = urlencode({"messageId": "0A0000000123ABCD1", "msisdn": BOB, "to": ONE, "text": "Once"})
#: Seconds on the wall in which a webhook must be answered: Layer counts a slower one as failed.
AT_ONCE = 1.0

#: Lines that every connection of the companies and every request has.
_USUAL = re.compile(r"^(Starting|Stopping) factory |^127\.0\.0\.1 (GET|POST) ")


class OwnWorld(World):
    """The world with a Redis of its own."""

    redis_timeout = REPLY_TIMEOUT
    options: tuple[str, ...] = ()
    password = ""

    async def asyncSetUp(self) -> None:
        self.server = OwnRedis(*self.options, password=self.password)
        self.addCleanup(self.server.close)
        self.lines = Lines(self)
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)

    def url(self) -> str:
        return self.server.url

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, **{"server": {"redis": self.url()}, **more})

    def begin(self) -> NexmoService:
        """Start a process without waiting until it has its Redis."""
        service = NexmoService(self.configured(self.port), reactor, clock=self.clock, now=self.now)
        service.privilegedStartService()
        service.startService()
        self.running.append(service)
        self.service = service
        return service

    def keys(self) -> set[str]:
        """All keys but those that come and go by themselves."""
        return {key for key in self.server.ask("KEYS", "*") if not key.startswith((K.lock, K.beat))}

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
        lines = [line for service in self.running for line in service.connections]
        await until(lambda: all(line.connected for line in lines), 10_000_000)

    async def all_delivered(self) -> None:
        """The companies come again until everything is taken."""
        await self.settle()
        while self.sandbox.deliverer.retries:
            await self.pass_time(1)


class OutageCase(OwnWorld):
    """Something is wrong with Redis for a minute."""

    async def outage(self, begin: Callable[[], object], end: Callable[[], object], told: str = "") -> None:
        """What Ann writes and Bob answers before, during and after an outage comes through, and comes once.

        ``told`` is what the log says of it.
        """
        await self.text_unread("first")
        await self.send("before")
        self.clock.advance(1)
        keys = self.keys()
        self.server.ask("CONFIG", "RESETSTAT")
        self.lines.clear()
        begin()
        await self.turned_away()
        self.layer.send(TALK, "ann", "during")
        self.nexmo.reply(BOB, ONE, "Yes")
        await self.settle()
        self.assertEqual(self.sandbox.deliverer.retries, 2)
        self.assertEqual(self.counted("webhooks", "unavailable"), 8)
        for _ in range(12):
            await self.pass_time(5)
        await until(lambda: not told or told in "\n".join(self.lines.ours), 1_000_000)
        end()
        self.server.wait()
        await self.connected()
        self.assert_whole(keys)
        self.assert_calm(self.server.asked())
        await self.all_delivered()
        await self.pass_time(DELAY)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), ["Ann: first", "Ann: before", "Ann: during"])
        self.assertEqual([text for text in self.texts(ANN) if text != "Bob: Once"], ["Bob: Yes"])
        posted = sorted(text for _, text in self.posted() if text != "Once")
        self.assertEqual(posted, ["Yes", "before", "during", "first"])
        (hook,) = self.layer.webhooks
        self.assertEqual(hook.status, "active")
        self.assertEqual((self.counted("sms_uncertain"), self.counted("webhooks", "failed")), (0, 0))
        self.assertEqual(self.flushLoggedErrors(), [])

    def assert_whole(self, before: set[str]) -> None:
        """What was turned away has left nothing."""
        self.assertEqual(self.keys(), before)

    def assert_calm(self, asked: int) -> None:
        """Nothing went round and round in that minute: the server was asked little, and the log has few lines."""
        self.assertLess(asked, 300)
        ours = self.lines.ours
        self.assertLess(len(ours), 20, ours)
        others = [line for line in self.lines.all if line not in ours and not _USUAL.search(line)]
        self.assertEqual(others, [])
