"""Limits of so many SMS a second: kept by all processes together, without holding a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from nexmo_twisted.domain.backoff import CAP
from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import Asked, InboundSms, Notification, Status, Thread
from nexmo_twisted.domain.rate_limits import ACCOUNT, Limits, pause
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.schema import F
from tests.factories import CONVERSATION, HANDSET, NUMBERS, REPORT, event, uuid
from tests.inspector import K
from tests.store.backlog import Backlog, hurried, owe, worst
from tests.store.cases import LEASE, QueueCase
from tests.support import attempt, in_words, sent

ONE, TWO = NUMBERS
LONDON = "447700900123"

#: Ten a second, so that slots are 100 ms apart, and one a second.
LIMITS = Limits(per_account=10, per_number=1)
#: Milliseconds by which an SMS is looked at before its slot.
EARLY = 30


class LimitCase(QueueCase):
    async def attempt(self, item: Notification, number: str = ONE, limits: Limits = LIMITS) -> str:
        """What begin says to an SMS from that number."""
        handset = f"1212555{sum(item.user_id.encode()) % 10_000:04}"
        state = await self.store.read_links(item.user_id, handset)
        choice = choose(state, Thread(item.user_id, CONVERSATION), handset, handset, [number], 10**9, 10**9)
        assert isinstance(choice, Choice)
        return in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE, limits.of(number)))

    async def all_claimed(self, users: Sequence[str]) -> list[Notification]:
        await owe(self.store, users)
        return await self.claim(len(users))

    async def in_line(self, number: str = ONE, count: int = 5, limits: Limits = LIMITS) -> list[Notification]:
        """The first of so many users has been texted, and the others stand in line."""
        items = await self.all_claimed([f"u{n}" for n in range(count)])
        answers = [await self.attempt(item, number, limits) for item in items]
        name = number if limits.of(number)[0].interval else ACCOUNT
        self.assertEqual(answers, ["OK"] + [f"WAIT {name}"] * (count - 1))
        return items

    async def looked_at(self, user: str) -> int:
        """In how many ms the user's lane is looked at."""
        return int(await self.redis("ZSCORE", K.out_queue, user)) - int(self.now())

    async def times(self, users: Sequence[str]) -> list[int]:
        return [await self.looked_at(user) for user in users]

    async def line(self, name: str) -> list[str]:
        """Who waits, in that order."""
        return [
            await self.redis("HGET", f"{K.out_item}{nid}", F.lane)
            for nid in await self.redis("ZRANGE", f"{K.rate_wait}{name}", 0, -1)
        ]


