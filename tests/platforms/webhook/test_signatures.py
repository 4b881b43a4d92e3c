"""Signatures after Standard Webhooks."""

from __future__ import annotations

import json
import time

from standardwebhooks.webhooks import Webhook
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from nexmo_twisted.errors import BadSignature
from nexmo_twisted.platforms.webhook.signatures import Signatures
from tests.configuration import WHSEC

#: The vector that the libraries of Standard Webhooks share.
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
RIGHT = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#: Wrong ones of their tests.
WRONG = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class SignatureTests(SynchronousTestCase):
    now = float(AT)

    def signatures(self, *secrets: str) -> Signatures:
        return Signatures(secrets or (WHSEC,), lambda: self.now)

    def given(self, **headers: str | None) -> Headers:
        """Those of the vector, or others; None leaves one out. A letter stands for its name."""
        named = {"i": ID, "t": str(AT), "s": RIGHT, **headers}
        names = {"i": "webhook-id", "t": "webhook-timestamp", "s": "webhook-signature"}
        return Headers({names[name]: [value] for name, value in named.items() if value is not None})

    def refused(self, headers: Headers, body: bytes = BODY, *secrets: str) -> str:
        error: BadSignature = self.assertRaises(BadSignature, self.signatures(*secrets).check, headers, body)
        return error.reason

    def test_the_published_vector(self) -> None:
        """It is accepted, and made."""
        self.signatures().check(self.given(), BODY)
        self.assertEqual(self.signatures().signed(ID, BODY), self.given())

    def test_the_published_library(self) -> None:
        """It accepts what goes out, and what it signs is accepted; texts of any language."""
        body = json.dumps({"text": "Grüße 😀"}, ensure_ascii=False).encode()
        self.now = time.time()
        headers = self.signatures().signed("reply-1", body)
        plain = {name.decode(): values[0].decode() for name, values in headers.getAllRawHeaders()}
        self.assertEqual(Webhook(WHSEC).verify(body, plain), {"text": "Grüße 😀"})
        self.signatures().check(headers, body)

    def test_a_list(self) -> None:
        """One right one among others will do, of whatever version these are."""
        others = [WRONG, "v2," + RIGHT[3:], "v1a,xyz", "", "v1", ","]
        self.signatures().check(self.given(s=" ".join([*others, RIGHT])), BODY)
        self.assertIn("no signature", self.refused(self.given(s=" ".join(others))))

    def test_rotation(self) -> None:
        """Any secret will do; the first one signs."""
        self.signatures(OTHER, WHSEC).check(self.given(), BODY)
        self.assertIn("check webhook.secret", self.refused(self.given(), BODY, OTHER))
        self.assertEqual(self.signatures(WHSEC, OTHER).signed(ID, BODY), self.given())
        self.assertNotEqual(self.signatures(OTHER, WHSEC).signed(ID, BODY), self.given())

    def test_all_is_signed(self) -> None:
        """The id, the time and every byte of the body."""
        self.refused(self.given(i="msg_other"))
        self.refused(self.given(t=str(AT + 1)))
        for body in (b"", BODY + b" ", BODY.replace(b" ", b""), b"\xff", BODY + b"\x00"):
            self.refused(self.given(), body)

    def test_missing_or_odd(self) -> None:
        """A header that is missing, twice there, or none of its kind."""
        for name in "its":
            self.assertIn("missing", self.refused(self.given(**{name: None})))
            twice = self.given()
            (header,) = (each for each, _ in twice.getAllRawHeaders() if each in self.name_of(name))
            twice.addRawHeader(header, b"again")
            self.assertIn("twice", self.refused(twice))
        for odd in ("", "-1", "1e9", "1614265330.5", "٣", "9" * 12, "9" * 11):
            self.refused(self.given(t=odd))
        for odd in ("", "a b", "x" * 256, "ü"):
            self.refused(self.given(i=odd))
        for odd in ("", "ü", RIGHT[3:], "v1," + "A" * 50_000, " ".join([WRONG] * 1000)):
            self.refused(self.given(s=odd))

    def name_of(self, letter: str) -> tuple[bytes, ...]:
        names = {"i": b"Webhook-Id", "t": b"Webhook-Timestamp", "s": b"Webhook-Signature"}
        return (names[letter], names[letter].lower())

    def test_the_clock(self) -> None:
        """Five minutes are allowed to either side; beyond, the reason says how far off and to which side."""
        for off in (-300, 0, 300):
            self.now = AT + off
            self.signatures().check(self.given(), BODY)
        self.now = AT + 301
        self.assertIn("301 seconds behind this server's clock", self.refused(self.given()))
        self.now = AT - 86_400
        self.assertIn("86400 seconds ahead of", self.refused(self.given()))
        self.assertIn("no signature", self.refused(self.given(s=WRONG)))  # a stranger learns nothing of our clock
