"""Durations as people write them: '10 minutes', '1 week', '1.5h', 90000."""

from __future__ import annotations

import math
import re

ALLOWED = (
    'a number with a unit, such as "10 minutes", "1.5h" or "1 week" (ms, s, m, h, d, w, y), or a number of '
    "milliseconds; more than zero"
)
"""What can be written, for those who wrote something else."""

_SECOND = 1000
_DAY = 86_400 * _SECOND
_UNITS = {
    "number": 1,  # nothing behind it
    "ms": 1,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3_600 * _SECOND,
    "d": _DAY,
    "w": 7 * _DAY,
    "y": 365.25 * _DAY,
}

# The grammar of the npm module `ms` 0.7, which read the settings of the Node service, and weeks.
_DURATION = re.compile(
    r"""(?P<number>[0-9]*\.?[0-9]+)\ *
    (?: (?P<ms>milliseconds?|msecs?|ms)? | (?P<s>seconds?|secs?|s) | (?P<m>minutes?|mins?|m) | (?P<h>hours?|hrs?|h)
      | (?P<d>days?|d) | (?P<w>weeks?|w) | (?P<y>years?|yrs?|y) )""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LONGEST_TEXT = 100
_LONGEST = 2**52  # added to a time of today it is still a whole number in Lua and in a sorted set's score


def milliseconds(value: str | int | float) -> int:
    """The duration in whole milliseconds.

    A text is a number and a unit, or a number of milliseconds; a number is milliseconds. A year has 365.25 days.
    Raises ValueError, which quotes the value and says what is allowed, for everything else, and for what is less
    than a millisecond or more than 140,000 years.
    """
    result = math.nan
    if isinstance(value, str):
        found = _DURATION.fullmatch(value) if len(value) <= _LONGEST_TEXT else None
        if found is not None and found.lastgroup is not None:
            result = float(found["number"]) * _UNITS[found.lastgroup]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        result = value
    if not 1 <= result <= _LONGEST:  # false for NaN, too
        raise ValueError(f"{quoted(value)} is not a duration; allowed: {ALLOWED}")
    return round(result)


def quoted(value: object) -> str:
    """The value as it would be written in Python, cut to 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more than 4,300 digits
        text = "a very long number"
    return text if len(text) <= 60 else f"{text[:59]}…"
