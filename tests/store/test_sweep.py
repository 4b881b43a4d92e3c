"""What the sweep finds after somebody has broken Redis by hand, and what it does about it."""

from __future__ import annotations

from nexmo_twisted.domain.ids import message_key
from nexmo_twisted.domain.model import (
    InboundSms,
    Part,
    Status,
)
from nexmo_twisted.domain.results import (
    Closed,
    PartTaken,
)
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.schema import KEEP, PREFIX, F
from tests.factories import HANDSET, NUMBERS, REPORT, delivery_report, event, uuid
from tests.inspector import K
from tests.store.cases import LEASE, LINKS, SETTLE, SweepCase
from tests.support import attempt, sent


class RepairDueTests(SweepCase):
    async def test_a_check_is_missing(self) -> None:
        """A pending message that nothing would look at is looked at when it is due."""
        mid = await self.pending()
        await self.redis("DEL", K.due)
        await self.assert_repairs(due=1)
        self.assertEqual(int(await self.redis("ZSCORE", K.due, mid)), int(self.now()) + 600_000)

    async def test_a_check_at_another_time(self) -> None:
        """The time of the check is that of the message."""
        mid = await self.pending()
        await self.redis("ZADD", K.due, 9_000_000_000_000, mid)
        await self.assert_repairs(due=1)
        self.clock.advance(600)
        self.assertEqual((await self.store.promote(5, REPORT)).notifications, 1)

    async def test_a_check_without_a_message(self) -> None:
        """What is gone is not checked; neither is what is closed, has its notifications, or is statuses only."""
        await self.redis("ZADD", K.due, 9_000_000_000_000, "nobody")
        await self.pending(1)
        await self.store.record_event(event("deleted", uuid(1)), 0)
        await self.owe(2)
        await self.store.record_event(event("read", uuid(3), bob=Status.READ), 0)
        for n in (1, 2, 3):
            await self.redis("ZADD", K.due, 9_000_000_000_000, message_key(uuid(n)))
        await self.assert_repairs(due=4)
        self.assertEqual(await self.redis("EXISTS", K.due), 0)

    async def test_garbage(self) -> None:
        """A record that nobody can read ends one day, and keeps nothing and nobody waiting."""
        for n, garbage in enumerate(
            (b"garbage", b"\xc1", b"\x80", b"\x82\xa1d\xa1x\xa1r\x80", b"\x82\xa1n\xa1x\xa1r\x80")
        ):
            mid = await self.pending(n)
            await self.redis("SET", f"{K.message}{mid}", garbage)
        await self.assert_repairs(undecodable=5, due=5)
        for n in range(5):
            mid = message_key(uuid(n))
            self.assertEqual(await self.closed(mid), "undecodable")
            await self.assert_ends(f"{K.message}{mid}", KEEP["closed"])
            self.assertIsNone(await self.store.record_event(event("read", uuid(n), bob=Status.READ), 0))

    async def test_garbage_with_notifications(self) -> None:
        """The notifications of such a message are closed by whoever claims them."""
        await self.owe()
        await self.redis("SET", f"{K.message}{message_key(uuid(1))}", "garbage")
        await self.assert_repairs(undecodable=1)
        (item,) = await self.claim()
        self.assertEqual(item.gone, "undecodable")
        await self.store.complete(item, item.gone)
        self.assertEqual(await self.sweep(), {})


