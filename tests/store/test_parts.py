"""Long replies: parts that come in any order, more than once, too late or not at all become one reply, once."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults

from nexmo_twisted.domain.explain import reply_story
from nexmo_twisted.domain.model import (
    InboundSms,
    Part,
    Reply,
    Thread,
)
from nexmo_twisted.domain.results import (
    Closed,
    PartTaken,
)
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.schema import DAY, KEEP, PREFIX, F
from tests.factories import CONVERSATION, HANDSET, NUMBERS
from tests.inspector import K
from tests.store.cases import LEASE
from tests.support import StoreCase

OTHER = "12015550188"
WAIT, LONGEST = 60_000, 300_000
NAME = f"{HANDSET}:{NUMBERS[0]}:7:3"
TEXTS = ("Once upon a ti", "me there was", " an end.")
WHOLE = "".join(TEXTS)


class LongReplyCase(StoreCase):
    async def part(
        self,
        number: int,
        message_id: str = "",
        *,
        text: str | None = None,
        total: int = 3,
        reference: str = "7",
        handset: str = HANDSET,
        store: RedisStore | None = None,
    ) -> PartTaken:
        """Part ``number`` of a text comes; its messageId is ``id-<number>`` unless given."""
        text = TEXTS[number - 1] if text is None else text
        sms = InboundSms(message_id=message_id or f"id-{number}", msisdn=handset, to=NUMBERS[0], text=text)
        part = Part(reference, total, number)
        return await (store or self.store).receive_sms_part(sms, part, handset, NUMBERS[0], WAIT, LONGEST)

    async def plain(self, message_id: str, text: str, handset: str = HANDSET) -> str:
        return await self.store.receive_sms(
            InboundSms(message_id=message_id, msisdn=handset, to=NUMBERS[0], text=text), handset, NUMBERS[0]
        )

    async def replies(self) -> list[Reply]:
        return list((await self.store.claim_replies(5, LEASE)).items)

    async def posted(self) -> list[str]:
        """What is posted now, in that order."""
        texts = []
        while items := await self.replies():
            for item in items:
                texts.append(item.text)
                await self.store.complete(item, "posted")
        return texts

    async def close(self) -> Closed:
        return await self.store.close_parts(10)

    async def time_over(self) -> Closed:
        self.clock.advance(WAIT / 1000)
        return await self.close()


class WholeReplyTests(LongReplyCase):
    async def test_any_order(self) -> None:
        """Whatever the order, the last one makes one reply, in the order of the text."""
        for n, order in enumerate(((1, 2, 3), (3, 2, 1), (2, 3, 1))):
            taken = [await self.part(number, f"{n}-{number}") for number in order]
            self.assertEqual([each.outcome for each in taken], ["waiting", "waiting", "whole"])
            self.assertEqual([each.next for each in taken], [WAIT, WAIT, None])
            self.assertEqual(await self.posted(), [WHOLE])
            self.assertEqual(await self.redis("KEYS", f"{PREFIX}long*"), [])

    async def test_nothing_before(self) -> None:
        """Nothing is posted while parts may still come."""
        await self.part(1)
        await self.part(2)
        self.clock.advance(WAIT / 1000 - 0.001)
        self.assertEqual(await self.close(), Closed(0, 0, 1))
        self.assertEqual(await self.replies(), [])

    async def test_each_part_brings_time(self) -> None:
        """The time begins anew with each part; a repeated one brings none."""
        await self.part(1)
        self.clock.advance(50)
        await self.part(2)
        self.clock.advance(50)
        self.assertEqual((await self.part(2)).outcome, "known")
        self.assertEqual(await self.close(), Closed(0, 0, 10_000))
        self.assertEqual((await self.part(3)).outcome, "whole")

    async def test_not_for_ever(self) -> None:
        """Someone who sends a part every now and then is not waited for longer than five minutes in all."""
        for number in range(1, 7):
            taken = await self.part(number, text="x", total=20)
            self.clock.advance(50)
        self.assertEqual(taken.next, 50_000)
        self.assertEqual((await self.close()).torn, 1)

    async def test_repeated(self) -> None:
        """A repeated part changes nothing: while others are waited for, while the reply waits, once it is posted."""
        await self.part(1)
        await self.part(2)
        for number in (1, 2):
            self.assertEqual(await self.part(number, text="forged"), PartTaken("known", 0, None))
        await self.part(3)
        for number in (1, 2, 3):
            self.assertEqual((await self.part(number)).outcome, "known")
        self.assertEqual(await self.posted(), [WHOLE])
        for _ in range(4):
            for number in (1, 2, 3):
                self.assertEqual((await self.part(number)).outcome, "known")
                self.assertEqual("KNOWN", await self.plain(f"id-{number}", "again"))
            self.clock.advance(DAY / 1000)
        self.assertEqual(await self.posted(), [])

    async def test_remembered(self) -> None:
        """All its messageIds are remembered for longer than 73 hours, in which a signed webhook may be repeated."""
        for number in (1, 2, 3):
            await self.part(number)
        await self.posted()
        keys = await self.inspector.keys("in_item")
        self.assertEqual(len(keys), 3)
        for key in keys:
            self.assertGreater(await self.redis("PTTL", key), 73 * 3_600_000)

    async def test_one_of_one(self) -> None:
        """A long SMS of one part is whole at once."""
        self.assertEqual((await self.part(1, total=1)).outcome, "whole")
        self.assertEqual(await self.posted(), [TEXTS[0]])

    async def test_blank_parts(self) -> None:
        """A part may be blank or empty: it came."""
        await self.part(1, text="  ")
        await self.part(3, text="")
        await self.part(2, text="x")
        self.assertEqual(await self.posted(), ["  x"])

    async def test_255(self) -> None:
        """As many parts as there can be, of which all, and then all but one in two, come."""
        for number in range(255, 0, -1):
            await self.part(number, text=f"{number}.", total=255)
        (text,) = await self.posted()
        self.assertEqual(text, "".join(f"{number}." for number in range(1, 256)))
        for number in range(2, 256, 2):
            await self.part(number, f"again-{number}", text=f"{number}.", total=255)
        self.assertEqual((await self.time_over()).torn, 1)
        (text,) = await self.posted()
        self.assertEqual(text, "[...]" + "[...]".join(f"{number}." for number in range(2, 256, 2)) + "[...]")

    async def test_apart(self) -> None:
        """What differs in handset, reference or number of parts is another one."""
        await self.part(1)
        await self.part(2, "a", handset=OTHER)
        await self.part(2, "b", reference="8")
        await self.part(2, "c", total=2)
        self.assertEqual(await self.replies(), [])
        self.assertEqual((await self.time_over()).torn, 4)

    async def test_link_of_the_first(self) -> None:
        """It belongs to what its number carried when its first part came."""
        await self.carry("bob")
        await self.part(2)
        await self.carry("cleo")
        await self.part(1)
        await self.part(3)
        (item,) = await self.replies()
        self.assertEqual((item.thread, item.text), (Thread("bob", CONVERSATION), WHOLE))

    async def test_late_of_the_same_thread(self) -> None:
        """A part that comes late belongs to that, too, if its number carries the same thread still."""
        await self.carry("bob")
        await self.part(2)
        await self.time_over()
        await self.part(3)
        for _ in range(2):
            (item,) = await self.replies()
            self.assertEqual(item.thread, Thread("bob", CONVERSATION))
            await self.store.complete(item, "posted")

    async def test_reference_used_again(self) -> None:
        """When the number carries another thread by then, the part belongs to another reply, with the same reference,
        whose other parts are waited for."""
        await self.carry("bob")
        await self.part(1)
        await self.time_over()
        (torn,) = await self.replies()
        await self.store.complete(torn, "posted")
        await self.carry("cleo")
        for number in (2, 3, 1):
            self.assertEqual(
                (await self.part(number, f"second {number}")).outcome, "whole" if number == 1 else "waiting"
            )
        (item,) = await self.replies()
        self.assertEqual((item.thread, item.text), (Thread("cleo", CONVERSATION), WHOLE))

    async def carry(self, user: str) -> None:
        await self.redis("HSET", f"{K.handset}{HANDSET}", NUMBERS[0], f'["{user}","{CONVERSATION}",1,1]', F.version, 1)

    async def test_the_same_messageid(self) -> None:
        """Nexmo does not say whether every part has a messageId of its own: those that share one are parts as well."""
        for number in (2, 3, 2, 1):
            await self.part(number, "shared")
        self.assertEqual((await self.part(2, "shared")).outcome, "known")
        self.assertEqual(await self.posted(), [WHOLE])
        self.assertEqual((await self.part(1, "shared")).outcome, "known")


class ReplyOrderTests(LongReplyCase):
    async def test_place_of_its_first_part(self) -> None:
        """A long reply stands where its first part came, among those of its phone that wait."""
        await self.plain("a", "before")
        await self.part(3)
        await self.plain("b", "between")
        await self.part(1)
        await self.plain("c", "later")
        await self.part(2)
        self.assertEqual(await self.posted(), ["before", WHOLE, "between", "later"])

    async def test_blocks_nobody(self) -> None:
        """While parts are waited for, what else that phone writes is posted: the part may never come."""
        await self.part(1)
        await self.plain("a", "in between")
        self.assertEqual(await self.posted(), ["in between"])
        await self.part(2)
        await self.part(3)
        self.assertEqual(await self.posted(), [WHOLE])

    async def test_not_beside_another(self) -> None:
        """It is not posted beside a reply of that phone that is being posted, and comes next."""
        await self.part(1)
        await self.plain("a", "first")
        await self.plain("b", "second")
        (item,) = await self.replies()
        await self.part(2)
        await self.part(3)
        self.assertEqual(await self.replies(), [])
        await self.store.complete(item, "posted")
        self.assertEqual(await self.posted(), [WHOLE, "second"])

    async def test_age(self) -> None:
        """Its age counts from its first part."""
        await self.part(1)
        self.clock.advance(WAIT / 1000)
        await self.close()
        (item,) = await self.replies()
        self.assertEqual(item.waited, WAIT)


class MissingPartTests(LongReplyCase):
    async def test_gaps(self) -> None:
        """After the time what is there is posted in order, with [...] once for all that is missing between two."""
        for order, text in (
            ((1, 3), f"{TEXTS[0]}[...]{TEXTS[2]}"),
            ((3, 2), f"[...]{TEXTS[1]}{TEXTS[2]}"),
            ((1,), f"{TEXTS[0]}[...]"),
            ((2,), f"[...]{TEXTS[1]}[...]"),
        ):
            await self.redis("FLUSHALL")
            for number in order:
                await self.part(number)
            self.assertEqual(await self.time_over(), Closed(1, 0, None))
            (item,) = await self.replies()
            self.assertEqual(item.text, text)
            self.assertEqual((await self.close()).torn, 0)

    async def test_late(self) -> None:
        """A part that comes after that is a reply by itself, once."""
        await self.part(1)
        await self.part(3)
        await self.time_over()
        self.assertEqual(await self.posted(), [f"{TEXTS[0]}[...]{TEXTS[2]}"])
        self.clock.advance(3600)
        self.assertEqual((await self.part(2)).outcome, "late")
        for _ in range(3):
            self.assertEqual((await self.part(2)).outcome, "known")
            (item,) = await self.replies()
            self.assertEqual(item.text, TEXTS[1])
            await self.store.release(item)
        self.assertEqual(await self.posted(), [TEXTS[1]])
        self.assertEqual((await self.part(2)).outcome, "known")
        self.assertEqual(await self.redis("KEYS", f"{PREFIX}long*"), [])

    async def test_late_with_the_same_messageid(self) -> None:
        """Also when all parts share one messageId nothing is lost, and each is posted once, with a UUID of its own."""
        await self.part(2, "shared")
        await self.time_over()
        (first,) = await self.replies()
        await self.store.complete(first, "posted")
        uuids = {first.once}
        for number in (3, 1):
            self.assertEqual((await self.part(number, "shared")).outcome, "late")
            self.assertEqual((await self.part(number, "shared")).outcome, "known")
            (item,) = await self.replies()
            self.assertEqual(item.text, TEXTS[number - 1])
            uuids.add(item.once)
            await self.store.complete(item, "posted")
        self.assertEqual(len(uuids), 3)
        for number in (1, 2, 3):
            self.assertEqual((await self.part(number, "shared")).outcome, "known")

    async def test_late_ones_are_not_waited_for(self) -> None:
        """Each of several late ones is posted at once."""
        await self.part(2)
        await self.time_over()
        self.assertEqual(await self.posted(), [f"[...]{TEXTS[1]}[...]"])
        for number in (3, 1):
            self.assertEqual((await self.part(number)).outcome, "late")
            self.assertEqual(await self.posted(), [TEXTS[number - 1]])

    async def test_forgotten(self) -> None:
        """After 25 hours, in which Nexmo repeats what it could not deliver, its reference stands for nothing."""
        await self.part(1)
        await self.time_over()
        key = f"{K.long_reply}{NAME}"
        self.assertTrue(0 <= KEEP["late_parts"] - await self.redis("PTTL", key) < 60_000)
        self.assertNotIn(TEXTS[0], await self.redis("HVALS", key))

    async def test_nobody_closed_it(self) -> None:
        """With no process at work it is kept; what comes so much later is no part of it."""
        await self.part(1)
        self.assertGreater(await self.redis("PTTL", f"{K.long_reply}{NAME}"), 29 * DAY)
        self.clock.advance(LONGEST / 1000 + 1)
        self.assertEqual(await self.part(2), PartTaken("late", 1, None))
        self.assertEqual(await self.posted(), [f"{TEXTS[0]}[...]", TEXTS[1]])
        self.assertEqual(await self.close(), Closed(0, 0, None))

    async def test_not_closed_yet(self) -> None:
        """What comes when the time is over but nobody has looked yet, since Redis was away, say, is in time."""
        await self.part(1)
        await self.part(3)
        self.clock.advance(2 * WAIT / 1000)
        self.assertEqual((await self.part(2)).outcome, "whole")
        self.assertEqual(await self.posted(), [WHOLE])

    async def test_two_processes_close_it_once(self) -> None:
        """Whoever looks first closes it."""
        await self.part(1)
        self.clock.advance(WAIT / 1000)
        other = RedisStore(await self.connect(), await self.connect(), self.now)
        closing = [Deferred.fromCoroutine(store.close_parts(10)) for store in (self.store, other)]
        self.assertEqual(sum(closed.torn for closed in await gatherResults(closing)), 1)
        self.assertEqual(await self.posted(), [f"{TEXTS[0]}[...]"])

    async def test_some_at_a_time(self) -> None:
        """A look takes a bounded number, and says that there is more."""
        for n in range(5):
            await self.part(1, f"id-{n}", reference=str(n))
        self.clock.advance(WAIT / 1000)
        self.assertEqual(await self.store.close_parts(3), Closed(3, 0, 0))
        self.assertEqual(await self.store.close_parts(3), Closed(2, 0, None))


class ReusedReferenceTests(LongReplyCase):
    async def test_while_one_is_open(self) -> None:
        """The same part with another messageId: the old one is posted with what it has, a new one begins."""
        await self.part(1, "old-1")
        await self.part(2, "old-2")
        taken = await self.part(1, "new-1", text="Again ")
        self.assertEqual((taken.outcome, taken.torn, taken.next), ("waiting", 1, WAIT))
        self.assertEqual(await self.posted(), [f"{TEXTS[0]}{TEXTS[1]}[...]"])
        for number, text in ((3, "more"), (2, "and ")):
            await self.part(number, f"new-{number}", text=text)
        self.assertEqual(await self.posted(), ["Again and more"])
        self.assertEqual((await self.part(1, "old-1")).outcome, "known")

    async def test_order(self) -> None:
        """The new one comes after the old one."""
        await self.plain("a", "first")
        await self.part(1, "old-1", total=2)
        for number in (1, 2):
            await self.part(number, f"new-{number}", total=2)
        self.assertEqual(await self.posted(), ["first", f"{TEXTS[0]}[...]", f"{TEXTS[0]}{TEXTS[1]}"])

    async def test_after_a_whole_one(self) -> None:
        """A reference is used again after 255 others: nothing is left of the one before."""
        for n in range(3):
            for number in (1, 2, 3):
                await self.part(number, f"{n}-{number}")
        self.assertEqual(await self.posted(), [WHOLE] * 3)

    async def test_after_an_incomplete_one(self) -> None:
        """The same when parts of the one before are still missing: its own part says so."""
        await self.part(1, "old-1")
        await self.time_over()
        self.assertEqual(await self.part(1, "new-1"), PartTaken("waiting", 0, WAIT))
        for number in (2, 3):
            await self.part(number, f"new-{number}")
        self.assertEqual(await self.posted(), [f"{TEXTS[0]}[...]", WHOLE])


class SafetyTests(LongReplyCase):
    async def test_one_uuid(self) -> None:
        """It is posted with the UUID of the part that came first, whatever Redis forgets of those after it."""
        await self.part(2)
        dump = await self.redis("HGETALL", f"{K.long_reply}{NAME}")
        await self.part(3)
        await self.part(1)
        (item,) = await self.replies()
        await self.redis("FLUSHALL")
        await self.redis("HSET", f"{K.long_reply}{NAME}", *dump)
        await self.redis("ZADD", K.long_due, 1, NAME)
        await self.close()
        (again,) = await self.replies()
        self.assertEqual(again.text, f"[...]{TEXTS[1]}[...]")
        self.assertEqual((again.once, again.id), (item.once, item.id))
        await self.redis("FLUSHALL")
        await self.plain("id-2", TEXTS[1])
        self.assertEqual((await self.replies())[0].once, item.once)

    async def test_full(self) -> None:
        """Out of memory no part is taken, and none is half taken; what is there becomes a reply in its time."""
        await self.part(1)
        await self.part(1, "other", reference="8")
        before = await self.redis("KEYS", "*")
        await self.redis("CONFIG", "SET", "maxmemory", 1)
        self.addCleanup(self.redis, "CONFIG", "SET", "maxmemory", 0)
        for number, reference in ((2, "7"), (3, "9"), (2, "8")):
            with self.assertRaises(StoreUnavailable):
                await self.part(number, f"new-{reference}", reference=reference)
        with self.assertRaises(StoreUnavailable):
            await self.part(1, "new", reference="7")
        self.assertCountEqual(await self.redis("KEYS", "*"), before)
        self.assertEqual((await self.time_over()).torn, 2)
        self.assertEqual(await self.posted(), [f"{TEXTS[0]}[...]"] * 2)

    async def test_what_is_not_ours(self) -> None:
        """A record that nobody of ours wrote keeps no part from being stored."""
        await self.redis("HSET", f"{K.long_reply}{NAME}", f"{F.part_text}2", "rubbish", f"{F.part_id}2", "id-2")
        for number in (1, 2, 3):
            await self.part(number)
        self.assertEqual(await self.posted(), [WHOLE])

    async def test_bounded(self) -> None:
        """Of a part nothing is kept without an end."""
        for number in (1, 2):
            await self.part(number)
        for key in await self.redis("KEYS", f"{PREFIX}*"):
            if key not in (K.long_due, K.seq):
                self.assertGreater(await self.redis("PTTL", key), 0, key)

    async def test_why(self) -> None:
        """An operator can ask for every one of its messageIds."""
        operator = QueueAdmin(self.connection, self.now)

        async def story(number: int) -> str:
            found = await operator.inspect_reply(f"id-{number}")
            return "\n".join(reply_story(f"id-{number}", *found)) if found else ""

        await self.part(2)
        await self.part(1)
        for number in (1, 2):
            self.assertIn("waiting for the other parts", await story(number))
        self.assertEqual(await story(3), "")
        await self.part(3)
        for number in (1, 2, 3):
            self.assertIn("waiting for the first attempt", await story(number))
        await self.posted()
        for number in (1, 2, 3):
            self.assertIn(": posted", await story(number))


class DismissedSmsTests(LongReplyCase):
    async def test_recorded(self) -> None:
        """An SMS with nothing in it to post is recorded with the reason, once, for as long as other replies."""
        sms = InboundSms(message_id="id", msisdn=HANDSET, to=NUMBERS[0], text="", binary=True)
        self.assertTrue(await self.store.dismiss(sms, "binary"))
        self.assertFalse(await self.store.dismiss(sms, "blank"))
        self.assertEqual("KNOWN", await self.plain("id", "text"))
        (key,) = await self.inspector.keys("in_item")
        self.assertEqual(await self.redis("GET", key), "binary")
        self.assertGreater(await self.redis("PTTL", key), 73 * 3_600_000)
        await self.plain("other", "text")
        self.assertFalse(
            await self.store.dismiss(InboundSms(message_id="other", msisdn=HANDSET, to=NUMBERS[0], text=""), "blank")
        )
        self.assertEqual(await self.posted(), ["text"])


#: The texts of the parts of one long SMS.
PARTS = st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=6)


class AnyOrderTests(LongReplyCase):
    async def test_any_order_and_repetition(self) -> None:
        """The parts of several texts in any order, some repeated, at two processes at once: each text is posted once,
        whole, and stands where its first part came."""
        cases: list[tuple[list[list[str]], list[tuple[int, int]], list[int]]] = []

        @settings(deadline=None)
        @given(st.lists(PARTS, min_size=1, max_size=3), st.randoms(use_true_random=False))
        def collect(texts: list[list[str]], random: Random) -> None:
            parts = [(n, number) for n, text in enumerate(texts) for number in range(1, len(text) + 1)]
            parts += random.choices(parts, k=4)
            random.shuffle(parts)
            cases.append((texts, parts, [random.randint(0, 1) for _ in parts]))

        collect()
        stores = (self.store, RedisStore(await self.connect(), await self.connect(), self.now))
        for texts, parts, sides in cases:
            await self.redis("FLUSHALL")
            for (n, number), side in zip(parts, sides, strict=True):
                await self.part(
                    number,
                    f"{n}-{number}",
                    text=texts[n][number - 1],
                    total=len(texts[n]),
                    reference=str(n),
                    store=stores[side],
                )
            began = dict.fromkeys(n for n, _ in parts)
            self.assertEqual(await self.posted(), ["".join(texts[n]) for n in began])
            self.assertEqual(await self.time_over(), Closed(0, 0, None))
            self.assertEqual(await self.redis("KEYS", f"{PREFIX}long*"), [])

    async def test_side_by_side(self) -> None:
        """Two processes that are given parts, and look for what is overdue, at the same moment."""
        other = RedisStore(await self.connect(), await self.connect(), self.now)
        asked: list[Deferred[Any]] = []
        for n in range(20):
            for number in (3, 1, 2, 1):
                store = (self.store, other)[(n + number) % 2]
                taking = self.part(number, f"{n}-{number}", reference=str(n), store=store)
                asked.append(Deferred.fromCoroutine(taking))
            asked.append(Deferred.fromCoroutine(other.close_parts(5)))
        await gatherResults(asked)
        self.assertEqual(await self.posted(), [WHOLE] * 20)
