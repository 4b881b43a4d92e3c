"""The service as its users start it: a real process."""

from __future__ import annotations

import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.documents import DOCS, example
from tests.inspector import K
from tests.network import listen
from tests.scenarios.processes import ROOT, Twistd
from tests.scenarios.world import BOB, TALK, free_port, simulators
from tests.support import Server, StoreCase, until

FAULTY = """
delay = "soon"
colour = "red"
[layer]
app_id = "x"
token = "tell-nobody"
secret = "tell-nobody-either"
[server]
url = "http://hooks.example.com/path"
[nexmo]
key = "k"
secret = "a-third-secret"
phone_numbers = []
"""


class ProcessTests(StoreCase):
    """Simulated companies in the test, the service in a process of its own, in real time."""

    timeout = 60

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.port = free_port()
        self.sandbox = simulators(self, reactor)
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        (self.directory / "nexmo.toml").write_text(self.toml())

    def toml(self, redis: str = "", delay: str = "1 second") -> str:
        sandbox, credentials = self.sandbox, self.sandbox.credentials
        return f"""
            delay = "{delay}"
            [layer]
            app_id = "{credentials.layer_app_id}"
            token = "{credentials.layer_token}"
            secret = "{credentials.layer_secret}"
            api_url = "{sandbox.layer_url}"
            [server]
            url = "http://127.0.0.1:{self.port}"
            listen = "tcp:{self.port}:interface=127.0.0.1"
            redis = "{redis or Server.shared().url}"
            [nexmo]
            key = "{credentials.nexmo_key}"
            secret = "{credentials.nexmo_secret}"
            phone_numbers = ["12015550101", "12015550102"]
            api_url = "{sandbox.nexmo_url}"
            [operator]
            listen = ""
        """

    def start(self, *arguments: str) -> Twistd:
        process = Twistd(self.directory, *(arguments or ("nexmo", "--config", "nexmo.toml")))
        self.addCleanup(lambda: Deferred.fromCoroutine(process.stop("KILL")))
        return process

    async def registered(self, process: Twistd) -> None:
        """Waits until the companies know the service."""
        hooks, numbers = self.sandbox.layer.webhooks, self.sandbox.nexmo.numbers.values()

        def known() -> bool:
            assert process.code is None, process.output
            return any(hook.status == "active" for hook in hooks) and all(n.inbound_url for n in numbers)

        await until(known, 10_000_000)

    def texts(self) -> list[str]:
        return [sms.text for sms in self.sandbox.nexmo.handset(BOB)]

    async def test_restart(self) -> None:
        """Stopped with SIGTERM while a check is pending and started again, it sends the SMS, once."""
        first = self.start()
        await self.registered(first)
        self.sandbox.layer.send(TALK, "ann", "Are you there?")
        await self.sandbox.idle()
        self.assertEqual(await first.stop(), -signal.SIGTERM, first.output)
        self.assertIn("Server Shut Down", first.output)
        self.assertEqual((self.texts(), await self.redis("ZCARD", K.due)), ([], 1))
        second = self.start()
        await until(self.texts, 10_000_000)
        self.assertEqual(self.texts(), ["Ann: Are you there?"])
        await second.stop()
        self.assertEqual(self.texts(), ["Ann: Are you there?"])
        for process in (first, second):
            for secret in (BOB, "Are you there", self.sandbox.credentials.nexmo_secret):
                self.assertNotIn(secret, process.output)
            self.assertNotIn("Traceback", process.output)

    async def test_embedded(self) -> None:
        """With redis = "embedded" a killed process leaves its Valkey running, and the next one goes on with it."""
        (self.directory / "nexmo.toml").write_text(self.toml("embedded"))
        first = self.start()
        await self.registered(first)
        self.sandbox.layer.send(TALK, "ann", "Are you there?")
        await self.sandbox.idle()
        await first.stop("KILL")
        second = self.start()
        await until(self.texts, 10_000_000)
        self.assertEqual(await second.stop(), -signal.SIGTERM, second.output)
        self.assertEqual(self.texts(), ["Ann: Are you there?"])
        self.assertIn("already running", second.output)

    async def test_tac(self) -> None:
        """The repository's nexmo.tac runs with `twistd -ny`."""
        process = self.start("-y", str(ROOT / "nexmo.tac"))
        await self.registered(process)
        self.assertEqual(await process.stop(), -signal.SIGTERM, process.output)

    async def test_python_functions(self) -> None:
        """The example in docs/python.md runs: its functions are asked."""
        (self.directory / "my.tac").write_text(example(DOCS / "python.md", "tac example"))
        process = self.start("-y", "my.tac")
        await self.registered(process)
        self.sandbox.layer.send(TALK, "ann", "Are you there?")
        handset = self.sandbox.nexmo.handset
        await until(lambda: handset("12015550123"), 10_000_000)
        self.assertEqual(
            [sms.text for sms in handset("12015550123")],
            ["Ann writes to you. Just answer this SMS.\n\nAnn: Are you there?"],
        )
        await process.stop()

    async def test_bad_settings(self) -> None:
        """Every fault in one go, with its key; exit status not 0; no secret, no traceback."""
        (self.directory / "nexmo.toml").write_text(FAULTY)
        process = self.start()
        self.assertNotEqual(await process.finish(), 0)
        for part in ("delay", "'soon'", "colour", "layer.app_id", "server.url", "nexmo.phone_numbers"):
            self.assertIn(part, process.output)
        for part in ("tell-nobody", "a-third-secret", "Traceback"):
            self.assertNotIn(part, process.output)

    async def test_bad_settings_of_a_tac(self) -> None:
        """So it is with a .tac file."""
        (self.directory / "nexmo.toml").write_text(FAULTY)
        process = self.start("-y", str(ROOT / "nexmo.tac"))
        self.assertNotEqual(await process.finish(), 0)
        for part in ("invalid configuration:", "nexmo.phone_numbers"):
            self.assertIn(part, process.output)
        self.assertNotIn("Traceback", process.output)

    async def test_bad_settings_in_the_sandbox(self) -> None:
        """The sandbox judges settings as the service does, but for those that it replaces."""
        (self.directory / "nexmo.toml").write_text(FAULTY)
        process = self.start("nexmo", "--sandbox", "--config", "nexmo.toml")
        self.assertNotEqual(await process.finish(), 0)
        for part in ("delay", "'soon'", "colour", "nexmo.phone_numbers"):
            self.assertIn(part, process.output)
        for part in ("layer.app_id", "server.url", "a-third-secret", "Traceback"):
            self.assertNotIn(part, process.output)

    async def test_busy_port(self) -> None:
        """A port that is taken ends the process with a status not 0, instead of leaving it deaf."""
        listen(self, Site(Resource()), self.port)
        process = self.start()
        self.assertNotEqual(await process.finish(), 0)
        self.assertIn("in use", process.output)
        self.assertNotIn("Traceback", process.output)

    async def test_no_such_place(self) -> None:
        """So does a socket in a directory that does not exist, in one line."""
        toml = self.toml().replace(f"tcp:{self.port}:interface=127.0.0.1", "unix:/no/such/place/x.sock")
        (self.directory / "nexmo.toml").write_text(toml)
        process = self.start()
        self.assertNotEqual(await process.finish(), 0)
        self.assertIn("/no/such/place/x.sock", process.output)
        self.assertIn("nexmo cannot start: ", process.output)
        self.assertNotIn("Traceback", process.output)

    async def test_help(self) -> None:
        """`twistd nexmo --help` says what there is."""
        process = self.start("nexmo", "--help")
        self.assertEqual(await process.finish(), 0)
        for option in ("--config", "--sandbox"):
            self.assertIn(option, process.output)
