"""Why a message was texted or not, and what became of a reply: one fact a line, for whoever runs the service."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from nexmo_twisted.domain.delivery import KEPT, Describe, read_state
from nexmo_twisted.domain.ids import long_sms_id, recipient_hash
from nexmo_twisted.domain.inspection import MessageReport, QueueItem
from nexmo_twisted.domain.model import Status
from nexmo_twisted.domain.phones import masked
from nexmo_twisted.domain.rate_limits import ACCOUNT
from nexmo_twisted.domain.wording import explained, printable, span, utc

#: An outcome as a message's record has it: what happened, how many ms after the message was due, what receipts say.
_OUTCOME = re.compile(rf"(?P<what>.*?)(?: @(?P<after>-?\d+))?(?: =(?P<said>{KEPT.pattern}))?", re.DOTALL)
#: Of an SMS that was accepted: the number, the provider's id, and whether only its receipt told.
_SENT = re.compile(r"(?P<how>sent|receipt) (?P<number>\S*) ?(?P<id>.*)", re.DOTALL)

#: Milliseconds that something may be late before it is worth a word: a service that runs looks every five seconds.
PUNCTUAL = 15_000

#: What notices are, by what a reply asked for.
NOTICES = {
    "stop": "the answer to STOP",
    "start": "the answer to START",
    "again": "the answer to a START that has to be sent again",
    "help": "the answer to HELP",
    "lost": "the notice that a reply belongs to no conversation",
}

REDRIVE = "python -m nexmo_twisted redrive"
PLACE = "python -m nexmo_twisted place"


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that decide: which statuses justify a text, and what becomes of an SMS of unknown outcome (ms)."""

    report: Collection[Status]
    receipt_timeout: int
    when_uncertain: str


def message_story(facts: MessageReport, policy: Policy, describe: Describe) -> Iterator[str]:
    """What is known of one message, line by line. ``describe`` tells what the provider's codes mean."""
    yield f"Message {facts.message_id}"
    for line in [*_arrival(facts), *_check(facts), *_hold(facts)]:
        yield f"  {line}"
    entries = {entry.user: entry for entry in facts.entries}
    for user in sorted({*facts.ranks, *facts.outcomes, *entries} - {facts.sender}):
        status = facts.ranks.get(user)
        yield f"  {printable(user)}" + (f", status {_status(status)}:" if status is not None else ":")
        if user in facts.outcomes:
            lines = _told_outcome(facts.outcomes[user], facts.due, describe)
        elif user in entries:
            lines = _entry(entries[user], facts.now, policy, held=facts.held is not None)
        else:
            lines = _nothing_owed(facts, status, policy)
        yield from (f"    {line}" for line in lines)


def _arrival(facts: MessageReport) -> Iterator[str]:
    if facts.due is None:
        if not facts.closed:
            yield "its message.sent has not come, only later events; without it nothing is owed"
        return
    sender = f", sent by {printable(facts.sender)}" if facts.sender else ""
    if facts.conversation:
        sender += f" in {printable(facts.conversation)}"
    if facts.delay is None:
        yield f"due {utc(facts.due)}{sender}"
    else:
        yield f"received {utc(facts.due - facts.delay)}{sender}"
        yield f"due {utc(facts.due)}, {span(facts.delay)} later"


def _check(facts: MessageReport) -> Iterator[str]:
    """How far it has come as a whole."""
    at = f" {utc(facts.closed_at)}" if facts.closed_at is not None else ""
    late = facts.now - facts.due if facts.due is not None else 0
    match facts.closed:
        case "":
            if facts.open is not None:
                yield f"checked: {facts.open} still open of the texts it owes"
            elif facts.due is not None and late < 0:
                yield f"not checked yet: due in {span(-late)}"
            elif facts.due is not None and late > PUNCTUAL:
                yield f"not checked yet, though it has been due for {span(late)}: does the service run?"
            elif facts.due is not None:
                yield "not checked yet: due now"
            if facts.open is None and facts.due is not None and facts.check is None:
                yield "it is missing from the list of checks, which the service repairs by itself"
        case "done":
            yield f"checked, and closed{at}"
        case "read":
            yield f"checked{at}: nobody had to be texted"
        case "deleted":
            yield f"deleted{at}: nothing more is sent"
            if facts.open:
                yield f"{facts.open} still open of the texts it owed"
        case "expired":
            yield "the message itself is no longer kept"
        case other:
            yield f"closed{at}: {explained(other)}"


