"""Nexmo's signatures: known answers, and what must never pass."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.providers.nexmo.signatures import METHODS, MissingSignature, base_string, sign, verify

TESTING = "my_secret_key_for_testing"

A = {
    "message-timestamp": "2013-11-21 15:27:30",
    "messageId": "020000001B0FE827",
    "msisdn": "14843472194",
    "text": "Test again",
    "timestamp": "1385047698",
    "to": "13239877404",
    "type": "text",
}
B = {
    "api_key": "fake_api_key",
    "from": "AcmeInc",
    "text": "Test From Nexmo",
    "timestamp": "1540924779",
    "to": "14155550100",
    "type": "text",
}
C = {
    "keyword": "TEST",
    "message-timestamp": "2017-04-04 22:57:47",
    "messageId": "0B00000042AC53BD",
    "msisdn": "14843472194",
    "nonce": "929d6744-bd28-42c8-b6cf-31d5b4f43732",
    "text": "Test with & and =",
    "timestamp": "1491346667",
    "to": "12192259404",
    "type": "text",
}
D = {
    "api_key": "not_a_key",
    "from": "12192259404",
    "text": "Test&test=something",
    "timestamp": "1490638615",
    "to": "14843472194",
}
E = {
    "api_key": "abcd1234",
    "client-ref": "m-42",
    "from": "447700900000",
    "text": "Grüße & 你好=😀",
    "timestamp": "1700000000",
    "to": "447700900001",
    "type": "unicode",
}

VECTORS = [
    (A, TESTING, "md5hash", "d2e7b1dc968737c5998ad624e02f90b7"),
    (A, TESTING, "md5", "ddebd46008c2d4e93cce578a332a52d5"),
    (A, TESTING, "sha1", "27d0d05c2876c7cb1720dbcdba4d492e1e55c09a"),
    (A, TESTING, "sha256", "ddb8397c2b90aac7f3882d306475c9a5058c92322eef43c92b298b6e0fc0d330"),
    (
        A,
        TESTING,
        "sha512",
        "e0d3c650f8c9d1a5c174d10dddbfb003e561f59b265616208b0487c5d819481c"
        "d3c311d59cf6165ecd1139622d5ba3a256c0d763ac4a9ad9144b5a426b94fe82",
    ),
    (B, "71efab63122f1d179f51c46bac838fb5", "md5hash", "2af9e28662706a74b5211d557b7a7576"),
    (B, "71efab63122f1d179f51c46bac838fb5", "md5", "51cdafebb4bbce9525b195c1617cb8d2"),
    (B, "71efab63122f1d179f51c46bac838fb5", "sha1", "0162aec64bc183b2e1256545951fe5639dc98020"),
    (
        B,
        "71efab63122f1d179f51c46bac838fb5",
        "sha256",
        "9fec5ef6d0f2b3d2bb7558b6e4042569823cab9ea0dd30503472b7b304601975",
    ),
    (
        B,
        "71efab63122f1d179f51c46bac838fb5",
        "sha512",
        "40bd12b9a4b6000ad1138eefd24ffe9fbd72aee13c3fa04b32bb69dbc256ad0a"
        "04a463b1a9af6660d10f6e1e769ee14b9cff6a635502e93afcd0bfab29f38f87",
    ),
    (C, TESTING, "md5hash", "e06d9763e3fd0b9c31beb5fc2fcb011c"),
    (C, TESTING, "sha256", "2b2d9386f4daae2f0694798e64ef3e48ce65a31b24906d501be5a7216bd3f31e"),
    (D, TESTING, "md5hash", "17f5e3b22f778ec73464c01d180e9d0f"),
    (D, TESTING, "sha256", "8fd984a6d606b2849dcb71fa8054cd19d3a944821a0840e25f7a5fe604f8c9dc"),
    (E, "abcdef0123456789", "md5hash", "49a5f534861c576d139d715edce58509"),
    (E, "abcdef0123456789", "sha256", "a9393d4223c8b819057936872eacfab398ce53dfaecbe851714f4465b81b07be"),
]

SENT = 1491346667.0
SIGNED = (*C.items(), ("sig", "2b2d9386f4daae2f0694798e64ef3e48ce65a31b24906d501be5a7216bd3f31e"))


class Signing(TestCase):
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


class Verifying(TestCase):
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
            self.assertRaises(BadSignature, verify, pairs, TESTING, "sha256", SENT)

    def test_reasons_hold_nothing_private(self) -> None:
        """What goes wrong is said without the text, the number or the secret."""
        for pairs in (SIGNED[:-1], [*SIGNED, ("x", "1")], [*SIGNED, ("text", "2")]):
            error = self.assertRaises((BadSignature, BadRequest), verify, pairs, TESTING, "sha256", SENT)
            for private in ("Test with", "14843472194", TESTING):
                self.assertNotIn(private, str(error))
