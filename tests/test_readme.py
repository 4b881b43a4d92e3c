"""The README says what is so. (Its Python example runs in tests/scenarios/test_process.py.)"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import TestCase

from nexmo_twisted.config import settings_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


class Readme(TestCase):
    def test_settings(self) -> None:
        """The table of settings is the one that the settings make of themselves: `python -m tests.test_readme` puts
        it there."""
        there = f"<!-- settings -->\n{settings_table()}<!-- /settings -->" in README
        self.assertTrue(there, "the table in README.md is not that of the settings")

    def test_links(self) -> None:
        """Every file it links to is there."""
        for target in re.findall(r"\]\(([^)#:]+)\)", README):
            self.assertTrue((ROOT / target).exists(), target)


if __name__ == "__main__":
    table = f"<!-- settings -->\n{settings_table()}<!-- /settings -->"
    text = re.sub(r"<!-- settings -->.*?<!-- /settings -->", lambda _: table, README, flags=re.DOTALL)
    (ROOT / "README.md").write_text(text, "utf-8")
