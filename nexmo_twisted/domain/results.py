"""The results of the methods of the store. All are frozen. Times are in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Generic, Literal, TypeVar

from nexmo_twisted.domain.delivery import DeliveryState
from nexmo_twisted.domain.model import Thread

Item = TypeVar("Item", covariant=True)


class ItemState(StrEnum):
    """How far an item of a queue has come; the value is the letter in Redis."""

    READY = "R"
    CLAIMED = "C"
    SENDING = "S"
    UNCERTAIN = "U"
    DEAD = "D"


class Received(StrEnum):
    """What an inbound SMS was."""

    NEW = "NEW"  #: a reply that was not known
    KNOWN = "KNOWN"  #: it came before
    STOP = "stop"
    START = "start"
    START_TOO_EARLY = "again"  #: a START that does not count, since it may be older than the STOP
    HELP = "help"


class Begin(Enum):
    """Whether an SMS may go out."""

    OK = "ok"  #: the attempt is recorded
    STALE = "stale"  #: another process has it
    SUSPENDED = "suspended"  #: nothing goes out but a probe
    CONFLICT = "conflict"  #: what its number was chosen by has changed: choose again
    WAIT = "wait"  #: for a rate limit; it was given back until its turn comes
    UNNEEDED = "unneeded"  #: the message needs no SMS any more


@dataclass(frozen=True, slots=True)
class Begun:
    """What came of beginning an attempt. ``why`` is the name of the limit, or the reason that it is not needed."""

    answer: Begin
    why: str = ""


class Suspension(StrEnum):
    """What came of suspending all sending because of one item."""

    BEGUN = "NEW"  #: it begins with this
    IN_DOUBT = "DOUBT"  #: it depends on another item, which is tried first
    KNOWN = "DONE"  #: it had begun before
    DEAD = "DEAD"  #: time and again it began with this one, though others went out between: this one is given up
    STALE = "STALE"  #: another process has the item


@dataclass(frozen=True, slots=True)
class Promoted:
    """What one pass over the due messages did. ``next`` is the ms until the next one is due, None when none waits.

    ``orphans`` counts due entries without their message, which should not exist.
    """

    messages: int
    notifications: int
    orphans: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Claimed(Generic[Item]):
    """The result of one claim. ``next`` is the ms until the next job is due, None when nothing waits.

    ``lost`` counts SMS that became uncertain because the process that was sending them died or stalled; ``crashed``
    counts jobs that became dead letters because their lease expired without a result too often (poison messages).
    """

    next: int | None
    items: Sequence[Item]
    lost: int = 0
    crashed: int = 0


@dataclass(frozen=True, slots=True)
class PartTaken:
    """What one part of a long SMS came to.

    ``outcome`` is "known" (it came before), "waiting" for the others, "whole" (it was the last one), or "late": the
    others were posted without it. ``torn`` is how many long SMS were closed for it though parts of them were missing.
    ``next`` is the ms until this SMS will be, None when it waits for nothing.
    """

    outcome: Literal["known", "waiting", "whole", "late"]
    torn: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The long SMS whose missing parts were waited for long enough: how many became replies as they are.

    ``orphans`` counts entries without parts, which should not exist; ``next`` is the ms until the next one is due, None
    when none waits.
    """

    torn: int
    orphans: int
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is known of the delivery of one SMS, now that there is news of it.

    ``message_id`` names its message (domain.ids.item_name), or is the id of an automatic reply; blank when the SMS is
    not known (yet).
    ``ended`` is the state that the news has ended, None when it was known to be accepted. ``before`` is what its
    receipts said before, and ``said`` what they say now, None for nothing.
    """

    message_id: str
    ended: ItemState | None
    before: DeliveryState | None
    said: DeliveryState | None
    relink: Relink | None = None


@dataclass(frozen=True, slots=True)
class Relink:
    """A user whose map in the Node service's format is to say again what stands on a handset (digits)."""

    user_id: str
    handset: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What became of the SMS of unknown outcome that had no receipt in time, one count each.

    ``next`` is the ms until the next one is to be settled, None when none waits.
    """

    resent: int
    parked: int
    dropped: int
    unneeded: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """To which thread an open reply belongs, None for none; or it is in ``doubt``; or it ``waits``, being given
    back."""

    thread: Thread | None = None
    doubt: bool = False
    waits: bool = False
