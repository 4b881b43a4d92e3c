"""Redis managed by Sentinel: the master goes away under load, another takes over, and what was accepted is there.

Replication is asynchronous: of a master that is killed the last writes may be lost, and they are counted here.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from nexmo_twisted.config.models import Settings
from nexmo_twisted.domain.ids import message_key
from nexmo_twisted.service import NexmoService
from nexmo_twisted.store.protocol import REPLY_TIMEOUT
from tests.configuration import EXAMPLE
from tests.factories import webhook
from tests.inspector import K
from tests.scenarios.load import Load
from tests.scenarios.outage import AT_ONCE
from tests.scenarios.outside import Caller, Lines
from tests.scenarios.processes import Twistd
from tests.scenarios.sentinels import DOWN_AFTER, NAME, Cluster, Node, Sentinel, eventually
from tests.scenarios.world import DELAY, World

#: Seconds without a master that a failover may take, beyond the time after which a sentinel takes it for dead.
OUTAGE = 5.0
#: How many of the webhooks that were answered may be lost with a master that is killed.
LOST_AT_MOST = 5


class SentinelWorld(World):
    """The world on a master that Sentinel names."""

    redis_timeout = REPLY_TIMEOUT

    async def asyncSetUp(self) -> None:
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        await self.cluster.start()
        self.lines = Lines(self)
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, **{"server": {"redis": self.cluster.url}, **more})


class FailoverTests(SentinelWorld):
    async def lost_with(self, trouble: Callable[[Node], object]) -> int:
        """How many accepted webhooks the new master does not know after ``trouble`` with the old one, under load."""
        old = self.cluster.master
        load = Load(self.caller)
        self.addCleanup(lambda: Deferred.fromCoroutine(load.stop()))
        await load.more()
        began = reactor.seconds()
        trouble(old)
        await eventually(lambda: self.cluster.master is not old and self.cluster.master.role == "master")
        await load.more()
        self.assertLess(reactor.seconds() - began, DOWN_AFTER / 1000 + OUTAGE)
        if old.process is not None:
            old.go_on()
            await eventually(lambda: old.role == "slave")
            await load.more()
            self.assertEqual(old.of_ours(), 0)
        await load.stop()
        self.assertEqual(load.codes, {204, 503})
        self.assertLess(load.slowest, AT_ONCE)
        await self.settle()
        due = set(self.cluster.master.ask("ZRANGE", K.due, 0, -1))
        lost = len({message_key(message) for message in load.accepted} - due)
        print(f"\n{self.id()}: {lost} of {len(load.accepted)} accepted webhooks lost")  # noqa: T201 - the measurement that goes with the guarantee
        await self.at_work()
        return lost

    async def at_work(self) -> None:
        """The service has its connections to the new master, said so, and has swallowed no error."""
        self.assertEqual(self.cluster.master.of_ours(), 2)
        self.assertEqual(len([line for line in self.lines.ours if "Redis: reconnected" in line]), 1)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([line for line in self.lines.all if "Unhandled" in line], [])

    async def test_paused(self) -> None:
        """Stopped for longer than Sentinel waits, and continued: no accepted webhook is lost."""
        self.assertEqual(await self.lost_with(Node.pause), 0)

    async def test_failover(self) -> None:
        """Demoted by Sentinel while it is well: no accepted webhook is lost, although it goes on accepting writes for
        a second after another was promoted."""
        ask = self.cluster.sentinels[1].ask
        self.assertEqual(await self.lost_with(lambda _: ask("SENTINEL", "FAILOVER", NAME)), 0)

    async def test_made_a_replica(self) -> None:
        """Demoted by hand, without Sentinel's knowledge: no accepted webhook is lost."""
        port = self.cluster.nodes[1].port
        self.assertEqual(await self.lost_with(lambda old: old.ask("REPLICAOF", "127.0.0.1", port)), 0)

    async def test_killed(self) -> None:
        """Killed: what is lost is counted, and little."""
        self.assertLessEqual(await self.lost_with(Node.kill), LOST_AT_MOST)

    async def test_texts_go_on(self) -> None:
        """What was accepted before a failover is texted after it, once."""
        await self.send()
        old = self.cluster.master
        self.cluster.sentinels[0].ask("SENTINEL", "FAILOVER", NAME)
        await eventually(lambda: self.cluster.master is not old and self.cluster.master.of_ours() == 2)
        for _ in range(10):
            await self.pass_time(DELAY / 5)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_cut_off(self) -> None:
        """A master without replicas takes nothing more, since it would be thrown away: 503, until it has one again."""
        replicas = [node for node in self.cluster.nodes if node is not self.cluster.master]
        for node in replicas:
            node.kill()
        await eventually(lambda: self.cluster.master.info("replication")["connected_slaves"] == "0")
        self.assertEqual((await self.caller.event(webhook())).code, 503)
        for node in replicas:
            node.start()
        await eventually(lambda: self.cluster.master.info("replication")["min_slaves_good_slaves"] == "2")
        await eventually(lambda: self.cluster.master.of_ours() == 2)
        self.assertEqual((await self.caller.event(webhook())).code, 204)


