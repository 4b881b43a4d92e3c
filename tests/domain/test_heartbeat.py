"""What follows from what Redis tells of itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.heartbeat import RedisSettings, doubts, rolled_back, skew

DAY = 86_400_000
SAFE = RedisSettings("noeviction", True, "always")


class DurabilityWarningTests(TestCase):
    def reasons(
        self, policy: str | None = "noeviction", aof: bool | None = True, fsync: str | None = "always"
    ) -> list[str]:
        return [reason for reason in doubts(RedisSettings(policy, aof, fsync)).values() if reason]

    def test_none(self) -> None:
        """Nothing is evicted, and everything is on the disk before it is confirmed: no doubts."""
        self.assertEqual(self.reasons(), [])

    def test_eviction(self) -> None:
        """Any policy but one may evict what is owed."""
        for policy in ("allkeys-lru", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-ttl", "unheard-of"):
            (told,) = self.reasons(policy=policy)
            self.assertIn("may evict", told)
            self.assertIn(policy, told)

    def test_no_aof(self) -> None:
        """Without an append-only file nothing is kept, whatever the rest says."""
        for fsync in ("always", "everysec", None):
            (told,) = self.reasons(aof=False, fsync=fsync)
            self.assertIn("append-only", told)

    def test_fsync(self) -> None:
        """Any fsync but at once may lose the end."""
        for fsync in ("everysec", "no", "unheard-of"):
            (told,) = self.reasons(fsync=fsync)
            self.assertIn(f"appendfsync is {fsync}, not always", told)

    def test_unknown(self) -> None:
        """What cannot be told is a doubt, and says so."""
        for unknown in ({"policy": None}, {"aof": None}, {"fsync": None}):
            (told,) = self.reasons(**unknown)
            self.assertRegex(told, "cannot be read")
        self.assertEqual(len(self.reasons(None, None, None)), 2)

    def test_ended(self) -> None:
        """Each doubt is named also when there is none, so that one can see that it has ended."""
        self.assertEqual(set(doubts(SAFE)), set(doubts(RedisSettings(None, None, None))))


class DataLossTests(TestCase):
    def test_first(self) -> None:
        """Before anything was confirmed nothing can be lost, whatever is there."""
        for before in (None, 0, 5):
            self.assertFalse(rolled_back(before, 0, 0, DAY))

    def test_remembered(self) -> None:
        """The last confirmed one is there, or a later one whose answer never came."""
        for before in (5, 6, 9):
            self.assertFalse(rolled_back(before, 5, 1000, DAY))

    def test_lost(self) -> None:
        """An earlier one is there, however late; or none, sooner than it is forgotten by itself."""
        self.assertTrue(rolled_back(4, 5, 1000, DAY))
        self.assertTrue(rolled_back(4, 5, 2 * DAY, DAY))
        self.assertTrue(rolled_back(None, 5, DAY - 1, DAY))
        self.assertFalse(rolled_back(None, 5, DAY, DAY))

    def test_clock_went_back(self) -> None:
        """A Redis whose clock went back has not forgotten by itself."""
        self.assertTrue(rolled_back(None, 5, -1000, DAY))


class ClockSkewTests(TestCase):
    @given(
        offset=st.floats(-100_000, 100_000),
        there=st.floats(0, 100),
        back=st.floats(0, 100),
    )
    def test_never_too_much(self, offset: float, there: float, back: float) -> None:
        """However long question and answer take, no more is told than is certain, and never the wrong direction."""
        asked = 1_767_225_600.0
        told = skew(int((asked + there + offset) * 1000), asked, asked + there + back)
        self.assertLessEqual(abs(told), abs(offset) + 1e-3)
        self.assertGreaterEqual(told * offset, 0)

    def test_at_once(self) -> None:
        """With an answer at once it is known to the millisecond, and in step means 0."""
        self.assertEqual(skew(1_000_000, 1000.0009, 1000.0009), 0.0)
        self.assertApproximates(skew(997_000, 1000.0, 1000.0), -3.0, 0.0011)
        self.assertApproximates(skew(1_003_000, 1000.0, 1000.0), 3.0, 0.0011)
