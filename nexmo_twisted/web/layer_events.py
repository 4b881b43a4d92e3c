"""Reading Layer's webhooks: from the bytes of a body to an event about a message, or to what is wrong.

Source: Layer documentation, "Webhooks". An attribute without a value may be absent or an explicit null there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.model import EventKind, MessageEvent, Status
from nexmo_twisted.rules.compact import CONVERSATION

_KINDS: Mapping[str, EventKind] = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.read": "read",
    "message.deleted": "deleted",
}
_STATUSES = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ}

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_MESSAGE_ID = re.compile(f"layer:///messages/({_UUID})")
_CONVERSATION_ID = re.compile(CONVERSATION + _UUID)

#: Anything but control characters and lone surrogates.
_USER_ID = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LONGEST_USER_ID = 1024  # bytes of UTF-8

_DEEPEST = 50  # levels of objects and lists; a message needs four


def read_event(raw: bytes) -> MessageEvent | None:
    """The event in the body of one webhook, or None when its message is a bot's, which is to be ignored.

    The ids of message and conversation come out in lower case; everything else in ``message`` is as it came,
    members that nobody documented included. A ``message.deleted`` needs little more than the message's id.

    Raises BadRequest, which names the place, for anything that is not the document Layer describes.
    """
    document = _object(_parse(raw), "the body")
    event = _object(document.get("event"), "event")
    kind = _KINDS.get(_string(event.get("type"), "event.type"))
    if kind is None:
        raise BadRequest("event.type is not a type of message event")
    message = _object(document.get("message"), "message")
    found = _MESSAGE_ID.fullmatch(_string(message.get("id"), "message.id"))
    if found is None:
        raise BadRequest("message.id is not the id of a message")
    deleted = kind == "deleted"
    sender = _sender(message.get("sender"), optional=deleted)
    if sender is None:
        return None
    statuses = _statuses(message.get("recipient_status"), optional=kind != "sent")
    if kind in ("delivered", "read"):
        _merge_actor(statuses, event.get("actor"), _STATUSES[kind])
    conversation_id = _conversation_id(message.get("conversation"), optional=kind != "sent")
    _check_parts(message.get("parts"), optional=kind != "sent")
    return MessageEvent(
        kind=kind,
        message_id=found[1].lower(),
        sender=sender,
        statuses=statuses,
        message=_in_lower_case(message, conversation_id),
    )


def _parse(raw: bytes) -> object:
    """JSON that can be kept: UTF-8, not too deep, without halves of characters."""
    try:
        document = from_json(raw, allow_inf_nan=False)
    except ValueError:  # also of UTF-8, of halves of characters, and of 200 levels of nesting
        raise BadRequest("the body is not JSON") from None
    # A cheap bound first: an ordinary webhook has a dozen brackets.
    if raw.count(b"{") + raw.count(b"[") > _DEEPEST:
        _check_depth(document)
    return document


def _check_depth(document: object) -> None:
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise BadRequest("the body is nested too deeply")


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


def _sender(value: object, *, optional: bool) -> str | None:
    """The author's user id, '' when there is none and needs to be none, None for a bot."""
    if value is None and optional:
        return ""
    sender = _object(value, "message.sender")
    user_id, name = sender.get("user_id"), sender.get("name")
    if name is not None:
        _string(name, "message.sender.name")
        if user_id is None:
            return None
    if user_id is None and optional:
        return ""
    return _user_id(user_id, "message.sender.user_id")


def _statuses(value: object, *, optional: bool) -> dict[str, Status]:
    if value is None and optional:
        return {}
    statuses = {}
    for user_id, word in _object(value, "message.recipient_status").items():
        status = _STATUSES.get(word) if isinstance(word, str) else None
        if status is None:
            raise BadRequest("message.recipient_status holds an unknown status")
        statuses[_user_id(user_id, "a key of message.recipient_status")] = status
    return statuses


def _merge_actor(statuses: dict[str, Status], value: object, status: Status) -> None:
    """Who reads or gets a message is the actor of that event; the map beside it may be older, or missing."""
    actor = {} if value is None else _object(value, "event.actor")
    if actor.get("user_id") is not None:
        user_id = _user_id(actor["user_id"], "event.actor.user_id")
        statuses[user_id] = max(status, statuses.get(user_id, status))
    elif not statuses:
        raise BadRequest("event.actor and message.recipient_status are both missing")


def _conversation_id(value: object, *, optional: bool) -> str | None:
    if value is None and optional:
        return None
    conversation_id = _string(_object(value, "message.conversation").get("id"), "message.conversation.id")
    if not _CONVERSATION_ID.fullmatch(conversation_id):
        raise BadRequest("message.conversation.id is not the id of a conversation")
    return conversation_id


def _check_parts(value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, list):
        raise BadRequest("message.parts is not a list")
    for part in value:
        _string(_object(part, "a part of message.parts").get("mime_type"), "the mime_type of a part")
        if part.get("body") is not None:
            _string(part["body"], "the body of a part")


def _in_lower_case(message: dict[str, Any], conversation_id: str | None) -> dict[str, Any]:
    """UUIDs are the same in either case, but Redis keys and links compare text."""
    if message["id"] != message["id"].lower():
        message = {**message, "id": message["id"].lower()}
    if conversation_id is not None and conversation_id != conversation_id.lower():
        conversation = {**message["conversation"], "id": conversation_id.lower()}
        message = {**message, "conversation": conversation}
    return message