class StartWithSentinelsTests(SentinelWorld):
    """Started while sentinels are missing."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        await self.stop_all()
        self.lines.clear()

    def begin(self, **more: Any) -> NexmoService:
        """Start a process without waiting until it has its Redis."""
        service = NexmoService(self.configured(self.port, **more), reactor, clock=self.clock, now=self.now)
        service.privilegedStartService()
        service.startService()
        self.running.append(service)
        return service

    async def test_one_left(self) -> None:
        """One sentinel is enough."""
        self.cluster.sentinels[0].kill()
        self.cluster.sentinels[1].pause()
        service = self.begin()
        await eventually(lambda: service.ready)
        self.assertEqual((await self.caller.event(webhook())).code, 204)

    async def test_none(self) -> None:
        """Without any it says so, answers 503, and begins to work when one comes."""
        for sentinel in self.cluster.sentinels:
            sentinel.kill()
        service = self.begin()
        self.assertEqual((await self.caller.event(webhook())).code, 503)
        await eventually(lambda: [line for line in self.lines.ours if "no sentinel reports" in line])
        self.assertFalse(service.ready)
        self.cluster.sentinels[2].start()
        await eventually(lambda: service.ready)
        self.assertEqual((await self.caller.event(webhook())).code, 204)

    async def test_stopped_without(self) -> None:
        """Stopped while all of them are gone, or say nothing, it ends."""
        for trouble in (Sentinel.pause, Sentinel.kill):
            for sentinel in self.cluster.sentinels:
                trouble(sentinel)
            self.begin()
            self.assertEqual((await self.caller.event(webhook())).code, 503)
            await self.stop_all()

    async def test_unknown_master(self) -> None:
        """A name that the sentinels do not know is told by its name."""
        service = self.begin(server={"redis": self.cluster.url.replace(f"/{NAME}/", "/nobody/")})
        await eventually(lambda: [line for line in self.lines.ours if "nobody" in line])
        self.assertFalse(service.ready)


class SentinelTlsTests(TestCase):
    timeout = 60

    async def test_tls(self) -> None:
        """TLS with Sentinel does not exist: the process ends at once, and says so without the password."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        (directory / "nexmo.toml").write_text(EXAMPLE.read_text())
        url = "rediss+sentinel://:open-sesame@127.0.0.1:26379/nexmo/0"
        process = Twistd(directory, "nexmo", "--config", "nexmo.toml", environ={"NEXMO_TWISTED__SERVER__REDIS": url})
        self.assertEqual(await process.finish(), 1)
        self.assertIn("TLS with Sentinel is not supported", process.output)
        self.assertNotIn("open-sesame", process.output)
        self.assertNotIn("Traceback", process.output)