class RepairLanesTests(SweepCase):
    async def test_item_without_a_place(self) -> None:
        """A waiting notification that stands in no lane gets its place back, and the lane is looked at."""
        await self.waiting()
        await self.redis("DEL", f"{K.out_lane}bob", K.out_queue)
        await self.assert_repairs(lane=1)
        self.assertEqual(len(await self.claim()), 1)

    async def test_its_own_place(self) -> None:
        """It stands where it stood, in due order."""
        await self.waiting(1)
        first = await self.nid()
        await self.owe(2)
        await self.redis("ZREM", f"{K.out_lane}bob", first)
        await self.assert_repairs(lane=1)
        self.assertEqual((await self.redis("ZRANGE", f"{K.out_lane}bob", 0, 0)), [first])

    async def test_lane_in_no_queue(self) -> None:
        """A lane with items that nothing would look at is looked at."""
        await self.waiting()
        await self.redis("ZREM", K.out_queue, "bob")
        await self.assert_repairs(queue=1)
        self.assertEqual(len(await self.claim()), 1)

    async def test_a_lease_lives_on(self) -> None:
        """Whoever works on an item keeps it, though its lane was lost or out of the queue."""
        for broken in (f"{K.out_lane}bob", K.out_queue):
            item = await self.sending(1 if broken == K.out_queue else 2)
            await self.redis("DEL", broken)
            await self.sweep()
            answer = await self.store.claim_notifications(5, LEASE)
            self.assertEqual((answer.items, answer.lost), ([], 0), broken)
            self.assertTrue(await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent()))
            self.assertEqual(await self.redis("EXISTS", K.out_queue), 0)

    async def test_nobody_in_the_lane(self) -> None:
        """A lane that is queued but empty leaves the queue."""
        await self.redis("ZADD", K.out_queue, 9_000_000_000_000, "bob")
        await self.redis("ZADD", K.in_queue, 9_000_000_000_000, HANDSET)
        await self.assert_repairs(queue=2)
        self.assertEqual(await self.redis("EXISTS", K.out_queue, K.in_queue), 0)

    async def test_entry_without_an_item(self) -> None:
        """What stands in a lane and is no item, another user's, or aside, leaves it; the others stay."""
        uncertain = await self.aside(1, uncertain=True)
        await self.owe(2, "cleo")
        others = await self.nid("cleo")
        await self.owe(3)
        good = await self.nid()
        for intruder in ("nobody", uncertain.id, others):
            await self.redis("ZADD", f"{K.out_lane}bob", 1, intruder)
        await self.assert_repairs(lane=3)
        self.assertEqual(await self.redis("ZRANGE", f"{K.out_lane}bob", 0, -1), [good])

    async def test_all_were_wrong(self) -> None:
        """A lane of nothing but such entries is gone, and its place in the queue with it."""
        await self.redis("ZADD", f"{K.out_lane}bob", 1, "nobody", 2, "nothing")
        await self.redis("ZADD", K.out_queue, 9_000_000_000_000, "bob")
        await self.assert_repairs(lane=2)
        self.assertEqual(await self.redis("EXISTS", f"{K.out_lane}bob", K.out_queue), 0)

    async def test_replies(self) -> None:
        """The same for replies: each has its place, each lane is in the queue."""
        rid = await self.replied()
        await self.redis("DEL", f"{K.in_lane}{HANDSET}:{NUMBERS[0]}")
        await self.redis("DEL", K.in_queue)
        await self.assert_repairs(lane=1)
        await self.redis("DEL", K.in_queue)
        await self.redis("ZADD", f"{K.in_lane}{HANDSET}:{NUMBERS[0]}", 0, "nobody")
        await self.assert_repairs(queue=1, lane=1)
        self.assertEqual([item.id for item in await self.replies()], [rid])

    async def test_done_reply_in_a_lane(self) -> None:
        """A reply that was posted is not posted again."""
        rid = await self.replied()
        (item,) = await self.replies()
        await self.store.complete(item, "posted")
        await self.redis("ZADD", f"{K.in_lane}{HANDSET}:{NUMBERS[0]}", 1, rid)
        await self.redis("ZADD", K.in_queue, 1, f"{HANDSET}:{NUMBERS[0]}")
        await self.assert_repairs(lane=1)
        self.assertEqual(await self.replies(), [])


