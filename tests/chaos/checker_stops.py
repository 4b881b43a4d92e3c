"""Checks of STOP: after it was acknowledged no text goes to that handset, unless a later START may have lifted it.

Pure functions; :mod:`tests.chaos.test_checker` shows that they can fail.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.checker import Text

#: Seconds within which a request to send may come in that was begun before the STOP: a lease, and some to spare.
BEGUN = 5.0
#: Seconds that a block stands at least.
A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A STOP, or else a START: when Nexmo first tried to deliver it, and when it was first acknowledged, in seconds."""

    handset: str
    stop: bool
    began: float
    acknowledged: float | None


def blocked(asked: Sequence[Asked], handset: str, at: float) -> bool:
    """Whether a request to send to the handset, which came in ``at`` seconds, was certainly begun under a block."""
    here = [each for each in asked if each.handset == handset]
    stops = [each for each in here if each.stop]
    first = min((each.began for each in stops), default=math.inf)
    lifts = [each for each in here if not each.stop and _stored(each) >= first + A_MINUTE and each.began <= at]
    return any(_stored(stop) < at - BEGUN and not any(_stored(lift) >= stop.began for lift in lifts) for stop in stops)


def texts_after_stop(asked: Sequence[Asked], attempts: Iterable[Text]) -> list[str]:
    """Requests to send a text to a handset that was certainly blocked."""
    return [
        f"{attempt.message} for {attempt.user} on …{attempt.handset[-4:]}, {_told(asked, attempt)}"
        for attempt in attempts
        if blocked(asked, attempt.handset, attempt.at)
    ]


def stopped(asked: Iterable[Asked], handsets: Iterable[str]) -> bool:
    """Whether somebody wrote STOP on one of these handsets, so that texts may be missing there."""
    return any(each.stop and each.began < math.inf and each.handset in handsets for each in asked)


def _stored(asked: Asked) -> float:
    """The last moment at which it can have been stored for the first time."""
    return math.inf if asked.acknowledged is None else asked.acknowledged


def _told(asked: Iterable[Asked], attempt: Text) -> str:
    here = [each for each in asked if each.handset == attempt.handset and each.acknowledged is not None]
    words = [f"{'STOP' if each.stop else 'START'} {attempt.at - _stored(each):.1f} s before" for each in here]
    return ", ".join(words)
