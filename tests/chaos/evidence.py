"""From what was seen, what the judge needs: debts, texts, attempts, answers and posts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nexmo_twisted.sandbox.layer_webhooks import bare
from nexmo_twisted.sandbox.nexmo import AcceptedSms
from tests.chaos.companies import Companies
from tests.chaos.ledger import Ledger
from tests.chaos.plan import Cast
from tests.chaos.play import Play
from tests.chaos.records import Records, notification_id, reply_id
from tests.chaos.verdict import Answer, Debt, Post, Text, standing

#: What an SMS says: for whom it is and the message's name come first.
TEMPLATE = "{{ recipient.userId }} {{ text }}"

#: One recipient of one message, by their names: (message, user).
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """``uncertain`` is when a debt was first seen to be so, in seconds since the epoch; ``sent_again`` are those of
    them with an attempt after that, ``unneeded`` those that nobody waited for any more. ``stories`` tell how it came
    that an SMS was accepted twice."""

    debts: list[Debt]
    texts: list[Text]
    attempts: list[Text]
    answers: list[Answer]
    posts: list[Post]
    unacknowledged: list[str]
    uncertain: Mapping[Key, float]
    sent_again: set[Key]
    unneeded: set[Key]
    stories: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class _Message:
    """One in Layer, whoever put it there."""

    id: str
    name: str
    conversation: str
    sender: str
    at: float
    posted: bool  # by the service: it is a reply


async def gather(cast: Cast, companies: Companies, play: Play, ledger: Ledger, records: Records) -> Evidence:
    """Asks Redis what it knows of every message; raises StoreUnavailable."""
    messages = _messages(companies, play)
    told = [each for each in messages if _acknowledged(each, ledger)]
    known, buried = await records.of([each.id for each in told]), await records.buried()
    notifications = {
        notification_id(each.id, user): (each, user)
        for each in told
        for user in companies.layer.conversation(each.conversation).participants
        if user != each.sender
    }
    debts = []
    for nid, (message, user) in notifications.items():
        due = known[message.id].due
        ends = (ledger.delivery("read", message.id, user), ledger.delivery("deleted", message.id, ""))
        debts.append(
            Debt(
                message=message.name,
                user=user,
                handset=cast.phones[user],
                conversation=message.conversation,
                due=due,
                standing=standing(due, [end.acknowledged for end in ends if end.began is not None]),
                aside=nid in records.uncertain or nid in buried,
                buried=buried.get(nid, ""),
            )
        )
    keys = {nid: (message.name, user) for nid, (message, user) in notifications.items()}
    uncertain = {keys[nid]: when for nid, when in records.uncertain.items() if nid in keys}
    return Evidence(
        debts=debts,
        texts=list(_texts(companies)),
        attempts=[Text(*_names(each.text), each.handset) for each in ledger.attempts],
        answers=list(_answers(play, ledger, buried)),
        posts=[Post(each.name, each.sender, each.conversation) for each in messages if each.posted],
        unacknowledged=[f"{each.name} was never acknowledged" for each in messages if not _acknowledged(each, ledger)],
        uncertain=uncertain,
        sent_again={
            _names(each.text) for each in ledger.attempts if uncertain.get(_names(each.text), math.inf) < each.at
        },
        unneeded={
            (message.name, user)
            for message, user in notifications.values()
            if known[message.id].outcomes.get(user, "").startswith("uncertain")
        },
        stories=_stories(companies, ledger, uncertain),
    )


def _messages(companies: Companies, play: Play) -> list[_Message]:
    """Every message in the order of its time; deleted ones are known to the play only."""
    found = [_Message(said.id, said.name, said.conversation, said.sender, said.at, False) for said in play.said]
    said = {message.id for message in found}
    for conversation in companies.layer.conversations.values():
        for message in companies.layer.messages(conversation.id):
            if bare(message.id) not in said:
                name, sender = message.text.partition(" ")[0], message.user_id or ""
                found.append(_Message(bare(message.id), name, conversation.id, sender, message.sent_at, True))
    return sorted(found, key=lambda message: message.at)


def _acknowledged(message: _Message, ledger: Ledger) -> bool:
    return ledger.delivery("sent", message.id, "").acknowledged is not None


def _names(text: str) -> Key:
    user, message, *_ = [*text.split(), "", ""]
    return message, user


def _texts(companies: Companies) -> Iterator[Text]:
    for handset, thread in companies.nexmo.handsets().items():
        for sms in thread:
            if sms.direction == "received":
                yield Text(*_names(sms.text), handset, sms.number)


def _answers(play: Play, ledger: Ledger, buried: Mapping[str, str]) -> Iterator[Answer]:
    """Whose thread a reply belongs to says the text that it answers, which may itself be of a reply."""
    conversations = {said.name: said.conversation for said in play.said}
    for written in play.written:
        message, user = _names(written.answers)
        conversation = conversations[written.name] = conversations.get(message, "")
        delivery = ledger.delivery("reply", written.id, "")
        yield Answer(
            name=written.name,
            handset=written.handset,
            user=user,
            conversation=conversation,
            began=delivery.began or math.inf,
            acknowledged=delivery.acknowledged,
            buried=buried.get(reply_id(written.id), ""),
        )


def _stories(companies: Companies, ledger: Ledger, uncertain: Mapping[Key, float]) -> dict[Key, str]:
    """In seconds after the first time that the SMS was accepted."""
    accepted: defaultdict[Key, list[AcceptedSms]] = defaultdict(list)
    for sms in companies.nexmo.sent:
        accepted[_names(sms.text)].append(sms)
    stories = {}
    for key, times in accepted.items():
        if len(times) > 1:
            first = times[0].at
            receipts = [ledger.delivery("receipt", each, "") for sms in times for each in sms.message_ids]
            tries = [f"{_after(first, each.began)} {_after(first, each.acknowledged)}" for each in receipts]
            stories[key] = (
                f"accepted {', '.join(_after(first, sms.at) for sms in times)}; "
                f"uncertain {_after(first, uncertain.get(key))}; receipts tried, acknowledged: {', '.join(tries)}"
            )
    return stories


def _after(first: float, when: float | None) -> str:
    return "never" if when is None else f"{when - first:+.1f}"
