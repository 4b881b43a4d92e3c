"""Why a message was texted or not, and what became of a reply: one fact a line, for operators."""

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

#: What automatic replies are, by what a reply asked for.
AUTO_REPLIES = {
    "stop": "the answer to STOP",
    "start": "the answer to START",
    "again": "the answer to a START that has to be sent again",
    "help": "the answer to HELP",
    "lost": "the automatic reply that a reply belongs to no conversation",
}

REDRIVE = "nexmo-twisted redrive"
PLACE = "nexmo-twisted place"


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
            lines = _outcome_lines(facts.outcomes[user], facts.due, describe)
        elif user in entries:
            lines = _entry(entries[user], facts.now, policy, suspended=facts.suspended is not None)
        else:
            lines = _nothing_owed(facts, status, policy)
        yield from (f"    {line}" for line in lines)


def _arrival(facts: MessageReport) -> Iterator[str]:
    if facts.due is None:
        if not facts.closed:
            yield "its message.sent event has not arrived, only later ones; without it no SMS is sent"
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
                yield f"checked: {facts.open} SMS still open"
            elif facts.due is not None and late < 0:
                yield f"not checked yet: due in {span(-late)}"
            elif facts.due is not None and late > PUNCTUAL:
                yield f"not checked yet, though due for {span(late)}: is the service running?"
            elif facts.due is not None:
                yield "not checked yet: due now"
            if facts.open is None and facts.due is not None and facts.check is None:
                yield "it is missing from the list of checks; the hourly sweep repairs this"
        case "done":
            yield f"checked, and closed{at}"
        case "read":
            yield f"checked{at}: no recipient needed an SMS"
        case "deleted":
            yield f"deleted{at}: nothing more is sent"
            if facts.open:
                yield f"{facts.open} SMS still open"
        case "expired":
            yield "the message itself is no longer kept"
        case other:
            yield f"closed{at}: {explained(other)}"


def _hold(facts: MessageReport) -> Iterator[str]:
    if facts.suspended is not None and any(entry.state in ("R", "C") for entry in facts.entries):
        yield f"sending is suspended since {utc(facts.suspended)}: {explained(facts.suspended_reason)}"
        yield "until the account is repaired, one waiting SMS is tried each minute"


def _nothing_owed(facts: MessageReport, status: int | None, policy: Policy) -> Iterator[str]:
    reported = status in policy.report
    if facts.due is None or facts.closed not in ("", "done", "read"):
        yield "no SMS is needed"
    elif facts.closed and not reported:
        yield (
            f"no SMS was needed: {_status(status)} is not in report_on_status"
            if status is not None
            else "no SMS was needed"
        )
    elif facts.closed:
        yield "no SMS was needed when it was checked"
    elif facts.open is None:
        yield "will get an SMS if the status is still the same at the check" if reported else "will get no SMS"
    elif reported:
        yield "no SMS is needed: the status was different when it was checked"
    else:
        yield "no SMS is needed: the status is not in report_on_status"


def _outcome_lines(text: str, due: int | None, describe: Describe) -> Iterator[str]:
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
        yield f"sent from {number}" + (f", confirmed{at} by its receipt" if sent["how"] == "receipt" else at)
        if sent["id"]:
            yield f"the provider's id: {printable(long_sms_id(sent['id']))}"
    state = read_state(found["said"] or "")
    if state is not None:
        yield f"delivery receipt: {state.in_words(describe)}"
        if state.failed:
            yield f"what to do: {describe(state.code).advice}"


def _entry(entry: QueueItem, now: int, policy: Policy, *, suspended: bool) -> Iterator[str]:
    """The state of one SMS that is not closed. ``suspended``: sending is suspended, which the message says already."""
    number = f" from {masked(entry.number)}" if entry.number else ""
    match entry.state:
        case "R":
            yield from _waiting(entry, now, suspended=suspended)
        case "C":
            yield f"being prepared; lease expires {_when(entry.next, now)}"
        case "S":
            yield f"being sent{number}; lease expires {_when(entry.next, now)}"
        case "U":
            yield f"{_since('uncertain', entry)}: {explained(entry.reason)}"
            yield from _settlement(entry, policy)
        case "D":
            yield f"{_since('dead letter', entry)}: {explained(entry.reason)}"
            yield f"to try it again: {REDRIVE} {entry.id}"
        case other:
            yield f"in an unknown state: {printable(other)}"
    if entry.attempts:
        yield f"{entry.attempts} {'attempt' if entry.attempts == 1 else 'attempts'} so far, the last{number}"
    if entry.resent:
        yield "an attempt of unknown outcome was repeated"
    if entry.crashes:
        workers = "worker" if entry.crashes == 1 else "consecutive workers"
        yield f"{entry.crashes} {workers} died or stalled while processing it"


