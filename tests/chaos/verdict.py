"""The judge: from what was owed and what came out, everything that breaks a promise, one line of evidence each.

Pure functions over what was seen from outside; :mod:`tests.chaos.test_verdict` shows that each of them can say no.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise


class Standing(Enum):
    """What the service owed one recipient of one message when it fell due."""

    OWED = "owed"  #: acknowledged, unread and not deleted
    FREE = "free"  #: read or deleted, but the news was not acknowledged by then: an SMS is neither owed nor wrong
    FORBIDDEN = "forbidden"  #: read or deleted, and acknowledged


@dataclass(frozen=True, slots=True)
class Debt:
    """One recipient of one message. ``due`` is ms by Redis' clock, None when Redis knows of no message.

    ``aside`` says that the SMS was uncertain for a while, or is buried: it stepped out of its user's order.
    ``buried`` is the visible reason, blank when it is not.
    """

    message: str
    user: str
    handset: str
    conversation: str
    due: int | None
    standing: Standing
    aside: bool = False
    buried: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """An SMS on a handset, or a request to send one; ``message`` and ``user`` are what its text says."""

    message: str
    user: str
    handset: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply from a handset, acknowledged or not, and the thread it belongs to.

    ``began`` is when Nexmo first tried to deliver it and ``acknowledged`` when it first had a 2xx, in seconds.
    """

    name: str
    handset: str
    user: str
    conversation: str
    began: float
    acknowledged: float | None
    buried: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A message that the service posted into a conversation, as which user."""

    name: str
    user: str | None
    conversation: str


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
        f"{debt.message} for {debt.user}, due {debt.due}"
        for debt in debts
        if debt.standing is Standing.OWED and not debt.buried and (debt.message, debt.user) not in sent
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


def misrouted_texts(debts: Iterable[Debt], texts: Iterable[Text]) -> list[str]:
    """On a handset that is not the recipient's; owed to nobody; or over a number that carries another conversation
    on that handset. No link ends during a run, so a thread has one number and a number one thread."""
    by_key = {(debt.message, debt.user): debt for debt in debts}
    found: list[str] = []
    carried: dict[tuple[str, str], tuple[str, str]] = {}  # handset and number -> user and conversation
    numbers: dict[tuple[str, str, str], str] = {}  # handset, user and conversation -> number
    for text in texts:
        debt = by_key.get((text.message, text.user))
        if debt is None or debt.handset != text.handset:
            found.append(f"{text.message} for {text.user} on …{text.handset[-4:]}, where it does not belong")
            continue
        thread = (text.user, debt.conversation)
        first = carried.setdefault((text.handset, text.number), thread)
        number = numbers.setdefault((text.handset, *thread), text.number)
        if first != thread or number != text.number:
            found.append(
                f"{text.message} for {text.user} over …{text.number[-4:]}, which carries a conversation of "
                f"{first[0]}; that thread began over …{number[-4:]}"
            )
    return found


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


def lost_replies(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """Acknowledged, not posted, and no reason to be seen."""
    posted = {post.name for post in posts}
    return [
        f"{answer.name} from …{answer.handset[-4:]}"
        for answer in answers
        if answer.acknowledged is not None and not answer.buried and answer.name not in posted
    ]


def doubled_replies(posts: Iterable[Post]) -> list[str]:
    """In Layer more than once."""
    return [f"{name}, {count} times" for name, count in Counter(post.name for post in posts).items() if count > 1]


def misrouted_replies(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """In another conversation than the one its number carried, or as somebody else, or written by nobody."""
    threads = {answer.name: (answer.user, answer.conversation) for answer in answers}
    return [
        f"{post.name} as {post.user} in {post.conversation}, not {threads.get(post.name)}"
        for post in posts
        if threads.get(post.name) != (post.user, post.conversation)
    ]


def disordered_replies(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """Posted before another one of the same handset that was acknowledged before this one's first delivery began;
    ``posts`` are in their order. Two that were under way at the same time may come in either order."""
    by_name = {answer.name: answer for answer in answers}
    lanes: defaultdict[str, list[Answer]] = defaultdict(list)
    for name in dict.fromkeys(post.name for post in posts):
        if name in by_name:
            lanes[by_name[name].handset].append(by_name[name])
    return [
        f"{later.name} before {earlier.name}, both from …{earlier.handset[-4:]}"
        for lane in lanes.values()
        for place, earlier in enumerate(lane)
        for later in lane[:place]
        if precedes(earlier, later)
    ]


def precedes(first: Answer, second: Answer) -> bool:
    """Whether the one was stored before the other was even on its way."""
    return first.acknowledged is not None and first.acknowledged < second.began


def ordered_pairs(answers: Sequence[Answer]) -> int:
    """How many pairs of replies had to keep their order, for the reader to know that the check is not an empty one."""
    lanes: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        lanes[answer.handset].append(answer)
    return sum(precedes(first, second) for lane in lanes.values() for first in lane for second in lane)


#: Why something may be buried in a run: its outcome stayed unknown, or everybody who worked on it was killed.
FATES = ("uncertain", "crashes")


def buried_needlessly(debts: Iterable[Debt], answers: Iterable[Answer]) -> list[str]:
    """Buried for another reason than those of :data:`FATES`; a reply is never uncertain."""
    found = [f"{debt.message} for {debt.user}: {debt.buried}" for debt in debts if not _fated(debt.buried, FATES)]
    return found + [f"{each.name}: {each.buried}" for each in answers if not _fated(each.buried, FATES[1:])]


def _fated(reason: str, fates: Sequence[str]) -> bool:
    return not reason or reason.partition(":")[0] in fates


def raised(output: str) -> Iterator[str]:
    """The exceptions that somebody logged with a traceback: nobody foresaw them."""
    inside = False
    for line in output.splitlines():
        if "Traceback (most recent call last)" in line:
            inside = True
        elif inside and (text := line.removeprefix("\t")) and not text.startswith(" "):
            yield text[:200]
            inside = False
