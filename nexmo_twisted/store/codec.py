"""Converts values to the arguments of scripts, and the results of scripts to values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from pydantic_core import from_json

from nexmo_twisted.domain.ids import bytes_of_key, item_name, uuid_key, uuid_of_key
from nexmo_twisted.domain.inspection import Queue, QueueItem
from nexmo_twisted.domain.link_state import (
    LinkCommit,
    LinkState,
    thread_of,
    thread_of_entry,
)
from nexmo_twisted.domain.model import AutoReply, Notification, Reply, Status, Thread
from nexmo_twisted.domain.rate_limits import Limit
from nexmo_twisted.domain.results import Begin, Begun
from nexmo_twisted.store.schema import F

_STATUSES = {int(status): status for status in Status}


def queue_of(item: Notification | Reply) -> str:
    return "out" if isinstance(item, Notification) else "in"


def ranks(report: Collection[Status]) -> str:
    return "".join(str(int(status)) for status in report)


def limits_words(limits: Sequence[Limit]) -> str:
    return " ".join(f"{limit.name} {limit.interval} {limit.tolerance}" for limit in limits)


def int_or_none(text: str) -> int | None:
    return int(float(text)) if text else None


def pairs(flat: list[str]) -> dict[str, str]:
    it: Iterator[str] = iter(flat)
    return dict(zip(it, it, strict=True))


def commit_words(commit: LinkCommit) -> tuple[str | int, ...]:
    state = commit.state
    return (
        commit.user_id,
        state.user_map,
        commit.handset,
        state.handset.get(F.version, ""),
        state.owner,
        state.owner_map,
        commit.raw,
        commit.number,
        commit.entry,
        commit.ttl,
        *chain.from_iterable(commit.adopted.items()),
    )


def short_conversation(conversation_id: str, prefix: str) -> str:
    """As scripts take it: 22 characters for a UUID behind the prefix, else the whole id behind "="; blank for none."""
    if not conversation_id:
        return ""
    key = uuid_key(conversation_id[len(prefix) :]) if conversation_id.startswith(prefix) else ""
    return key or f"={conversation_id}"


def whole_conversation(short: str, prefix: str) -> str:
    """The conversation id of a short form: the inverse of :func:`short_conversation`."""
    if short.startswith("="):
        return short[1:]
    return prefix + uuid_of_key(short) if short else ""


_BEGINS = {each.name: each for each in Begin if each is not Begin.UNNEEDED}


def begun(answer: str) -> Begun:
    """What begin_attempt.lua says: a word, WAIT with the name of a limit, or why the message needs no SMS."""
    word, _, limit = answer.partition(" ")
    known = _BEGINS.get(word)
    return Begun(Begin.UNNEEDED, answer) if known is None else Begun(known, limit)


class MessageRecord(NamedTuple):
    """What a claim returns of one message. ``name`` is its id at the platform where that is no UUID, else blank."""

    sender: str
    payload: str
    gone: str
    statuses: Mapping[str, Status]
    conversation_id: str
    name: str


#: Of a notification without a message.
_NO_MESSAGE = MessageRecord("", "", "", {}, "", "")


class Records:
    """The messages that one claim returns, as a flat list of words (see claim.lua).

    Each is there once, and read once, however many of its notifications were claimed.
    """

    _WORDS = 7

    def __init__(self, words: Sequence[str], prefix: str) -> None:
        self._words = {words[at]: words[at + 1 : at + self._WORDS] for at in range(0, len(words), self._WORDS)}
        self._prefix = prefix
        self._read: dict[str, MessageRecord] = {}

    def __getitem__(self, mid: str) -> MessageRecord:
        """Raises LookupError or ValueError for anything that this service did not write."""
        if mid not in self._read:
            sender, payload, gone, ranked, conversation, name = self._words[mid]
            statuses = {user: _STATUSES[rank] for user, rank in from_json(ranked).items()}
            conversation_id = whole_conversation(conversation, self._prefix)
            self._read[mid] = MessageRecord(sender, payload, gone, statuses, conversation_id, name)
        return self._read[mid]


def notification(records: Records, nid: str, token: str, waited: str, fields: list[str]) -> Notification:
    item: Mapping[str, str] = pairs(fields)
    message = records[item[F.message]] if F.message in item else _NO_MESSAGE
    auto_reply = AutoReply(item[F.handset], item[F.number], item[F.text]) if F.text in item else None
    return Notification(
        id=nid,
        token=token,
        message_id=message.name or item_name(nid),
        user_id=item[F.lane],
        sender=message.sender,
        conversation_id=message.conversation_id,
        payload=message.payload,
        statuses=message.statuses,
        gone=message.gone,
        attempts=int(item.get(F.failures, 0)),
        introduction_failures=int(item.get(F.failed_introductions, 0)),
        due=int(item[F.due]),
        waited=int(waited),
        suspect=item["suspect"] == "1",
        auto_reply=auto_reply,
        aside_since=int(item[F.waits_since]) if F.waits_since in item else None,
        reason=item.get(F.reason, ""),
    )


def reply(_records: Records, rid: str, token: str, waited: str, fields: list[str]) -> Reply:
    item: Mapping[str, str] = pairs(fields)
    return Reply(
        id=rid,
        token=token,
        handset=item[F.handset],
        number=item[F.number],
        text=item[F.text],
        once=UUID(bytes=bytes_of_key(rid)),
        thread=thread_of_entry(item[F.entry]) or _before_us(item),
        attempts=int(item.get(F.failures, 0)),
        waited=int(waited),
        suspect=item["suspect"] == "1",
        open=F.open_attempts in item,
        doubt=F.ambiguous in item,
        reason=item.get(F.reason, ""),
    )


def _before_us(item: Mapping[str, str]) -> Thread | None:
    """The thread that the Node service's keys gave to the number when the reply came; of ours it carried none."""
    if F.owner not in item:
        return None
    state = LinkState(
        now=int(item[F.due]), user_map="", handset={}, owner=item[F.owner], owner_map=item.get(F.owner_map, "")
    )
    return thread_of(state, item[F.number])


