"""Plain words for those who run the service: times, ids of strangers, and what each reason means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

#: What the short names of reasons mean, for texts and replies alike.
REASONS: Final[Mapping[str, str]] = {
    # nothing had to be sent
    "read": "the recipient had seen the message",
    "deleted": "the message was deleted",
    "done": "it was done already",
    "blank": "there was no text in it",
    "no_phone": "the recipient has no phone that takes texts",
    "unknown_user": "nobody knows the recipient",
    "opted_out": "the recipient asked by SMS to get no more texts",
    "no_number": "all numbers were taken on the recipient's handset; more are needed",
    "expired": "it is no longer kept",
    "undecodable": "its record in Redis cannot be read",
    # given up
    "refused": "refused for good",
    "too_late": "not done within expire_after",
    "template": "the template failed",
    "crashes": "whoever worked on it died, time and again",
    "ambiguous": "it may belong to either of two conversations",
    "conversation_gone": "the conversation is gone",
    "not_participant": "the user has left the conversation",
    # tried, and not known to be sent
    "uncertain": "nobody knows whether it was sent",
    "lost": "the process that sent it died meanwhile",
    "lost item": "its item in Redis was lost",
    "dropped": "no receipt came in time",
    "internal": "something unforeseen went wrong, which is in the log",
    # replies
    "posted": "posted",
    "binary": "it was no text",
    "no_thread": "its number carries no conversation on that handset",
    "not_their_phone": "the user's profile names another phone, or none",
    "own_number": "the phone is one of our own numbers",
    "again": "it asks to start again, but may be older than the last STOP: its writer was asked to send it again",
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
