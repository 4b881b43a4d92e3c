"""Redis behind TLS, a password, or for known users only: let in, locked out, let in again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.ssl import PrivateCertificate

from nexmo_twisted.config.models import Settings
from nexmo_twisted.service import NexmoService
from tests.http_client.loopback import certificate
from tests.scenarios.gate import Gate
from tests.scenarios.outage import OutageCase, OwnWorld
from tests.scenarios.outside import Caller
from tests.scenarios.world import free_port
from tests.support import until


class RedisTlsTests(OwnWorld):
    """Redis behind TLS."""

    async def asyncSetUp(self) -> None:
        private, public = certificate("127.0.0.1")
        self.trusted = Path(self.mktemp()).absolute()
        self.trusted.write_bytes(public.dumpPEM())
        self.tls = private.options()
        self.gate = Gate()
        before = os.environ.get("SSL_CERT_FILE")
        self.addCleanup(
            lambda: os.environ.pop("SSL_CERT_FILE") if before is None else os.environ.update({"SSL_CERT_FILE": before})
        )
        os.environ["SSL_CERT_FILE"] = str(self.trusted)
        self.operator = free_port()
        await super().asyncSetUp()
        self.monitor = Caller(f"http://127.0.0.1:{self.operator}")

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, **{"operator": {"listen": f"tcp:{self.operator}:interface=127.0.0.1"}, **more})

    def url(self) -> str:
        if not self.gate.port:
            self.gate.open(str(self.server.socket), self.tls)
            self.addCleanup(self.gate.close)
        return f"rediss://127.0.0.1:{self.gate.port}"

    async def test_trusted(self) -> None:
        """With a certificate that this machine trusts it works."""
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def refused(self, shown: PrivateCertificate, why: str) -> None:
        """To a process that starts now Redis shows another certificate: health and log say why it is not trusted, the
        log once and in one line."""
        await self.stop_all()
        await self.gate.close()
        self.gate.open(str(self.server.socket), shown.options())
        self.lines.clear()
        before = self.gate.connections
        self.begin()
        await until(lambda: self.gate.connections >= before + 4, 10_000_000)
        await self.turned_away()
        self.assertEqual(
            [line for line in self.lines.all if "certificate" in line], [f"Redis: not connected, retrying: {why}"]
        )
        missing = json.loads((await self.monitor.ask("GET", "/health")).body)["missing"]
        self.assertEqual([each["reason"] for each in missing], [f"not connected to Redis: {why}"])
        self.assertEqual(self.flushLoggedErrors(), [])
        await self.stop_all()

    async def test_stranger(self) -> None:
        """With a certificate that nobody here trusts it does not."""
        private, _ = certificate("127.0.0.1")
        await self.refused(private, "its certificate is not trusted: depth zero self signed cert")

    async def test_nameless(self) -> None:
        """Nor with one that does not say whose it is, as the usual commands make it, trusted or not."""
        private, public = certificate("127.0.0.1", says_so=False)
        await self.refused(private, "its certificate is not trusted: depth zero self signed cert")
        self.trusted.write_bytes(public.dumpPEM())
        why = "its certificate is not for 127.0.0.1: Certificate does not contain any `subjectAltName`s"
        await self.refused(private, why)

    async def test_of_another(self) -> None:
        """Nor with a trusted one of another host."""
        private, public = certificate("redis.example")
        self.trusted.write_bytes(public.dumpPEM())
        await self.refused(private, "its certificate is not for 127.0.0.1")

    async def test_no_tls(self) -> None:
        """Nor without TLS on the other side, which is told without a traceback."""
        await self.stop_all()
        await self.gate.close()
        self.gate.open(str(self.server.socket))
        self.lines.clear()
        self.begin()
        await until(
            lambda: [line for line in self.lines.ours if line.startswith("Redis: not connected, retrying: ")],
            10_000_000,
        )
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_silent(self) -> None:
        """Closed while nobody says farewell, it ends."""
        self.gate.swallow()
        await self.turned_away()
        await self.stop_all()


class RedisAclTests(OutageCase):
    """Logged in as a user of its own, as a careful operator has it."""

    def url(self) -> str:
        return f"unix://nexmo:open-sesame@{self.server.socket}"

    async def start(self, **more: Any) -> NexmoService:
        self.server.ask("ACL", "SETUSER", "nexmo", "on", ">open-sesame", "~*", "&*", "+@all")
        return await super().start(**more)

    async def test_no_permission(self) -> None:
        """NOPERM: what it may do is taken from it while it runs."""
        await self.outage(
            lambda: self.server.ask("ACL", "SETUSER", "nexmo", "-@all"),
            lambda: self.server.ask("ACL", "SETUSER", "nexmo", "+@all"),
        )

    async def test_deleted(self) -> None:
        """WRONGPASS: its user is deleted while it runs, which hangs up on it as well."""
        await self.outage(
            lambda: self.server.ask("ACL", "DELUSER", "nexmo"),
            lambda: self.server.ask("ACL", "SETUSER", "nexmo", "on", ">open-sesame", "~*", "&*", "+@all"),
            "AUTH was refused",
        )
        self.assertNotIn("open-sesame", "\n".join(self.lines.all))


class RedisNewPasswordTests(OutageCase):
    def closed(self) -> None:
        self.server.ask("CONFIG", "SET", "requirepass", "open-sesame")
        self.server.password = "open-sesame"
        self.server.ask("CLIENT", "KILL", "TYPE", "normal")

    def open(self) -> None:
        self.server.ask("CONFIG", "SET", "requirepass", "")
        self.server.password = ""

    async def test_needed(self) -> None:
        """NOAUTH: it wants a password where it wanted none."""
        await self.outage(self.closed, self.open, "NOAUTH")


class RedisPasswordTests(OwnWorld):
    """Redis behind a password, reached over TCP."""

    password = "open-sesame"

    async def asyncSetUp(self) -> None:
        self.redis_port = free_port()
        self.options = ("--port", str(self.redis_port), "--bind", "127.0.0.1", "--requirepass", self.password)
        await super().asyncSetUp()

    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.redis_port}/1"

    async def test_right(self) -> None:
        """A password in the URL works, and so does the number of a database."""
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertIn("db1:", self.server.ask("INFO", "keyspace"))
        self.assertNotIn(self.password, "\n".join(self.lines.all))


class RedisWrongPasswordTests(OwnWorld):
    password = "open-sesame"
    options = ("--requirepass", password)

    def url(self) -> str:
        return f"unix://:{self.password}@{self.server.socket}"

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        await self.stop_all()
        self.server.ask("CONFIG", "SET", "requirepass", "tell-nobody")
        self.lines.clear()

    async def test_wrong(self) -> None:
        """A wrong password: 503, and a line in the log that says so, without the password."""
        self.begin()
        await until(lambda: [line for line in self.lines.all if "auth" in line.lower()], 1_000_000)
        await self.turned_away()
        told = "\n".join(self.lines.all)
        self.assertRegex(told, "(?i)WRONGPASS|invalid (username-)?password")
        for secret in (self.password, "tell-nobody"):
            self.assertNotIn(secret, told)

    async def test_said_by_us(self) -> None:
        """The service itself says so, as an error an operator's alarm can see."""
        self.begin()
        await until(lambda: [line for line in self.lines.all if "auth" in line.lower()], 1_000_000)
        await self.pass_time(60)
        self.assertTrue([line for line in self.lines.ours if "password" in line.lower()], self.lines.ours)

    async def test_mended(self) -> None:
        """Once the password is right it goes on by itself."""
        service = self.begin()
        await until(lambda: [line for line in self.lines.all if "auth" in line.lower()], 1_000_000)
        self.server.password = "tell-nobody"
        self.server.ask("CONFIG", "SET", "requirepass", self.password)
        self.server.password = self.password
        await self.connected()
        await until(lambda: service.ready)
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
