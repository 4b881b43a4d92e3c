"""Watching Redis: an alarm when it went back in time and at no other time, and what is said once is not said again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.heartbeat import Heartbeat, RedisSettings
from nexmo_twisted.engine.redis_monitor import IN_SIGHT, REMEMBERED, RedisMonitor
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.operations.metrics import PrometheusMetrics
from tests.scenarios.outside import Lines
from tests.support import NEW_YEAR, counted

SAFE = RedisSettings("noeviction", True, "always")
WELL, SILENT, CUT_OFF, LATE = "well", "silent", "cut off", "late"


class FakeRedis:
    """One that can be told what happens to the next beats. ``ahead`` is by how many seconds its clock is wrong."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.wall = wall
        self.ahead = 0.0
        self.remembered: int | None = None
        self.fate = WELL
        self.late: list[int] = []
        self.settings_now = SAFE
        self.asked = 0
        self.newest = Heartbeat()

    async def heartbeat(self, number: int, _remember: int) -> Heartbeat:
        before = self.remembered
        if self.fate == LATE:
            self.late.append(number)
        elif self.fate != SILENT:
            self.write(number)
        if self.fate != WELL:
            raise StoreUnavailable("Redis is away: no answer")
        return replace(self.newest, before=before, now=round((self.wall() + self.ahead) * 1000))

    def write(self, number: int) -> None:
        self.remembered = max(number, self.remembered or 0)

    async def settings(self) -> RedisSettings:
        self.asked += 1
        return self.settings_now

    async def forget(self) -> None:
        self.remembered = None


class MonitorCase(TestCase):
    def setUp(self) -> None:
        self.prepare()
        self.lines = Lines(self)

    def prepare(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)  # counts from somewhere
        self.redis = FakeRedis(self.wall)
        self.metrics = PrometheusMetrics()
        self.monitor = RedisMonitor(self.redis, clock=self.clock, wall=self.wall, metrics=self.metrics)

    def wall(self) -> float:
        return NEW_YEAR + self.clock.seconds() - 1_000_000

    def beats(self, number: int = 1, fate: str = WELL) -> None:
        """So many beats, the first of them now when none was before."""
        self.redis.fate = fate
        for _ in range(number):
            if not self.clock.getDelayedCalls():
                self.monitor.start()
                self.clock.advance(0)
            else:
                self.clock.advance(1)

    @property
    def rollbacks(self) -> float:
        return counted(self.metrics, "redis_data_loss")


class BlockedNumbersTests(MonitorCase):
    def test_many_blocked(self) -> None:
        """Beyond 100,000 handsets that were never texted and said STOP health warns, and one line is logged."""
        self.redis.newest = Heartbeat(blocked_strangers=100_000)
        self.beats(2)
        self.assertEqual(self.monitor.warnings(), [])
        self.redis.newest = Heartbeat(blocked_strangers=100_001)
        self.beats(1)
        self.redis.newest = Heartbeat(blocked_strangers=250_000)
        self.beats(2)
        ((what, _, reason),) = self.monitor.warnings()
        self.assertEqual(what, "blocked handsets")
        self.assertIn("more than 100,000 handsets that never got an SMS have sent STOP", reason)
        self.assertEqual(len(self.lines.ours), 1)


class HeartbeatTests(MonitorCase):
    def test_every_second(self) -> None:
        """It beats once a second, each time with a higher number, whatever comes of it."""
        self.beats(5)
        self.assertEqual(self.redis.remembered, 5)
        self.beats(5, SILENT)
        self.beats(1)
        self.assertEqual(self.redis.remembered, 11)

    async def test_end(self) -> None:
        """At its end it is forgotten, and nothing is left to do; when Redis is away it ends as well."""
        self.beats(3)
        await self.monitor.stop()
        self.assertEqual((self.redis.remembered, self.clock.getDelayedCalls()), (None, []))

    def test_before_the_first(self) -> None:
        """Before the first beat webhooks cannot be stored, since the service was built."""
        self.clock.advance(5)
        ((what, since, reason),) = self.monitor.away()
        self.assertEqual((what, since, reason), ("Redis", NEW_YEAR, "not connected to Redis"))
        self.beats()
        self.assertEqual(self.monitor.away(), [])

    def test_away(self) -> None:
        """An outage is told once when it begins and once when it is over, and shown since its beginning."""
        self.beats(3)
        self.beats(1, SILENT)
        self.beats(9)
        self.beats(10, SILENT)
        ((what, since, reason),) = self.monitor.away()
        self.assertEqual((what, since, reason), ("Redis", self.wall() - 9, "Redis is away: no answer"))
        self.beats(3)
        self.assertEqual(self.monitor.away(), [])
        told = [line for line in self.lines.ours if "webhooks are" in line]
        self.assertEqual(
            [line.partition(": no answer")[0].partition(": Redis is away")[0] for line in told],
            ["Redis unavailable, webhooks are answered 503", "Redis: recovered, webhooks are accepted again"] * 2,
        )

    def test_held(self) -> None:
        """While the outgoing side is held, that is shown since the hold began."""
        self.redis.newest = Heartbeat(suspended_since=NEW_YEAR * 1000 - 5000, suspended_reason="no credit")
        self.beats()
        self.assertEqual(self.monitor.issues(), [("outgoing SMS", NEW_YEAR - 5, "suspended: no credit")])
        self.redis.newest = Heartbeat()
        self.beats()
        self.assertEqual(self.monitor.issues(), [])


