"""Somebody has broken Redis by hand: within the hour a sweep puts it right, and what is owed arrives after all."""

from __future__ import annotations

from nexmo_twisted.domain.model import ChatEvent, Status
from nexmo_twisted.engine.poller import LONGEST_PAUSE
from nexmo_twisted.engine.sweep import EVERY
from nexmo_twisted.store.schema import DAY, KEEP, F
from nexmo_twisted.store.sweep import RedisSweep
from tests.inspector import K
from tests.scenarios.world import BOB, CLEO, DELAY, LUNCH, NO_RECEIPTS, ONE, TALK, World
from tests.support import reading

TEXT = "Ann: Lunch at noon?"
#: Nexmo, and Layer, do not take it now: it is tried again in some seconds.
LATER = {"path": "/sms/json", "status": 429}
LATER_POSTED = {"path": "/messages", "method": "POST", "status": 503}
#: The connection breaks before Nexmo has accepted it.
LOST = {"path": "/sms/json", "drop": True}


class SweepCase(World):
    async def sweep(self) -> None:
        """Time passes until a whole sweep is over that began after this moment."""
        await self.walk_on()
        while not self.service.sweep.walking:
            await self.pass_time(EVERY / 6)
        await self.walk_on()
        await self.pass_time(LONGEST_PAUSE)  # whoever has something to do finds it

    async def walk_on(self) -> None:
        while self.service.sweep.walking:
            await self.pass_time(1)

    def repaired(self) -> dict[str, int]:
        """What sweeps have repaired, by kind."""
        return self.counts("integrity_repairs")

    def counts(self, name: str) -> dict[str, int]:
        found = {}
        for line in self.service.metrics.page().decode().splitlines():
            if line.startswith(f'nexmo_twisted_{name}_total{{kind="'):
                kind, _, number = line.partition('"')[2].partition('"} ')
                found[kind] = int(float(number))
        return {kind: number for kind, number in found.items() if number}

    async def assert_all_is_done(self) -> None:
        """No work is left, and the messages are closed."""
        for family in ("out_item", "out_lane", "in_lane", "out_queue", "in_queue", "due", "out_uncertain", "out_dead"):
            self.assertEqual(await self.inspector.keys(family), [])
        self.assertEqual(await self.inspector.dead("in"), [])
        for key in await self.inspector.keys("message"):
            self.assertEqual(await self.closed(key), "done")

    async def closed(self, key: str) -> str:
        why: str = await self.redis(
            "EVAL", reading("return load_message(ARGV[1])[F.closed] or ''"), 0, key.removeprefix(K.message)
        )
        return why

    async def one(self, pattern: str) -> str:
        (key,) = await self.redis("KEYS", pattern)
        return str(key)


