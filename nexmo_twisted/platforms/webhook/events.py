"""Reading the events of a chat of one's own: from the bytes of a body to an event, or to what is wrong with it.

The contract is in docs/own-chat.md. Of an event that can be used, what cannot be is left out and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.model import ChatEvent, EventKind, Status
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.platforms.webhook.payload import Message, Person, pack

KINDS: Mapping[str, EventKind] = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.read": "read",
    "message.deleted": "deleted",
}
_STATUSES = {"delivered": Status.DELIVERED, "read": Status.READ}

#: Recipients of one message.
MOST_RECIPIENTS = 500
LONGEST_ID = 255  #: bytes of UTF-8
#: Characters that are kept of a text, of which an SMS shows the beginning, and of a name, title, URL or time.
LONGEST_TEXT, LONGEST_NAME = 20_000, 1000
#: Warnings about one event that are told.
MOST_WARNINGS = 20

_AN_ID = f'a text of 1 to {LONGEST_ID} bytes without NUL, and neither "." nor ".."'
_TYPES = ", ".join(KINDS)


class UnknownType(BadRequest):
    """An event of a type that is not read."""


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """What one webhook says, and what of it could not be used: one sentence each, with its place."""

    event: ChatEvent
    warnings: tuple[str, ...] = ()


class _Odd:
    """What is left out of an event."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, warning: str) -> None:
        self.counts[kind] += 1
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(warning)


def read_event(raw: bytes, region: str) -> ReadEvent:
    """The event in the body of one webhook. ``region`` is the country of phones without a country code.

    Raises BadRequest with the place and what is allowed there, UnknownType for a type that is not read.
    """
    try:
        parsed = from_json(raw, allow_inf_nan=False, cache_strings="none")
    except ValueError:
        raise BadRequest("the body is not JSON, or not UTF-8, or nested too deeply") from None
    document = _object(parsed, "the body")
    told = document.get("type")
    if told is None:
        raise BadRequest(f"type is missing; allowed: {_TYPES}")
    kind = KINDS.get(told) if isinstance(told, str) else None
    if kind is None:
        raise UnknownType(f"type is none that is read; allowed: {_TYPES}")
    data = _object(document.get("data"), "data")
    if kind == "sent":
        return _sent(data, region)
    if kind == "deleted":
        return ReadEvent(ChatEvent(kind=kind, message_id=_id(data.get("id"), "data.id"), sender="", statuses={}))
    user, message = _id(data.get("user"), "data.user"), _id(data.get("message"), "data.message")
    return ReadEvent(ChatEvent(kind=kind, message_id=message, sender="", statuses={user: _STATUSES[kind]}))


def _sent(data: Mapping[str, Any], region: str) -> ReadEvent:
    odd = _Odd()
    message_id = _id(data.get("id"), "data.id")
    conversation = _object(data.get("conversation"), "data.conversation")
    conversation_id = _id(conversation.get("id"), "data.conversation.id")
    sender = _object(data.get("sender"), "data.sender")
    sender_id = _id(sender.get("id"), "data.sender.id")
    people = _recipients(data.get("recipients"), sender_id, region, odd)
    message = Message(
        text=_text(data, "text", "data", odd, LONGEST_TEXT),
        sent_at=_text(data, "sent_at", "data", odd),
        title=_text(conversation, "title", "data.conversation", odd),
        url=_text(conversation, "url", "data.conversation", odd),
        sender=Person(_text(sender, "name", "data.sender", odd)),
        people=people,
    )
    event = ChatEvent(
        kind="sent",
        message_id=message_id,
        sender=sender_id,
        statuses={sender_id: Status.READ, **dict.fromkeys(people, Status.SENT)},
        conversation_id=conversation_id,
        payload=pack(message),
        left_out=odd.counts,
        phones={user: str(person.phone) for user, person in people.items() if person.phone is not None},
        sent_at=_time(message.sent_at, odd),
    )
    return ReadEvent(event, tuple(odd.warnings))


def _recipients(found: object, sender: str, region: str, odd: _Odd) -> dict[str, Person]:
    """All but the sender, each once."""
    allowed = f"a list of 1 to {MOST_RECIPIENTS} objects with an id, besides the sender"
    if not isinstance(found, list):
        what = "missing" if found is None else "not a list"
        raise BadRequest(f"data.recipients is {what}; allowed: {allowed}")
    people: dict[str, Person] = {}
    if len(found) <= 2 * MOST_RECIPIENTS:  # more are not even looked at
        for index, each in enumerate(found):
            place = f"data.recipients[{index}]"
            try:
                user = _id(_object(each, place).get("id"), f"{place}.id")
            except BadRequest as error:
                odd.note("recipient", error.reason)
                continue
            if user != sender and user not in people:
                people[user] = _person(each, place, region, odd)
    if len(found) > 2 * MOST_RECIPIENTS or len(people) > MOST_RECIPIENTS:
        raise BadRequest(f"data.recipients has more than {MOST_RECIPIENTS}; allowed: {allowed}")
    if not people:
        what = odd.warnings[0] if odd.warnings else "data.recipients has no one besides the sender"
        raise BadRequest(f"{what}; allowed: {allowed}")
    return people


def _person(given: Mapping[str, Any], place: str, region: str, odd: _Odd) -> Person:
    name, phone, sms = _text(given, "name", place, odd), given.get("phone"), given.get("sms")
    if phone is not None and phone != "":
        try:
            phones.e164(phone, region)
        except phones.BadPhone:
            odd.note("member", f"{place}.phone is not a phone number")
            phone = None
    if sms is not None and not isinstance(sms, bool):
        odd.note("member", f"{place}.sms is not true or false")
    return Person(name, phone or None, sms is not False)


def _text(given: Mapping[str, Any], name: str, place: str, odd: _Odd, longest: int = LONGEST_NAME) -> str:
    """A text that need not be there."""
    value = given.get(name)
    if isinstance(value, str):
        return value[:longest]
    if value is not None:
        odd.note("member", f"{place}.{name} is not a text")
    return ""


def _time(sent_at: str, odd: _Odd) -> int | None:
    """ms since the epoch; None when the event does not say."""
    if not sent_at:
        return None
    try:
        at = datetime.fromisoformat(sent_at)
        return max(0, int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError):
        odd.note("member", "data.sent_at is not a time such as 2026-11-29T12:00:00Z")
        return None


def _object(value: object, place: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise BadRequest(f"{place} is {'missing' if value is None else 'not an object'}; allowed: an object")


def _id(value: object, place: str) -> str:
    if value is None:
        raise BadRequest(f"{place} is missing; allowed: {_AN_ID}")
    if not isinstance(value, str) or not is_id(value):
        raise BadRequest(f"{place} is no id; allowed: {_AN_ID}")
    return value


def is_id(text: str) -> bool:
    """Whether a user, a message or a conversation may be called so: it becomes a segment of a path, which "." and ".."
    are not."""
    return text not in ("", ".", "..") and "\0" not in text and len(text.encode("utf-8")) <= LONGEST_ID
