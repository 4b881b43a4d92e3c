"""Redis dead, hung, read-only or full: nothing is lost, nothing is doubled, and nobody waits."""

from __future__ import annotations

from tests.inspector import K
from tests.scenarios.outage import OutageCase, OwnWorld
from tests.scenarios.world import BOB, CLEO, DELAY, LUNCH, ONE
from tests.support import turn, until


class RedisAwayTests(OutageCase):
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
        await until(lambda: self.log_lines("Redis: not connected"), 1_000_000)
        pausing = [line.partition(":")[0] for line in self.log_lines(": Redis unavailable, retrying: ")]
        self.assertLess({"unread_checks", "notifications", "replies", "registration"}, set(pausing))
        self.assertEqual(len(pausing), len(set(pausing)), pausing)
        self.assertEqual(self.log_lines(": recovered"), [])
        self.server.start()
        await self.connected()
        for _ in range(20):
            await self.pass_time(5)
        self.assertCountEqual(
            [line.partition(":")[0] for line in self.log_lines(": recovered") if not line.startswith("Redis")], pausing
        )
        self.assertEqual(len(self.log_lines(": Redis unavailable, retrying: ")), len(pausing))
        for line in ("Redis: not connected", "Redis: reconnected"):
            self.assertEqual(len(self.log_lines(line)), 1, self.lines.ours)

    def log_lines(self, what: str) -> list[str]:
        return [line for line in self.lines.ours if what in line]

    async def test_full_drains(self) -> None:
        """Out of memory, what is stored already is texted nevertheless: that is what makes room."""
        await self.send("stored")
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        await self.turned_away()
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: stored"])


class RedisHungTests(OutageCase):
    """Stopped with SIGSTOP, and continued: it reads what came meanwhile and carries it out after all."""

    def assert_whole(self, before: set[str]) -> None:
        """What was turned away has left nothing, or all that belongs to it."""
        new = self.keys() - before
        for mark in (K.message, K.in_item):
            self.assertLessEqual(len([key for key in new if key.startswith(mark)]), 2)
        due = self.server.ask("ZRANGE", K.due, 0, -1)
        for key in new:
            if key.startswith(K.message):
                self.assertIn(key.removeprefix(K.message), due)
            if key.startswith(K.in_item):
                self.assertIn(key.removeprefix(K.in_item), self.server.ask("ZRANGE", f"{K.in_lane}{BOB}:{ONE}", 0, -1))

    async def test_hung(self) -> None:
        """Every webhook is answered in time, and what Redis carries out late does no harm."""
        await self.outage(self.server.pause, self.server.go_on)


class RefusedCommandTests(OwnWorld):
    async def test_one_key(self) -> None:
        """A key that Redis refuses to read (of another type, say) costs its own message only, and no endless work."""
        self.server.ask("RPUSH", "nexmo-layer-integration-bob", "what is this?")
        await self.send(conversation=LUNCH)
        self.clock.advance(DELAY)
        await self.tick_until(lambda: self.texts(CLEO))
        before = self.server.asked()
        for _ in range(100):
            self.clock.advance(0)
            await turn()
        self.assertLess(self.server.asked() - before, 50)
        self.assertEqual(self.texts(BOB), [])
        self.server.ask("DEL", "nexmo-layer-integration-bob")
        for _ in range(10):
            await self.pass_time(60)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (1, 1))
