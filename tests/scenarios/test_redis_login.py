"""Redis behind TLS, a password, or for known users only: let in, locked out, let in again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nexmo_twisted.service import NexmoService
from tests.clients.loopback import certificate
from tests.scenarios.gate import Gate
from tests.scenarios.outage import Outage, OwnWorld
from tests.scenarios.world import free_port
from tests.support import until


class Encrypted(OwnWorld):
    """Redis behind TLS."""

    async def setUp(self) -> None:
        private, public = certificate("127.0.0.1")
        _, another = certificate("127.0.0.1")
        self.trusted = Path(self.mktemp()).absolute()
        self.trusted.write_bytes(public.dumpPEM())
        self.stranger = another.dumpPEM()
        self.tls = private.options()
        self.gate = Gate()
        before = os.environ.get("SSL_CERT_FILE")
        self.addCleanup(
            lambda: os.environ.pop("SSL_CERT_FILE") if before is None else os.environ.update({"SSL_CERT_FILE": before})
        )
        os.environ["SSL_CERT_FILE"] = str(self.trusted)
        await super().setUp()

    def url(self) -> str:
        if not self.gate.port:
            self.gate.open(str(self.server.socket), self.tls)
            self.addCleanup(self.gate.close)
        return f"rediss://127.0.0.1:{self.gate.port}"

    async def test_trusted(self) -> None:
        """With a certificate that this machine trusts it works."""
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_stranger(self) -> None:
        """With any other it does not, and the log says why."""
        await self.stop_all()
        self.trusted.write_bytes(self.stranger)
        self.begin()
        await self.turned_away()
        await until(lambda: [line for line in self.lines.ours if "certificate" in line], 1_000_000)
        await self.stop_all()

    async def test_silent(self) -> None:
        """Closed while nobody says farewell, it ends."""
        self.gate.swallow()
        await self.turned_away()
        await self.stop_all()


class LockedOut(Outage):
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


class NewPassword(Outage):
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


class Password(OwnWorld):
    """Redis behind a password, reached over TCP."""

    password = "open-sesame"

    async def setUp(self) -> None:
        self.redis_port = free_port()
        self.options = ("--port", str(self.redis_port), "--bind", "127.0.0.1", "--requirepass", self.password)
        await super().setUp()

    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.redis_port}/1"

    async def test_right(self) -> None:
        """A password in the URL works, and so does the number of a database."""
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertIn("db1:", self.server.ask("INFO", "keyspace"))
        self.assertNotIn(self.password, "\n".join(self.lines.all))


class WrongPassword(OwnWorld):
    password = "open-sesame"
    options = ("--requirepass", password)

    def url(self) -> str:
        return f"unix://:{self.password}@{self.server.socket}"

    async def setUp(self) -> None:
        await super().setUp()
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
