"""The form of what is stored: written once, checked at every connect."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.url import parse
from tests.inspector import K
from tests.support import PATIENCE, Server, StoreCase, until


class SchemaVersionTests(StoreCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.redis("FLUSHALL")))  # nobody else could connect

    async def snapshot(self) -> dict[str, str]:
        return {key: await self.redis("DUMP", key) for key in await self.redis("KEYS", "*")}

    async def refused(self) -> str:
        """Why a new process does not use what is stored; nothing of it is touched."""
        before = await self.snapshot()
        connection = Connection(reactor, parse(Server.shared().url), self.scripts, reply_timeout=PATIENCE, tell=False)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        self.opening = connection.open()
        await until(lambda: bool(connection.why_away))
        self.assertFalse(connection.connected)
        self.assertEqual(await self.snapshot(), before)
        return connection.why_away

    async def test_first(self) -> None:
        """Whoever comes first writes it, to stay; others find it."""
        for _ in range(2):
            await self.connect()
            self.assertEqual((await self.redis("GET", K.schema), await self.redis("PTTL", K.schema)), ("2", -1))

    async def test_unknown(self) -> None:
        """What a newer version wrote, or nobody knows who, is not touched, and one line says what to do. When it is
        gone, the process goes on by itself."""
        for version in ("3", "1", "", "two", "\n" * 90):
            await self.redis("SET", K.schema, version)
            line = await self.refused()
            self.assertTrue(line.isprintable() and len(line) < 250, line)
            self.assertIn(f"{K.schema} is ", line)
            self.assertIn("this version reads 2", line)
        await self.redis("DEL", K.schema)
        await self.opening

    async def test_of_another_type(self) -> None:
        """A key of that name that is no text is not touched either."""
        await self.redis("HSET", K.schema, "version", "2")
        self.assertIn("WRONGTYPE", await self.refused())

    async def test_before_versions(self) -> None:
        """What was written before there were versions is recognized by keys that have another name now."""
        for key in ("nx:fence", "nx:out", "nx:in", "nx:hold", "nx:held", "nx:buried:out", "nx:buried:in", "nx:ccd"):
            await self.redis("FLUSHALL")
            await self.redis("SET", key, "1")
            self.assertIn(f"{key} is of a version before 2", await self.refused())

    async def test_lost(self) -> None:
        """Where only the version was lost, as when Redis was emptied under a running process, it is written again."""
        for key in (K.due, K.out_queue, K.seq):
            await self.redis("FLUSHALL")
            await self.redis("SET", key, "1")
            await self.connect()
            self.assertEqual(await self.redis("GET", K.schema), "2")
