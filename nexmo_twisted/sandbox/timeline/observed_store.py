"""The service's store with an observer: what passes is told to the timeline, and nothing is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.ids import reply_key, uuid_of_key
from nexmo_twisted.domain.inspection import MessageReport
from nexmo_twisted.domain.link_state import (
    LinkCommit,
    LinkState,
    thread_of,
    thread_of_entry,
)
from nexmo_twisted.domain.model import (
    Asked,
    ChatEvent,
    InboundSms,
    Notification,
    Part,
    Reply,
    Status,
)
from nexmo_twisted.domain.rate_limits import Limit
from nexmo_twisted.domain.results import (
    Begin,
    Begun,
    Delivery,
    ItemState,
    PartTaken,
    Promoted,
    Received,
    Reconciled,
    Resolved,
    Suspension,
)
from nexmo_twisted.domain.wording import explained, shortened, span
from nexmo_twisted.ports.store import Store
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.sandbox.names import Names, readable_number
from nexmo_twisted.sandbox.timeline.timeline import Timeline, Tone

#: What becomes of an SMS of unknown outcome without a receipt, by the state it is in then.
_RECONCILED: dict[str, str] = {
    **dict.fromkeys((ItemState.READY, ItemState.CLAIMED, ItemState.SENDING), "sent again"),
    ItemState.DEAD: "dead letter, it may have been sent",
}
_ASKED = {
    "stop": "STOP: blocked for all numbers",
    "start": "START: no longer blocked",
    "again": "START too soon after STOP: still blocked, asked to send START again",
    "help": "HELP: answered",
}


class ObservedStore:
    """A Store. ``facts`` tells what is known of a message, by its id, ``text`` what the message of an event says."""

    def __init__(
        self,
        store: Store,
        *,
        facts: Callable[[str], Awaitable[MessageReport | None]],
        text: Callable[[ChatEvent], str],
        timeline: Timeline,
        names: Names,
    ) -> None:
        self._store = store
        self._text = text
        self._facts = facts
        self._timeline = timeline
        self._names = names
        self._parts: dict[tuple[str, str, str], str] = {}  # handset, number, reference -> the story of a long reply
        self._uncertain: dict[str, str] = {}  # id of a notification -> whose, until it is settled
        # What there is nothing to tell of.
        self.acquire_lock = store.acquire_lock
        self.claim_notifications = store.claim_notifications
        self.claim_replies = store.claim_replies
        self.close_parts = store.close_parts
        self.dismiss = store.dismiss
        self.quarantine = store.quarantine
        self.name_phones = store.name_phones
        self.named_phone = store.named_phone
        self.read_links = store.read_links
        self.record_accepted = store.record_accepted
        self.release = store.release
        self.release_lock = store.release_lock
        self.renew_links = store.renew_links
        self.set_unowned_numbers = store.set_unowned_numbers
        self.turned_away = store.turned_away
        self.write_map = store.write_map

    def _add(self, item: Notification | Reply, tone: Tone, text: str, at: float) -> None:
        whom = "" if isinstance(item, Reply) or item.auto_reply else f"{self._names.user(item.user_id)}: "
        self._timeline.add(story_of(item.id), tone, f"{whom}{text}", at)

    # Messages

    async def record_event(self, event: ChatEvent, delay: int) -> int | None:
        at = self._timeline.now()
        sender, text = self._names.user(event.sender), self._text(event) if event.payload else ""
        story = self._timeline.begin(event.message_id, f"{sender}: {shortened(text, 60)}")
        due = await self._store.record_event(event, delay)
        reached = [
            self._names.user(user)
            for user, status in event.statuses.items()
            if user != event.sender and status.name.lower() == event.kind
        ]
        what = f"message.{event.kind} received"
        if reached and event.kind != "sent":
            what += f": {event.kind} by {', '.join(reached)}"
        if event.kind == "deleted":
            story.due = None
        elif due is not None and story.due is None:
            story.due = self._timeline.now() + due / 1000
            what += f", due in {span(due)}"
        self._timeline.add(event.message_id, "came", what, at)
        return due

    async def promote(self, limit: int, report: Collection[Status]) -> Promoted:
        at = self._timeline.now()
        done = await self._store.promote(limit, report)
        if done.messages:
            for story in self._timeline.due():
                facts = await self._facts(story.id)
                if facts is not None and (facts.closed or facts.open is not None):
                    story.due = None
                    # Whose text is done already by now was owed one then.
                    unread = {self._names.user(user) for user in (*facts.outcomes, *(e.user for e in facts.entries))}
                    self._timeline.add(story.id, *_checked(facts, sorted(unread)), at)
        return done

    # Notifications

    async def begin_attempt(
        self,
        item: Notification,
        report: Collection[Status],
        commit: LinkCommit,
        introduced: str,
        lease: int,
        limits: Sequence[Limit] = (),
    ) -> Begun:
        at = self._timeline.now()
        begun = await self._store.begin_attempt(item, report, commit, introduced, lease, limits)
        if begun.answer is Begin.OK:
            self._names.meet(commit.handset, item.user_id)
            before, thread = thread_of(commit.state, commit.number), thread_of_entry(commit.entry)
            how = "keeps" if before == thread else "linked to"
            self._add(item, "wait", f"{how} {readable_number(commit.number)}", at)
        self._add_wait(item, begun, at)
        return begun

    async def begin_auto_reply(self, item: Notification, lease: int, limits: Sequence[Limit] = ()) -> Begun:
        at = self._timeline.now()
        begun = await self._store.begin_auto_reply(item, lease, limits)
        self._add_wait(item, begun, at)
        return begun

    def _add_wait(self, item: Notification, begun: Begun, at: float) -> None:
        if begun.answer is Begin.WAIT:
            whose = readable_number(begun.why) if begun.why.isdigit() else "the account"
            self._add(item, "wait", f"waiting for the rate limit of {whose}", at)

    async def pause_limit(self, item: Notification, limit: str, duration: int, reason: str) -> None:
        at = self._timeline.now()
        await self._store.pause_limit(item, limit, duration, reason)
        whose = readable_number(limit) if limit.isdigit() else "the account"
        self._add(item, "bad", f"throttled by {whose}, paused {duration / 1000:.1f} s: {reason}", at)

    async def complete(self, item: Notification | Reply, outcome: str) -> None:
        at = self._timeline.now()
        await self._store.complete(item, outcome)
        if isinstance(item, Notification):
            self._add(item, "none", f"no SMS: {explained(outcome)}", at)
        elif outcome not in ("posted", *_ASKED):
            self._add(item, "none", f"not posted: {explained(outcome)}", at)

    async def reschedule(
        self, item: Notification | Reply, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None:
        at = self._timeline.now()
        await self._store.reschedule(item, delay, reason, introduction=introduction, aside=aside)
        self._add(item, "bad", f"{reason}; retry in {span(delay)}", at)

    async def set_aside(
        self,
        item: Notification | Reply,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool:
        at = self._timeline.now()
        done = await self._store.set_aside(
            item, reason, uncertain=uncertain, on_wire=on_wire, account_works=account_works
        )
        if uncertain:
            self._uncertain[item.id] = "" if isinstance(item, Reply) else self._names.user(item.user_id)
            self._add(item, "bad", f"it may or may not have been sent ({reason}): waiting for a receipt", at)
        else:
            self._add(item, "bad", f"dead letter: {explained(reason)}", at)
        return done

    async def suspend_sending(self, item: Notification, reason: str) -> Suspension:
        at = self._timeline.now()
        answer = await self._store.suspend_sending(item, reason)
        what = {Suspension.DEAD: "dead letter", Suspension.IN_DOUBT: "retried after another SMS was tried"}
        self._add(item, "bad", f"{what.get(answer, 'sending suspended until the account is repaired')}: {reason}", at)
        return answer

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:
        at = self._timeline.now()
        delivery = await self._store.record_receipt(report, block=block)
        story = story_of(delivery.message_id)
        if delivery.ended in (ItemState.UNCERTAIN, ItemState.DEAD):
            self._timeline.add(story, "good", "its receipt says that it was sent", at)
        if story and delivery.said is not None and delivery.said != delivery.before:
            tone: Tone = "bad" if delivery.said.failed else "good"
            whose = self._names.handset(report.handset)
            self._timeline.add(story, tone, f"{whose}: delivery receipt: {delivery.said.in_words(describe)}", at)
        return delivery

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Reconciled:
        at = self._timeline.now()
        reconciled = await self._store.reconcile(limit, receipt_timeout, policy, report)
        if reconciled.resent or reconciled.parked or reconciled.dropped or reconciled.unneeded:
            for nid, user in list(self._uncertain.items()):
                facts = await self._facts(story_of(nid))
                states = {entry.id: entry.state for entry in facts.entries} if facts else {}
                if states.get(nid) != ItemState.UNCERTAIN:
                    del self._uncertain[nid]
                    outcome = _RECONCILED.get(states.get(nid, ""), "no further SMS")
                    self._timeline.add(story_of(nid), "wait", f"{user}: no receipt in time: {outcome}", at)
        return reconciled

    # Replies

    async def receive_sms(self, sms: InboundSms, handset: str, number: str, asked: Asked | None = None) -> Received:
        at = self._timeline.now()
        story = self._reply(reply_key(sms.message_id), handset, number, sms.text)
        answer = await self._store.receive_sms(sms, handset, number, asked)
        known = answer is Received.KNOWN
        self._timeline.add(story, "came", "the same SMS again, ignored" if known else "SMS received", at)
        what = asked.what if asked is not None and answer is Received.NEW else answer
        if what in _ASKED:
            self._timeline.add(story, "none", _ASKED[what], at)
        return answer

    async def resolve(self, item: Reply, receipt_timeout: int, country: str) -> Resolved:
        at = self._timeline.now()
        resolved = await self._store.resolve(item, receipt_timeout, country)
        if resolved.waits:
            self._add(item, "wait", "waiting: its number is moving to another conversation", at)
        return resolved

    async def receive_sms_part(
        self, sms: InboundSms, part: Part, handset: str, number: str, wait: int, longest: int
    ) -> PartTaken:
        at = self._timeline.now()
        taken = await self._store.receive_sms_part(sms, part, handset, number, wait, longest)
        # A long reply is called by the part that came first.
        story = self._parts.setdefault((handset, number, part.reference), reply_key(sms.message_id))
        self._reply(story, handset, number, "a long SMS")
        what = f"part {part.number} of {part.total} received"
        if taken.outcome in ("whole", "late"):
            self._parts.pop((handset, number, part.reference), None)
        now = {"known": "again", "waiting": "waiting for the others", "whole": "that was the last one"}
        self._timeline.add(story, "came", f"{what}: {now.get(taken.outcome, 'too late for the others')}", at)
        return taken

    def _reply(self, story_id: str, handset: str, number: str, text: str) -> str:
        title = f"{self._names.handset(handset)} → {readable_number(number)}: {shortened(text, 60)}"
        self._timeline.begin(story_id, title)
        return story_id

    async def queue_auto_reply(self, item: Reply, text: str) -> None:
        at = self._timeline.now()
        await self._store.queue_auto_reply(item, text)
        self._add(item, "none", "its sender gets an automatic reply, if allowed", at)

    async def step_aside(self, item: Notification, state: LinkState, handset: str, duration: int) -> bool:
        at = self._timeline.now()
        aside = await self._store.step_aside(item, state, handset, duration)
        if aside:
            self._add(item, "wait", "all numbers of the handset are in use: others go first", at)
        return aside


_: type[Store] = ObservedStore


def story_of(item_id: str) -> str:
    """The story that a notification, a reply or an automatic reply belongs to: that of its message, or of its reply."""
    first, _, user = item_id.partition(".")
    return uuid_of_key(first) if len(user) == 32 else first


def _checked(facts: MessageReport, unread: Sequence[str]) -> tuple[Tone, str]:
    if unread:
        return "wait", f"checked: not read by {', '.join(unread)}"
    if facts.closed == "read":
        return "none", "checked: skipped, all recipients have read it"
    return "none", f"checked: {explained(facts.closed)}"
