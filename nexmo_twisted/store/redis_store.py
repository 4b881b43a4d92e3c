"""The Store in Redis (or Valkey): turns values into script arguments and back. The thinking is in the scripts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from hashlib import sha1
from secrets import token_hex
from typing import TypeVar

from twisted.logger import Logger

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.delivery import DeliveryReport, read_state
from nexmo_twisted.domain.ids import is_uuid, item_name, item_of_reference, message_key, reply_key, short_sms_id
from nexmo_twisted.domain.links import LinkCommit, LinkState, thread_of_entry
from nexmo_twisted.domain.model import (
    Accepted,
    Asked,
    Attempt,
    ChatEvent,
    InboundSms,
    Notification,
    Part,
    Reply,
    Status,
)
from nexmo_twisted.domain.rate_limits import Limit
from nexmo_twisted.domain.results import (
    Begun,
    Claimed,
    Closed,
    Delivery,
    ItemState,
    PartTaken,
    Promoted,
    Received,
    Relink,
    Resolved,
    Settled,
    Suspension,
)
from nexmo_twisted.errors import AnswerLost, StoreUnavailable
from nexmo_twisted.ports.store import Store
from nexmo_twisted.store.codec import (
    Records,
    begun,
    commit_words,
    int_or_none,
    limits_words,
    notification,
    pairs,
    queue_of,
    ranks,
    reply,
    short_conversation,
)
from nexmo_twisted.store.connection import Connection, Now, redis_time
from nexmo_twisted.store.schema import KEEP, F

#: An item whose lease expired so often without a result may be what kills the process: it becomes a dead letter.
CLAIMS_WITHOUT_RESULT = 3
#: How many notifications one script call makes, so that none takes long; all of one message are made at once.
PROMOTED = 2000
#: While sending is suspended, one waiting SMS is tried every so many ms.
PROBE_EVERY = 60_000
#: How many answers all handsets together that we never texted get within a day: their SMS may be forged, ours are paid.
NOTICES_TO_STRANGERS = 100
#: How many parts of an SMS are found by their ids. Vonage advises not to send more than six.
PARTS = 10
#: How many receipts of unknown SMS are kept for a while. Forged ones must not fill Redis, and a genuine one waits for
#: seconds.
PARKED = 250
#: How many unreadable webhooks are kept of those that are signed, which no stranger can push out, and of the others.
QUARANTINED = 100

Item = TypeVar("Item")


class RedisStore:
    """``web`` serves the webhooks and ``work`` the engine, so that neither waits behind the other's commands.

    ``now`` gives the scripts their time: '' for Redis' own (production), absolute ms in tests and the sandbox. ``name``
    is what this process is called, differently at each start. ``conversation_prefix`` is what the ids of conversations
    begin with on this platform, and is not kept with messages.
    """

    _log = Logger()

    def __init__(
        self, web: Connection, work: Connection, now: Now = redis_time, name: str = "", *, conversation_prefix: str = ""
    ) -> None:
        self._web = web
        self._work = work
        self._now = now
        self._name = name or token_hex(4)
        self._prefix = conversation_prefix
        self._received = {"out": 0, "in": 0}  #: the last token that a claim brought
        self._lost: set[str] = set()  #: queues of which the answer to a claim was lost, and not made up for yet

    async def record_event(self, event: ChatEvent, delay: int) -> int | None:
        statuses: list[str | int] = []
        for user, status in event.statuses.items():
            statuses += (user, int(status))
        due: str = await self._web.run(
            "record_event",
            self._now(),
            message_key(event.message_id),
            event.kind,
            event.sender,
            event.payload,
            delay,
            short_conversation(event.conversation_id, self._prefix),
            "" if is_uuid(event.message_id) else event.message_id,
            *statuses,
        )
        return int_or_none(due)

    async def receive_sms(self, sms: InboundSms, handset: str, number: str, asked: Asked | None = None) -> Received:
        asks = asked or Asked()
        answer = await self._web.run(
            "receive_sms",
            self._now(),
            reply_key(sms.message_id),
            handset,
            number,
            sms.text,
            sms.message_id,
            asks.what,
            asks.answer,
            asks.again,
            NOTICES_TO_STRANGERS,
            int(asks.turned_away),
        )
        return Received(answer)

    async def turned_away(self) -> None:
        await self._web.run("turned_away", self._now())

    async def receive_sms_part(
        self, sms: InboundSms, part: Part, handset: str, number: str, wait: int, longest: int
    ) -> PartTaken:
        outcome, torn, after = await self._web.run(
            "receive_sms_part",
            self._now(),
            reply_key(sms.message_id),
            handset,
            number,
            sms.text,
            sms.message_id,
            part.reference,
            part.total,
            part.number,
            wait,
            longest,
            reply_key(f"{sms.message_id} part {part.number}"),
        )
        return PartTaken(outcome, torn, int_or_none(after))

    async def close_parts(self, limit: int) -> Closed:
        torn, orphans, after = await self._work.run("close_parts", self._now(), limit)
        return Closed(torn, orphans, int_or_none(after))

    async def dismiss(self, sms: InboundSms, reason: str) -> bool:
        key = self._web.keys["in_item"] + reply_key(sms.message_id)
        return await self._web.command("SET", key, reason, "NX", "PX", KEEP["closed"]) is not None

    async def quarantine(self, entry: str, *, signed: bool) -> None:
        await self._web.run("quarantine", self._now(), entry, int(signed), QUARANTINED)

    async def promote(self, limit: int, report: Collection[Status]) -> Promoted:
        messages, notifications, orphans, after = await self._work.run(
            "promote", self._now(), limit, ranks(report), PROMOTED
        )
        return Promoted(messages, notifications, orphans, int_or_none(after))

    async def claim_notifications(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Notification]:
        return await self._claim("out", limit, lease, idle, notification)

    async def claim_replies(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
        return await self._claim("in", limit, lease, idle, reply)

    async def _claim(self, queue: str, limit: int, lease: int, idle: bool, read: Callable[..., Item]) -> Claimed[Item]:
        received = self._received[queue] if queue in self._lost else ""
        words = (limit, lease, CLAIMS_WITHOUT_RESULT, PROBE_EVERY, int(idle), self._name, received)
        try:
            after, lost, dead, messages, *raw = await self._work.run("claim", self._now(), queue, *words)
        except AnswerLost:
            self._lost.add(queue)
            raise
        self._lost.discard(queue)
        self._received[queue] = max([self._received[queue], *(int(values[1]) for values in raw)])
        items, records = [], Records(messages, self._prefix)
        for values in raw:
            try:
                items.append(read(records, *values))
            except (LookupError, ValueError):  # nobody of ours wrote it
                self._log.failure("Queue {queue}: item {id} is unreadable", queue=queue, id=values[0])
                with suppress(StoreUnavailable):  # else it is claimed again later
                    await self._set_aside(queue, *values[:2], "D", "undecodable", "", 0)
        return Claimed(int_or_none(after), items, lost, dead)

    async def read_links(self, user_id: str, handset: str, *, raw: str = "", number: str = "") -> LinkState:
        now, user_map, entries, owner, owner_map, unowned, texted = await self._work.run(
            "read_links", self._now(), user_id, handset, raw, number
        )
        return LinkState(int(now), user_map, pairs(entries), owner, owner_map, frozenset(unowned), texted)

    async def begin_attempt(
        self,
        item: Notification,
        report: Collection[Status],
        commit: LinkCommit,
        introduced: str,
        lease: int,
        limits: Sequence[Limit] = (),
    ) -> Begun:
        answer = await self._work.run(
            "begin_attempt",
            self._now(),
            item.id,
            item.token,
            lease,
            ranks(report),
            introduced,
            limits_words(limits),
            *commit_words(commit),
        )
        return begun(answer)

    async def begin_auto_reply(self, item: Notification, lease: int, limits: Sequence[Limit] = ()) -> Begun:
        words = (item.id, item.token, lease, limits_words(limits))
        return begun(await self._work.run("begin_auto_reply", self._now(), *words))

    async def queue_auto_reply(self, item: Reply, text: str) -> None:
        await self._work.run("queue_auto_reply", self._now(), item.id, item.handset, item.number, text)

    async def step_aside(self, item: Notification, state: LinkState, handset: str, duration: int) -> bool:
        words = (item.id, item.token, handset, duration, state.handset.get(F.version, ""))
        return bool(await self._work.run("step_aside", self._now(), *words) != "CONFLICT")

    async def resolve(self, item: Reply, receipt_timeout: int, country: str) -> Resolved:
        before_us = int(item.thread is not None)
        answer, entry = await self._work.run(
            "resolve", self._now(), item.id, item.token, receipt_timeout, country, before_us
        )
        if answer == "THREAD":
            return Resolved(thread_of_entry(entry) or item.thread)
        return Resolved(doubt=answer == "DOUBT", waits=answer in ("WAIT", "STALE"))

    async def record_accepted(
        self, item: Notification, attempt: Attempt, outcome: str, sent: Accepted
    ) -> Delivery | None:
        answer, heard, changed = await self._work.run(
            "record_accepted",
            self._now(),
            item.id,
            item.token,
            outcome,
            attempt.handset,
            attempt.number,
            attempt.introduced,
            "" if sent.on_wire is None else int(sent.on_wire * 1000),
            int(sent.took * 1000),
            sha1(attempt.map_read.encode(), usedforsecurity=False).hexdigest(),
            attempt.map_new,
            attempt.ttl,
            *(short_sms_id(each) for each in sent.message_ids[:PARTS]),
        )
        relink = Relink(item.user_id, attempt.handset, attempt.number) if changed else None
        return (
            Delivery(item.message_id, ItemState.SENDING, None, read_state(heard), relink) if answer == "DONE" else None
        )

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:
        handset = number = ""
        with suppress(phones.BadPhone):
            handset = phones.canonical(phones.inbound(report.handset))
        with suppress(phones.BadPhone):
            number = phones.inbound(report.number)
        nid, ended, before, now, *link = await self._web.run(
            "record_receipt",
            self._now(),
            item_of_reference(report.ref),
            short_sms_id(report.message_id),
            report.state.kept,
            int(block and report.state.opted_out),
            PARKED,
            handset,
            number,
            phones.region_of(handset) if handset else "",
        )
        state, relink = ItemState(ended) if ended else None, Relink(*link) if link[0] else None
        return Delivery(item_name(nid), state, read_state(before), read_state(now), relink)

    async def write_map(self, state: LinkState, user_id: str, user_map: str, ttl: int) -> bool:
        return bool(await self._work.run("write_map", user_id, state.user_map, user_map, ttl) == "OK")

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Settled:
        resent, parked, dropped, unneeded, after = await self._work.run(
            "reconcile", self._now(), limit, receipt_timeout, policy, ranks(report)
        )
        return Settled(resent, parked, dropped, unneeded, int_or_none(after))

    async def complete(self, item: Notification | Reply, outcome: str) -> None:
        await self._work.run("complete", self._now(), queue_of(item), item.id, item.token, outcome)

    async def reschedule(
        self, item: Notification | Reply, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None:
        words = (delay, reason, int(introduction), int(aside))
        await self._work.run("reschedule", self._now(), queue_of(item), item.id, item.token, *words)

    async def release(self, item: Notification | Reply) -> None:
        await self._work.run("release", self._now(), queue_of(item), item.id, item.token)

    async def set_aside(
        self,
        item: Notification | Reply,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool:
        out = "" if on_wire is None else int(on_wire * 1000)
        words = ("U" if uncertain else "D", reason, out, int(account_works))
        return await self._set_aside(queue_of(item), item.id, item.token, *words) == "DONE"

    async def _set_aside(self, queue: str, item: str, token: str, *words: str | int) -> str:
        answer: str = await self._work.run("set_aside", self._now(), queue, item, token, *words)
        return answer

    async def suspend_sending(self, item: Notification, reason: str) -> Suspension:
        words = (item.id, item.token, reason, PROBE_EVERY)
        return Suspension(await self._work.run("suspend_sending", self._now(), *words))

    async def pause_limit(self, item: Notification, limit: str, duration: int, reason: str) -> None:
        await self._work.run("pause_limit", self._now(), item.id, item.token, limit, duration, reason)

    async def renew_links(self, commit: LinkCommit) -> bool:
        return bool(await self._work.run("renew_links", self._now(), commit.user_map, *commit_words(commit)) == "OK")

    async def set_unowned_numbers(self, numbers: Collection[str]) -> None:
        await self._work.run("set_unowned_numbers", *sorted(numbers))

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        return bool(await self._work.run("acquire_lock", self._now(), name, int(seconds * 1000)))

    async def release_lock(self, name: str) -> None:
        await self._work.command("DEL", self._work.keys["lock"] + name)


_: type[Store] = RedisStore
