"""Nexmo's inbound webhooks are read from all three of their forms, or refused with the place that is wrong."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.model import InboundSms
from nexmo_twisted.web.inbound_sms import parameter_sets, read_sms

FORM, JSON = "application/x-www-form-urlencoded", "application/json"

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


class Forms(SynchronousTestCase):
    def test_three_forms(self) -> None:
        """Query, form and JSON give the same SMS."""
        encoded = urlencode(SMS).encode()
        for body, query in (
            parameter_sets(encoded, "", b""),
            reversed(parameter_sets(b"", FORM, encoded)),
            reversed(parameter_sets(b"", "", encoded)),
            reversed(parameter_sets(b"", JSON, json.dumps(SMS).encode())),
        ):
            self.assertEqual(len(body), 0)
            self.assertEqual(read_sms(query), READ)

    @settings(max_examples=100, deadline=None)
    @given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=5))
    def test_decoded_once(self, params: dict[str, str]) -> None:
        """Whatever the text, each form gives back exactly what was sent."""
        pairs = list(params.items())
        encoded = urlencode(params).encode()
        self.assertEqual(list(parameter_sets(encoded, "", b"")[1]), pairs)
        self.assertEqual(list(parameter_sets(b"", FORM, encoded)[0]), pairs)
        self.assertEqual(list(parameter_sets(b"", JSON, json.dumps(params).encode())[0]), pairs)

    def test_json_values(self) -> None:
        """Numbers keep their digits, true and false are words, null is nothing."""
        raw = b'{"a": 447700900001, "b": 1.50, "c": 1e3, "d": true, "e": null, "f": ' + b"9" * 5000 + b"}"
        pairs, _ = parameter_sets(b"", JSON, raw)
        self.assertEqual(
            list(pairs), [("a", "447700900001"), ("b", "1.50"), ("c", "1e3"), ("d", "true"), ("f", "9" * 5000)]
        )

    def test_nothing(self) -> None:
        """A webhook without parameters has none, of whatever type it says it is."""
        for content_type in (FORM, JSON, "text/plain"):
            self.assertEqual([list(pairs) for pairs in parameter_sets(b"", content_type, b"")], [[], []])

    def test_unreadable(self) -> None:
        """What is neither form nor flat object is refused by its place."""
        for content_type, body, place in (
            (JSON, b"{", "JSON"),
            (JSON, b"\xff", "JSON"),
            (JSON, b'{"a": NaN}', "JSON"),
            (JSON, b"[" * 200_000, "JSON"),
            (JSON, b'{"a":' * 200_000, "JSON"),
            (JSON, b"[]", "flat object"),
            (JSON, b'"msisdn"', "flat object"),
            (JSON, b"null", "flat object"),
            (JSON, b'{"a": {}}', "flat object"),
            (JSON, b'{"a": {"b": "c"}}', "flat object"),
            (JSON, b'{"a": ["b"]}', "flat object"),
            (JSON, json.dumps({str(n): "" for n in range(65)}).encode(), "flat object"),
            (JSON, b'{"a": "\\ud83d"}', "half a character"),
            (JSON, b'{"\\ude00": "a"}', "half a character"),
            (FORM, b"text=%ff", "the body"),
            (FORM, b"text=\xff", "the body"),
            (FORM, b"&".join(b"%d=" % n for n in range(65)), "the body"),
            ("multipart/form-data", b"x", "content type"),
            ("text/plain", b"x", "content type"),
        ):
            error = self.assertRaises(BadRequest, parameter_sets, b"", content_type, body)
            self.assertIn(place, error.reason)
        for query in (b"text=%ff", b"&".join(b"%d=" % n for n in range(65))):
            self.assertIn("the query", self.assertRaises(BadRequest, parameter_sets, query, "", b"").reason)


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

    @settings(max_examples=200, deadline=None)
    @given(st.binary(), st.sampled_from([FORM, JSON, "", "text/plain"]), st.binary())
    def test_any_bytes(self, query: bytes, content_type: str, body: bytes) -> None:
        """Arbitrary bytes are refused by BadRequest and nothing else."""
        try:
            pairs: Any = parameter_sets(query, content_type, body)
            read_sms(pairs[0] or pairs[1])
        except BadRequest:
            pass
