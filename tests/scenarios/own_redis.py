"""A Redis that may fall over: a server process of one test alone."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import hiredis

from tests.redis_socket import RedisSocket
from tests.support import _binary

#: Statistics of the commands that the service sends: scripts, and what a new connection begins with.
ASKED = ("cmdstat_eval", "cmdstat_ping", "cmdstat_auth", "cmdstat_select")


class OwnRedis:
    """The server binary of the suite, on a socket of its own, with what a crash must not take away on disk.

    ``options`` are further options of its command line. ``password`` is what :meth:`ask` logs in with.
    """

    def __init__(self, *options: str, password: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="nxo-"))
        self.socket = self.directory / "redis.sock"
        self._options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "yes"]
        self._options += ["--appendfsync", "always", *options]
        self.password = password
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, *options: str, until: bytes = b"eady to accept connections") -> None:
        """Start it, with some more options this time; returns when its log says ``until``."""
        self._run([*self._options, *options], until)

    def _run(self, arguments: list[str], until: bytes) -> None:
        self.process = subprocess.Popen(
            [_binary(), *arguments], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if until in line:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """As if the power had failed."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def pause(self) -> None:
        """It says nothing more, but does not hang up."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *words: str | int) -> Any:
        """Its answer to one command."""
        with RedisSocket(self.socket) as connection:
            if self.password:
                connection.ask("AUTH", self.password)
            return connection.ask(*words)

    def occupy(self, *words: str | int) -> RedisSocket:
        """Sends a command whose answer may never come; the connection is yours to close."""
        connection = RedisSocket(self.socket)
        connection.send(*words)
        return connection

    def clients(self) -> int:
        """How many connections have said something, besides the one that asks."""
        return len([line for line in self.ask("CLIENT", "LIST").splitlines() if "cmd=NULL" not in line]) - 1

    def wait(self) -> None:
        """Until it does what it is told."""
        for _ in range(100_000):
            with suppress(hiredis.ReplyError):
                self.ask("DBSIZE")
                return
        raise AssertionError("it still refuses")

    def rewrite(self) -> None:
        """Has it write what it knows as a snapshot, which is what it loads first at its next start."""
        self.ask("BGREWRITEAOF")
        while "1" in ((state := self.info("persistence"))["aof_rewrite_in_progress"], state["aof_rewrite_scheduled"]):
            pass

    def save(self, expected: str) -> None:
        """Has it write a snapshot, until this has the ``expected`` outcome, "ok" or "err"."""
        self.ask("BGSAVE")
        while (state := self.info("persistence"))["rdb_bgsave_in_progress"] == "1":
            pass
        assert state["rdb_last_bgsave_status"] == expected

    def asked(self) -> int:
        """How many commands anybody has sent since it was started, those that it refused included."""
        stats = [text for name, text in self.info("commandstats").items() if name.startswith(ASKED)]
        return sum(int(count) for text in stats for count in re.findall("(?<=calls=)[0-9]+", text))

    def info(self, section: str) -> dict[str, str]:
        """What it says about itself."""
        lines = [line.partition(":") for line in self.ask("INFO", section).splitlines()]
        return {name: text for name, colon, text in lines if colon}

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
