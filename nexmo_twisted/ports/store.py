"""The protocols of the store in Redis: one for each user of it. Each method is one atomic step.

Every method raises StoreUnavailable and nothing else. Durations are integers in milliseconds unless a docstring says
otherwise. ``next`` in a result is the time until the earliest remaining item is due, None when none remains. A claimed
item carries a token; a method that gets an item does nothing when another process has claimed it since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.link_state import (
    LinkCommit,
    LinkState,
)
from nexmo_twisted.domain.model import (
    Accepted,
    Asked,
    Attempt,
    ChatEvent,
    InboundSms,
    Notification,
    Part,
    Reply,
    Status,
)
from nexmo_twisted.domain.rate_limits import Limit
from nexmo_twisted.domain.results import (
    Begun,
    Claimed,
    Closed,
    Delivery,
    PartTaken,
    Promoted,
    Received,
    Reconciled,
    Resolved,
    Suspension,
)


class UnreadQueue(Protocol):
    """Messages that wait until their delay is over, and the check when it is."""

    async def record_event(self, event: ChatEvent, delay: int) -> int | None:
        """Join one event to the record of its message. Returns the time until the message is checked, None when no
        check is planned."""

    async def promote(self, limit: int, report: Collection[Status]) -> Promoted:
        """Turn at most ``limit`` due messages into notifications, one for each participant whose status is in
        ``report``."""


class Inbox(Protocol):
    """Inbound SMS."""

    async def receive_sms(self, sms: InboundSms, handset: str, number: str, asked: Asked | None = None) -> Received:
        """Store an inbound SMS as a reply, once for each message id, with the thread that ``number`` carries on
        ``handset`` at this moment (both E.164 digits). ``asked`` is set for STOP, START and HELP: they take effect in
        the same step."""

    async def receive_sms_part(
        self, sms: InboundSms, part: Part, handset: str, number: str, wait: int, longest: int
    ) -> PartTaken:
        """Store one part of a long SMS, once for each message id; the last missing part turns all of them into one
        reply. The timeout for missing parts is ``wait`` ms after the last part that arrived, and ``longest`` ms after
        the first."""

    async def close_parts(self, limit: int) -> Closed:
        """Turn at most ``limit`` long SMS whose timeout is over into replies, without their missing parts."""

    async def dismiss(self, sms: InboundSms, reason: str) -> bool:
        """Record an inbound SMS that contains nothing to post. False when it was recorded before."""

    async def turned_away(self) -> None:
        """Record that a webhook of an inbound SMS was answered 503. The provider repeats it, so that it may arrive
        after newer SMS."""


class QuarantineLog(Protocol):
    """Webhooks that cannot be used, kept for an operator."""

    async def quarantine(self, entry: str, *, signed: bool) -> None:
        """Keep a webhook that cannot be used. ``entry`` is a JSON object; the time is added as ``at``. There is one
        list for ``signed`` webhooks and one for others; each keeps the newest few."""


class Outbox(Protocol):
    """Notifications that are to be sent, claimed under leases, and SMS whose outcome is unknown."""

    async def claim_notifications(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Notification]:
        """Claim at most ``limit`` due notifications, one for each user, for ``lease`` ms. ``idle``: this process works
        on no other notification; only then one whose lease expired before without a result may be claimed, alone."""

    async def begin_attempt(
        self,
        item: Notification,
        report: Collection[Status],
        commit: LinkCommit,
        introduced: str,
        lease: int,
        limits: Sequence[Limit] = (),
    ) -> Begun:
        """Record the attempt and its link directly before the SMS is sent. ``introduced`` is the thread that this SMS
        introduces to the handset, blank for none; ``limits`` are the rate limits that it has to pass."""

    async def begin_auto_reply(self, item: Notification, lease: int, limits: Sequence[Limit] = ()) -> Begun:
        """Record the attempt directly before an automatic reply is sent."""

    async def step_aside(self, item: Notification, state: LinkState, handset: str, duration: int) -> bool:
        """All numbers of the handset are in use by open attempts of other threads: let other notifications of this
        user go first until one of these attempts ends, at most ``duration`` ms. False when the handset is no longer as
        in ``state``: then a number may be free."""

    async def record_accepted(
        self, item: Notification, attempt: Attempt, outcome: str, sent: Accepted
    ) -> Delivery | None:
        """The SMS was accepted: close the notification, also when its lease is over, and let the number carry its
        thread from now on. Ends a suspension of sending. Receipts of this SMS that arrived early are applied now. None
        when it was recorded before."""

    async def complete(self, item: Notification, outcome: str) -> None:
        """Close it: nothing has to be sent. ``outcome`` says why."""

    async def reschedule(
        self, item: Notification, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None:
        """Make it due again after ``delay`` ms, for ``reason``. It keeps its place in its lane, unless ``aside``: then
        others of the lane go first for that time. ``introduction``: count a failed introduction."""

    async def release(self, item: Notification) -> None:
        """End the claim and change nothing else."""

    async def set_aside(
        self,
        item: Notification,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool:
        """Take it out of its lane, as uncertain or as a dead letter, so that others of the lane go on. False when
        another process has claimed it or it is closed. ``on_wire`` is how many seconds ago the request of its SMS was
        sent, None when unknown; ``account_works`` ends a suspension of sending."""

    async def suspend_sending(self, item: Notification, reason: str) -> Suspension:
        """Suspend sending: from now on one probe at a time is sent. The first probe is another notification than this
        one, if there is one."""

    async def pause_limit(self, item: Notification, limit: str, duration: int, reason: str) -> None:
        """Let no SMS pass the rate limit of that name for ``duration`` ms. After that, this notification is the first
        to be tried, and this attempt does not count."""

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Reconciled:
        """Apply ``policy`` ("resend" (once), "park" or "drop") to at most ``limit`` SMS that have been uncertain for
        ``receipt_timeout`` ms. A participant whose status is not in ``report`` any more gets no SMS."""


class ReplyQueue(Protocol):
    """Replies that are to be posted, claimed under leases."""

    async def claim_replies(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
        """Claim at most ``limit`` due replies, one for each handset and number, for ``lease`` ms; ``idle`` as in
        :meth:`Outbox.claim_notifications`."""

    async def resolve(self, item: Reply, receipt_timeout: int, country: str) -> Resolved:
        """Decide to which of its two threads an open reply belongs, and store the decision; or let it wait for a
        receipt, at most ``receipt_timeout`` ms after the end of an attempt. ``country`` is the ISO code of the country
        of its handset."""

    async def queue_auto_reply(self, item: Reply, text: str) -> None:
        """Queue an automatic reply with this ``text`` to the handset of a reply that cannot be posted, unless the
        handset may get none now. A blank text queues nothing."""

    async def complete(self, item: Reply, outcome: str) -> None:
        """Close it: it is posted, or nothing has to be posted. ``outcome`` says which."""

    async def reschedule(self, item: Reply, delay: int, reason: str, *, aside: bool = False) -> None:
        """Make it due again after ``delay`` ms; the rest as in :meth:`Outbox.reschedule`."""

    async def set_aside(self, item: Reply, reason: str, *, uncertain: bool) -> bool:
        """Make it a dead letter. False when another process has claimed it or it is closed."""


class Links(Protocol):
    """The links: which number carries which conversation on which handset."""

    async def read_links(self, user_id: str, handset: str, *, raw: str = "", number: str = "") -> LinkState:
        """Read what the choice of a number is based on. ``handset`` is in E.164 digits, ``raw`` is the same phone as
        its owner wrote it. With ``number``, links of the Node service for that number are read as well if there is no
        other link."""

    async def renew_links(self, commit: LinkCommit) -> bool:
        """Write the renewed links. False, and nothing is written, when what they are based on has changed."""

    async def write_map(self, state: LinkState, user_id: str, user_map: str, ttl: int) -> bool:
        """Write the map of a user (the format of the Node service), which lives ``ttl`` ms. False, and nothing is
        written, when the map has changed since ``state`` was read."""

    async def set_unowned_numbers(self, numbers: Collection[str]) -> None:
        """Replace the set of configured numbers that the account does not own: they get no new links."""


class NamedPhones(Protocol):
    """The phones of users that the chat platform itself names with its messages."""

    async def name_phones(self, phones: Mapping[str, str], at: int | None, kept: int) -> None:
        """Keep them, by user, for ``kept`` ms, unless newer ones are known than those of ``at`` (ms since the epoch;
        None for now)."""

    async def named_phone(self, user_id: str) -> str:
        """The newest one as it was written; blank for none."""


class Receipts(Protocol):
    """Delivery receipts."""

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:
        """Record a receipt. Whatever its state, it proves that its SMS was accepted. Its SMS is looked up by the
        client-ref, then by the messageId; if there is none, the receipt is kept for some minutes, since it may arrive
        before the response that contains the messageId. ``block``: if the receipt says that the handset has opted out,
        send nothing more to it."""


class Locks(Protocol):
    """Locks of periodic jobs that one process does for all processes."""

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        """True when this process may do the periodic job of that name for the next ``seconds``."""

    async def release_lock(self, name: str) -> None:
        """Let other processes do the periodic job of that name before that time is over."""


class Store(UnreadQueue, Inbox, QuarantineLog, Outbox, ReplyQueue, Links, NamedPhones, Receipts, Locks, Protocol):
    """All protocols together, for the composition and for wrappers. Both queues have the methods below."""

    async def complete(self, item: Notification | Reply, outcome: str) -> None: ...

    async def reschedule(
        self, item: Notification | Reply, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None: ...

    async def set_aside(
        self,
        item: Notification | Reply,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool: ...
