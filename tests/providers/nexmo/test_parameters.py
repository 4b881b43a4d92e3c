"""The parameters of Nexmo's webhooks are read from each of their forms, or refused with the place that is wrong."""

from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.providers.nexmo.delivery_receipts import RECEIPT_NAMES, read_receipt
from nexmo_twisted.providers.nexmo.inbound_sms import SMS_NAMES, read_sms
from nexmo_twisted.providers.nexmo.parameters import all_text, parameter_sets
from tests.factories import SMS

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SURROGATE = re.compile("[\ud800-\udfff]")


class ParameterFormsTests(SynchronousTestCase):
    def test_three_forms(self) -> None:
        """Query, form and JSON give the same parameters, in their order."""
        encoded = urlencode(SMS).encode()
        for body, query in (
            parameter_sets(encoded, "", b""),
            reversed(parameter_sets(b"", FORM, encoded)),
            reversed(parameter_sets(b"", "", encoded)),
            reversed(parameter_sets(b"", JSON, json.dumps(SMS).encode())),
        ):
            self.assertEqual((list(body), list(query)), ([], list(SMS.items())))

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
            (JSON, b"[" * 200_000, "flat object"),
            (JSON, b"[" * 5_000, "JSON"),
            (JSON, b'{"a":' * 5_000, "JSON"),
            (JSON, b"[]", "flat object"),
            (JSON, b'"msisdn"', "flat object"),
            (JSON, b"null", "flat object"),
            (JSON, json.dumps({str(n): "" for n in range(1001)}).encode(), "flat object"),
            (JSON, b'{"a": [' + b"[]," * 5_000 + b"[]]}", "flat object"),
            (JSON, b'{"a": [' + b"1," * 10_000 + b"1]}", "flat object"),
            (FORM, b"&".join(b"%d=" % n for n in range(1001)), "the body"),
            ("multipart/form-data", b"x", "content type"),
            ("text/plain", b"x", "content type"),
        ):
            error = self.assertRaises(BadRequest, parameter_sets, b"", content_type, body)
            self.assertIn(place, error.reason)
        query = b"&".join(b"%d=" % n for n in range(1001))
        self.assertIn("the query", self.assertRaises(BadRequest, parameter_sets, query, "", b"").reason)

    def test_no_text(self) -> None:
        """A value that is no text has none, whoever might read it, and costs the others nothing."""
        for content_type, body in (
            (JSON, b'{"a": {}, "b": "c"}'),
            (JSON, b'{"a": {"b": "d", "a": ["e"]}, "b": "c"}'),
            (JSON, b'{"a": ["b"], "b": "c"}'),
            (JSON, b'{"a": NaN, "b": "c"}'),
            (JSON, b'{"a": "\\ud83d", "b": "c"}'),
            (JSON, b'{"a": "\xe9", "b": "c"}'),
            (JSON, b'{"a": ' + b"[" * 100 + b"]" * 100 + b', "b": "c"}'),
            (JSON, b'{"a": ' + b'{"a": [' * 750 + b"]}" * 750 + b', "b": "c"}'),
            (FORM, b"a=%ff&b=c"),
            (FORM, b"a=\xff&b=c"),
            (FORM, b"a=caf%E9&b=c"),
        ):
            self.assertEqual(list(parameter_sets(b"", content_type, body)[0]), [("a", None), ("b", "c")], body)
        for content_type, body in ((JSON, b'{"\\ude00": "a", "b": "c"}'), (FORM, b"%ff=a&b=c")):
            self.assertEqual(list(parameter_sets(b"", content_type, body)[0]), [("", None), ("b", "c")], body)

    def test_signed(self) -> None:
        """A signature covers every value, so a set with one that is no text is refused as a whole."""
        self.assertEqual(list(all_text([("a", "b"), ("a", "c")])), [("a", "b"), ("a", "c")])
        for found in ([("a", "b"), ("c", None)], [("a", "b"), ("", None)]):
            self.assertRaises(BadRequest, all_text, found)

    def test_json_by_any_name(self) -> None:
        """Every name of JSON will do, or none; so will a byte order mark before it."""
        raw = json.dumps(SMS).encode()
        for content_type in (JSON, "text/json", "application/vnd.vonage.sms+json", "application/a+b+json", ""):
            for body in (raw, b"\xef\xbb\xbf" + raw, b"\r\n " + raw):
                self.assertEqual(list(parameter_sets(b"", content_type, body)[0]), list(SMS.items()), content_type)
        for content_type in ("application/jsonx", "application/+json", "text/x+json", "application/x+json/y"):
            self.assertRaises(BadRequest, parameter_sets, b"", content_type, raw)

    def test_form_with_a_mark(self) -> None:
        """A byte order mark before a form is no part of the first name."""
        self.assertEqual(list(parameter_sets(b"", FORM, b"\xef\xbb\xbfa=b")[0]), [("a", "b")])

    def test_unreadable_beside_the_other(self) -> None:
        """A body or a query that cannot be read is as good as none when the other has parameters."""
        endless = b"&".join([b"a="] * 1001)
        self.assertEqual(parameter_sets(endless, FORM, b"a=b"), ([("a", "b")], ()))
        for content_type, body in ((JSON, b"{"), ("text/plain", b"x"), (JSON, b"[]")):
            self.assertEqual(parameter_sets(b"a=b", content_type, body), ((), [("a", "b")]))

    def test_percent(self) -> None:
        """A percent sign that begins no escape stands for itself, and so does a backslash."""
        for raw, value in (
            (b"100%", "100%"),
            (b"%zz%4", "%zz%4"),
            (b"%%41%", "%A%"),
            (b"\\x41\\%41\\u0041", "\\x41\\A\\u0041"),
            (b"%5Cn\\n\\N{BULLET}", "\\n\\n\\N{BULLET}"),
            (b"a+b%2Bc%20d%0A", "a b+c d\n"),
            ("é%C3%A9".encode(), "éé"),
        ):
            self.assertEqual(parameter_sets(b"text=" + raw, "", b"")[1], [("text", value)])

    def test_only_what_is_read(self) -> None:
        """Where it is said what is read, the rest is not even decoded."""
        raw = b"text=a%20b&keyword=A&t%65xt=c&keyword=%E9"
        expected = [("text", "a b"), ("keyword", None), ("text", "c"), ("keyword", None)]
        self.assertEqual(list(parameter_sets(b"", FORM, raw, ["text"])[0]), expected)
        self.assertEqual(list(parameter_sets(raw, "", b"", ["text"])[1]), expected)

    def test_longer_than_any_text(self) -> None:
        """What is longer than any text is none, and not decoded; every text of an SMS is shorter, however written."""
        for raw in (b"x" * 160_001, b"%41" * 160_001):
            self.assertEqual(list(parameter_sets(b"", FORM, b"text=" + raw)[0]), [("text", None)])
        text = "😀" * 40_000
        for raw in (text.encode(), quote(text).encode()):
            self.assertEqual(list(parameter_sets(b"", FORM, b"text=" + raw)[0]), [("text", text)])
        self.assertEqual(list(parameter_sets(b"", FORM, b"x" * 129 + b"=a")[0]), [("", None)])

    def test_escapes_are_linear(self) -> None:
        """A body of escapes makes no Python object of each: it is decoded with hardly more memory than it has bytes."""
        for escape in (b"%41", b"%41a", b"%C3%A9", b"%E9"):
            raw = b"&".join([b"text=" + escape * (100_000 // len(escape))] * 10)
            tracemalloc.start()
            parameter_sets(b"", FORM, raw)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertLess(peak, 10_000_000, escape)

    @settings(max_examples=300, deadline=None)
    @given(st.text(alphabet="%0123456789abcdefABCDEFxuUN{}\\+&=é ", max_size=30))
    def test_as_urllib_does(self, text: str) -> None:
        """Every form is read as the standard library reads it."""
        values = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        expected = [
            ("", None) if SURROGATE.search(name) else (name, None if SURROGATE.search(value) else value)
            for name, value in values
        ]
        self.assertEqual(list(parameter_sets(b"", FORM, text.encode())[0]), expected)

    @settings(max_examples=200, deadline=None)
    @given(
        st.binary(),
        st.sampled_from([FORM, JSON, "", "text/plain"]),
        st.binary(),
        st.sampled_from([(read_sms, SMS_NAMES), (read_receipt, RECEIPT_NAMES), (read_sms, None)]),
    )
    def test_any_bytes(self, query: bytes, content_type: str, body: bytes, reading: Any) -> None:
        """Arbitrary bytes are refused by BadRequest and nothing else."""
        read, names = reading
        try:
            pairs: Any = parameter_sets(query, content_type, body, names)
            read(pairs[0] or pairs[1])
        except BadRequest:
            pass
