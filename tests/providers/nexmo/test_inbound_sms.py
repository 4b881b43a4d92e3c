"""An SMS is read from the parameters of a webhook, or refused with the one that is wrong."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.model import Part
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.providers.nexmo.inbound_sms import read_sms
from tests.factories import READ_SMS, SMS

PART = {"concat": "true", "concat-ref": "17", "concat-total": "3", "concat-part": "2"}


def changed(**params: str | None) -> list[tuple[str, str]]:
    """The parameters with some others; None takes one out."""
    return [(name, value) for name, value in {**SMS, **params}.items() if value is not None]


class ReadSmsTests(SynchronousTestCase):
    def test_unicode(self) -> None:
        """Any text arrives as it is, with the type that goes with it."""
        for text in ("é€😀", "a\nb", " x ", "x" * 40_000):
            self.assertEqual(read_sms(changed(text=text, type="unicode")).text, text)

    def test_little_is_needed(self) -> None:
        """Old accounts send neither type nor keyword."""
        pairs = changed(type=None, keyword=None, **{"message-timestamp": None})
        self.assertEqual(read_sms(pairs), READ_SMS)

    def test_unknown_parameters(self) -> None:
        """What Nexmo adds later does no harm, also repeated, or as an object, or in another encoding than UTF-8."""
        for more in (
            [("novel", "x")],
            [("tag", "1"), ("tag", "2")],
            [("usage", None)],
            [("", None)],
            [("keyword", "")],
        ):
            self.assertEqual(read_sms([*SMS.items(), *more]), READ_SMS)
        self.assertEqual(
            read_sms([(name, None if name == "keyword" else value) for name, value in SMS.items()]), READ_SMS
        )

    def test_no_text_where_it_matters(self) -> None:
        """What is needed has to be text."""
        for name in ("msisdn", "to", "messageId", "text"):
            found = [(each, None if each == name else value) for each, value in SMS.items()]
            self.assertIn(name, self.assertRaises(BadRequest, read_sms, found).reason)

    def test_odd_type(self) -> None:
        """A type that is no word, beside a good text, is no type."""
        for kind in (None, "x" * 200, "a\nb"):
            found = [(name, kind if name == "type" else value) for name, value in SMS.items()]
            self.assertEqual(read_sms(found), READ_SMS)

    def test_unusable(self) -> None:
        """Without numbers, id and text there is no SMS; the reason names the parameter only."""
        for name in ("msisdn", "to", "messageId"):
            for value in (None, "", " ", "\u200b", "5" * 129, "SECRET\x00", "a\nb"):
                error = self.assertRaises(BadRequest, read_sms, changed(**{name: value}))
                self.assertIn(name, error.reason)
                self.assertNotIn("SECRET", error.reason)
        for text, kind in ((None, None), (None, "novel"), ("x" * 40_001, "text")):
            self.assertIn("text", self.assertRaises(BadRequest, read_sms, changed(text=text, type=kind)).reason)
        self.assertRaises(BadRequest, read_sms, ())

    def test_blank(self) -> None:
        """Somebody may send an SMS without any text; the documentation says that it comes with its type."""
        for text, kind in (("", "text"), (" \n", "unicode"), (None, "text"), ("", None)):
            self.assertEqual(read_sms(changed(text=text, type=kind)), replace(READ_SMS, text=text or ""))

    def test_binary(self) -> None:
        """A binary SMS is for a machine; whether it is one of several parts matters to nobody."""
        for more in ({"text": None, "data": "00ff", "udh": "0605"}, {"text": "x"}, {"type": "BINARY"}, PART):
            self.assertEqual(read_sms(changed(**{"type": "binary", **more})), replace(READ_SMS, text="", binary=True))


class ReadPartTests(SynchronousTestCase):
    def part(self, **params: str | None) -> Part | None:
        values = {name.replace("_", "-"): value for name, value in params.items()}
        return read_sms(changed(**{**PART, **values})).part

    def test_read(self) -> None:
        """A part says of which SMS it is one, how many there are, and which one it is."""
        self.assertEqual(read_sms(changed(**PART)), replace(READ_SMS, part=Part("17", 3, 2)))
        self.assertEqual(self.part(concat_total="255", concat_part="255"), Part("17", 255, 255))
        self.assertEqual(self.part(concat_ref="a3-F_0", concat="TRUE"), Part("a3-F_0", 3, 2))

    def test_flag(self) -> None:
        """The numbers say it without the flag; a flag that says no is believed."""
        self.assertEqual(self.part(concat=None), Part("17", 3, 2))
        for flag in ("false", "", "0", "what"):
            self.assertIsNone(self.part(concat=flag))

    def test_no_text(self) -> None:
        """A part of which one number is no text is an SMS of its own."""
        for name in PART:
            found = [*SMS.items(), *((each, None if each == name else value) for each, value in PART.items())]
            self.assertEqual(read_sms(found), READ_SMS)

    def test_blank(self) -> None:
        """A part may be blank."""
        self.assertEqual(self.part(text=""), Part("17", 3, 2))

    def test_nonsense(self) -> None:
        """What makes no sense as a part is an SMS of its own: what somebody wrote is always posted."""
        for params in (
            {"concat_total": "1", "concat_part": "1"},
            {"concat_part": "4"},
            {"concat_part": "0"},
            {"concat_part": "-1"},
            {"concat_total": "256"},
            {"concat_total": "٣"},
            {"concat_total": "3.0"},
            {"concat_total": "9" * 5000},
            {"concat_part": ""},
            {"concat_part": None},
            {"concat_total": None},
            {"concat_ref": None},
            {"concat_ref": ""},
            {"concat_ref": "1:2"},
            {"concat_ref": "1\x00"},
            {"concat_ref": "é"},
            {"concat_ref": "1" * 41},
            {"text": "x" * 1_001},
        ):
            self.assertIsNone(self.part(**params), params)
            values = {name.replace("_", "-"): value for name, value in params.items()}
            self.assertEqual(read_sms(changed(**{**PART, **values})).text, params.get("text", READ_SMS.text))


class RepeatedParameterTests(SynchronousTestCase):
    def test_repeated(self) -> None:
        """Two values for a parameter that is needed: nobody knows which was meant."""
        for name in ("msisdn", "to", "messageId", "text"):
            pairs = [*SMS.items(), (name, "447700900002")]
            self.assertIn("repeated", self.assertRaises(BadRequest, read_sms, pairs).reason)
        self.assertEqual(read_sms([*SMS.items(), *SMS.items()]), READ_SMS)

    def test_repeated_beside(self) -> None:
        """One that is not needed is left out if it has two values, and is what it is if it has the same one twice."""
        for name, value in (("type", "unicode"), ("type", None), ("concat", "true"), ("concat-part", "3")):
            self.assertEqual(read_sms([*SMS.items(), (name, ""), (name, value)]), READ_SMS, name)
        part = {**SMS, **PART}
        self.assertEqual(read_sms([*part.items(), ("concat-part", "3")]), READ_SMS)
        self.assertEqual(read_sms([*part.items(), *PART.items()]), replace(READ_SMS, part=Part("17", 3, 2)))
