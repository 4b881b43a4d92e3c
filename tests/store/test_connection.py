"""The connection to Redis: it never gives up, and says at once when Redis is away."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.url import parse
from tests.network import FakeResolver, install_resolver, listen
from tests.support import StoreCase


class LoadingRedis(Protocol):
    """A Redis that is still loading when it is asked for the first time."""

    transport: ITCPTransport
    asked = 0

    def dataReceived(self, data: bytes) -> None:
        type(self).asked += 1
        answer = b"*2\r\n$1\r\n2\r\n$0\r\n\r\n" if b"EVAL" in data else b"+OK\r\n"
        if self.asked == 1:
            answer = b"-LOADING Redis is loading the dataset in memory\r\n"
        self.transport.write(answer)


class FirstAnswerTests(TestCase):
    timeout = 20

    async def test_refused(self) -> None:
        """A first AUTH or SELECT that is refused is only a first attempt: `open` fires when the next one works."""
        for url in ("redis://:secret@127.0.0.1:{}", "redis://127.0.0.1:{}/1"):
            LoadingRedis.asked = 0
            port = listen(self, Factory.forProtocol(LoadingRedis))
            connection = Connection(reactor, parse(url.format(port)), Scripts())
            self.addCleanup(connection.close)
            await connection.open()
            self.assertTrue(connection.connected)
            self.assertGreater(LoadingRedis.asked, 1)


class HostNameTests(TestCase):
    timeout = 20

    async def test_never_found(self) -> None:
        """Closed while the name of the host is still being looked up, it ends."""
        asked: list[str] = []
        install_resolver(self, FakeResolver(lambda _receiver, host, _port: asked.append(host)))
        connection = Connection(reactor, parse("redis://redis.example"), Scripts())
        connection.open()
        self.assertEqual(asked, ["redis.example"])
        await connection.close()
        self.assertFalse(connection.connected)


class CommandTests(StoreCase):
    async def test_not_open(self) -> None:
        """Before it is connected it says so instead of waiting."""
        with self.assertRaisesRegex(StoreUnavailable, "not connected"):
            await Connection(reactor, parse("redis://127.0.0.1:1"), self.scripts).command("PING")

    async def test_refusals(self) -> None:
        """What Redis refuses is an outage too, told without its values."""
        await self.redis("SET", "key", "secret value")
        with self.assertRaisesRegex(StoreUnavailable, "WRONGTYPE") as caught:
            await self.redis("LPUSH", "key", "another")
        self.assertNotIn("another", str(caught.exception))

    async def test_half_characters(self) -> None:
        """Half a character is stored as a question mark: it must not look like an outage that never ends."""
        await self.redis("SET", "key", "a\ud800b")
        self.assertEqual(await self.redis("GET", "key"), "a?b")

    async def test_every_script_loads(self) -> None:
        """Every script compiles on this server."""
        for _, source in self.scripts.by_name().values():
            await self.redis("SCRIPT", "LOAD", source)
