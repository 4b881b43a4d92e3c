"""The other side of the benchmarks says so when a webhook is not taken: nobody waits for it without end."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.bench.peer import Poster, Refused


class PostersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transport = StringTransport()
        self.poster = Poster(b"head ", [b"two", b"one"])
        self.poster.makeConnection(self.transport)

    def test_all_taken(self) -> None:
        """The next webhook is posted when the last is answered, and done when all are."""
        self.poster.dataReceived(b"HTTP/1.1 204 No Content\r\n")
        self.assertEqual(self.transport.value(), b"head one")
        self.poster.dataReceived(b"\r\n")
        self.assertEqual(self.transport.value(), b"head onehead two")
        self.assertNoResult(self.poster.done)
        self.poster.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertIsNone(self.successResultOf(self.poster.done))
        self.poster.connectionLost(Failure(ConnectionLost()))

    def test_refused(self) -> None:
        """Another answer than 20x ends it, and is told."""
        self.poster.dataReceived(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\r\n")
        fault = self.failureResultOf(self.poster.done, Refused).value
        self.assertIn("503 Service Unavailable", str(fault))
        self.assertTrue(self.transport.disconnecting)

    def test_lost(self) -> None:
        """So does a connection that is lost before all are taken."""
        self.poster.connectionLost(Failure(ConnectionLost()))
        self.failureResultOf(self.poster.done, Refused)
