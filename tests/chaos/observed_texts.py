"""From what was seen, what the checks of texts need: expected texts, texts and attempts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nexmo_twisted.domain.ids import message_key
from nexmo_twisted.sandbox.layer.webhooks import bare
from nexmo_twisted.sandbox.nexmo.simulator import AcceptedSms
from tests.chaos.checker import ExpectedText, Text, obligation
from tests.chaos.checker_stops import stopped
from tests.chaos.circumstances import Circumstances
from tests.chaos.companies import Companies
from tests.chaos.handsets import Handsets
from tests.chaos.names import Key, message_name, recipient
from tests.chaos.observations import Observations
from tests.chaos.observed_replies import Replies, observe_replies
from tests.chaos.records import Record, Records
from tests.chaos.threads import Threads
from tests.chaos.workload_player import WorkloadPlayer

#: What an SMS says: for whom it is and the message's name come first, or after the introduction.
TEMPLATE = "{{ recipient.userId }} {{ text }}"
INTRODUCTION = "{{ conversation.metadata.conversationName }}"


@dataclass(frozen=True, slots=True)
class Participants:
    """All that took part in a run."""

    circumstances: Circumstances
    companies: Companies
    threads: Threads
    player: WorkloadPlayer
    handsets: Handsets
    observations: Observations
    records: Records
    receipt_timeout: float  #: seconds


@dataclass(frozen=True, slots=True)
class Observed:
    """``uncertain`` is when an expected text was first seen to be so, in seconds since the epoch; ``sent_again`` are
    those of them with an attempt after that, ``unneeded`` those that nobody waited for any more. ``stories`` explain
    how an SMS came to be accepted twice. ``unreadable`` are texts that do not say what they are about. ``unsettled``
    is when SMS to a handset were first seen to be uncertain; numbers of
    ``plain`` handsets can be checked."""

    participants: Participants
    expected_texts: list[ExpectedText]
    texts: list[Text]
    attempts: list[Text]
    replies: Replies
    conversations: dict[str, str]
    unreadable: list[str]
    unacknowledged: list[str]
    uncertain: Mapping[Key, float]
    sent_again: set[Key]
    unneeded: set[Key]
    stories: Mapping[Key, str]
    unsettled: Mapping[str, list[float]]
    plain: set[str]


@dataclass(frozen=True, slots=True)
class _Message:
    """One in Layer, whoever put it there."""

    id: str
    name: str
    conversation: str
    sender: str
    at: float


async def observe(participants: Participants) -> Observed:
    """Asks Redis what it knows of every message and reply; raises StoreUnavailable."""
    records, observations, companies = participants.records, participants.observations, participants.companies
    messages = _messages(companies, participants.player)
    told = [each for each in messages if _acknowledged(each, observations)]
    known, dead = await records.of([each.id for each in told]), await records.dead_letters()
    doubtful = uncertain(companies, records)
    sent = [each.id for each in participants.player.sent]
    replies = await observe_replies(
        companies, participants.threads, participants.handsets, observations, records, doubtful.keys(), sent
    )
    texts = list(_texts(companies))
    unsettled = _unsettled(participants, doubtful)
    expected_texts = [
        _expected(
            participants, each, user, known[each.id], dead.get((message_key(each.id), user), ""), replies, unsettled
        )
        for each in told
        for user in companies.layer.conversation(each.conversation).participants
        if user != each.sender
    ]
    attempts = [
        Text(*key, each.handset, at=each.at)
        for each in observations.attempts
        if (key := recipient(each.text)) is not None
    ]
    return Observed(
        participants=participants,
        expected_texts=expected_texts,
        texts=texts,
        attempts=attempts,
        replies=replies,
        conversations={each.name: each.conversation for each in messages},
        unreadable=_unreadable(participants),
        unacknowledged=[
            f"{each.name} was never acknowledged" for each in messages if not _acknowledged(each, observations)
        ],
        uncertain=doubtful,
        sent_again={key for each in attempts if doubtful.get(key := (each.message, each.user), each.at) < each.at},
        unneeded={(expected.message, expected.user) for expected in expected_texts if expected.closed == "uncertain"},
        stories=_stories(companies, observations, doubtful),
        unsettled=unsettled,
        plain={
            each
            for each in companies.nexmo.handsets()
            if participants.handsets.phones.plain(each) and each not in unsettled and each not in observations.barred
        },
    )


def uncertain(companies: Companies, records: Records) -> dict[Key, float]:
    """The SMS that were seen to be of unknown outcome, and when first, in seconds since the epoch."""
    names = {message_key(bare(each.id)): message_name(each.text) for each in companies.layer.all_messages.values()}
    return {(names[mid], user): when for (mid, user), when in records.uncertain.items() if mid in names}


def _messages(companies: Companies, player: WorkloadPlayer) -> list[_Message]:
    """Every message in the order of its time; deleted ones are known to the player only."""
    found = [_Message(sent.id, sent.name, sent.conversation, sent.sender, sent.at) for sent in player.sent]
    sent = {message.id for message in found}
    for conversation in companies.layer.conversations.values():
        for message in companies.layer.messages(conversation.id):
            if bare(message.id) not in sent:
                name, sender = message_name(message.text), message.user_id or ""
                found.append(_Message(bare(message.id), name, conversation.id, sender, message.sent_at))
    return sorted(found, key=lambda message: message.at)


def _acknowledged(message: _Message, observations: Observations) -> bool:
    return observations.delivery("sent", message.id, "").acknowledged is not None


def _expected(
    participants: Participants,
    message: _Message,
    user: str,
    record: Record,
    dead_letter: str,
    replies: Replies,
    unsettled: Mapping[str, list[float]],
) -> ExpectedText:
    observations, phones = participants.observations, participants.handsets.phones
    ends = (observations.delivery("read", message.id, user), observations.delivery("deleted", message.id, ""))
    closed, ended = _outcome(record, user)
    handsets = frozenset(phones.ever(user))
    apart = any(each in unsettled or not phones.plain(each) for each in handsets)
    # With "oldest", too, none is taken from the only thread of another user of a phone, nor while it is not known what
    # became of the last SMS from it.
    scarce = closed == "no_number" and (apart or participants.circumstances.mode == "skip")
    ended_by_stop = closed == "opted_out" and stopped(replies.asked, handsets)
    return ExpectedText(
        message=message.name,
        user=user,
        handsets=handsets,
        conversation=message.conversation,
        due=record.due,
        obligation=obligation(record.due, [end.acknowledged for end in ends if end.began is not None]),
        aside=apart or bool(dead_letter),
        dead_letter=dead_letter,
        closed=closed,
        ended=ended,
        excused=scarce or ended_by_stop,
    )


def _outcome(record: Record, user: str) -> tuple[str, float | None]:
    """What became of one recipient, in one word, and when, in seconds."""
    outcome = record.outcomes.get(user, "")
    late = re.search(r" @(-?\d+)", outcome)
    ended = None if late is None or record.due is None else (record.due + int(late[1])) / 1000
    return outcome.partition(" ")[0], ended


def _unsettled(participants: Participants, uncertain: Mapping[Key, float]) -> dict[str, list[float]]:
    """When some SMS to a handset was first seen to be of unknown outcome."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for (_, user), when in uncertain.items():
        for handset in participants.handsets.phones.ever(user):
            found[handset].append(when)
    return dict(found)


