"""A Message object in few bytes, and back: what follows from its ids or is kept beside it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from nexmo_twisted.domain.compact_json import dump
from nexmo_twisted.domain.model import Status
from nexmo_twisted.platforms.layer.ids import MESSAGE

_STATUS_NAMES = {status: status.name.lower() for status in Status}


def pack(message: Mapping[str, Any], api_root: str) -> str:
    """``message`` without the ids of itself, of its conversation and its sender, and without recipient_status.
    ``api_root`` is ``<api_url>/apps/<app id>``.

    Whatever differs from what :func:`unpack` would make of the short form is kept beside it, so nothing is lost.
    """
    message_id = message["id"]
    parts = message.get("parts") or []
    core = [
        message.get("sent_at"),
        [_pack_part(part, f"{message_id}/parts/{index}") for index, part in enumerate(parts)],
    ]
    sender = (message.get("sender") or {}).get("user_id")
    plain = _rebuild(core, message_id, message["conversation"]["id"], sender, api_root)
    differing = {
        key: value for key, value in message.items() if key != "recipient_status" and plain.get(key, core) != value
    }
    absent = [key for key in plain if key not in message]
    if differing or absent:
        core.append(differing)
    if absent:
        core.append(absent)
    return dump(core)


def unpack(
    packed: str, message_id: str, conversation_id: str, sender: str, statuses: Mapping[str, Status], api_root: str
) -> dict[str, Any]:
    """The documented Message object. ``message_id`` is the bare UUID, ``conversation_id`` Layer's whole id."""
    core = from_json(packed)
    message = _rebuild(core[:2], MESSAGE + message_id, conversation_id, sender, api_root)
    if len(core) > 2:
        message.update(core[2])
    for key in core[3] if len(core) > 3 else ():
        del message[key]
    message["recipient_status"] = {user: _STATUS_NAMES[status] for user, status in statuses.items()}
    return message


def _rebuild(
    core: list[Any], message_id: str, conversation_id: str, sender: str | None, api_root: str
) -> dict[str, Any]:
    sent_at, parts = core
    return {
        "id": message_id,
        "url": f"{api_root}/messages/{message_id.rpartition('/')[2]}",
        "conversation": {
            "id": conversation_id,
            "url": f"{api_root}/conversations/{conversation_id.rpartition('/')[2]}",
        },
        "parts": [_unpack_part(part, f"{message_id}/parts/{index}") for index, part in enumerate(parts)],
        "sent_at": sent_at,
        "sender": {"user_id": sender, "name": None},
    }


def _pack_part(part: Any, part_id: str) -> Any:
    if part == _unpack_part(part.get("body"), part_id) and isinstance(part.get("body"), str):
        return part["body"]
    return part


def _unpack_part(part: Any, part_id: str) -> Any:
    return {"id": part_id, "mime_type": "text/plain", "body": part} if isinstance(part, str) else part
