"""What a delivery receipt says: one word for many, which outweighs which, and what is to be done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.model import Receipt
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.providers.nexmo import receipt_codes
from nexmo_twisted.providers.nexmo.receipt_codes import CODES, SAID, Act
from tests.factories import READ_RECEIPT
from tests.support import counted

MESSAGE_ID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


def receipt(status: str, code: str = "0") -> Receipt:
    return Receipt("", MESSAGE_ID, "12015550112", "12015550101", status, code)


def said(status: str, code: str = "0") -> str:
    return receipt_codes.said(receipt(status, code))


class ReceiptStatusTests(TestCase):
    def test_documented(self) -> None:
        """The documented receipt says that the SMS was delivered."""
        self.assertEqual(
            (receipt_codes.word(READ_RECEIPT), receipt_codes.told(receipt_codes.said(READ_RECEIPT))),
            ("delivered", "delivered"),
        )
        self.assertFalse(receipt_codes.failed(receipt_codes.said(READ_RECEIPT)))

    def test_words(self) -> None:
        """The documented words, those of the carriers behind them, and any other, which is "unknown"."""
        for word, statuses in {
            "accepted": ("accepted", "acceptd"),
            "buffered": ("buffered", "enroute"),
            "delivered": ("delivered", "delivrd"),
            "expired": ("expired",),
            "failed": ("failed", "undeliv", "deleted"),
            "rejected": ("rejected", "rejectd"),
            "unknown": ("unknown", "", "delivered?", "nobody has ever seen this", "é"),
        }.items():
            for status in statuses:
                self.assertEqual(receipt_codes.word(receipt(status)), word)
                self.assertEqual(receipt_codes.name(said(status)), word)

    def test_counted(self) -> None:
        """Every word has its counter."""
        metrics = PrometheusMetrics()
        for status in ("accepted", "buffered", "delivered", "expired", "failed", "rejected", "unknown"):
            self.assertEqual(counted(metrics, "receipts", receipt_codes.word(receipt(status))), 0)

    def test_weight(self) -> None:
        """Nothing, then what is not final, then delivered, then a failure, then that the recipient has opted out."""
        order = ("accepted", "buffered", "unknown", "delivered", "expired", "failed", "rejected")
        letters = ["", *(said(status) for status in order), said("failed", "9")]
        self.assertEqual(sorted(letters), letters)
        self.assertEqual([receipt_codes.failed(letter) for letter in letters], [False] * 5 + [True] * 4)

    def test_codes(self) -> None:
        """A code is kept where it means something."""
        self.assertEqual([said(status, "6") for status in ("accepted", "buffered", "delivered")], ["a", "b", "d"])
        self.assertEqual([said(status, "06") for status in ("failed", "rejected", "what?")], ["f6", "r6", "c6"])
        for code in ("", "0", "none", "-1", "12345", "٣", "²", "1e3", " 6"):
            self.assertEqual(said("failed", code), "f", code)

    def test_opted_out(self) -> None:
        """Code 9 says so under any word but those of a success."""
        for status in ("failed", "rejected", "expired", "unknown", "undeliv"):
            self.assertTrue(receipt_codes.opted_out(said(status, "9")), status)
        for status, code in (("delivered", "9"), ("buffered", "9"), ("failed", "99"), ("failed", "")):
            self.assertFalse(receipt_codes.opted_out(said(status, code)), status)
        self.assertFalse(receipt_codes.opted_out(""))

    @given(st.text(), st.text())
    def test_any(self, status: str, code: str) -> None:
        """Whatever a receipt says, it is kept in few characters, and can be told."""
        kept = said(status, code)
        self.assertIsNotNone(SAID.fullmatch(kept))
        self.assertTrue(receipt_codes.told(kept).isprintable())
        self.assertIsInstance(receipt_codes.act(kept), Act)


class ReceiptWordingTests(TestCase):
    def test_told(self) -> None:
        """In plain words, with the code where there is one."""
        for kept, words in {
            "d": "delivered",
            "b": "buffered",
            "c": "unknown",
            "c1": "unknown, code 1 (unknown reason)",
            "f": "failed",
            "f6": "failed, code 6 (anti-spam rejection)",
            "r99": "rejected, code 99 (general error of the route)",
            "e7777": "expired, code 7777",
            "s9": "failed, code 9 (the recipient has opted out)",
        }.items():
            self.assertEqual(receipt_codes.told(kept), words)

    def test_nothing(self) -> None:
        """What no receipt says is not told."""
        for text in ("", "x", "f٣", "f12345", "ff", "delivered"):
            self.assertRaises(ValueError, receipt_codes.told, text)

    def test_what_to_do(self) -> None:
        """Each code calls for something; one that nobody has seen for nothing in particular."""
        for act, codes in {
            Act.LATER: (2, 7, 8, 15, 16),
            Act.NEVER: (1, 5, 10, 12, 13, 14, 95),
            Act.SUPPRESS: (3, 4, 9, 53),
            Act.MEND: (39, 50, 51, 52),
            Act.ALERT: (6, 11, 20, 21, 22, 54, 99),
        }.items():
            for code in codes:
                self.assertEqual(receipt_codes.act(said("failed", str(code))), act, code)
        self.assertEqual(receipt_codes.act("f7777"), Act.NEVER)
        self.assertEqual(receipt_codes.act("f"), Act.NEVER)
        self.assertEqual(len(CODES), 27)
