"""Events of a chat of one's own: what they are read as, and that nothing else comes of any bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.model import Status
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.platforms.webhook.events import LONGEST_NAME, LONGEST_TEXT, MOST_WARNINGS, is_id, read_event
from nexmo_twisted.platforms.webhook.payload import Message, Person, pack, unpack
from nexmo_twisted.platforms.webhook.users import read_user
from tests.own_chat import deleted, sent, status

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PEOPLE = st.builds(Person, TEXTS, st.none() | TEXTS.filter(bool) | st.integers(1, 10**14), st.just(True))


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


class ReadEventTests(SynchronousTestCase):
    def test_sent(self) -> None:
        """Everybody's status, the phones that it names, and what is kept of it."""
        people = [{"id": "bob", "phone": "+12015550112"}, {"id": "cleo", "sms": False}, {"id": "dan"}]
        event = read_event(raw(sent(recipients=people, sent_at="2026-01-01T01:00:00+01:00")), "US").event
        self.assertEqual((event.kind, event.message_id, event.sender), ("sent", "12345", "ann"))
        self.assertEqual(event.conversation_id, "42")
        self.assertEqual(
            event.statuses, {"ann": Status.READ, "bob": Status.SENT, "cleo": Status.SENT, "dan": Status.SENT}
        )
        self.assertEqual((event.phones, event.sent_at), ({"bob": "+12015550112"}, 1_767_225_600_000))
        message = unpack(event.payload)
        self.assertEqual((message.text, message.title, message.sender.name), ("Lunch at one?", "Trip", "Ann"))
        self.assertEqual(message.people["cleo"], Person(sms=False))

    def test_others(self) -> None:
        """A status of one user, or that the message is gone."""
        for kind, found in (("read", Status.READ), ("delivered", Status.DELIVERED)):
            event = read_event(raw(status(kind)), "US").event
            self.assertEqual((event.kind, event.message_id, event.statuses), (kind, "12345", {"bob": found}))
        event = read_event(raw(deleted()), "US").event
        self.assertEqual((event.kind, event.message_id), ("deleted", "12345"))

    def test_times(self) -> None:
        """A time without an offset is UTC; what is none is told, and counts as none."""
        for told, ms in (("2026-01-01T00:00:00", 1_767_225_600_000), ("1901-01-01T00:00:00Z", 0), ("", None)):
            found = read_event(raw(sent(sent_at=told)), "US")
            self.assertEqual((found.event.sent_at, found.warnings), (ms, ()))
        for odd in ("soon", "2026-13-01", 1767225600):
            found = read_event(raw(sent(sent_at=odd)), "US")
            self.assertEqual((found.event.sent_at, len(found.warnings)), (None, 1))

    def test_bounds(self) -> None:
        """Long texts are cut, and no more than some warnings are told; all are counted."""
        many = [{"id": "bob"}, *({"id": f"u{n}", "phone": "x", "name": 5} for n in range(100))]
        long = "x" * 100_000
        found = read_event(raw(sent(recipients=many, text=long, conversation={"id": "1", "title": long})), "US")
        message = unpack(found.event.payload)
        self.assertEqual((len(message.text), len(message.title)), (LONGEST_TEXT, LONGEST_NAME))
        self.assertEqual((len(found.warnings), found.event.left_out["member"]), (MOST_WARNINGS, 200))

    @given(document=JSON, name=st.sampled_from(["id", "text", "sent_at", "conversation", "sender", "recipients"]))
    def test_any_member(self, document: Any, name: str) -> None:
        """Whatever stands in the place of a member: an event, or a place and what is wrong there."""
        try:
            found = read_event(raw(sent(**{name: document})), "US")
        except BadRequest as error:
            self.assertIn(f"data.{name}", error.reason)
        else:
            unpack(found.event.payload)

    @given(body=st.binary(max_size=50) | JSON.map(raw))
    def test_anything(self, body: bytes) -> None:
        """No bytes raise anything else."""
        self.assertRaises(BadRequest, read_event, body, "US")

    def test_ids(self) -> None:
        """1 to 255 bytes, but for what no path or Redis could tell."""
        for good in ("a", "x" * 255, "é" * 127, "...", "../x", " ", "\n", "a.b"):
            self.assertTrue(is_id(good), good)
        for bad in ("", ".", "..", "\0", "a\0b", "x" * 256, "é" * 128):
            self.assertFalse(is_id(bad), bad)


class PayloadTests(SynchronousTestCase):
    @given(
        message=st.builds(
            Message, TEXTS, TEXTS, TEXTS, TEXTS, st.builds(Person, TEXTS), st.dictionaries(TEXTS, PEOPLE, max_size=3)
        )
    )
    def test_back(self, message: Message) -> None:
        """Nothing of it is lost."""
        self.assertEqual(unpack(pack(message)), message)


class ReadUserTests(SynchronousTestCase):
    @given(user=st.dictionaries(st.text(max_size=5), JSON, max_size=5))
    def test_anything(self, user: dict[str, Any]) -> None:
        """Any object is a user, or none."""
        for more in ({}, {"id": "x"}, {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}):
            read_user("bob", {**user, **more})

    def test_scim(self) -> None:
        """The primary phone, else a mobile one, else the first; the name that is shown, else the parts of one."""
        base = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}
        work, mobile, home = ({"value": kind, "type": kind} for kind in ("work", "mobile", "home"))
        for phones, phone in (
            ([work, mobile, {**home, "primary": True}], "home"),
            ([work, mobile], "mobile"),
            ([{"type": "mobile"}, work, home], "work"),
            ([], ""),
            ("x", ""),
        ):
            user = read_user("bob", {**base, "phoneNumbers": phones})
            assert user is not None
            self.assertEqual((user["phone"], user["name"]), (phone, "bob"))
        name = {"givenName": "Barbara", "familyName": "Jensen"}
        user = read_user("bob", {**base, "name": name, "emails": [{"value": "b@example.com"}], "active": False})
        assert user is not None
        self.assertEqual((user["name"], user["email"], user["phone"]), ("Barbara Jensen", "b@example.com", ""))
        self.assertEqual((user["firstName"], user["lastName"]), ("Barbara", "Jensen"))
