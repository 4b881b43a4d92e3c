"""A Message object in few bytes, and back: what follows from its ids or is kept beside it is left out."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

from nexmo_twisted.domain.model import Status

#: What stands before the UUID in a conversation's id (Layer documentation, Platform API).
CONVERSATION = "layer:///conversations/"

_STATUS_NAMES = {status: status.name.lower() for status in Status}


def dump(value: Any) -> str:
    """JSON in few bytes. (The standard library makes an encoder for every call, which takes longer than using it.)"""
    return to_json(value, inf_nan_mode="constants").decode()


#: The 85 characters of ASCII that mean nothing in a query, a form, a shell or a log.
_DIGITS = "".join(sorted({chr(code) for code in range(33, 127)} - set("\"%&'+<=>\\")))
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_REFERENCE = 40  # digits of base 85, in which 32 bytes fit exactly


def reference(item_id: str) -> str:
    """What an item is called outside, in 40 characters of ASCII at most: the id of a notification is longer.

    It consists of two numbers of 128 bits, so that nobody can make two recipients that are taken for one."""
    message, _, recipient = item_id.partition(".")
    if len(recipient) != 32:  # a notice
        return item_id
    number = int(message_bytes(message).hex() + recipient, 16)
    pairs = []
    for _ in range(_REFERENCE // 2):  # two digits at a time: this is done for every SMS
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))


def item_of_reference(text: str) -> str:
    """The other way round; what is no reference of a notification stays as it is."""
    if len(text) != _REFERENCE or not set(text) <= set(_DIGITS):
        return text
    number = 0
    for digit in text:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    if number >> 256:
        return text
    raw = number.to_bytes(32, "big")
    return f"{urlsafe_b64encode(raw[:16])[:22].decode()}.{raw[16:].hex()}"


def message_bytes(short: str) -> bytes:
    """The 16 bytes of a UUID from its 22 characters of base64url."""
    return urlsafe_b64decode(short + "==")


def short_id(uuid: str) -> str:
    """A UUID in its usual form as 22 characters of base64url."""
    return urlsafe_b64encode(bytes.fromhex(uuid.replace("-", "")))[:22].decode()


def long_id(short: str) -> str:
    """The other way round, in lower case."""
    digits = message_bytes(short).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def pack(message: Mapping[str, Any], api_root: str) -> str:
    """``message`` without sender id and recipient_status. ``api_root`` is ``<api_url>/apps/<app id>``.

    Whatever differs from what :func:`unpack` would make of the short form is kept beside it, so nothing is lost.
    """
    message_id = message["id"]
    parts = message.get("parts") or []
    core = [
        short_id(message["conversation"]["id"].removeprefix(CONVERSATION)),
        message.get("sent_at"),
        [_pack_part(part, f"{message_id}/parts/{index}") for index, part in enumerate(parts)],
    ]
    sender = (message.get("sender") or {}).get("user_id")
    plain = _rebuild(core, message_id, sender, api_root)
    differing = {
        key: value for key, value in message.items() if key != "recipient_status" and plain.get(key, core) != value
    }
    absent = [key for key in plain if key not in message]
    if differing or absent:
        core.append(differing)
    if absent:
        core.append(absent)
    return dump(core)


def unpack(packed: str, message_id: str, sender: str, statuses: Mapping[str, Status], api_root: str) -> dict[str, Any]:
    """The documented Message object. ``message_id`` is the bare UUID."""
    core = from_json(packed)
    message = _rebuild(core[:3], f"layer:///messages/{message_id}", sender, api_root)
    if len(core) > 3:
        message.update(core[3])
    for key in core[4] if len(core) > 4 else ():
        del message[key]
    message["recipient_status"] = {user: _STATUS_NAMES[status] for user, status in statuses.items()}
    return message


def _rebuild(core: list[Any], message_id: str, sender: str | None, api_root: str) -> dict[str, Any]:
    short, sent_at, parts = core
    conversation = long_id(short)
    return {
        "id": message_id,
        "url": f"{api_root}/messages/{message_id.rpartition('/')[2]}",
        "conversation": {"id": CONVERSATION + conversation, "url": f"{api_root}/conversations/{conversation}"},
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
