"""The queues: leases with tokens, order in a lane, and steps that may be made again."""

from __future__ import annotations

import json
from typing import Literal

from nexmo_twisted.domain.link_state import (
    thread_of,
)
from nexmo_twisted.domain.links import (
    Choice,
    NoNumber,
    choose,
)
from nexmo_twisted.domain.model import (
    Asked,
    InboundSms,
    Status,
    Thread,
)
from nexmo_twisted.domain.results import (
    Claimed,
)
from nexmo_twisted.errors import AnswerLost
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.schema import PREFIX, F
from tests.factories import CONVERSATION, NUMBERS, REPORT, event, uuid
from tests.inspector import K
from tests.store.cases import LEASE, QueueCase
from tests.support import StoreCase, attempt, attempted, in_words, sent


class ClaimTests(QueueCase):
    async def test_once(self) -> None:
        """A claimed item is nobody else's until its lease ends."""
        await self.owe()
        (first,) = await self.claim()
        self.assertEqual(await self.claim(), [])
        self.clock.advance(LEASE / 1000)
        (again,) = await self.claim()
        self.assertEqual(again.id, first.id)
        self.assertNotEqual(again.token, first.token)

    async def test_next(self) -> None:
        """The answer says when to look again."""
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).next, None)
        await self.owe()
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).next, LEASE)

    async def test_order(self) -> None:
        """First attempts for one user go out in due order, one at a time; other users are not kept waiting."""
        await self.owe(1)
        await self.owe(2)
        await self.owe(3, "cleo")
        items = await self.claim()
        self.assertEqual([(i.message_id, i.user_id) for i in items], [(uuid(1), "bob"), (uuid(3), "cleo")])
        await self.store.complete(items[0], "read")
        (second,) = await self.claim()
        self.assertEqual(second.message_id, uuid(2))

    async def test_retry_keeps_its_place(self) -> None:
        """An item that is tried again later is not overtaken by the next one of its user."""
        await self.owe(1)
        await self.owe(2)
        (item,) = await self.claim()
        await self.store.reschedule(item, 5000, "refused")
        self.assertEqual(await self.claim(), [])
        self.clock.advance(5)
        (again,) = await self.claim()
        self.assertEqual((again.message_id, again.attempts), (uuid(1), 1))

    async def test_stepping_aside(self) -> None:
        """An item that steps aside lets those behind it pass until it is tried again, also those that come later; it
        is not looked at before that."""
        await self.owe(1)
        await self.owe(2)
        (one,) = await self.claim()
        await self.store.reschedule(one, 5000, "a page", aside=True)
        (two,) = await self.claim()
        self.assertEqual(two.message_id, uuid(2))
        self.assertEqual(await self.claim(), [])
        await self.store.complete(two, "sent")
        claimed = await self.store.claim_notifications(10, LEASE)
        self.assertEqual((claimed.items, claimed.next), ([], 5000))
        await self.owe(3)
        (three,) = await self.claim()
        self.assertEqual(three.message_id, uuid(3))
        await self.store.reschedule(three, 10_000, "a page", aside=True)
        self.clock.advance(4)
        self.assertEqual(await self.claim(), [])
        self.clock.advance(1)
        (one,) = await self.claim()
        self.assertEqual((one.message_id, one.attempts, one.reason), (uuid(1), 1, "a page"))
        await self.owe(4)
        self.assertEqual(await self.claim(), [])  # one at a time, in every lane
        await self.store.complete(one, "sent")
        self.assertEqual([item.message_id for item in await self.claim()], [uuid(4)])

    async def test_back_at_its_place(self) -> None:
        """What stepped aside and is then put off otherwise has its place again: nothing overtakes it."""
        await self.owe(1)
        await self.owe(2)
        (one,) = await self.claim()
        await self.store.reschedule(one, 0, "a page", aside=True)
        (two,) = await self.claim()
        self.clock.advance(0.001)
        await self.store.reschedule(two, 0, "a page", aside=True)
        (one,) = await self.claim()
        await self.store.reschedule(one, 5000, "Layer is away")
        self.assertEqual(await self.claim(), [])
        self.clock.advance(5)
        self.assertEqual([item.message_id for item in await self.claim()], [uuid(1)])

    async def test_aside_blocks_nobody(self) -> None:
        """Uncertain items and dead letters step aside and stay visible with their reason."""
        for n, uncertain in enumerate((True, False), 1):
            await self.owe(n)
            (item,) = await self.claim()
            await self.store.set_aside(item, "why", uncertain=uncertain)
            where = K.out_uncertain if uncertain else K.out_dead
            self.assertEqual(await self.redis("ZRANGE", where, 0, -1), [item.id])
            self.assertEqual(await self.inspector.reason(item.id), "why")
        await self.owe(3)
        self.assertEqual([i.message_id for i in await self.claim()], [uuid(3)])

    async def test_tokens(self) -> None:
        """Who lost the lease can neither finish nor retry nor set aside what another has claimed since."""
        await self.owe()
        (late,) = await self.claim()
        self.clock.advance(LEASE / 1000)
        (current,) = await self.claim()
        await self.store.complete(late, "read")
        await self.store.reschedule(late, 0, "late")
        await self.store.set_aside(late, "late", uncertain=False)
        self.assertEqual(await self.store.suspend_sending(late, "late"), "STALE")
        self.assertEqual(await self.begin(late), "STALE")
        self.assertEqual(await self.begin(current), "OK")

    async def test_crashing_item(self) -> None:
        """An item that is claimed three times without a result becomes a dead letter: it may be what kills the
        process."""
        await self.owe(1)
        await self.owe(2)
        for _ in range(3):
            self.assertEqual([i.message_id for i in await self.claim()], [uuid(1)])
            self.clock.advance(LEASE / 1000)
            self.next_process()
        self.assertEqual([i.message_id for i in await self.claim()], [uuid(2)])
        self.assertEqual(len(await self.inspector.dead()), 1)

    async def test_an_answer_that_is_lost(self) -> None:
        """Who claims again what it claimed before, since it never heard of that, has not died: nothing becomes a dead
        letter, and nothing waits for its turn as a suspect."""
        await self.owe(1, "bob")
        await self.owe(2, "cleo")
        for _ in range(5):
            items = await self.claim()
            self.assertEqual([item.suspect for item in items], [False, False])
            self.clock.advance(LEASE / 1000)
        self.assertEqual(len(await self.inspector.dead()), 0)

    async def test_taken_back(self) -> None:
        """What the process claimed and never heard of it claims again at once, with another token; what it works on
        and what others have stays where it is."""
        await self.owe(1, "bob")
        (mine,) = await self.claim()
        await self.owe(2, "cleo")
        other = RedisStore(self.connection, self.connection, self.now)
        (theirs,) = (await other.claim_notifications(1, LEASE)).items
        await self.owe(3, "dan")
        await self.owe(4, "eve")
        self.clock.advance(5)
        for _ in range(2):
            await self.unheard()
            self.assertEqual(await self.redis("ZCOUNT", K.out_queue, "-inf", self.now()), 0)
        self.clock.advance(5)
        again = await self.claim()
        self.assertEqual([(item.user_id, item.suspect) for item in again], [("dan", False), ("eve", False)])
        for n, item in enumerate((mine, theirs, *again)):
            self.assertEqual(await self.begin(item, f"1201555019{n}"), "OK")
        self.assertEqual(await self.claim(), [])

    async def test_nothing_to_take_back(self) -> None:
        """An answer that was lost before anything was claimed, or after it was heard, changes nothing."""
        await self.owe(1, "bob")
        (mine,) = await self.claim()
        await self.unheard()
        await self.owe(2, "cleo")
        self.assertEqual([item.user_id for item in await self.claim()], ["cleo"])
        self.assertEqual(await self.begin(mine), "OK")

    async def test_a_probe_is_taken_back(self) -> None:
        """So is the one SMS that was to be tried while the account is at fault."""
        item = await self.sending(1)
        await self.store.suspend_sending(item, "no credit")
        self.clock.advance(61)
        await self.unheard()
        (probe,) = await self.claim()
        self.assertEqual(await self.begin(probe), "OK")

    async def unheard(self) -> None:
        """The process claims, and the answer is lost."""
        self.connection.lossy = True
        with self.assertRaises(AnswerLost):
            await self.claim()
        self.connection.lossy = False

    async def test_given_back(self) -> None:
        """An item given back untouched is there at once, with no attempt counted."""
        await self.owe()
        for _ in range(5):
            (item,) = await self.claim()
            await self.store.release(item)
        (item,) = await self.claim()
        self.assertEqual(item.attempts, 0)

    async def test_waited(self) -> None:
        """How long an item has been due is told with it."""
        await self.owe()
        self.clock.advance(60)
        (item,) = await self.claim()
        self.assertEqual(item.waited, 60_001)

    async def test_introduction_failures(self) -> None:
        """Failed introductions are counted on their own."""
        await self.owe()
        (item,) = await self.claim()
        await self.store.reschedule(item, 0, "no", introduction=True)
        (item,) = await self.claim()
        self.assertEqual((item.attempts, item.introduction_failures), (1, 1))

    async def test_broken_head(self) -> None:
        """A lane whose head has lost its item goes on with the next one."""
        await self.owe(1)
        await self.owe(2)
        (lane,) = await self.redis("ZRANGE", f"{K.out_lane}bob", 0, 0)
        await self.redis("DEL", f"{K.out_item}{lane}")
        self.assertEqual([i.message_id for i in await self.claim()], [uuid(2)])


