"""Forks processes of the service and reports when they end: a fork takes a tenth of what starting Python takes.

:class:`ForkedProcesses` runs this module as a program. Its input holds one JSON object a line, the fields of a
``ProcessSpec``. It answers in the same form: the ``name`` and ``pid`` of each process that it started, the ``pid`` and
exit ``code`` of each that ended, minus the signal if it was one. When its input ends it kills what is left.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet import selectreactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from tests.chaos.crashing import ProcessSpec


class ForkedProcesses(ProcessProtocol):
    """The program, seen from outside. ``complaints`` is what it said on its standard error: nothing, normally.
    ``ended`` fires when it has ended."""

    def __init__(self, reactor: Any, root: Path) -> None:
        self.errors = ""
        self._incomplete = b""
        self._started: dict[str, Deferred[int]] = {}
        self._codes: dict[int, int] = {}
        self.ended: Deferred[None] = Deferred()
        self._process = reactor.spawnProcess(
            self, sys.executable, [sys.executable, "-m", __name__], env={**os.environ, "PYTHONPATH": str(root)}
        )

    def start(self, spec: ProcessSpec) -> Deferred[int]:
        """Fires with the id of the process. Raises AssertionError when the program has ended."""
        started = self._started[spec.name] = Deferred()
        self._process.write(json.dumps(asdict(spec)).encode() + b"\n")
        return started

    def code(self, pid: int) -> int | None:
        """How a process ended, minus the signal if it was one; None while it runs."""
        return self._codes.get(pid)

    def stop(self) -> Deferred[None]:
        self._process.closeStdin()
        return self.ended

    def outReceived(self, data: bytes) -> None:
        *lines, self._incomplete = (self._incomplete + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "code" in told:
                self._codes[told["pid"]] = told["code"]
            else:
                self._started.pop(told["name"]).callback(told["pid"])

    def errReceived(self, data: bytes) -> None:
        self.errors += data.decode("utf-8", "replace")

    def processEnded(self, _reason: Failure) -> None:
        for started in self._started.values():
            started.errback(AssertionError(f"the forking program has ended: {self.errors}"))
        self.ended.callback(None)


def main() -> None:
    selectreactor.install()  # it keeps nothing in the kernel that a child would share, but for its waker
    from tests.chaos.crashing import ProcessSpec

    gc.collect()
    gc.freeze()
    children: set[int] = set()

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):  # there is none any more
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                children.discard(pid)
                _tell(pid=pid, code=os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        spec = ProcessSpec(**json.loads(line))
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        child = os.fork()
        if not child:
            _run_child(spec)
        children.add(child)
        _tell(name=spec.name, pid=child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in children:
        os.kill(child, signal.SIGKILL)


def _tell(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _run_child(spec: ProcessSpec) -> None:
    """What a child does; never returns."""
    from twisted.internet import reactor

    from tests.chaos.crashing import serve

    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        with Path(os.devnull).open("rb") as nothing, Path(f"{spec.name}.log").open("ab") as told:
            for own, inherited in ((nothing, 0), (told, 1), (told, 2)):
                os.dup2(own.fileno(), inherited)
        running: Any = reactor
        running.removeReader(running.waker)
        running.waker = None
        running.installWaker()
        serve(spec)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
