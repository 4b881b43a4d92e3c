"""The service dies at every step of both pipelines, and each time what follows is what must follow."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, gatherResults
from twisted.trial.unittest import TestCase

from nexmo_twisted import ports
from nexmo_twisted.engine import (
    attempts,
    auto_replies,
    chat_intake,
    delivery_receipts,
    identities,
    links,
    long_replies,
    notifications,
    outcomes,
    reconciliation,
    replies,
    sms_intake,
    unread_checks,
)
from nexmo_twisted.ports import store
from tests.chaos.crash_points import NOT_STEPS, OTHER_PORTS, PORTS
from tests.chaos.crash_world import CrashWorld
from tests.chaos.expectations import NOTIFICATIONS, OWN_CHAT, POISONS, REPLIES, Crash
from tests.chaos.forked_processes import ForkedProcesses
from tests.chaos.own_chat_world import OwnChatCrashWorld
from tests.scenarios.processes import ROOT

#: How many crashes are run side by side, each in a database of its own; mostly they wait for a lease to run out.
SIDE_BY_SIDE = 10


class CrashPointTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="nxc-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.processes = ForkedProcesses(reactor, ROOT)
        self.addCleanup(self.processes.stop)
        self.databases: DeferredQueue[int] = DeferredQueue()
        for number in range(SIDE_BY_SIDE):
            self.databases.put(number + 1)

    async def deviations(self, number: int, crash: Crash, world: type[CrashWorld]) -> list[str]:
        """The deviations of one crash, each with its number."""
        directory = self.directory / str(number)
        directory.mkdir()
        database = await self.databases.get()
        try:
            deviations = await world(self.processes, directory, database, crash).run()
        finally:
            self.databases.put(database)
        return [f"crash {number}, {crash.at}: {deviation}" for deviation in deviations]

    async def check(self, crashes: Sequence[Crash], world: type[CrashWorld] = CrashWorld) -> None:
        runs = [
            Deferred.fromCoroutine(self.deviations(number, crash, world)) for number, crash in enumerate(crashes, 1)
        ]
        deviations = [each for found in await gatherResults(runs) for each in found]
        if deviations or self.processes.errors:
            self.fail("\n".join([*deviations, self.processes.errors]))

    async def test_notifications(self) -> None:
        """From the webhook to the SMS and its receipt: one SMS, or the outcome that it owes instead. Two only if
        nobody could know of the first."""
        await self.check(NOTIFICATIONS)

    async def test_replies(self) -> None:
        """From the inbound SMS to the conversation: it stands there once."""
        await self.check(REPLIES)

    async def test_own_chat(self) -> None:
        """With a chat of one's own, whose event names the phone: one SMS, and the answer is posted once."""
        await self.check(OWN_CHAT, OwnChatCrashWorld)

    async def test_poison(self) -> None:
        """An item that kills every process which works on it is a dead letter after three claims; the others go on."""
        await self.check(POISONS)


class EnumerationTests(TestCase):
    def test_complete(self) -> None:
        """Each method of each port is a step at which the service dies, before and after, or known to be none."""
        methods = {name for protocol in PORTS for name in vars(protocol) if not name.startswith("_")}
        crashed_at = points(NOTIFICATIONS) | points(REPLIES) | points(OWN_CHAT)
        self.assertEqual(crashed_at, around(methods - NOT_STEPS.keys()))
        self.assertLessEqual(NOT_STEPS.keys(), methods)

    def test_both_pipelines(self) -> None:
        """Steps that both have in common are crashed at in both."""
        outwards = called(unread_checks, attempts, notifications, outcomes, delivery_receipts, reconciliation)
        outwards |= called(identities) - {"named_phone"}  # which is on the way of replies
        inwards = called(long_replies, auto_replies, replies)
        self.assertLessEqual(around(outwards - NOT_STEPS.keys()), points(NOTIFICATIONS))
        self.assertLessEqual(around(inwards), points(REPLIES))
        self.assertLessEqual(
            around(called(chat_intake, sms_intake, links) - NOT_STEPS.keys()),
            points(NOTIFICATIONS) | points(REPLIES) | points(OWN_CHAT),
        )

    def test_ports(self) -> None:
        """There is no other port that a step could go through."""
        values = [*vars(ports).values(), *vars(store).values()]
        protocols = {value for value in values if getattr(value, "_is_protocol", False)}
        names = {protocol.__name__ for protocol in protocols if protocol.__module__.startswith(ports.__name__)}
        self.assertEqual(names, {protocol.__name__ for protocol in PORTS} | OTHER_PORTS.keys())


def points(crashes: Iterable[Crash]) -> set[str]:
    return {crash.at for crash in crashes}


def around(steps: Iterable[str]) -> set[str]:
    return {f"{step}:{when}" for step in steps for when in ("before", "after")}


def called(*modules: ModuleType) -> set[str]:
    """The steps that these modules take."""
    sources = map(inspect.getsource, modules)
    return {
        step
        for source in sources
        for step in re.findall(r"\b_(?:queue|inbox|outbox|links|named|receipts|locks|chat|provider)\.(\w+)", source)
    }
