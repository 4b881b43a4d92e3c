"""The service dies at every step of both pipelines, and each time what follows is what must follow."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, gatherResults
from twisted.trial.unittest import TestCase

from nexmo_twisted import boundaries
from tests.chaos.nursery import Nursery
from tests.chaos.points import APART, BOUNDARIES, OTHERS
from tests.chaos.rows import NOTIFICATIONS, POISONS, REPLIES, Row
from tests.chaos.stage import Stage
from tests.scenarios.processes import ROOT

#: How many plays go on side by side, each in a database of its own; mostly they wait.
SIDE_BY_SIDE = 12


class CrashPoints(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="nxc-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.nursery = Nursery(reactor, ROOT)
        self.addCleanup(self.nursery.stop)
        self.databases: DeferredQueue[int] = DeferredQueue()
        for number in range(SIDE_BY_SIDE):
            self.databases.put(number + 1)

    async def play(self, number: int, row: Row) -> list[str]:
        directory = self.directory / str(number)
        directory.mkdir()
        database = await self.databases.get()
        try:
            deviations = await Stage(self.nursery, directory, database, row).play()
        finally:
            self.databases.put(database)
        return [f"{row.at} (row {number}): {deviation}" for deviation in deviations]

    async def deviations(self, rows: Sequence[Row]) -> list[str]:
        plays = [Deferred.fromCoroutine(self.play(number, row)) for number, row in enumerate(rows, 1)]
        found = [each for deviations in await gatherResults(plays, consumeErrors=True) for each in deviations]
        return found + [self.nursery.complaints] if self.nursery.complaints else found

    async def test_notifications(self) -> None:
        """From the webhook to the SMS and its receipt: one SMS, or the outcome that it owes instead. Two only if
        nobody could know of the first."""
        self.assertEqual(await self.deviations(NOTIFICATIONS), [])

    async def test_replies(self) -> None:
        """From the inbound SMS to the conversation: it stands there once."""
        self.assertEqual(await self.deviations(REPLIES), [])

    async def test_poison(self) -> None:
        """An item that kills every process which works on it is buried after three claims; the others go on."""
        self.assertEqual(await self.deviations(POISONS), [])


class Enumeration(TestCase):
    def test_complete(self) -> None:
        """Each method of each boundary is a step at which the service dies, before and after, or known to be none."""
        steps = {name for protocol in BOUNDARIES for name in vars(protocol) if not name.startswith("_")}
        played = {row.at for row in (*NOTIFICATIONS, *REPLIES)}
        self.assertEqual(played, {f"{step}:{when}" for step in steps - APART.keys() for when in ("before", "after")})
        self.assertLessEqual(APART.keys(), steps)

    def test_boundaries(self) -> None:
        """There is no other boundary that a step could go through."""
        protocols = {
            name for name, value in vars(boundaries).items() if getattr(value, "_is_protocol", False) and name != "Protocol"
        }
        self.assertEqual(protocols, {protocol.__name__ for protocol in BOUNDARIES} | OTHERS.keys())
