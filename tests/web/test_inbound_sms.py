"""An SMS is read from the parameters of a webhook, or refused with the one that is wrong."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.model import InboundSms
from nexmo_twisted.web.inbound_sms import read_sms

SMS = {
    "msisdn": "447700900001",
    "to": "447700900000",
    "messageId": "0A0000000123ABCD1",
    "text": "Hello world",
    "type": "text",
    "keyword": "HELLO",
    "message-timestamp": "2020-01-01 12:00:00",
}
READ = InboundSms(message_id="0A0000000123ABCD1", msisdn="447700900001", to="447700900000", text="Hello world")


def changed(**params: str | None) -> list[tuple[str, str]]:
    """The parameters with some others; None takes one out."""
    return [(name, value) for name, value in {**SMS, **params}.items() if value is not None]


class Messages(SynchronousTestCase):
    def test_unicode(self) -> None:
        """Any text arrives as it is, with the type that goes with it."""
        for text in ("é€😀", "a\nb", " x ", "x" * 40_000):
            self.assertEqual(read_sms(changed(text=text, type="unicode")).text, text)

    def test_little_is_needed(self) -> None:
        """Old accounts send neither type nor keyword."""
        pairs = changed(type=None, keyword=None, **{"message-timestamp": None})
        self.assertEqual(read_sms(pairs), READ)

    def test_unknown_parameters(self) -> None:
        """What Nexmo adds later does no harm."""
        self.assertEqual(read_sms([*SMS.items(), ("novel", "x")]), READ)

    def test_unusable(self) -> None:
        """Without numbers, id and text there is nothing to post; the reason names the parameter only."""
        for name in ("msisdn", "to", "messageId"):
            for value in (None, "", "5" * 129, "SECRET\x00", "a\nb"):
                error = self.assertRaises(BadRequest, read_sms, changed(**{name: value}))
                self.assertIn(name, error.reason)
                self.assertNotIn("SECRET", error.reason)
        for text in (None, "", " \n", "x" * 40_001):
            self.assertIn("text", self.assertRaises(BadRequest, read_sms, changed(text=text)).reason)
        self.assertIn("binary", self.assertRaises(BadRequest, read_sms, changed(type="binary", data="00")).reason)
        self.assertRaises(BadRequest, read_sms, ())

    def test_repeated(self) -> None:
        """Two values for one parameter: nobody knows which was meant."""
        pairs = [*SMS.items(), ("msisdn", "447700900002")]
        self.assertIn("repeated", self.assertRaises(BadRequest, read_sms, pairs).reason)
