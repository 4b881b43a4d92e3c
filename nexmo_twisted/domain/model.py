"""The values that the engine, the store, platforms and providers exchange. All are frozen; none does any I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, Literal
from uuid import UUID


class Status(IntEnum):
    """How far a message has come with one participant. Later ones are greater, so a merge is ``max``."""

    SENT = 0
    DELIVERED = 1
    READ = 2


EventKind = Literal["sent", "delivered", "read", "deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEvent:
    """One webhook of the chat platform about one message. Ids are the platform's own.

    ``sender`` is the user id of the author. ``statuses`` holds every participant the event speaks of, the sender
    included. With "sent" come ``conversation_id`` and ``payload``, the message in whatever form the platform reads it
    again; nothing else reads it. ``left_out`` is how much could not be used and was left out, by kind. ``phones`` are
    those that the platform names with it, by user, and ``sent_at`` (ms since the epoch) says as of when; None for now.
    """

    kind: EventKind
    message_id: str
    sender: str
    statuses: Mapping[str, Status]
    conversation_id: str = ""
    payload: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    phones: Mapping[str, str] = field(default_factory=dict)
    sent_at: int | None = None


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message that the platform has read again: its ``text``, cleaned, blank when nothing of it is to be seen, and
    what templates can say of it, by name.

    ``profiles`` came with it, by user id, in the form of ChatPlatform.identity: these are not asked for. So did
    ``conversation``, in the form of ChatPlatform.conversation; None when it is to be asked for.
    """

    text: str
    values: Mapping[str, Any]
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    conversation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a user is. ``values`` is handed to templates as it is; ``phone`` there is as its owner wrote it."""

    user_id: str
    values: Mapping[str, Any]

    @property
    def phone(self) -> object:
        return self.values.get("phone")


@dataclass(frozen=True, slots=True)
class AutoReply:
    """A text of our own to a handset (E.164 digits), from the number that the handset wrote to."""

    handset: str
    number: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One claimed notification: one recipient of one message that fell due unread.

    Times are milliseconds since the epoch by Redis' clock. ``waited`` is how long it has been due, suspended time not
    counted. ``statuses`` is empty and ``payload`` blank when the message is gone (``gone`` says why). ``suspect``: its
    lease expired without a result before (a possible poison message). With an ``auto_reply`` there is no message, and
    its id is that of the notification. ``aside_since`` is when it first stepped aside because all numbers of its
    handset were in use; ``reason`` why it was put off last, blank when it was not.
    """

    id: str
    token: str
    message_id: str
    user_id: str
    sender: str
    conversation_id: str
    payload: str
    statuses: Mapping[str, Status]
    gone: str
    attempts: int
    introduction_failures: int
    due: int
    waited: int
    suspect: bool
    auto_reply: AutoReply | None = None
    aside_since: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One claimed reply: an SMS that a handset sent to one of our numbers.

    ``handset`` and ``number`` are E.164 digits. ``once`` is the UUID that keeps the chat platform from posting it
    twice. ``thread`` is the conversation the number carried on that handset when the SMS came, or None. It is ``open``
    while an attempt at an SMS of another conversation decides, and in ``doubt`` when nothing will. ``reason`` is why it
    was put off last.
    """

    id: str
    token: str
    handset: str
    number: str
    text: str
    once: UUID
    thread: Thread | None
    attempts: int
    waited: int
    suspect: bool
    open: bool = False
    doubt: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a long SMS this is. ``number`` counts from 1 to ``total``, which is 255 at most.

    The parts of one SMS have the same ``reference``, an opaque word; a handset uses it again sooner or later.
    """

    reference: str
    total: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSms:
    """An SMS as the provider's webhook delivered it. Numbers are as they came; ``message_id`` is opaque.

    A ``binary`` one is for a machine and has no text. ``part`` is None for an SMS that came whole.
    """

    message_id: str
    msisdn: str
    to: str
    text: str
    binary: bool = False
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """What one SMS thread stands for: this user in this conversation. Both ids are the platform's own."""

    user_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Sms:
    """One text message to send. ``sender`` and ``to`` are E.164 digits.

    ``client_ref`` names its item (see domain.ids.reference) and is the same for every attempt at it.
    """

    sender: str
    to: str
    text: str
    client_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One recorded attempt at a text. ``handset`` is where its link is kept, in digits; ``introduced`` the thread that
    the handset knows about once it has this SMS, or blank. ``map_read`` and ``map_new`` are the user's map before and
    after, and ``ttl`` its time to live in ms; blank and 0 for an automatic reply, which changes no link. After
    ``until``, a time of the reactor's clock, it must not go out any more."""

    handset: str
    number: str
    until: float
    introduced: str = ""
    map_read: str = ""
    map_new: str = ""
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """An SMS was accepted: its bytes went out ``on_wire`` seconds ago, if that is known, and its request took ``took``
    seconds. ``message_ids`` are the provider's ids of its parts."""

    on_wire: float | None
    took: float
    message_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an SMS asks of the service itself, and the answers: to that, and to a START that cannot count yet; blank for
    none. ``turned_away``: webhooks of SMS were answered 503 by this process since it last stored one."""

    what: Literal["", "stop", "start", "help"] = ""
    answer: str = ""
    again: str = ""
    turned_away: bool = False


class Verdict(Enum):
    """What is known after an attempt to send one SMS."""

    ACCEPTED = "accepted"  #: the provider has taken it
    NOT_SENT = "not_sent"  #: certainly not sent; may be tried again
    UNCERTAIN = "uncertain"  #: may have been sent; trying again might double it
    ACCOUNT_ERROR = "account"  #: certainly not sent, and nothing else will be until the account is repaired
    REFUSED = "refused"  #: certainly not sent, and never will be


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one attempt. ``reason`` is safe to log; ``retry_after`` is in seconds when a time was named.

    ``message_ids`` are the provider's ids of the parts it accepted; ``alarm`` is set when an operator should look.
    ``exceeded`` is the limit of so many a second that the SMS went beyond: that of the whole account or of its sender.
    ``on_wire`` is how many seconds before this its bytes went out, None where that is not known. ``account_works``: it
    was refused for a reason of its own, by a provider that had nothing against the account.
    """

    verdict: Verdict
    reason: str
    retry_after: float | None = None
    message_ids: tuple[str, ...] = ()
    alarm: str = ""
    exceeded: Literal["", "account", "number"] = ""
    on_wire: float | None = None
    account_works: bool = False


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A number of the provider's account: E.164 digits, ISO country, where its inbound SMS go, what it can do."""

    msisdn: str
    country: str
    inbound_url: str = ""
    features: frozenset[str] = field(default_factory=frozenset)
