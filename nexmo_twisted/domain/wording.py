"""Plain words for operators: times, ids of strangers, and what each reason means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

#: What the short names of reasons mean, for texts and replies alike.
REASONS: Final[Mapping[str, str]] = {
    # nothing had to be sent
    "read": "the recipient had read the message",
    "deleted": "the message was deleted",
    "done": "it was done already",
    "blank": "it has no text",
    "no_phone": "the recipient has no phone number that can receive SMS",
    "unknown_user": "the recipient is unknown",
    "opted_out": "the recipient has opted out by SMS",
    "no_number": "all numbers were in use on the recipient's handset; add numbers",
    "expired": "it is no longer kept",
    "undecodable": "its record in Redis cannot be read",
    # given up
    "refused": "permanently refused",
    "too_late": "not done within expire_after",
    "template": "the template failed",
    "crashes": "several workers died or stalled while processing it",
    "ambiguous": "it may belong to either of two conversations",
    "conversation_gone": "the conversation is gone",
    "not_participant": "the user has left the conversation",
    # tried, and not known to be sent
    "uncertain": "it may or may not have been sent",
    "lost": "the process that was sending it died or stalled",
    "lost item": "its item in Redis was lost",
    "dropped": "no receipt came in time",
    "internal": "internal error, see the log",
    # replies
    "posted": "posted",
    "binary": "it was not a text",
    "no_thread": "no conversation is linked to its number on that handset",
    "not_their_phone": "the user's profile names another phone, or none",
    "own_number": "the phone is one of our own numbers",
    "again": "a START that may be older than the last STOP; its sender was asked to repeat it",
}


def explained(reason: str) -> str:
    """A reason as Redis has it, ``code: details`` or ``uncertain code``, in words; what is no code stays as it is."""
    if not reason:
        return "no reason was given"
    code, separator, rest = reason.partition(": ")
    if not separator and code.startswith("uncertain "):
        code, _, rest = code.partition(" ")
    if code not in REASONS:
        return printable(reason)
    if not rest:
        return REASONS[code]
    return f"{REASONS[code]} ({explained(rest) if code == 'uncertain' else printable(rest)})"


def utc(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC, to the second."""
    try:
        return (_EPOCH + timedelta(seconds=ms // 1000)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{ms} ms"


def span(ms: int) -> str:
    """How long that is, in its two greatest units: ``9 min 30 s``."""
    rest = max(0, ms) // 1000
    words = []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"


def printable(text: str) -> str:
    """Text of strangers as a terminal may show it: whatever could move its cursor is written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shortened(text: str, most: int) -> str:
    """At most so many characters of it, for a table."""
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
