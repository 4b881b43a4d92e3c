"""Warnings that strangers can provoke: few enough that nobody can fill a disk with them."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger


class ThrottledLog:
    """Writes at most one line for each source in ``interval`` seconds.

    It remembers at most ``sources`` of them. While that many have been heard within the interval, others are not
    logged at all: so neither memory nor log grows with the number of addresses an attacker has.
    """

    def __init__(self, log: Logger, clock: IReactorTime, *, interval: float = 60.0, sources: int = 1000) -> None:
        self._log = log
        self._clock = clock
        self._interval = interval
        self._sources = sources
        self._written: dict[str, float] = {}  # source to time, the oldest first

    def warn(self, source: str, text: str, **values: object) -> None:
        """Log ``text``, formatted with ``values`` and ``source``, unless it is too soon for this source."""
        if self.may(source):
            self._log.warn(text, source=source, **values)

    def alarm(self, text: str) -> None:
        """The same for what an operator has to mend, whoever made it known."""
        if self.may(text):
            self._log.error("{text}", text=text)

    def may(self, source: str) -> bool:
        """Whether a line of ``source`` may be written now; a yes is taken as one."""
        now = self._clock.seconds()
        while self._written:
            oldest = next(iter(self._written))
            if now - self._written[oldest] < self._interval:
                break
            del self._written[oldest]
        if source in self._written or len(self._written) >= self._sources:
            return False
        self._written[source] = now
        return True
