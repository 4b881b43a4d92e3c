"""The sweep: some time after the start, then every hour, one process at a time, in small steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from nexmo_twisted.engine.sweep import ALONE, EVERY, FIRST, PAUSE, Sweep
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.ports.store import Store
from tests.inspector import K


@dataclass
class Step:
    next: str | None
    looked: int = 10
    repaired: dict[str, int] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)
    foreign: dict[str, int] = field(default_factory=dict)


class FakeSweep:
    """Three steps: "", "a" and "b". ``answers`` say what is found at a place, ``away`` that there is no store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.made: list[tuple[float, str]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.away = False

    async def step(self, place: str) -> Step:
        self.made.append((self._clock.seconds(), place))
        if self.away:
            raise StoreUnavailable("away")
        return Step({"": "a", "a": "b", "b": None}[place], **self.answers.get(place, {}))


class FakeLocks:
    """Of the store only the lock, which all processes share."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        assert name == "sweep"
        if self._clock.seconds() < self._until:
            return False
        self._until = self._clock.seconds() + seconds
        return True


class Counted:
    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        self.counted[name, *labels] += amount

    def observe(self, name: str, seconds: float) -> None:
        raise NotImplementedError


class SweepLoopCase(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.locks = FakeLocks(self.clock)
        self.metrics = Counted()
        self.steps, self.sweep = self.process()

    def process(self) -> tuple[FakeSweep, Sweep]:
        steps = FakeSweep(self.clock)
        sweep = Sweep(locks=cast(Store, self.locks), steps=steps, clock=self.clock, metrics=self.metrics)
        sweep.poller.start()
        self.clock.advance(0)
        return steps, sweep

    def logged(self, seconds: float) -> list[tuple[LogLevel, str]]:
        """What is logged while time passes, in small steps."""
        with capturedLogs() as events:
            self.clock.pump([0.5] * int(seconds / 0.5))
        return [(event["log_level"], str(event.get("found", event.get("n", "")))) for event in events]


class SweepLoopTests(SweepLoopCase):
    def test_first(self) -> None:
        """Some minutes after the start, when there is nothing more urgent; step after step with pauses between."""
        self.clock.advance(FIRST - 1)
        self.assertEqual(self.steps.made, [])
        self.clock.advance(1)
        self.assertTrue(self.sweep.walking)
        self.clock.pump([PAUSE / 2] * 10)
        made = [(round((when - FIRST) / PAUSE), place) for when, place in self.steps.made]
        self.assertEqual(made, [(0, ""), (1, "a"), (2, "b")])
        self.assertFalse(self.sweep.walking)

    def test_every_hour(self) -> None:
        """From the beginning again an hour after the end."""
        self.clock.pump([FIRST, PAUSE, PAUSE])
        self.clock.advance(EVERY - 1)
        self.assertEqual(len(self.steps.made), 3)
        self.clock.advance(1)
        self.assertEqual([place for _, place in self.steps.made[3:]], [""])

    def test_one_process(self) -> None:
        """Of several processes one sweeps; when it ends, another one does an hour later."""
        self.clock.advance(10)
        others, _ = self.process()
        self.clock.pump([FIRST - 10, PAUSE, PAUSE])
        self.clock.advance(FIRST)
        self.assertEqual((len(self.steps.made), others.made), (3, []))
        self.successResultOf(Deferred.fromCoroutine(self.sweep.poller.stop()))
        self.clock.pump([60] * 62)
        self.assertEqual([place for _, place in others.made], ["", "a", "b"])

    def test_lock_outlives_no_hour(self) -> None:
        """Whoever swept may do so again: the lock is over before the hour is."""
        self.assertLess(ALONE, EVERY)

    def test_stop(self) -> None:
        """Stopped in the middle of a sweep it leaves no timer behind."""
        self.clock.advance(FIRST)
        self.successResultOf(Deferred.fromCoroutine(self.sweep.poller.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SweepOutageTests(SweepLoopCase):
    def test_goes_on_where_it_was(self) -> None:
        """The store goes away in the middle: it is asked less and less often, and the sweep goes on at its place."""
        self.clock.pump([FIRST, PAUSE])
        self.steps.away = True
        self.clock.pump([0.1] * 3000)
        failed = self.steps.made[2:]
        self.assertEqual({place for _, place in failed}, {"b"})
        self.assertLess(len(failed), 75)
        self.steps.away = False
        self.clock.pump([5, PAUSE])
        self.assertFalse(self.sweep.walking)
        self.clock.pump([EVERY, PAUSE])
        self.assertEqual([place for _, place in self.steps.made[-2:]], ["", "a"])

    def test_away_at_its_time(self) -> None:
        """The store is away when a sweep is due: it begins when the store is back."""
        self.steps.away = True
        self.clock.pump([FIRST, 5, 5, 5])
        self.steps.away = False
        self.clock.pump([5, PAUSE, PAUSE])
        self.assertEqual([place for _, place in self.steps.made[-3:]], ["", "a", "b"])


class SweepLogTests(SweepLoopCase):
    def test_nothing_found(self) -> None:
        """Normally one line says that all is well, and nothing is counted."""
        self.assertEqual(self.logged(FIRST + 5), [(LogLevel.info, "30")])
        self.assertEqual(self.metrics.counted, {})

    def test_found(self) -> None:
        """What is found is counted by kind and told once, in one line a sort."""
        self.steps.answers = {
            "": {"repaired": {"due": 2}},
            "a": {"repaired": {"due": 1, "lane": 1}, "expired": {"out": 3}},
            "b": {"repaired": {"type": 1}, "foreign": {f"{K.handset} list": 1}},
        }
        self.assertEqual(
            self.logged(FIRST + 5),
            [
                (LogLevel.error, "3 due, 1 lane, 1 type"),
                (LogLevel.error, f"1 {K.handset} list"),
                (LogLevel.warn, "3 dead letters (out)"),
            ],
        )
        self.assertEqual(
            self.metrics.counted,
            {
                ("integrity_repairs", "due"): 3,
                ("integrity_repairs", "lane"): 1,
                ("integrity_repairs", "type"): 1,
                ("dead_letters_expired", "out"): 3,
            },
        )

    def test_each_on_its_own(self) -> None:
        """The next sweep tells of what it found itself."""
        self.steps.answers = {"b": {"repaired": {"due": 1}}}
        self.logged(FIRST + 5)
        self.steps.answers = {}
        self.assertEqual(self.logged(EVERY), [(LogLevel.info, "30")])
