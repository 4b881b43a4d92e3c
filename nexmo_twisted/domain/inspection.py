"""What Redis holds of one item or one message, for an operator. It contains no text of a user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nexmo_twisted.domain.ids import item_name
from nexmo_twisted.domain.model import Thread

Queue = Literal["out", "in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """One notification (``out``) or reply (``in``). Times are ms since the epoch by Redis' clock.

    When it is done, ``stored`` is False, ``done`` says what became of it, and ``done_for`` how many ms ago. ``next`` is
    when its lane is looked at, and ``ahead`` how many items of that lane come before it.
    """

    queue: Queue
    id: str
    stored: bool = False
    state: str = ""  #: R ready, C claimed, S being sent, U uncertain, D dead letter; blank when done
    reason: str = ""  #: why it is set aside, or was put off
    provider_id: str = ""  #: the provider's messageId of a reply
    user: str = ""  #: whom the text is for, or who wrote the reply, if that is known
    number: str = ""  #: the number of ours; blank before a first attempt, or when it was lost with the item
    handset: str = ""  #: the number of the user; blank before a first attempt
    came: int | None = None  #: when the text fell due, or the reply came
    since: int | None = None  #: since when it is set aside
    attempts: int = 0  #: requests to send the text, or failures to post the reply
    failures: int = 0  #: how often it has been put off until later since it was begun
    crashes: int = 0  #: how many consecutive leases expired without a result
    resent: bool = False  #: an earlier attempt of unknown outcome was made again
    limit: str = ""  #: the limit of so many SMS a second (see domain.rate_limits) that it waits for until ``next``
    thread: Thread | None = None  #: the conversation that a reply is to be posted to, as far as that was known
    candidates: Sequence[Thread] = ()  #: the conversations that a reply may belong to; empty where it is known
    next: int | None = None
    ahead: int = 0
    done: str = ""
    done_for: int = 0

    @property
    def message_id(self) -> str:
        """A UUID that names the message (see domain.ids.item_name), or the provider's messageId of the reply."""
        return item_name(self.id) if self.queue == "out" else self.provider_id

    @property
    def auto_reply(self) -> str:
        """What an automatic reply answers (stop, start, help, lost); blank for a text about a message."""
        kind = self.id.partition(".")[2]
        return "" if re.fullmatch("[0-9a-f]{32}", kind) else kind

    @property
    def part_of(self) -> str:
        """The id of the reply that this is a part of, which may have come in several; blank for a reply of its own."""
        kind, _, reply = self.done.partition(" ")
        return reply if kind == "part" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReport:
    """What is known of one message at ``now``. Times are ms since the epoch, ``delay`` is in ms.

    ``closed`` is why nothing more is done, blank while something may be. ``due`` is None when its "sent" event never
    came, ``open`` (notifications still open) when it was not checked yet. ``ranks`` and ``outcomes`` are by user id;
    ``check`` is when the check is listed. ``conversation`` is the id of its conversation, blank when it is not known.
    ``suspended`` is since when sending is suspended, and ``suspended_reason`` why.
    """

    now: int
    message_id: str
    closed: str
    closed_at: int | None
    due: int | None
    delay: int | None
    sender: str
    conversation: str
    open: int | None
    check: int | None
    suspended: int | None
    suspended_reason: str
    ranks: Mapping[str, int]
    outcomes: Mapping[str, str]
    entries: Sequence[QueueItem]
