"""The embedded Valkey, with real servers: durable, private, adopted, kept alive, shared."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, formatEvent
from twisted.trial.unittest import TestCase

from nexmo_twisted.errors import ConfigurationError, StoreUnavailable
from nexmo_twisted.store import embedded_service
from nexmo_twisted.store.embedded_server import LONGEST_SOCKET_PATH, installed_valkey
from nexmo_twisted.store.embedded_service import EmbeddedValkey
from tests.redis_socket import RedisSocket
from tests.support import observe_log

KILLED_OWNER = """
import os, signal, sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.task import Clock
from nexmo_twisted.store.embedded_service import EmbeddedValkey
EmbeddedValkey(Path(sys.argv[1]), reactor=reactor, clock=Clock()).startService()
os.kill(os.getpid(), signal.SIGKILL)
"""


P = ParamSpec("P")
R = TypeVar("R")


def ask(address: str, *words: str) -> Any:
    """The answer of the server on that socket to one command."""
    with RedisSocket(address) as redis:
        return redis.ask(*words)


def process_id(address: str) -> int:
    info = ask(address, "INFO", "server")
    return int(next(line for line in info.splitlines() if line.startswith("process_id:")).partition(":")[2])


def write_program(path: Path, *lines: str) -> Path:
    """A server program that does the lines of shell first, in the data directory, and then is Valkey."""
    path.write_text("\n".join(["#!/bin/sh", *lines, f'exec "{installed_valkey()}" "$@"', ""]))
    path.chmod(0o700)
    return path


def kill(pid: int) -> None:
    """Kill a server that this process started, and wait until it is dead; reaping it is left to its owner."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def time_limit(seconds: float) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Trial lets the decorated test fail after that time."""

    def limited(test: Callable[P, R]) -> Callable[P, R]:
        vars(test)["timeout"] = seconds
        return test

    return limited


class EmbeddedValkeyTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="embedded")) / "data"
        self.addCleanup(shutil.rmtree, self.directory.parent)
        self.clock = Clock()
        self._lines: DeferredQueue[str] = DeferredQueue()
        observe_log(self, self._observe)

    def _observe(self, event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith(embedded_service.__name__):
            reactor.callLater(0, self._lines.put, formatEvent(event))

    def log_line(self) -> Deferred[str]:
        """The next line the service logs; its own work of that moment is done by then."""
        return self._lines.get()

    def valkey(self, clock: Clock | None = None, program: Path | None = None) -> EmbeddedValkey:
        """A running service, stopped at the end of the test."""
        service = EmbeddedValkey(
            self.directory, reactor=IReactorThreads(reactor), clock=clock or self.clock, program=program
        )
        service.startService()
        self.addCleanup(lambda: service.stopService() if service.running else None)
        return service

    def unreliable_program(self) -> Path:
        """A server that does not start, and says why, while its directory has a file named ``broken``."""
        refusal = 'if [ -e broken ]; then echo "no luck today"; exit 3; fi'
        return write_program(self.directory.parent / "unreliable", refusal)

    def test_nothing_acknowledged_is_lost_or_evicted(self) -> None:
        """Every write is on the disk before it is answered, and memory pressure never removes a key."""
        address = self.valkey().address
        for setting, value in {
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
        }.items():
            self.assertEqual(ask(address, "CONFIG", "GET", setting), [setting, value])

    def test_private(self) -> None:
        """No TCP port is opened; directory and socket are for their owner only, as it was found or not."""
        self.directory.mkdir()
        self.directory.chmod(0o755)
        address = self.valkey().address
        self.assertEqual(ask(address, "CONFIG", "GET", "port"), ["port", "0"])
        self.assertEqual(Path(address).parent, self.directory)
        for path in (self.directory, Path(address)):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o700)

    async def test_data_survive_stop_and_start(self) -> None:
        """A stopped server is really gone, and the next start has its data."""
        service = self.valkey()
        self.assertEqual(ask(service.address, "SET", "link", "kept"), "OK")
        await service.stopService()
        self.assertRaises(OSError, ask, service.address, "PING")
        service.startService()
        self.assertEqual(ask(service.address, "GET", "link"), "kept")

    async def test_data_survive_a_killed_server(self) -> None:
        """What was acknowledged before the server was killed is there after the restart."""
        service = self.valkey()
        ask(service.address, "SET", "link", "kept")
        kill(process_id(service.address))
        await service.stopService()
        service.startService()
        self.assertEqual(ask(service.address, "GET", "link"), "kept")

    async def test_adopts_the_server_of_a_killed_process(self) -> None:
        """The server of a process killed with SIGKILL lives on: the next uses it, and stops it at last."""
        owner = await deferToThread(
            subprocess.run,
            [sys.executable, "-c", KILLED_OWNER, str(self.directory)],
            env=os.environ | {"PYTHONPATH": str(Path(embedded_service.__file__).parents[2])},
        )
        self.assertEqual(owner.returncode, -signal.SIGKILL)
        address = str(self.directory / "valkey.sock")
        left_behind = process_id(address)

        service = self.valkey()
        self.assertIn("already running", await self.log_line())
        self.assertEqual(process_id(service.address), left_behind)
        await service.stopService()
        self.assertRaises(OSError, ask, address, "PING")

    async def test_restarted_when_it_dies(self) -> None:
        """A dead server is noticed within a second and started again, with a line in the log."""
        service = self.valkey()
        self.assertIn("started", await self.log_line())
        killed = process_id(service.address)
        kill(killed)
        self.clock.advance(1)
        self.assertIn("had stopped, restarted", await self.log_line())
        self.assertNotEqual(process_id(service.address), killed)

    def test_a_living_server_is_watched_every_second(self) -> None:
        """The looks go on, a second apart, while all is well."""
        self.valkey()
        for _ in range(3):
            (look,) = self.clock.getDelayedCalls()
            self.assertEqual(look.getTime() - self.clock.seconds(), 1)
            self.clock.advance(1)

    async def test_a_failing_restart_is_tried_again_after_growing_pauses(self) -> None:
        """Each failure is a line with Valkey's own reason; pauses double up to 30 s; at last it works."""
        service = self.valkey(program=self.unreliable_program())
        await self.log_line()
        (self.directory / "broken").touch()
        kill(process_id(service.address))
        pauses = []
        self.clock.advance(1)
        for _ in range(6):
            line = await self.log_line()
            self.assertIn("no luck today", line)
            (look,) = self.clock.getDelayedCalls()
            pauses.append(look.getTime() - self.clock.seconds())
            self.assertIn(f"{pauses[-1]:g} s", line)
            if len(pauses) == 6:
                (self.directory / "broken").unlink()
            self.clock.advance(pauses[-1])
        self.assertEqual(pauses, [2, 4, 8, 16, 30, 30])
        self.assertIn("had stopped, restarted", await self.log_line())
        self.assertEqual(ask(service.address, "PING"), "PONG")

    @time_limit(8)  # to give up unasked takes ten
    async def test_a_stop_does_not_wait_for_a_server_that_never_answers(self) -> None:
        """A stop in the middle of a restart gives the restart up and leaves no process behind."""
        hang = "if [ -p started ]; then echo $$ > started; exec tail -f /dev/null; fi"
        service = self.valkey(program=write_program(self.directory.parent / "silent", hang))
        os.mkfifo(self.directory / "started")
        kill(process_id(service.address))
        self.clock.advance(1)
        silent = int(await deferToThread((self.directory / "started").read_text))
        await service.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertRaises(ProcessLookupError, os.kill, silent, 0)

    def test_the_terminal_does_not_stop_it(self) -> None:
        """Ctrl-C stops us, in our order: the server is in a session of its own and does not hear it."""
        server = process_id(self.valkey().address)
        self.assertEqual(os.getsid(server), server)

    def test_a_server_that_does_not_start_says_why(self) -> None:
        """At the start the failure is raised, with the last line of Valkey's log, so that twistd exits."""
        program = self.unreliable_program()
        self.directory.mkdir()
        (self.directory / "broken").touch()
        service = EmbeddedValkey(self.directory, reactor=IReactorThreads(reactor), clock=self.clock, program=program)
        error = self.assertRaises(StoreUnavailable, service.startService)
        self.assertIn("no luck today", str(error))
        self.assertFalse(service.running)

    async def test_the_last_of_several_users_stops_the_server(self) -> None:
        """Processes on one directory share one server: who leaves first does not take it from the others."""
        first, second = self.valkey(), self.valkey()
        shared = process_id(first.address)
        self.assertEqual(process_id(second.address), shared)
        await first.stopService()
        self.assertEqual(process_id(second.address), shared)
        await second.stopService()
        self.assertRaises(OSError, ask, second.address, "PING")

    async def test_several_users_start_one_server_again(self) -> None:
        """When all users find the server dead at once, one of them starts it and the others use that one."""
        clocks = [Clock(), Clock(), Clock()]
        services = [self.valkey(clock) for clock in clocks]
        for _ in services:
            await self.log_line()
        kill(process_id(services[0].address))
        for clock in clocks:
            clock.advance(1)
        lines = sorted([await self.log_line() for _ in services])
        self.assertEqual(
            lines,
            ["Embedded Valkey: had stopped, restarted"]
            + ["Embedded Valkey: had stopped, restarted by another process"] * 2,
        )
        self.assertEqual(ask(services[0].address, "PING"), "PONG")

    async def test_lost_socket(self) -> None:
        """A server whose socket was removed from the directory is replaced."""
        service = self.valkey()
        await self.log_line()
        ask(service.address, "SET", "link", "kept")
        Path(service.address).unlink()
        self.clock.advance(1)
        self.assertIn("had stopped, restarted", await self.log_line())
        self.assertEqual(ask(service.address, "GET", "link"), "kept")

    def test_path_too_long_for_a_socket(self) -> None:
        """A directory whose socket no client could reach is refused with its length and the limit."""
        self.directory = self.directory / ("x" * LONGEST_SOCKET_PATH)
        error = self.assertRaises(ConfigurationError, self.valkey)
        size = len(str(self.directory)) + len("/valkey.sock")
        self.assertIn(f"has {size} bytes; allowed are {LONGEST_SOCKET_PATH}", error.reason)
        self.assertFalse(self.directory.exists())

    def test_longest_path(self) -> None:
        """The longest socket path that is not refused works."""
        room = LONGEST_SOCKET_PATH - len(f"{self.directory}//valkey.sock")
        self.directory = self.directory / ("x" * room)
        self.assertEqual(ask(self.valkey().address, "PING"), "PONG")

    def test_unusual_directory_name(self) -> None:
        """Spaces, quotes and non-ASCII letters in the path need no care."""
        self.directory = self.directory / 'Ann\'s "données" #1'
        self.assertEqual(ask(self.valkey().address, "PING"), "PONG")

    def test_relative_directory(self) -> None:
        """It lies below the working directory of the start, which twistd may have changed by then."""
        service = EmbeddedValkey(Path("data"), reactor=IReactorThreads(reactor), clock=self.clock)
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(self.directory.parent)
        service.startService()
        self.addCleanup(service.stopService)
        self.assertEqual(ask(service.address, "PING"), "PONG")
        self.assertEqual(ask(str(self.directory / "valkey.sock"), "CONFIG", "GET", "dir")[1], str(self.directory))

    def test_directory_that_cannot_be_used(self) -> None:
        """A path that is no directory we may write to is refused with its name and what is allowed."""
        self.directory.write_text("a file")
        error = self.assertRaises(ConfigurationError, self.valkey)
        self.assertIn(str(self.directory), error.reason)
        self.assertIn("allowed is a directory", error.reason)
