"""Real ``twistd`` processes, for tests that look at the service from outside."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.support import until

ROOT = Path(__file__).parent.parent.parent
TWISTD = str(Path(sys.executable).parent / "twistd")


class Program(ProcessProtocol):
    """A program with its arguments in some directory; ``output`` is all it printed."""

    def __init__(self, directory: Path, *words: str, environ: dict[str, str] | None = None) -> None:
        self.output = ""
        self.ended: Deferred[None] = Deferred()
        self.code: int | None = None
        paths = {"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", ""), "HOME": str(directory)}
        self.process: Any = reactor.spawnProcess(
            self,
            words[0],
            words,
            env=paths | (environ or {}),
            path=str(directory),
            childFDs={0: "w", 1: "r", 2: "r"},
        )

    def childDataReceived(self, _fd: int, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        ended: Any = reason.value
        self.code = ended.exitCode if ended.exitCode is not None else -ended.signal
        self.ended.callback(None)

    async def says(self, text: str, times: int = 1) -> None:
        """Waits until it has printed this so many times, or has ended."""
        await until(lambda: self.output.count(text) >= times or self.code is not None, 10_000_000)

    async def stop(self, name: str = "TERM") -> int:
        """Sends a signal and waits for the end; see :meth:`finish`."""
        if self.code is None:
            self.process.signalProcess(getattr(signal, f"SIG{name}"))
        return await self.finish()

    async def finish(self) -> int:
        """Waits for the end. Returns the exit status, or minus the signal that ended it: after an orderly stop
        twistd ends with the very signal that stopped it."""
        if self.code is None:
            await self.ended
        assert self.code is not None
        return self.code


class Twistd(Program):
    """``twistd`` in the foreground, with these further arguments."""

    def __init__(self, directory: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
        super().__init__(directory, TWISTD, "-n", "--pidfile=", *arguments, environ=environ)
