"""The operator's door answers only those who know it by a right name."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from nexmo_twisted.operations.hosts import guarded
from nexmo_twisted.web.site import hardened_site
from tests.web.wire import Loopback

LOOPBACK = (b"localhost", b"LocalHost:8081", b"localhost.", b"127.0.0.1:8081", b"127.9.9.9", b"[::1]:8081", b"[::1]")
ADDRESSES = (b"192.0.2.7:8081", b"10.0.0.1", b"[2001:db8::1]:80", b"[2001:DB8::1]", b"0.0.0.0", b"255.255.255.255")
NAMES = (b"ops.example.com", b"OPS.example.com:8081", b"ops.example.com.", b"nexmo_sms:8081")
STRANGE = (
    b"evil.example",
    b"evil.example:8081",
    b"localhost.evil.example",
    b"127.0.0.1.evil.example",
    b"evil.example#localhost",
    b"evil@localhost",
    b"localhost:8081:80",
    b"localhost, evil.example",
    b"::1",
    b"[::1",
    b"[localhost]",
    b"[ops.example.com]",
    b"127.1",
    b"0x7f.0.0.1",
    b"2130706433",
    b"127.0.0.1.",
    b"ops.example.com..",
    b"",
    b" ",
    b"\xff",
    b"<script>alert(1)</script>",
    b"x" * 5000,
)


class Fine(Resource):
    isLeaf = True

    def render(self, _request: Request) -> bytes:
        return b"fine"


class HostsTests(TestCase):
    async def ask(self, on_loopback: bool, *hosts: bytes) -> bytes:
        """The status of the answer to a request with these Host headers."""
        resource = guarded(Fine(), ["ops.example.com", "nexmo_sms"], on_loopback=on_loopback)
        wire = await Loopback(self, hardened_site(resource, Clock())).connect()
        lines = b"".join(b"Host: %b\r\n" % host for host in hosts)
        wire.send(b"GET /health HTTP/1.1\r\n%bConnection: close\r\n\r\n" % lines)
        self.answer = await wire.gone()
        return self.answer[9:12]

    async def test_on_loopback(self) -> None:
        """An endpoint on loopback takes loopback and the names that it is told, but no other address."""
        for host in (*LOOPBACK, *NAMES):
            self.assertEqual(await self.ask(True, host), b"200", host)
        for host in (*ADDRESSES, *STRANGE):
            self.assertEqual(await self.ask(True, host), b"403", host)

    async def test_elsewhere(self) -> None:
        """One elsewhere takes any address, too, which no page can pretend to come from."""
        for host in (*LOOPBACK, *NAMES, *ADDRESSES):
            self.assertEqual(await self.ask(False, host), b"200", host)
        for host in STRANGE:
            self.assertEqual(await self.ask(False, host), b"403", host)

    async def test_none_or_two(self) -> None:
        """Without a Host header it is no browser that asks; with two it is nobody who means well."""
        self.assertEqual(await self.ask(True), b"200")
        self.assertEqual(await self.ask(True, b"localhost", b"evil.example"), b"403")
        self.assertEqual(await self.ask(True, b"localhost", b"localhost"), b"403")

    async def test_told(self) -> None:
        """Whoever used a wrong name is told which it was and which are right, as text that cannot pass for HTML."""
        await self.ask(True, b"<b>" + b"x" * 5000)
        self.assertIn(b"found '<b>" + b"x" * 57 + b"'; allowed: localhost, 127.0.0.0/8, [::1], names in", self.answer)
        self.assertIn(b"text/plain", self.answer)
        self.assertIn(b"nosniff", self.answer.lower())
        await self.ask(False, b"evil.example")
        self.assertIn(b"any IP address", self.answer)
        self.assertEqual(self.flushLoggedErrors(), [])
