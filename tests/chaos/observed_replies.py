"""From what was seen, what the checks of replies need: the handsets' view, answers and posts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from nexmo_twisted.sandbox.layer.webhooks import bare
from tests.chaos.checker_stops import Asked
from tests.chaos.companies import Companies
from tests.chaos.handset_view import Answer, Post, Received, View
from tests.chaos.handsets import Handsets, Written
from tests.chaos.names import Key, pieces, recipient
from tests.chaos.observations import Observations
from tests.chaos.records import Records
from tests.chaos.threads import Threads


@dataclass(frozen=True, slots=True)
class Replies:
    """``quiet`` are the answers that were written when all else was over."""

    view: View
    answers: list[Answer]
    quiet: list[Answer]
    posts: list[Post]
    asked: list[Asked]


async def observe_replies(
    companies: Companies,
    threads: Threads,
    handsets: Handsets,
    observations: Observations,
    records: Records,
    uncertain: Collection[Key],
    sent: Iterable[str],
) -> Replies:
    """``uncertain`` are the SMS that were so for a while, ``said`` the ids of messages that no reply made. Raises
    StoreUnavailable."""
    known = await records.replies(observations.message_ids)
    written = {name: each for each in handsets.written for name in each.pieces}
    answers = {name: _answer(name, each, observations, known.get(name, ("", ""))) for name, each in written.items()}
    quiet = [answers[name] for each in handsets.quiet for name in each.pieces]
    asked = [
        Asked(each.handset, each.word == "STOP", each.began, each.acknowledged)
        for each in answers.values()
        if each.word in ("STOP", "START")
    ]
    return Replies(
        view=look(companies, threads, uncertain),
        answers=list(answers.values()),
        quiet=quiet,
        posts=list(_posts(companies, set(sent))),
        asked=asked,
    )


def look(companies: Companies, threads: Threads, uncertain: Collection[Key] = ()) -> View:
    """What each handset had from each number. Answers of the service itself belong to no conversation."""
    view: defaultdict[tuple[str, str], list[Received]] = defaultdict(list)
    for handset, thread in companies.nexmo.handsets().items():
        for sms in thread:
            if sms.direction == "received" and (found := threads.of(sms.text)) is not None:
                doubtful = recipient(sms.text) in uncertain
                view[handset, sms.number].append(Received(sms.at, *found, doubtful))
    return dict(view)


def _answer(name: str, written: Written, observations: Observations, known: tuple[str, str]) -> Answer:
    delivery = observations.delivery("reply", name, "")
    return Answer(
        name=name,
        handset=written.handset,
        number=written.number,
        written=written.at,
        began=math.inf if delivery.began is None else delivery.began,
        acknowledged=delivery.acknowledged,
        word=written.word,
        outcome=known[0],
        dead_letter=known[1],
        whole=written.whole,
    )


def _posts(companies: Companies, sent: set[str]) -> Iterator[Post]:
    """In the order in which they were posted."""
    for message in companies.layer.all_messages.values():
        if bare(message.id) not in sent:
            for name in pieces(message.text) or [message.text[:20]]:
                yield Post(name, message.user_id, message.conversation.id, message.sent_at)
