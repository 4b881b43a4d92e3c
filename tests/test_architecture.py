"""The walls between the rooms: who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from twisted.trial.unittest import TestCase

PACKAGE = "nexmo_twisted"
ROOT = Path(__file__).parent.parent / PACKAGE
TESTS = Path(__file__).parent

#: What a company's folder is made of, besides its own modules.
COMPANY = {"domain", "errors", "ports", "http_client", "web", "connectors"}

#: What each room may import of ours besides itself. A room is a package, or a module at the top.
ROOMS: dict[str, set[str]] = {
    "domain": {"durations"},
    "errors": set(),
    "durations": set(),
    "deferreds": set(),
    "ports": {"domain"},
    "templates": {"domain", "errors"},
    "config": {"domain", "errors", "durations", "store", "templates"},  # the parts of a Redis address; what compiles
    "web": {"ports", "errors", "deferreds"},
    "engine": {"ports", "domain", "errors", "deferreds"},
    "tls": set(),
    "http_client": {"domain", "errors", "tls"},
    "store": {"ports", "domain", "errors", "tls"},
    "platforms": COMPANY,
    "providers": COMPANY,
    "operations": {"ports", "domain", "errors", "config", "engine", "store", "web", "__version__"},
    "sandbox": {"ports", "domain", "errors", "durations"},
    "connectors": {"ports", "domain", "http_client", "web"},
    "twistd": {"errors"},
    "startup": {"errors"},
    "wiring": {"ports", "store"},
}

#: These join the rooms and may import everything but a company.
COMPOSITION = {"__init__", "service", "pipeline", "listeners", "tap", "__main__", "sandbox.service"}

#: Folders with a folder for each company. Nobody else knows what is in them,
COMPANIES = {"platforms", "providers"}
#: except for these,
JOINS_COMPANIES = {"service", "sandbox"}
#: and except for their settings, which these know. They are written with the kinds of values that all settings have.
KNOWS_SETTINGS = {"config"}
OF_ALL_SETTINGS = {"fields", "values", "validators"}

KNOW_THE_REACTOR = {"startup", "tap"}  # and programs: modules named __main__
REACTOR = "twisted.internet.reactor"
BLOCKING = ("requests", "urllib.request", "urllib3", "http.client")


def faults(module: str, source: str) -> list[str]:
    """What is wrong with the imports of one module, ``module`` being its file below the package, dotted."""
    room = module.partition(".")[0]
    if room not in COMPOSITION and room not in ROOMS:
        return [f"{module}: the room {room} has no rule in ROOMS"]
    knows_the_reactor = module in KNOW_THE_REACTOR or module.endswith("__main__")
    found = []
    for line, name in imports(module, ast.parse(source)):
        inside, _, below = name.partition(".")
        if inside == PACKAGE:
            if not may_import(module, below.split(".")):
                found.append(f"{module}:{line} imports {name}")
        elif within(name, REACTOR) and not knows_the_reactor:
            found.append(f"{module}:{line} imports the reactor")
        elif any(within(name, blocking) for blocking in BLOCKING):
            found.append(f"{module}:{line} imports {name}, which blocks")
    return found


def may_import(module: str, other: list[str]) -> bool:
    """Whether a module may import another one of ours."""
    room, *inner = module.split(".")
    if other[0] in COMPANIES:
        same = room == other[0] and inner[:1] == other[1:2]
        return same or room in JOINS_COMPANIES or (room in KNOWS_SETTINGS and other[2:3] == ["settings"])
    if room in COMPANIES and inner[1:] == ["settings"] and other[0] == "config":
        return len(other) > 1 and {*other[1:2]} <= OF_ALL_SETTINGS
    return room == other[0] or room in COMPOSITION or module in COMPOSITION or other[0] in ROOMS[room]


def unused(walked: Mapping[str, str]) -> list[str]:
    """The permissions in ROOMS that none of the modules needs, given as file and source."""
    needed = set()
    for module, source in walked.items():
        if module not in COMPOSITION:
            for _, name in imports(module, ast.parse(source)):
                inside, _, below = name.partition(".")
                if inside == PACKAGE:
                    needed.add((module.partition(".")[0], below.partition(".")[0]))
    allowed = [(room, other) for room, others in ROOMS.items() for other in sorted(others)]
    return [f"{room} need not import {other}" for room, other in allowed if (room, other) not in needed]


def test_modules(module: str, source: str) -> list[str]:
    """The imports of test modules in one module of the tests: deleting a test must break no other.

    ``module`` is its file below the repository, dotted.
    """
    return [
        f"{module}:{line} imports {name}"
        for line, name in imports(module, ast.parse(source), package="")
        if name.startswith("tests.") and re.search(r"\.test_[a-z0-9_]+(\.|$)", name)
    ]


def misnamed(module: str, source: str) -> list[str]:
    """The classes with tests in one module that are not called SubjectTests: trial prints that name."""
    return [
        f"{module}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        and not node.name.endswith("Tests")
        and any(getattr(each, "name", "").startswith("test_") for each in node.body)
    ]


def never_prepared(sources: Mapping[str, str]) -> list[str]:
    """The classes whose ``asyncSetUp`` nobody calls: they do not derive from tests.support.AsyncCase.

    ``sources`` are by module, a file below the repository, dotted.
    """
    bases: dict[str, list[str]] = {}
    found = []
    for module, source in sources.items():
        tree = ast.parse(source)
        known = {name.rpartition(".")[2]: name for _, name in imports(module, tree, package="")}
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        known |= {node.name: f"{module}.{node.name}" for node in classes}
        for node in classes:
            written = [ast.unparse(base).partition("[")[0].partition(".") for base in node.bases]
            bases[f"{module}.{node.name}"] = [known.get(name, name) + dot + rest for name, dot, rest in written]
            if any(getattr(each, "name", "") == "asyncSetUp" for each in node.body):
                found.append(f"{module}.{node.name}")

    def is_async(name: str) -> bool:
        return name == "tests.support.AsyncCase" or any(map(is_async, bases.get(name, ())))

    return [name for name in found if not is_async(name)]


def within(name: str, module: str) -> bool:
    return f"{name}.".startswith(f"{module}.")


def imports(module: str, tree: ast.AST, package: str = PACKAGE) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that is imported, wherever in the module that happens.

    ``module`` is its file below ``package``.
    """
    parts = [*package.split(), *module.split(".")]
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


