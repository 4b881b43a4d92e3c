"""What twistd does not handle: stale pid files, files that cannot be written, signals that end the process."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.application.service import MultiService
from twisted.logger import Logger

from nexmo_twisted.errors import ConfigurationError

_log = Logger()

#: What twistd's options say of the pid file and of the log when they are not set.
PID_FILE, LOG_FILE = "twistd.pid", "twistd.log"


def prepare(options: MutableMapping[str, Any]) -> None:
    """Make ready for ``options`` of twistd itself, before it looks at its pid file and becomes a daemon.

    A stale pid file is removed. In a directory that cannot be written a process in the foreground gets no pid file,
    unless a place for it was given. Raises ConfigurationError, one line for each file that cannot be written, each
    directory that cannot be entered and each other user that we may not become: the command that starts a daemon would
    report none of it.
    """
    faults = [*_pid_file(options), *_log_file(options)] if options.get("chroot") is None else []
    faults += [*_directory(options), *_privileges(options)]
    if faults:
        raise ConfigurationError(faults)


def _pid_file(options: MutableMapping[str, Any]) -> Iterator[str]:
    if not options.get("pidfile"):
        return
    path = Path(options["pidfile"]).absolute()
    try:
        remove_stale(path)
        with tempfile.TemporaryFile(dir=path.parent):
            return
    except OSError as error:
        if options.get("nodaemon") and options["pidfile"] == PID_FILE:
            options["pidfile"] = ""
            _log.info("No pid file: {path} cannot be written: {reason}", path=path, reason=error.strerror)
        else:
            yield f"{path}: the pid file cannot be written: {error.strerror}; allowed: --pidfile=PLACE or --pidfile="


def _log_file(options: MutableMapping[str, Any]) -> Iterator[str]:
    if "nodaemon" not in options or options.get("syslog") or options.get("logger"):
        return  # another program than twistd runs our plugin, or the log is no file
    place = options.get("logfile") or ("" if options["nodaemon"] else LOG_FILE)
    if place in ("", "-"):
        return
    path = Path(place).absolute()
    try:
        with path.open("ab"):
            return
    except OSError as error:
        yield f"{path}: the log cannot be written: {error.strerror}; allowed: --logfile=PLACE, --syslog, or -n"


def _directory(options: Mapping[str, Any]) -> Iterator[str]:
    name = "rundir" if options.get("chroot") is None else "chroot"  # the former lies within the latter
    place = options.get(name)
    if place is None:
        return
    if not Path(place).is_dir() or not os.access(place, os.X_OK):
        yield f"--{name}: found {place}; allowed: a directory that we may enter"
    if name == "chroot" and os.geteuid() != 0:
        yield f"--{name}: found {place}; only root may change the root directory"


def _privileges(options: Mapping[str, Any]) -> Iterator[str]:
    for name, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        if os.geteuid() != 0 and options.get(name) not in (None, own):
            yield f"--{name}: found {options[name]}; only root may change the user"


def remove_stale(path: Path) -> None:
    """Remove a pid file that names no running twistd but ourselves, or nothing at all.

    In a container every start may have the number that is in the file, and after a power loss any other process. What
    is no number is left for twistd to complain of: it may be another file. Raises OSError.
    """
    try:
        with path.open("rb") as file:
            content = file.read(64).strip(b"\0 \t\r\n")
    except FileNotFoundError:
        return
    if not re.fullmatch(rb"(-?\d+)?", content) or _holds(int(content or b"0"), path):
        return
    path.unlink()
    _log.info("The pid file {path} was stale and is removed", path=path)


def _holds(pid: int, path: Path) -> bool:
    """Whether the process with that number may be another twistd that runs this service, on that pid file."""
    if pid <= 0 or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's, but what it runs may be seen all the same
    try:
        words = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
    except OSError:
        return True  # unknown here, so twistd decides
    names = {Path(word).name for word in words}
    ours = "nexmo" in names or any(name.endswith((".tac", ".py")) for name in names)
    return ours and not names.isdisjoint({"twistd", Path(sys.argv[0]).name}) and _may_name(words, pid, path)


def _may_name(words: list[str], pid: int, path: Path) -> bool:
    """Whether ``path`` may be the pid file that this command line asks for, in the directory of that process."""
    given, moved = PID_FILE, False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if re.fullmatch("--pi[a-z]*", option):
            given = value if "=" in word else following
        moved |= re.fullmatch("--(ru|ch)[a-z]*|-[a-z]*d.*", option) is not None
    if not given:
        return False
    try:
        directory = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        moved = True  # or it is not for us to see
    return Path(given).name == path.name if moved else (directory / given).resolve() == path.resolve()


class CleanStart(MultiService):
    """Starts its services for twistd, with ``options`` of twistd itself; from then on signals do not kill.

    When that fails the pid file is gone before it is reported: twistd informs the process that waits for the daemon
    first, and removes the file after that.
    """

    def __init__(self, options: MutableMapping[str, Any], reactor: Any) -> None:
        super().__init__()
        self._options = options
        self._reactor = reactor

    def privilegedStartService(self) -> None:
        survive_signals(self._reactor)
        with self._cleaning():
            super().privilegedStartService()

    def startService(self) -> None:
        with self._cleaning():
            super().startService()

    @contextmanager
    def _cleaning(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if self._options.get("pidfile"):
                with suppress(OSError):  # twistd will try it once more, and say why it cannot
                    Path(self._options["pidfile"]).unlink(missing_ok=True)
                    self._options["pidfile"] = ""
            raise


#: What people and log rotation send to a daemon, and what would end a process that says nothing about it.
HARMLESS = ("SIGHUP", "SIGUSR1", "SIGUSR2")


class _TooEarly:
    """Handles a signal that comes before the log has begun, by nothing. It is false, since twistd has SIGUSR1 begin a
    new log file only where no handler is set."""

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """There is no log yet."""

    def __bool__(self) -> bool:
        return False


def survive_early_signals() -> None:
    """The same for those that come while the process starts, until :func:`survive_signals`. For the main thread."""
    for name in HARMLESS:
        number = getattr(signal, name)
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _TooEarly())


def survive_signals(reactor: Any) -> None:
    """Ignore those of ``HARMLESS`` that have no handler: with a log file, twistd begins a new one on SIGUSR1.

    Functions instead of SIG_IGN, which every program that we start would inherit. For the main thread, once twistd has
    begun its log.
    """

    def log_ignored(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name  # a handler may interrupt the log in the middle of a line
        reactor.callFromThread(_log.info, "{name} is ignored: SIGTERM stops, and a start reads the settings", name=name)

    for name in HARMLESS:
        number = getattr(signal, name)
        known = signal.getsignal(number)
        if known == signal.SIG_DFL or isinstance(known, _TooEarly):
            signal.signal(number, log_ignored)