class BeginAttemptTests(QueueCase):
    async def test_lost_lease_is_uncertain(self) -> None:
        """Whoever dies after the attempt was recorded leaves an uncertain SMS, never a second one."""
        item = await self.sending()
        self.clock.advance(LEASE / 1000)
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.inspector.uncertain(), [item.id])

    async def test_late_truth(self) -> None:
        """That an SMS was accepted counts even from a process that lost its lease."""
        item = await self.sending()
        self.clock.advance(LEASE / 1000)
        await self.claim()
        await self.store.record_accepted(item, attempt("12015550198", NUMBERS[0]), "sent", sent())
        self.assertEqual(await self.redis("EXISTS", K.out_uncertain, f"{K.out_item}{item.id}"), 0)

    async def test_read_meanwhile(self) -> None:
        """A message read or deleted between claim and send is not sent."""
        for n, kind in ((1, "read"), (2, "deleted")):
            await self.owe(n)
            (item,) = await self.claim()
            await self.store.record_event(event(kind, uuid(n), bob=Status.READ), 0)
            self.assertEqual(await self.begin(item), kind)
            await self.store.complete(item, kind)

    async def test_conflicts(self) -> None:
        """A link is written only if everything the choice was based on is unchanged."""
        map_key, owner_key = "nexmo-layer-integration-bob", "nexmo-layer-integration-phone-12015550198"
        await self.owe()
        (item,) = await self.claim()
        for change in (
            ("SET", map_key, "{}"),
            ("SET", owner_key, "ann"),
            ("SET", "nexmo-layer-integration-ann", "{}"),
            ("HSET", f"{K.handset}12015550198", "v", 7),
            ("SADD", K.unowned, NUMBERS[0]),
        ):
            state = await self.store.read_links("bob", "12015550198")
            choice = choose(state, Thread("bob", CONVERSATION), "12015550198", "", NUMBERS, 1000, 1000)
            assert isinstance(choice, Choice)
            await self.redis(*change)
            self.assertEqual(
                in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE)), "CONFLICT", change
            )
        self.assertEqual(await self.begin(item), "OK")

    async def test_what_is_written(self) -> None:
        """Once the SMS was accepted the link stands in the Node service's two keys and in the handset's own; before
        that they know nothing of it."""
        await self.owe()
        (item,) = await self.claim()
        state = await self.store.read_links("bob", "12015550198")
        choice = choose(state, Thread("bob", CONVERSATION), "12015550198", "", NUMBERS, 1000, 1000)
        assert isinstance(choice, Choice)
        self.assertEqual(in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE)), "OK")
        self.assertEqual(await self.redis("KEYS", "nexmo-layer-*"), [])
        self.assertEqual(await self.redis("HGET", f"{K.handset}12015550198", NUMBERS[0]), None)
        await self.store.record_accepted(item, attempted(choice), "sent", sent())
        stored = await self.redis("GET", "nexmo-layer-integration-bob")
        expires = int(self.now()) + 1000
        self.assertEqual(stored, f'{{"{CONVERSATION}":{{"phone":"{NUMBERS[0]}","expires":{expires}}}}}')
        self.assertEqual(await self.redis("GET", "nexmo-layer-integration-phone-12015550198"), "bob")
        entry = f'["bob","{CONVERSATION}",{expires},{self.now()}]'
        self.assertEqual(await self.redis("HGET", f"{K.handset}12015550198", NUMBERS[0]), entry)

    async def test_user_named_like_a_phone_key(self) -> None:
        """A user id that begins with "phone-" reaches no handset's key."""
        await self.owe(1, "phone-12015550177")
        (item,) = await self.claim()
        state = await self.store.read_links("phone-12015550177", "12015550198")
        thread = Thread("phone-12015550177", CONVERSATION)
        choice = choose(state, thread, "12015550198", "", NUMBERS, 1000, 1000)
        assert isinstance(choice, Choice)
        self.assertEqual(in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE)), "OK")
        await self.store.record_accepted(item, attempted(choice), "sent", sent())
        self.assertEqual(await self.redis("EXISTS", "nexmo-layer-integration-phone-12015550177"), 0)
        state = await self.store.read_links("phone-12015550177", "12015550198")
        self.assertIn(CONVERSATION, state.user_map)

    async def test_kept_while_it_is_owed(self) -> None:
        """A message whose notifications are open does not expire, however long that lasts."""
        await self.owe()
        (key,) = await self.inspector.keys("message")
        self.assertEqual(await self.redis("PTTL", key), -1)

    async def test_done_leaves_only_links(self) -> None:
        """After both recipients were served the message is a small record that ends in four days."""
        await self.owe(1, "bob", "cleo")
        for n, item in enumerate(await self.claim()):
            handset = f"1201555019{n}"
            await self.begin(item, handset)
            number = await self.redis("HGET", f"{K.out_item}{item.id}", F.number)
            await self.store.record_accepted(item, attempt(handset, number), "sent", sent())
        links = (K.seq, K.handset, K.texted)
        own = [key for key in await self.redis("KEYS", f"{PREFIX}*") if not key.startswith(links)]
        self.assertEqual([k[:5] for k in own], [K.message])
        self.assertTrue(0 <= 4 * 86_400_000 - await self.redis("PTTL", own[0]) < 60_000)


