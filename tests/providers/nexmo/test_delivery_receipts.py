"""A delivery receipt is read from the parameters of a webhook, or refused with the one that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.delivery import DeliveryReport, DeliveryState, DeliveryStatus
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.providers.nexmo.delivery_receipts import read_receipt
from tests.factories import READ_RECEIPT, RECEIPT, delivery_report


def read(**params: str | None) -> DeliveryReport:
    """The receipt with some other parameters, whose underscores stand for hyphens; None takes one out."""
    changed = {**RECEIPT, **{name.replace("_", "-"): value for name, value in params.items()}}
    return read_receipt([(name, value) for name, value in changed.items() if value is not None])


def without(field: str) -> DeliveryReport:
    """The receipt, this field of it blank."""
    blank: dict[str, Any] = {field: ""}
    return replace(READ_RECEIPT, **blank)


class ReadReceiptTests(SynchronousTestCase):
    def test_documented(self) -> None:
        """The documented receipt, which names the recipient msisdn and our number to."""
        self.assertEqual(read(), READ_RECEIPT)

    def test_any_status(self) -> None:
        """Documented or not, in capitals or not: it proves that the SMS was accepted."""
        for word, status in (
            ("DELIVERED", DeliveryStatus.DELIVERED),
            ("Buffered", DeliveryStatus.BUFFERED),
            ("UNDELIV", DeliveryStatus.FAILED),
            ("something new", DeliveryStatus.UNKNOWN),
        ):
            self.assertEqual(read(status=word).state, DeliveryState(status))

    def test_little_is_needed(self) -> None:
        """A status, and either id: what was not sent is blank."""
        nothing = dict.fromkeys(("msisdn", "to", "err_code", "network_code", "price", "scts", "api_key"))
        self.assertEqual(read(**nothing, messageId=None), delivery_report("m-42", "", "", "", "delivered"))
        self.assertEqual(read(**nothing, client_ref=None), delivery_report("", "0B00000127FDBC63", "", "", "delivered"))

    def test_nobodys(self) -> None:
        """Without any id nobody knows whose receipt it is."""
        for blank in (None, ""):
            error = self.assertRaises(BadRequest, read, messageId=blank, client_ref=blank)
            self.assertIn("client-ref", error.reason)

    def test_no_receipt(self) -> None:
        """Without a status it is something else, such as an SMS that was delivered to the wrong URL."""
        for blank in (None, ""):
            self.assertIn("status", self.assertRaises(BadRequest, read, status=blank).reason)

    def test_unusable(self) -> None:
        """Control characters or endless values in what it needs are refused; the reason names the parameter only."""
        for value in ("5" * 129, "SECRET\x00", "a\nb", "\x9b31m"):
            for name, changed in (
                ("status", {"status": value}),
                ("messageId", {"messageId": value, "client_ref": value}),
                ("messageId", {"messageId": value, "client_ref": None}),
                ("client-ref", {"messageId": None, "client_ref": value}),
            ):
                error = self.assertRaises(BadRequest, read, **changed)
                self.assertIn(name, error.reason)
                self.assertNotIn("SECRET", error.reason)

    def test_odd_beside_good(self) -> None:
        """What cannot be used beside what it needs is as good as missing."""
        for value in ("5" * 129, "a\nb", None):
            for name, field in (
                ("messageId", "message_id"),
                ("client-ref", "ref"),
                ("msisdn", "handset"),
                ("to", "number"),
            ):
                found = [*((each, known) for each, known in RECEIPT.items() if each != name), (name, value)]
                self.assertEqual(read_receipt(found), without(field), (name, value))

    def test_odd_code(self) -> None:
        """A failure whose code cannot be used, or is there twice, is a failure."""
        failed = {**RECEIPT, "status": "failed", "err-code": "6"}
        for found in (
            [*{**failed, "err-code": "a\nb"}.items()],
            [*failed.items(), ("err-code", "7")],
            [(name, value) for name, value in failed.items() if name != "err-code"],
        ):
            self.assertEqual(read_receipt(found).state, DeliveryState(DeliveryStatus.FAILED))
        self.assertEqual(read_receipt([*failed.items()]).state, DeliveryState(DeliveryStatus.FAILED, 6))

    def test_unread(self) -> None:
        """Parameters that nobody reads may be repeated, or be no text."""
        self.assertEqual(read_receipt([*RECEIPT.items(), ("price", "1"), ("usage", None), ("", None)]), READ_RECEIPT)

    def test_repeated(self) -> None:
        """Two values for a parameter that says what is meant: nobody knows which; another one is left out."""
        pairs = [*RECEIPT.items(), ("status", "failed")]
        self.assertIn("repeated", self.assertRaises(BadRequest, read_receipt, pairs).reason)
        pairs = [*RECEIPT.items(), ("client-ref", "m-43"), ("messageId", "m-43")]
        self.assertIn("both missing", self.assertRaises(BadRequest, read_receipt, pairs).reason)
        for name, field in (
            ("msisdn", "handset"),
            ("to", "number"),
            ("client-ref", "ref"),
            ("messageId", "message_id"),
        ):
            found = [*RECEIPT.items(), (name, "1")]
            self.assertEqual(read_receipt(found), without(field), name)
            self.assertEqual(read_receipt([*RECEIPT.items(), (name, RECEIPT[name])]), READ_RECEIPT, name)
