"""The scripts as files: who runs them, and what they need."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import TestCase

import nexmo_twisted.store

STORE = Path(nexmo_twisted.store.__file__).parent
SCRIPTS = {file.stem: file.read_text("utf-8") for file in (STORE / "scripts").glob("*.lua")}
SHARED = {file.stem for file in (STORE / "scripts" / "shared").glob("*.lua")}


def runs(tree: ast.AST) -> list[tuple[str, str]]:
    """(method, script) of every call of ``Connection.run`` in it."""
    return [
        (method.name, call.args[0].value if isinstance(call.args[0], ast.Constant) else ast.unparse(call.args[0]))
        for method in ast.walk(tree)
        if isinstance(method, ast.AsyncFunctionDef)
        for call in ast.walk(method)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run"
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
