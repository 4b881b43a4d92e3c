"""``python -m tests.bench compare COMMIT``: this tree and another commit, each with its own benchmark, in turns.

One run says little, since the machine is shared and its speed drifts. So both run in each round, one after the other
and nothing beside them, the other one first in every second round; and a row's result is the median of the ratios.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType

from tests.bench.rows import Comparison, compared, read

#: Seconds for one run, which takes about two minutes: one that waits for what never comes is ended.
LIMIT = 900.0
#: Seconds for a benchmark that is to end before its time, with its Redis and its other side.
TO_END = 10.0


class NoComparison(Exception):
    """Why there is none, in words for whoever asked for it."""


def resolved(root: Path, commit: str) -> str:
    """The id of what is called ``commit`` in the repository at ``root``."""
    found = _git(root, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
    if found.returncode:
        raise NoComparison(f"{commit!r} names no commit of the repository in {root} ({_last(found.stderr)})")
    return found.stdout.strip()


@contextmanager
def checked_out(root: Path, commit: str) -> Iterator[Path]:
    """A temporary worktree of ``commit``, which is gone afterwards, from git's list, too."""
    folder = mkdtemp(prefix="nexmo-bench-")
    try:
        added = _git(root, "worktree", "add", "--detach", "--quiet", folder, commit)
        if added.returncode:
            raise NoComparison(f"git cannot check out {commit} ({_last(added.stderr)})")
        yield Path(folder)
    finally:
        with _signals_wait():
            # The files first: git does not remove what it was stopped from making. Twice by force: it locked that.
            shutil.rmtree(folder, ignore_errors=True)
            _git(root, "worktree", "remove", "--force", "--force", folder)


def measured(tree: Path, name: str, options: Sequence[str], limit: float = LIMIT) -> str:
    """What the benchmark of this tree prints; what it says of its faults goes to our stderr."""
    if not (tree / "tests" / "bench" / "__main__.py").exists():
        raise NoComparison(f"{name} has no tests/bench to run")
    path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    bench = subprocess.Popen(
        [sys.executable, "-m", "tests.bench", *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},  # so that nothing else on the path is taken for this tree
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, in which its Redis and its other side can be found
    )
    try:
        printed, _ = bench.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise NoComparison(f"the benchmark of {name} had not ended after {limit:g} seconds") from None
    finally:
        with _signals_wait():
            _end(bench)
    if bench.returncode:
        raise NoComparison(f"the benchmark of {name} ended with status {bench.returncode}")
    if not read(printed):
        raise NoComparison(f"the benchmark of {name} printed no figure: {printed[:200]!r}")
    return printed


def compare(
    root: Path, commit: str, rounds: int, options: Sequence[str] = (), told: Callable[[str], object] = lambda _: None
) -> Comparison:
    """Run both in turns, with these options of the benchmark. ``told`` hears what each run printed.

    Raises :class:`NoComparison`.
    """
    found = []
    with checked_out(root, resolved(root, commit)) as other:
        for number in range(1, rounds + 1):
            sides = [("this tree", root), (commit, other)]
            figures = {}
            for name, tree in sides if number % 2 else reversed(sides):
                printed = measured(tree, name, options)
                told(f"round {number} of {rounds}, {name}:\n{printed.rstrip()}")
                figures[tree] = read(printed)
            found.append((figures[root], figures[other]))
    return compared(found)


def main(root: Path, commit: str, rounds: int, options: Sequence[str], as_json: bool) -> None:
    """Compare and print. Exits with a line on stderr when that fails, and cleans up when a signal ends it."""
    for each in _ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(each, _stop)
    try:
        identity = resolved(root, commit)
        comparison = compare(root, commit, rounds, options, lambda words: print(words, file=sys.stderr, flush=True))
    except NoComparison as fault:
        raise SystemExit(f"compare: {fault}") from None
    if as_json:
        print(json.dumps({"commit": identity, **comparison.document()}, indent=1))
    else:
        print(comparison.lines(commit, rounds))


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """A signal that would end us comes when this is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(bench: subprocess.Popen[str]) -> None:
    """Nothing of its group is left. One that still runs has time to put its things away."""
    if bench.poll() is None:
        bench.terminate()
        with suppress(subprocess.TimeoutExpired):
            bench.wait(TO_END)
    with suppress(ProcessLookupError, PermissionError):  # the latter for a group of the dead, on macOS
        os.killpg(bench.pid, signal.SIGKILL)
    bench.wait()


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git on the repository at ``root``, whichever repository the environment may name (as it does in a hook)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(["git", "-C", str(root), *words], env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise NoComparison("there is no git on this machine's PATH") from None


def _last(words: str) -> str:
    return words.strip().rpartition("\n")[2]
