"""Starting: in the foreground and as a daemon, with every kind of pid file, and where nothing can be written."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from nexmo_twisted import __version__
from nexmo_twisted.errors import ConfigurationError
from nexmo_twisted.twistd import prepare
from tests.configuration import FILLED_IN
from tests.scenarios.processes import ROOT, TWISTD, Program
from tests.scenarios.world import free_port
from tests.support import until

IN_USE, RUNNING = "Address already in use", "Another twistd server is running"
#: A place where nobody can make a file, whoever it is.
UNWRITABLE = Path("/proc")


class StartCase(TestCase):
    """Each process has its port taken by the test unless it is freed: what comes before that is what is tested."""

    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.blocker = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.blocker.close)
        toml = FILLED_IN.replace('listen = "tcp:8080"', f'listen = "tcp:{self.port}:interface=127.0.0.1"')
        toml = toml.replace("redis://localhost:6379/0", "redis://127.0.0.1:1").replace("8081", str(free_port()))
        self.config = self.directory / "nexmo.toml"
        self.config.write_text(toml)
        self.pid_file, self.log = self.directory / "twistd.pid", self.directory / "twistd.log"

    @property
    def port(self) -> int:
        return int(self.blocker.getsockname()[1])

    def program(self, *words: str, directory: Path | None = None, **environ: str) -> Program:
        program = Program(directory or self.directory, *words, environ=environ)
        self.addCleanup(lambda: Deferred.fromCoroutine(program.stop("KILL")))
        return program

    def nexmo(self, *words: str, directory: Path | None = None) -> Program:
        return self.program(TWISTD, *words, "nexmo", "--config", str(self.config), directory=directory)

    async def ends(self, program: Program, *said: str) -> None:
        """It ends with a status not 0, and says this without a traceback."""
        self.assertNotEqual(await program.finish(), 0, program.output)
        for part in said:
            self.assertIn(part, program.output)
        self.assertNotIn("Traceback", program.output)


class StartFailureTests(StartCase):
    async def test_daemon(self) -> None:
        """A daemon whose port is taken comes back with the fault, and leaves no pid file and no traceback."""
        await self.ends(self.nexmo(), IN_USE, "log file")
        self.assertFalse(self.pid_file.exists())
        log = self.log.read_text()
        self.assertIn(f"nexmo cannot start: Couldn't listen on 127.0.0.1:{self.port}", log)
        self.assertNotIn("Traceback", log)

    async def test_daemon_of_a_tac(self) -> None:
        """So does one that a .tac file describes."""
        shutil.copy(ROOT / "nexmo.tac", self.directory)
        await self.ends(self.program(TWISTD, "-y", "nexmo.tac"), IN_USE)
        await until(lambda: not self.pid_file.exists(), 10_000_000)  # twistd removes it last
        self.assertNotIn("Traceback", self.log.read_text())

    async def test_daemon_without_its_redis(self) -> None:
        """So does one whose own Redis cannot have the directory that it needs."""
        (self.directory / "nexmo-data").write_text("in the way")
        self.config.write_text(self.config.read_text().replace("redis://127.0.0.1:1", "embedded"))
        self.blocker.close()
        await self.ends(self.nexmo(), "nexmo-data")
        self.assertFalse(self.pid_file.exists())
        self.assertNotIn("Traceback", self.log.read_text())

    async def test_foreground(self) -> None:
        """In the foreground it is one line, once, and no pid file is left either."""
        program = self.nexmo("-n")
        await self.ends(program, f"nexmo cannot start: Couldn't listen on 127.0.0.1:{self.port}")
        self.assertEqual(program.output.count(IN_USE), 1)
        self.assertFalse(self.pid_file.exists())

    async def test_settings(self) -> None:
        """A fault in the settings or in the words is not preceded by all that twistd can do."""
        self.config.write_text(self.config.read_text().replace("delay", "dealy"))
        for words, fault in ((("nexmo", "-c", "nexmo.toml"), "dealy"), (("nexmo", "--colour"), "colour")):
            program = self.program(TWISTD, "-n", *words)
            await self.ends(program, fault)
            self.assertNotIn("--pidfile", program.output)
            self.assertTrue(program.output.startswith("twistd nexmo: "), program.output)

    async def test_directory(self) -> None:
        """A directory to run in that cannot be entered is one line, for a daemon as well."""
        for option in ("--rundir", "--chroot"):
            for place in ("nowhere", str(self.config)):
                for words in ((f"{option}={place}",), ("-n", option, place)):
                    await self.ends(self.nexmo(*words), f"  {option}: found {place}; allowed: a directory")
                    self.assertFalse(self.log.exists() and self.log.read_text())
                    self.assertFalse(self.pid_file.exists())

    async def test_version(self) -> None:
        """--version is ours."""
        program = self.program(TWISTD, "nexmo", "--version")
        self.assertEqual((await program.finish(), program.output), (0, f"nexmo_twisted {__version__}\n"))


class ChangeUserTests(SynchronousTestCase):
    def test_somebody_else(self) -> None:
        """To become another user is refused at once to whoever may not: twistd itself would keep a daemon's starter
        waiting for ever."""
        self.patch(os, "geteuid", lambda: 1000)
        with self.assertRaises(ConfigurationError) as raised:
            prepare({"pidfile": "", "nodaemon": True, "uid": 0, "gid": os.getegid() + 1})
        uid, gid = raised.exception.faults
        self.assertEqual(uid, "--uid: found 0; only root may change the user")
        self.assertTrue(gid.startswith("--gid: found "))
        prepare({"pidfile": "", "nodaemon": True, "uid": 1000, "gid": None})
        with self.assertRaises(ConfigurationError) as raised:
            prepare({"pidfile": "", "nodaemon": True, "chroot": "."})
        self.assertEqual(raised.exception.faults, ("--chroot: found .; only root may change the root directory",))


class ForeignOptionsTests(SynchronousTestCase):
    def test_untouched(self) -> None:
        """What is no option of twistd's is no reason to make or to remove a file."""
        before = set(Path.cwd().iterdir())
        options: dict[str, object] = {}
        prepare(options)
        self.assertEqual((options, set(Path.cwd().iterdir())), ({}, before))


