"""What is kept in Redis: one protocol for each user of the store, one atomic step a method.

Every method raises StoreUnavailable and nothing else. Delays and answers about time are in milliseconds; "next" is the
time until there is something to look at, None when there is nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
    Resolved,
    Settled,
    Suspension,
)


class UnreadQueue(Protocol):
    """Messages that wait until their delay is over."""

    async def record_event(self, event: ChatEvent, delay: int) -> int | None:
        """Join one event to what is known. Returns the ms until the message is checked, None when it will not be."""

    async def promote(self, limit: int, report: Collection[Status]) -> Promoted:
        """Turn due messages into notifications, one for each participant whose status is in ``report``."""


class Inbox(Protocol):
    """SMS as they come in."""

    async def receive_sms(self, sms: InboundSms, handset: str, number: str, asked: Asked | None = None) -> Received:
        """Store an inbound SMS once, with the thread it belongs to as of this moment, and what it asks of the
        service."""

    async def receive_sms_part(
        self, sms: InboundSms, part: Part, handset: str, number: str, wait: int, longest: int
    ) -> PartTaken:
        """Store a part of a long SMS once; the last one makes a reply of them. The others are waited for ``wait`` ms
        after each part, and ``longest`` ms after the first."""

    async def close_parts(self, limit: int) -> Closed:
        """Make replies of what has come of long SMS whose other parts were waited for long enough."""

    async def dismiss(self, sms: InboundSms, reason: str) -> bool:
        """Record an inbound SMS in which there is nothing to post. False when it was known."""

    async def turned_away(self) -> None:
        """A webhook of an inbound SMS was answered 503: it comes again, and may then be older than others."""


class QuarantineLog(Protocol):
    """Webhooks that nobody can read."""

    async def quarantine(self, entry: str, *, signed: bool) -> None:
        """Keep an unreadable webhook (an object of JSON, which gets the time as ``at``) among the newest few of those
        that are ``signed``, or of the others."""


class Outbox(Protocol):
    """Texts that are owed, under leases, and SMS of unknown outcome."""

    async def claim_notifications(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Notification]:
        """Due notifications under a lease, no two for one user. ``idle``: this process works on none, so one whose
        lease was lost may be tried, alone."""

    async def begin_attempt(
        self,
        item: Notification,
        report: Collection[Status],
        commit: LinkCommit,
        introduced: str,
        lease: int,
        limits: Sequence[Limit] = (),
    ) -> Begun:
        """Record the attempt and its link directly before the SMS goes out. ``introduced`` is the thread that the
        handset will know about once it has this SMS, or blank; ``limits`` are the rate limits that it has to pass."""

    async def begin_auto_reply(self, item: Notification, lease: int, limits: Sequence[Limit] = ()) -> Begun:
        """Record the attempt directly before a notice goes out."""

    async def step_aside(self, item: Notification, state: LinkState, handset: str, duration: int) -> bool:
        """All numbers of the handset are in use by attempts of other threads: others of this user go ahead, until one
        of those is over, ``duration`` ms at most. False: it is not as in ``state`` any more, and one may be."""

    async def record_accepted(
        self, item: Notification, attempt: Attempt, outcome: str, sent: Accepted
    ) -> Delivery | None:
        """The SMS was accepted: done, whoever says so, and its number carries its thread from now on. Ends a hold.
        Receipts that came before are heard now. None when it was known already."""

    async def complete(self, item: Notification, outcome: str) -> None:
        """Done without anything to send, or posted."""

    async def reschedule(
        self, item: Notification, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None:
        """Look at it again after ``delay``; it keeps its place, unless it steps ``aside`` and lets others pass that
        long. ``introduction``: count a failed introduction."""

    async def release(self, item: Notification) -> None:
        """Give it back untouched."""

    async def set_aside(
        self,
        item: Notification,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool:
        """Uncertain or buried: visible, and in nobody's way. False when it is somebody else's or done. ``on_wire`` is
        how many seconds ago the bytes of its SMS went out, if that is known; ``account_works`` ends a hold."""

    async def suspend_sending(self, item: Notification, reason: str) -> Suspension:
        """Nothing goes out but one probe at a time, at first another item than this if there is one."""

    async def pause_limit(self, item: Notification, limit: str, duration: int, reason: str) -> None:
        """Nothing passes the limit of that name for ``duration`` ms. Then the item is tried again, before others, and
        as if it had not been tried yet."""

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Settled:
        """What is to be done with SMS that have been uncertain for ``receipt_timeout``: ``policy`` is "resend" (once),
        "park" or "drop". Whoever is no longer in ``report`` gets nothing more."""


class ReplyQueue(Protocol):
    """Replies that are to be posted, under leases."""

    async def claim_replies(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
        """Replies to post under a lease, no two of one handset; ``idle`` as above."""

    async def resolve(self, item: Reply, receipt_timeout: int, country: str) -> Resolved:
        """To which of its two threads an open reply belongs, decided once and for all, or that it has to wait: for a
        receipt not longer than ``receipt_timeout`` after the end of an attempt. ``country`` is that of its handset, an
        ISO code."""

    async def queue_auto_reply(self, item: Reply, text: str) -> None:
        """A reply cannot be posted: owe its handset a notice that says so where it may have one; a blank text is
        none."""

    async def complete(self, item: Reply, outcome: str) -> None:
        """It is posted, or nothing is to be posted."""

    async def reschedule(self, item: Reply, delay: int, reason: str, *, aside: bool = False) -> None:
        """Look at it again after ``delay``; ``aside`` as for texts."""

    async def set_aside(self, item: Reply, reason: str, *, uncertain: bool) -> bool:
        """A dead letter. False when it is somebody else's or done."""


class Links(Protocol):
    """Which number carries which conversation to which handset."""

    async def read_links(self, user_id: str, handset: str, *, raw: str = "", number: str = "") -> LinkState:
        """What a choice of number is based on. ``raw`` is the phone as its owner wrote it. With ``number``, also what
        the Node service knew of it when nothing else is known."""

    async def renew_links(self, commit: LinkCommit) -> bool:
        """False when what it is based on has changed."""

    async def write_map(self, state: LinkState, user_id: str, user_map: str, ttl: int) -> bool:
        """The map of a user says again what stands on a handset. False when it has changed since it was read."""

    async def set_unowned_numbers(self, numbers: Collection[str]) -> None:
        """The configured numbers that get no new link."""


class Receipts(Protocol):
    """What became of SMS on their way."""

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:
        """A receipt proves that its SMS was accepted, whatever it says, and what it says is kept. Found by its
        client-ref, else by its messageId; else it is kept for some minutes, since it may be faster than the answer that
        tells its id. ``block``: whoever has opted out, as the receipt says, gets no more texts."""


class Locks(Protocol):
    """Periodic jobs that one process does for all."""

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        """True when this process may do the periodic job of that name for so long."""

    async def release_lock(self, name: str) -> None:
        """Let others do the periodic job of that name before its time is over."""


class Store(UnreadQueue, Inbox, QuarantineLog, Outbox, ReplyQueue, Links, Receipts, Locks, Protocol):
    """All of it, for the composition and for what is put around it. Both queues have these in common."""

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