class SuspendSendingTests(QueueCase):
    async def test_held(self) -> None:
        """While the account is at fault one waiting SMS is tried a minute; the first success releases all."""
        for n, user in enumerate(("ann2", "bob", "cleo"), 1):
            await self.owe(n, user)
        first, second, _third = await self.claim()
        self.assertEqual(await self.begin(first), "OK")
        self.assertEqual(await self.store.suspend_sending(first, "no credit"), "DOUBT")
        self.assertEqual(await self.begin(second), "SUSPENDED")
        await self.store.release(second)
        (second,) = await self.claim()
        self.assertEqual(await self.begin(second), "OK")
        self.assertEqual(await self.store.suspend_sending(second, "no credit"), "NEW")
        self.assertEqual(await self.store.claim_notifications(10, LEASE), Claimed(60_000, []))
        self.clock.advance(60)
        (probe,) = await self.claim()
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.begin(probe), "OK")
        self.assertEqual(await self.store.suspend_sending(probe, "no credit"), "DONE")
        self.clock.advance(60)
        (probe,) = await self.claim()
        self.assertEqual(await self.begin(probe), "OK")
        await self.store.record_accepted(probe, attempt("12015550198", NUMBERS[0]), "sent", sent())
        self.assertGreaterEqual(len(await self.claim()), 1)
        self.assertEqual(await self.inspector.suspended(), 0)

    async def test_a_probe_that_needs_no_sms(self) -> None:
        """When the probe turns out to need no SMS the next one may be tried at once."""
        await self.owe(1, "bob")
        await self.owe(2, "cleo")
        item, _ = await self.claim()
        await self.store.suspend_sending(item, "no credit")
        self.clock.advance(90)
        (probe,) = await self.claim()
        await self.store.complete(probe, "read")
        self.assertEqual(len(await self.claim()), 1)

    async def test_time_stands_still(self) -> None:
        """Time on hold does not count as waiting."""
        await self.owe(1)
        (item,) = await self.claim()
        await self.store.suspend_sending(item, "no credit")
        self.clock.advance(3600)
        (probe,) = await self.claim()
        self.assertLess(probe.waited, 1000)
        await self.begin(probe)
        await self.store.record_accepted(probe, attempt("12015550198", NUMBERS[0]), "sent", sent())
        await self.owe(2)
        self.clock.advance(60)
        (item,) = await self.claim()
        self.assertEqual(item.waited, 60_001)

    async def test_the_same_one_again(self) -> None:
        """When time and again the hold begins with one SMS, though others go out in between, that one becomes a dead
        letter."""
        await self.owe(1)
        for n, expected in enumerate(("NEW", "NEW", "DEAD")):
            (poison,) = await self.claim()
            self.assertEqual(await self.begin(poison), "OK")
            self.assertEqual(await self.store.suspend_sending(poison, "invalid signature"), expected)
            if expected == "NEW":
                await self.owe(2 + n, f"user{n}")
                await self.redis("ZADD", K.out_queue, 0, f"user{n}")  # the one that is tried next
                self.clock.advance(61)
                (other,) = await self.claim()
                self.assertEqual(await self.begin(other, f"1201555020{n}"), "OK")
                await self.store.record_accepted(other, attempt(f"1201555020{n}", NUMBERS[0]), "sent", sent("id"))
        self.assertEqual(await self.inspector.suspended(), 0)
        (nid,) = await self.inspector.dead()
        self.assertEqual(await self.inspector.reason(nid), "refused: invalid signature")

    async def test_no_spinning(self) -> None:
        """While held and with nothing to try, the answer never is "look again at once"."""
        item = await self.sending()
        await self.store.suspend_sending(item, "no credit")
        self.clock.advance(61)
        (probe,) = await self.claim()
        await self.store.reschedule(probe, 900_000, "connection refused")
        self.clock.advance(61)
        self.assertEqual(await self.store.claim_notifications(5, LEASE), Claimed(839_000, []))
        self.clock.advance(840)
        (probe,) = await self.claim()
        await self.store.complete(probe, "read")
        self.assertEqual(await self.store.claim_notifications(5, LEASE), Claimed(None, []))

    async def test_over_is_over(self) -> None:
        """A hold that ended while a probe was on its way does not come back when that needs no SMS."""
        for n, user in enumerate(("ann2", "bob", "cleo"), 1):
            await self.owe(n, user)
        (first,) = await self.claim(1)
        await self.begin(first, "12015550190")
        await self.store.suspend_sending(first, "no credit")
        self.clock.advance(61)
        (probe,) = await self.claim()
        self.clock.advance(61)
        (second,) = await self.claim()
        await self.begin(second, "12015550191")
        await self.store.record_accepted(second, attempt("12015550191", NUMBERS[0]), "sent", sent())
        await self.store.complete(probe, "blank")
        self.assertEqual(await self.inspector.suspended(), 0)

    async def test_held_while_nobody_ran(self) -> None:
        """A message that falls due during a hold, while no process runs, has not waited either."""
        item = await self.sending()
        await self.store.suspend_sending(item, "no credit")
        sent = event("sent", uuid(2), cleo=Status.SENT)
        await self.store.record_event(sent, 1000)
        self.clock.advance(30 * 3600)
        await self.store.promote(200, REPORT)
        for _ in range(2):
            (probe,) = await self.claim()
            self.assertLess(probe.waited, 2000)
            self.clock.advance(61)


