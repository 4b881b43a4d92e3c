"""A Redis that may fall over: a server process of one test alone."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import hiredis

from tests.support import _binary


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

    def start(self) -> None:
        self.process = subprocess.Popen(
            [_binary(), *self._options], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"eady to accept connections" in line:
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
        """Its answer to one command. Blocks, which is no harm: it is another process that answers."""
        reader = hiredis.Reader(encoding="utf-8", errors="backslashreplace")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket))
            commands = [("AUTH", self.password), words] if self.password else [words]
            for command in commands:
                connection.sendall(hiredis.pack_command(command))
                while (answer := reader.gets()) is False:
                    reader.feed(connection.recv(65_536))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def clients(self) -> int:
        """How many connections it has besides the one that asks."""
        return len(self.ask("CLIENT", "LIST").splitlines()) - 1

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