class DataLossTests(MonitorCase):
    def assert_alarm(self, number: int = 1) -> None:
        self.assertEqual(self.rollbacks, number)
        self.assertEqual(len([line for line in self.lines.ours if "lost data that it had confirmed" in line]), number)

    def test_noticed(self) -> None:
        """A Redis that remembers less than it confirmed has gone back: an alarm, once, and in sight for an hour."""
        self.beats(9)
        self.redis.remembered = 8
        self.beats(1)
        since = self.wall()
        self.assert_alarm()
        self.beats(9)
        self.assert_alarm()
        ((what, told, _),) = self.monitor.issues()
        self.assertEqual((what, told), ("Redis data", since))
        self.clock.advance(IN_SIGHT)
        self.assertEqual(self.monitor.issues(), [])

    def test_emptied(self) -> None:
        """So has one that remembers nothing; and it is noticed again when it happens again."""
        for number in (1, 2):
            self.beats(3)
            self.redis.remembered = None
            self.beats(1)
            self.assert_alarm(number)

    def test_after_an_outage(self) -> None:
        """Also when it did so while it was away."""
        self.beats(9)
        self.beats(60, SILENT)
        self.redis.remembered = 5
        self.beats(1)
        self.assert_alarm()

    def test_forgotten_by_itself(self) -> None:
        """After an outage that is longer than a beat is remembered, nothing can be told."""
        self.beats(9)
        self.redis.fate = SILENT
        self.clock.advance(REMEMBERED / 1000)
        self.redis.remembered = None
        self.beats(1)
        self.assert_alarm(0)

    @given(fates=st.lists(st.sampled_from([WELL, SILENT, CUT_OFF, LATE]), max_size=30), data=st.data())
    @settings(max_examples=200, deadline=None)
    def test_no_other_time(self, fates: list[str], data: st.DataObject) -> None:
        """Beats that are lost or late, or without an answer, are no alarm. A confirmed one that is gone is one."""
        self.prepare()
        confirmed = 0
        for number, fate in enumerate([*fates, WELL], 1):
            while len(self.redis.late) > 0 and data.draw(st.booleans()):
                self.redis.write(self.redis.late.pop(data.draw(st.integers(0, len(self.redis.late) - 1))))
            self.beats(1, fate)
            confirmed = number if fate == WELL else confirmed
        self.assertEqual(self.rollbacks, 0)
        self.redis.remembered = data.draw(st.none() | st.integers(0, confirmed - 1))
        self.beats(1)
        self.assertEqual(self.rollbacks, 1)


class WarningTests(MonitorCase):
    def log_lines(self, about: str) -> list[str]:
        return [line for line in self.lines.ours if about in line]

    def shown(self) -> list[str]:
        return [each.what for each in self.monitor.warnings()]

    def test_once(self) -> None:
        """What Redis may lose is told when it begins and when it changes, and shown as long as it is so, since then."""
        self.redis.settings_now = replace(SAFE, fsync="everysec")
        self.beats(200)
        self.assertEqual(len(self.log_lines("appendfsync")), 1)
        ((what, since, reason),) = self.monitor.warnings()
        self.assertEqual((what, since), ("Redis durability", NEW_YEAR))
        self.assertIn("everysec", reason)
        self.redis.settings_now = RedisSettings("allkeys-lru", False, "everysec")
        self.beats(200)
        self.assertEqual((len(self.log_lines("append-only")), len(self.log_lines("allkeys-lru"))), (1, 1))
        self.assertEqual(self.shown(), ["Redis durability", "Redis eviction"])
        self.redis.settings_now = SAFE
        self.beats(60)
        self.assertEqual(self.shown(), [])
        self.assertEqual(len(self.log_lines("Redis")), 3)

    def test_every_minute(self) -> None:
        """The settings are looked at every minute, and when Redis has been away: it may be another one."""
        self.beats(60)
        self.assertEqual(self.redis.asked, 1)
        self.beats(1)
        self.assertEqual(self.redis.asked, 2)
        self.beats(5, SILENT)
        self.assertEqual(self.redis.asked, 2)
        self.beats(5)
        self.assertEqual(self.redis.asked, 3)

    def test_clocks(self) -> None:
        """Clocks two seconds apart are an alarm, once, until they agree again."""
        for ahead, shown in ((0.5, []), (1.5, []), (-2.5, ["clock"]), (-1.5, ["clock"]), (-0.5, []), (1.5, [])):
            self.redis.ahead = ahead
            self.beats(10)
            self.assertEqual(self.shown(), shown)
            self.assertApproximates(self.monitor.skew, ahead, 0.002)
        self.assertEqual(len(self.log_lines("behind this machine's")), 1)
        self.assertEqual(self.rollbacks, 0)
