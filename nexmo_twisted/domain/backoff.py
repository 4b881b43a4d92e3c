"""When to try again."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from math import ceil, log2

BASE = 5.0  #: seconds, before jitter, after the first attempt
CAP = 15 * 60.0  #: seconds: nothing waits longer than this between two attempts

_SECONDS = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)
_DOUBLINGS = max(0, ceil(log2(CAP / BASE)))  # as many as reach the cap; more would only overflow


def delay(attempt: int, *, retry_after: float | None = None, random: Callable[[], float]) -> float:
    """Seconds to wait after attempt number ``attempt`` (the first is 1) has failed.

    Five seconds, doubled with every attempt, at most 15 minutes, times a factor between 0.5 and 1 so that
    what failed together does not come back together. ``retry_after`` is the time the other side asked for,
    in seconds: never sooner than that, but it too counts for 15 minutes at most. ``random`` gives numbers
    from 0 to 1.
    """
    doubled = BASE * (1 << min(max(attempt - 1, 0), _DOUBLINGS))
    jittered = min(doubled, CAP) * (0.5 + random() / 2)
    return max(jittered, min(retry_after or 0.0, CAP))


def named_wait(retry_after: str | None, date: str | None = None) -> float | None:
    """The seconds a ``Retry-After`` header asks for, at most 15 minutes; None without a readable one.

    It holds seconds or an HTTP date (RFC 9110, section 10.2.3). A date is read against the ``Date`` header of
    the same answer, so that it does not matter what our own clock says.
    """
    if retry_after is None:
        return None
    value = retry_after.strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), CAP)
    if date is None:
        return None
    try:
        seconds = (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), CAP)
