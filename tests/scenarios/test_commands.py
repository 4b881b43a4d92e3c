"""The operator's commands: beside the running service, and as the processes that operators start."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from nexmo_twisted import __version__
from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.domain.model import Notification
from nexmo_twisted.operations.cli.dead_letters import list_dead_letters, redrive
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.platforms.layer.ids import CONVERSATION as CONVERSATION_PREFIX
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.embedded_service import EmbeddedValkey
from tests.configuration import APP_ID
from tests.factories import NUMBERS, REPORT, uuid
from tests.scenarios.processes import ROOT, Program
from tests.scenarios.world import BOB, NO_RECEIPTS, ONE, TALK, World
from tests.store.cases import QueueCase
from tests.support import Server, until

SECRETS = ("tell-nobody", "a-third-secret")


class CommandsBesideServiceTests(World):
    """The service runs, and an operator looks at what it did."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.operator = QueueAdmin(self.connection, self.now, conversation_prefix=CONVERSATION_PREFIX)
        self.printed: list[str] = []

    async def why(self, message_id: str) -> list[str]:
        """What is told, without what stands before each line."""
        self.printed.clear()
        await explain(self.operator, message_id, Policy(REPORT, 600_000, "resend"), describe, out=self.printed.append)
        return [line.strip() for line in self.printed]

    async def ids(self) -> list[str]:
        self.printed.clear()
        await list_dead_letters(self.operator, ("out", "in"), None, as_json=True, out=self.printed.append)
        return [item["id"] for item in json.loads("".join(self.printed))["items"]]

    async def redrive(self, *ids: str, yes: bool = False) -> bool:
        self.printed.clear()
        return await redrive(self.operator, ids or None, REPORT, yes=yes, ask=None, out=self.printed.append)

    async def test_refused(self) -> None:
        """A text that Nexmo refused is sent within five seconds after it is redriven, once what was wrong is mended;
        and at each point the operator hears how far it is."""
        message = await self.send()
        self.assertIn("not checked yet: due in 10 min", await self.why(message))
        self.fault(path="/sms/json", nexmo_status="6")
        await self.pass_time(600)
        told = await self.why(message)
        self.assertIn("checked: 1 SMS still open", told)
        self.assertTrue(any(line.startswith("dead letter since") and "status 6" in line for line in told), told)
        await self.pass_time(3 * 86_400)
        (item,) = await self.ids()
        self.assertTrue(await self.redrive(item))
        await self.pass_time(5)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertEqual(await self.ids(), [])
        told = await self.why(message)
        self.assertTrue(any(line.startswith(f"sent from …{ONE[-4:]}") for line in told), told)
        self.assertNotIn(BOB, "\n".join(told))
        (named,) = [line for line in told if line.startswith("the provider's id: ")]
        of_sms = await self.why(named.rpartition(" ")[2])
        self.assertIn(" to bob about message ", of_sms[0])
        self.assertEqual(of_sms[1:], told)

    async def test_read(self) -> None:
        """Why Bob got no text: he had read it. That is known after the check, and who wrote it where."""
        message = await self.send()
        self.layer.mark_read(message, "bob")
        await self.pass_time(600)
        told = await self.why(message)
        self.assertTrue(told[1].endswith(f", sent by ann in {TALK}"), told)
        self.assertEqual(told[-2:], ["bob, status read:", "no SMS was needed: read is not in report_on_status"])

    async def test_held(self) -> None:
        """An account at fault is told as that, however long, and not as a service that does not run."""
        self.fault(path="/sms/json", nexmo_status="9", times=0)
        message = await self.text_unread()
        await self.pass_time(3600)
        told = "\n".join(await self.why(message))
        self.assertIn("sending is suspended since", told)
        self.assertNotIn("is the service running", told)

    async def test_no_phone(self) -> None:
        """What is wrong with a phone is told, and no more of it than four digits."""
        self.layer.add_user("dan", display_name="Dan", phone_number="(201) 555-01234")
        self.layer.add_user("eve", display_name="Eve")
        told = await self.why(await self.text_unread(conversation=self.layer.start_conversation(["ann", "dan", "eve"])))
        reasons = [line.partition("Z: ")[2] for line in told if line.startswith("not sent")]
        self.assertEqual(
            reasons,
            [
                "the recipient has no phone number that can receive SMS (…1234 is too long for a phone number in US: "
                "one of another country needs a + in front)",
                "the recipient has no phone number that can receive SMS",
            ],
        )

    async def test_too_late(self) -> None:
        """What was given up as too late has as much time again as it had before."""
        self.fault(path="/sms/json", status=429, times=0)
        await self.text_unread()
        while not await self.ids():
            await self.pass_time(7200)
        self.sandbox.faults.clear()
        self.assertTrue(await self.redrive())
        await self.pass_time(5)
        self.assertEqual(len(self.texts()), 1)

    async def test_uncertain(self) -> None:
        """An SMS that did go out although nobody knows is sent a second time only when somebody says yes."""
        self.nexmo.receipts = NO_RECEIPTS
        self.fault(path="/sms/json", status=500, done=True)
        message = await self.text_unread()
        (item,) = await self.ids()
        self.assertTrue(any(line.startswith("uncertain since") for line in await self.why(message)))
        self.assertFalse(await self.redrive(item))
        await self.pass_time(5)
        self.assertEqual(len(self.texts()), 1)
        self.assertTrue(await self.redrive(item, yes=True))
        await self.pass_time(5)
        self.assertEqual(len(self.texts()), 2)

    async def test_reply(self) -> None:
        """A reply that Layer refused is posted after it is redriven."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", status=404, body=b'{"id": "not_found", "code": 102}', times=1)
        await self.reply(BOB, ONE, "Yes, gladly")
        (item,) = await self.ids()
        self.assertTrue(await self.redrive(item))
        await self.pass_time(5)
        self.assertEqual(self.posted()[-1], ("bob", "Yes, gladly"))
        self.assertEqual(await self.ids(), [])


class Command(ProcessProtocol):
    """``python -m nexmo_twisted`` with some arguments in some directory. ``terminal``: somebody sits before it."""

    def __init__(self, directory: Path, *arguments: str, terminal: bool = False) -> None:
        self.output = ""
        self.errors = ""
        self.code: int | None = None
        self.ended: Deferred[None] = Deferred()
        self.process: Any = reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-m", "nexmo_twisted", *arguments],
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", ""), "HOME": str(directory)},
            path=str(directory),
            usePTY=terminal,
        )

    def outReceived(self, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")

    def errReceived(self, data: bytes) -> None:
        self.errors += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        ended: Any = reason.value
        self.code = ended.exitCode if ended.exitCode is not None else -ended.signal
        self.ended.callback(None)

    async def says(self, text: str) -> None:
        """Waits until it has printed this, or has ended."""
        await until(lambda: text in self.output or self.code is not None, 10_000_000)

    def type(self, text: str) -> None:
        self.process.write(text.encode())

    async def kill(self) -> None:
        if self.code is None:
            self.process.signalProcess("KILL")
            await self.ended

    async def finish(self) -> int:
        if self.code is None:
            await self.ended
        assert self.code is not None
        assert "Traceback" not in self.output + self.errors, self.output + self.errors
        return self.code


def toml(redis: str) -> str:
    return f"""
        delay = "10 minutes"
        [layer]
        app_id = "{APP_ID}"
        token = "tell-nobody"
        secret = "tell-nobody"
        [server]
        url = "https://hooks.example.com"
        redis = "{redis}"
        [nexmo]
        key = "key"
        secret = "a-third-secret"
        phone_numbers = {json.dumps(NUMBERS)}
    """


class CommandProcessTests(QueueCase):
    """Real processes on a real Redis, in real time."""

    timeout = 120

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.clock.advance(round(time.time()) - 30 - self.clock.seconds())  # what is made here is a little old
        self.directory = Path(tempfile.mkdtemp(prefix="nxc-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        (self.directory / "nexmo.toml").write_text(toml(Server.shared().url))

    def start(self, *arguments: str, config: str | None = "nexmo.toml", terminal: bool = False) -> Command:
        options = ("--config", config) if config else ()
        command = Command(self.directory, *arguments, *options, terminal=terminal)
        self.addCleanup(lambda: Deferred.fromCoroutine(command.kill()))
        return command

    async def command(self, *arguments: str, config: str | None = "nexmo.toml") -> tuple[int, str, str]:
        """Exit status, what it printed, and what it complained of."""
        command = self.start(*arguments, config=config)
        code = await command.finish()
        for secret in SECRETS:
            self.assertNotIn(secret, command.output + command.errors)
        return code, command.output, command.errors

    async def aside(self, n: int, *, uncertain: bool = False) -> Notification:
        item = await self.sending(n)
        await self.store.set_aside(item, "status 6: invalid message", uncertain=uncertain)
        return item

    async def state(self, item: Notification) -> str:
        state: str = await self.inspector.state(item.id)
        return state

    async def test_dead_letters(self) -> None:
        """The dead letters, as a table and as JSON; when there are none, that."""
        self.assertEqual(await self.command("dead-letters", "list"), (0, "No dead letters and no uncertain SMS.\n", ""))
        item = await self.aside(1)
        code, output, errors = await self.command("dead-letters", "list", "--queue", "out")
        self.assertEqual((code, errors, len(output.splitlines())), (0, "", 2))
        self.assertIn(item.id, output)
        code, output, errors = await self.command("dead-letters", "list", "--json")
        self.assertEqual((code, errors, [each["id"] for each in json.loads(output)["items"]]), (0, "", [item.id]))

    async def test_redrive(self) -> None:
        """Without a terminal what may have been sent is refused; the rest is done."""
        plain, doubtful = await self.aside(1), await self.aside(2, uncertain=True)
        code, output, errors = await self.command("redrive", plain.id, doubtful.id)
        self.assertEqual((code, errors), (1, ""))
        self.assertIn(f"{plain.id}: put back into the queue, next in line", output)
        self.assertIn("use --yes to send it", output)
        self.assertEqual((await self.state(plain), await self.state(doubtful)), ("R", "U"))
        code, output, _ = await self.command("redrive", "--all", "--yes")
        self.assertEqual((code, output.splitlines()[-1], await self.state(doubtful)), (0, "1 put back.", "R"))
        self.assertEqual(await self.command("redrive", "--all"), (0, "No dead letters and no uncertain SMS.\n", ""))
        code, output, _ = await self.command("redrive", "nothing")
        self.assertEqual((code, output), (1, "nothing: no dead letter or uncertain SMS has this id\n"))

    async def test_terminal(self) -> None:
        """At a terminal it is asked for: no, yes, and Ctrl-C, which ends it."""
        item = await self.aside(1, uncertain=True)
        for typed, code, state in (("no\n", 1, "U"), ("\x03", 130, "U"), ("\x04", 1, "U"), ("yes\n", 0, "R")):
            command = self.start("redrive", item.id, terminal=True)
            await command.says("Type yes")
            command.type(typed)
            self.assertEqual(await command.finish(), code, command.output)
            self.assertEqual(await self.state(item), state, command.output)

    async def test_why(self) -> None:
        """What became of a message; of one that nobody knows, that, with another exit status."""
        await self.aside(1)
        code, output, errors = await self.command("explain", uuid(1))
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("dead letter since", output)
        code, output, errors = await self.command("why", uuid(2))
        self.assertEqual((code, errors), (1, ""))
        self.assertIn("Nothing is known", output)

    async def test_words(self) -> None:
        """Words it does not know: what is wrong, then how to use it, and another exit status. Help is no fault."""
        words: tuple[str, ...]
        for words in (
            (),
            ("exhume",),
            ("why",),
            ("redrive",),
            ("dead-letters",),
            ("dead-letters", "list", "--limit", "x"),
        ):
            code, output, errors = await self.command(*words, config=None)
            self.assertEqual((code, output), (2, ""), words)
            self.assertIn("\n\nUsage: nexmo-twisted", errors, "the fault comes first")
        for words in (("--version",), ("why", "--version"), ("dead-letters", "list", "--version")):
            told = await self.command(*words, config=None)
            self.assertEqual(told, (0, f"nexmo_twisted {__version__}\n", ""), words)
        for words in (("--help",), ("explain", "--help")):
            code, output, errors = await self.command(*words, config=None)
            self.assertEqual((code, errors), (0, ""), words)
            self.assertIn("Usage: nexmo-twisted", output)

    async def test_settings(self) -> None:
        """Settings that cannot work: the same lines as from twistd, and no usage."""
        (self.directory / "bad.toml").write_text(toml("gopher://x").replace("10 minutes", "soon"))
        for config, parts in {"bad.toml": ("delay", "'soon'", "server.redis"), "absent.toml": ("absent.toml",)}.items():
            code, output, errors = await self.command("dead-letters", "list", config=config)
            self.assertEqual((code, output), (2, ""))
            self.assertNotIn("Usage", errors)
            for part in ("invalid configuration:", *parts):
                self.assertIn(part, errors)

    async def test_redis_away(self) -> None:
        """One line and no traceback when Redis is not there."""
        (self.directory / "away.toml").write_text(toml("redis://somebody:tell-nobody@127.0.0.1:1/0"))
        code, output, errors = await self.command("dead-letters", "list", config="away.toml")
        self.assertEqual((code, output, len(errors.splitlines())), (1, "", 1))
        self.assertIn("cannot reach Redis at 127.0.0.1:1 within 10 seconds", errors)

    async def test_pipe(self) -> None:
        """Whoever reads what it prints may have seen enough: no complaint."""
        for n in range(1, 4):
            await self.aside(n)
        command = self.start("dead-letters", "list")
        command.process.closeStdout()
        self.assertEqual((await command.finish(), command.errors), (1, ""))

    async def test_full(self) -> None:
        """Where its output cannot be written that is said in one line, and where there is none nothing is."""
        for where, said in (
            (">/dev/full", "cannot write the output: No space left on device\n"),
            (">&-", ""),
        ):
            line = f'"$0" -m nexmo_twisted dead-letters list --config nexmo.toml {where}'
            program = Program(self.directory, "/bin/sh", "-c", line, sys.executable)
            self.addCleanup(program.stop, "KILL")
            self.assertEqual((await program.finish(), program.output), (1 if said else 0, said))


class CommandsOnEmbeddedValkeyTests(TestCase):
    timeout = 60

    def start(self, directory: Path) -> Command:
        command = Command(directory, "dead-letters", "list", "--config", "nexmo.toml")
        self.addCleanup(lambda: Deferred.fromCoroutine(command.kill()))
        return command

    async def test_there_and_not(self) -> None:
        """The embedded Redis is found in the directory of the service, and only there."""
        directory = Path(tempfile.mkdtemp(prefix="nxc-"))
        self.addCleanup(shutil.rmtree, directory, True)
        (directory / "nexmo.toml").write_text(toml("embedded"))
        command = self.start(directory)
        self.assertEqual((await command.finish(), command.output), (1, ""))
        self.assertIn("The embedded Redis is not running", command.errors)
        self.assertFalse((directory / "nexmo-data").exists(), "it made something")
        server = EmbeddedValkey(directory / "nexmo-data", reactor=IReactorThreads(reactor), clock=Clock())
        server.startService()
        try:
            command = self.start(directory)
            self.assertEqual((await command.finish(), command.errors), (0, ""))
            self.assertEqual(command.output, "No dead letters and no uncertain SMS.\n")
        finally:
            await server.stopService()