class RepairTests(SweepCase):
    async def test_due(self) -> None:
        """A message that waits for its delay is in no list of checks any more."""
        await self.send()
        await self.redis("DEL", K.due)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), [])
        await self.sweep()
        self.assertEqual((self.texts(), self.repaired()), ([TEXT], {"due": 1}))
        await self.assert_all_is_done()

    async def test_lane(self) -> None:
        """An SMS that is to be tried again has lost its place."""
        self.fault(**LATER)
        await self.text_unread()
        await self.redis("DEL", f"{K.out_lane}bob", K.out_queue)
        await self.sweep()
        self.assertEqual((self.texts(), self.repaired()), ([TEXT], {"lane": 1}))
        await self.assert_all_is_done()

    async def test_queue(self) -> None:
        """Nobody would look at the lane of a user any more; the next message would have to wait as well."""
        self.fault(**LATER)
        await self.text_unread()
        await self.redis("DEL", K.out_queue)
        await self.sweep()
        await self.text_unread("And tea at four?")
        self.assertEqual((self.texts(), self.repaired()), ([TEXT, "Ann: And tea at four?"], {"queue": 1}))
        await self.assert_all_is_done()

    async def test_replies(self) -> None:
        """An answer that Layer did not take at once has lost its place, or its lane the place in the queue."""
        await self.text_unread()
        for number, lost in enumerate(([f"{K.in_lane}{BOB}:{ONE}", K.in_queue], [K.in_queue]), 1):
            self.fault(**LATER_POSTED)
            await self.reply(BOB, ONE, f"Yes {number}")
            await self.redis("DEL", *lost)
            await self.sweep()
            self.assertEqual(self.posted()[-1], ("bob", f"Yes {number}"))
        self.assertEqual(self.repaired(), {"lane": 1, "queue": 1})
        await self.pass_time(DELAY)  # Ann is told of the last answer
        await self.assert_all_is_done()

    async def test_uncertain(self) -> None:
        """An SMS of unknown outcome is not in the list that is settled."""
        self.nexmo.receipts = NO_RECEIPTS
        self.fault(**LOST)
        await self.text_unread()
        await self.redis("DEL", K.out_uncertain)
        await self.sweep()
        await self.pass_time(600)
        self.assertEqual((self.texts(), self.repaired()), ([TEXT], {"aside": 1}))
        await self.assert_all_is_done()

    async def test_dead_letters(self) -> None:
        """What is given up is not in the list that an operator sees."""
        self.fault(path="/sms/json", nexmo_status="6")
        await self.text_unread()
        (nid,) = await self.inspector.dead()
        await self.redis("DEL", K.out_dead)
        await self.sweep()
        self.assertEqual(await self.inspector.dead(), [nid])
        self.assertEqual(self.repaired(), {"aside": 1})

    async def test_item(self) -> None:
        """A notification is gone: nobody knows whether its SMS was sent, so the policy for those decides."""
        self.fault(**LATER)
        await self.text_unread(conversation=LUNCH)
        await self.redis("DEL", await self.one(f"{K.out_item}*"))
        await self.sweep()
        await self.pass_time(600)
        self.assertEqual((self.texts(BOB), self.texts(CLEO)), ([TEXT], [TEXT]))
        self.assertEqual(self.repaired()["item"], 1)
        await self.assert_all_is_done()

    async def test_count(self) -> None:
        """A notification that nobody needs any more is gone: its message closes."""
        self.fault(**LATER)
        message = await self.text_unread()
        await self.redis("DEL", await self.one(f"{K.out_item}*"), f"{K.out_lane}bob", K.out_queue)
        self.layer.mark_read(message, "bob")
        await self.settle()
        key = await self.one(f"{K.message}*")
        self.assertEqual(await self.closed(key), "")
        await self.sweep()
        self.assertEqual((self.texts(), self.repaired()), ([], {"count": 1}))
        await self.assert_all_is_done()

    async def test_expiry(self) -> None:
        """What would stay for ever ends one day: the message, the answer, the handset."""
        await self.text_unread()
        keys = [await self.one(f"{K.message}*"), await self.one(f"{K.handset}*")]
        await self.reply(BOB, ONE, "Yes")
        keys.append(await self.one(f"{K.in_item}*"))
        for key in keys:
            await self.redis("PERSIST", key)
        await self.sweep()
        self.assertEqual(self.repaired(), {"expiry": 3})
        for key in keys:
            self.assertGreater(await self.redis("PTTL", key), 3 * DAY)
        await self.reply(BOB, ONE, "And you?")
        self.assertEqual(self.posted()[-1], ("bob", "And you?"))

    async def test_hold(self) -> None:
        """The outgoing side is held and nothing says since when: without that no success would release it."""
        self.fault(path="/sms/json", nexmo_status="9")
        await self.text_unread()
        self.assertEqual(await self.redis("HDEL", K.suspended, F.since), 1)
        await self.sweep()
        await self.text_unread("And tea at four?")
        await self.pass_time(60)
        self.assertEqual((self.texts(), self.repaired()), ([TEXT, "Ann: And tea at four?"], {"suspension": 1}))
        self.assertEqual(await self.inspector.suspended(), 0)
        await self.assert_all_is_done()

    async def test_undecodable(self) -> None:
        """A record is garbage: it ends, and the messages around it go out."""
        await self.send("Nobody will read this")
        await self.redis("SET", await self.one(f"{K.message}*"), "garbage")
        await self.send()
        await self.redis("ZREM", K.due, *(await self.redis("ZRANGE", K.due, 0, -1)))
        await self.sweep()
        self.assertEqual((self.texts(), self.repaired()), ([TEXT], {"undecodable": 1, "due": 1}))
        for key in await self.inspector.keys("message"):
            self.assertGreater(await self.redis("PTTL", key), 3 * DAY)

    async def test_type(self) -> None:
        """A key that is nothing of ours stands there and is told of; everybody else is served."""
        await self.redis("LPUSH", f"{K.handset}{CLEO}", "x")
        await self.send()
        await self.redis("DEL", K.due)
        await self.sweep()
        self.assertEqual((self.texts(), self.repaired()), ([TEXT], {"type": 1, "due": 1}))
        self.assertEqual(await self.redis("LRANGE", f"{K.handset}{CLEO}", 0, -1), ["x"])


