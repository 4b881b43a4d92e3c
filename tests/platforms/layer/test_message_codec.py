"""A Message object is packed in few bytes, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.model import Status
from nexmo_twisted.platforms.layer.message_codec import pack, unpack
from tests.factories import API_ROOT, CONVERSATION, MESSAGE_UUID, documented


class MessageCodecTests(TestCase):
    @given(
        st.dictionaries(st.sampled_from(["sent_at", "url", "received_at", "is_unread", "x"]), st.none() | st.text()),
        st.sets(st.sampled_from(["url", "sent_at", "parts"])),
        st.lists(st.none() | st.text() | st.integers()),
    )
    def test_nothing_is_lost(self, changed: dict[str, Any], removed: set[str], bodies: list[Any]) -> None:
        """Packing and unpacking gives the same message, whatever is unusual about it."""
        message = documented() | {"parts": [{"mime_type": "text/plain", "body": b} for b in bodies]} | changed
        for key in removed - changed.keys():
            message.pop(key, None)
        statuses = {u: Status[s.upper()] for u, s in message["recipient_status"].items()}
        packed = pack(message, API_ROOT)
        self.assertEqual(unpack(packed, MESSAGE_UUID, CONVERSATION, "12345", statuses, API_ROOT), message)

    def test_short(self) -> None:
        """What follows from the ids takes no room."""
        message = documented()
        message["parts"] = message["parts"][:1]
        self.assertLess(len(pack(message, API_ROOT)), 55)
