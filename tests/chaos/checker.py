"""Checks of the texts: compares what was owed with what was sent, and returns a line for each broken promise.

Pure functions over what was seen from outside; :mod:`tests.chaos.test_checker` shows that each of them can fail.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from tests.chaos.phonebook import KNOWN_PHONE, Phonebook


class Obligation(Enum):
    """What the service owed one recipient of one message when it fell due."""

    OWED = "owed"  #: acknowledged, unread and not deleted
    FREE = "free"  #: read or deleted, but the news was not acknowledged by then: an SMS is neither owed nor wrong
    FORBIDDEN = "forbidden"  #: read or deleted, and acknowledged


@dataclass(frozen=True, slots=True)
class ExpectedText:
    """One recipient of one message. ``due`` is ms by Redis' clock, None when Redis knows of no message. ``handsets``
    are all phones that the user ever had.

    ``aside`` says that the SMS was uncertain for a while, or is a dead letter, or may have waited for a number: it
    stepped out of its user's order. ``dead_letter`` is the visible reason, blank when it is none. ``closed`` is what
    became of it otherwise, in one word, and ``ended`` is when that was, in seconds; ``excused`` says that this is a
    reason not to send it.
    """

    message: str
    user: str
    handsets: frozenset[str]
    conversation: str
    due: int | None
    obligation: Obligation
    aside: bool = False
    dead_letter: str = ""
    closed: str = ""
    ended: float | None = None
    excused: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """An SMS on a handset, or a request to send one, ``at`` seconds since the epoch; ``message`` and ``user`` are what
    its text says."""

    message: str
    user: str
    handset: str
    number: str = ""
    at: float = 0.0


def obligation(due: int | None, ended: Sequence[float | None]) -> Obligation:
    """``ended`` holds one entry for each event after which nothing is owed (the recipient read the message, or it was
    deleted): when it was first acknowledged, in seconds since the epoch, None if it never was."""
    if not ended:
        return Obligation.OWED
    in_time = due is not None and any(when is not None and when * 1000 < due for when in ended)
    return Obligation.FORBIDDEN if in_time else Obligation.FREE


def lost_texts(expected_texts: Iterable[ExpectedText], texts: Iterable[Text]) -> list[str]:
    """Owed, not sent, and no reason to be seen."""
    sent = {(text.message, text.user) for text in texts}
    return [
        f"{expected.message} for {expected.user}, due {expected.due}: {expected.closed or 'nothing is known of it'}"
        for expected in expected_texts
        if expected.obligation is Obligation.OWED
        and not (expected.dead_letter or expected.excused)
        and (expected.message, expected.user) not in sent
    ]


def doubled_texts(texts: Iterable[Text], stories: Mapping[tuple[str, str], str] | None = None) -> list[str]:
    """On a handset more than once; ``stories`` explain how that came about."""
    counts = Counter((text.message, text.user) for text in texts)
    return [
        f"{key[0]} for {key[1]}, {count} times: {(stories or {}).get(key, '')}"
        for key, count in counts.items()
        if count > 1
    ]


def needless_texts(expected_texts: Iterable[ExpectedText], texts: Iterable[Text]) -> list[str]:
    """Sent to somebody who was known to have read it, or of a message known to be deleted."""
    sent = {(text.message, text.user) for text in texts}
    return [
        f"{expected.message} for {expected.user}, due {expected.due}"
        for expected in expected_texts
        if expected.obligation is Obligation.FORBIDDEN and (expected.message, expected.user) in sent
    ]


def misrouted_texts(expected_texts: Iterable[ExpectedText], texts: Iterable[Text], phones: Phonebook) -> list[str]:
    """On a handset that was not the recipient's at the time, nor shortly before; or owed to nobody."""
    owed = {(expected.message, expected.user) for expected in expected_texts}
    return [
        f"{text.message} for {text.user} on …{text.handset[-4:]}, where it does not belong"
        for text in texts
        if (text.message, text.user) not in owed
        or text.handset not in phones.between(text.user, text.at - KNOWN_PHONE, text.at)
    ]


def disordered_texts(expected_texts: Iterable[ExpectedText], attempts: Iterable[Text]) -> list[str]:
    """First attempts that came after one for the same user which was due later; ``attempts`` are in their order.
    What stepped aside has no place in the order."""
    by_key = {(expected.message, expected.user): expected for expected in expected_texts}
    seen: set[tuple[str, str]] = set()
    lanes: defaultdict[str, list[ExpectedText]] = defaultdict(list)
    for attempt in attempts:
        key = (attempt.message, attempt.user)
        expected = by_key.get(key)
        if expected is not None and not expected.aside and key not in seen:
            lanes[expected.user].append(expected)
        seen.add(key)
    return [
        f"{second.message} for {second.user}, due {second.due}, after {first.message}, due {first.due}"
        for lane in lanes.values()
        for first, second in pairwise(lane)
        if (second.due or 0) < (first.due or 0)
    ]


#: Why an SMS may become a dead letter in a run: its outcome stayed unknown, or everybody who worked on it was killed.
#: One to a handset that Nexmo refused an SMS to may be "refused", too.
ACCEPTED_REASONS = ("uncertain", "crashes")
#: Why a reply may be: the same, or nobody can know where it belongs.
ACCEPTED_REPLY_REASONS = ("ambiguous", "crashes")


def needless_dead_letters(
    expected_texts: Iterable[ExpectedText], replies: Mapping[str, str], barred: Collection[str]
) -> list[str]:
    """Dead letters for another reason. ``replies`` are those of replies, blank when they are none; ``barred`` are the
    handsets to which some SMS was permanently refused."""
    found = []
    for expected in expected_texts:
        reasons = (*ACCEPTED_REASONS, "refused") if expected.handsets.intersection(barred) else ACCEPTED_REASONS
        if not _accepted(expected.dead_letter, reasons):
            found.append(f"{expected.message} for {expected.user}: {expected.dead_letter}")
    return found + [
        f"{name}: {reason}" for name, reason in replies.items() if not _accepted(reason, ACCEPTED_REPLY_REASONS)
    ]


def _accepted(reason: str, reasons: Sequence[str]) -> bool:
    return reason.startswith(tuple(reasons)) if reason else True


def raised(output: str) -> Iterator[str]:
    """The exceptions that somebody logged with a traceback: nobody foresaw them."""
    inside = False
    for line in output.splitlines():
        if "Traceback (most recent call last)" in line:
            inside = True
        elif inside and (text := line.removeprefix("\t")) and not text.startswith(" "):
            yield text[:200]
            inside = False
