"""A connection to Redis: how long an answer may take, also when it is this process that stands still."""

from __future__ import annotations

from typing import Any

import txredisapi
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from nexmo_twisted.store.protocol import REPLY_TIMEOUT, RedisProtocol, dial
from tests.support import Server

STALL = 4 * REPLY_TIMEOUT


class Aborting(StringTransport):
    def abortConnection(self) -> None:
        self.disconnecting = True


class RedisProtocolTests(SynchronousTestCase):
    """A connection whose other side the test plays."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.protocol = RedisProtocol(self.clock)
        self.transport = Aborting()
        self.protocol.makeConnection(self.transport)

    def ask(self) -> Deferred[Any]:
        return self.protocol.execute_command("PING")

    def at_that_moment(self, seconds: float, *pieces: bytes) -> None:
        """The pieces are in the socket by then, and the reactor reads one in each turn: after it has run its timers."""

        def read() -> None:
            if waiting:
                self.protocol.dataReceived(waiting.pop(0))
                self.clock.callLater(0, read)

        waiting = list(pieces)
        self.clock.callLater(seconds, read)

    def assert_given_up(self, *answers: Deferred[Any]) -> None:
        for answer in answers:
            self.failureResultOf(answer, txredisapi.TimeoutError)
        self.assertTrue(self.transport.disconnecting)

    def test_values(self) -> None:
        """Values come as text, also those that look like numbers, integers as integers, nothing as None, lists as lists
        of these; what is not UTF-8 stays bytes."""
        answer = self.ask()
        inner = b"*2\r\n$2\r\n\xff1\r\n*0\r\n"
        self.protocol.dataReceived(b"*6\r\n$3\r\n007\r\n:7\r\n$-1\r\n$0\r\n\r\n$2\r\n\xc3\xbc\r\n" + inner)
        self.assertEqual(self.successResultOf(answer), ["007", 7, None, "", "\u00fc", [b"\xff1", []]])

    def test_silent(self) -> None:
        """Without an answer in time every command fails and the connection is given up."""
        first = self.ask()
        self.clock.advance(REPLY_TIMEOUT - 0.1)
        second = self.ask()
        self.assertNoResult(first)
        self.clock.advance(0.1)
        self.assert_given_up(first, second)

    def test_each_has_its_time(self) -> None:
        """What is asked later may be answered later."""
        first = self.ask()
        self.clock.advance(REPLY_TIMEOUT - 0.1)
        second = self.ask()
        self.protocol.dataReceived(b"+PONG\r\n")
        self.assertEqual(self.successResultOf(first), "PONG")
        self.clock.advance(REPLY_TIMEOUT - 0.01)
        self.assertNoResult(second)
        self.clock.advance(0.02)
        self.assert_given_up(second)

    def test_read_first(self) -> None:
        """An answer that is there when time is up counts, however many turns it takes to read it."""
        answer = self.ask()
        self.at_that_moment(REPLY_TIMEOUT, b"$4", b"\r\nPO", b"NG\r\n")
        self.clock.advance(REPLY_TIMEOUT)
        self.assertEqual(self.successResultOf(answer), "PONG")
        self.clock.advance(STALL)
        self.assertFalse(self.transport.disconnecting)

    def test_half_an_answer(self) -> None:
        """Half an answer is none."""
        answer = self.ask()
        self.at_that_moment(REPLY_TIMEOUT, b"$4", b"\r\nPO")
        self.clock.advance(REPLY_TIMEOUT)
        self.assert_given_up(answer)

    def test_late_and_silent(self) -> None:
        """When we stood still Redis gets its time again, once: it may not have heard of the command before."""
        for stall in (STALL, 2 * STALL):
            self.setUp()
            answer = self.ask()
            self.clock.advance(stall)
            self.assertNoResult(answer)
            self.clock.advance(stall)
            self.assert_given_up(answer)

    def test_lost(self) -> None:
        """A connection that is lost leaves no timer."""
        self.ask().addErrback(lambda _: None)
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BusyProcessTests(TestCase):
    timeout = 20

    async def test_answers(self) -> None:
        """After a standstill of the process that is longer than Redis may take every command is answered, and the
        connection is the same: those that had gone out and those that had not."""
        clock = Clock()
        protocol = await dial(UNIXClientEndpoint(reactor, str(Server.shared().socket)), lambda: RedisProtocol(clock))
        self.addCleanup(lambda: protocol.lost)
        self.addCleanup(protocol.abort)
        for _ in range(3):
            asked = [protocol.execute_command("ECHO", str(n)) for n in range(20)]
            clock.advance(STALL)
            self.assertEqual(await gatherResults(asked), [str(n) for n in range(20)])
        self.assertFalse(protocol.lost.called)
