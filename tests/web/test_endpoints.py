"""What the description of an endpoint says of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import TestCase

from nexmo_twisted.web.endpoints import on_loopback, with_backlog


class RoomTests(TestCase):
    def backlog(self, where: str) -> int:
        """How many connections wait to be accepted at this endpoint."""
        memory = MemoryReactor()
        serverFromString(memory, with_backlog(where)).listen(Factory())
        servers: list[tuple[Any, ...]] = [*memory.tcpServers, *memory.unixServers]
        ((_, _, backlog, *_),) = servers
        return int(backlog)

    def test_more_than_twisted_has(self) -> None:
        """A burst of connections finds room, however the endpoint is written."""
        for where in (
            "tcp:8080",
            "tcp:port=8080:interface=127.0.0.1",
            "tcp:8080:127.0.0.1",
            "tcp:8080:interface=\\:\\:1",
            "unix:/run/nexmo.sock:mode=660",
        ):
            self.assertEqual(self.backlog(where), 512, where)

    def test_as_it_is_said(self) -> None:
        """Whoever says how much room there is gets that."""
        for where in ("tcp:8080:backlog=7", "tcp:backlog=7:port=8080", "tcp:8080:127.0.0.1:7", "unix:/run/a:660:7"):
            self.assertEqual(self.backlog(where), 7, where)

    def test_tls(self) -> None:
        """So it is where the certificates stand before it."""
        for where in ("ssl:443", "ssl:443:key.pem:chain.pem", "ssl:443:privateKey=key.pem:certKey=chain.pem"):
            self.assertEqual(with_backlog(where), f"{where}:backlog=512")
        for where in ("ssl:443:backlog=7", "ssl:443:key.pem:chain.pem:TLSv1_2_METHOD:127.0.0.1:7"):
            self.assertEqual(with_backlog(where), where)

    def test_others(self) -> None:
        """A socket that somebody else has opened is left as it is."""
        self.assertEqual(with_backlog("systemd:domain=INET:index=0"), "systemd:domain=INET:index=0")


class LoopbackTests(TestCase):
    def test_on_loopback(self) -> None:
        """An endpoint that listens on an address of loopback is known, however it is written."""
        for where in (
            "tcp:8081:interface=127.0.0.1",
            "tcp:port=8081:interface=127.1.2.3",
            "tcp:interface=localhost:port=8081",
            "tcp:8081:127.0.0.1",
            "tcp:8081:127.0.0.1:7",
            "tcp:8081:interface=\\:\\:1",
            "ssl:8081:interface=127.0.0.1:privateKey=key.pem",
            "ssl:8081:key.pem:chain.pem:TLSv1_2_METHOD:127.0.0.1:7",
        ):
            self.assertTrue(on_loopback(where), where)

    def test_elsewhere(self) -> None:
        """One that others can reach is not on loopback, nor one of which that is not known."""
        for where in (
            "tcp:8081",
            "tcp:8081:interface=0.0.0.0",
            "tcp:8081:interface=192.0.2.1",
            "tcp:8081:interface=\\:\\:",
            "tcp:8081:interface=",
            "ssl:8081:127.0.0.1",
            "unix:/run/nexmo.sock",
            "systemd:domain=INET:index=0",
        ):
            self.assertFalse(on_loopback(where), where)
