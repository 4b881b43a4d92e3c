"""Reading Layer's webhooks: from the bytes of a body to an event about a message, or to what is wrong.

Source: Layer documentation, "Webhooks". An attribute without a value may be absent or an explicit null there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nexmo_twisted.domain.model import ChatEvent, EventKind, Status
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.platforms.layer.ids import CONVERSATION_ID, MESSAGE_ID
from nexmo_twisted.platforms.layer.json_values import parse
from nexmo_twisted.platforms.layer.message_codec import pack
from nexmo_twisted.platforms.layer.message_text import message_text
from nexmo_twisted.platforms.layer.odd_members import OddMembers, kept_message, kept_part, without_halves, wrong_with

_KINDS: Mapping[str, EventKind] = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.read": "read",
    "message.deleted": "deleted",
}
_STATUSES = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ}

#: Anything but control characters and lone surrogates.
_USER_ID = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST_USER_ID = 1024  # bytes of UTF-8

#: A message to more people than this is no chat, and each of them costs the same again at every step.
MOST_RECIPIENTS = 1000
#: Parts of one message that are read; the text of an SMS is in the first few.
MOST_PARTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEvent:
    """What one webhook says. ``message_id`` is the bare UUID in lower case, ``message`` the whole documented Message
    object; ``left_out`` is counted by kind: "recipient", "actor", "part" or "member"."""

    kind: EventKind
    message_id: str
    sender: str
    statuses: Mapping[str, Status]
    message: Mapping[str, Any]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def chat_event(self, api_root: str) -> ChatEvent:
        """As it is handed over. Only "sent" carries the message itself, without what follows from ``api_root``, which
        is ``<api_url>/apps/<app id>``."""
        sent = self.kind == "sent"
        return ChatEvent(
            kind=self.kind,
            message_id=self.message_id,
            sender=self.sender,
            statuses=self.statuses,
            conversation_id=self.message["conversation"]["id"] if sent else "",
            payload=pack(self.message, api_root) if sent else "",
            left_out=self.left_out,
        )


def read_event(raw: bytes) -> LayerEvent | None:
    """The event in the body of one webhook, or None when its message is a bot's, which is to be ignored.

    The ids of message and conversation come out in lower case; everything else in ``message`` is as it came,
    undocumented members included. A ``message.deleted`` needs little more than the message's id, the two
    about statuses need the status of one user. Recipients, parts and members that cannot be used are left out when
    others can be used; the event tells of them.

    Raises BadRequest, which names the place, for anything that is not the document Layer describes.
    """
    parsed, clean = parse(raw)
    document = _object(parsed, "the body")
    event = _object(document.get("event"), "event")
    kind = _KINDS.get(_string(event.get("type"), "event.type"))
    if kind is None:
        raise BadRequest("event.type is not a type of message event")
    message = _object(document.get("message"), "message")
    found = MESSAGE_ID.fullmatch(_string(message.get("id"), "message.id"))
    if found is None:
        raise BadRequest("message.id is not the id of a message")
    sender = _sender(message.get("sender"), needed=kind == "sent")
    if sender is None:
        return None
    odd = OddMembers()
    known: dict[str, Any] = {"id": found[0].lower()}
    statuses = _statuses(message.get("recipient_status"), sender, odd, needed=kind == "sent")
    if odd:
        known["recipient_status"] = {user: status.name.lower() for user, status in statuses.items()}
    if kind == "sent":
        known |= _content(message, odd, clean=clean)
    elif kind != "deleted":
        _merge_actor(statuses, event.get("actor"), _STATUSES[kind], odd)
    return LayerEvent(
        kind=kind,
        message_id=found[1].lower(),
        sender=sender,
        statuses=statuses,
        message=kept_message(message, known, odd, clean=clean, told=kind == "sent"),
        left_out=odd.counts,
    )


def _object(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"{place} is not an object")
    return value


def _string(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"{place} is not a string")
    return value


def _user_id(value: object, place: str) -> str:
    text = _string(value, place)
    if not _is_user_id(text):
        raise BadRequest(f"{place} is not a user id")
    return text


@lru_cache(2000)
def _is_user_id(text: str) -> bool:
    return _USER_ID.fullmatch(text) is not None and len(text.encode("utf-8")) <= _LONGEST_USER_ID


def _sender(value: object, *, needed: bool) -> str | None:
    """The author's user id, '' when there is none and needs to be none, None for a bot."""
    sender = _object(value, "message.sender") if needed or isinstance(value, dict) else {}
    user_id, name = sender.get("user_id"), sender.get("name")
    if user_id is None and isinstance(name, str):
        return None
    if not needed and not (isinstance(user_id, str) and _is_user_id(user_id)):
        return ""
    return _user_id(user_id, "message.sender.user_id")


