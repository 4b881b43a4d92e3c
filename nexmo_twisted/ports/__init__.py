"""The sockets in the walls: what the engine and the web need, whoever provides it.

Layer is the first :class:`ChatPlatform`, Nexmo the first :class:`SmsProvider`, Redis the only store (see ports.store).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.model import (
    ChatEvent,
    ChatMessage,
    Identity,
    InboundSms,
    Outcome,
    OwnedNumber,
    Sms,
    Status,
)


class Component(Protocol):
    """What works by itself once it is started, until it is stopped."""

    def start(self) -> None: ...

    async def stop(self) -> None:
        """Begin nothing more; returns when what is under way has come to its end, or was given up."""

    @property
    def busy(self) -> bool:
        """Something is being worked on, or due at this instant."""


class ChatPlatform(Protocol):
    """A chat platform. Every call raises Temporary (Throttled, AccountFault) or Permanent and nothing else."""

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        """The profile of one user in the form templates know: name, avatarUrl, firstName, lastName, email, phone,
        metadata, userId. Permanent(code="unknown_user") when there is none."""

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        """The documented Conversation object. Permanent(code="conversation_gone") when unknown or deleted."""

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        """Post one text message as that user, whatever its length. Sent again with the same ``once`` nothing is posted.
        Permanent(code="conversation_gone" or "not_participant")."""

    async def ensure_registered(self) -> Sequence[str]:
        """See to it that the platform delivers its events to us. Returns what was done, one phrase each; empty when all
        was as it should be. Permanent while another process insists on something else."""

    def read_payload(
        self, payload: str, *, message_id: str, conversation_id: str, sender: str, statuses: Mapping[str, Status]
    ) -> ChatMessage:
        """The message of a "sent" event of this platform, with the statuses that are known by now. If ``values`` has a
        "conversation", the answer of :meth:`conversation` is laid over it for templates that use it."""


class SmsProvider(Protocol):
    """A company that sends and receives SMS."""

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        """Try once to send. Never raises for anything the other side or the network does. What has not gone out
        ``until`` that time of the reactor's clock does not go out, and counts as not sent."""

    async def numbers(self) -> Sequence[OwnedNumber]:
        """Every number of the account, all pages. Raises Temporary or Permanent."""

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        """Have inbound SMS of that number delivered to ``url``. Raises Temporary or Permanent."""


class ChatIntake(Protocol):
    """Where the webhooks of a chat platform go once they are read: stored when the call returns. Each may raise
    StoreUnavailable."""

    async def event(self, event: ChatEvent) -> None:
        """Join one event to what is known of its message."""

    async def quarantine(self, reason: str, raw: bytes) -> None:
        """Keep an unreadable webhook for an operator. The endpoint logs it."""


class SmsIntake(Protocol):
    """Where the webhooks of an SMS provider go, likewise."""

    async def inbound_sms(self, sms: InboundSms) -> None:
        """Take one SMS from a handset, once however often it is delivered."""

    def turned_away(self) -> None:
        """An SMS from a handset was answered 503: it comes again."""

    async def receipt(self, report: DeliveryReport) -> None:
        """Take one delivery report; it may come more than once, and for an SMS that is none of ours."""

    async def quarantine(self, reason: str, raw: bytes) -> None:
        """Keep an unreadable webhook for an operator. The endpoint logs it."""


class IdentitySource(Protocol):
    """Where users' names and phones come from."""

    async def identity(self, user_id: str) -> Identity:
        """Raises Temporary, or Permanent(code="unknown_user")."""


class Template(Protocol):
    """A compiled template."""

    @property
    def names(self) -> Collection[str]:
        """The top-level names it uses."""

    def render(self, context: Mapping[str, Any]) -> str:
        """Raises Permanent(code="template") when it fails."""


class Introduction(Protocol):
    """Introductions: the text before the first SMS of a conversation on a number."""

    async def introduce(self, context: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
        """The introduction for the message in ``context``; a blank one introduces nothing. May raise anything."""


class Metrics(Protocol):
    """Counters and histograms, by name."""

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        """Add ``amount`` to a counter. ``labels`` are the values of its labels, in the order of their declaration."""

    def observe(self, name: str, seconds: float) -> None:
        """Add one duration to a histogram."""
