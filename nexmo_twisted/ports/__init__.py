"""The protocols (interfaces) between the engine and the web on one side, and platforms and providers on the other.

Layer is the first :class:`ChatPlatform`, Nexmo the first :class:`SmsProvider`. The protocols of the store are in
ports.store.
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
    """A part of the service that runs between ``start`` and ``stop``."""

    def start(self) -> None: ...

    async def stop(self) -> None:
        """Begin nothing more. Returns when the work in progress has ended or was cancelled."""

    @property
    def busy(self) -> bool:
        """True while work is in progress or due now."""


class ChatPlatform(Protocol):
    """A chat platform. Every call raises Temporary (Throttled, AccountFault) or Permanent and nothing else."""

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        """The profile of one user, by name of the value. The engine reads ``phone`` only: the phone as its owner wrote
        it, missing or None when there is none. Templates see the whole mapping, so its other names (a display name,
        say) are those that the platform documents for templates. Permanent(code="unknown_user") for an unknown user."""

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        """The platform's record of one conversation, by name of the value. The engine needs none of them; templates
        and introduction functions see it as ``conversation``. Permanent(code="conversation_gone") when it is unknown or
        deleted."""

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        """Post one text message of any length as that user. A second call with the same ``once`` posts nothing.
        Permanent(code="conversation_gone" or "not_participant")."""

    async def ensure_registered(self) -> Sequence[str]:
        """Check that the platform delivers its events to this service, and repair it if not. Returns one phrase for
        each change; empty when nothing had to be changed. Permanent while another process keeps changing it back."""

    def read_payload(
        self, payload: str, *, message_id: str, conversation_id: str, sender: str, statuses: Mapping[str, Status]
    ) -> ChatMessage:
        """Read the ``payload`` of a "sent" event of this platform again, with the ``statuses`` that are known by now.
        If ``values`` contains "conversation" and a template uses it, the result of :meth:`conversation` is merged into
        it."""


class SmsProvider(Protocol):
    """An SMS provider: it sends and receives SMS."""

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        """Make one attempt to send. Raises nothing, whatever the provider or the network does. If the request has not
        been sent at ``until`` (reactor time, seconds), it is not sent any more, and the outcome is "not sent"."""

    async def numbers(self) -> Sequence[OwnedNumber]:
        """All numbers of the account. Raises Temporary or Permanent."""

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        """Set ``url`` as the webhook for inbound SMS of that number. Raises Temporary or Permanent."""


class ChatIntake(Protocol):
    """Takes the webhooks of a chat platform after they were read. When a call returns, the webhook is stored. Each
    method may raise StoreUnavailable."""

    async def event(self, event: ChatEvent) -> None:
        """Join one event to the record of its message."""

    async def quarantine(self, reason: str, raw: bytes) -> None:
        """Keep a webhook that cannot be used for an operator. The caller logs it."""


class SmsIntake(Protocol):
    """The same for the webhooks of an SMS provider."""

    async def inbound_sms(self, sms: InboundSms) -> None:
        """Store one inbound SMS. It may be delivered more than once; it is stored once."""

    def turned_away(self) -> None:
        """Note that an inbound SMS was answered 503; the provider repeats it."""

    async def receipt(self, report: DeliveryReport) -> None:
        """Record one delivery report. It may come more than once, and for an SMS that this service did not send."""

    async def quarantine(self, reason: str, raw: bytes) -> None:
        """Keep a webhook that cannot be used for an operator. The caller logs it."""


class IdentitySource(Protocol):
    """The source of users' profiles."""

    async def identity(self, user_id: str) -> Identity:
        """Raises Temporary, or Permanent(code="unknown_user")."""


class Template(Protocol):
    """A compiled template."""

    @property
    def names(self) -> Collection[str]:
        """The top-level names that it uses."""

    def render(self, context: Mapping[str, Any]) -> str:
        """Raises Permanent(code="template") when it fails."""


class Introduction(Protocol):
    """Makes the introduction: the text before the first SMS of a conversation on a number."""

    async def introduce(self, context: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
        """The introduction for the message in ``context``; blank for none. May raise any exception."""


class Metrics(Protocol):
    """Counters and histograms, by name."""

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        """Add ``amount`` to a counter. ``labels`` are the values of its labels, in the order of their declaration."""

    def observe(self, name: str, seconds: float) -> None:
        """Add one duration to a histogram."""
