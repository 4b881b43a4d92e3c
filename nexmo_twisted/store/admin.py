"""The store for operators: list what was set aside, redrive it, and show what is known of one message or reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nexmo_twisted.domain.ids import message_key, reply_key, short_sms_id
from nexmo_twisted.domain.inspection import MessageReport, Queue, QueueItem
from nexmo_twisted.domain.link_state import (
    thread_of_entry,
)
from nexmo_twisted.domain.model import Status, Thread
from nexmo_twisted.domain.quarantine import SetAside, read_entry
from nexmo_twisted.store.codec import int_or_none, pairs, queue_item, ranks, whole_conversation
from nexmo_twisted.store.connection import Connection, Now, redis_time
from nexmo_twisted.store.redis_inbox import QUARANTINED

#: Ids that one look at a set or one script is about: Redis does nothing else meanwhile.
SCANNED = 1000
SHOWN = 100
REDRIVEN = 20
QUARANTINE_READ = 10


class Redrive(StrEnum):
    """What became of an item that was to be tried again; the value is the answer of the script."""

    DONE = "DONE"  #: it is put back
    DOUBTFUL = "DOUBTFUL"  #: it may have been sent; nothing was done
    WAITING = "WAITING"  #: it was not set aside
    UNKNOWN = "UNKNOWN"
    UNNEEDED = "UNNEEDED"  #: no SMS is needed, the script says why: it is closed


_ANSWERS = {each.value: each for each in Redrive if each is not Redrive.UNNEEDED}


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one item. The lane of one that is put back is looked at in ``wait`` ms; ``why`` says why
    none is needed."""

    id: str
    answer: Redrive
    wait: int = 0
    why: str = ""