def _hold(facts: MessageReport) -> Iterator[str]:
    if facts.held is not None and any(entry.state in ("R", "C") for entry in facts.entries):
        yield f"nothing is sent since {utc(facts.held)}: {explained(facts.held_reason)}"
        yield "until that is mended one waiting SMS is tried each minute"


def _nothing_owed(facts: MessageReport, status: int | None, policy: Policy) -> Iterator[str]:
    reported = status in policy.report
    if facts.due is None or facts.closed not in ("", "done", "read"):
        yield "no text is owed"
    elif facts.closed and not reported:
        yield f"no text was owed: {_status(status)} does not justify one" if status is not None else "no text was owed"
    elif facts.closed:
        yield "no text was owed when it was checked"
    elif facts.open is None:
        yield "will be owed a text if that is still so then" if reported else "no text will be owed"
    elif reported:
        yield "no text is owed, since the status was another one when it was checked"
    else:
        yield "no text is owed: that status does not justify one"


def _told_outcome(text: str, due: int | None, describe: Describe) -> Iterator[str]:
    """What became of one text that was due then (ms)."""
    found = _OUTCOME.fullmatch(text)
    assert found is not None  # it matches everything
    what, after = found["what"], found["after"]
    at = f" at {utc(due + int(after))}" if after and due is not None else ""
    sent = _SENT.fullmatch(what)
    if sent is None:
        yield f"{'given up' if what.startswith('uncertain') else 'not sent'}{at}: {explained(what)}"
    else:
        number = masked(sent["number"]) if sent["number"].isdigit() else "one of the numbers"
        yield f"sent from {number}" + (f", settled{at} by its receipt" if sent["how"] == "receipt" else at)
        if sent["id"]:
            yield f"the provider's id of it is {printable(long_sms_id(sent['id']))}"
    state = read_state(found["said"] or "")
    if state is not None:
        yield f"delivery receipt: {state.in_words(describe)}"
        if state.failed:
            yield f"what to do about it: {describe(state.code).advice}"


def _entry(entry: QueueItem, now: int, policy: Policy, *, held: bool) -> Iterator[str]:
    """How far one text has come that is still owed. ``held``: nothing goes out, which is told for the whole message."""
    number = f" from {masked(entry.number)}" if entry.number else ""
    match entry.state:
        case "R":
            yield from _waiting(entry, now, held=held)
        case "C":
            yield f"being prepared; whoever does it has time until {_when(entry.next, now)}"
        case "S":
            yield f"being sent{number}; whoever does it has time until {_when(entry.next, now)}"
        case "U":
            yield f"{_since('uncertain', entry)}: {explained(entry.reason)}"
            yield from _settlement(entry, policy)
        case "D":
            yield f"{_since('buried', entry)}: {explained(entry.reason)}"
            yield f"to try it again: {REDRIVE} {entry.id}"
        case other:
            yield f"in a state nobody knows: {printable(other)}"
    if entry.attempts:
        yield f"{entry.attempts} {'attempt' if entry.attempts == 1 else 'attempts'} so far, the last{number}"
    if entry.resent:
        yield "an attempt of unknown outcome was made again"
    if entry.crashes:
        yield f"{entry.crashes} in a row who had it never said a word about it again"


