"""One application on a Redis, and the work that leaves keys of nearly all kinds there."""

from __future__ import annotations

from typing import Any

from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import Accepted, Asked, InboundSms, Part, Status, Thread
from nexmo_twisted.platforms.layer.ids import CONVERSATION as CONVERSATION_PREFIX
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.monitor import RedisHeartbeat
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.sweep import RedisSweep
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, delivery_report, event, uuid
from tests.support import attempted, in_words

LEASE, LINKS = 90_000, 37 * 86_400_000


class Application:
    """One service on the Redis that all share."""

    def __init__(self, connection: Connection, now: Any) -> None:
        self.connection = connection
        self.store = RedisStore(connection, connection, now, conversation_prefix=CONVERSATION_PREFIX)
        self.admin = QueueAdmin(connection, now)
        self.heartbeat = RedisHeartbeat(connection, "one", now)
        self._sweeping = RedisSweep(connection, now=now, report=REPORT, link_ttl=LINKS)

    async def work(self) -> None:
        """Texts and replies in every state, so that there are keys of nearly all kinds."""
        for n in range(1, 5):
            sent = event("sent", uuid(n), **{f"user {n}": Status.SENT})
            await self.store.record_event(sent, 0 if n < 4 else 600_000)
        await self.store.promote(200, REPORT)
        one, two, three = (await self.store.claim_notifications(10, LEASE)).items
        choices = []
        for item, handset in ((one, HANDSET), (two, "12015550199")):
            state = await self.store.read_links(item.user_id, handset, raw=handset)
            choice = choose(state, Thread(item.user_id, CONVERSATION), handset, handset, NUMBERS, 1000, 1000)
            assert isinstance(choice, Choice)
            assert in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE)) == "OK"
            choices.append(choice)
        accepted = Accepted(0.1, 0.1, ("0A01",))
        await self.store.record_accepted(one, attempted(choices[0]), f"sent {NUMBERS[0]} 0A01", accepted)
        await self.store.record_receipt(delivery_report("", "0A01", HANDSET, NUMBERS[0], "delivered", "0"))
        await self.store.record_receipt(delivery_report("", "0A02", HANDSET, NUMBERS[0], "delivered", "0"))
        await self.store.set_aside(two, "time-out", uncertain=True)
        await self.store.suspend_sending(three, "no credit")
        await self.store.receive_sms(
            InboundSms(message_id="in 1", msisdn=HANDSET, to=NUMBERS[0], text="Yes"), HANDSET, NUMBERS[0]
        )
        (reply,) = (await self.store.claim_replies(10, LEASE)).items
        await self.store.complete(reply, "posted")
        stop = Asked("stop", "You get no more texts.")
        await self.store.receive_sms(
            InboundSms(message_id="in 2", msisdn="12015550197", to=NUMBERS[0], text="STOP"),
            "12015550197",
            NUMBERS[0],
            stop,
        )
        long = InboundSms(message_id="in 3", msisdn=HANDSET, to=NUMBERS[0], text="A part")
        await self.store.receive_sms_part(long, Part("7", 2, 1), HANDSET, NUMBERS[0], 60_000, 60_000)
        await self.store.dismiss(InboundSms(message_id="in 4", msisdn=HANDSET, to=NUMBERS[0], text=" "), "blank")
        await self.store.quarantine('{"source": "layer"}', signed=True)
        await self.store.set_unowned_numbers(["12015550109"])
        await self.store.acquire_lock("job", 60)
        await self.heartbeat.heartbeat(1, 60_000)

    async def sweep(self) -> dict[str, int]:
        """All that a whole sweep finds."""
        found: dict[str, int] = {}
        place: str | None = ""
        while place is not None:
            step = await self._sweeping.step(place)
            found |= {**step.repaired, **step.expired, **step.foreign}
            place = step.next
        return found
