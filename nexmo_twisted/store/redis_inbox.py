"""The inbox in Redis: events, messages until they are due, inbound SMS, receipts and quarantined webhooks."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TypeVar

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.delivery import DeliveryReport, read_state
from nexmo_twisted.domain.ids import is_uuid, item_name, item_of_reference, message_key, reply_key, short_sms_id
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
    ItemState,
    PartTaken,
    Promoted,
    Received,
    Relink,
)
from nexmo_twisted.ports.store import Inbox, QuarantineLog, Receipts, UnreadQueue
from nexmo_twisted.store.codec import (
    int_or_none,
    ranks,
    short_conversation,
)
from nexmo_twisted.store.redis_steps import RedisSteps
from nexmo_twisted.store.schema import KEEP

#: How many notifications one script call makes, so that none takes long; all of one message are made at once.
PROMOTED = 2000
#: How many answers all handsets together that we never texted get within a day: their SMS may be forged, ours are paid.
NOTICES_TO_STRANGERS = 100
#: How many receipts of unknown SMS are kept for a while. Forged ones must not fill Redis, and a genuine one waits for
#: seconds.
EARLY_RECEIPTS = 250
#: How many unreadable webhooks are kept of those that are signed, which no stranger can push out, and of the others.
QUARANTINED = 100

Item = TypeVar("Item")


class RedisInbox(RedisSteps):
    """What comes in: messages, SMS and receipts."""

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
            EARLY_RECEIPTS,
            handset,
            number,
            phones.region_of(handset) if handset else "",
        )
        state, relink = ItemState(ended) if ended else None, Relink(*link) if link[0] else None
        return Delivery(
            message_id=item_name(nid), ended=state, before=read_state(before), said=read_state(now), relink=relink
        )


_: tuple[type[UnreadQueue], type[Inbox], type[QuarantineLog], type[Receipts]] = (
    RedisInbox,
    RedisInbox,
    RedisInbox,
    RedisInbox,
)