def queue_item(queue: Queue, item: str, fields: Mapping[str, str], after: str = "", ahead: int = 0) -> QueueItem:
    """An item that is not done, as an operator sees it. ``after``: when its lane is looked at, or blank."""
    number, next_look = fields.get(F.number, ""), int_or_none(after)
    waits = fields.get(F.state) == "R" and _number(fields, F.turn) == next_look
    thread = _thread(fields.get(F.entry, ""))
    wrote = thread.user_id if thread else ""
    return QueueItem(
        queue=queue,
        id=item,
        stored=True,
        state=fields.get(F.state, ""),
        reason=fields.get(F.reason, ""),
        provider_id=fields.get(F.message_id, "") if queue == "in" else "",
        user=fields.get(F.lane, "") if queue == "out" else wrote,
        number=number if number.isdigit() else "",
        handset=fields.get(F.handset, ""),
        came=_number(fields, F.due),
        since=_number(fields, F.aside_at),
        attempts=_number(fields, F.attempts if queue == "out" else F.failures) or 0,
        failures=_number(fields, F.failures) or 0,
        crashes=_number(fields, F.crashes) or 0,
        resent=fields.get(F.resent) == "1",
        limit=fields.get(F.limit, "") if waits else "",
        thread=thread,
        candidates=_candidates(thread, fields),
        next=next_look,
        ahead=ahead,
    )


def _thread(entry: str) -> Thread | None:
    try:
        return thread_of_entry(entry)
    except (TypeError, ValueError):  # an unreadable item becomes a dead letter, and is listed there
        return None


def _candidates(thread: Thread | None, fields: Mapping[str, str]) -> Sequence[Thread]:
    try:
        other = thread_of_entry(fields[F.other_entry])
    except (LookupError, TypeError, ValueError):
        return ()
    return [each for each in (thread, other) if each is not None]


def _number(fields: Mapping[str, str], name: str) -> int | None:
    try:
        return int(fields[name])
    except (KeyError, ValueError):
        return None
