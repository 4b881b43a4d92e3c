"""A Redis Cluster: all keys of one application are on one node, wherever it is and whichever node is asked first."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.schema import PREFIX
from nexmo_twisted.store.url import parse
from tests.scenarios.cluster import Cluster, ClusterNode
from tests.scenarios.outside import Lines
from tests.scenarios.sentinels import eventually
from tests.scenarios.world import BOB, ONE, World
from tests.store.application import Application
from tests.support import NEW_YEAR, PATIENCE, AsyncCase


class ClusterConnectionTests(AsyncCase):
    timeout = 120

    async def asyncSetUp(self) -> None:
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.clock = Clock()
        self.clock.advance(NEW_YEAR)
        await self.cluster.form()

    def now(self) -> str:
        return str(round(self.clock.seconds() * 1000))

    def connection(self, entry: ClusterNode, prefix: str = "{chat1}:", **more: Any) -> Connection:
        connection = Connection(reactor, parse(entry.url), Scripts(prefix), reply_timeout=PATIENCE, **more)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        return connection

    async def test_every_entry(self) -> None:
        """Whichever node is asked first, all of the work is done on the one that has the keys, by one connection."""
        for number, entry in enumerate(self.cluster.nodes, 1):
            prefix = f"{{chat{number}}}:"
            connection = self.connection(entry, prefix)
            await connection.open()
            application = Application(connection, self.now)
            await application.work()
            self.assertEqual(await application.sweep(), {})
            owners = [node for node in self.cluster.nodes[:2] if node.ask("KEYS", f"{prefix}*")]
            self.assertEqual(len(owners), 1)
            self.assertGreater(len(owners[0].ask("KEYS", f"{prefix}*")), 20)

    async def test_failover(self) -> None:
        """When another node gets the keys, the next command that is refused leads there."""
        for entry in (self.cluster.other, self.cluster.owner):
            connection = self.connection(entry)
            await connection.open()
            await self.cluster.fail_over()
            await eventually(partial(self.reaches, connection))

    async def test_owner_dies(self) -> None:
        """When the node that has the keys dies, its replica is found, though the settings name the dead one."""
        connection = self.connection(self.cluster.owner)
        await connection.open()
        await self.cluster.lose_owner()
        await eventually(lambda: self.reaches(connection))

    def reaches(self, connection: Connection) -> bool:
        """Whether it can write where the keys are; it learns by trying that they are elsewhere."""
        Deferred.fromCoroutine(connection.command("SET", "{chat1}:mark", "x")).addErrback(lambda _: None)
        found: bool = self.cluster.owner.ask("GET", "{chat1}:mark") == "x"
        if found:
            self.cluster.owner.ask("DEL", "{chat1}:mark")
        return found

    async def test_without_a_hash_tag(self) -> None:
        """With keys that would be all over the nodes it does not begin: one line says what to set, and nothing is
        written."""
        lines = Lines(self)
        for entry in self.cluster.nodes:
            connection = self.connection(entry, PREFIX, tell=entry is self.cluster.owner)
            connection.open()
            await eventually(partial(getattr, connection, "why_away"))
            self.assertIn(f"server.redis_prefix '{PREFIX}' has no hash tag", connection.why_away)
        await eventually(lambda: bool(lines.ours))
        (line,) = lines.ours
        self.assertTrue(line.startswith("Redis is not used, webhooks are answered 503: it is a node of a Redis"), line)
        self.assertEqual([node.ask("KEYS", "*") for node in self.cluster.nodes], [[], [], []])


class ServiceOnClusterTests(World):
    async def asyncSetUp(self) -> None:
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        await self.cluster.form()
        self.settings = {"server": {"redis": self.cluster.other.url, "redis_prefix": "{chat1}:"}}
        await super().asyncSetUp()

    async def test_there_and_back(self) -> None:
        """A text goes out and its answer comes back, also after a failover."""
        await self.text_unread()
        await self.reply(BOB, ONE, "Yes")
        await self.cluster.fail_over()
        await self.reply(BOB, ONE, "Gladly")
        while self.sandbox.deliverer.retries:
            await self.pass_time(1)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertEqual([text for _, text in self.posted()][-2:], ["Yes", "Gladly"])
