"""The quarantine: what is kept of a webhook that could not be used, and how it is found again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from nexmo_twisted.domain.wording import printable, utc

#: Characters that are kept of one, as JSON and with all that is said of it.
KEPT = 65_536
#: Those that Redis puts before it: when that was.
_STAMP = len('"at": 1767225600000, ')
_MOST_IDS = 16
_MATCHES = 5000  # that are looked at in one body

#: A name that ids have in JSON, and its value, which may be a URL.
_JSON_ID = re.compile(
    rb'"(id|messageId|message-id|message_id|message_uuid|client-ref|client_ref)"\s{0,20}:\s{0,20}"?'
    rb'([^"\\,{}\[\]\s\x00-\x1f]{1,128})(?=["\\,}\]\s]|\Z)'
)
#: A character of an id, or of the name of one, that is written as an escape.
_ESCAPE = re.compile(rb"\\u00(2[d-fD-F]|3[0-9aA]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aA])")
_MESSAGE_PATH = re.compile(rb"/messages/([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})")
_FORM_ID = re.compile(rb"\b(?:messageId|message-id|client-ref)=([^&?]{1,400})")
_NO_IDS = frozenset({"null", "true", "false"})
_MESSAGE = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:/\S*/messages/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/parts/[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class SetAside:
    """One webhook of ``source``, the name of a platform or provider in lower case. ``at`` is when it came (ms since the
    epoch), None when that is not known. ``signed``: its sender signed it, so it is no stranger's."""

    source: str
    reason: str
    ids: Sequence[str]
    at: int | None
    signed: bool


def entry(source: str, reason: str, raw: bytes, *, signed: bool) -> str:
    """One webhook as it is kept: JSON without the time, which Redis adds. One that is not signed may come from any
    client, and only its beginning is looked at."""
    values = {"source": source, "reason": reason, "ids": ids_in(raw if signed else raw[:KEPT]), "body": ""}
    room = KEPT - _STAMP - len(json.dumps(values))
    values["body"] = _beginning(raw[:KEPT].decode("utf-8", "backslashreplace"), room)
    return json.dumps(values)


def read_entry(kept: str, *, signed: bool) -> SetAside | None:
    """The inverse; None for anything that this service did not write."""
    try:
        values = json.loads(kept)
    except ValueError:
        return None
    if not isinstance(values, Mapping):
        return None
    ids, at = values.get("ids"), values.get("at")
    return SetAside(
        source=str(values.get("source", "")),
        reason=str(values.get("reason", "")),
        ids=[str(each) for each in ids] if isinstance(ids, list) else (),
        at=at if isinstance(at, int) else None,
        signed=signed,
    )


def ids_in(raw: bytes) -> list[str]:
    """The ids in the body or the query of a webhook, as far as they can be made out, whatever else it is: those of
    messages and events first. The time taken is in proportion to its length."""
    plain = raw.replace(b"\0", b"").replace(rb"\/", b"/")  # without NUL, what is UTF-16 can be read as well
    plain = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), plain, _MATCHES)
    named = [match.groups() for match in islice(_JSON_ID.finditer(plain), _MATCHES)]
    ids = dict.fromkeys(value.decode("utf-8", "replace") for name, value in named if name != b"id")
    ids |= dict.fromkeys(unquote(match[1].decode("latin-1")) for match in islice(_FORM_ID.finditer(raw), _MATCHES))
    ids |= dict.fromkeys(match[1].decode() for match in islice(_MESSAGE_PATH.finditer(plain), _MATCHES))
    others = [value.decode("utf-8", "replace") for name, value in named if name == b"id"]
    ids |= dict.fromkeys(sorted(others, key=_rank))
    known = dict.fromkeys(known_as(each) for each in ids if each not in _NO_IDS and len(each) <= 128)
    return list(known)[:_MOST_IDS]


def _rank(value: str) -> int:
    """Which ids are kept when there are too many: those of messages, then others of any kind, then other URLs."""
    return 0 if _MESSAGE.fullmatch(value.strip().lower()) else 2 if ":/" in value else 1


def known_as(text: str) -> str:
    """The form in which ids are compared: of a message its UUID, in lower case."""
    text = text.strip().lower()
    found = _MESSAGE.fullmatch(text)
    return found[1] if found else text


def set_aside_story(aside: SetAside) -> Iterator[str]:
    """What is known of one, line by line, without its text."""
    when = f" {utc(aside.at)}" if aside.at is not None else ""
    yield f"Webhook of {aside.source.capitalize()} quarantined{when}: {printable(aside.reason)}"
    yield "  signed" if aside.signed else "  not signed: anyone may have sent it"
    if aside.ids:
        yield f"  ids in it: {', '.join(printable(each) for each in aside.ids)}"


def _beginning(text: str, room: int) -> str:
    """As much of ``text`` as takes ``room`` characters in JSON at most; an escape is not cut."""
    written = json.dumps(text)[1:-1][:room]
    for cut in range(6):  # an escape has six characters
        try:
            kept: str = json.loads(f'"{written[: len(written) - cut]}"')
        except ValueError:
            continue
        return kept
    return ""
