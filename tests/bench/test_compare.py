"""Two commits of a tiny repository, whose benchmark prints at once, are compared; and nothing is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.compare import NoComparison, checked_out, compare, measured, resolved

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    "import signal; [signal.signal(each, signal.SIG_DFL) for each in (1, 2, 15)]\n"  # whatever the tests run under
    "import sys; from pathlib import Path; from tests.bench.compare import main\n"
    "main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), [], bool(sys.argv[4:]))"
)


def prints(lines: str) -> str:
    """A benchmark that prints this."""
    return f"print({lines!r})"


def git(repository: Path, *words: str) -> str:
    named = {f"GIT_{who}_{what}": "bench@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(repository), *words], env=environment | named, capture_output=True, text=True, check=True
    ).stdout.strip()


class RepositoryCase(SynchronousTestCase):
    """``self.root`` is a repository; temporary files are made beside it in ``self.beside``."""

    def setUp(self) -> None:
        self.root, self.beside = Path(self.mktemp()).resolve(), Path(self.mktemp()).resolve()
        self.beside.mkdir()
        self.patch(tempfile, "tempdir", str(self.beside))
        (self.root / "tests" / "bench").mkdir(parents=True)
        git(self.root, "init", "--quiet")

    def commit(self, program: str) -> str:
        """The id of a commit with this as its benchmark, which is what stands in the tree, too."""
        (self.root / "tests" / "bench" / "__main__.py").write_text(program, "utf-8")
        git(self.root, "add", ".")
        git(self.root, "commit", "--quiet", "--message", "A benchmark")
        return git(self.root, "rev-parse", "HEAD")

    def assert_nothing_is_left(self) -> None:
        self.assertEqual(list(self.beside.iterdir()), [])
        self.assertEqual(git(self.root, "worktree", "list", "--porcelain").count("worktree "), 1)


class CompareTests(RepositoryCase):
    def test_each_runs_its_own(self) -> None:
        """Each tree runs its own benchmark, this one as it stands, in as many rounds as are asked for, and in turns."""
        old = self.commit(prints("acks: 0.5"))
        self.commit(prints("acks: 0.7"))
        (self.root / "tests" / "bench" / "__main__.py").write_text(prints("acks: 1.0"), "utf-8")
        told: list[str] = []
        [row] = compare(self.root, old, 3, told=told.append).rows
        self.assertEqual((row.ratio, len(row.rounds)), (2.0, 3))
        self.assertEqual([words.rpartition("acks: ")[2] for words in told], ["1.0", "0.5", "0.5", "1.0", "1.0", "0.5"])
        self.assert_nothing_is_left()

    def test_own_modules(self) -> None:
        """A benchmark imports the modules of its own tree, even when the path names this tree."""
        (self.root / "figure.py").write_text("FIGURE = 1.0", "utf-8")
        old = self.commit("import figure; print('acks:', figure.FIGURE)")
        (self.root / "figure.py").write_text("FIGURE = 3.0", "utf-8")
        paths = [str(self.root), os.environ.get("PYTHONPATH", "")]
        self.patch(os, "environ", {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"})
        [row] = compare(self.root, old, 1).rows
        self.assertEqual(row.ratio, 3.0)

    def test_options(self) -> None:
        """Both get the options that were given."""
        self.commit("import sys; print('acks:', len(sys.argv))")
        told: list[str] = []
        compare(self.root, "HEAD", 1, ["--quick"], told.append)
        self.assertEqual([words.rpartition("\n")[2] for words in told], ["acks: 2", "acks: 2"])

    def test_from_a_worktree(self) -> None:
        """The tree may itself be a worktree, and others stay where they are."""
        commit = self.commit(prints("acks: 0.5"))
        git(self.root, "worktree", "add", "--detach", str(self.beside / "mine"))
        compare(self.beside / "mine", commit, 1)
        self.assertEqual(list(self.beside.iterdir()), [self.beside / "mine"])
        self.assertEqual(git(self.root, "worktree", "list", "--porcelain").count("worktree "), 2)

    def test_in_a_hook(self) -> None:
        """The repository is that of the tree, whichever one git's variables name."""
        commit = self.commit(prints("acks: 0.5"))
        self.patch(os, "environ", {**os.environ, "GIT_DIR": str(self.beside / "none")})
        [row] = compare(self.root, commit, 1).rows
        self.assertEqual(row.ratio, 1.0)