def _waiting(entry: QueueItem, now: int, *, suspended: bool = False) -> Iterator[str]:
    if entry.failures:
        times = "once" if entry.failures == 1 else f"{entry.failures} times"
        yield f"waiting for a retry, rescheduled {times}; last reason: {explained(entry.reason)}"
    elif entry.reason:
        yield f"waiting; last reason: {explained(entry.reason)}"
    else:
        yield "waiting for the first attempt"
    if entry.limit:
        whose = "the account" if entry.limit == ACCOUNT else masked(entry.limit)
        yield f"waiting for the rate limit of {whose} (sms.limits)"
    if entry.ahead:
        yield f"{entry.ahead} of the same user ahead of it"
    if suspended:
        yield "it is sent when the suspension ends"
    elif entry.next is not None:
        late = now - entry.next
        yield f"next attempt {_when(entry.next, now)}" + (": is the service running?" if late > PUNCTUAL else "")


def _settlement(entry: QueueItem, policy: Policy) -> Iterator[str]:
    """What becomes of it when no receipt comes."""
    if policy.when_uncertain == "resend" and not entry.resent:
        fate = "sent again once if still unread"
    elif policy.when_uncertain == "drop":
        fate = "dropped"
    else:
        fate = "kept as a dead letter"
    at = utc((entry.since or 0) + policy.receipt_timeout)
    yield f"a receipt decides; without one it is {fate} after {at}"


def sms_story(
    message_id: str, entry: QueueItem, facts: MessageReport | None, policy: Policy, describe: Describe
) -> Iterator[str]:
    """What is known of the SMS that the provider knows by ``message_id``: whose it is, then all of that message."""
    name = f"SMS {printable(message_id)}"
    if entry.auto_reply:
        yield f"{name}: {AUTO_REPLIES.get(entry.auto_reply, printable(entry.auto_reply))}"
        if entry.done:
            known = f"closed {span(entry.done_for)} ago"
            yield from (f"  {line}" for line in [known, *_outcome_lines(entry.done, None, describe)])
        return
    users = {*facts.ranks, *facts.outcomes, *(each.user for each in facts.entries)} if facts else ()
    whom = [f" to {printable(user)}" for user in users if recipient_hash(user) == entry.id.partition(".")[2]]
    yield f"{name}: notification{''.join(whom)} about message {entry.message_id}"
    if facts is not None:
        yield from message_story(facts, policy, describe)


def reply_story(message_id: str, entry: QueueItem, now: int) -> Iterator[str]:
    """What is known of one reply, line by line. ``message_id`` is the provider's."""
    yield f"Reply {printable(message_id)}"
    yield from (f"  {line}" for line in _reply(entry, now))


def _reply(entry: QueueItem, now: int) -> Iterator[str]:
    if entry.part_of:
        yield "part of a long SMS, waiting for the other parts"
        return
    if entry.done:
        what = "posted" if entry.done == "posted" else f"not posted: {explained(entry.done)}"
        yield f"closed {utc(now - entry.done_for)}: {what}"
        return
    came = f" {utc(entry.came)}" if entry.came is not None else ""
    yield f"received{came} from {masked(entry.handset)} to {masked(entry.number)}"
    if entry.candidates:
        yield "it arrived while its number moved from one conversation to another; it may belong to:"
        for thread in entry.candidates:
            yield f"  {printable(thread.conversation_id)}, written by {printable(thread.user_id)}"
    elif entry.thread:
        yield f"belongs to {printable(entry.thread.conversation_id)}, written by {printable(entry.user)}"
    else:
        yield "no conversation was linked to its number on that handset when it arrived"
    match entry.state:
        case "C":
            yield f"being posted; lease expires {_when(entry.next, now)}"
        case "D":
            yield f"{_since('dead letter', entry)}: {explained(entry.reason)}"
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
