"""Fakes of the store but for its queues with leases: like those of tests.engine.fakes."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.link_state import LinkCommit, LinkState
from nexmo_twisted.domain.model import (
    Asked,
    ChatEvent,
    InboundSms,
    Part,
    Status,
)
from nexmo_twisted.domain.results import (
    Closed,
    Delivery,
    PartTaken,
    Promoted,
    Received,
)
from nexmo_twisted.ports.store import (
    Inbox,
    Links,
    Locks,
    NamedPhones,
    QuarantineLog,
    Receipts,
    UnreadQueue,
)
from tests.engine.fakes import Calls, Fake, flags


class FakeLinks(Fake):
    """``states`` are what is read, one after the other, the last one for ever. ``stands`` says of each write, in order,
    whether nothing has changed; afterwards nothing has. ``commits`` are those that were to be written."""

    def __init__(self, calls: Calls, *states: LinkState) -> None:
        super().__init__(calls)
        self.states = list(states)
        self.stands: deque[bool] = deque()
        self.read: LinkState | None = None
        self.commits: list[LinkCommit] = []

    async def read_links(self, user_id: str, handset: str, *, raw: str = "", number: str = "") -> LinkState:
        await self.note("read_links", user_id, handset, raw or number)
        self.read = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return self.read

    async def renew_links(self, commit: LinkCommit) -> bool:
        self._check(commit.state)
        self.commits.append(commit)
        await self.note("renew_links", commit.number)
        return self.stands.popleft() if self.stands else True

    async def write_map(self, state: LinkState, user_id: str, user_map: str, ttl: int) -> bool:
        self._check(state)
        await self.note("write_map", user_id, user_map, ttl)
        return self.stands.popleft() if self.stands else True

    async def set_unowned_numbers(self, numbers: Collection[str]) -> None:
        await self.note("set_unowned_numbers", list(numbers))

    def _check(self, state: LinkState) -> None:
        if state is not self.read:
            raise AssertionError("not based on what was read last")


class FakeNamedPhones(Fake):
    """``known`` are the phones by user."""

    def __init__(self, calls: Calls, **known: str) -> None:
        super().__init__(calls)
        self.known = known

    async def name_phones(self, phones: Mapping[str, str], at: int | None, kept: int) -> None:
        if not phones:
            raise AssertionError("nothing to keep")
        await self.note("name_phones", phones, at, kept)

    async def named_phone(self, user_id: str) -> str:
        await self.note("named_phone", user_id)
        return self.known.get(user_id, "")


class FakeReceipts(Fake):
    """``delivery`` is what each report comes to."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.delivery = Delivery(message_id="", ended=None, before=None, said=None)

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:
        await self.note("record_receipt", report, *flags(block=block))
        return self.delivery


class FakeInbox(Fake):
    """Answers the same to every SMS."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.received = Received.NEW
        self.taken = PartTaken("waiting", 0, None)
        self.closed = Closed(0, 0, None)
        self.new = True

    async def receive_sms(self, sms: InboundSms, handset: str, number: str, asked: Asked | None = None) -> Received:
        _check_text(sms)
        await self.note("receive_sms", sms.message_id, handset, number, asked)
        return self.received

    async def receive_sms_part(
        self, sms: InboundSms, part: Part, handset: str, number: str, wait: int, longest: int
    ) -> PartTaken:
        if longest < wait:
            raise AssertionError("all parts together are waited for no shorter than one")
        await self.note("receive_sms_part", sms.message_id, part, handset, number, wait, longest)
        return self.taken

    async def close_parts(self, limit: int) -> Closed:
        await self.note("close_parts", limit)
        return self.closed

    async def dismiss(self, sms: InboundSms, reason: str) -> bool:
        await self.note("dismiss", sms.message_id, reason)
        return self.new

    async def turned_away(self) -> None:
        await self.note("turned_away")


class FakeUnreadQueue(Fake):
    """``due`` is when each message is checked (ms), ``promoted`` what a pass over the due ones does."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.due: int | None = None
        self.promoted = Promoted(0, 0, 0, None)

    async def record_event(self, event: ChatEvent, delay: int) -> int | None:
        await self.note("record_event", event, delay)
        return self.due

    async def promote(self, limit: int, report: Collection[Status]) -> Promoted:
        await self.note("promote", limit, report)
        return self.promoted


class FakeQuarantineLog(Fake):
    async def quarantine(self, entry: str, *, signed: bool) -> None:
        await self.note("quarantine", entry, *flags(signed=signed))


class FakeLocks(Fake):
    """``free``: nobody else has the lock."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.free = True
        self.held: set[str] = set()

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        await self.note("acquire_lock", name, seconds)
        if self.free:
            self.held.add(name)
        return self.free

    async def release_lock(self, name: str) -> None:
        if name not in self.held:
            raise AssertionError(f"the lock {name} is somebody else's")
        await self.note("release_lock", name)
        self.held.discard(name)


def _check_text(sms: InboundSms) -> None:
    if sms.binary or sms.part is not None or not sms.text:
        raise AssertionError("not an SMS of text that came whole")


_links: type[Links] = FakeLinks
_named: type[NamedPhones] = FakeNamedPhones
_receipts: type[Receipts] = FakeReceipts
_inbox: type[Inbox] = FakeInbox
_unread: type[UnreadQueue] = FakeUnreadQueue
_quarantine: type[QuarantineLog] = FakeQuarantineLog
_locks: type[Locks] = FakeLocks
