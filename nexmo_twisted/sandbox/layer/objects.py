"""Conversations and messages of the simulated Layer, and the objects of the documentation that show them.

Source of the facts: Layer documentation, Platform API and Webhooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nexmo_twisted.sandbox.layer.webhooks import bare, iso


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One conversation; ``participants`` are user ids."""

    id: str
    participants: list[str]
    metadata: dict[str, Any]
    distinct: bool
    created_at: float
    deleted: bool = False

    def as_json(self, base: str) -> dict[str, Any]:
        """The Conversation object of the documentation. ``base`` is what the URLs of the app begin with."""
        url = f"{base}/conversations/{bare(self.id)}"
        return {
            "id": self.id,
            "url": url,
            "messages_url": f"{url}/messages",
            "created_at": iso(self.created_at),
            "participants": list(self.participants),
            "distinct": self.distinct,
            "metadata": dict(self.metadata),
        }


@dataclass(slots=True, kw_only=True)
class Message:
    """One message: written by a user (``user_id``) or by a bot (``name``)."""

    id: str
    conversation: Conversation
    parts: list[dict[str, Any]]
    user_id: str | None
    name: str | None
    sent_at: float
    recipient_status: dict[str, str]
    deleted: bool = False

    @property
    def text(self) -> str:
        """All its text/plain parts."""
        return "\n".join(part["body"] for part in self.parts if part.get("mime_type") == "text/plain")

    @property
    def author(self) -> dict[str, Any]:
        """Who wrote it, as the actor of an event."""
        return {"name": self.name} if self.user_id is None else {"user_id": self.user_id}

    def as_json(self, base: str) -> dict[str, Any]:
        """The Message object of the documentation. ``base`` is what the URLs of the app begin with."""
        return {
            "id": self.id,
            "url": f"{base}/messages/{bare(self.id)}",
            "conversation": {
                "id": self.conversation.id,
                "url": f"{base}/conversations/{bare(self.conversation.id)}",
            },
            "parts": [{"id": f"{self.id}/parts/{n}", **part} for n, part in enumerate(self.parts)],
            "sent_at": iso(self.sent_at),
            "sender": {"user_id": self.user_id, "name": self.name},
            "recipient_status": dict(self.recipient_status),
        }
