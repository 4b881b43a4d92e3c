"""The links of one user as the Node service keeps them: ``{conversation id: {"phone": number, "expires": ms}}``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nexmo_twisted.domain.model import Thread
from nexmo_twisted.durations import milliseconds

WEEK = 7 * 24 * 3_600_000
#: No link ends later than so many milliseconds from now: Redis takes no key that lives for millions of years.
LATEST = 100 * 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class Linked:
    """What a number is linked to, until when, and when it was last used (0: not recorded); times in ms.

    ``rest`` is what else stands in the user's map.
    """

    number: str
    expires: int
    used: int = 0
    thread: Thread | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)

    def last_use(self, lifetime: int) -> int:
        """When it was last used, as far as one can tell: each use moves the end to ``lifetime`` from then."""
        return self.used or self.expires - lifetime


def user_links(raw: str, now: int) -> dict[str, Linked]:
    """The links by conversation; members that are none are left out."""
    return links_in(load_map(raw), now)


def links_in(mapping: Mapping[str, Any], now: int) -> dict[str, Linked]:
    """The same for a map that was read."""
    links = {}
    for conversation, value in mapping.items():
        if isinstance(value, dict) and isinstance(value.get("phone"), str | int):
            number = re.sub(r"\D", "", str(value["phone"]))
            links[conversation] = Linked(number, expiry(value.get("expires"), now), rest=value)
    return links


def load_map(raw: str) -> dict[str, Any]:
    """All members as they are; a map that cannot be read counts as empty."""
    try:
        value = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def expiry(value: object, now: int) -> int:
    """When a link ends, ms since the epoch, from the forms real deployments of the Node service hold.

    It wrote a number; ``null`` where its own default of a week was not understood; and, where a setting in
    milliseconds was formatted instead of parsed, the time with a duration behind it: ``"17954372123457d"``.
    What cannot be read is taken for a week from now, since dropping a link in use loses replies.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return min(int(value), now + LATEST)
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{13})(.*)", value.strip(), re.DOTALL)):
        rest = match[2].strip()
        try:
            return min(int(match[1]) + (milliseconds(rest) if rest else 0), now + LATEST)
        except ValueError:
            pass
    return now + WEEK
