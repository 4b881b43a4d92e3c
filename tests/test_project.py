"""The project file agrees with itself and with the pins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import TestCase

ROOT = Path(__file__).parent.parent
FILE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


class ProjectTests(TestCase):
    def test_build_backend(self) -> None:
        """What builds an archive is pinned in both places, to one version."""
        [pin] = FILE["build-system"]["requires"]
        self.assertRegex(pin, r"^setuptools==[\d.]+$")
        self.assertIn(pin, (ROOT / "constraints.txt").read_text("utf-8").splitlines())

    def test_versions_of_python(self) -> None:
        """The first version that is claimed is the one that is required, checked and written for; none is left out."""
        claimed = re.findall(r"Python :: 3\.(\d+)$", "\n".join(FILE["project"]["classifiers"]), re.MULTILINE)
        first = int(claimed[0])
        self.assertEqual([int(minor) for minor in claimed], list(range(first, first + len(claimed))))
        self.assertEqual(FILE["project"]["requires-python"], f">=3.{first}")
        self.assertEqual(FILE["tool"]["mypy"]["python_version"], f"3.{first}")
        self.assertEqual(FILE["tool"]["ruff"]["target-version"], f"py3{first}")
