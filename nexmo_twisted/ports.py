"""The sockets in the walls: what the engine and the web need, whoever provides it.

Layer is the first :class:`ChatPlatform`, Nexmo the first :class:`SmsProvider`, Redis the only :class:`Store`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.links import LinkCommit, LinkState
from nexmo_twisted.domain.model import (
    Accepted,
    Asked,
    Attempt,
    ChatEvent,
    ChatMessage,
    Claimed,
    Closed,
    Delivery,
    Identity,
    InboundSms,
    Notification,
    Outcome,
    OwnedNumber,
    Part,
    PartTaken,
    Promoted,
    Reply,
    Resolved,
    Settled,
    Sms,
    Status,
    Suspension,
)
from nexmo_twisted.domain.rate_limits import Limit


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


class Store(Protocol):
    """What is kept in Redis, one atomic move a method. Every method raises StoreUnavailable and nothing else.

    Delays and answers about time are in milliseconds; "next" is the time until there is something to look at, None
    when there is nothing.
    """

    async def record_event(self, event: ChatEvent, delay: int) -> int | None:
        """Join one event to what is known. Returns the ms until the message is checked, None when it will not be."""

    async def receive_sms(self, sms: InboundSms, handset: str, number: str, asked: Asked | None = None) -> str:
        """Store an inbound SMS once, with the thread it belongs to as of this moment, and what it asks of the service.
        "NEW", "KNOWN", or what it was when it is no message: "stop", "start", or "again" for a START that does not
        count since it may be older than the STOP."""

    async def receive_sms_part(
        self, sms: InboundSms, part: Part, handset: str, number: str, wait: int, longest: int
    ) -> PartTaken:
        """Store a part of a long SMS once; the last one makes a reply of them. The others are waited for ``wait`` ms
        after each part, and ``longest`` ms after the first."""

    async def resolve(self, item: Reply, receipt_timeout: int, country: str) -> Resolved:
        """To which of its two threads an open reply belongs, decided once and for all, or that it has to wait: for a
        receipt not longer than ``receipt_timeout`` after the end of an attempt. ``country`` is that of its handset, an
        ISO code."""

    async def close_parts(self, limit: int) -> Closed:
        """Make replies of what has come of long SMS whose other parts were waited for long enough."""

    async def dismiss(self, sms: InboundSms, reason: str) -> bool:
        """Record an inbound SMS in which there is nothing to post. False when it was known."""

    async def quarantine(self, entry: str, *, signed: bool) -> None:
        """Keep an unreadable webhook (an object of JSON, which gets the time as ``at``) among the newest few of those
        that are ``signed``, or of the others."""

    async def promote(self, limit: int, report: Collection[Status]) -> Promoted:
        """Turn due messages into notifications, one for each participant whose status is in ``report``."""

    async def claim_notifications(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Notification]:
        """Due notifications under a lease, no two for one user. ``idle``: this process works on none, so one whose
        lease was lost may be tried, alone."""

    async def claim_replies(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
        """Replies to post under a lease, no two of one handset; ``idle`` as above."""

    async def turned_away(self) -> None:
        """A webhook of an inbound SMS was answered 503: it comes again, and may then be older than others."""

    async def read_links(self, user_id: str, handset: str, *, raw: str = "", number: str = "") -> LinkState:
        """What a choice of number is based on. ``raw`` is the phone as its owner wrote it. With ``number``, also what
        the Node service knew of it when nothing else is known."""

    async def begin_attempt(
        self,
        item: Notification,
        report: Collection[Status],
        commit: LinkCommit,
        introduced: str,
        lease: int,
        limits: Sequence[Limit] = (),
    ) -> str:
        """Record the attempt and its link directly before the SMS goes out. ``introduced`` is the thread that the
        handset will know about once it has this SMS, or blank. "OK", or why it must not go out: "STALE", "SUSPENDED",
        "CONFLICT" (choose again), "WAIT" and the name of one of ``limits`` (it is given back until its turn comes), or
        the reason that the message needs no SMS any more."""

    async def begin_auto_reply(self, item: Notification, lease: int, limits: Sequence[Limit] = ()) -> str:
        """Record the attempt directly before a notice goes out. "OK", or why it must not, as for ``begin_attempt``."""

    async def step_aside(self, item: Notification, state: LinkState, handset: str, duration: int) -> bool:
        """All numbers of the handset are in use by attempts of other threads: others of this user go ahead, until one
        of those is over, ``duration`` ms at most. False: it is not as in ``state`` any more, and one may be."""

    async def queue_auto_reply(self, item: Reply, text: str) -> None:
        """A reply cannot be posted: owe its handset a notice that says so where it may have one; a blank text is
        none."""

    async def record_accepted(
        self, item: Notification, attempt: Attempt, outcome: str, sent: Accepted
    ) -> Delivery | None:
        """The SMS was accepted: done, whoever says so, and its number carries its thread from now on. Ends a hold.
        Receipts that came before are heard now. None when it was known already."""

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:
        """A receipt proves that its SMS was accepted, whatever it says, and what it says is kept. Found by its
        client-ref, else by its messageId; else it is kept for some minutes, since it may be faster than the answer that
        tells its id. ``block``: whoever has opted out, as the receipt says, gets no more texts."""

    async def write_map(self, state: LinkState, user_id: str, user_map: str, ttl: int) -> bool:
        """The map of a user says again what stands on a handset. False when it has changed since it was read."""

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Settled:
        """What is to be done with SMS that have been uncertain for ``receipt_timeout``: ``policy`` is "resend" (once),
        "park" or "drop". Whoever is no longer in ``report`` gets nothing more."""

    async def complete(self, item: Notification | Reply, outcome: str) -> None:
        """Done without anything to send, or posted."""

    async def reschedule(
        self, item: Notification | Reply, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None:
        """Look at it again after ``delay``; it keeps its place, unless it steps ``aside`` and lets others pass that
        long. ``introduction``: count a failed introduction."""

    async def release(self, item: Notification | Reply) -> None:
        """Give it back untouched."""

    async def set_aside(
        self,
        item: Notification | Reply,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool:
        """Uncertain or buried: visible, and in nobody's way. False when it is somebody else's or done. ``on_wire`` is
        how many seconds ago the bytes of its SMS went out, if that is known; ``account_works`` ends a hold."""

    async def suspend_sending(self, item: Notification, reason: str) -> Suspension:
        """Nothing goes out but one probe at a time, at first another item than this if there is one. "NEW" when the
        hold begins with this, "DOUBT" when that depends on another one, "DONE" when it was on, "STALE"; "DEAD" when
        time and again it begins with this one, though others go out between."""

    async def pause_limit(self, item: Notification, limit: str, duration: int, reason: str) -> None:
        """Nothing passes the limit of that name for ``duration`` ms. Then the item is tried again, before others, and
        as if it had not been tried yet."""

    async def renew_links(self, commit: LinkCommit) -> bool:
        """False when what it is based on has changed."""

    async def set_unowned_numbers(self, numbers: Collection[str]) -> None:
        """The configured numbers that get no new link."""

    async def release_lock(self, name: str) -> None:
        """Let others do the periodic job of that name before its time is over."""

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        """True when this process may do the periodic job of that name for so long."""