class RepairPartsTests(SweepCase):
    name = f"{HANDSET}:{NUMBERS[0]}:7:3"

    async def part(self, number: int) -> PartTaken:
        """A part of a long reply comes."""
        sms = InboundSms(message_id=f"id-{number}", msisdn=HANDSET, to=NUMBERS[0], text=f"{number}.")
        return await self.store.receive_sms_part(sms, Part("7", 3, number), HANDSET, NUMBERS[0], 60_000, 300_000)

    async def test_not_listed(self) -> None:
        """Parts that nothing would look at are closed when they should have been."""
        await self.part(1)
        await self.redis("DEL", K.long_due)
        await self.assert_repairs(parts=1)
        self.assertEqual(await self.store.close_parts(5), Closed(0, 0, 60_000))

    async def test_listed_at_another_time(self) -> None:
        """The time is that of the parts."""
        await self.part(1)
        await self.redis("ZADD", K.long_due, 9_000_000_000_000, self.name)
        await self.assert_repairs(parts=1)
        self.clock.advance(60)
        self.assertEqual(await self.store.close_parts(5), Closed(1, 0, None))

    async def test_listed_for_nothing(self) -> None:
        """An entry without parts goes, and so does one of a reply that was posted incomplete."""
        await self.part(1)
        self.clock.advance(60)
        await self.store.close_parts(5)
        for name in (self.name, "nobody", "nobody:else"):
            await self.redis("ZADD", K.long_due, 9_000_000_000_000, name)
        await self.redis("HSET", f"{K.long_reply}nobody:else", F.first_rid, "x")
        await self.assert_repairs(parts=3, undecodable=1)
        self.assertEqual(await self.redis("EXISTS", K.long_due), 0)

    async def test_closing_what_is_not_there(self) -> None:
        """Before the sweep has come, such entries keep nobody from closing others, and are told of."""
        await self.redis("ZADD", K.long_due, 1, "nobody")
        await self.redis("HSET", f"{K.long_reply}nobody:else", F.first_rid, "x", F.total, 1_000_000_000)
        await self.redis("ZADD", K.long_due, 1, "nobody:else")
        await self.part(1)
        self.clock.advance(60)
        self.assertEqual(await self.store.close_parts(5), Closed(1, 2, None))

    async def test_they_end(self) -> None:
        """Parts have an end, waiting or not, and so have those that nobody can read."""
        await self.part(1)
        self.clock.advance(60)
        await self.store.close_parts(5)
        sms = InboundSms(message_id="other", msisdn=HANDSET, to=NUMBERS[0], text="hi")
        await self.store.receive_sms_part(sms, Part("8", 3, 1), HANDSET, NUMBERS[0], 60_000, 300_000)
        other = f"{K.long_reply}{HANDSET}:{NUMBERS[0]}:8:3"
        lives = {f"{K.long_reply}{self.name}": KEEP["late_parts"], other: KEEP["pending"]}
        (marker,) = [key for key in await self.inspector.keys("in_item") if await self.redis("TYPE", key) == "string"]
        lives[marker] = KEEP["closed"]
        for key in lives:
            await self.redis("PERSIST", key)
        await self.assert_repairs(expiry=3)
        for key, life in lives.items():
            await self.assert_ends(key, life)
        await self.redis("HSET", f"{K.long_reply}what", "is", "this")
        await self.assert_repairs(undecodable=1)
        await self.assert_ends(f"{K.long_reply}what", KEEP["aside"])


