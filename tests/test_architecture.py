"""The walls between the rooms: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

PACKAGE = "nexmo_twisted"
ROOT = Path(__file__).parent.parent / PACKAGE

GROUND = {"rules", "model", "errors", "durations"}
OUTSIDE_WORLD = GROUND | {"boundaries"}

#: What each room may import of ours besides itself. A room is a package, or a module at the top.
ROOMS = {
    "rules": GROUND,
    "model": GROUND,
    "errors": GROUND,
    "durations": GROUND,
    "boundaries": GROUND,
    "config": GROUND | {"store"},  # the parts of a Redis address
    "web": {"boundaries", "model", "rules", "errors"},
    "engine": {"boundaries", "model", "rules", "errors"},
    "tls": GROUND,
    "store": OUTSIDE_WORLD | {"tls"},
    "clients": OUTSIDE_WORLD | {"tls"},
    "sandbox": OUTSIDE_WORLD,
    "twistd": GROUND,
}

#: These join the rooms and may import everything.
COMPOSITION = {"__init__", "service", "assembly", "tap", "__main__", "operations", "sandbox.composition"}

KNOW_THE_REACTOR = {"service", "tap"}  # and programs: modules named __main__
REACTOR = "twisted.internet.reactor"
BLOCKING = ("requests", "urllib.request", "urllib3", "http.client")


def faults(module: str, source: str) -> list[str]:
    """What is wrong with the imports of one module, ``module`` being its file below the package, dotted."""
    room = module.partition(".")[0]
    composes = room in COMPOSITION or module in COMPOSITION
    if not composes and room not in ROOMS:
        return [f"{module}: the room {room} has no rule in ROOMS"]
    knows_the_reactor = module in KNOW_THE_REACTOR or module.endswith("__main__")
    found = []
    for line, name in imports(module, ast.parse(source)):
        inside, _, below = name.partition(".")
        if inside == PACKAGE:
            other = below.partition(".")[0]
            if not composes and other != room and other not in ROOMS[room]:
                found.append(f"{module}:{line} imports {name}")
        elif within(name, REACTOR) and not knows_the_reactor:
            found.append(f"{module}:{line} imports the reactor")
        elif any(within(name, blocking) for blocking in BLOCKING):
            found.append(f"{module}:{line} imports {name}, which blocks")
    return found


def within(name: str, module: str) -> bool:
    return f"{name}.".startswith(f"{module}.")


def imports(module: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that is imported, wherever in the module that happens."""
    parts = [PACKAGE, *module.split(".")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = [node.module] if node.module else []
            if node.level:
                origin = parts[: len(parts) - node.level] + origin
            for alias in node.names:
                yield node.lineno, ".".join([*origin, alias.name])


def modules() -> Iterator[tuple[str, str]]:
    """Dotted file and source of every module there is."""
    for path in sorted(ROOT.rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path.read_text("utf-8")


class WallsTests(TestCase):
    def test_the_walls_stand(self) -> None:
        """No module imports what its room must not see, the reactor or a client that blocks."""
        walked = dict(modules())
        self.assertIn("model", walked)
        self.assertIn("store.embedded", walked)
        self.assertEqual([fault for module, source in walked.items() for fault in faults(module, source)], [])


class CheckerTests(TestCase):
    def assert_fault(self, module: str, source: str) -> None:
        self.assertEqual(len(faults(module, source)), 1, f"{module}: {source!r}")

    def assert_clean(self, module: str, source: str) -> None:
        self.assertEqual(faults(module, source), [], f"{module}: {source!r}")

    def test_finds_an_import_through_a_wall(self) -> None:
        """However and wherever it is written."""
        for source in (
            "import nexmo_twisted.store",
            "import nexmo_twisted.store.keys as keys",
            "from nexmo_twisted import store",
            "from nexmo_twisted.store.keys import KEEP",
            "from .. import store",
            "from ..store import keys",
            "from ..store.keys import KEEP",
            "def late():\n    from nexmo_twisted.store import keys",
            "if TYPE_CHECKING:\n    import nexmo_twisted.store.keys",
        ):
            for module in ("engine.checks", "web.doors", "rules.links", "clients.layer"):
                self.assert_fault(module, source)

    def test_the_ground_floor_sees_only_itself(self) -> None:
        """rules, model, errors and durations import nothing of ours but each other."""
        for module in ("rules.links", "model", "errors", "durations"):
            self.assert_fault(module, "from nexmo_twisted.boundaries import Store")
            self.assert_fault(module, "from nexmo_twisted import config")
            for friend in ("rules.sms", "model", "errors", "durations"):
                self.assert_clean(module, f"import nexmo_twisted.{friend}")

    def test_web_and_engine_do_not_know_each_other(self) -> None:
        """What they need of each other is given to them."""
        self.assert_fault("web.doors", "from nexmo_twisted.engine.intake import Intake")
        self.assert_fault("engine.intake", "from nexmo_twisted.web import doors")
        self.assert_fault("engine.intake", "from nexmo_twisted.durations import milliseconds")

    def test_a_room_sees_what_it_may(self) -> None:
        """Itself and its part of the ground floor; the composition sees everything."""
        self.assert_clean("web.doors", "from nexmo_twisted.boundaries import Store\nfrom .site import Site")
        self.assert_clean("web.__init__", "from .site import Site\nfrom . import site")
        self.assert_clean("store.redis_store", "from nexmo_twisted.store.keys import KEEP\nimport txredisapi")
        for module in ("service", "tap", "__init__", "operations.health", "sandbox.composition"):
            self.assert_clean(module, "from nexmo_twisted.engine import checks\nimport nexmo_twisted.store")
        self.assert_clean("__init__", "from .engine import checks")

    def test_finds_the_reactor(self) -> None:
        """Only service, tap and __main__ know the concrete reactor."""
        for source in (
            "from twisted.internet import reactor",
            "from twisted.internet import defer, reactor",
            "import twisted.internet.reactor",
            "from twisted.internet.reactor import callLater",
        ):
            self.assert_fault("operations.health", source)
            self.assert_fault("engine.loop", source)
            self.assert_fault("engine.service", source)
            for module in ("service", "tap", "__main__", "sandbox.__main__"):
                self.assert_clean(module, source)
        self.assert_clean("engine.loop", "from twisted.internet.interfaces import IReactorTime")

    def test_finds_a_blocking_client(self) -> None:
        """Nobody may hold up the reactor, not even the composition."""
        for source in (
            "import requests",
            "from requests import post",
            "import urllib.request",
            "from urllib import request",
            "from http import client",
            "from http.client import HTTPConnection",
        ):
            self.assert_fault("service", source)
            self.assert_fault("clients.nexmo", source)
        self.assert_clean("clients.nexmo", "from urllib.parse import urlencode\nfrom http import HTTPStatus")

    def test_a_new_room_needs_a_rule(self) -> None:
        """A module at a new place is not silently free of walls."""
        self.assert_fault("cellar.wine", "")


class LuaTests(TestCase):
    def test_columns(self) -> None:
        """Scripts keep to the width of everything else, which ruff does not see to."""
        scripts = sorted(ROOT.glob("store/scripts/**/*.lua"))
        self.assertTrue(scripts)
        for script in scripts:
            for number, line in enumerate(script.read_text("utf-8").splitlines(), 1):
                self.assertLessEqual(len(line), 120, f"{script.name}:{number}")
