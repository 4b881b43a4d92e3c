"""Plain words for operators: times, reasons, ids as people copy them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.wording import REASONS, explained, printable, shortened, span, utc
from nexmo_twisted.operations.metrics import PrometheusMetrics


class ReasonTests(TestCase):
    def test_codes(self) -> None:
        """A code is told in words, with its details behind it; so is a code within one."""
        for reason, words in {
            "read": "the recipient had read the message",
            "refused: status 6: invalid message": "permanently refused (status 6: invalid message)",
            "uncertain: lost": "it may or may not have been sent (the process that was sending it died or stalled)",
            "uncertain dropped": "it may or may not have been sent (no receipt came in time)",
            "uncertain: status 5: internal error": "it may or may not have been sent (status 5: internal error)",
        }.items():
            self.assertEqual(explained(reason), words)

    def test_details(self) -> None:
        """What somebody else gave as a detail is no code of ours, whatever it looks like."""
        self.assertEqual(explained("conversation_gone: deleted"), "the conversation is gone (deleted)")

    def test_others(self) -> None:
        """What is no code is told as it is, and nothing as nothing."""
        self.assertEqual(explained("status 9: no credit left"), "status 9: no credit left")
        self.assertEqual(explained("unread letters"), "unread letters")
        self.assertEqual(explained(""), "no reason was given")

    def test_every_reason_of_the_metrics(self) -> None:
        """Every reason by which the service counts what it skips and gives up has its words."""
        page = PrometheusMetrics().page().decode()
        counted = set(
            re.findall(r'nexmo_twisted_(?:notifications_skipped|dead_letters)_total\{.*reason="(\w+)"\}', page)
        )
        self.assertIn("too_late", counted)
        self.assertLessEqual(counted, REASONS.keys())

    @given(st.text())
    def test_any(self, reason: str) -> None:
        """Whatever stands there, the words for it can be shown."""
        self.assertTrue(explained(reason).isprintable())


class TimeTests(TestCase):
    def test_utc(self) -> None:
        """To the second, and absurd ones without an error."""
        self.assertEqual(utc(1_767_225_600_999), "2026-01-01T00:00:00Z")
        self.assertEqual(utc(10**30), f"{10**30} ms")

    def test_span(self) -> None:
        """The two greatest units, and none between them left out."""
        for ms, words in {
            -1: "0 s",
            999: "0 s",
            59_000: "59 s",
            60_000: "1 min",
            570_000: "9 min 30 s",
            3_600_000: "1 h",
            3_605_000: "1 h",
            90_000_000: "1 d 1 h",
            8 * 86_400_000 + 60_000: "8 d",
        }.items():
            self.assertEqual(span(ms), words)


class PrintableTextTests(TestCase):
    @given(st.text())
    def test_printable(self, text: str) -> None:
        """Nothing that a terminal obeys comes through, and what is harmless stays as it is."""
        self.assertTrue(printable(text).isprintable())
        if text.isprintable():
            self.assertEqual(printable(text), text)

    def test_escapes(self) -> None:
        """What is left out can be seen."""
        self.assertEqual(printable("bob\x1b[2J\u202e"), "bob\\x1b[2J\\u202e")

    def test_shortened(self) -> None:
        """A long one ends in dots within its width."""
        self.assertEqual((shortened("x" * 10, 10), shortened("x" * 11, 10)), ("x" * 10, "x" * 9 + "…"))