class RepairSetAsideTests(SweepCase):
    async def test_listed_again(self) -> None:
        """What stands aside and is listed nowhere is listed since when it stands there."""
        for n, uncertain in enumerate((True, False), 1):
            item = await self.aside(n, uncertain=uncertain)
            index = K.out_uncertain if uncertain else K.out_dead
            since = await self.redis("ZSCORE", index, item.id)
            await self.redis("DEL", index)
            self.clock.advance(60)
            await self.assert_repairs(aside=1)
            self.assertEqual(await self.redis("ZSCORE", index, item.id), since)

    async def test_dead_letter_reply(self) -> None:
        """A reply that is a dead letter as well."""
        rid = await self.replied()
        (item,) = await self.replies()
        await self.store.set_aside(item, "why", uncertain=False)
        await self.redis("DEL", K.in_dead)
        await self.assert_repairs(aside=1)
        self.assertEqual(await self.inspector.dead("in"), [rid])

    async def test_listed_wrongly(self) -> None:
        """No item, an item in work, or one of the other list: that entry goes."""
        uncertain = await self.aside(1, uncertain=True)
        await self.owe(2)
        waiting = await self.nid()
        for wrong in ("nobody", waiting, uncertain.id):
            await self.redis("ZADD", K.out_dead, self.now(), wrong)
        await self.redis("ZADD", K.out_uncertain, self.now(), waiting)
        await self.assert_repairs(aside=4)
        self.assertEqual(await self.inspector.uncertain(), [uncertain.id])
        self.assertEqual(await self.redis("EXISTS", K.out_dead), 0)

    async def test_kept_long_enough(self) -> None:
        """What stood aside as long as such items are kept ran out: that is told and counted, and is no repair."""
        await self.aside(1, uncertain=False)
        rid = await self.replied()
        (item,) = await self.replies()
        await self.store.set_aside(item, "why", uncertain=False)
        self.clock.advance(KEEP["aside"] / 1000 - 1)
        await self.aside(2, uncertain=False)
        self.assertEqual(await self.sweep(), {})
        self.clock.advance(1)
        await self.redis("DEL", f"{K.in_item}{rid}")  # as its expiry does
        self.assertEqual(await self.sweep(), {"expired out": 1, "expired in": 1})
        self.assertEqual(len(await self.inspector.dead()), 1)
        self.assertEqual(await self.closed(message_key(uuid(1))), "done")
        self.assertEqual(await self.sweep(), {})

    async def test_uncertain_for_long(self) -> None:
        """The same for uncertain ones that no process settled in all that time."""
        item = await self.aside(uncertain=True)
        self.clock.advance(KEEP["aside"] / 1000)
        self.assertEqual(await self.sweep(), {"expired uncertain": 1})
        self.assertEqual(await self.redis("EXISTS", f"{K.out_item}{item.id}", K.out_uncertain), 0)

    async def test_not_by_a_wrong_time(self) -> None:
        """What stands aside since yesterday is kept, whatever the list says."""
        item = await self.aside(uncertain=False)
        await self.redis("ZADD", K.out_dead, 1, item.id)
        await self.assert_repairs(aside=1)
        self.assertEqual(await self.inspector.dead(), [item.id])

    async def test_one_ran_out_one_waits(self) -> None:
        """A message of which one recipient's notification ran out is not searched for what was lost."""
        await self.owe(1, "bob", "cleo")
        for item in await self.claim():
            await self.store.set_aside(item, "why", uncertain=False)
            self.clock.advance(3600)
        self.clock.advance(KEEP["aside"] / 1000 - 7200)
        gone = (await self.redis("ZRANGE", K.out_dead, 0, 0))[0]
        await self.redis("DEL", f"{K.out_item}{gone}")  # as its expiry does
        self.assertEqual(await self.sweep(), {"expired out": 1})
        self.assertEqual(await self.sweep(), {})
        self.clock.advance(3600)
        self.assertEqual(await self.sweep(), {"expired out": 1})
        self.assertEqual(await self.closed(message_key(uuid(1))), "done")


