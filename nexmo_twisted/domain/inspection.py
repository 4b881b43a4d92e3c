"""What Redis has of one item or one message, as it is told to an operator. No text of anybody is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nexmo_twisted.domain.ids import item_name
from nexmo_twisted.domain.links import thread_of_entry
from nexmo_twisted.domain.model import Thread

Queue = Literal["out", "in"]


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One notification (``out``) or reply (``in``). Times are ms since the epoch by Redis' clock.

    ``fields`` is its hash, empty when it is done: then ``done`` says what became of it, and ``done_for`` how many ms
    ago. ``next`` is when its lane is looked at, and ``ahead`` how many items of that lane come before it.
    """

    queue: Queue
    id: str
    fields: Mapping[str, str]
    next: int | None = None
    ahead: int = 0
    done: str = ""
    done_for: int = 0

    @property
    def state(self) -> str:
        """R ready, C claimed, S being sent, U uncertain, D buried; blank when done."""
        return self.fields.get("s", "")

    @property
    def message_id(self) -> str:
        """The UUID of the message, or the provider's messageId of the reply."""
        return item_name(self.id) if self.queue == "out" else self.fields.get("i", "")

    @property
    def notice(self) -> str:
        """What a notice answers (stop, start, help, lost); blank for a text about a message."""
        kind = self.id.partition(".")[2]
        return "" if re.fullmatch("[0-9a-f]{32}", kind) else kind

    @property
    def part_of(self) -> str:
        """The id of the reply that this is a part of, which may have come in several; blank for a reply of its own."""
        kind, _, reply = self.done.partition(" ")
        return reply if kind == "part" else ""

    @property
    def thread(self) -> Thread | None:
        """The conversation that a reply is to be posted to, as far as that was known when it came."""
        try:
            return thread_of_entry(self.fields.get("b", ""))
        except (TypeError, ValueError):  # what nobody can read ends among the buried, and is to be seen there
            return None

    @property
    def candidates(self) -> Sequence[Thread]:
        """The conversations that a reply may belong to whose number changed hands; empty where it is known."""
        if "new" not in self.fields:
            return ()
        try:
            found = [self.thread, thread_of_entry(self.fields["new"])]
        except (TypeError, ValueError):
            return ()
        return [thread for thread in found if thread is not None]

    @property
    def user(self) -> str:
        """Whom the text is for, or who wrote the reply, if that is known."""
        if self.queue == "out":
            return self.fields.get("l", "")
        return self.thread.user_id if self.thread else ""

    @property
    def number(self) -> str:
        """The number of ours; blank before a first attempt, or when it was lost with the item."""
        number = self.fields.get("n", "")
        return number if number.isdigit() else ""

    @property
    def handset(self) -> str:
        """The number of the user; blank before a first attempt."""
        return self.fields.get("h", "")

    @property
    def since(self) -> int | None:
        """Since when it is set aside."""
        return _number(self.fields, "z")

    @property
    def came(self) -> int | None:
        """When the text fell due, or the reply came."""
        return _number(self.fields, "d")

    @property
    def attempts(self) -> int:
        """Requests to send the text, or failures to post the reply."""
        return _number(self.fields, "a" if self.queue == "out" else "t") or 0

    @property
    def failures(self) -> int:
        """How often it has been put off until later since it was begun."""
        return _number(self.fields, "t") or 0

    @property
    def crashes(self) -> int:
        """How many processes in a row never said a word about it again."""
        return _number(self.fields, "c") or 0

    @property
    def resent(self) -> bool:
        """An earlier attempt of unknown outcome was made again."""
        return self.fields.get("w") == "1"

    @property
    def limit(self) -> str:
        """The limit of so many SMS a second (see domain.rate_limits) that it waits for until ``next``, or blank."""
        waits = self.state == "R" and _number(self.fields, "at") == self.next
        return self.fields.get("on", "") if waits else ""

    @property
    def reason(self) -> str:
        """Why it is set aside, or was put off."""
        return self.fields.get("e", "")


def _number(fields: Mapping[str, str], name: str) -> int | None:
    try:
        return int(fields[name])
    except (KeyError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class MessageReport:
    """What is known of one message at ``now``. Times are ms since the epoch, ``delay`` is in ms.

    ``closed`` is why nothing more is done, blank while something may be. ``due`` is None when its ``message.sent``
    never came, ``open`` (texts still owed) when it was not checked yet. ``ranks`` and ``outcomes`` are by user id;
    ``check`` is when the check is listed. ``conversation`` is Layer's id of it, blank when it is not known. ``held`` is
    since when the outgoing side is held, and ``held_reason`` why.
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
    held: int | None
    held_reason: str
    ranks: Mapping[str, int]
    outcomes: Mapping[str, str]
    entries: Sequence[QueueItem]
