"""The sockets in the walls: what the engine and the web need, whoever provides it.

Layer is the first :class:`ChatPlatform`, Nexmo the first :class:`SmsProvider`, Redis the only :class:`Store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from nexmo_twisted.model import Identity, Outcome, OwnedNumber, Sms


class ChatPlatform(Protocol):
    """A chat platform. Every call raises Temporary (Throttled, AccountFault) or Permanent and nothing else."""

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        """The profile of one user in the form templates know: name, avatarUrl, firstName, lastName, email, phone,
        metadata, userId. Permanent(code="unknown_user") when there is none."""

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        """The documented Conversation object. Permanent(code="conversation_gone") when unknown or deleted."""

    async def post(self, conversation_id: str, user_id: str, parts: Sequence[str], once: UUID) -> None:
        """Post one text message as that user, one ``text/plain`` part per item. Sent again with the same ``once``
        nothing is posted. Permanent(code="conversation_gone" or "not_participant")."""

    async def ensure_webhook(self, name: str, target_url: str, secret: str) -> Sequence[str]:
        """See to it that exactly one active webhook of that name points to that URL. Returns what was done, one
        phrase each; empty when all was as it should be."""


class SmsProvider(Protocol):
    """A company that sends and receives SMS."""

    async def send(self, sms: Sms) -> Outcome:
        """Try once to send. Never raises for anything the other side or the network does."""

    async def numbers(self) -> Sequence[OwnedNumber]:
        """Every number of the account, all pages. Raises Temporary or Permanent."""

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        """Have inbound SMS of that number delivered to ``url``. Raises Temporary or Permanent."""


class IdentitySource(Protocol):
    """Where users' names and phones come from."""

    async def identity(self, user_id: str) -> Identity:
        """Raises Temporary, or Permanent(code="unknown_user")."""


class Introduction(Protocol):
    """What a handset is told first when a number begins to carry a conversation."""

    async def introduce(self, context: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
        """The introduction for the message in ``context``; a blank one introduces nothing."""
