"""The parameters of Nexmo's webhooks are read from each of their forms, or refused with the place that is wrong."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.web.inbound_sms import read_sms
from nexmo_twisted.web.parameters import parameter_sets
from nexmo_twisted.web.receipts import read_receipt
from tests.web.test_inbound_sms import SMS

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Forms(SynchronousTestCase):
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

    @settings(max_examples=200, deadline=None)
    @given(
        st.binary(),
        st.sampled_from([FORM, JSON, "", "text/plain"]),
        st.binary(),
        st.sampled_from([read_sms, read_receipt]),
    )
    def test_any_bytes(self, query: bytes, content_type: str, body: bytes, read: Any) -> None:
        """Arbitrary bytes are refused by BadRequest and nothing else."""
        try:
            pairs: Any = parameter_sets(query, content_type, body)
            read(pairs[0] or pairs[1])
        except BadRequest:
            pass
