"""Where nobody has broken anything the sweep finds nothing."""

from __future__ import annotations

import random
from collections import Counter
from typing import Literal

from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import Asked, InboundSms, Notification, Part, Reply, Status, Thread
from nexmo_twisted.domain.rate_limits import Limits
from nexmo_twisted.store.schema import F
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, delivery_report, event, uuid
from tests.inspector import K
from tests.store.cases import LEASE, SETTLE, SweepCase
from tests.support import attempt, sent

#: What an inbound SMS asks for; mostly it is a message.
ASKED: tuple[Literal["", "stop", "start", "help"], ...] = ("", "", "", "", "stop", "start", "help")
#: Slow ones, so that some SMS stand in line.
LIMITS = Limits(per_account=0.5, per_number=0.02)


class NothingToRepairTests(SweepCase):
    """Whatever the product does, there is nothing to repair."""

    users = ("bob", "cleo", "dan", "phone-1")

    async def test_any_order_of_events(self) -> None:
        """More than a thousand steps of every kind, some late, some lost: the sweep finds nothing, at any moment."""
        self.seen: Counter[str] = Counter()
        for seed in (1, 2, 3):
            await self.redis("FLUSHALL")
            self.random = random.Random(seed)
            self.claimed: list[Notification] = []
            self.replying: list[Reply] = []
            self.messages = 0
            often = {self.take: 2, self.try_to_send: 2, self.word: 3}
            once = (
                self.message,
                self.status,
                self.deletion,
                self.receipt,
                self.settle,
                self.reply,
                self.part,
                self.reply_word,
            )
            steps = often | dict.fromkeys((*once, self.wait), 1)
            for number in range(400):
                (step,) = self.random.choices(list(steps), list(steps.values()))
                await step()
                if number % 10 == 9:
                    await self.remember()
                    self.assertEqual(await self.sweep(), {}, f"seed {seed}, step {number}, {step.__name__}")
        states = ("R", "C", "S", "U", "D", "hold", "line", "closed", "done reply", "done notice")
        for state in (*states, "parts", "parts missing"):
            self.assertGreater(self.seen[state], 0, state)

    async def remember(self) -> None:
        for key in await self.inspector.keys("out_item"):
            done = await self.redis("TYPE", key) == "string"
            self.seen["done notice" if done else await self.redis("HGET", key, F.state)] += 1
        for key in await self.inspector.keys("message"):
            self.seen["closed" if await self.closed(key.removeprefix(K.message)) else "open"] += 1
        for key in await self.inspector.keys("in_item"):
            self.seen["done reply" if await self.redis("TYPE", key) == "string" else "reply"] += 1
        for key in await self.inspector.keys("long_reply"):
            self.seen["parts missing" if await self.redis("HEXISTS", key, F.incomplete) else "parts"] += 1
        self.seen["line"] += len(await self.inspector.keys("rate_wait"))
        self.seen["hold"] += await self.inspector.suspended()

    async def message(self) -> None:
        self.messages += 1
        users = self.random.sample(self.users, self.random.randint(1, 3))
        sent = event("sent", uuid(self.messages), **dict.fromkeys(users, Status.SENT))
        await self.store.record_event(sent, self.random.choice((0, 60_000)))

    async def status(self) -> None:
        which = uuid(self.random.randint(1, self.messages + 3))
        status = self.random.choice((Status.DELIVERED, Status.READ))
        user = self.random.choice(self.users)
        await self.store.record_event(event(status.name.lower(), which, **{user: status}), 0)

    async def deletion(self) -> None:
        if self.random.random() < 0.3:
            which = uuid(self.random.randint(1, self.messages + 3))
            await self.store.record_event(event("deleted", which), 0)

    async def take(self) -> None:
        await self.store.promote(3, REPORT)
        self.claimed += await self.claim(3)

    def some(self) -> Notification | None:
        """One that was claimed at some time, perhaps long ago; most of the time it is forgotten with that."""
        if not self.claimed:
            return None
        item = self.random.choice(self.claimed)
        if self.random.random() < 0.7:
            self.claimed.remove(item)
        return item

    async def try_to_send(self) -> None:
        if self.claimed:
            item = self.random.choice(self.claimed)
            if item.auto_reply is not None:
                await self.store.begin_auto_reply(item, LEASE, LIMITS.of(NUMBERS[0]))
                return
            state = await self.store.read_links(item.user_id, f"1201555{len(item.user_id):04}")
            thread = Thread(item.user_id, f"{CONVERSATION[:-2]}{self.random.randint(10, 12)}")
            handset = f"1201555{len(item.user_id):04}"
            choice = choose(state, thread, handset, handset, NUMBERS, 60_000, 1000)
            if isinstance(choice, Choice):
                limits = LIMITS.of(choice.number)
                await self.store.begin_attempt(
                    item, REPORT, choice.commit, self.random.choice(("", "mark")), LEASE, limits
                )

    async def word(self) -> None:
        item = self.some()
        if item is None:
            return
        await self.random.choice(
            (
                lambda: self.store.record_accepted(
                    item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent(f"id of {item.id}")
                ),
                lambda: self.store.complete(item, "blank"),
                lambda: self.store.reschedule(item, self.random.choice((0, 60_000)), "refused"),
                lambda: self.store.reschedule(item, self.random.choice((0, 60_000)), "a page", aside=True),
                lambda: self.store.release(item),
                lambda: self.store.set_aside(item, "refused", uncertain=False),
                lambda: self.store.set_aside(item, "barred", uncertain=False, account_works=True),
                lambda: self.store.set_aside(item, "no answer", uncertain=True),
                lambda: self.store.suspend_sending(item, "no credit"),
                lambda: self.store.pause_limit(item, self.random.choice(("key", *NUMBERS)), 1000, "throttled"),
            )
        )()

    async def receipt(self) -> None:
        item = self.some()
        if item is not None:
            ref, sms = self.random.choice(("", item.id)), self.random.choice(("unknown", f"id of {item.id}"))
            status = self.random.choice(("buffered", "delivered", "failed"))
            await self.store.record_receipt(delivery_report(ref, sms, HANDSET, NUMBERS[0], status, "6"))

    async def settle(self) -> None:
        await self.store.reconcile(2, SETTLE, self.random.choice(("resend", "park", "drop")), REPORT)

    async def reply(self) -> None:
        handset = self.random.choice((HANDSET, "12015550003"))
        sms = InboundSms(message_id=f"id-{self.random.randint(1, 50)}", msisdn=handset, to=NUMBERS[0], text="hi")
        what = self.random.choice(ASKED)
        await self.store.receive_sms(
            sms, handset, NUMBERS[0], Asked(what, "answer", "again", self.random.random() < 0.3)
        )
        self.replying += await self.replies()

    async def part(self) -> None:
        total, number = self.random.randint(1, 3), self.random.randint(1, 3)
        sms = InboundSms(message_id=f"part-{self.random.randint(1, 90)}", msisdn=HANDSET, to=NUMBERS[0], text="hi")
        part = Part(str(self.random.randint(1, 3)), total, min(number, total))
        await self.store.receive_sms_part(sms, part, HANDSET, NUMBERS[0], 60_000, 300_000)
        await self.store.close_parts(2)

    async def reply_word(self) -> None:
        if not self.replying:
            return
        item = self.replying.pop(self.random.randrange(len(self.replying)))
        await self.random.choice(
            (
                lambda: self.store.complete(item, "posted"),
                lambda: self.store.queue_auto_reply(item, "text"),
                lambda: self.store.resolve(item, SETTLE, "US"),
                lambda: self.store.reschedule(item, 60_000, "503"),
                lambda: self.store.reschedule(item, 60_000, "a page", aside=True),
                lambda: self.store.set_aside(item, "gone", uncertain=False),
            )
        )()

    async def wait(self) -> None:
        self.clock.advance(self.random.choice((1, 60, LEASE / 1000, SETTLE / 1000)))