def _waiting(entry: QueueItem, now: int, *, held: bool = False) -> Iterator[str]:
    if entry.failures:
        times = "once" if entry.failures == 1 else f"{entry.failures} times"
        yield f"waiting to be tried again, put off {times}; the last reason: {explained(entry.reason)}"
    elif entry.reason:
        yield f"waiting; the last reason: {explained(entry.reason)}"
    else:
        yield "waiting to be tried for the first time"
    if entry.limit:
        whose = "the account" if entry.limit == ACCOUNT else masked(entry.limit)
        yield f"{whose} may send only so many SMS a second (sms.limits), and others come first"
    if entry.ahead:
        yield f"{entry.ahead} of the same user before it"
    if held:
        yield "its turn comes when that is mended"
    elif entry.next is not None:
        late = now - entry.next
        yield f"next look {_when(entry.next, now)}" + (": does the service run?" if late > PUNCTUAL else "")


def _settlement(entry: QueueItem, policy: Policy) -> Iterator[str]:
    """What becomes of it when no receipt comes."""
    if policy.when_uncertain == "resend" and not entry.resent:
        fate = "sent again once, if still unread"
    elif policy.when_uncertain == "drop":
        fate = "given up"
    else:
        fate = "buried"
    at = utc((entry.since or 0) + policy.receipt_timeout)
    yield f"a receipt settles it; without one it is {fate}, after {at}"


def sms_story(
    message_id: str, entry: QueueItem, facts: MessageReport | None, policy: Policy, describe: Describe
) -> Iterator[str]:
    """What is known of the SMS that the provider knows by ``message_id``: whose it is, then all of that message."""
    name = f"SMS {printable(message_id)}"
    if entry.notice:
        yield f"{name}: {NOTICES.get(entry.notice, printable(entry.notice))}"
        if entry.done:
            known = f"closed {span(entry.done_for)} ago"
            yield from (f"  {line}" for line in [known, *_told_outcome(entry.done, None, describe)])
        return
    users = {*facts.ranks, *facts.outcomes, *(each.user for each in facts.entries)} if facts else ()
    whom = [f" to {printable(user)}" for user in users if recipient_hash(user) == entry.id.partition(".")[2]]
    yield f"{name}: a text{''.join(whom)} about message {entry.message_id}"
    if facts is not None:
        yield from message_story(facts, policy, describe)


def reply_story(message_id: str, entry: QueueItem, now: int) -> Iterator[str]:
    """What is known of one reply, line by line. ``message_id`` is the provider's."""
    yield f"Reply {printable(message_id)}"
    yield from (f"  {line}" for line in _reply(entry, now))


def _reply(entry: QueueItem, now: int) -> Iterator[str]:
    if entry.part_of:
        yield "a part of a long SMS, whose other parts are waited for"
        return
    if entry.done:
        what = "posted" if entry.done == "posted" else f"not posted: {explained(entry.done)}"
        yield f"closed {utc(now - entry.done_for)}: {what}"
        return
    came = f" {utc(entry.came)}" if entry.came is not None else ""
    yield f"received{came} from {masked(entry.handset)} to {masked(entry.number)}"
    if entry.candidates:
        yield "its number went from one conversation to another when it came; it may belong to:"
        for thread in entry.candidates:
            yield f"  {printable(thread.conversation_id)}, written by {printable(thread.user_id)}"
    elif entry.thread:
        yield f"belongs to {printable(entry.thread.conversation_id)}, written by {printable(entry.user)}"
    else:
        yield "its number carried no conversation on that handset when it came"
    match entry.state:
        case "C":
            yield f"being posted; whoever does it has time until {_when(entry.next, now)}"
        case "D":
            yield f"{_since('buried', entry)}: {explained(entry.reason)}"
            if entry.candidates:
                yield f"to post it into one of these: {PLACE} {entry.id} CONVERSATION"
            else:
                yield f"to try it again: {REDRIVE} {entry.id}"
        case _:
            yield from _waiting(entry, now)


def _since(word: str, entry: QueueItem) -> str:
    return f"{word} since {utc(entry.since)}" if entry.since is not None else word


def _when(at: int | None, now: int) -> str:
    if at is None:
        return "an unknown time"
    return f"{utc(at)} (in {span(at - now)})" if at > now else f"{utc(at)} ({span(now - at)} ago)"


def _status(rank: int) -> str:
    try:
        return Status(rank).name.lower()
    except ValueError:
        return str(rank)