class RefusedComparisonTests(RepositoryCase):
    def refused(self, commit: str) -> str:
        fault = self.assertRaises(NoComparison, compare, self.root, commit, 1)
        self.assert_nothing_is_left()
        return str(fault)

    def test_no_commit(self) -> None:
        """What names no commit is told, whatever it looks like."""
        self.commit(prints("acks: 0.5"))
        for name in ("nothing", "", "--all", "HEAD:tests", "0" * 40):
            self.assertIn(f"{name!r} names no commit", self.refused(name))

    def test_no_repository(self) -> None:
        """A tree that is in no repository is told."""
        (self.beside / ".git").write_text("gitdir: nowhere", "utf-8")
        fault = self.assertRaises(NoComparison, resolved, self.beside, "HEAD")
        self.assertIn(str(self.beside), str(fault))

    def test_no_benchmark(self) -> None:
        """A commit from before there was a benchmark is told."""
        git(self.root, "commit", "--quiet", "--allow-empty", "--message", "Nothing")
        before = git(self.root, "rev-parse", "HEAD")
        self.commit(prints("acks: 0.5"))
        self.assertIn("has no tests/bench", self.refused(before))

    def test_benchmark_fails(self) -> None:
        """A benchmark that fails ends the comparison."""
        old = self.commit("raise SystemExit(3)")
        self.commit(prints("acks: 0.5"))
        self.assertIn(f"{old} ended with status 3", self.refused(old))

    def test_no_figure(self) -> None:
        """One that prints no figure, too; what it did print is told."""
        old = self.commit(prints("all is well"))
        self.commit(prints("acks: 0.5"))
        self.assertIn("all is well", self.refused(old))

    def test_no_end(self) -> None:
        """One that does not end is ended."""
        self.commit("import signal; signal.pause()")
        fault = self.assertRaises(NoComparison, measured, self.root, "v1", [], 0.01)
        self.assertEqual(str(fault), "the benchmark of v1 had not ended after 0.01 seconds")

    def test_fault_while_checked_out(self) -> None:
        """The worktree is gone whatever is raised while it is there."""
        commit = self.commit(prints("acks: 0.5"))

        def leave() -> None:
            with checked_out(self.root, commit) as tree:
                (tree / "left.txt").write_text("by a benchmark", "utf-8")
                raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, leave)
        self.assert_nothing_is_left()

    def test_checking_out_fails(self) -> None:
        """Nothing is left of a worktree that git could not make."""
        commit = self.commit(prints("acks: 0.5"))
        hook = self.root / ".git" / "hooks" / "post-checkout"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n", "utf-8")
        hook.chmod(0o755)
        self.assertIn("cannot check out", self.refused(commit))

    def test_git_killed(self) -> None:
        """Nothing is left of one over whose making git was killed, and which it had locked for that time."""
        commit = self.commit(prints("acks: 0.5"))
        hook = self.root / ".git" / "hooks" / "post-checkout"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch $(git rev-parse --git-dir)/locked\nkill -9 $PPID\n", "utf-8")
        hook.chmod(0o755)
        self.assertIn("cannot check out", self.refused(commit))


class CompareProgramTests(RepositoryCase):
    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.root), *words],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.beside)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_prints(self) -> None:
        """The comparison is on stdout, the runs are on stderr."""
        self.commit(prints("acks: 0.5"))
        out, err = self.start("HEAD", "1").communicate()
        self.assertIn("acks: 1.000 (higher is better: the same)", out)
        self.assertEqual(err, "round 1 of 1, this tree:\nacks: 0.5\nround 1 of 1, HEAD:\nacks: 0.5\n")

    def test_json(self) -> None:
        """As JSON it names the commit by its id, and has the single rounds."""
        commit = self.commit(prints("acks: 0.5"))
        document = json.loads(self.start("HEAD", "2", "json").communicate()[0])
        self.assertEqual((document["commit"], len(document["rows"][0]["rounds"])), (commit, 2))

    def test_fault(self) -> None:
        """A fault is one line, and the status is not 0."""
        process = self.start("nothing", "1")
        out, err = process.communicate()
        self.assertEqual((out, err.count("\n"), process.returncode), ("", 1, 1))
        self.assertTrue(err.startswith("compare: 'nothing' names no commit"), err)

    def test_signals(self) -> None:
        """Ended by a signal it leaves no worktree, and no process of the benchmark or of those that this started."""
        pipe = self.beside.parent / "pipe"
        os.mkfifo(pipe)
        self.addCleanup(pipe.unlink)
        old = self.commit(
            "import os, signal, subprocess, sys\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
            f"pipe = open({str(pipe)!r}, 'w')\n"  # which nobody holds any more when they all are gone
            "subprocess.Popen(['sleep', '600'], stdout=pipe, pass_fds=[pipe.fileno()])\n"
            "pipe.write('here\\n')\n"
            "pipe.flush()\n"
            "signal.pause()\n"
        )
        self.commit(prints("acks: 0.5"))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = self.start(old, "1")
            with pipe.open() as opened:
                self.assertEqual(opened.readline(), "here\n")
                process.send_signal(number)
                self.assertEqual(opened.read(), "")
            process.communicate()
            self.assertEqual(process.returncode, 128 + number)
            self.assert_nothing_is_left()
