"""The documentation says what is so. (Its Python example runs in tests/scenarios/test_process.py.)"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate
from twisted.trial.unittest import TestCase

from nexmo_twisted import load
from nexmo_twisted.__main__ import Commands
from nexmo_twisted.config.reference import settings_table
from nexmo_twisted.store.schema import KEEP, KEYS
from tests.documents import ROOT, TABLES, between_markers, example, kept_table, keys_table, pages

README = ROOT / "README.md"
#: A README of one screen; more is in the pages that it links to.
MOST_LINES = 100

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names of the headings of a page, as code hosts and Sphinx make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


class ReadmeTests(TestCase):
    def test_one_screen(self) -> None:
        """The README stays short."""
        self.assertLessEqual(len(README.read_text("utf-8").splitlines()), MOST_LINES)

    def test_settings_file(self) -> None:
        """Its settings file is complete and valid as it stands."""
        file = Path(self.mktemp())
        file.write_text(example(README, "nexmo.toml"), "utf-8")
        self.assertEqual(load(file, environ={}).delay, 600_000)


class OwnChatTests(TestCase):
    def test_settings_file(self) -> None:
        """The settings of the page for a chat of one's own are complete and valid as they stand."""
        file = Path(self.mktemp())
        file.write_text(example(ROOT / "docs" / "own-chat.md", "own-chat.toml"), "utf-8")
        self.assertIsNotNone(load(file, environ={}).webhook)

    def test_contract(self) -> None:
        """The contract for programs is OpenAPI 3.1."""
        document = json.loads((ROOT / "docs" / "own-chat.openapi.json").read_text("utf-8"))
        self.assertEqual(document["openapi"], "3.1.0")
        validate(document)


class PagesTests(TestCase):
    def test_tables(self) -> None:
        """The tables that come from the code are up to date: `python -m tests.documents` writes them."""
        for name, (page, make) in TABLES.items():
            current = between_markers(name, make()) in page.read_text("utf-8")
            self.assertTrue(current, f"{page.name}: run `python -m tests.documents`, its table {name} is out of date")

    def test_redis_keys(self) -> None:
        """Every key of the store is in the table of keys, and every time for which something is kept in the other."""
        for table, prefix, names in ((keys_table(), "K", KEYS), (kept_table(), "KEEP", KEEP)):
            for name in names:
                self.assertEqual(
                    table.count(f"| `{prefix}.{name}` |"), 1, f"{prefix}.{name} needs a comment in its line"
                )

    def test_links(self) -> None:
        """Every file that a page links to exists, and so does the heading in it."""
        for page in pages():
            for target in re.findall(r"\]\(([^)\s]+)\)", _CODE.sub("", page.read_text("utf-8"))):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                file = (page.parent / path) if path else page
                self.assertTrue(file.exists(), f"{page.name} links to {target}")
                if anchor:
                    self.assertIn(anchor, anchors(file), f"{page.name} links to {target}")

    def test_files(self) -> None:
        """Every file that a page names in code style exists, and every module of a command."""
        for page in pages():
            text = page.read_text("utf-8")
            for path in re.findall(r"`((?:nexmo_twisted|tests|docs|\.ci)/[\w./-]*)`", text):
                self.assertTrue((ROOT / path).exists(), f"{page.name} names {path}")
            for module in re.findall(r"python -m ((?:nexmo_twisted|tests)[\w.]*\w)", text):
                self.assertIsNotNone(find_spec(module), f"{page.name} names {module}")

    def test_commands(self) -> None:
        """Every command of `nexmo-twisted` that a page names exists."""
        commands: Any = Commands.subCommands
        known = {name for name, *_ in commands}
        for page in pages():
            for command in re.findall(r"(?:nexmo-twisted|-m nexmo_twisted) ([a-z][\w-]*)", page.read_text("utf-8")):
                self.assertIn(command, known, page.name)

    def test_names(self) -> None:
        """Every name with an underscore that a page puts in code style is a setting without a section, or a name in the
        code; a setting with a section is named with it."""
        known = set(re.findall(r"^\| `([\w.]+)`", settings_table(), re.MULTILINE))
        sections = {key.rpartition(".")[2] for key in known} - known
        words = set()
        for file in (ROOT / "nexmo_twisted").rglob("*.py"):
            words |= set(re.findall(r"\w+", file.read_text("utf-8")))
        for page in pages():
            for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)(?:`| *=)", page.read_text("utf-8")):
                if name.startswith("nexmo_twisted"):
                    continue  # a metric, or a package
                self.assertNotIn(name, sections, f"{page.name} names {name} without its section")
                self.assertTrue(name in known or name in words, f"{page.name} names {name}")

    def test_settings(self) -> None:
        """Every setting that a page names exists."""
        known = set(re.findall(r"^\| `([\w.]+)`", settings_table(), re.MULTILINE))
        sections = "layer|webhook|server|nexmo|sms|operator"
        for page in pages():
            for key in re.findall(rf"`((?:{sections})\.[a-z_.]+)\b", page.read_text("utf-8")):
                table = any(name.startswith(f"{key}.") for name in known)
                file = key.endswith((".toml", ".tac", ".py"))
                self.assertTrue(key in known or table or file, f"{page.name} names {key}")

    def test_named_by_code(self) -> None:
        """Every page that code and comments name exists."""
        for file in (ROOT / "nexmo_twisted").rglob("*"):
            if file.suffix in (".py", ".lua", ".html", ".js"):
                for page in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text("utf-8")):
                    self.assertTrue((ROOT / page).exists(), f"{file.name} names {page}")

    def test_reachable(self) -> None:
        """Every page of docs/ is linked from the README or from another page."""
        linked = set()
        for page in pages():
            text = page.read_text("utf-8")
            linked |= {(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#:\s]+\.md)", text)}
            for tree in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
                names = re.findall(r"^[\w/-]+$", tree, re.MULTILINE)
                linked |= {(page.parent / f"{name}.md").resolve() for name in names}
        alone = {page.name for page in pages() if page.resolve() not in linked}
        self.assertEqual(alone - {"README.md", "index.md", "CHANGELOG.md"}, set())
