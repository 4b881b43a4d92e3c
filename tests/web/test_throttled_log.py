"""Warnings that strangers provoke are written once a minute and source."""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.web.throttled_log import ThrottledLog


class ThrottledLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lines: list[tuple[str, str]] = []
        self.log = Logger(observer=cast(ILogObserver, self._note))

    def _note(self, event: LogEvent) -> None:
        self.lines.append((event["address"], event["reason"]))

    def test_once_a_minute(self) -> None:
        """The second line of a source comes a minute after its first."""
        throttled = ThrottledLog(self.log, self.clock)
        for _ in range(125):
            throttled.warn(
                "192.0.2.1", "{address}: {reason}", address="192.0.2.1", reason=str(int(self.clock.seconds()))
            )
            self.clock.advance(1)
        self.assertEqual(self.lines, [("192.0.2.1", "0"), ("192.0.2.1", "60"), ("192.0.2.1", "120")])

    def test_each_source(self) -> None:
        """Sources are counted apart."""
        throttled = ThrottledLog(self.log, self.clock)
        for source in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            throttled.warn(source, "{address}: {reason}", address=source, reason="r")
        self.assertEqual([source for source, _ in self.lines], ["192.0.2.1", "192.0.2.2"])

    def test_bounded(self) -> None:
        """A flood from ever new sources neither fills the log nor the memory, and is over when it is over."""
        throttled = ThrottledLog(self.log, self.clock, keys=10)
        for number in range(1000):
            throttled.warn(str(number), "{address}: {reason}", address=str(number), reason="flood")
        self.assertEqual(len(self.lines), 10)
        self.clock.advance(60)
        throttled.warn("192.0.2.1", "{address}: {reason}", address="192.0.2.1", reason="later")
        self.assertEqual(self.lines[10:], [("192.0.2.1", "later")])