class PidFileTests(StartCase):
    async def test_stale(self) -> None:
        """A pid file that names nobody, another program or nothing at all does not keep the service from starting."""
        other = self.program("/bin/sleep", "60")
        nobody = subprocess.Popen(["/bin/true"])
        nobody.wait()
        for pid in (nobody.pid, other.process.pid, os.getpid(), 0, -1, 10**30, "", "\0\0\0\0", f" {nobody.pid}\n"):
            self.pid_file.write_text(str(pid))
            await self.ends(self.nexmo("-n"), IN_USE)
            self.assertFalse(self.pid_file.exists(), pid)

    async def test_ourselves(self) -> None:
        """Nor does one that names the very process, as in a container that was killed and started again."""
        start = 'echo $$ > twistd.pid; exec "$0" -n nexmo --config nexmo.toml'
        await self.ends(self.program("/bin/sh", "-c", start, TWISTD), IN_USE)

    async def test_daemon(self) -> None:
        """So it is for a daemon."""
        self.pid_file.write_text(str(os.getpid()))
        await self.ends(self.nexmo(), IN_USE)

    async def test_running(self) -> None:
        """While a service runs on it a pid file stays, and a second one is refused, as without our plugin."""
        self.blocker.close()
        first = self.nexmo("-n")
        await self.appears(self.pid_file, first)
        content = self.pid_file.read_text()
        self.assertEqual(content, str(first.process.pid))
        await self.ends(self.nexmo("-n"), RUNNING)
        self.assertEqual(self.pid_file.read_text(), content)

    async def test_running_elsewhere(self) -> None:
        """A service that runs on another pid file, or on none, does not hold this one, whose number it has got."""
        there = self.directory / "elsewhere"
        there.mkdir()
        config = self.config.read_text().replace(str(self.port), str(free_port())).replace("tcp:8081", "tcp:0")
        (there / "nexmo.toml").write_text(config)
        for options in ((), ("--pidfile=",), ("--pidfile", "other.pid"), (f"--pidfile={self.directory}/other.pid",)):
            other = self.program(TWISTD, "-n", *options, "nexmo", "-c", "nexmo.toml", directory=there)
            await other.says("Redis: not connected")
            self.pid_file.write_text(str(other.process.pid))
            await self.ends(self.nexmo("-n"), IN_USE)
            await other.stop()

    async def test_running_tac(self) -> None:
        """The same when a .tac file describes what runs."""
        self.blocker.close()
        shutil.copy(ROOT / "nexmo.tac", self.directory)
        first = self.program(TWISTD, "-ny", "nexmo.tac")
        await self.appears(self.pid_file, first)
        await self.ends(self.nexmo("-n"), RUNNING)

    async def test_no_pid_file(self) -> None:
        """A file that holds anything but a number may be another one: it stays, and twistd says what it found."""
        await self.ends(self.nexmo("-n", "--pidfile=nexmo.toml"), "nexmo.toml contains non-numeric value")
        self.assertIn("delay", self.config.read_text())

    async def appears(self, file: Path, program: Program) -> None:
        def there() -> bool:
            self.assertIsNone(program.code, program.output)
            return file.exists() and file.read_text() != ""

        await until(there, 10_000_000)