def _statuses(value: object, sender: str, odd: OddMembers, *, needed: bool) -> dict[str, Status]:
    """The status of every user that can be made out. Of a message to too many nothing is read but who has acted."""
    if needed:
        value = _object(value, "message.recipient_status")
    elif not isinstance(value, dict):
        if value is not None:
            odd.note("recipient", "message.recipient_status is not an object")
        return {}
    if len(value) - (sender in value) > MOST_RECIPIENTS:
        if needed:
            raise BadRequest(f"message.recipient_status has more than {MOST_RECIPIENTS:,} recipients")
        return {}
    statuses = {}
    for user_id, word in value.items():
        status = _STATUSES.get(word) if isinstance(word, str) else None
        if status is None:
            odd.note("recipient", "message.recipient_status holds an unknown status")
        elif not _is_user_id(user_id):
            odd.note("recipient", "a key of message.recipient_status is not a user id")
        else:
            statuses[user_id] = status
    if needed and not statuses.keys() - {sender}:
        odd.refuse()
    return statuses


def _merge_actor(statuses: dict[str, Status], value: object, status: Status, odd: OddMembers) -> None:
    """Who reads or gets a message is the actor of that event; the map beside it may be older, or missing."""
    user_id = value.get("user_id") if isinstance(value, dict) else value
    if isinstance(value, dict) and isinstance(user_id, str) and _is_user_id(user_id):
        statuses[user_id] = max(status, statuses.get(user_id, status))
    elif user_id is not None:
        what = "event.actor.user_id is not a user id" if isinstance(value, dict) else "event.actor is not an object"
        odd.note("actor", what)
    if not statuses:
        odd.refuse()
        raise BadRequest("event.actor and message.recipient_status are both missing")


def _content(message: Mapping[str, Any], odd: OddMembers, *, clean: bool) -> dict[str, Any]:
    """The conversation and the parts of a message, as far as they can be used. ``clean``: all can be kept."""
    conversation = _object(message.get("conversation"), "message.conversation")
    conversation_id = _string(conversation.get("id"), "message.conversation.id")
    if not CONVERSATION_ID.fullmatch(conversation_id):
        raise BadRequest("message.conversation.id is not the id of a conversation")
    found = message.get("parts")
    if not isinstance(found, list):
        raise BadRequest("message.parts is not a list")
    parts, wrongs = [], []
    if len(found) > MOST_PARTS:
        odd.note("part", f"message.parts has more than {MOST_PARTS:,} parts", len(found) - MOST_PARTS)
    for each in found[:MOST_PARTS]:
        part = each if clean else without_halves(each)
        wrong = wrong_with(part, clean=clean)
        if wrong:
            wrongs.append(wrong)
        else:
            parts.append(part)
    if wrongs and not message_text(parts).strip():  # it may have been in one of these
        raise BadRequest(wrongs[0])
    for wrong in wrongs:
        odd.note("part", wrong)
    if not clean:
        parts = [kept_part(part, odd) for part in parts]
    return {"conversation": {**conversation, "id": conversation_id.lower()}, "parts": parts}
