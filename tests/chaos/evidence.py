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
from tests.chaos.records import Record, Records, notification_id, reply_id
from tests.chaos.verdict import Answer, Debt, Post, Standing, Text

#: What an SMS says: for whom it is and the message's name come first.
TEMPLATE = "{{ recipient.userId }} {{ text }}"


@dataclass(frozen=True, slots=True)
class _Message:
    """One in Layer, whoever put it there; ``by_service`` when it is a reply."""

    id: str
    name: str
    conversation: str
    sender: str
    at: float
    by_service: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """``uncertain`` are the debts that were so for a while, ``sent_again`` those with an attempt after that,
    ``unneeded`` those that nobody waited for any more; all as (message, user). ``stories`` tell how it came that an
    SMS was accepted twice."""

    debts: list[Debt]
    texts: list[Text]
    attempts: list[Text]
    answers: list[Answer]
    posts: list[Post]
    unacknowledged: int
    uncertain: set[tuple[str, str]]
    sent_again: set[tuple[str, str]]
    unneeded: set[tuple[str, str]]
    stories: dict[tuple[str, str], str]


async def gather(cast: Cast, companies: Companies, play: Play, ledger: Ledger, records: Records) -> Evidence:
    """Asks Redis for what it knows of every message; raises StoreUnavailable."""
    messages = list(_messages(companies, play))
    known = await records.of([message.id for message in messages])
    buried = await records.buried()
    debts: list[Debt] = []
    uncertain: dict[tuple[str, str], float] = {}
    unneeded = set()
    unacknowledged = 0
    for message in messages:
        if ledger.delivery("sent", message.id, "").acknowledged is None:
            unacknowledged += 1
            continue
        record = known[message.id]
        for user in companies.layer.conversation(message.conversation).participants:
            if user == message.sender:
                continue
            nid = notification_id(message.id, user)
            if nid in records.uncertain:
                uncertain[message.name, user] = records.uncertain[nid]
            if record.outcomes.get(user, "").startswith("uncertain"):
                unneeded.add((message.name, user))
            debts.append(
                Debt(
                    message=message.name,
                    user=user,
                    handset=cast.phones[user],
                    conversation=message.conversation,
                    due=record.due,
                    standing=_standing(message.id, user, record, ledger),
                    aside=nid in records.uncertain or nid in buried,
                    buried=buried.get(nid, ""),
                )
            )
    handsets = companies.nexmo.handsets()
    return Evidence(
        debts=debts,
        texts=[
            Text(*_names(sms.text), handset, sms.number)
            for handset, seen in handsets.items()
            for sms in seen
            if sms.direction == "received"
        ],
        attempts=[Text(*_names(attempt.text), attempt.handset) for attempt in ledger.attempts],
        answers=list(_answers(play, ledger, buried)),
        posts=[Post(each.name, each.sender, each.conversation) for each in messages if each.by_service],
        unacknowledged=unacknowledged,
        uncertain=set(uncertain),
        sent_again={
            key for attempt in ledger.attempts if uncertain.get(key := _names(attempt.text), math.inf) < attempt.at
        },
        unneeded=unneeded,
        stories=_stories(companies, ledger, uncertain),
    )


def _messages(companies: Companies, play: Play) -> Iterator[_Message]:
    """Every message in the order of its time; deleted ones are known to the play only."""
    found = [_Message(said.id, said.name, said.conversation, said.sender, said.at, False) for said in play.said]
    said = {message.id for message in found}
    for conversation in companies.layer.conversations.values():
        for message in companies.layer.messages(conversation.id):
            if bare(message.id) not in said:
                name, sender = message.text.partition(" ")[0], message.user_id or ""
                found.append(_Message(bare(message.id), name, conversation.id, sender, message.sent_at, True))
    return iter(sorted(found, key=lambda message: message.at))


def _standing(message_id: str, user: str, record: Record, ledger: Ledger) -> Standing:
    ends = [ledger.delivery("read", message_id, user), ledger.delivery("deleted", message_id, "")]
    ends = [end for end in ends if end.began is not None]
    if record.due is not None and any((end.acknowledged or math.inf) * 1000 < record.due for end in ends):
        return Standing.FORBIDDEN
    return Standing.FREE if ends else Standing.OWED


def _names(text: str) -> tuple[str, str]:
    """(message, user) as an SMS says it."""
    user, message, *_ = [*text.split(), "", ""]
    return message, user


def _stories(
    companies: Companies, ledger: Ledger, uncertain: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], str]:
    """How it came that an SMS was accepted more than once, in seconds after the first time."""
    accepted: defaultdict[tuple[str, str], list[AcceptedSms]] = defaultdict(list)
    for sms in companies.nexmo.sent:
        accepted[_names(sms.text)].append(sms)
    stories = {}
    for key, times in accepted.items():
        if len(times) > 1:
            first = times[0].at
            receipts = [ledger.delivery("receipt", each, "") for sms in times for each in sms.message_ids]
            tries = [(_after(first, each.began), _after(first, each.acknowledged)) for each in receipts]
            stories[key] = (
                f"accepted {', '.join(_after(first, sms.at) for sms in times)}; "
                f"uncertain {_after(first, uncertain.get(key))}; "
                f"receipts tried and acknowledged {', '.join(' '.join(each) for each in tries)}"
            )
    return stories


def _after(first: float, when: float | None) -> str:
    return "never" if when is None else f"{when - first:+.1f}"


def _answers(play: Play, ledger: Ledger, buried: Mapping[str, str]) -> Iterator[Answer]:
    """What each reply answers says whose thread it is; a reply that answers a reply's text may do so, too."""
    conversations = {said.name: said.conversation for said in play.said}
    of_reply: dict[str, str] = {}
    for written in play.written:
        message, user = _names(written.answers)
        conversation = conversations.get(message) or of_reply.get(message, "")
        of_reply[written.name] = conversation
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
