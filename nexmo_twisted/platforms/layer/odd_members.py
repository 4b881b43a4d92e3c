"""Members of Layer's webhooks that cannot be used or kept: they are left out beside good ones, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nexmo_twisted.domain.invisible import HALVES, is_blank
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.platforms.layer.json_values import can_be_kept, is_text
from nexmo_twisted.platforms.layer.message_text import part_text

#: The members that Layer documents, of a message and of a part.
_OF_MESSAGE = frozenset(
    {"id", "url", "conversation", "parts", "sender", "sent_at", "received_at", "recipient_status", "position"}
)
_OF_PART = frozenset({"id", "mime_type", "body", "encoding", "content"})
#: What is kept of members of which the rest cannot be.
_NEEDED = {"sender": "user_id", "conversation": "id"}
#: Members that are looked at one by one, in an event of which not all can be kept.
_MOST_MEMBERS = 500


class OddMembers:
    """What is left out of an event: how much of each kind, and what is wrong with the first."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first = ""
        self._members = _MOST_MEMBERS

    def __bool__(self) -> bool:
        return bool(self.counts)

    def note(self, kind: str, reason: str, amount: int = 1) -> None:
        self._first = self._first or reason
        self.counts[kind] += amount

    def refuse(self) -> None:
        """Raise BadRequest if there is anything: nothing good is beside it."""
        if self:
            raise BadRequest(self._first)

    def can_be_kept(self, value: object) -> bool:
        """Whether an undocumented member can be; none can once too many were looked at, which takes time."""
        self._members -= 1
        return self._members >= 0 and can_be_kept(value)


def wrong_with(part: object, *, clean: bool) -> str:
    """Why a part cannot be used, '' when it can."""
    if not isinstance(part, dict):
        return "a part of message.parts is not an object"
    if not isinstance(part.get("mime_type"), str):
        return "the mime_type of a part is not a string"
    if not isinstance(part.get("body"), str | None):
        return "the body of a part is not a string"
    if not clean and not is_text(part["mime_type"] + (part.get("body") or "")):
        return "a part of message.parts is not text"
    try:
        part_text(part)
    except ValueError:
        return "the text of a part cannot be read"
    return ""


def without_halves(part: Any) -> Any:
    """A part whose text ends in half a character, as a program leaves it that cuts texts by length: without that."""
    if not isinstance(part, dict):
        return part
    kind, body = part.get("mime_type"), part.get("body")
    if not isinstance(kind, str) or not kind.startswith("text/") or not isinstance(body, str) or is_text(body):
        return part
    whole = HALVES.sub("", body)
    return {**part, "body": whole} if is_text(whole) and not is_blank(whole) else part


def kept_part(part: dict[str, Any], odd: OddMembers) -> dict[str, Any]:
    """The part with those of its members that can be kept."""
    if can_be_kept([part]):
        return part
    odd.note("member", "a member of a part is not text, or is nested too deeply")
    return {
        name: value
        for name, value in part.items()
        if (can_be_kept([{name: value}]) if name in _OF_PART else odd.can_be_kept([{name: value}]))
    }


def kept_message(
    message: Mapping[str, Any], known: Mapping[str, Any], odd: OddMembers, *, clean: bool, told: bool
) -> dict[str, Any]:
    """The message with what was read of it, and of the other members those that can be kept. ``clean``: all can.
    ``told``: what cannot is told of, since the message was to be kept."""
    whole = {**message, **known}
    if clean and not odd:
        return whole
    kept = {}
    for name, value in whole.items():
        if name in known and name not in _NEEDED:
            kept[name] = value  # it was looked at already
        elif is_text(name) and (can_be_kept(value) if name in _OF_MESSAGE else odd.can_be_kept(value)):
            kept[name] = value
        elif told and name in _NEEDED:  # then it was read
            kept[name] = {_NEEDED[name]: value[_NEEDED[name]]}
        elif told:
            odd.note("member", "a member of message is not text, or is nested too deeply")
    return kept