class SignalTests(StartCase):
    async def test_ignored(self) -> None:
        """SIGHUP, SIGUSR1 and SIGUSR2 do not end the service, which says so; SIGTERM does."""
        self.blocker.close()
        program = self.nexmo("-n")
        await program.says("starting on")
        for name in ("HUP", "USR1", "USR2") * 2:
            program.process.signalProcess(getattr(signal, f"SIG{name}"))
            said = f"SIG{name} is ignored"
            await program.says(said, program.output.count(said) + 1)
        self.assertEqual(await program.stop(), -signal.SIGTERM, program.output)
        self.assertNotIn("Traceback", program.output)

    async def test_while_it_starts(self) -> None:
        """Nor do they while the settings are read; what twistd has SIGUSR1 do comes all the same."""
        self.blocker.close()
        settings = self.config.read_text()
        self.config.unlink()
        os.mkfifo(self.config)
        program = self.nexmo("-n", f"--logfile={self.log}")
        pipe = -1

        def reading() -> bool:
            nonlocal pipe
            with contextlib.suppress(OSError):  # nobody reads yet
                pipe = os.open(self.config, os.O_WRONLY | os.O_NONBLOCK)
            return pipe != -1 or program.code is not None

        await until(reading, 10_000_000)
        for name in ("HUP", "USR1", "USR2"):
            program.process.signalProcess(getattr(signal, f"SIG{name}"))
        os.write(pipe, settings.encode())
        os.close(pipe)
        await until(lambda: self.log.exists() and "Redis: not connected" in self.log.read_text(), 10_000_000)
        program.process.signalProcess(signal.SIGUSR1)
        await until(lambda: len(list(self.directory.glob("twistd.log*"))) > 1 or program.code is not None, 10_000_000)
        self.assertEqual(await program.stop(), -signal.SIGTERM, program.output)

    async def test_rotation(self) -> None:
        """With a log file, SIGUSR1 begins a new one, as twistd has it."""
        self.blocker.close()
        program = self.nexmo("-n", f"--logfile={self.log}")
        await until(lambda: self.log.exists() and "Redis: not connected" in self.log.read_text(), 10_000_000)
        program.process.signalProcess(signal.SIGUSR1)
        await until(lambda: len(list(self.directory.glob("twistd.log*"))) > 1 or program.code is not None, 10_000_000)
        self.assertEqual(await program.stop(), -signal.SIGTERM)


class ReadOnlyDirectoryTests(StartCase):
    async def test_foreground(self) -> None:
        """In a working directory that cannot be written the service runs in the foreground, without a pid file."""
        await self.ends(
            self.nexmo("-n", directory=UNWRITABLE), IN_USE, "No pid file: /proc/twistd.pid cannot be written"
        )

    async def test_daemon(self) -> None:
        """A daemon says what it needs: one line each for the pid file and the log."""
        await self.ends(
            self.nexmo(directory=UNWRITABLE),
            "/proc/twistd.pid: the pid file cannot be written: ",
            "allowed: --pidfile=PLACE or --pidfile=",
            "/proc/twistd.log: the log cannot be written: ",
        )
        await self.ends(self.nexmo("--pidfile=", f"--logfile={self.log}", directory=UNWRITABLE), IN_USE)

    async def test_given(self) -> None:
        """A pid file that somebody asked for is not left out quietly."""
        await self.ends(self.nexmo("-n", "--pidfile=/proc/my.pid"), "/proc/my.pid: the pid file cannot be written: ")
        (self.directory / "a.pid").mkdir()
        await self.ends(self.nexmo("-n", "--pidfile=a.pid"), "a.pid: the pid file cannot be written: Is a directory")


class ContainerTests(StartCase):
    async def test_killed(self) -> None:
        """The first process of a PID namespace, killed, starts again on the same files."""
        namespace = ["/usr/bin/env", "unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        if await self.program(*namespace, "true").finish():
            raise SkipTest("only root may make a PID namespace")
        self.pid_file.write_text("1")
        await self.ends(self.program(*namespace, TWISTD, "-n", "nexmo", "--config", str(self.config)), IN_USE)
