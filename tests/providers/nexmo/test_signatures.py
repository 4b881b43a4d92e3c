"""Nexmo's signatures: known answers, and what must never pass."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.providers.nexmo.signatures import METHODS, MissingSignature, base_string, sign, verify
from tests.providers.nexmo.signature_vectors import TESTING, VECTORS, A, C

SENT = 1491346667.0
SIGNED = (*C.items(), ("sig", "2b2d9386f4daae2f0694798e64ef3e48ce65a31b24906d501be5a7216bd3f31e"))


class SignTests(TestCase):
    def test_known_answers(self) -> None:
        """Every published signature, of every method, comes out the same."""
        for params, secret, method, expected in VECTORS:
            self.assertEqual(sign(params, secret, method), expected, method)

    def test_base_string(self) -> None:
        """The signed text starts with '&', is sorted by code point and has no '&' or '=' within a value."""
        self.assertEqual(
            base_string(C),
            "&keyword=TEST&message-timestamp=2017-04-04 22:57:47&messageId=0B00000042AC53BD"
            "&msisdn=14843472194&nonce=929d6744-bd28-42c8-b6cf-31d5b4f43732&text=Test with _ and _"
            "&timestamp=1491346667&to=12192259404&type=text",
        )

    def test_order_of_hyphen_and_underscore(self) -> None:
        """Keys sort by code point: a hyphen before an underscore, whatever a locale thinks."""
        self.assertEqual(base_string({"api_key": "2", "api-key": "1"}), "&api-key=1&api_key=2")

    def test_signature_itself_is_not_signed(self) -> None:
        """A ``sig`` among the parameters changes nothing."""
        self.assertEqual(sign({**A, "sig": "anything"}, TESTING, "sha1"), sign(A, TESTING, "sha1"))

    def test_unknown_method(self) -> None:
        """A method nobody agreed on is an error of the caller, not a silent other method."""
        self.assertRaises(ValueError, sign, A, TESTING, "sha3_256")


class VerifyTests(TestCase):
    def test_right_signature(self) -> None:
        """What Nexmo signed passes, in any order of the parameters and either case of the hex digits."""
        verify(SIGNED, TESTING, "sha256", SENT)
        verify(SIGNED[::-1], TESTING, "sha256", SENT)
        verify([(k, v.upper() if k == "sig" else v) for k, v in SIGNED], TESTING, "sha256", SENT)

    @settings(deadline=None)
    @given(
        st.dictionaries(st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True), st.text(max_size=20), max_size=8),
        st.text(min_size=1, max_size=40),
        st.sampled_from(METHODS),
    )
    def test_round_trip(self, params: dict[str, str], secret: str, method: str) -> None:
        """Whatever is signed by a method with a secret is verified by it, unknown parameters included."""
        params = {**params, "timestamp": "1700000000"}
        params["sig"] = sign(params, secret, method)
        verify(list(params.items()), secret, method, 1700000000.0)

    def test_missing(self) -> None:
        """No signature is told apart from a wrong one: the account's signing may be off."""
        self.assertRaises(MissingSignature, verify, list(A.items()), TESTING, "md5hash", SENT)
        self.assertRaises(MissingSignature, verify, [*A.items(), ("sig", "")], TESTING, "md5hash", SENT)
        self.assertRaises(MissingSignature, verify, [], TESTING, "md5hash", SENT)

    def test_wrong(self) -> None:
        """Another secret, another method, a changed or added parameter: all are wrong, and not 'missing'."""
        for pairs, secret, method in (
            (SIGNED, "another secret", "sha256"),
            (SIGNED, TESTING, "sha512"),
            ([(k, "Test with _ and ^" if k == "text" else v) for k, v in SIGNED], TESTING, "sha256"),
            ([*SIGNED, ("extra", "1")], TESTING, "sha256"),
        ):
            error = self.assertRaises(BadSignature, verify, pairs, secret, method, SENT)
            self.assertNotIsInstance(error, MissingSignature)

    def test_signature_of_odd_characters(self) -> None:
        """Text that is not ASCII, or not even Unicode, in place of the signature is just wrong."""
        for odd in ("é" * 64, "\ud800" * 64, "\x00", "0x" + "0" * 62):
            pairs = [*C.items(), ("sig", odd)]
            self.assertRaises(BadSignature, verify, pairs, TESTING, "sha256", SENT)

    def test_lone_surrogate_in_a_value(self) -> None:
        """JSON can carry text that has no UTF-8; it fails like any unsigned change, without another error."""
        pairs = [(k, "\ud800" if k == "text" else v) for k, v in SIGNED]
        self.assertRaises(BadSignature, verify, pairs, TESTING, "sha256", SENT)

    def test_ambiguous_keys(self) -> None:
        """A key that could pass for two parameters is refused although its signature fits."""
        honest = {"a": "1", "b": "2", "timestamp": "1700000000"}
        sig = sign(honest, TESTING, "sha256")
        forged = [("a=1&b", "2"), ("timestamp", "1700000000"), ("sig", sig)]
        self.assertEqual(sign(dict(forged), TESTING, "sha256"), sig)
        self.assertRaises(BadRequest, verify, forged, TESTING, "sha256", 1700000000.0)

    def test_repeated_keys(self) -> None:
        """Of two values for one key only one was signed; nobody may choose the other."""
        self.assertRaises(BadRequest, verify, [("text", "STOP"), *SIGNED], TESTING, "sha256", SENT)
        self.assertRaises(BadRequest, verify, [*SIGNED, SIGNED[-1]], TESTING, "sha256", SENT)

    def test_age(self) -> None:
        """A webhook repeated for three days passes; a day later, or from a far future, it does not."""
        day = 24 * 3600
        verify(SIGNED, TESTING, "sha256", SENT + 3 * day)
        for now in (SENT + 4 * day, SENT - 4 * day):
            self.assertRaises(BadSignature, verify, SIGNED, TESTING, "sha256", now)
        self.assertRaises(BadSignature, verify, SIGNED, TESTING, "sha256", SENT + 301, max_age=300)

    def test_time_is_part_of_it(self) -> None:
        """A signature without a readable time could be used for ever, so it is refused."""
        for stamp in ({}, {"timestamp": "soon"}, {"timestamp": "٣"}, {"timestamp": "9" * 5000}):
            params = {"text": "Hello", **stamp}
            pairs = [*params.items(), ("sig", sign(params, TESTING, "sha256"))]
            error = self.assertRaises(BadSignature, verify, pairs, TESTING, "sha256", SENT)
            self.assertEqual(str(error), "signed without a timestamp")

    def test_reasons_hold_nothing_private(self) -> None:
        """What goes wrong is said without the text, the number or the secret."""
        for pairs in (SIGNED[:-1], [*SIGNED, ("x", "1")], [*SIGNED, ("text", "2")]):
            error = self.assertRaises((BadSignature, BadRequest), verify, pairs, TESTING, "sha256", SENT)
            for private in ("Test with", "14843472194", TESTING):
                self.assertNotIn(private, str(error))
