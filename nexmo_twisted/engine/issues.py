"""What is wrong at this moment, and since when: the words in which the health page speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Issue(NamedTuple):
    """Something that is missing, or not as it should be. ``since`` is the time of day, in seconds since the epoch.

    Neither ``what`` nor ``reason`` ever holds a text, a secret or a whole phone number.
    """

    what: str
    since: float
    reason: str


class Troubles:
    """What is wrong with some things at present. Tells what is news, so that it is logged once."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._known: dict[str, Issue] = {}

    def note(self, what: str, reason: str) -> bool:
        """How it stands with ``what``; a blank ``reason`` means well. True when trouble begins, or has another reason
        than before; it counts from its beginning then."""
        known = self._known.get(what)
        if not reason:
            self._known.pop(what, None)
            return False
        self._known[what] = Issue(what, known.since if known else self._wall(), reason)
        return known is None or known.reason != reason

    def all(self) -> list[Issue]:
        return list(self._known.values())