class SetAsideTests(QueueCase):
    async def test_what_is_set_aside_ends(self) -> None:
        """A message with a dead letter ends one day, whatever comes after."""
        await self.owe(1, "bob", "cleo")
        one, two = await self.claim()
        await self.store.set_aside(one, "x", uncertain=False)
        await self.store.complete(two, "blank")
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        (key,) = await self.inspector.keys("message")
        self.assertGreater(await self.redis("PTTL", key), 0)

    async def test_a_definite_no_after_all(self) -> None:
        """That an SMS was not sent counts too when the lease ran out meanwhile: it is tried again."""
        item = await self.sending()
        self.clock.advance(LEASE / 1000)
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).lost, 1)
        await self.store.reschedule(item, 5000, "connection refused")
        self.clock.advance(5)
        (again,) = await self.claim()
        self.assertEqual(again.id, item.id)
        self.assertEqual(len(await self.inspector.uncertain()), 0)
        self.assertEqual(await self.redis("PTTL", f"{K.out_item}{item.id}"), -1)

    async def test_back_beside_one_on_its_way(self) -> None:
        """An item that comes back takes its lane from nobody: the one that is being sent meanwhile is not lost."""
        item = await self.sending(1)
        await self.owe(2)
        self.clock.advance(LEASE / 1000)
        (other,) = await self.claim()
        self.assertEqual(await self.begin(other), "OK")
        await self.store.reschedule(item, 0, "connection refused")
        self.assertEqual(await self.claim(), [])
        await self.store.record_accepted(other, attempt("12015550198", NUMBERS[0]), "sent", sent())
        self.clock.advance(LEASE / 1000)
        self.assertEqual([again.id for again in await self.claim()], [item.id])
        self.assertEqual(len(await self.inspector.uncertain()), 0)

    async def test_a_late_word(self) -> None:
        """Whoever was only slow may still say what became of a dead letter; then it is none any more."""
        await self.owe(1)
        for _ in range(3):
            (item,) = await self.claim()
            self.clock.advance(LEASE / 1000)
            self.next_process()
        self.assertEqual((await self.store.claim_notifications(5, LEASE)).crashed, 1)
        await self.store.reschedule(item, 0, "connection refused")
        self.assertEqual(len(await self.inspector.dead()), 0)
        self.assertEqual(len(await self.claim()), 1)

    async def test_the_innocent(self) -> None:
        """An item that kills its process takes those claimed with it nowhere: the suspects are tried one by one."""
        for n in range(5):
            await self.owe(n + 1, f"user{n}")
        self.assertEqual(len(await self.claim()), 5)
        self.clock.advance(LEASE / 1000)
        self.next_process()
        self.assertEqual((await self.store.claim_notifications(5, LEASE, idle=False)).items, [])
        for _ in range(5):
            (suspect,) = await self.claim()
            self.assertTrue(suspect.suspect)
            await self.store.complete(suspect, "read")
        self.assertEqual(len(await self.inspector.dead()), 0)

    async def test_unreadable_item(self) -> None:
        """An item that nobody can read spoils no other, and becomes a dead letter in the end."""
        await self.owe(1, "bob")
        await self.owe(2, "cleo")
        (nid,) = await self.redis("ZRANGE", f"{K.out_lane}bob", 0, 0)
        await self.redis("HDEL", f"{K.out_item}{nid}", F.due)
        (item,) = await self.claim()
        self.assertEqual(item.user_id, "cleo")
        await self.store.complete(item, "read")
        self.assertEqual(await self.inspector.dead(), [nid])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class LegacyLinkTests(QueueCase):
    """Links of the Node service on one handset, after this service has texted it."""

    ann, bob, more = (f"layer:///conversations/e67b5da2-95ca-40c4-bfc5-a2a8baaeb50{n}" for n in "123")
    handset = "12015550198"

    async def linked(self, user: str, **numbers: str) -> None:
        expires = int(self.now()) + 86_400_000
        links = {getattr(self, name): {"phone": number, "expires": expires} for name, number in numbers.items()}
        await self.redis("SET", f"nexmo-layer-integration-{user}", json.dumps(links))
        await self.redis("SET", f"nexmo-layer-integration-phone-{self.handset}", user)

    async def text(self, n: int, user: str, conversation: str) -> Choice | None:
        await self.owe(n, user)
        (item,) = await self.claim()
        state = await self.store.read_links(user, self.handset, raw=self.handset)
        choice = choose(state, Thread(user, conversation), self.handset, self.handset, NUMBERS, 100_000, 1000)
        if isinstance(choice, NoNumber):
            await self.store.complete(item, "no_number")
            return None
        self.assertEqual(in_words(await self.store.begin_attempt(item, REPORT, choice.commit, "", LEASE)), "OK")
        await self.store.record_accepted(item, attempted(choice), "sent", sent())
        return choice

    async def test_the_other_user(self) -> None:
        """When we text Bob, Ann's link on the same handset goes on: her answers arrive and her number is taken."""
        await self.linked("ann", ann=NUMBERS[0])
        choice = await self.text(1, "bob", self.bob)
        assert choice is not None
        self.assertEqual(choice.number, NUMBERS[1])
        state = await self.store.read_links("", self.handset, number=NUMBERS[0])
        self.assertEqual(thread_of(state, NUMBERS[0]), Thread("ann", self.ann))
        self.assertIsNone(await self.text(2, "bob", self.more))

    async def test_introduced_there(self) -> None:
        """None of its links is introduced again."""
        await self.linked("cleo", ann=NUMBERS[0], bob=NUMBERS[1])
        for n, conversation in enumerate((self.ann, self.bob), 1):
            choice = await self.text(n, "cleo", conversation)
            assert choice is not None
            self.assertTrue(choice.introduced)


