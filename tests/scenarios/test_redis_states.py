"""Redis that is there and will not work: loading, refusing to write, busy, silent or nowhere."""

from __future__ import annotations

from functools import partial

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IResolutionReceiver

from nexmo_twisted.store.schema import F
from tests.inspector import K
from tests.network import FakeResolver, install_resolver
from tests.redis_socket import RedisSocket
from tests.scenarios.gate import Gate
from tests.scenarios.outage import OutageCase
from tests.support import until


class RedisRefusesTests(OutageCase):
    async def test_loading(self) -> None:
        """Started again with so much to load that it takes its time: it answers, but with LOADING."""
        for number in range(200):
            self.server.ask("SET", f"heavy:{number}", "x" * 4096)
        self.server.rewrite()
        slowly = ("--key-load-delay", "50000", "--loading-process-events-interval-bytes", "1024")

        def load() -> None:
            self.server.kill()
            self.server.start(*slowly, until=b"Reading RDB base file")
            with self.assertRaisesRegex(Exception, "LOADING"):
                self.server.ask("GET", "heavy:1")

        await self.outage(load, lambda: self.server.ask("CONFIG", "SET", "key-load-delay", "0"), "LOADING")

    async def test_cannot_save(self) -> None:
        """MISCONF: its snapshots fail, so that it takes no more writes."""
        self.server.ask("CONFIG", "SET", "save", "3600 1")
        snapshot = self.server.directory / "dump.rdb"

        def fail() -> None:
            snapshot.unlink(missing_ok=True)
            snapshot.mkdir()
            self.server.save("err")

        def mend() -> None:
            snapshot.rmdir()
            self.server.save("ok")

        await self.outage(fail, mend)

    async def test_without_replicas(self) -> None:
        """NOREPLICAS: it must have a replica before it takes writes, and has none."""
        await self.outage(
            lambda: self.server.ask("CONFIG", "SET", "min-replicas-to-write", "1"),
            lambda: self.server.ask("CONFIG", "SET", "min-replicas-to-write", "0"),
        )

    async def test_busy(self) -> None:
        """BUSY: somebody's script does not end."""
        self.server.ask("CONFIG", "SET", "lua-time-limit", "20")
        endless: list[RedisSocket] = []
        await self.outage(
            lambda: endless.append(self.server.occupy("EVAL", "while true do end", 0)),
            lambda: self.server.ask("SCRIPT", "KILL"),
        )
        endless[0].close()


class GateCase(OutageCase):
    """Between us and Redis there is something that may fail."""

    async def asyncSetUp(self) -> None:
        self.gate = Gate()
        await super().asyncSetUp()

    def url(self) -> str:
        if not self.gate.port:
            self.gate.open(str(self.server.socket))
            self.addCleanup(self.gate.close)
        return f"redis://127.0.0.1:{self.gate.port}"


class RedisSilentTests(GateCase):
    async def test_no_answer(self) -> None:
        """It takes connections and commands, and never says a word."""
        await self.outage(self.gate.swallow, self.gate.let_through, "no answer")

    async def test_reset(self) -> None:
        """It takes connections and resets them."""
        await self.outage(self.gate.reset, self.gate.let_through)
        self.assertLess(self.gate.connections, 60)

    async def test_answers_lost(self) -> None:
        """What it claimed for us while its answers got lost is claimed again as soon as they come, not when the lease
        is over."""
        self.fault(path="/sms/json", nexmo_status="10")
        await self.text_unread()
        (item,) = self.server.ask("KEYS", f"{K.out_item}*")
        self.gate.lose_answers()
        self.clock.advance(10)
        await until(lambda: self.server.ask("HGET", item, F.state) == "C", 1_000_000)
        await until(lambda: not self.service.connections[1].connected, 1_000_000)
        self.gate.let_through()
        await self.connected()
        for _ in range(10):
            await self.pass_time(1)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_from_the_start(self) -> None:
        """The same when the service is started: it waits, says so, and begins to work when Redis speaks."""
        for trouble in (self.gate.swallow, self.gate.reset):
            await self.stop_all()
            trouble()
            service = self.begin()
            await self.turned_away()
            self.clock.advance(1)
            self.assertFalse(service.ready)
            self.gate.let_through()
            await until(partial(getattr, service, "ready"), 1_000_000)
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_stopped(self) -> None:
        """Stopped while it says nothing, it ends."""
        for trouble in (self.gate.swallow, self.gate.reset):
            await self.stop_all()
            trouble()
            self.begin()
            await self.turned_away()
            await self.stop_all()


class RedisHostUnknownTests(GateCase):
    def url(self) -> str:
        return super().url().replace("127.0.0.1", "redis.example")

    async def asyncSetUp(self) -> None:
        self.known = True
        self.lookups = 0
        install_resolver(self, FakeResolver(self.look_up))
        await super().asyncSetUp()

    def look_up(self, receiver: IResolutionReceiver, host: str, port: int) -> None:
        """Of a DNS that may not know where redis.example is, and knows everything else."""
        redis = host == "redis.example"
        self.lookups += redis
        if self.known or not redis:
            receiver.addressResolved(IPv4Address("TCP", "127.0.0.1" if redis else host, port))
        receiver.resolutionComplete()

    async def test_no_such_host(self) -> None:
        """A name that is not found when it starts is looked up until it is."""
        await self.stop_all()
        self.known = False
        self.lines.clear()
        service = self.begin()
        await self.turned_away()
        await until(lambda: [line for line in self.lines.ours if "redis.example" in line], 1_000_000)
        self.assertLess(self.lookups, 20)
        self.known = True
        await until(lambda: service.ready, 1_000_000)
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
