"""The scripts as files: who runs them, and what they need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

import nexmo_twisted.store
from nexmo_twisted.store.schema import FIELDS, with_constants
from tests.inspector import K

STORE = Path(nexmo_twisted.store.__file__).parent
SCRIPTS = {file.stem: file.read_text("utf-8") for file in (STORE / "scripts").glob("*.lua")}
SHARED = {file.stem for file in (STORE / "scripts" / "shared").glob("*.lua")}


def runs(tree: ast.AST) -> list[tuple[str, str]]:
    """(method, script) of every call of ``Connection.run`` in it, and of every script taken to be sent otherwise."""
    return [
        (method.name, str(call.args[0].value) if isinstance(call.args[0], ast.Constant) else ast.unparse(call.args[0]))
        for method in ast.walk(tree)
        if isinstance(method, ast.AsyncFunctionDef)
        for call in ast.walk(method)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run"
    ] + [
        (method.name, str(script.slice.value))
        for method in ast.walk(tree)
        if isinstance(method, ast.AsyncFunctionDef)
        for script in ast.walk(method)
        if isinstance(script, ast.Subscript) and isinstance(script.slice, ast.Constant)
        if ast.unparse(script.value) == "scripts"
    ]


class ScriptNameTests(TestCase):
    def test_named_after_its_method(self) -> None:
        """Each script is run at one place, by the method of its name, which may be a private one."""
        found = [each for file in STORE.glob("*.py") for each in runs(ast.parse(file.read_text("utf-8")))]
        self.assertEqual(sorted(script for _, script in found), sorted(SCRIPTS))
        self.assertEqual([each for each in found if each[0].removeprefix("_") != each[1]], [])

    def test_calls_are_found(self) -> None:
        """What the test above looks for is what it would find."""
        source = "async def begin(self):\n    await self._work.run('start', 1)\n    await self._web.run(name)\n"
        self.assertEqual(runs(ast.parse(source)), [("begin", "start"), ("begin", "name")])

    def test_shared_parts(self) -> None:
        """Every shared part is one that a script uses, and the other way round."""
        first_lines = [lua.partition("\n")[0] for lua in SCRIPTS.values() if lua.startswith("-- uses ")]
        self.assertEqual({part for line in first_lines for part in line.split()[2:]}, SHARED)


def code_of(lua: str) -> Iterator[str]:
    """Its lines without comments."""
    for line in lua.splitlines():
        quoted = re.match(r"(?:[^'\"-]|-(?!-)|'[^']*'|\"[^\"]*\")*", line)
        yield quoted[0] if quoted else ""


#: Names of queues and of what the sweep counts, which are fields of records, too.
NO_FIELDS = {"out", "aside", ""}


def bare_fields(lua: str) -> list[str]:
    """What a script has of field letters that are not named: as strings, and as members of tables."""
    names = {value for value in FIELDS.values() if value not in NO_FIELDS}
    found: list[str] = []
    for line in code_of(lua):
        found += [quoted for quoted in re.findall(r"'([^']*)'", line) if quoted in names]
        found += re.findall(r"[\w\])]\.[a-z]\b", line)
        found += re.findall(r"\b(?:item|reply|parts|hold|record|bound|fields)\.\w+", line)
        if not re.match(r"\s*local |\s*if .* then \w+, \w+ = ", line):
            found += re.findall(r"[{,] *([a-z]) = ", line)
    return found


class FieldNameTests(TestCase):
    def test_no_bare_letters(self) -> None:
        """The fields of records are named everywhere."""
        for file in sorted((STORE / "scripts").glob("**/*.lua")):
            self.assertEqual(bare_fields(file.read_text("utf-8")), [], file.name)

    def test_letters_are_found(self) -> None:
        """What the test above looks for is what it would find."""
        for lua in (
            "redis.call('HGET', key, 's')",
            "if item.s == 'R' then return end",
            "parts['i' .. part] = id",
            "redis.call('HSET', key, 'u:' .. number, entry)",
            "save({x = why})",
            "return item.wait",
        ):
            self.assertNotEqual(bare_fields(lua), [], lua)
        self.assertEqual(bare_fields("redis.call('HSET', key, F.state, 'R')   -- not 's', nor item.s"), [])

    def test_names(self) -> None:
        """Names become what they stand for; one that is not in the tables is an error."""
        self.assertEqual(
            with_constants("item[F.state] = K.due .. KEEP.auto_replies"), f"item['s'] = '{K.due}' .. 86400000"
        )
        for unknown in ("F.sate", "K.dew", "KEEP.nothing"):
            self.assertRaises(LookupError, with_constants, f"return {unknown}")
