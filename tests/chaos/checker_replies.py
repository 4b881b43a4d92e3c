"""Checks of the replies: each belongs to the conversation of the last text that its handset had from that number.

Pure functions; :mod:`tests.chaos.test_checker_replies` shows that each of them can fail.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.chaos.handset_view import AT_ONCE, Answer, Post, View, had, right
from tests.chaos.names import reply_of
from tests.chaos.phonebook import KNOWN_PHONE, Phonebook


def lost(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """Acknowledged, not posted, and no reason to be seen."""
    posted = {post.name for post in posts}
    return [
        f"{answer}: {answer.outcome or 'nothing is known of it'}"
        for answer in answers
        if answer.acknowledged is not None
        and not answer.dead_letter
        and not _closed(answer)
        and answer.name not in posted
    ]


def _closed(answer: Answer) -> bool:
    """Without a post: it belongs nowhere, or was for the service itself, which may ask for a START to be sent again. A
    START that lifts nothing may be a message like any other."""
    closed = {"STOP": ("stop",), "START": ("start", "again")}.get(answer.word, ())
    return answer.outcome.partition(" ")[0] in ("no_thread", "not_their_phone", *closed)


def doubled(posts: Iterable[Post]) -> list[str]:
    """In Layer more than once."""
    return [f"{name}, {count} times" for name, count in Counter(post.name for post in posts).items() if count > 1]


def not_texted_there(view: View, answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """In a thread of which the handset never had a text from that number; or written by nobody."""
    return [
        _misplaced(view, by_name.get(post.name), post)
        for by_name in [{answer.name: answer for answer in answers}]
        for post in posts
        if (answer := by_name.get(post.name)) is None or not any(each.is_of(post) for each in had(view, answer))
    ]


def as_another(view: View, answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """As a user to whom none of the texts was sent that it may answer."""
    by_name = {answer.name: answer for answer in answers}
    return [
        _misplaced(view, answer, post)
        for post in posts
        if (answer := by_name.get(post.name)) is not None
        and not any(each.user in ("", post.user) for each in right(view, answer))
    ]


def beside_the_last(view: View, answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """In a thread that was texted there, as the right user, but of which the last text was not."""
    by_name = {answer.name: answer for answer in answers}
    return [
        _misplaced(view, answer, post)
        for post in posts
        if (answer := by_name.get(post.name)) is not None
        and any(each.is_of(post) for each in had(view, answer))
        and any(each.user in ("", post.user) for each in right(view, answer))
        and not any(each.is_of(post) for each in right(view, answer))
    ]


def _misplaced(view: View, answer: Answer | None, post: Post) -> str:
    place = f"as {post.user} in {post.conversation[-8:]}"
    return f"{post.name} {place}, written by nobody" if answer is None else f"{_told(view, answer)}; posted {place}"


def _told(view: View, answer: Answer) -> str:
    """With the texts that the handset had, in seconds after it was written."""
    stored = "never" if answer.acknowledged is None else f"{answer.acknowledged - answer.written:+.1f} s"
    texts = [
        f"{each.user} {each.conversation[-8:]} {each.at - answer.written:+.1f} s{' in doubt' if each.doubtful else ''}"
        for each in had(view, answer)
    ]
    return f"{answer}, stored {stored}; it had {', '.join(texts[-4:]) or 'nothing'}"


def of_former_phones(view: View, phones: Phonebook, answers: Iterable[Answer]) -> list[Answer]:
    """Those from a handset that, as the profiles say, nobody whose texts they may answer has had for longer than the
    service may remember."""
    return [
        answer
        for answer in answers
        if (texts := right(view, answer))
        and all(
            each.user and answer.handset not in phones.between(each.user, answer.began - KNOWN_PHONE, math.inf)
            for each in texts
        )
    ]


def posted(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """Those of the answers that were."""
    users = {post.name: post.user for post in posts}
    return [f"{answer} as {users[answer.name]}" for answer in answers if answer.name in users]


def stops_posted(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """STOP is for the service and nobody else."""
    asked = {answer.name for answer in answers if answer.word == "STOP"}
    return [f"{post.name} in {post.conversation[-8:]}" for post in posts if post.name in asked]


def disordered(answers: Iterable[Answer], posts: Iterable[Post]) -> list[str]:
    """Posted before another reply of the same handset to the same number that was acknowledged, with all its parts,
    before this one's first delivery began; ``posts`` are in their order. Two that were under way at the same time may
    come in either order. What asks for something waits for nobody, and what is not whole is waited for by nobody."""
    replies = _replies(answers)
    lanes: defaultdict[tuple[str, str], list[Answer]] = defaultdict(list)
    for name in dict.fromkeys(reply_of(post.name) for post in posts):
        if name in replies:
            lanes[replies[name].where].append(replies[name])
    return [
        f"{later} before {reply_of(earlier.name)}"
        for lane in lanes.values()
        for place, earlier in enumerate(lane)
        for later in lane[:place]
        if precedes(earlier, later)
    ]


def ordered_pairs(answers: Iterable[Answer]) -> int:
    """How many pairs of replies had to keep their order, for the reader to know that the check is not an empty one."""
    lanes: defaultdict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in _replies(answers).values():
        lanes[answer.where].append(answer)
    return sum(precedes(first, second) for lane in lanes.values() for first in lane for second in lane)


def precedes(first: Answer, second: Answer) -> bool:
    """Whether the one was stored before the other was even on its way."""
    return first.acknowledged is not None and first.acknowledged < second.began


def _replies(answers: Iterable[Answer]) -> dict[str, Answer]:
    """Each reply that has a place in the order as a whole: begun with its first part, acknowledged with its last."""
    found: dict[str, Answer] = {}
    for answer in answers:
        if answer.word or not answer.whole:
            continue
        name = reply_of(answer.name)
        other = found.get(name, answer)
        times = (other.acknowledged, answer.acknowledged)
        last = None if None in times else max(time for time in times if time is not None)
        found[name] = Answer(name, answer.handset, answer.number, answer.written, min(other.began, answer.began), last)
    return found


def ambiguous(view: View, answers: Iterable[Answer]) -> list[str]:
    """Replies that were not posted, since nobody can know where they belong."""
    found: dict[str, str] = {}
    for answer in answers:
        if answer.ambiguous:
            found.setdefault(reply_of(answer.name), f"{_told(view, answer)}: {answer.dead_letter}")
    return list(found.values())


def ambiguous_needlessly(
    view: View, answers: Iterable[Answer], unsettled: Mapping[str, Sequence[float]], receipt_timeout: float
) -> list[str]:
    """Where nothing was unsettled at that time and the number never carried anything but one thread on that handset.
    ``unsettled`` is when some SMS to a handset was first seen to be of unknown outcome, in seconds."""
    found = []
    for answer in answers:
        one = len({(each.user, each.conversation) for each in view.get(answer.where, ())}) == 1
        near = [when for when in unsettled.get(answer.handset, ()) if _near(answer, when, receipt_timeout)]
        if answer.ambiguous and one and not near:
            found.append(f"{_told(view, answer)}: {answer.dead_letter}")
    return found


def _near(answer: Answer, when: float, receipt_timeout: float) -> bool:
    stored = math.inf if answer.acknowledged is None else answer.acknowledged
    return when - AT_ONCE < stored and answer.began < when + receipt_timeout + AT_ONCE


def closed_though_texted(view: View, phones: Phonebook, answers: Iterable[Answer]) -> dict[str, list[str]]:
    """Those that the service says belong to no conversation, or to somebody else's phone, though the handset had texts
    from that number; by the reason why that may be right, which is blank when there is none:

    * phone changed: whose texts they were has, or had, another phone;
    * just texted: all of the texts came while it was on its way;
    * unknown: of each of those before it the service did not know for a while whether it was sent.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for answer in answers:
        if answer.outcome.partition(" ")[0] not in ("no_thread", "not_their_phone") or not (texts := had(view, answer)):
            continue
        earlier = [each for each in texts if each.at <= answer.written]
        if any(not each.user or phones.ever(each.user) != {answer.handset} for each in right(view, answer)):
            why = "phone changed"
        elif not earlier:
            why = "just texted"
        else:
            why = "unknown" if all(each.doubtful for each in earlier) else ""
        found[why].append(f"{_told(view, answer)}: {answer.outcome}")
    return dict(found)


def delays(answers: Iterable[Answer], posts: Iterable[Post]) -> list[float]:
    """Seconds from when each was written until it was posted, in the order of the answers; infinite if it never was."""
    posted: dict[str, float] = {}
    for post in posts:
        posted.setdefault(post.name, post.at)
    return [posted.get(answer.name, math.inf) - answer.written for answer in answers]


def late(answers: Sequence[Answer], posts: Iterable[Post], seconds: float) -> list[str]:
    """Posted later than so many seconds after they were written, or not at all."""
    taken = zip(answers, delays(answers, posts), strict=True)
    return [
        f"{answer}, {delay:.2f} s, {answer.outcome or answer.dead_letter}" for answer, delay in taken if delay > seconds
    ]
