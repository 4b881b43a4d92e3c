"""Who the master is, from what sentinels say; they may be old, silent, or in the middle of a failover."""

from __future__ import annotations

import hiredis
from twisted.internet import reactor
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from nexmo_twisted.store.protocol import Unusable
from nexmo_twisted.store.sentinels import Host, Sentinels
from tests.network import Listener
from tests.redis_socket import packed
from tests.support import until

OLD, NEW = ("192.0.2.1", 6379), ("192.0.2.2", 6379)


class FakeSentinel(Factory):
    """A sentinel that the test plays: what it takes for the master, after how many failovers, and in which state."""

    noisy = False

    def __init__(self, master: Host = OLD, epoch: int = 0, flags: str = "master", promoted: Host | None = None) -> None:
        self.master = master
        self.epoch = epoch
        self.flags = flags
        self.promoted = promoted or master
        self.silent = False
        self.listeners: list[_FakeSentinelConnection] = []
        self.listener = Listener(self)

    def buildProtocol(self, _addr: IAddress | None) -> Protocol:
        return _FakeSentinelConnection(self)

    def answer(self, asking: _FakeSentinelConnection, words: list[str]) -> list[str] | None:
        ip, port = self.master
        match words:
            case ["SENTINEL", "MASTER", "m"]:
                state = {"name": "m", "ip": ip, "port": port, "flags": self.flags, "config-epoch": self.epoch}
                return [str(each) for pair in state.items() for each in pair]
            case ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m"]:
                return [str(each) for each in self.promoted]
            case ["SUBSCRIBE", *_]:
                self.listeners.append(asking)
        return None

    def publish(self, channel: str, text: str) -> None:
        for listener in self.listeners:
            listener.say("message", channel, text)


class _FakeSentinelConnection(Protocol):
    transport: ITCPTransport

    def __init__(self, sentinel: FakeSentinel) -> None:
        self.sentinel = sentinel
        self.reader = hiredis.Reader(encoding="utf-8")

    def dataReceived(self, data: bytes) -> None:
        self.reader.feed(data)
        while (words := self.reader.gets()) is not False:
            if not self.sentinel.silent:
                answer = self.sentinel.answer(self, words)
                if answer is None:
                    self.transport.write(b"-ERR No such master with that name\r\n")
                else:
                    self.say(*answer)

    def say(self, *words: str) -> None:
        self.transport.write(packed(*words))


class SentinelsCase(TestCase):
    timeout = 20

    def play(self, *sentinels: FakeSentinel, name: str = "m") -> Sentinels:
        for sentinel in sentinels:
            self.addCleanup(sentinel.listener.stop)
        self.heard: list[Host | None] = []
        hosts = [("127.0.0.1", sentinel.listener.port) for sentinel in sentinels]
        return Sentinels(reactor, hosts=hosts, name=name, changing=self.heard.append)


class MasterTests(SentinelsCase):
    async def test_agreed(self) -> None:
        """What all say."""
        self.assertEqual(await self.play(FakeSentinel(), FakeSentinel(), FakeSentinel()).master(), OLD)

    async def test_latest(self) -> None:
        """Who knows of the latest failover is right, were it one against two."""
        self.assertEqual(await self.play(FakeSentinel(), FakeSentinel(NEW, epoch=3), FakeSentinel()).master(), NEW)

    async def test_silent(self) -> None:
        """Some may say nothing, or be gone."""
        silent, gone = FakeSentinel(), FakeSentinel()
        silent.silent = True
        sentinels = self.play(silent, gone, FakeSentinel(NEW))
        await gone.listener.stop()
        self.assertEqual(await sentinels.master(), NEW)

    async def test_nobody(self) -> None:
        """When nobody answers, or nobody knows the name, there is no master."""
        silent = FakeSentinel()
        silent.silent = True
        for sentinels in (self.play(silent), self.play(FakeSentinel(), FakeSentinel(), name="another")):
            with self.assertRaisesRegex(Unusable, "no sentinel reports"):
                await sentinels.master()

    async def test_failing_over(self) -> None:
        """From the beginning of a failover until the new master is known there is none: the old one still takes
        writes that will be lost."""
        sentinels = self.play(FakeSentinel(), FakeSentinel(flags="master,failover_in_progress"), FakeSentinel())
        with self.assertRaisesRegex(Unusable, "failover"):
            await sentinels.master()

    async def test_promoted(self) -> None:
        """As soon as one knows of the new master, that one it is, although the failover goes on and others began
        one too."""
        late = FakeSentinel(flags="s_down,o_down,master,failover_in_progress")
        first = FakeSentinel(epoch=1, flags="s_down,o_down,master,failover_in_progress", promoted=NEW)
        self.assertEqual(await self.play(late, first, FakeSentinel()).master(), NEW)


class SubscriptionTests(SentinelsCase):
    async def listen(self, *played: FakeSentinel) -> None:
        sentinels = self.play(*played)
        sentinels.listen()
        self.addCleanup(sentinels.stop)
        await until(lambda: all(sentinel.listeners for sentinel in played))

    async def test_begins(self) -> None:
        """The beginning of a failover is heard at once, from any of them; that of another master is not ours."""
        first, second = FakeSentinel(), FakeSentinel()
        await self.listen(first, second)
        first.publish("+try-failover", "master another 192.0.2.9 6379")
        first.publish("+switch-master", "another 192.0.2.9 6379 192.0.2.8 6379")
        second.publish("+try-failover", "master m 192.0.2.1 6379")
        await until(lambda: self.heard)
        first.publish("+switch-master", "m 192.0.2.1 6379 192.0.2.2 6379")
        await until(lambda: len(self.heard) > 1)
        self.assertEqual(self.heard, [None, NEW])

    async def test_hung_up(self) -> None:
        """One that hangs up is listened to again."""
        sentinel = FakeSentinel()
        await self.listen(sentinel)
        sentinel.listeners.pop().transport.loseConnection()
        await until(lambda: sentinel.listeners, 10_000_000)
        sentinel.publish("+try-failover", "master m 192.0.2.1 6379")
        await until(lambda: self.heard)
        self.assertEqual(self.heard, [None])