def modules(root: Path = ROOT, base: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Dotted file below ``base`` and source of every module there is below ``root``."""
    for path in sorted(root.rglob("*.py")):
        yield ".".join(path.relative_to(base).with_suffix("").parts), path.read_text("utf-8")


class WallsTests(TestCase):
    def test_the_walls_stand(self) -> None:
        """No module imports what its room must not see, the reactor or a client that blocks."""
        walked = dict(modules())
        self.assertIn("domain.model", walked)
        self.assertIn("store.embedded_service", walked)
        self.assertEqual([fault for module, source in walked.items() for fault in faults(module, source)], [])

    def test_permissions(self) -> None:
        """Nothing is allowed that no module needs."""
        self.assertEqual(unused(dict(modules())), [])


class SharedByTestsTests(TestCase):
    def test_no_test_module_is_imported(self) -> None:
        """What tests share is in modules that contain no tests."""
        walked = dict(modules(TESTS, TESTS.parent))
        self.assertIn("tests.factories", walked)
        self.assertIn("tests.store.test_queue", walked)
        self.assertEqual([fault for module, source in walked.items() for fault in test_modules(module, source)], [])


class NamesOfTestsTests(TestCase):
    def test_names(self) -> None:
        """Every class with tests is called after its subject."""
        found = [fault for module, source in modules(TESTS, TESTS.parent) for fault in misnamed(module, source)]
        self.assertEqual(found, [])


class SetUpsOfTestsTests(TestCase):
    def test_are_called(self) -> None:
        """Every class with an asyncSetUp derives from AsyncCase, which calls it: else its tests run unprepared."""
        self.assertEqual(never_prepared(dict(modules(TESTS, TESTS.parent))), [])


class CheckerTests(TestCase):
    def assert_fault(self, module: str, source: str) -> None:
        self.assertEqual(len(faults(module, source)), 1, f"{module}: {source!r}")

    def assert_clean(self, module: str, source: str) -> None:
        self.assertEqual(faults(module, source), [], f"{module}: {source!r}")

    def test_finds_an_import_through_a_wall(self) -> None:
        """However and wherever it is written."""
        for source in (
            "import nexmo_twisted.store",
            "import nexmo_twisted.store.schema as redis_schema",
            "from nexmo_twisted import store",
            "from nexmo_twisted.store.schema import KEEP",
            "from .. import store",
            "from ..store import schema",
            "from ..store.schema import KEEP",
            "def late():\n    from nexmo_twisted.store import schema",
            "if TYPE_CHECKING:\n    import nexmo_twisted.store.schema",
        ):
            for module in ("engine.unread_checks", "web.routing", "domain.links", "http_client.client"):
                self.assert_fault(module, source)

    def test_the_ground_floor_sees_only_itself(self) -> None:
        """errors, durations and deferreds import nothing of ours, domain only durations."""
        for module in ("domain.links", "errors", "durations", "deferreds"):
            self.assert_fault(module, "from nexmo_twisted.ports import Store")
            self.assert_fault(module, "from nexmo_twisted import config")
            self.assert_fault(module, "import nexmo_twisted.tls")
        self.assert_clean("domain.links", "import nexmo_twisted.durations\nimport nexmo_twisted.domain.segments")

    def test_finds_a_permission_that_nobody_needs(self) -> None:
        """One that is needed is not reported."""
        needed = {"web.site": "from nexmo_twisted.errors import BadRequest\nfrom nexmo_twisted import ports"}
        found = [each for each in unused(needed) if each.startswith("web ")]
        self.assertEqual(found, ["web need not import deferreds"])

    def test_web_and_engine_do_not_know_each_other(self) -> None:
        """What they need of each other is given to them."""
        self.assert_fault("web.routing", "from nexmo_twisted.engine.sms_intake import InboundSmsIntake")
        self.assert_fault("engine.sms_intake", "from nexmo_twisted.web import routing")
        self.assert_fault("engine.sms_intake", "from nexmo_twisted.durations import milliseconds")

    def test_a_company_keeps_to_itself(self) -> None:
        """Only the composition and the sandbox know a company, and the configuration its settings; no company knows
        another one."""
        layer = "from nexmo_twisted.platforms.layer import client"
        settings = "from nexmo_twisted.platforms.layer.settings import LayerSettings"
        for module in ("engine.replies", "store.codec", "pipeline", "tap", "__main__", "operations.health", "web.site"):
            self.assert_fault(module, layer)
            self.assert_fault(module, settings)
        for module in ("platforms.other.client", "providers.nexmo.client"):
            self.assert_fault(module, layer)
            self.assert_fault(module, settings)
        self.assert_fault("config.values", layer)
        self.assert_clean("config.values", settings)
        for module in ("service", "sandbox.names", "platforms.layer.webhook"):
            self.assert_clean(module, layer)

    def test_settings_of_a_company(self) -> None:
        """They are made of what all settings are made of, and know nothing else of the configuration."""
        values = "from nexmo_twisted.config.values import Kind"
        self.assert_clean("platforms.layer.settings", values)
        self.assert_fault("platforms.layer.client", values)
        self.assert_fault("platforms.layer.settings", "from nexmo_twisted.config.models import Settings")

    def test_operations_need_no_composition(self) -> None:
        """Commands and pages are given what they need."""
        for other in ("service", "pipeline", "sandbox.demo"):
            self.assert_fault("operations.cli.run", f"import nexmo_twisted.{other}")
        self.assert_clean("operations.cli.options", "from nexmo_twisted import __version__")

    def test_a_room_sees_what_it_may(self) -> None:
        """Itself and its part of the ground floor; the composition sees everything."""
        self.assert_clean("web.routing", "from nexmo_twisted.ports import Store\nfrom .site import Site")
        self.assert_clean("web.__init__", "from .site import Site\nfrom . import site")
        self.assert_clean("store.redis_store", "from nexmo_twisted.store.schema import KEEP\nimport txredisapi")
        for module in ("service", "tap", "__init__", "sandbox.service"):
            self.assert_clean(module, "from nexmo_twisted.engine import unread_checks\nimport nexmo_twisted.store")
        self.assert_clean("__init__", "from .engine import unread_checks")

    def test_finds_the_reactor(self) -> None:
        """Only startup, tap and __main__ know the concrete reactor."""
        for source in (
            "from twisted.internet import reactor",
            "from twisted.internet import defer, reactor",
            "import twisted.internet.reactor",
            "from twisted.internet.reactor import callLater",
        ):
            self.assert_fault("operations.health", source)
            self.assert_fault("engine.poller", source)
            self.assert_fault("engine.service", source)
            for module in ("startup", "tap", "__main__", "sandbox.__main__"):
                self.assert_clean(module, source)
        self.assert_clean("engine.poller", "from twisted.internet.interfaces import IReactorTime")

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
            self.assert_fault("providers.nexmo.client", source)
        self.assert_clean("providers.nexmo.client", "from urllib.parse import urlencode\nfrom http import HTTPStatus")

    def test_finds_an_import_of_a_test_module(self) -> None:
        """However and wherever it is written."""
        for source in (
            "import tests.store.test_queue",
            "import tests.store.test_queue as queue",
            "from tests.store import test_queue",
            "from tests.store.test_queue import uuid",
            "from . import test_queue",
            "from .test_queue import uuid",
            "from ..store.test_queue import uuid",
            "def late():\n    from tests.store.test_queue import uuid",
        ):
            for module in ("tests.store.test_sweep", "tests.store.cases"):
                self.assertEqual(len(test_modules(module, source)), 1, f"{module}: {source!r}")
        for source in (
            "from tests.factories import uuid",
            "from tests.store.cases import QueueCase",
            "from .cases import QueueCase",
            "from twisted.test import test_amp",
        ):
            self.assertEqual(test_modules("tests.store.test_sweep", source), [], source)

    def test_finds_a_class_that_is_not_named_so(self) -> None:
        """Only classes with tests, whichever kind of function these are."""
        for function in ("def test_one(self): pass", "async def test_one(self): pass"):
            self.assertEqual(len(misnamed("tests.test_x", f"class Subject(TestCase):\n    {function}")), 1)
            self.assertEqual(misnamed("tests.test_x", f"class SubjectTests(TestCase):\n    {function}"), [])
        self.assertEqual(misnamed("tests.test_x", "class SubjectCase(TestCase):\n    def check(self): pass"), [])

    def test_finds_a_set_up_that_is_not_called(self) -> None:
        """Whichever way a class comes to AsyncCase, and in whichever module: only without one it is found."""
        cases = "from tests.support import AsyncCase\nclass RoomCase(Generic[T], AsyncCase): pass"
        set_up = "    async def asyncSetUp(self): pass"
        for imported, base, found in (
            ("from tests.support import AsyncCase", "AsyncCase", False),
            ("from tests import support", "support.AsyncCase", False),
            ("import tests.support", "tests.support.AsyncCase", False),
            ("from tests.cases import RoomCase", "RoomCase", False),
            ("from .cases import RoomCase", "RoomCase", False),
            ("from tests.cases import RoomCase", "Mixin, RoomCase", False),
            ("from tests.cases import RoomCase\nclass Inner(RoomCase): pass", "Inner", False),
            ("from tests.cases import RoomCase", "RoomCase[int]", False),
            ("from twisted.trial.unittest import TestCase", "TestCase", True),
            ("from unittest import IsolatedAsyncioTestCase", "IsolatedAsyncioTestCase", True),
            ("from elsewhere import AsyncCase", "AsyncCase", True),
            ("class Inner: pass", "Inner", True),
        ):
            sources = {"tests.cases": cases, "tests.test_x": f"{imported}\nclass ATests({base}):\n{set_up}"}
            self.assertEqual(never_prepared(sources), ["tests.test_x.ATests"] if found else [], (imported, base))
        self.assertEqual(never_prepared({"tests.test_x": "class ATests(TestCase): pass"}), [])

    def test_a_new_room_needs_a_rule(self) -> None:
        """A module at a new place is not silently free of walls."""
        self.assert_fault("cellar.wine", "")


#: Keys of earlier versions, which no table names; values of the setting that all keys begin with; what is below.
SPELL_KEYS = {"store/test_schema.py", "test_config_values.py", "test_architecture.py"}


def spelled_keys(source: str) -> list[str]:
    """The texts in a module that spell a key of Redis."""
    tree = ast.parse(source)
    documentation = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in documentation)
    return [text.value for text in texts if isinstance(text.value, str) and re.search(r"\bnx:", text.value)]


def spelled_fields(source: str) -> list[str]:
    """The one-letter fields of records that commands in a module spell."""
    found = []
    for call in ast.walk(ast.parse(source)):
        arguments = call.args if isinstance(call, ast.Call) else []
        words = [each.value if isinstance(each, ast.Constant) else "" for each in arguments]
        if words and str(words[0]) in ("HGET", "HMGET", "HDEL", "HEXISTS", "HSET", "HINCRBY"):
            fields = words[2::2] if words[0] in ("HSET", "HINCRBY") else words[2:]
            found += [str(field) for field in fields if re.fullmatch("[a-z]", str(field))]
    return found


class KeysInTestsTests(TestCase):
    def test_by_name(self) -> None:
        """Tests name the keys of Redis and the fields of records, and do not spell them: else a change of the schema
        were one of all tests."""
        for file in sorted((ROOT.parent / "tests").rglob("*.py")):
            name = file.relative_to(ROOT.parent / "tests").as_posix()
            if name not in SPELL_KEYS:
                source = file.read_text("utf-8")
                self.assertEqual((spelled_keys(source), spelled_fields(source)), ([], []), name)

    def test_finds(self) -> None:
        """A key that is spelled is found, but in the documentation of a test; and so is a field."""
        self.assertEqual(spelled_fields('redis("HSET", key, "s", "x", F.due, "d")\nask("HGET", key, "e")'), ["s", "e"])
        self.assertEqual(
            spelled_keys('def test():\n    """nx:due"""\n    ask("GET", f"nx:n:{nid}", "nx:due")'), ["nx:due", "nx:n:"]
        )


class LuaTests(TestCase):
    def test_columns(self) -> None:
        """Scripts keep to the width of everything else, which ruff does not see to."""
        scripts = sorted(ROOT.glob("store/scripts/**/*.lua"))
        self.assertTrue(scripts)
        for script in scripts:
            for number, line in enumerate(script.read_text("utf-8").splitlines(), 1):
                self.assertLessEqual(len(line), 120, f"{script.name}:{number}")
