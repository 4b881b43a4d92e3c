"""Test cases with an empty real store, and the steps that bring queue items into each of their states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from nexmo_twisted.domain.ids import message_key
from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import (
    InboundSms,
    Notification,
    Reply,
    Status,
    Thread,
)
from nexmo_twisted.domain.results import (
    Reconciled,
    Resolved,
)
from nexmo_twisted.errors import AnswerLost
from nexmo_twisted.platforms.layer.ids import CONVERSATION as CONVERSATION_PREFIX
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.schema import DAY, F
from nexmo_twisted.store.sweep import RedisSweep
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, event, uuid
from tests.inspector import K
from tests.support import StoreCase, in_words, reading

#: Milliseconds of a lease, from an attempt of unknown outcome to its settlement, and that a link lives.
LEASE = 90_000
SETTLE = 600_000
LINKS = 37 * DAY
#: What ResolvingCase uses: our number, and the conversation that it carried before.
NUMBER = NUMBERS[0]
OLD = "layer:///conversations/11111111-1111-4111-8111-111111111111"
COUNTRY = "US"


class LossyConnection(Connection):
    """While ``lossy``, commands are carried out and their answers are lost."""

    lossy = False

    async def run(self, name: str, *arguments: str | int) -> Any:
        answer = await super().run(name, *arguments)
        if self.lossy:
            raise AnswerLost("no answer")
        return answer


class QueueCase(StoreCase):
    kind = LossyConnection
    connection: LossyConnection

    async def owe(self, n: int = 1, *users: str) -> None:
        """Message ``n``, due now, unread by those users."""
        sent = event("sent", uuid(n), **dict.fromkeys(users or ("bob",), Status.SENT))
        await self.store.record_event(sent, 0)
        await self.store.promote(200, REPORT)
        self.clock.advance(0.001)

    def next_process(self) -> None:
        """The process dies and another one takes over."""
        self.store = RedisStore(self.connection, self.connection, self.now, conversation_prefix=CONVERSATION_PREFIX)

    async def claim(self, limit: int = 10) -> list[Notification]:
        return list((await self.store.claim_notifications(limit, LEASE)).items)

    async def begin(self, item: Notification, handset: str = "12015550198", numbers: Sequence[str] = NUMBERS) -> str:
        state = await self.store.read_links(item.user_id, handset, raw=handset)
        choice = choose(state, Thread(item.user_id, CONVERSATION), handset, handset, numbers, 1000, 1000)
        assert isinstance(choice, Choice)
        return in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE))

    async def sending(self, n: int = 1) -> Notification:
        await self.owe(n)
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item), "OK")
        return item


class SweepCase(QueueCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.sweeping = RedisSweep(self.connection, now=self.now, report=REPORT, link_ttl=LINKS)

    async def sweep(self) -> dict[str, int]:
        """A whole sweep: what it repaired, with ``expired`` and ``foreign`` before what was not."""
        found: Counter[str] = Counter()
        place: str | None = ""
        while place is not None:
            step = await self.sweeping.step(place)
            found.update(step.repaired)
            found.update({f"expired {kind}": n for kind, n in step.expired.items()})
            found.update({f"foreign {kind}": n for kind, n in step.foreign.items()})
            place = step.next
        return dict(found)

    async def assert_repairs(self, **kinds: int) -> None:
        """The sweep repairs this, and then there is nothing more to repair."""
        self.assertEqual(await self.sweep(), kinds)
        self.assertEqual(await self.sweep(), {})

    async def pending(self, n: int = 1, *users: str) -> str:
        """A message that is due in ten minutes. Returns its mid."""
        sent = event("sent", uuid(n), **dict.fromkeys(users or ("bob",), Status.SENT))
        await self.store.record_event(sent, 600_000)
        return message_key(uuid(n))

    async def waiting(self, n: int = 1, *users: str) -> str:
        """A notification, or several, to be tried again in ten minutes. Returns the mid."""
        await self.owe(n, *users)
        for item in await self.claim():
            await self.store.reschedule(item, 600_000, "refused")
        return message_key(uuid(n))

    async def aside(self, n: int = 1, *, uncertain: bool) -> Notification:
        item = await self.sending(n)
        await self.store.set_aside(item, "why", uncertain=uncertain)
        return item

    async def replied(self) -> str:
        """A reply that waits. Returns its rid."""
        await self.store.receive_sms(
            InboundSms(message_id="id-1", msisdn=HANDSET, to=NUMBERS[0], text="hi"), HANDSET, NUMBERS[0]
        )
        (rid,) = await self.redis("ZRANGE", f"{K.in_lane}{HANDSET}:{NUMBERS[0]}", 0, -1)
        return str(rid)

    async def nid(self, user: str = "bob") -> str:
        (nid,) = await self.redis("ZRANGE", f"{K.out_lane}{user}", 0, -1)
        return str(nid)

    async def replies(self) -> list[Reply]:
        return list((await self.store.claim_replies(5, LEASE)).items)

    async def closed(self, mid: str) -> str:
        """Why that message is closed; blank when it is not."""
        why: str = await self.redis("EVAL", reading("return load_message(ARGV[1])[F.closed] or ''"), 0, mid)
        return why

    async def ttl(self, key: str) -> int:
        left: int = await self.redis("PTTL", key)
        return left

    async def assert_ends(self, key: str, after: int) -> None:
        """The key ends after about that many ms."""
        self.assertTrue(0 <= after - await self.ttl(key) < 60_000, key)


class AdminCase(QueueCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.operator = QueueAdmin(self.connection, self.now, conversation_prefix=CONVERSATION_PREFIX)

    async def dead_letter(self, n: int = 1, reason: str = "refused: status 6: invalid message") -> Notification:
        """A text that was permanently refused."""
        item = await self.sending(n)
        await self.store.set_aside(item, reason, uncertain=False)
        return item

    async def uncertain(self, n: int = 1) -> Notification:
        item = await self.sending(n)
        await self.store.set_aside(item, "no answer", uncertain=True)
        return item

    async def reply(self, message_id: str = "0A0000000123ABCD1") -> Reply:
        """A claimed reply."""
        await self.store.receive_sms(
            InboundSms(message_id=message_id, msisdn="", to="", text="Yes!"), "12015550198", NUMBERS[0]
        )
        (item,) = (await self.store.claim_replies(1, LEASE)).items
        return item

    async def redrive(self, *items: Notification | Reply, confirmed: bool = False) -> list[str]:
        queue: Literal["out", "in"] = "out" if isinstance(items[0], Notification) else "in"
        ids = [item.id for item in items]
        results = self.operator.redrive(queue, ids, REPORT, confirmed=confirmed)
        return [result.why or result.answer.value async for result in results]

    async def fields(self, item: Notification) -> dict[str, str]:
        flat = iter(await self.redis("HGETALL", f"{K.out_item}{item.id}"))
        return dict(zip(flat, flat, strict=True))


class UncertainCase(QueueCase):
    async def uncertain(self, n: int = 1) -> Notification:
        """An SMS of which nobody knows whether it went out."""
        item = await self.sending(n)
        self.assertTrue(await self.store.set_aside(item, "no answer", uncertain=True))
        return item

    async def settle(self, policy: str = "resend") -> Reconciled:
        return await self.store.reconcile(10, SETTLE, policy, REPORT)

    async def state(self, item: Notification) -> str | None:
        state: str | None = await self.inspector.state(item.id)
        return state

    async def outcome(self, n: int = 1) -> str:
        """What is remembered of the message, as far as it is text."""
        (key,) = await self.redis("KEYS", f"{K.message}*{'' if n == 1 else n}*")
        kept: str = await self.redis(
            "EVAL",
            reading("return (load_message(ARGV[1])[F.outcomes] or {})['bob'] or ''"),
            0,
            key.removeprefix(K.message),
        )
        return kept


class ResolvingCase(QueueCase):
    """The number carries OLD for Ann, unless it is wiped off, and an attempt of Bob's conversation is under way."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        await self.redis("HSET", f"{K.handset}{HANDSET}", NUMBER, f'["ann","{OLD}",1,1]', F.version, 1)

    async def trying(self, n: int = 1) -> Notification:
        await self.owe(n)
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item, HANDSET, (NUMBER,)), "OK")
        return item

    async def reply(self, message_id: str = "in 1") -> Reply:
        await self.store.receive_sms(
            InboundSms(message_id=message_id, msisdn=HANDSET, to=NUMBER, text="Yes"), HANDSET, NUMBER
        )
        return await self.next_reply()

    async def next_reply(self) -> Reply:
        (item,) = (await self.store.claim_replies(1, LEASE)).items
        return item

    async def resolved(self, item: Reply) -> Resolved:
        return await self.store.resolve(item, SETTLE, COUNTRY)