class LostItemTests(SweepCase):
    async def test_made_again(self) -> None:
        """A recipient whose notification is gone is uncertain: it may or may not have been sent."""
        await self.waiting()
        nid = await self.nid()
        await self.redis("DEL", f"{K.out_item}{nid}")
        await self.assert_repairs(item=1, lane=1)
        self.assertEqual(
            await self.redis("HMGET", f"{K.out_item}{nid}", F.state, F.reason, F.lane), ["U", "lost item", "bob"]
        )
        self.clock.advance(SETTLE / 1000)
        self.assertEqual((await self.store.reconcile(5, SETTLE, "resend", REPORT)).resent, 1)
        self.assertEqual([item.user_id for item in await self.claim()], ["bob"])

    async def test_never_claimed_directly(self) -> None:
        """It does not keep the place in its lane that the lost one had."""
        await self.waiting()
        await self.redis("DEL", f"{K.out_item}{await self.nid()}")
        await self.sweep()
        self.clock.advance(600)
        self.assertEqual(await self.claim(), [])

    async def test_a_receipt_settles_it(self) -> None:
        """That the SMS was sent is believed when a receipt says so."""
        item = await self.sending()
        await self.redis("DEL", f"{K.out_item}{item.id}")
        await self.sweep()
        receipt = delivery_report(item.id, "provider-id", HANDSET, NUMBERS[0], "delivered", "0")
        self.assertEqual((await self.store.record_receipt(receipt)).ended, "U")
        self.assertEqual(await self.closed(message_key(uuid(1))), "done")
        self.assertEqual(await self.sweep(), {})

    async def test_its_sender_settles_it(self) -> None:
        """So is the process that was sending it all the time."""
        item = await self.sending()
        await self.redis("DEL", f"{K.out_item}{item.id}")
        await self.sweep()
        self.assertTrue(await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent()))
        self.assertEqual(await self.closed(message_key(uuid(1))), "done")

    async def test_unreadable(self) -> None:
        """A notification that nobody can read is lost as well; nothing of it is believed."""
        await self.waiting()
        nid = await self.nid()
        for field in ("l", "d", "s", "m"):
            await self.redis("HDEL", f"{K.out_item}{nid}", field)
            await self.redis("HSET", f"{K.out_item}{nid}", F.resent, "1")
            found = await self.sweep()
            self.assertEqual(found["item"], 1, field)
            self.assertEqual(await self.redis("HMGET", f"{K.out_item}{nid}", F.state, F.resent), ["U", None])
            self.assertEqual(await self.sweep(), {}, field)

    async def test_unreadable_of_no_message(self) -> None:
        """One that nobody can read and nobody waits for ends one day."""
        rid = await self.replied()
        await self.redis("HDEL", f"{K.in_item}{rid}", F.lane)
        await self.redis("HSET", f"{K.out_item}nobody", F.state, "R")
        found = await self.sweep()
        self.assertEqual((found["undecodable"], await self.sweep()), (2, {}))
        for key in (f"{K.in_item}{rid}", f"{K.out_item}nobody"):
            await self.assert_ends(key, KEEP["aside"])

    async def test_nobody_needs_it(self) -> None:
        """Nobody who has read the message is made to wait for; with the last one the message is closed."""
        mid = await self.waiting(1, "bob", "cleo")
        await self.redis("DEL", f"{K.out_item}{await self.nid('bob')}", f"{K.out_lane}bob")
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        await self.assert_repairs(count=1, queue=1)
        self.assertEqual(await self.closed(mid), "")
        self.clock.advance(600)
        (item,) = await self.claim()
        await self.store.complete(item, "blank")
        self.assertEqual(await self.closed(mid), "done")

    async def test_nobody_is_left(self) -> None:
        """A message without any open notification is closed."""
        mid = await self.waiting()
        await self.redis("DEL", f"{K.out_item}{await self.nid()}", f"{K.out_lane}bob", K.out_queue)
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        await self.assert_repairs(count=1)
        self.assertEqual(await self.closed(mid), "done")
        await self.assert_ends(f"{K.message}{mid}", KEEP["closed"])

    async def test_only_those_that_are_missing(self) -> None:
        """Who has an outcome, or had read it before it was due, or came later, is owed nothing."""
        sent = event("sent", uuid(1), bob=Status.SENT, cleo=Status.SENT, dan=Status.READ)
        await self.store.record_event(sent, 0)
        await self.store.promote(5, REPORT)
        items = {item.user_id: item for item in await self.claim()}
        await self.store.complete(items["bob"], "blank")
        await self.redis("DEL", f"{K.out_item}{items['cleo'].id}")
        await self.assert_repairs(item=1, lane=1)
        await self.store.record_event(event("delivered", uuid(1), eve=Status.SENT), 0)
        self.assertEqual(await self.sweep(), {})
        self.assertEqual(await self.inspector.keys("out_item"), [f"{K.out_item}{items['cleo'].id}"])

    async def test_who_cannot_be_told(self) -> None:
        """When it might be one or another, it might be both: rather a text too many than one that never comes."""
        await self.waiting()
        await self.store.record_event(event("delivered", uuid(1), eve=Status.SENT), 0)
        await self.redis("DEL", f"{K.out_item}{await self.nid()}")
        await self.assert_repairs(item=2, lane=1, count=1)

    async def test_too_many_counted(self) -> None:
        """A wrong number of open notifications is put right, so that the message closes with the last one."""
        mid = await self.waiting()
        wrong = "local r = cmsgpack.unpack(redis.call('GET', ARGV[1])); r.n = tonumber(ARGV[2])"
        for number in (0, -1, 7):
            script = f"{wrong}; redis.call('SET', ARGV[1], cmsgpack.pack(r))"
            await self.redis("EVAL", script, 0, f"{K.message}{mid}", number)
            await self.assert_repairs(count=1)
        self.clock.advance(600)
        (item,) = await self.claim()
        await self.store.complete(item, "blank")
        self.assertEqual(await self.closed(mid), "done")