class BlockedNumbersTests(StoreCase):
    async def ask(self, n: int, what: Literal["", "stop", "start", "help"], handset: str = "12015550198") -> str:
        sms = InboundSms(message_id=f"id-{n}", msisdn=handset, to=NUMBERS[0], text=what)
        return await self.store.receive_sms(sms, handset, NUMBERS[0], Asked(what, "done", "again"))

    async def test_strangers_are_counted(self) -> None:
        """Blocks of handsets that were never texted are counted, each once, and no more when they end; a known one is
        not."""
        await self.redis("HSET", f"{K.handset}12015550198", F.version, 1, NUMBERS[0], f'["bob","{CONVERSATION}",1,1]')
        for n, handset in enumerate(("12015550198", "12015550177", "12015550177", "12015550188")):
            self.assertEqual(await self.ask(n, "stop", handset), "stop")
        self.assertEqual(await self.redis("GET", K.blocked_strangers), "2")
        self.clock.advance(60)
        for n, handset in enumerate(("12015550198", "12015550177"), 10):
            self.assertEqual(await self.ask(n, "start", handset), "start")
        self.assertEqual(await self.redis("GET", K.blocked_strangers), "1")

    async def test_twice(self) -> None:
        """A START whose webhook comes again, when nobody heard of its effect, lifts no STOP that came meanwhile."""
        await self.ask(1, "stop")
        self.clock.advance(60)
        self.assertEqual(await self.ask(2, "start"), "start")
        await self.ask(3, "stop")
        self.clock.advance(60)
        self.assertEqual(await self.ask(2, "start"), "KNOWN")
        self.assertEqual(await self.redis("EXISTS", f"{K.opted_out}12015550198"), 1)

    async def test_two_that_come_again(self) -> None:
        """Where SMS were turned away since the STOP, the writer is asked, and a START counts a minute after that: one
        that was turned away, too, has come again by then."""
        await self.ask(1, "stop")
        await self.store.turned_away()
        self.clock.advance(70)
        self.assertEqual(await self.ask(2, "start"), "again")
        self.clock.advance(59)
        self.assertEqual(await self.ask(3, "start"), "again")
        self.clock.advance(1)
        self.assertEqual(await self.ask(4, "start"), "start")

    async def test_a_minute_after_the_last(self) -> None:
        """It is the last STOP that counts."""
        await self.ask(1, "stop")
        self.clock.advance(50)
        await self.ask(2, "stop")
        self.clock.advance(59)
        self.assertEqual(await self.ask(3, "start"), "again")
        self.clock.advance(1)
        self.assertEqual(await self.ask(4, "start"), "start")


