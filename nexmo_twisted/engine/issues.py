"""Issues that ``/health`` shows, each with its reason and the time it began."""

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


class IssueLog:
    """The current issues of one component. Says which are new, so that each is logged once."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._known: dict[str, Issue] = {}

    def note(self, what: str, reason: str) -> bool:
        """Set or, with a blank ``reason``, clear the issue of ``what``. True if it is new or its reason has changed; it
        keeps the time of its beginning."""
        known = self._known.get(what)
        if not reason:
            self._known.pop(what, None)
            return False
        self._known[what] = Issue(what, known.since if known else self._wall(), reason)
        return known is None or known.reason != reason

    def all(self) -> list[Issue]:
        return list(self._known.values())