class EndlessKeysTests(SweepCase):
    async def test_they_end(self) -> None:
        """What nobody waits for has an end: closed messages, statuses, done replies, handsets, what is aside."""
        await self.pending(1)
        await self.store.record_event(event("deleted", uuid(1)), 0)
        await self.store.record_event(event("read", uuid(2), bob=Status.READ), 0)
        rid = await self.replied()
        (reply,) = await self.replies()
        await self.store.complete(reply, "posted")
        uncertain = await self.aside(3, uncertain=True)
        dead_letter = await self.aside(4, uncertain=False)
        await self.redis("SET", f"{K.escaped}phone-1", "{}")
        await self.store.quarantine('{"n": 1}', signed=True)
        await self.store.quarantine('{"n": 1}', signed=False)
        await self.store.acquire_lock("job", 50)
        await self.redis("HSET", f"{K.rate}key", F.next_slot, 1)
        await self.redis("ZADD", f"{K.rate_wait}key", 1, "id")
        await self.pending(5)
        lives = {
            f"{K.message}{message_key(uuid(1))}": KEEP["closed"],
            f"{K.message}{message_key(uuid(2))}": KEEP["statuses"],
            f"{K.message}{message_key(uuid(5))}": KEEP["pending"] + 600_000,
            f"{K.in_item}{rid}": KEEP["closed"],
            f"{K.out_item}{uncertain.id}": KEEP["aside"],
            f"{K.out_item}{dead_letter.id}": KEEP["aside"],
            f"{K.handset}{HANDSET}": LINKS,
            f"{K.escaped}phone-1": LINKS,
            K.quarantine: KEEP["quarantine"],
            K.unsigned: KEEP["quarantine"],
            f"{K.lock}job": KEEP["lock"],
            f"{K.rate}key": KEEP["rate"],
            f"{K.rate_wait}key": KEEP["rate"],
        }
        for key in lives:
            await self.redis("PERSIST", key)
        await self.assert_repairs(expiry=len(lives))
        for key, life in lives.items():
            await self.assert_ends(key, life)

    async def test_who_is_in_work_does_not(self) -> None:
        """A message with open notifications and what is in work have no end."""
        mid = await self.waiting()
        rid = await self.replied()
        nid = await self.nid()
        self.assertEqual(await self.sweep(), {})
        for key in (f"{K.message}{mid}", f"{K.out_item}{nid}", f"{K.in_item}{rid}"):
            self.assertEqual(await self.ttl(key), -1, key)

    async def test_deleted_but_tried_again(self) -> None:
        """A deleted message is kept for its last notification, for as long as that may be tried."""
        mid = await self.waiting()
        self.clock.advance(600)
        (item,) = await self.claim()
        await self.store.record_event(event("deleted", uuid(1)), 0)
        await self.store.reschedule(item, 600_000, "refused")
        self.assertEqual(await self.ttl(f"{K.message}{mid}"), -1)
        self.assertEqual(await self.sweep(), {})
        self.clock.advance(KEEP["aside"] / 1000)
        await self.assert_repairs(expiry=1)

    async def test_the_node_services_keys(self) -> None:
        """What the Node service wrote is nobody's business here, whatever it is."""
        await self.redis("SET", "nexmo-layer-integration-bob", "{}")
        await self.redis("LPUSH", f"nexmo-layer-integration-phone-{HANDSET}", "bob")
        self.assertEqual(await self.sweep(), {})
        self.assertEqual(await self.ttl("nexmo-layer-integration-bob"), -1)


