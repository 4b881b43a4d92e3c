"""How fast SMS may go out: which limits bind an SMS, and what a limit is made of.

Vonage takes 30 API requests a second from one key (knowledge base 203993598; requests count, not the parts of a text),
and from a long number of the US or Canada one SMS a second, where a faster one is rejected. The limits are kept for all
processes together by the scripts of the store (``begin``), by the generic cell rate algorithm with a burst of one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: What the limit of the whole account is called; that of a number has the number's name.
ACCOUNT: Final = "key"

#: Microseconds by which an SMS may be earlier than it should be: so late may the one before it have been for reasons of
#: ours (timers, look-ups), without less going out.
LATENESS: Final = 30_000

#: Area codes of numbers that the called party pays for, which carriers do not hold to one SMS a second.
TOLL_FREE: Final = frozenset({"800", "833", "844", "855", "866", "877", "888"})

#: Seconds without SMS when we are told that we are too fast: if no time is named, and the least.
PAUSE: Final = 1.0
LEAST_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Limit:
    """At most one SMS every ``interval`` microseconds on the average; 0 is no limit, but may be told to pause.

    Single ones may be ``tolerance`` microseconds too early. In any second there is never more than one SMS above what
    the interval allows.
    """

    name: str
    interval: int
    tolerance: int


@dataclass(frozen=True, slots=True)
class Limits:
    """SMS a second: of the account, of a long number in the US or Canada, of single numbers; 0 for no limit."""

    per_account: float = 0.0
    per_number: float = 0.0
    overrides: Mapping[str, float] = field(default_factory=dict)

    def of(self, number: str) -> tuple[Limit, ...]:
        """What binds an SMS from ``number`` (E.164 digits): the number's own limit, then that of the account."""
        rate = self.overrides.get(number, self.per_number if is_long_number(number) else 0.0)
        return limit(number, rate), limit(ACCOUNT, self.per_account)


def limit(name: str, rate: float) -> Limit:
    """The limit of ``rate`` SMS a second."""
    if not rate:
        return Limit(name, 0, 0)
    # Within any second the tolerance lets at most one more pass, also when the rate is no whole number.
    room = 0.9 * (math.floor(rate) + 1 - rate) / rate
    return Limit(name, math.ceil(1_000_000 / rate), min(int(room * 1_000_000), LATENESS))


def is_long_number(number: str) -> bool:
    """Whether E.164 digits are a long number of the US, Canada or another country of their numbering plan."""
    return len(number) == 11 and number[0] == "1" and number[1:4] not in TOLL_FREE


def pause(named: float | None) -> int:
    """Milliseconds without SMS after an answer that we are too fast. ``named``: the seconds it asks for, if it does."""
    return math.ceil(max(PAUSE if named is None else named, LEAST_PAUSE) * 1000) + LATENESS // 1000
