"""Throttling: whether an account, or one of its numbers, sends faster than its plan allows, and how that is refused.

Source: Vonage support articles 203993598 and 115001344948 (requests count, not the parts of a text); the words of the
refusals as seen in the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.sandbox.nexmo.rates_plan import RatesPlan

#: Seconds by which an interval ends sooner than its rate says. Two SMS that left one second apart arrive a little less
#: than that apart when the first was longer on its way, and the sender's clock is not ours: without this, a sender that
#: keeps to the rate would be refused every other time. The real ones are about as lenient, or no client could reach the
#: rate that they promise.
JITTER = 0.05


@dataclass(slots=True)
class _Interval:
    """One interval: when it began, in seconds, and how many have passed in it."""

    began: float
    passed: int = 0


@dataclass(frozen=True, slots=True)
class _Full:
    """An interval in which nothing more may pass: how many may, its length and how long ago it began, in seconds."""

    most: int
    length: float
    since: float


@dataclass(slots=True)
class Rates:
    """What one account has sent lately. ``now`` is in seconds since the epoch, wherever it is asked for.

    The real ones count in fixed intervals, as their words tell; one begins with whatever is first after the last one.
    """

    _account: _Interval = field(default_factory=lambda: _Interval(0.0))
    _numbers: dict[str, _Interval] = field(default_factory=dict)

    def refuse_request(self, plan: RatesPlan, now: float) -> str:
        """Count one send request of the account. Returns blank, or the words that refuse it."""
        interval = self._account
        full = _pass(interval, plan.account, now)
        if full is None:
            return ""
        return (
            f"Exceeded maximum MT throughput[ MAX [ {full.most} ] INTERVAL [ {_milliseconds(full.length)} ] "
            f"COUNT [ {interval.passed} ] LAST INT-START [ {int(interval.began)} ] "
            f"TIME_SINCE_LAST_INTERVAL_START [ {_milliseconds(full.since)} ]  ]"
        )

    def refuse_sms(self, plan: RatesPlan, number: OwnedNumber, now: float) -> str:
        """Count one SMS from a number; what is refused does not count. Returns blank, or the words that refuse it."""
        interval = self._numbers.setdefault(number.msisdn, _Interval(0.0))
        full = _pass(interval, plan.rate_of(number), now)
        if full is None:
            return ""
        return f"Throughput Rate Exceeded - please wait [ {_milliseconds(full.length - full.since)} ] and retry"


def _pass(interval: _Interval, rate: float, now: float) -> _Full | None:
    """Count one more if there is room for it, in a new interval if this one is over."""
    if not rate:
        return None
    most = max(1, int(rate))
    length = most / rate
    # An interval that has not begun yet is of a clock that was set back.
    if not 0 <= now - interval.began < length - JITTER:
        interval.began, interval.passed = now, 0
    if interval.passed >= most:
        return _Full(most, length, now - interval.began)
    interval.passed += 1
    return None


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
