"""Fakes of the queues, whose items are under leases: like those of tests.engine.fakes."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from nexmo_twisted.domain.link_state import LinkCommit, LinkState
from nexmo_twisted.domain.model import (
    Accepted,
    Attempt,
    Notification,
    Reply,
    Status,
)
from nexmo_twisted.domain.rate_limits import Limit
from nexmo_twisted.domain.results import (
    Begin,
    Begun,
    Claimed,
    Delivery,
    Reconciled,
    Resolved,
    Suspension,
)
from nexmo_twisted.ports.store import (
    Outbox,
    ReplyQueue,
)
from tests.engine.fakes import Calls, Fake, flags


class Leases(Fake):
    """Items that are claimed and not concluded yet, and those of them whose attempt is recorded. Every claim says how
    many were ``lost`` and how many ``crashed``."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.lost = self.crashed = 0
        self.claimed: set[str] = set()
        self.sending: set[str] = set()

    def claim(self, *items: Notification | Reply) -> None:
        self.claimed |= {item.token for item in items}

    def check(self, item: Notification | Reply, *, sending: bool | None = None) -> None:
        """It is claimed, and (not) being sent if that matters."""
        if item.token not in self.claimed:
            raise AssertionError(f"{item.id} is not claimed, or concluded already")
        if sending is not None and sending != (item.token in self.sending):
            raise AssertionError(f"{item.id} is {'not ' if sending else ''}being sent")

    def conclude(self, item: Notification | Reply) -> None:
        self.claimed.discard(item.token)
        self.sending.discard(item.token)


class FakeOutbox(Leases):
    """``waiting`` are handed out by the next claim; ``begins`` are the answers to attempts, OK after those, and
    ``limits`` those of the last one. ``mine``: whether items are still this process' when they are set aside."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.waiting: list[Notification] = []
        self.begins: deque[Begun] = deque()
        self.limits: Sequence[Limit] = ()
        self.delivery: Delivery | None = Delivery(message_id="known", ended=None, before=None, said=None)
        self.suspension = Suspension.BEGUN
        self.settled = Reconciled(resent=0, parked=0, dropped=0, unneeded=0, next=None)
        self.steps_aside = True
        self.mine = True

    async def claim_notifications(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Notification]:
        del lease, idle
        items, self.waiting = self.waiting[:limit], self.waiting[limit:]
        self.claim(*items)
        return Claimed(None, items, self.lost, self.crashed)

    async def begin_attempt(
        self,
        item: Notification,
        report: Collection[Status],
        commit: LinkCommit,
        introduced: str,
        lease: int,
        limits: Sequence[Limit] = (),
    ) -> Begun:
        del report, lease
        self.check(item, sending=False)
        self.limits = limits
        await self.note("begin_attempt", commit.number, introduced, [limit.name for limit in limits])
        return self._begin(item)

    async def begin_auto_reply(self, item: Notification, lease: int, limits: Sequence[Limit] = ()) -> Begun:
        del lease
        self.check(item, sending=False)
        if item.auto_reply is None:
            raise AssertionError("not an automatic reply")
        await self.note("begin_auto_reply", item.auto_reply.number, [limit.name for limit in limits])
        return self._begin(item)

    def _begin(self, item: Notification) -> Begun:
        begun = self.begins.popleft() if self.begins else Begun(Begin.OK)
        if begun.answer is Begin.OK:
            self.sending.add(item.token)
        if begun.answer is Begin.WAIT:
            self.conclude(item)
        return begun

    async def step_aside(self, item: Notification, state: LinkState, handset: str, duration: int) -> bool:
        del state
        self.check(item, sending=False)
        if duration <= 0:
            raise AssertionError("it has waited long enough")
        await self.note("step_aside", handset, duration)
        if self.steps_aside:
            self.conclude(item)
        return self.steps_aside

    async def record_accepted(
        self, item: Notification, attempt: Attempt, outcome: str, sent: Accepted
    ) -> Delivery | None:
        self.check(item, sending=True)
        await self.note("record_accepted", attempt.number, outcome, sent)
        self.conclude(item)
        return self.delivery

    async def complete(self, item: Notification, outcome: str) -> None:
        self.check(item, sending=False)
        await self.note("complete", outcome)
        self.conclude(item)

    async def reschedule(
        self, item: Notification, delay: int, reason: str, *, introduction: bool = False, aside: bool = False
    ) -> None:
        self.check(item, sending=None if not introduction and not aside else False)
        await self.note("reschedule", delay, reason, *flags(introduction=introduction, aside=aside))
        self.conclude(item)

    async def release(self, item: Notification) -> None:
        self.check(item, sending=False)
        await self.note("release")
        self.conclude(item)

    async def set_aside(
        self,
        item: Notification,
        reason: str,
        *,
        uncertain: bool,
        on_wire: float | None = None,
        account_works: bool = False,
    ) -> bool:
        self.check(item, sending=True if uncertain or account_works else None)
        if on_wire is not None and not uncertain:
            raise AssertionError("what is certain needs no proof")
        await self.note("set_aside", reason, on_wire, *flags(uncertain=uncertain, account_works=account_works))
        self.conclude(item)
        return self.mine

    async def suspend_sending(self, item: Notification, reason: str) -> Suspension:
        self.check(item, sending=True)
        await self.note("suspend_sending", reason)
        self.conclude(item)
        return self.suspension

    async def pause_limit(self, item: Notification, limit: str, duration: int, reason: str) -> None:
        self.check(item, sending=True)
        await self.note("pause_limit", limit, duration, reason)
        self.conclude(item)

    async def reconcile(self, limit: int, receipt_timeout: int, policy: str, report: Collection[Status]) -> Reconciled:
        await self.note("reconcile", limit, receipt_timeout, policy, report)
        return self.settled


class FakeReplyQueue(Leases):
    """``waiting`` are handed out by the next claim; ``resolved`` answers for open replies."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.waiting: list[Reply] = []
        self.resolved = Resolved()
        self.mine = True

    async def claim_replies(self, limit: int, lease: int, *, idle: bool = True) -> Claimed[Reply]:
        del lease, idle
        items, self.waiting = self.waiting[:limit], self.waiting[limit:]
        self.claim(*items)
        return Claimed(None, items, self.lost, self.crashed)

    async def resolve(self, item: Reply, receipt_timeout: int, country: str) -> Resolved:
        self.check(item)
        if not item.open:
            raise AssertionError("its thread is known")
        await self.note("resolve", receipt_timeout, country)
        if self.resolved.waits:
            self.conclude(item)
        return self.resolved

    async def queue_auto_reply(self, item: Reply, text: str) -> None:
        self.check(item)
        await self.note("queue_auto_reply", text)

    async def complete(self, item: Reply, outcome: str) -> None:
        self.check(item)
        await self.note("complete", outcome)
        self.conclude(item)

    async def reschedule(self, item: Reply, delay: int, reason: str, *, aside: bool = False) -> None:
        self.check(item)
        await self.note("reschedule", delay, reason, *flags(aside=aside))
        self.conclude(item)

    async def set_aside(self, item: Reply, reason: str, *, uncertain: bool) -> bool:
        self.check(item)
        if uncertain:
            raise AssertionError("a reply may be posted again: it is never uncertain")
        await self.note("set_aside", reason)
        self.conclude(item)
        return self.mine


_outbox: type[Outbox] = FakeOutbox
_replies: type[ReplyQueue] = FakeReplyQueue
