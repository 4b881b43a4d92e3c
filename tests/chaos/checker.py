"""The judge of texts: from what was owed and what came out, everything that breaks a promise, a line of evidence each.

Pure functions over what was seen from outside; :mod:`tests.chaos.test_checker` shows that each of them can say no.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from tests.chaos.phonebook import KNOWN_PHONE, Phonebook


class Standing(Enum):
    """What the service owed one recipient of one message when it fell due."""

    OWED = "owed"  #: acknowledged, unread and not deleted
    FREE = "free"  #: read or deleted, but the news was not acknowledged by then: an SMS is neither owed nor wrong
    FORBIDDEN = "forbidden"  #: read or deleted, and acknowledged


@dataclass(frozen=True, slots=True)
class Debt:
    """One recipient of one message. ``due`` is ms by Redis' clock, None when Redis knows of no message. ``handsets``
    are all phones that the user ever had.

    ``aside`` says that the SMS was uncertain for a while, or is buried, or may have waited for a number: it stepped out
    of its user's order. ``buried`` is the visible reason, blank when it is not. ``closed`` is what became of it
    otherwise, in one word, and ``ended`` is when that was, in seconds; ``excused`` says that this is a reason not to
    send it.
    """

    message: str
    user: str
    handsets: frozenset[str]
    conversation: str
    due: int | None
    standing: Standing
    aside: bool = False
    buried: str = ""
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


def standing(due: int | None, ended: Sequence[float | None]) -> Standing:
    """``ended`` holds one entry for each event that ends the debt (the recipient read the message, or it was deleted):
    when it was first acknowledged, in seconds since the epoch, None if it never was."""
    if not ended:
        return Standing.OWED
    in_time = due is not None and any(when is not None and when * 1000 < due for when in ended)
    return Standing.FORBIDDEN if in_time else Standing.FREE


def lost_texts(debts: Iterable[Debt], texts: Iterable[Text]) -> list[str]:
    """Owed, not sent, and no reason to be seen."""
    sent = {(text.message, text.user) for text in texts}
    return [
        f"{debt.message} for {debt.user}, due {debt.due}: {debt.closed or 'nothing is known of it'}"
        for debt in debts
        if debt.standing is Standing.OWED
        and not (debt.buried or debt.excused)
        and (debt.message, debt.user) not in sent
    ]


def doubled_texts(texts: Iterable[Text], stories: Mapping[tuple[str, str], str] | None = None) -> list[str]:
    """On a handset more than once; ``stories`` are told beside it."""
    counts = Counter((text.message, text.user) for text in texts)
    return [
        f"{key[0]} for {key[1]}, {count} times: {(stories or {}).get(key, '')}"
        for key, count in counts.items()
        if count > 1
    ]


def needless_texts(debts: Iterable[Debt], texts: Iterable[Text]) -> list[str]:
    """Sent to somebody who was known to have read it, or of a message known to be deleted."""
    sent = {(text.message, text.user) for text in texts}
    return [
        f"{debt.message} for {debt.user}, due {debt.due}"
        for debt in debts
        if debt.standing is Standing.FORBIDDEN and (debt.message, debt.user) in sent
    ]


def misrouted_texts(debts: Iterable[Debt], texts: Iterable[Text], phones: Phonebook) -> list[str]:
    """On a handset that was not the recipient's at the time, nor shortly before; or owed to nobody."""
    owed = {(debt.message, debt.user) for debt in debts}
    return [
        f"{text.message} for {text.user} on …{text.handset[-4:]}, where it does not belong"
        for text in texts
        if (text.message, text.user) not in owed
        or text.handset not in phones.between(text.user, text.at - KNOWN_PHONE, text.at)
    ]


def disordered_texts(debts: Iterable[Debt], attempts: Iterable[Text]) -> list[str]:
    """First attempts that came after one for the same user which was due later; ``attempts`` are in their order.
    What stepped aside has no place in the order."""
    by_key = {(debt.message, debt.user): debt for debt in debts}
    seen: set[tuple[str, str]] = set()
    lanes: defaultdict[str, list[Debt]] = defaultdict(list)
    for attempt in attempts:
        key = (attempt.message, attempt.user)
        debt = by_key.get(key)
        if debt is not None and not debt.aside and key not in seen:
            lanes[debt.user].append(debt)
        seen.add(key)
    return [
        f"{second.message} for {second.user}, due {second.due}, after {first.message}, due {first.due}"
        for lane in lanes.values()
        for first, second in pairwise(lane)
        if (second.due or 0) < (first.due or 0)
    ]


#: Why an SMS may be buried in a run: its outcome stayed unknown, or everybody who worked on it was killed. One to a
#: handset that Nexmo refused an SMS to may be "refused", too.
FATES = ("uncertain", "crashes")
#: Why a reply may be: the same, or nobody can know where it belongs.
REPLY_FATES = ("ambiguous", "crashes")


def buried_needlessly(debts: Iterable[Debt], replies: Mapping[str, str], barred: Collection[str]) -> list[str]:
    """Buried for another reason. ``replies`` are those of replies, blank when they are not buried; ``barred`` are the
    handsets to which some SMS was refused for good."""
    found = []
    for debt in debts:
        fates = (*FATES, "refused") if debt.handsets.intersection(barred) else FATES
        if not _fated(debt.buried, fates):
            found.append(f"{debt.message} for {debt.user}: {debt.buried}")
    return found + [f"{name}: {reason}" for name, reason in replies.items() if not _fated(reason, REPLY_FATES)]


def _fated(reason: str, fates: Sequence[str]) -> bool:
    return reason.startswith(tuple(fates)) if reason else True


def raised(output: str) -> Iterator[str]:
    """The exceptions that somebody logged with a traceback: nobody foresaw them."""
    inside = False
    for line in output.splitlines():
        if "Traceback (most recent call last)" in line:
            inside = True
        elif inside and (text := line.removeprefix("\t")) and not text.startswith(" "):
            yield text[:200]
            inside = False
