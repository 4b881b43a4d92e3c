"""What Nexmo's delivery receipts say: one status for many words, and what its codes mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.delivery import DeliveryStatus
from nexmo_twisted.providers.nexmo.receipt_codes import CODES, describe, read_state


class ReceiptStatusTests(TestCase):
    def test_words(self) -> None:
        """The documented words, those of the carriers behind them, and any other, which is "unknown"."""
        for status, words in {
            DeliveryStatus.ACCEPTED: ("accepted", "acceptd"),
            DeliveryStatus.BUFFERED: ("buffered", "enroute"),
            DeliveryStatus.DELIVERED: ("delivered", "delivrd"),
            DeliveryStatus.EXPIRED: ("expired",),
            DeliveryStatus.FAILED: ("failed", "undeliv", "deleted"),
            DeliveryStatus.REJECTED: ("rejected", "rejectd"),
            DeliveryStatus.UNKNOWN: ("unknown", "", "delivered?", "nobody has ever seen this", "é"),
        }.items():
            for word in words:
                self.assertEqual(read_state(word, "0").status, status)

    def test_codes(self) -> None:
        """A code is taken where it means something."""
        self.assertEqual([read_state(word, "6").code for word in ("accepted", "buffered", "delivered")], [0, 0, 0])
        self.assertEqual([read_state(word, "06").code for word in ("failed", "rejected", "what?")], [6, 6, 6])
        for code in ("", "0", "none", "-1", "12345", "٣", "²", "1e3", " 6"):
            self.assertEqual(read_state("failed", code).code, 0, code)

    def test_opted_out(self) -> None:
        """Code 9 says so under any word but those of a success."""
        for word in ("failed", "rejected", "expired", "unknown", "undeliv"):
            self.assertTrue(read_state(word, "9").opted_out, word)
        for word, code in (("delivered", "9"), ("buffered", "9"), ("failed", "99"), ("failed", "")):
            self.assertFalse(read_state(word, code).opted_out, word)

    @given(st.text(), st.text())
    def test_any(self, word: str, code: str) -> None:
        """Whatever a receipt says, it can be told."""
        self.assertTrue(read_state(word, code).in_words(describe).isprintable())


class ReceiptCodeTests(TestCase):
    def test_told(self) -> None:
        """In plain words, with the code where there is one."""
        for (word, code), told in {
            ("delivered", "0"): "delivered",
            ("what?", "0"): "unknown",
            ("what?", "1"): "unknown, code 1 (unknown reason)",
            ("failed", "0"): "failed",
            ("failed", "6"): "failed, code 6 (anti-spam rejection)",
            ("rejected", "99"): "rejected, code 99 (general error of the route)",
            ("expired", "7777"): "expired, code 7777",
        }.items():
            self.assertEqual(read_state(word, code).in_words(describe), told)

    def test_what_to_do(self) -> None:
        """Each code calls for something; one that nobody has seen for nothing in particular."""
        for advice, level, codes in (
            ("it may work at another time", "info", (2, 7, 8, 15, 16)),
            ("it will not work with this phone and this text", "warn", (1, 5, 10, 12, 13, 14, 95, 7777, 0)),
            ("texts to this phone should stop", "warn", (3, 4, 9, 53)),
            ("the sender, its registration or the text must be put right at Vonage", "warn", (39, 50, 51, 52)),
            (
                "ask Vonage's support, since other texts may fail the same way",
                "error",
                (6, 11, 20, 21, 22, 54, 99),
            ),
        ):
            for code in codes:
                self.assertEqual((describe(code).advice, describe(code).level), (advice, level), code)
        self.assertEqual(len(CODES), 27)
