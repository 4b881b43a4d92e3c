"""Warnings that any client on the internet can cause, throttled so that they cannot fill a disk."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger


class ThrottledLog:
    """Writes at most one line for each key, such as an address, in ``interval`` seconds.

    It remembers at most ``keys`` of them. While that many were logged within the interval, others are not logged at
    all: so neither memory nor log grows with the number of addresses an attacker has.
    """

    def __init__(self, log: Logger, clock: IReactorTime, *, interval: float = 60.0, keys: int = 1000) -> None:
        self._log = log
        self._clock = clock
        self._interval = interval
        self._keys = keys
        self._written: dict[str, float] = {}  # key to time, the oldest first

    def warn(self, key: str, text: str, **values: object) -> None:
        """Log ``text``, formatted with ``values``, unless it is too soon for this key."""
        if self.may(key):
            self._log.warn(text, **values)

    def alarm(self, text: str) -> None:
        """Log as an error what an operator has to repair; ``text`` is the key."""
        if self.may(text):
            self._log.error("{text}", text=text)

    def may(self, key: str) -> bool:
        """Whether a line for ``key`` may be written now; a yes counts as one."""
        now = self._clock.seconds()
        while self._written:
            oldest = next(iter(self._written))
            if now - self._written[oldest] < self._interval:
                break
            del self._written[oldest]
        if key in self._written or len(self._written) >= self._keys:
            return False
        self._written[key] = now
        return True
