"""When to try again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.backoff import BASE, CAP, delay, named_wait

SHARES = st.floats(min_value=0, max_value=1, exclude_max=True)
NAMED = st.none() | st.floats(min_value=0, allow_nan=False)
NOON = "Sun, 06 Nov 1994 12:00:00 GMT"


class DelayTests(TestCase):
    def test_doubles_up_to_the_cap(self) -> None:
        """5 s after the first attempt, then double each time, never above 15 minutes."""
        longest = [delay(attempt, random=lambda: 1.0) for attempt in range(1, 11)]
        self.assertEqual(longest, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900])

    def test_jitter(self) -> None:
        """What failed together comes back spread over the second half of the wait."""
        self.assertEqual(delay(3, random=lambda: 0.0), 10.0)
        self.assertEqual(delay(3, random=lambda: 0.5), 15.0)

    def test_named_time_is_a_lower_bound(self) -> None:
        """Never sooner than asked for; but nobody keeps us waiting for more than 15 minutes."""
        self.assertEqual(delay(1, retry_after=60.0, random=lambda: 0.0), 60.0)
        self.assertEqual(delay(5, retry_after=1.0, random=lambda: 0.0), 40.0)
        self.assertEqual(delay(1, retry_after=86400.0, random=lambda: 0.0), CAP)

    @settings(deadline=None)
    @given(attempt=st.integers(min_value=-3), named=NAMED, share=SHARES)
    def test_bounds(self, attempt: int, named: float | None, share: float) -> None:
        """Whatever the attempt and the named time, the wait is between 2.5 s and 15 minutes."""
        wait = delay(attempt, retry_after=named, random=lambda: share)
        self.assertTrue(BASE / 2 <= wait <= CAP, wait)
        self.assertGreaterEqual(wait, min(named or 0.0, CAP))

    @settings(deadline=None)
    @given(attempt=st.integers(min_value=1, max_value=10_000), share=SHARES)
    def test_never_shorter_later(self, attempt: int, share: float) -> None:
        """The next wait is no shorter, jitter aside."""
        self.assertLessEqual(delay(attempt, random=lambda: share), delay(attempt + 1, random=lambda: share))


class NamedWaitTests(TestCase):
    def test_seconds(self) -> None:
        """A number of seconds, at most 15 minutes."""
        for value, seconds in (("7", 7.0), (" 0 ", 0.0), ("1.5", 1.5), ("900", 900.0), ("999999999", 900.0)):
            self.assertEqual(named_wait(value), seconds)

    def test_date(self) -> None:
        """A date counts from the date of the same answer; one in the past means now."""
        for value, seconds in (
            ("Sun, 06 Nov 1994 12:00:30 GMT", 30.0),
            ("Sun, 06 Nov 1994 11:00:00 GMT", 0.0),
            ("Mon, 07 Nov 1994 12:00:00 GMT", 900.0),
            ("Sunday, 06-Nov-94 12:01:00 GMT", 60.0),
        ):
            self.assertEqual(named_wait(value, NOON), seconds, value)

    def test_unreadable(self) -> None:
        """What cannot be read names no time."""
        for value, date in (
            (None, NOON),
            ("", NOON),
            ("soon", NOON),
            ("-7", NOON),
            ("9" * 5000, NOON),
            ("٣", NOON),
            (NOON, None),
            (NOON, "today"),
            ("Sun, 06 Nov 1994 12:00:30 -0000", NOON),
            ("Sun, 06 Nov 99999999999 12:00:30 GMT", NOON),
        ):
            self.assertIsNone(named_wait(value, date), value)

    @settings(deadline=None)
    @given(value=st.none() | st.text(), date=st.none() | st.text())
    def test_never_fails(self, value: str | None, date: str | None) -> None:
        """A header is foreign data: at worst it says nothing."""
        wait = named_wait(value, date)
        self.assertTrue(wait is None or 0 <= wait <= CAP)
