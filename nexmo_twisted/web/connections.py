"""The connections that are open at a time, and which of them is cut for another."""

from __future__ import annotations

from typing import Any


class Connections:
    """At most ``room`` protocols with their connections, each either waiting for a request or busy with one."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._open: set[Any] = set()
        self._waiting: dict[Any, None] = {}  # the longest waiting first

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._open) >= self._room

    def opened(self, one: Any) -> None:
        """A new connection, which waits for its first request."""
        self._open.add(one)
        self.waits(one)

    def waits(self, one: Any) -> None:
        """From now on it waits for a request."""
        self._waiting[one] = None

    def busy(self, one: Any) -> None:
        """A whole request has come, which is to be answered."""
        self._waiting.pop(one, None)

    def closed(self, one: Any) -> None:
        """The connection is over. May be called twice."""
        self._open.discard(one)
        self._waiting.pop(one, None)

    def cut_longest_waiting(self) -> bool:
        """Make room by cutting that which has waited for a request for the longest time; False when none waits."""
        one = next(iter(self._waiting), None)
        if one is None:
            return False
        self.closed(one)
        one.transport.abortConnection()
        return True