class WaitForLimitTests(LimitCase):
    async def test_slots(self) -> None:
        """Whoever must wait has a slot of its own, an interval after the one before, and is nobody's until then."""
        await self.in_line()
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.times(["u1", "u2", "u3", "u4"]), [n * 1000 - EARLY for n in (1, 2, 3, 4)])
        self.clock.advance(1 - EARLY / 1000)
        (item,) = await self.claim()
        self.assertEqual((item.user_id, item.attempts, item.suspect), ("u1", 0, False))
        self.assertEqual(await self.attempt(item), "OK")

    async def test_no_number_after_all(self) -> None:
        """Whose turn has come, but who has to wait for a number now, keeps nobody waiting behind."""
        await self.in_line()
        self.clock.advance(1 - EARLY / 1000)
        (item,) = await self.claim()
        await self.store.step_aside(item, await self.store.read_links(item.user_id, HANDSET), HANDSET, 600_000)
        self.assertEqual(await self.line(ONE), ["u2", "u3", "u4"])

    async def test_nothing_is_written(self) -> None:
        """What waits is as if it had not been tried: no attempt, no link."""
        _, item, *_ = await self.in_line()
        self.assertEqual(await self.redis("HGET", f"{K.out_item}{item.id}", F.attempts), None)
        self.assertEqual(await self.redis("EXISTS", f"nexmo-layer-integration-{item.user_id}"), 0)

    async def test_the_account(self) -> None:
        """Numbers without a limit of their own share that of the account."""
        await self.in_line(LONDON)
        self.assertEqual(await self.times(["u1", "u2", "u3", "u4"]), [n * 100 - EARLY for n in (1, 2, 3, 4)])

    async def test_both_or_none(self) -> None:
        """An SMS that waits for its number takes nothing from the account, and has no place in its line."""
        items = await self.all_claimed(["a", "b", "c", "d"])
        self.assertEqual(await self.attempt(items[0], ONE), "OK")
        self.assertEqual(await self.attempt(items[1], ONE), f"WAIT {ONE}")
        self.clock.advance(0.1)
        self.assertEqual(await self.attempt(items[2], LONDON), "OK")
        self.assertEqual(await self.attempt(items[3], TWO), f"WAIT {ACCOUNT}")
        self.assertEqual((await self.line(ONE), await self.line(ACCOUNT)), (["b"], ["d"]))

    async def test_order(self) -> None:
        """The texts to one user keep their order, and only the first of them stands in line."""
        await self.in_line(count=2)
        await self.owe(9, "u1")
        self.clock.advance(5)
        (first,) = await self.claim()
        self.assertNotEqual(first.message_id, uuid(9))
        self.assertEqual(await self.attempt(first), "OK")
        await self.store.record_accepted(first, attempt(HANDSET, ONE), "sent", sent())
        self.assertEqual([item.message_id for item in await self.claim()], [uuid(9)])

    async def test_no_limit(self) -> None:
        """Without limits everything passes, and nothing is kept of it."""
        for item in await self.all_claimed(["a", "b", "c"]):
            self.assertEqual(await self.attempt(item, ONE, Limits()), "OK")
        self.assertEqual(await self.inspector.keys("rate"), [])

    async def test_turns_come_first(self) -> None:
        """However many fall due at once, they do not keep an SMS from its slot."""
        await self.in_line(count=2)
        for n in range(3):
            await self.owe(50 + n, f"new{n}")
        self.clock.advance(1)
        self.assertEqual([item.user_id for item in await self.claim(2)], ["u1", "new0"])
        self.assertEqual([item.user_id for item in await self.claim()], ["new1", "new2"])

    async def test_newcomers(self) -> None:
        """Whoever comes now stands behind those who wait."""
        await self.in_line(count=3)
        self.clock.advance(0.9)
        await self.owe(9, "late")
        (late,) = await self.claim()
        self.assertEqual(await self.attempt(late), f"WAIT {ONE}")
        self.assertEqual(await self.line(ONE), ["u1", "u2", "late"])
        self.assertEqual(await self.looked_at("late"), 3000 - EARLY - 901)

    async def test_an_empty_slot(self) -> None:
        """A slot of the account that nobody came for is for whoever is there."""
        await self.in_line(LONDON, count=3)
        self.clock.advance(0.1)
        await self.owe(9, "late")
        (item,) = [item for item in await self.claim() if item.user_id == "late"]
        self.assertEqual(await self.attempt(item, LONDON), "OK")

    async def test_another_number(self) -> None:
        """Who is to be texted from another number after all stands in the line of that one only."""
        await self.in_line(count=3)
        self.clock.advance(1)
        (item,) = await self.claim()
        self.assertEqual(await self.attempt(item, TWO), "OK")
        self.assertEqual(await self.line(ONE), ["u2"])
        self.assertEqual(await self.looked_at("u2"), -EARLY)

    async def test_notices(self) -> None:
        """Texts of our own pass the same limits."""
        await self.in_line(count=1)
        await self.store.receive_sms(
            InboundSms(message_id="id", msisdn=HANDSET, to=ONE, text="help"), HANDSET, ONE, Asked("help", "Write STOP.")
        )
        (auto_reply,) = await self.claim()
        self.assertEqual(in_words(await self.store.begin_auto_reply(auto_reply, LEASE, LIMITS.of(ONE))), f"WAIT {ONE}")
        self.clock.advance(1)
        (auto_reply,) = await self.claim()
        self.assertEqual(in_words(await self.store.begin_auto_reply(auto_reply, LEASE, LIMITS.of(ONE))), "OK")

    async def test_during_a_hold(self) -> None:
        """A probe that must wait is the next probe."""
        await self.in_line(count=2)
        await self.redis("HSET", K.suspended, F.since, self.now(), F.probe, self.now(), F.why, "no credit")
        self.clock.advance(1)
        (probe,) = await self.claim()
        await self.redis("HSET", f"{K.rate}{ONE}", F.next_slot, (int(self.now()) + 500) * 1000)
        self.assertEqual(await self.attempt(probe), f"WAIT {ONE}")
        claimed = await self.store.claim_notifications(5, LEASE)
        self.assertEqual((claimed.items, claimed.next), ([], 500 - EARLY))

    async def test_everything_ends(self) -> None:
        """What is kept of limits ends by itself."""
        await self.in_line()
        keys = [*await self.inspector.keys("rate"), *await self.inspector.keys("rate_wait")]
        self.assertEqual(len(keys), 3)
        for key in keys:
            self.assertGreater(await self.redis("PTTL", key), 0, key)