class RepairByAgeTests(SweepCase):
    async def test_dead_letters(self) -> None:
        """A dead letter is kept for thirty days, however many there are; then it goes, and that is counted."""
        for _ in range(3):
            self.fault(path="/sms/json", nexmo_status="6")
            await self.text_unread()
        await self.pass_time(KEEP["aside"] / 1000 - DAY / 1000)
        await self.sweep()
        self.assertEqual(len(await self.inspector.dead()), 3)
        await self.pass_time(DAY / 1000)
        await self.sweep()
        self.assertEqual((self.counts("dead_letters_expired"), self.repaired()), ({"out": 3}, {}))
        await self.assert_all_is_done()


class NothingToRepairTests(SweepCase):
    async def assert_nothing(self, where: str) -> None:
        """A whole sweep at this very moment finds nothing."""
        sweeping = RedisSweep(self.connection, now=self.now, report=(Status.SENT, Status.DELIVERED), link_ttl=37 * DAY)
        place: str | None = ""
        while place is not None:
            step = await sweeping.step(place)
            self.assertEqual((step.repaired, step.expired, step.foreign), ({}, {}, {}), where)
            place = step.next

    async def test_whatever_happens(self) -> None:
        """In none of the states that the product knows is there anything to repair."""
        self.nexmo.receipts = NO_RECEIPTS
        await self.assert_nothing("start")
        await self.send(conversation=LUNCH)
        await self.assert_nothing("pending")
        await self.pass_time(DELAY)
        await self.assert_nothing("done")
        self.fault(**LATER)
        await self.text_unread("again")
        await self.assert_nothing("to be tried again")
        await self.pass_time(60)
        self.fault(**LOST)
        await self.text_unread("uncertain")
        await self.assert_nothing("uncertain")
        await self.pass_time(600)
        await self.assert_nothing("settled")
        self.fault(path="/sms/json", nexmo_status="6")
        await self.text_unread("refused")
        await self.assert_nothing("dead")
        self.fault(path="/sms/json", nexmo_status="9", times=3)
        message = await self.text_unread("held", conversation=LUNCH)
        await self.assert_nothing("held")
        self.layer.mark_read(message, "bob")
        await self.settle()
        await self.assert_nothing("read while held")
        self.layer.delete_message(message)
        await self.settle()
        await self.assert_nothing("deleted while held")
        await self.pass_time(600)
        await self.assert_nothing("released")
        await self.statuses_only()
        await self.answers()
        await self.sweep()
        self.assertEqual((self.repaired(), self.counts("dead_letters_expired")), ({}, {}))

    async def statuses_only(self) -> None:
        statuses = {"bob": Status.READ}
        event = ChatEvent(
            kind="read", message_id="940de862-3c96-11e4-baad-164230d1df67", sender="ann", statuses=statuses
        )
        await self.store.record_event(event, 0)
        await self.assert_nothing("statuses only")

    async def answers(self) -> None:
        await self.reply(BOB, ONE, "Yes")
        await self.assert_nothing("posted")
        self.fault(**LATER_POSTED)
        await self.reply(BOB, ONE, "No")
        await self.assert_nothing("to be posted again")
        await self.pass_time(60)
        await self.reply("12015550177", ONE, "Who is this?")
        await self.assert_nothing("no thread")
        self.layer.delete_conversation(TALK)
        self.layer.delete_conversation(LUNCH)
        await self.reply(BOB, ONE, "Is nobody there?")
        await self.assert_nothing("dead answer")
        await self.reply("VONAGE", ONE, "quarantine")
        await self.assert_nothing("quarantine")

    async def test_on_the_wire(self) -> None:
        """Neither while the SMS, and the answer, is on the wire."""
        self.fault(path="/sms/json", delay=5)
        self.fault(path="/messages", method="POST", delay=5)
        await self.send()
        self.clock.advance(DELAY)
        for state in ("S", "C"):
            pattern = f"{K.out_item}*" if state == "S" else f"{K.in_item}*"
            while [await self.redis("HGET", key, F.state) for key in await self.redis("KEYS", pattern)] != [state]:
                self.clock.advance(0)
            await self.assert_nothing(state)
            self.clock.advance(5)
            await self.settle()
            if state == "S":
                self.nexmo.reply(BOB, ONE, "Yes")
        self.assertEqual((self.texts(), self.posted()[-1]), ([TEXT], ("bob", "Yes")))
        await self.assert_nothing("done")
