"""The two queues in Redis: notifications that are to be sent, and replies that are to be posted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import TypeVar

from twisted.logger import Logger

from nexmo_twisted.domain.delivery import read_state
from nexmo_twisted.domain.ids import short_sms_id
from nexmo_twisted.domain.link_state import (
    LinkCommit,
    LinkState,
    thread_of_entry,
)
from nexmo_twisted.domain.model import (
    Accepted,
    Attempt,
    Notification,
    Reply,
    Status,
)
from nexmo_twisted.domain.rate_limits import Limit
from nexmo_twisted.domain.results import (
    Begun,
    Claimed,
    Delivery,
    ItemState,
    Reconciled,
    Relink,
    Resolved,
    Suspension,
)
from nexmo_twisted.errors import AnswerLost, StoreUnavailable
from nexmo_twisted.ports.store import Outbox, ReplyQueue
from nexmo_twisted.store.codec import (
    Records,
    begun,
    commit_words,
    int_or_none,
    limits_words,
    notification,
    queue_of,
    ranks,
    reply,
)
from nexmo_twisted.store.redis_steps import RedisSteps
from nexmo_twisted.store.schema import F

#: An item whose lease expired so often without a result may be what kills the process: it becomes a dead letter.
CLAIMS_WITHOUT_RESULT = 3
#: While sending is suspended, one waiting SMS is tried every so many ms.
PROBE_EVERY = 60_000
#: How many parts of an SMS are found by their ids. Vonage advises not to send more than six.
PARTS = 10

Item = TypeVar("Item")


class RedisQueues(RedisSteps):
    """Items under leases."""

    _log = Logger()

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
            except (LookupError, ValueError):  # not written by this service
                self._log.failure("Queue {queue}: item {id} is unreadable", queue=queue, id=values[0])
                with suppress(StoreUnavailable):  # else it is claimed again later
                    await self._set_aside(queue, *values[:2], "D", "undecodable", "", 0)
        return Claimed(int_or_none(after), items, lost, dead)

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
        answer, early, changed = await self._work.run(
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
            Delivery(
                message_id=item.message_id, ended=ItemState.SENDING, before=None, said=read_state(early), relink=relink
            )
            if answer == "DONE"
            else None
        )

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Reconciled:
        resent, parked, dropped, unneeded, after = await self._work.run(
            "reconcile", self._now(), limit, receipt_timeout, policy, ranks(report)
        )
        return Reconciled(resent=resent, parked=parked, dropped=dropped, unneeded=unneeded, next=int_or_none(after))

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


_: tuple[type[Outbox], type[ReplyQueue]] = (RedisQueues, RedisQueues)
