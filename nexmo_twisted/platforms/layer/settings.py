"""What the settings need to know of Layer."""

from __future__ import annotations

#: What templates can say of a message: the members of the Message object (Layer documentation, Webhooks and Client
#: API).
TEMPLATE_NAMES = frozenset(
    {
        *("id", "url", "conversation", "parts", "sent_at", "received_at", "updated_at", "position"),
        *("is_unread", "sender", "recipient_status"),
    }
)