class Place(StrEnum):
    """What became of an ambiguous reply that was placed; the value is the answer of the script."""

    DONE = "DONE"  #: it is posted
    UNKNOWN = "UNKNOWN"
    PLACED = "PLACED"  #: it is not ambiguous any more
    OTHER = "OTHER"  #: none of the candidates is in that conversation
    BOTH = "BOTH"  #: both are


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of an ambiguous reply, which is posted in ``wait`` ms or has these ``candidates``."""

    answer: Place
    wait: int = 0
    candidates: Sequence[Thread] = ()


class QueueAdmin:
    """Every method raises StoreUnavailable and nothing else. ``now`` and ``conversation_prefix`` are those of the
    RedisStore."""

    def __init__(self, connection: Connection, now: Now = redis_time, *, conversation_prefix: str = "") -> None:
        self._connection = connection
        self._now = now
        self._prefix = conversation_prefix

    async def aside(self, queue: Queue) -> Sequence[str]:
        """The ids of all uncertain items and dead letters, the oldest first."""
        found = await self._scan(f"{queue}_uncertain") | await self._scan(f"{queue}_dead")
        return sorted(found, key=lambda item: (found[item], item))

    async def inspect_items(self, queue: Queue, ids: Sequence[str]) -> Sequence[QueueItem]:
        """What there is to see of these, in that order; those that are gone are not stored and have no outcome."""
        entries: list[QueueItem] = []
        for some in _batches(ids, SHOWN):
            entries += [_entry(queue, *raw) for raw in await self._connection.run("inspect_items", queue, *some)]
        return entries

    async def redrive(
        self, queue: Queue, ids: Sequence[str], report: Collection[Status], *, confirmed: bool
    ) -> AsyncIterator[Redriven]:
        """Have these tried again. ``confirmed``: also those that may have been sent already. What is yielded is
        done."""
        for some in _batches(ids, REDRIVEN):
            answers = await self._connection.run("redrive", self._now(), queue, ranks(report), int(confirmed), *some)
            for item, (answer, wait) in zip(some, answers, strict=True):
                known = _ANSWERS.get(answer)
                yield Redriven(item, known or Redrive.UNNEEDED, int(wait), "" if known else answer)

    async def place_reply(self, item: str, conversation: str, user: str) -> Placed:
        """Have an ambiguous reply posted into one of its two conversations, as ``user`` if not blank."""
        answer, *more = await self._connection.run("place_reply", self._now(), item, conversation, user)
        if answer == Place.DONE:
            return Placed(Place.DONE, int(more[0]))
        return Placed(
            Place(answer), candidates=[thread for entry in more if (thread := thread_of_entry(entry)) is not None]
        )

    async def inspect_message(self, message_id: str) -> MessageReport | None:
        """All that is known of the message with that id of the platform, or with the UUID that stands for it; None when
        that is nothing."""
        mid = message_key(message_id)
        now, suspended, reason, check, record, ranked, outcomes, raw = await self._connection.run(
            "inspect_message", self._now(), mid
        )
        entries = [_entry("out", *each) for each in raw]
        if not record or record[0]:  # whom it was sent to is no longer in its record
            found = await self._scan("out_uncertain", f"{mid}.*") | await self._scan("out_dead", f"{mid}.*")
            entries = [entry for entry in await self.inspect_items("out", sorted(found)) if entry.stored]
        if not record and not entries:
            return None
        closed, closed_at, due, delay, sender, open_, short, name = record or ("expired", *[""] * 7)
        return MessageReport(
            now=int(now),
            message_id=name or message_id,
            closed=closed,
            closed_at=int_or_none(closed_at),
            due=int_or_none(due),
            delay=int_or_none(delay),
            sender=sender,
            conversation=whole_conversation(short, self._prefix),
            open=int_or_none(open_),
            check=int_or_none(check),
            suspended=int_or_none(suspended),
            suspended_reason=reason,
            ranks={user: int(rank) for user, rank in pairs(ranked).items()},
            outcomes=pairs(outcomes),
            entries=entries,
        )

    async def inspect_sms(self, message_id: str) -> QueueItem | None:
        """Whose SMS has that id at the provider: as far as known the notification with the id of its message and
        recipient, or of an automatic reply what became of it. None when it is not known."""
        nid = await self._connection.run("inspect_sms", self._now(), *map(short_sms_id, _spellings(message_id)))
        if not nid:
            return None
        (entry,) = await self.inspect_items("out", [nid])
        return entry

    async def inspect_reply(self, message_id: str) -> tuple[QueueItem, int] | None:
        """What is known of the reply with that messageId of the provider, and the time (ms); None when nothing is.

        Of a part of a long reply it is what is known of that one, as soon as there is one.
        """
        for spelling in _spellings(message_id):
            (entry,) = await self.inspect_items("in", [reply_key(spelling)])
            if entry.done and entry.part_of not in ("", entry.id):
                (entry,) = await self.inspect_items("in", [entry.part_of])
            if entry.stored or entry.done:
                return entry, int(await self._time())
        return None

    async def quarantined(self, known: str) -> Sequence[SetAside]:
        """The webhooks in quarantine that have this id, in the form in which ids are compared; the newest first."""
        kept: dict[str, bool] = {}
        for name, signed in (("quarantine", True), ("unsigned", False)):
            for start in range(0, QUARANTINED, QUARANTINE_READ):  # newer ones push them on: some come twice, none never
                end = start + QUARANTINE_READ - 1
                some = await self._connection.command("LRANGE", self._connection.keys[name], start, end)
                kept |= dict.fromkeys(some, signed)
        found = (read_entry(each, signed=signed) for each, signed in kept.items())
        return [each for each in found if each is not None and known in each.ids]

    async def _time(self) -> str:
        given = self._now()
        if given:
            return given
        seconds, micros = await self._connection.command("TIME")
        return str(int(seconds) * 1000 + int(micros) // 1000)

    async def _scan(self, name: str, pattern: str = "*") -> dict[str, float]:
        """The members of a sorted set, with their scores. One that is there all the while is not missed."""
        found: dict[str, float] = {}
        cursor = "0"
        while True:
            cursor, flat = await self._connection.command(
                "ZSCAN", self._connection.keys[name], cursor, "MATCH", pattern, "COUNT", SCANNED
            )
            found.update((member, float(score)) for member, score in pairs(flat).items())
            if cursor == "0":
                return found


def _spellings(message_id: str) -> Iterable[str]:
    """The provider has hexadecimal digits in capitals, people do not always."""
    return dict.fromkeys((message_id, message_id.upper(), message_id.lower()))


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _entry(queue: Queue, item: str, what: Any = None, *more: Any) -> QueueItem:
    if what is None:
        return QueueItem(queue=queue, id=item)
    if isinstance(what, str):
        return QueueItem(queue=queue, id=item, done=what, done_for=int(more[0]))
    after, ahead = more
    return queue_item(queue, item, pairs(what), after, int(ahead))
