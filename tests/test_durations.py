"""Durations: the grammar of the Node service's settings, and weeks."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.durations import milliseconds

UNITS = {
    1: "ms msec msecs millisecond milliseconds",
    1_000: "s sec secs second seconds",
    60_000: "m min mins minute minutes",
    3_600_000: "h hr hrs hour hours",
    86_400_000: "d day days",
    604_800_000: "w week weeks",
    31_557_600_000: "y yr yrs year years",
}


class MillisecondsTests(TestCase):
    def test_every_unit(self) -> None:
        """Each spelling of each unit, in any case, with and without blanks before it."""
        for length, names in UNITS.items():
            for name in names.split():
                for text in (f"3{name}", f"3 {name}", f"3   {name.upper()}", f"3 {name.title()}"):
                    self.assertEqual(milliseconds(text), 3 * length, text)

    def test_numbers(self) -> None:
        """A number, written as one or as text, is milliseconds; fractions are possible everywhere."""
        for value, expected in (
            ("90000", 90_000),
            (90_000, 90_000),
            (1500.4, 1500),
            ("1.5h", 5_400_000),
            (".5 min", 30_000),
            ("1.1 s", 1_100),
            ("007 s", 7_000),
            ("0.5 y", 15_778_800_000),
            (1, 1),
            (2**52, 2**52),
        ):
            self.assertEqual(milliseconds(value), expected, value)
            self.assertIs(type(milliseconds(value)), int)

    def test_refuses_everything_else(self) -> None:
        """What is no duration, no longer than nothing or beyond all reckoning is refused with what is allowed."""
        texts = (
            "",
            " ",
            "minutes",
            "10 minuets",
            "10 months",
            "1 h 30 m",
            " 10 m",
            "10 m ",
            "10 m\n",
            "10\tm",
            "1,5 h",
            "1e3",
            "5.",
            "+5 s",
            "-5 s",
            "0",
            "0.0 weeks",
            "0.4 ms",
            "٣ s",
            "3 ſ",  # a long s, which only the case-insensitivity of Unicode takes for an s
            "nan",
            "inf",
            "1000000 years",
            "9" * 80,
        )
        numbers = (0, -1, 0.4, -0.0, math.nan, math.inf, -math.inf, 2**52 + 1, 10**400, True, False)
        for value in (*texts, *numbers, None, [5], {"s": 5}, b"5 s", object):
            error = self.assertRaises(ValueError, milliseconds, value)
            for part in (repr(value)[:50], "is not a duration", "10 minutes", "week", "milliseconds", "more than zero"):
                self.assertIn(part, str(error))

    def test_quotes_briefly(self) -> None:
        """A text of any length makes a short fault, and is judged at once."""
        for value in ("9" * 1_000_000, "1 " * 100_000, 10**5_000):
            self.assertLess(len(str(self.assertRaises(ValueError, milliseconds, value))), 300)

    @given(st.integers(1, 999), st.sampled_from(sorted(UNITS)), st.data())
    def test_units_agree(self, count: int, length: int, data: st.DataObject) -> None:
        """n of a unit is as long as its number of milliseconds."""
        name = data.draw(st.sampled_from(UNITS[length].split()))
        self.assertEqual(milliseconds(f"{count} {name}"), milliseconds(count * length))