def _texts(companies: Companies) -> Iterator[Text]:
    for handset, thread in companies.nexmo.handsets().items():
        for sms in thread:
            if sms.direction == "received" and (key := recipient(sms.text)) is not None:
                yield Text(*key, handset, sms.number, sms.at)


def _unreadable(participants: Participants) -> list[str]:
    """Texts that introduce a conversation, and do not get as far as the message."""
    return [
        f"{sms.text[:20]}… on …{handset[-4:]}, {len(sms.text)} characters"
        for handset, thread in participants.companies.nexmo.handsets().items()
        for sms in thread
        if sms.direction == "received" and recipient(sms.text) is None and participants.threads.of(sms.text) is not None
    ]


def _stories(companies: Companies, observations: Observations, uncertain: Mapping[Key, float]) -> dict[Key, str]:
    """In seconds after the first time that the SMS was accepted."""
    accepted: defaultdict[Key, list[AcceptedSms]] = defaultdict(list)
    for sms in companies.nexmo.sent:
        if (key := recipient(sms.text)) is not None:
            accepted[key].append(sms)
    stories = {}
    for key, times in accepted.items():
        if len(times) > 1:
            first = times[0].at
            receipts = [observations.delivery("receipt", each, "") for sms in times for each in sms.message_ids]
            tries = [f"{_after(first, each.began)} {_after(first, each.acknowledged)}" for each in receipts]
            stories[key] = (
                f"accepted {', '.join(_after(first, sms.at) for sms in times)}; "
                f"uncertain {_after(first, uncertain.get(key))}; receipts tried, acknowledged: {', '.join(tries)}"
            )
    return stories


def _after(first: float, when: float | None) -> str:
    return "never" if when is None else f"{when - first:+.1f}"