class LeaveQueueTests(LimitCase):
    """Whoever leaves a line lets the others move up."""

    async def test_read(self) -> None:
        """Read, deleted, a dead letter, opted out: when that turns out, the next one need not wait until its own
        slot."""
        for number, how in enumerate(("read", "dead letter", "put off")):
            await self.redis("FLUSHALL")
            await self.in_line()
            self.clock.advance(1 - EARLY / 1000)
            (item,) = await self.claim()
            if how == "read":
                await self.store.record_event(event("read", item.message_id, u1=Status.READ), 0)
                self.assertEqual(await self.attempt(item), "read")
                await self.store.complete(item, "read")
            elif how == "dead letter":
                await self.store.set_aside(item, "too_late", uncertain=False)
            else:
                await self.store.reschedule(item, 60_000, "layer is away")
            self.assertEqual(await self.times(["u2", "u3"]), [0, 1000], how)
            self.assertEqual(await self.line(ONE), ["u2", "u3", "u4"], number)

    async def test_while_another_works(self) -> None:
        """A lane that waits for something else is left alone."""
        items = await self.in_line(count=3)
        lease = int(self.now()) + LEASE
        await self.redis("ZADD", K.out_queue, lease, "u2")
        self.clock.advance(1 - EARLY / 1000)
        (first,) = await self.claim()
        self.assertEqual(first.id, items[1].id)
        await self.store.complete(first, "read")
        self.assertEqual(int(await self.redis("ZSCORE", K.out_queue, "u2")), lease)

    async def test_dead_processes(self) -> None:
        """Those whose process died while it prepared them keep nobody waiting."""
        await self.in_line(count=9)
        self.clock.advance(4)
        dead = await self.claim(4)
        self.assertEqual([item.user_id for item in dead], ["u1", "u2", "u3", "u4"])
        self.clock.advance(1)
        (item,) = await self.claim()
        self.assertEqual(await self.attempt(item), "OK")
        self.assertEqual(await self.line(ONE), ["u6", "u7", "u8"])
        self.assertEqual(await self.looked_at("u6"), 1000 - EARLY)

    async def test_gone(self) -> None:
        """An item that was lost is in nobody's way, nor a stranger's key."""
        items = await self.in_line()
        await self.redis("DEL", f"{K.out_item}{items[1].id}")
        await self.redis("SET", f"{K.out_item}{items[2].id}", "what?")
        self.clock.advance(3)
        item = (await self.claim())[-1]
        self.assertEqual(await self.attempt(item), "OK")
        self.assertEqual(await self.line(ONE), ["u4"])


