"""How often the connection to Redis tries, and what it says of it, by a clock that only the test moves."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.store.connection import LASTING, LONGEST_PAUSE, Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.url import parse
from tests.scenarios.outside import Lines

HOUR = 3600


class Wire(StringTransportWithDisconnection):
    """``silent``: it never says farewell."""

    silent = False

    def loseConnection(self) -> None:
        if not self.silent:
            super().loseConnection()

    def abortConnection(self) -> None:
        super().loseConnection()


class FakeRedis:
    """What a Redis does that the test plays: ``refuses`` connections, or takes them and says ``greeting`` to what is
    asked first: PING, HELLO and the script that checks the schema."""

    def __init__(self, clock: MemoryReactorClock) -> None:
        self._clock = clock
        self.refuses = ""
        self.greeting = b"+PONG\r\n-ERR unknown command\r\n*2\r\n$1\r\n2\r\n$0\r\n\r\n"
        self.attempts = 0
        self.lines: list[Any] = []

    def pass_time(self, seconds: float) -> None:
        """In steps of a fiftieth of a second, in which it does what it does."""
        for _ in range(round(seconds * 50)):
            self._clock.advance(0.02)
            self.answer()

    def answer(self) -> None:
        waiting = list(zip(self._clock.unixClients, self._clock.connectors, strict=True))
        del self._clock.unixClients[:], self._clock.connectors[:]
        for (_, factory, *_), connector in waiting:
            self.attempts += 1
            if connector.stoppedConnecting:
                continue
            if self.refuses:
                factory.clientConnectionFailed(None, Failure(ConnectError(string=self.refuses)))
                continue
            protocol: Any = factory.buildProtocol(None)
            transport = Wire()
            transport.protocol = protocol
            protocol.makeConnection(transport)
            self.lines.append(protocol)
            if self.greeting:
                protocol.dataReceived(self.greeting)

    def hang_up(self) -> None:
        self.lines.pop().transport.loseConnection()


class ReconnectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.redis = FakeRedis(self.clock)
        self.log = Lines(self)
        self.connection = self.connect()

    def connect(self, **more: Any) -> Connection:
        connection = Connection(self.clock, parse("unix:///redis.sock"), Scripts(), **more)
        self.opened = connection.open()
        self.redis.answer()
        return connection

    def close(self) -> None:
        """Close it; leaves nothing behind."""
        closing = Deferred.fromCoroutine(self.connection.close())
        self.redis.pass_time(3)
        self.successResultOf(closing)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.connection.connected)

    def test_at_once(self) -> None:
        """Connected, it is open; nothing is logged."""
        self.successResultOf(self.opened)
        self.assertTrue(self.connection.connected)
        self.assertEqual(self.log.all, [])

    def test_again(self) -> None:
        """A line that lasted and is lost is replaced at once, without a word in the log."""
        self.redis.pass_time(LASTING + 1)
        self.redis.hang_up()
        self.assertFalse(self.connection.connected)
        self.redis.pass_time(0.1)
        self.assertTrue(self.connection.connected)
        self.assertEqual(self.log.all, [])

    def test_refused_for_an_hour(self) -> None:
        """About one attempt a second, one line when it begins and one when it is over."""
        self.redis.pass_time(LASTING)
        self.redis.refuses = "nobody there"
        self.redis.hang_up()
        self.redis.attempts = 0
        self.redis.pass_time(HOUR)
        self.assertLess(self.redis.attempts, HOUR / LONGEST_PAUSE + 10)
        self.assertGreater(self.redis.attempts, HOUR / LONGEST_PAUSE / 2)
        self.assertEqual(len(self.log.all), 1, self.log.all)
        self.assertIn("nobody there", self.log.all[0])
        self.redis.refuses = ""
        self.redis.pass_time(2)
        self.assertTrue(self.connection.connected)
        self.assertEqual(self.log.all[1:], ["Redis: reconnected"])

    def test_hangs_up_for_an_hour(self) -> None:
        """One that takes connections and drops them is not tried more often, nor told more often."""
        self.redis.greeting = b""
        self.redis.hang_up()
        for _ in range(HOUR * 5 // 2):
            self.redis.pass_time(0.4)
            while self.redis.lines:
                self.redis.hang_up()
        self.assertLess(self.redis.attempts, HOUR / LONGEST_PAUSE + 10)
        self.assertEqual(len(self.log.all), 1, self.log.all)

    def test_comes_and_goes_for_an_hour(self) -> None:
        """One that dies after each greeting: tried no more often, and told once."""
        for second in range(HOUR):
            self.redis.refuses = "dead" if second % 3 else ""
            self.redis.pass_time(1)
            while self.redis.lines:
                self.redis.hang_up()
        self.assertLess(self.redis.attempts, HOUR / LONGEST_PAUSE + 10)
        self.assertEqual(len(self.log.all), 2, self.log.all)

    def test_each_reason(self) -> None:
        """A new reason is told, an old one is not told again."""
        self.redis.pass_time(LASTING)
        self.redis.refuses = "dead"
        self.redis.hang_up()
        self.redis.pass_time(5)
        self.redis.refuses, self.redis.greeting = "", b"-LOADING the dataset\r\n"
        self.redis.pass_time(5)
        self.redis.refuses = "dead"
        self.redis.pass_time(5)
        self.assertEqual(len(self.log.all), 2, self.log.all)
        self.assertIn("LOADING", self.log.all[1])

    def test_another_outage(self) -> None:
        """The next outage is told again."""
        for told in (1, 2):
            self.redis.pass_time(LASTING)
            self.redis.refuses = "dead"
            self.redis.hang_up()
            self.redis.pass_time(5)
            self.redis.refuses = ""
            self.redis.pass_time(2)
            self.assertEqual(len(self.log.all), 2 * told, self.log.all)

    def test_told_by_another(self) -> None:
        """Of several connections only one need tell."""
        self.connection = self.connect(tell=False)
        self.redis.refuses = "dead"
        self.redis.hang_up()
        self.redis.pass_time(5)
        self.redis.refuses = ""
        self.redis.pass_time(2)
        self.assertEqual(self.log.all, [])

    def test_closed(self) -> None:
        """Closed while connected, it ends, and tries no more."""
        self.close()
        self.assertEqual(self.redis.attempts, 1)

    def test_closed_while_connecting(self) -> None:
        """Closed during an attempt, it ends."""
        self.redis.hang_up()
        self.clock.advance(1)
        self.assertEqual(len(self.clock.unixClients), 1)
        self.close()

    def test_closed_before_the_first_answer(self) -> None:
        """Closed while it waits for the answer that would make it usable, it ends."""
        self.redis.hang_up()
        self.redis.greeting = b""
        self.redis.pass_time(1)
        self.assertFalse(self.connection.connected)
        self.close()

    def test_closed_in_between(self) -> None:
        """Closed between two attempts, it ends."""
        self.redis.refuses = "dead"
        self.redis.hang_up()
        self.redis.pass_time(0.5)
        self.close()

    def test_closed_and_silent(self) -> None:
        """Closed while the other side does not hang up, as behind TLS, it ends after two seconds."""
        self.redis.lines[0].transport.silent = True
        closing = Deferred.fromCoroutine(self.connection.close())
        self.assertFalse(self.connection.connected)
        self.redis.pass_time(1.9)
        self.assertNoResult(closing)
        self.redis.pass_time(0.2)
        self.successResultOf(closing)

    def test_never_opened(self) -> None:
        """What was never opened is closed at once; a second time does no harm."""
        connection = Connection(self.clock, parse("unix:///redis.sock"), Scripts())
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(connection.close()))
