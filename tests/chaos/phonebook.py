"""Who had which phone when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

#: Seconds for which a phone that a user no longer has may be taken for the user's: five minutes, and some to spare.
KNOWN_PHONE = 330.0


class Phonebook:
    """``first`` are the phones at the beginning, by user. All times are in seconds since the epoch."""

    def __init__(self, first: Mapping[str, str]) -> None:
        self._history = {user: [(0.0, handset)] for user, handset in first.items()}

    def change(self, user: str, handset: str, at: float) -> None:
        """From then on the user has this phone; changes come in the order of time."""
        self._history[user].append((at, handset))

    def now(self, user: str) -> str:
        """The user's last phone."""
        return self._history[user][-1][1]

    def between(self, user: str, begin: float, end: float) -> set[str]:
        """The phones that the user had at some time between these two."""
        return {handset for since, until, handset in self._times(user) if since <= end and until > begin}

    def ever(self, user: str) -> set[str]:
        """All phones that the user ever had."""
        return {handset for _, handset in self._history[user]}

    def users(self, handset: str) -> set[str]:
        """All users who ever had this phone."""
        return {user for user, history in self._history.items() if any(each == handset for _, each in history)}

    def plain(self, handset: str) -> bool:
        """Whether it was always the phone of one user, who never had another."""
        users = self.users(handset)
        return len(users) == 1 and all(len(self._history[user]) == 1 for user in users)

    def _times(self, user: str) -> Iterator[tuple[float, float, str]]:
        for (since, handset), (until, _) in pairwise([*self._history[user], (float("inf"), "")]):
            yield since, until, handset