class ReplyQueueTests(StoreCase):
    def sms(self, n: int, text: str = "hi") -> InboundSms:
        return InboundSms(message_id=f"id-{n}", msisdn="12015550198", to="12015550101", text=text)

    async def receive(self, n: int, handset: str = "12015550198") -> bool:
        return await self.store.receive_sms(self.sms(n, f"text {n}"), handset, "12015550101") == "NEW"

    async def test_once(self) -> None:
        """The same messageId is one reply, also after it was posted, also three days later."""
        self.assertTrue(await self.receive(1))
        self.assertFalse(await self.receive(1))
        (item,) = (await self.store.claim_replies(5, LEASE)).items
        await self.store.complete(item, "posted")
        self.clock.advance(3 * 86_400)
        self.assertFalse(await self.receive(1))
        (key,) = await self.inspector.keys("in_item")
        self.assertGreater(await self.redis("PTTL", key), 3 * 86_400_000)

    async def test_order(self) -> None:
        """Replies of one phone are worked on in the order of arrival, never side by side; of two phones they are."""
        for n in (1, 2):
            await self.receive(n)
        await self.receive(3, "12015550188")
        items = (await self.store.claim_replies(5, LEASE)).items
        first = {item.handset: item for item in items}
        self.assertEqual(set(first), {"12015550198", "12015550188"})
        self.assertEqual(len(items), 2)
        await self.store.complete(first["12015550198"], "posted")
        (second,) = (await self.store.claim_replies(5, LEASE)).items
        self.assertEqual(second.handset, "12015550198")

    async def test_stepping_aside(self) -> None:
        """A reply that steps aside lets the others of its handset pass, also those that come later."""
        for n in (1, 2):
            await self.receive(n)
        (one,) = (await self.store.claim_replies(10, LEASE)).items
        await self.store.reschedule(one, 5000, "a page", aside=True)
        (two,) = (await self.store.claim_replies(10, LEASE)).items
        await self.store.complete(two, "posted")
        self.assertEqual((await self.store.claim_replies(10, LEASE)).items, [])
        await self.receive(3)
        (three,) = (await self.store.claim_replies(10, LEASE)).items
        self.assertEqual((two.text, three.text), ("text 2", "text 3"))
        await self.store.complete(three, "posted")
        self.clock.advance(5)
        (one,) = (await self.store.claim_replies(10, LEASE)).items
        self.assertEqual(one.text, "text 1")

    async def test_thread_at_arrival(self) -> None:
        """A reply belongs to what its number carried when it came, whatever the number carries when it is posted."""
        await self.redis(
            "HSET", f"{K.handset}12015550198", "12015550101", f'["bob","{CONVERSATION}",1,1]', F.version, 1
        )
        await self.receive(1)
        await self.redis("DEL", f"{K.handset}12015550198")
        (item,) = (await self.store.claim_replies(5, LEASE)).items
        self.assertEqual(item.thread, Thread("bob", CONVERSATION))

    async def test_same_uuid(self) -> None:
        """The de-duplication UUID follows from the messageId alone."""
        await self.receive(1)
        (first,) = (await self.store.claim_replies(5, LEASE)).items
        await self.redis("FLUSHALL")
        await self.receive(1)
        (second,) = (await self.store.claim_replies(5, LEASE)).items
        self.assertEqual(first.once, second.once)

    async def test_quarantine_is_bounded(self) -> None:
        """The newest hundred unreadable webhooks are kept."""
        for n in range(105):
            await self.store.quarantine(json.dumps({"n": n}), signed=True)
        kept = [json.loads(each) for each in await self.redis("LRANGE", K.quarantine, 0, -1)]
        self.assertEqual([each["n"] for each in kept], [*range(104, 4, -1)])
        self.assertEqual(kept[0], {"at": int(self.now()), "n": 104})

    async def test_quarantine_of_strangers(self) -> None:
        """Webhooks that anybody may have posted push out none that are signed."""
        await self.store.quarantine('{"n": 1}', signed=True)
        for _ in range(105):
            await self.store.quarantine('{"n": 2}', signed=False)
        self.assertEqual(await self.redis("LLEN", K.quarantine), 1)
        self.assertEqual(await self.redis("LLEN", K.unsigned), 100)

    async def test_lock(self) -> None:
        """A periodic job is one process's for a while."""
        self.assertTrue(await self.store.acquire_lock("job", 50))
        self.assertFalse(await self.store.acquire_lock("job", 50))
