"""A sandbox in a process of its own, and a Chromium that looks at it. Everything here waits, and wants no reactor."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import IO, TYPE_CHECKING

from tests.scenarios.processes import ROOT, TWISTD

if TYPE_CHECKING:
    from playwright.sync_api import Browser

APPLICATION = Path(__file__).with_name("sandbox.tac")
#: What the sandbox says once its page is served.
READY = "in a browser"
#: Seconds until a process has started, or has ended, on a busy machine.
PATIENCE = 30
#: The browser to take instead of the one in the PATH.
VARIABLE = "NEXMO_TWISTED_TEST_CHROMIUM"

#: A browser asks for updates, accounts and much else. This one finds no host but this machine.
_QUIET = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
)


def executable() -> str | None:
    """The Chromium there is, if any."""
    return os.environ.get(VARIABLE) or shutil.which("chromium")


def missing() -> str | None:
    """Why no browser can be driven here; None if one can."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed: pip install 'nexmo_twisted[test]'"
    if executable() is None:
        return f"there is no Chromium: apt-get install chromium, or name one in {VARIABLE}"
    return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless one with an empty profile, and a home that is thrown away. Only for the thread that opens it."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="nxs-") as home, sync_playwright() as playwright:
        environ: dict[str, str | float | bool] = {
            **os.environ,
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "XDG_CACHE_HOME": home,
        }
        browser = playwright.chromium.launch(executable_path=executable(), args=_QUIET, env=environ)
        try:
            yield browser
        finally:
            browser.close()


class SandboxProcess:
    """``twistd`` with a sandbox on free ports in an empty directory; ``output`` is all it printed.

    It is no child of the reactor, because trial ends those after every test.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ports = _free_ports(3)
        self.url = f"http://127.0.0.1:{self._ports[0]}"
        self.output = ""
        self.start()

    def start(self) -> None:
        """Returns when the page is served. Raises RuntimeError when the process does not come that far."""
        environ = {
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self._directory),
            "SANDBOX_PORTS": ",".join(map(str, self._ports)),
        }
        self._process = subprocess.Popen(
            [TWISTD, "-n", "--pidfile=", "-y", str(APPLICATION)],
            cwd=self._directory,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        heard = Event()
        self._listener = Thread(target=self._listen, args=(self._process.stdout, heard), daemon=True)
        self._listener.start()
        if not heard.wait(PATIENCE) or self._process.poll() is not None:
            self.stop()
            raise RuntimeError(f"the sandbox has not started:\n{self.output}")

    def _listen(self, lines: IO[str], heard: Event) -> None:
        for line in lines:
            self.output += line
            if READY in line:
                heard.set()
        heard.set()

    def stop(self) -> None:
        """An orderly stop; what it remembers stays in the directory."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._listener.join()


@contextmanager
def sandbox() -> Iterator[SandboxProcess]:
    with tempfile.TemporaryDirectory(prefix="nxs-") as directory:
        process = SandboxProcess(Path(directory))
        try:
            yield process
        finally:
            process.stop()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
