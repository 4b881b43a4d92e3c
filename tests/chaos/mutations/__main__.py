"""Takes the rules out, one at a time; see the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.mutations import RULES, Rule

ROOT = Path(__file__).parent.parent.parent.parent
PARTS = ("nexmo_twisted", "tests", "nexmo.example.toml", "README.md", "docs")

#: Seconds for one run of trial, on a busy machine.
PATIENCE = 120

#: A test of its own assertions failed, nothing else went wrong.
RED = re.compile(r"^FAILED \(failures=1\)$", re.MULTILINE)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="nxm-") as name:
        tree = Path(name)
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, tree / part)
        found = trial(tree, *(rule.test for rule in RULES))
        if not re.search(rf"^PASSED \(successes={len(RULES)}\)$", found, re.MULTILINE):
            print(found, "\nthese tests fail with all rules in place")
            print(f"FAILED (failures={len(RULES)})")
            return 1
        return report([rule for rule in RULES if not noticed(tree, rule)])


def noticed(tree: Path, rule: Rule) -> bool:
    """Whether the rule's test fails without it; prints a line about that."""
    with taken_out(tree, rule):
        found = trial(tree, rule.test)
    red = RED.search(found) is not None
    print(f"{'red' if red else 'NOT RED':8} {rule.name}\n{'':8} {rule.file}: {rule.test}", flush=True)
    if not red:
        print(found)
    return red


def report(unnoticed: list[Rule]) -> int:
    successes = f"successes={len(RULES) - len(unnoticed)}"
    print(f"FAILED (failures={len(unnoticed)}, {successes})" if unnoticed else f"PASSED ({successes})")
    return 1 if unnoticed else 0


@contextmanager
def taken_out(tree: Path, rule: Rule) -> Iterator[None]:
    path = tree / rule.file
    whole = path.read_text("utf-8")
    if whole.count(rule.kept) != 1:
        raise SystemExit(f"{rule.file} does not hold the rule exactly once: {rule.name}")
    path.write_text(whole.replace(rule.kept, rule.without), "utf-8")
    try:
        yield
    finally:
        path.write_text(whole, "utf-8")


def trial(tree: Path, *tests: str) -> str:
    """What trial prints."""
    environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "twisted.trial", *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"no end after {PATIENCE} seconds: {' '.join(command)}"
    return done.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main())
