"""What items are called, in Redis and outside."""

from __future__ import annotations

import hashlib
from string import printable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.platforms.layer.message_codec import item_of_reference, reference, short_id

MESSAGE = short_id("940de862-3c96-11e4-baad-164230d1df67")


class ReferenceTests(TestCase):
    @given(st.uuids(), st.binary(min_size=16, max_size=16))
    def test_there_and_back(self, message: object, recipient: bytes) -> None:
        """A notification is found again by its reference, which has forty characters that need no escaping anywhere."""
        item = f"{short_id(str(message))}.{recipient.hex()}"
        text = reference(item)
        self.assertEqual(len(text), 40)
        self.assertTrue(set(text) <= set(printable.strip()) - set("\"%&'+<=>\\"), text)
        self.assertEqual(item_of_reference(text), item)

    def test_first_bits(self) -> None:
        """Recipients whose digests begin alike for 48 bits, of whom a pair takes a minute to find, have two
        references."""
        one, two = (f"{MESSAGE}.{'48181acd22b3'}{n:020x}" for n in (1, 2))
        self.assertNotEqual(reference(one), reference(two))

    def test_others(self) -> None:
        """A notice keeps its name; what nobody of ours gave a name to is none."""
        self.assertEqual(reference("AbCdEfGhIjKlMnOpQrStUv.stop"), "AbCdEfGhIjKlMnOpQrStUv.stop")
        for text in ("", "x", "~" * 40, "é" * 40, "a" * 39, "a" * 41, hashlib.sha1(b"").hexdigest() + "\x00"):
            self.assertEqual(item_of_reference(text), text)