class ClockJumpTests(LimitCase):
    """The clock of Redis was ahead for a while, and went back."""

    DAY = 86_400

    async def ahead(self, count: int = 5, number: str = ONE, limits: Limits = LIMITS) -> list[Notification]:
        """A line was formed by the clock that was ahead."""
        self.clock.advance(self.DAY)
        items = await self.in_line(number, count, limits)
        await self.store.record_accepted(items[0], attempt(HANDSET, ONE), "sent", sent())
        self.clock.advance(-self.DAY)
        return items

    async def test_newcomers(self) -> None:
        """A slot that is further ahead than any pause is none: the next SMS goes out."""
        await self.ahead(2)
        await self.owe(9, "b")
        (item,) = await self.claim(1)
        self.assertEqual(await self.attempt(item, TWO), "OK")
        await self.owe(10, "c")
        item = next(each for each in await self.claim() if each.user_id == "c")
        self.assertRegex(await self.attempt(item), "^WAIT ")
        self.assertLessEqual(await self.looked_at("c"), 2000)

    async def test_the_line(self) -> None:
        """Those who stood in line go out one after another, also when nobody comes."""
        for limits, name in ((LIMITS, ONE), (Limits(per_account=10), LONDON)):
            await self.redis("FLUSHALL")
            items = await self.ahead(5, name, limits)
            gone = []
            for _ in range(200):
                for item in await self.claim():
                    if await self.attempt(item, name, limits) == "OK":
                        gone.append(item.user_id)
                        await self.store.record_accepted(item, attempt(HANDSET, ONE), "sent", sent())
                self.clock.advance(0.05)
            self.assertEqual(gone, [item.user_id for item in items[1:]], name)

    async def test_pausing(self) -> None:
        """A pause is measured from now, not from where the clock was."""
        items = await self.ahead(2)
        await self.store.pause_limit(items[0], ONE, 5000, "status 1: throttled")
        self.assertEqual(int(await self.redis("HGET", f"{K.rate}{ONE}", F.next_slot)) // 1000 - int(self.now()), 5000)

    async def test_the_longest_pause(self) -> None:
        """The longest pause that Nexmo may name is kept."""
        (item,) = await self.all_claimed(["a"])
        self.assertEqual(await self.attempt(item), "OK")
        await self.store.pause_limit(item, ONE, pause(CAP), "HTTP 429")
        await self.owe(9, "b")
        (other,) = await self.claim()
        self.assertEqual(await self.attempt(other), f"WAIT {ONE}")
        self.clock.advance(CAP - 1)
        self.assertEqual(await self.claim(), [])


class PauseTests(LimitCase):
    async def sent(self, *users: str, number: str = ONE) -> list[Notification]:
        """Their SMS are on their way."""
        items = await self.all_claimed(users)
        for item in items:
            self.assertEqual(await self.attempt(item, number), "OK")
            self.clock.advance(1)
        return items

    async def test_number(self) -> None:
        """A number pauses for as long as it is told, in all processes; others go on."""
        (item,) = await self.sent("a")
        await self.store.pause_limit(item, ONE, 5000, "status 1: throttled")
        await owe(self.store, ["", "b", "c"])
        b, c = [each for each in await self.claim() if each.user_id]
        other = RedisStore(self.connection, self.connection, self.now)
        state = await other.read_links("b", HANDSET)
        choice = choose(state, Thread("b", CONVERSATION), HANDSET, HANDSET, [ONE], 1000, 1000)
        assert isinstance(choice, Choice)
        begun = await other.begin_attempt(b, REPORT, choice.commit, "", LEASE, LIMITS.of(ONE))
        self.assertEqual(in_words(begun), f"WAIT {ONE}")
        self.assertEqual(await self.attempt(c, TWO), "OK")

    async def test_account(self) -> None:
        """When the account pauses nothing goes out, also where there is no limit."""
        (item,) = await self.sent("a")
        await self.store.pause_limit(item, ACCOUNT, 5000, "HTTP 429: too many requests")
        await self.owe(9, "b")
        (b,) = await self.claim()
        self.assertEqual(await self.attempt(b, LONDON, Limits()), f"WAIT {ACCOUNT}")
        self.clock.advance(5)
        for item in await self.claim():
            self.assertEqual(await self.attempt(item, LONDON, Limits()), "OK")

    async def test_the_first(self) -> None:
        """The SMS that was refused is the first one afterwards; that is no failure and no limit to how often."""
        item, *_ = await self.in_line(count=3)
        for tries in range(2, 20):
            await self.store.pause_limit(item, ONE, 1000, "status 1: throttled")
            self.assertEqual((await self.line(ONE), await self.looked_at("u0")), (["u0", "u1", "u2"], 1000))
            self.clock.advance(1)
            item, *others = sorted(await self.claim(), key=lambda each: each.user_id)
            for other in others:
                self.assertEqual(await self.attempt(other), f"WAIT {ONE}")
            self.assertEqual(item.attempts, 0)
            self.assertEqual(await self.attempt(item), "OK")
            self.assertEqual(
                await self.redis("HMGET", f"{K.out_item}{item.id}", F.attempts, F.reason),
                [str(tries), "status 1: throttled"],
            )

    async def test_never_shorter(self) -> None:
        """A shorter pause does not end a longer one."""
        one, two = await self.sent("a", "b")
        await self.store.pause_limit(one, ONE, 9000, "x")
        await self.store.pause_limit(two, ONE, 1000, "x")
        self.assertEqual(await self.looked_at("b"), 9000)

    async def test_late(self) -> None:
        """Whoever has lost its lease tells the truth all the same, and has no say about the item."""
        (item,) = await self.sent("a")
        await self.store.record_accepted(item, attempt(HANDSET, ONE), "sent", sent())
        await self.store.pause_limit(item, ONE, 5000, "x")
        self.assertEqual(await self.redis("ZCARD", K.out_queue), 0)
        await self.owe(9, "b")
        (b,) = await self.claim()
        self.assertEqual(await self.attempt(b), f"WAIT {ONE}")


class RateTests(LimitCase):
    """Two processes on one Redis, sixty seconds of backlog, preparations that take some time, some more than others:
    never more than one above a limit in any second, and 95 % of it over the whole time."""

    timeout = 120

    async def work_off(
        self, users: Sequence[str], number_of: Callable[[str], str], limits: Limits, seconds: float = 60
    ) -> Backlog:
        await self.redis("FLUSHALL")
        await owe(self.store, users)
        stores = [RedisStore(line, line, self.now) for line in [await self.connect(), await self.connect()]]
        backlog = Backlog(self.clock, stores, limits, number_of, hurried(Random(len(users))))
        await backlog.run(seconds)
        self.assertLessEqual(worst(backlog.times()), limits.per_account + 1)
        for number in {sender for _, sender in backlog.grants} - {LONDON}:
            rate = limits.overrides.get(number, limits.per_number)
            self.assertLessEqual(worst(backlog.times(number)), int(rate) + 1, number)
        self.assertLess(sum(backlog.begins.values()) / len(backlog.begins), 8)
        return backlog

    def assert_share(self, times: Sequence[float], rate: float) -> None:
        self.assertGreaterEqual(len(times), 0.95 * 60 * rate)

    async def test_account(self) -> None:
        """The account's limit alone, at Vonage's 30 a second."""
        backlog = await self.work_off([f"u{n}" for n in range(2000)], lambda _: LONDON, Limits(30, 1))
        self.assert_share(backlog.times(), 30)

    async def test_number(self) -> None:
        """That of one number alone, which is one a second."""
        backlog = await self.work_off([f"u{n}" for n in range(80)], lambda _: ONE, Limits(30, 1))
        self.assert_share(backlog.times(), 1)

    async def test_overrides(self) -> None:
        """Numbers with rates of their own, whole or not."""
        limits = Limits(30, 1, {ONE: 2.5, TWO: 0.3})
        users = [f"u{n}" for n in range(250)]
        backlog = await self.work_off(users, lambda user: (ONE, TWO)[sum(user.encode()) % 4 == 0], limits)
        self.assert_share(backlog.times(ONE), 2.5)
        self.assert_share(backlog.times(TWO), 0.3)

    async def test_many_numbers(self) -> None:
        """Numbers that could send more together than the account may, one user after the other or in blocks."""
        limits, numbers = Limits(10, 1), [f"120155502{n:02}" for n in range(14)]
        users = [f"u{n:04}" for n in range(14 * 60)]
        number_of: Callable[[str], str]
        for number_of in (lambda user: numbers[int(user[1:]) % 14], lambda user: numbers[int(user[1:]) // 60]):
            backlog = await self.work_off(users, number_of, limits)
            self.assert_share(backlog.times(), 10)

    async def test_mixed(self) -> None:
        """Some with a limit of their own and some without: those do not keep these from using up the account's."""
        limits, users = Limits(10, 1), [f"u{n:04}" for n in range(900)]
        backlog = await self.work_off(
            users, lambda user: f"1201555020{int(user[1:]) % 4}" if int(user[1:]) % 3 == 0 else LONDON, limits
        )
        self.assert_share(backlog.times(), 10)

    async def test_half_of_them_leave(self) -> None:
        """Those who read their message while it waits leave no holes: the others are not later for it."""
        await owe(self.store, users := [f"u{n:02}" for n in range(60)])
        backlog = Backlog(self.clock, [self.store], Limits(30, 1), lambda _: ONE, hurried(Random(1)))
        await backlog.run(2)
        for number in Random(2).sample(range(60), 30):
            await self.store.record_event(event("read", uuid(number + 1), **{users[number]: Status.READ}), 0)
        await backlog.run(600)
        self.assertGreaterEqual(len(backlog.grants), 30)
        self.assertLess(backlog.times()[-1], 1.05 * len(backlog.grants) + 1)
        self.assertEqual(worst(backlog.times()), 2)