class SweepRobustnessTests(SweepCase):
    async def test_half_a_hold(self) -> None:
        """A hold without a next probe, or without a beginning, would hold for ever."""
        for missing in ("probe", "since"):
            item = await self.sending(1 if missing == "probe" else 2)
            await self.store.suspend_sending(item, "no credit")
            await self.redis("HDEL", K.suspended, missing)
            await self.assert_repairs(suspension=1)
            self.clock.advance(60)
            (probe,) = await self.claim()
            self.assertEqual(await self.begin(probe), "OK")
            await self.store.record_accepted(probe, attempt(HANDSET, NUMBERS[0]), "sent x y", sent())
            self.assertEqual(await self.inspector.suspended(), 0)
        await self.redis("HSET", K.suspended, F.why, "x", F.since, "soon", F.probe, "never")
        await self.assert_repairs(suspension=1)
        self.assertEqual(await self.redis("HMGET", K.suspended, F.since, F.probe), [self.now()] * 2)

    async def test_what_is_not_ours(self) -> None:
        """A key of a wrong type is told of and left alone, and keeps the sweep from nothing."""
        lists = (f"{K.message}a", f"{K.handset}1", f"{K.out_lane}eve", f"{K.in_lane}1", f"{K.lock}a", K.seq, K.in_dead)
        for key in lists:
            await self.redis("DEL", key)
            await self.redis("LPUSH", key, "x")
        await self.redis("SADD", K.out_uncertain, "x")
        await self.redis("LPUSH", f"{PREFIX}else", "x")
        mid = await self.pending()
        await self.redis("DEL", K.due)
        found = await self.sweep()
        self.assertEqual((found["type"], found["due"]), (len(lists) + 1, 1))
        self.assertEqual(found[f"foreign {K.handset} list"], 1)
        self.assertEqual(found[f"foreign {K.out_uncertain} set"], 1)
        self.assertEqual(await self.redis("ZRANGE", K.due, 0, -1), [mid])
        for key in lists:
            self.assertEqual(await self.redis("LRANGE", key, 0, -1), ["x"])

    async def test_one_beside_another(self) -> None:
        """Things that cannot be repaired because of a key of a wrong type keep the sweep from nothing else."""
        await self.waiting(1, "bob", "cleo")
        await self.redis("ZREM", K.out_queue, "cleo")
        await self.redis("DEL", f"{K.out_lane}bob")
        await self.redis("SET", f"{K.out_lane}bob", "x")
        found = await self.sweep()
        self.assertEqual((found["queue"], found["type"]), (1, 2))
        self.assertEqual((found[f"foreign {K.out_lane} string"], found[f"foreign {K.out_item} broken"]), (1, 1))

    async def test_any_bytes(self) -> None:
        """Keys and entries that are no text are looked at like others."""
        await self.redis("ZADD", K.due, 1, b"\xff\xfe")
        await self.redis("ZADD", b"nx:lane:out:\xff", 1, b"\xfe")
        await self.redis("SET", b"nx:m:\xff", b"\xff")
        await self.assert_repairs(due=1, lane=1, undecodable=1)

    async def test_many(self) -> None:
        """However many there are: each is looked at, in steps of a bounded size."""
        for n in range(350):
            await self.pending(n)
        await self.redis("DEL", K.due)
        place: str | None = ""
        steps, repaired = [], 0
        while place is not None:
            step = await self.sweeping.step(place)
            steps.append(step.looked)
            repaired += step.repaired.get("due", 0)
            place = step.next
        self.assertEqual(repaired, 350)
        self.assertLess(max(steps), 200)
        self.assertEqual(await self.sweep(), {})

    async def test_long_lane(self) -> None:
        """Of a long lane the first are looked at, which is enough: those behind come first one day."""
        await self.redis(
            "EVAL", "for i = 1, 250 do redis.call('ZADD', KEYS[1], i, 'x' .. i) end", 1, f"{K.out_lane}bob"
        )
        await self.redis("ZADD", K.out_queue, 9_000_000_000_000, "bob")
        self.assertEqual(await self.sweep(), {"lane": 100})
        self.assertEqual([await self.sweep() for _ in range(3)], [{"lane": 100}, {"lane": 50}, {}])

    async def test_from_where_it_was(self) -> None:
        """A step that failed may be made again; one of a place that is over finds nothing."""
        await self.pending()
        await self.redis("DEL", K.due)
        first = await self.sweeping.step("keys 0")
        again = await self.sweeping.step("keys 0")
        self.assertEqual((first.repaired, again.repaired), ({"due": 1}, {}))

    async def test_full(self) -> None:
        """When Redis takes nothing new the sweep goes on; what it adds is little, and it lets things end."""
        await self.pending()
        await self.redis("DEL", K.due)
        await self.redis("CONFIG", "SET", "maxmemory", 1)
        self.addCleanup(self.redis, "CONFIG", "SET", "maxmemory", 0)
        with self.assertRaises(StoreUnavailable):
            await self.pending(2)
        self.assertEqual(await self.sweep(), {"due": 1})
