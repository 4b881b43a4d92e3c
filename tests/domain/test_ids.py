"""What items are called, in Redis and outside."""

from __future__ import annotations

import hashlib
from string import printable
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.ids import (
    item_of_reference,
    long_sms_id,
    message_key,
    reference,
    short_sms_id,
    uuid_in,
    uuid_of_key,
)

UUID_OF_MESSAGE = "940de862-3c96-11e4-baad-164230d1df67"
MESSAGE = message_key(UUID_OF_MESSAGE)
SMS = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


class ReferenceTests(TestCase):
    @given(st.uuids(), st.binary(min_size=16, max_size=16))
    def test_there_and_back(self, message: object, recipient: bytes) -> None:
        """A notification is found again by its reference, which has forty characters that need no escaping anywhere."""
        item = f"{message_key(str(message))}.{recipient.hex()}"
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
        digest = hashlib.sha1(b"", usedforsecurity=False).hexdigest()
        for text in ("", "x", "~" * 40, "é" * 40, "a" * 39, "a" * 41, digest + "\x00"):
            self.assertEqual(item_of_reference(text), text)


class MessageKeyTests(TestCase):
    @given(st.uuids())
    def test_uuid(self, message: UUID) -> None:
        """A UUID stands for itself."""
        self.assertEqual(uuid_of_key(message_key(str(message))), str(message))

    @given(st.text(st.characters()))
    def test_opaque(self, message: str) -> None:
        """Whatever a platform calls a message, its key has 22 characters and stands for a UUID that leads to it."""
        key = message_key(message)
        self.assertRegex(key, r"\A[A-Za-z0-9_-]{22}\Z")
        self.assertEqual(message_key(uuid_of_key(key)), key)

    def test_apart(self) -> None:
        """Two ids are two messages, also those that differ in case alone."""
        ids = ("", "1", "01", "$ev:x", "$EV:x", "$ev:x ", UUID_OF_MESSAGE, UUID_OF_MESSAGE.upper(), "\0")
        self.assertEqual(len({message_key(each) for each in ids}), len(ids))

    def test_lasting(self) -> None:
        """A key is the same for ever: Redis keeps it for days, and another process may be newer."""
        self.assertEqual(message_key("$ev:x"), "yvaZgx2bWkK-dR2apUG3Mw")


class CopiedIdTests(TestCase):
    def test_as_people_copy_them(self) -> None:
        """Bare or whole, in any case, with spaces around."""
        for text in (
            UUID_OF_MESSAGE,
            UUID_OF_MESSAGE.upper(),
            f"layer:///messages/{UUID_OF_MESSAGE}",
            f" LAYER:///Messages/{UUID_OF_MESSAGE.upper()}\n",
        ):
            self.assertEqual(uuid_in(text), UUID_OF_MESSAGE)

    def test_others(self) -> None:
        """Other ids hold none."""
        for text in (
            "",
            "0A0000000123ABCD1",
            f"{UUID_OF_MESSAGE}/parts/0",
            f"x{UUID_OF_MESSAGE}",
            UUID_OF_MESSAGE[:-1],
        ):
            self.assertEqual(uuid_in(text), "")


class SmsIdTests(TestCase):
    def test_uuid(self) -> None:
        """A UUID takes 23 characters."""
        self.assertEqual(len(short_sms_id(SMS)), 23)

    def test_others(self) -> None:
        """Any other id stays as it is, a UUID in another spelling, too: it would not be found again."""
        for other in ("", "0B00000127FDBC63", SMS.upper(), SMS.replace("-", ""), f"{{{SMS}}}"):
            self.assertEqual(short_sms_id(other), other)
            self.assertEqual(long_sms_id(other), other)

    @given(st.uuids() | st.text().filter(lambda text: not text.startswith("~")))
    def test_there_and_back(self, message_id: UUID | str) -> None:
        """What was made brief can be told whole."""
        self.assertEqual(long_sms_id(short_sms_id(str(message_id))), str(message_id))

    def test_half_a_character(self) -> None:
        """An id that Redis cannot take becomes one that it can."""
        self.assertEqual(short_sms_id("\ud83d"), "?")
