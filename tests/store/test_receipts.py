"""Delivery receipts in the store: found by either id, kept with the SMS, never going back; early ones wait."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.ids import short_sms_id
from nexmo_twisted.domain.model import (
    Asked,
    InboundSms,
    Notification,
    Status,
)
from nexmo_twisted.domain.results import Delivery, ItemState
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.providers.nexmo.receipt_codes import read_state
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.redis_inbox import EARLY_RECEIPTS
from nexmo_twisted.store.schema import DAY, KEEP, MINUTE
from tests.factories import HANDSET, NUMBERS, delivery_report, event, kept, uuid
from tests.inspector import K
from tests.store.cases import LEASE, SweepCase, UncertainCase
from tests.support import attempt, in_words, sent

#: The ids that Nexmo gave the three parts of an SMS.
PARTS = ("0A00000000000001", "0A00000000000002", "aaaaaaaa-bbbb-cccc-dddd-000000000003")
HOUR = 3600.0


class ReceiptCase(UncertainCase):
    async def accept(self, item: Notification, *ids: str) -> Delivery | None:
        record = f"sent {NUMBERS[0]} {short_sms_id(ids[0]) if ids else ''}"
        return await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), record, sent(*ids))

    async def sent(self, n: int = 1) -> Notification:
        """An SMS in three parts that Nexmo has accepted."""
        item = await self.sending(n)
        assert await self.accept(item, *PARTS)
        return item

    async def hear(
        self, status: str, part: str = PARTS[0], code: str = "0", ref: str = "", block: bool = True, to: str = HANDSET
    ) -> Delivery:
        return await self.store.record_receipt(delivery_report(ref, part, to, NUMBERS[0], status, code), block=block)

    async def outcome(self, n: int = 1) -> str:
        """What is remembered of Bob's text."""
        facts = await QueueAdmin(self.connection, self.now).inspect_message(uuid(n))
        return facts.outcomes.get("bob", "") if facts else ""

    async def said(self, n: int = 1) -> str:
        """What is kept of the receipts of message ``n``."""
        return (await self.outcome(n)).partition(" =")[2]

    async def parked(self) -> int:
        number: int = await self.redis("HLEN", K.early_receipts)
        return number


class FindSmsTests(ReceiptCase):
    async def test_by_reference(self) -> None:
        """By the client-ref, whatever the messageId."""
        item = await self.sent()
        heard = await self.hear("delivered", "what?", ref=item.id)
        self.assertEqual(
            heard, Delivery(message_id=uuid(1), ended=None, before=None, said=read_state("delivered", "0"))
        )
        self.assertEqual(await self.said(), "d")

    async def test_by_message_id(self) -> None:
        """Else by the messageId, of whichever part."""
        for n, part in enumerate(PARTS, 1):
            await self.redis("FLUSHALL")
            await self.sent(n)
            for ref in ("", "somebody else's"):
                self.assertEqual((await self.hear("delivered", part, ref=ref)).message_id, uuid(n))
            self.assertEqual(await self.said(n), "d")
            self.assertEqual(await self.parked(), 0)

    async def test_whose(self) -> None:
        """It is kept with the recipient it is about."""
        await self.owe(1, "bob", "cleo")
        for item in await self.claim():
            await self.begin(item, {"bob": HANDSET, "cleo": "12015550198"}[item.user_id])
            await self.accept(item, f"id of {item.user_id}")
        await self.hear("failed", "id of cleo", "6")
        self.assertEqual(await self.said(), "")
        await self.hear("delivered", "id of bob")
        self.assertEqual(await self.said(), "d")

    async def test_any_id(self) -> None:
        """Ids of any message and user are found again."""
        for n in range(40):
            await self.redis("FLUSHALL")
            user, number = f"user {n} é", 7**n * 10**5
            await self.owe(number, user)
            (item,) = await self.claim()
            await self.begin(item)
            await self.accept(item, f"id {n}")
            self.assertEqual((await self.hear("delivered", f"id {n}")).message_id, uuid(number))

    async def test_for_four_days(self) -> None:
        """As long as what became of the message is kept, and no longer."""
        self.clock.advance(HOUR - self.clock.seconds() % HOUR - 0.5)  # the end of an hour
        await self.sent()
        self.assertEqual((await self.hear("buffered", PARTS[1])).message_id, uuid(1))
        self.clock.advance(KEEP["closed"] / 1000 - 1)
        self.assertEqual((await self.hear("expired", PARTS[1])).message_id, uuid(1))
        for key in await self.inspector.keys("sms"):
            self.assertTrue(KEEP["closed"] - MINUTE < await self.redis("PTTL", key) <= KEEP["closed"], key)
        self.clock.advance(2 * HOUR)
        self.assertEqual((await self.hear("expired", PARTS[1])).message_id, "")

    async def test_an_hour_later(self) -> None:
        """The SMS of another hour are not mistaken for it."""
        await self.sent(1)
        self.clock.advance(HOUR)
        item = await self.sending(2)
        await self.accept(item, "another")
        self.assertEqual((await self.hear("delivered", "another")).message_id, uuid(2))
        self.assertEqual((await self.hear("delivered", PARTS[2])).message_id, uuid(1))

    async def test_sent_again(self) -> None:
        """An SMS that was accepted twice, under two ids, is found by both."""
        item = await self.sent()
        self.assertEqual(await self.accept(item, "another"), None)
        self.assertEqual((await self.hear("delivered", "another")).message_id, uuid(1))
        self.assertEqual((await self.hear("delivered", PARTS[0])).message_id, uuid(1))

    async def test_deleted(self) -> None:
        """Of a message that is deleted while its SMS is on its way, too."""
        item = await self.sending()
        await self.store.record_event(event("deleted", uuid(1)), 0)
        await self.accept(item, *PARTS)
        self.assertEqual(kept((await self.hear("failed", PARTS[1], "6")).said), "f6")
        self.assertEqual(await self.said(), "f6")

    async def test_given_up(self) -> None:
        """A receipt of an SMS that was given up as uncertain is kept with it."""
        item = await self.uncertain()
        self.clock.advance(600)
        await self.settle("drop")
        self.assertEqual(kept((await self.hear("delivered", ref=item.id)).said), "d")
        self.assertTrue((await self.outcome()).startswith("uncertain dropped @"))
        self.assertEqual(await self.said(), "d")

    async def test_of_nobody(self) -> None:
        """One of an SMS that nobody knows changes nothing; neither does one of a text that was not tried yet."""
        await self.owe()
        (item,) = await self.claim()
        for ref in ("", item.id, item.id.upper(), "nobody", "x.y", ".", "a.48181acd22b3", "\u2028", "é" * 50):
            self.assertEqual(
                await self.hear("failed", code="9", ref=ref),
                Delivery(message_id="", ended=None, before=None, said=None),
            )
        self.assertEqual(await self.state(item), "C")
        self.assertEqual(await self.inspector.keys("opted_out"), [])

    async def test_notice(self) -> None:
        """A text of our own has receipts as well."""
        for n, ref in enumerate((True, False)):
            asks = InboundSms(message_id=f"in {n}", msisdn=f"{HANDSET}{n}", to=NUMBERS[0], text="Help")
            await self.store.receive_sms(asks, asks.msisdn, NUMBERS[0], Asked("help", "We help."))
            (item,) = await self.claim()
            self.assertEqual(in_words(await self.store.begin_auto_reply(item, LEASE)), "OK")
            await self.store.record_accepted(item, attempt(HANDSET, NUMBERS[0]), "sent x y", sent("its id"))
            for status, said in (("failed", "f"), ("buffered", "f")):
                heard = await self.hear(status, "its id", ref=item.id if ref else "")
                self.assertEqual((heard.message_id, kept(heard.said)), (item.id, said))
            self.assertEqual(await self.redis("GET", f"{K.out_item}{item.id}"), "sent x y =f")
            self.assertGreater(await self.redis("PTTL", f"{K.out_item}{item.id}"), 3 * DAY)


class KeepReceiptTests(ReceiptCase):
    async def test_never_back(self) -> None:
        """A final state never goes back, and one part's failure outweighs another's delivery."""
        words = ("accepted", "buffered", "unknown", "delivered", "expired", "failed", "rejected")
        for n, (one, other) in enumerate(product(words, words), 1):
            await self.redis("FLUSHALL")
            await self.sent(n)
            await self.hear(one, PARTS[0])
            heard = await self.hear(other, PARTS[1])
            first, last = (read_state(word, "0").kept for word in (one, other))
            self.assertEqual((kept(heard.before), kept(heard.said)), (first, max(first, last)))
            self.assertEqual(await self.said(n), max(first, last), (one, other))

    async def test_codes(self) -> None:
        """Of two failures alike, that with the greater code; that somebody opted out outweighs all."""
        await self.sent()
        for code, said in (("0", "f"), ("6", "f6"), ("99", "f99"), ("6", "f99"), ("9", "s9"), ("99", "s9")):
            self.assertEqual(kept((await self.hear("failed", code=code)).said), said)
        self.assertEqual(kept((await self.hear("rejected", code="11")).said), "s9")

    async def test_with_the_outcome(self) -> None:
        """It stands behind what became of the text, and when; the record ends when it would have."""
        item = await self.sent()
        (key,) = await self.inspector.keys("message")
        await self.redis("PEXPIRE", key, 5000)
        await self.hear("failed", PARTS[2], "6", ref=item.id)
        self.assertEqual(await self.outcome(), f"sent {NUMBERS[0]} {PARTS[0]} @1 =f6")
        self.assertTrue(0 < await self.redis("PTTL", key) <= 5000)

    async def test_with_another_still_open(self) -> None:
        """So it is when another recipient's text of the same message is not settled."""
        await self.owe(1, "bob", "cleo")
        bob, cleo = sorted(await self.claim(), key=lambda item: item.user_id)
        await self.begin(bob)
        await self.accept(bob, *PARTS)
        await self.hear("delivered")
        self.assertEqual((await self.said(), await self.state(cleo)), ("d", "C"))
        await self.store.complete(cleo, "no_phone")
        self.assertEqual(await self.said(), "d")

    async def test_any_order(self) -> None:
        """Whatever the order and repetition of the receipts of three parts, with or without the reference, before the
        answer of the send request or after it: what they come to is the same."""
        words = st.sampled_from(("accepted", "Buffered", "delivered", "failed", "rejected", "expired", "unknown", "?"))
        heard = st.builds(
            _Heard, words, st.sampled_from(PARTS), st.sampled_from(("0", "6", "9", "99", "")), st.booleans()
        )
        cases: list[tuple[list[_Heard], list[_Heard]]] = []

        @settings(max_examples=80, database=None, deadline=None)
        @given(st.lists(heard, min_size=1, max_size=6), st.integers(0, 6), st.randoms(use_true_random=False))
        def collect(some: list[_Heard], early: int, random: Random) -> None:
            every = some + random.choices(some, k=2)
            random.shuffle(every)
            cases.append((every[:early], every[early:]))

        collect()
        for n, (early, late) in enumerate(cases, 1):
            await self.redis("FLUSHALL")
            item = await self.sending(n)
            for each in early:
                await self._hear(item, each)
            await self.accept(item, *PARTS)
            for each in late:
                await self._hear(item, each)
            all_said = {each.receipt("").state.kept for each in (*early, *late)}
            weightiest = max(all_said, key=lambda said: (said[0], int(said[1:] or 0)))
            self.assertEqual(await self.said(n), weightiest, (early, late))
            blocked = await self.redis("EXISTS", f"{K.opted_out}{HANDSET}")
            self.assertEqual(bool(blocked), weightiest[0] == "s", (early, late))
            self.assertEqual((await self.parked(), await self.inspector.keys("out_item")), (0, []))

    async def _hear(self, item: Notification, each: _Heard) -> None:
        await self.store.record_receipt(each.receipt(item.id if each.named else ""), block=True)


@dataclass(frozen=True)
class _Heard:
    """One receipt: its word, which part it is of, its code, and whether it names the SMS."""

    status: str
    part: str
    code: str
    named: bool

    def receipt(self, ref: str) -> DeliveryReport:
        return delivery_report(ref, self.part, HANDSET, NUMBERS[0], self.status.lower(), self.code)


class EarlyReceiptTests(ReceiptCase):
    async def test_waits_for_the_answer(self) -> None:
        """A receipt that comes before anybody knows the id of its SMS is heard when the answer tells it."""
        item = await self.sending()
        for status, part in (("buffered", PARTS[1]), ("failed", PARTS[1]), ("delivered", PARTS[0])):
            self.assertEqual(
                await self.hear(status, part, "6"), Delivery(message_id="", ended=None, before=None, said=None)
            )
        self.assertEqual(await self.state(item), "S")
        self.assertEqual(
            await self.accept(item, *PARTS),
            Delivery(message_id=uuid(1), ended=ItemState.SENDING, before=None, said=read_state("failed", "6")),
        )
        self.assertEqual((await self.said(), await self.parked()), ("f6", 0))

    async def test_none(self) -> None:
        """Normally there are none."""
        self.assertEqual(
            await self.accept(await self.sending(), *PARTS),
            Delivery(message_id=uuid(1), ended=ItemState.SENDING, before=None, said=None),
        )
        self.assertEqual(await self.said(), "")

    async def test_beside_one_that_was_known(self) -> None:
        """One part's receipt names the SMS and is heard at once, another's does not and waits."""
        item = await self.sending()
        await self.hear("failed", PARTS[1], "6")
        self.assertEqual((await self.hear("delivered", PARTS[0], ref=item.id)).ended, "S")
        self.assertEqual(await self.accept(item, *PARTS), None)
        self.assertEqual((await self.said(), await self.parked()), ("f6", 0))

    async def test_ten_minutes(self) -> None:
        """It waits for ten minutes."""
        for n, (seconds, said) in enumerate(((600, "d"), (601, "")), 1):
            await self.hear("delivered", f"id {n}")
            item = await self.sending(n)
            self.clock.advance(seconds - 0.001)
            await self.accept(item, f"id {n}")
            self.assertEqual(await self.said(n), said)
        self.assertTrue(0 < await self.redis("PTTL", K.early_receipts) <= KEEP["early_receipts"])

    async def test_bounded(self) -> None:
        """A flood of receipts that nobody knows takes a bounded room, and the newest are kept."""
        await self.hear("delivered", "first")
        for n in range(EARLY_RECEIPTS + 50):
            self.clock.advance(0.001)
            await self.hear("delivered", f"id {n}")
            await self.hear("failed", f"id {n}")
        self.assertEqual(await self.parked(), EARLY_RECEIPTS)
        for n, (part, said) in enumerate(
            (("first", ""), ("id 49", ""), ("id 50", "f"), (f"id {EARLY_RECEIPTS + 49}", "f")), 1
        ):
            item = await self.sending(n)
            await self.accept(item, part)
            self.assertEqual(await self.said(n), said, part)

    async def test_without_any_id(self) -> None:
        """One that names a reference of nobody and no id cannot wait for anything."""
        await self.hear("delivered", "", ref="nobody")
        self.assertEqual(await self.parked(), 0)

    async def test_more_parts_than_there_should_be(self) -> None:
        """Of an endless list of ids the first ten are known."""
        item = await self.sending()
        await self.accept(item, *(f"id {n}" for n in range(1000)))
        self.assertEqual((await self.hear("delivered", "id 9")).message_id, uuid(1))
        self.assertEqual((await self.hear("delivered", "id 10")).message_id, "")

    async def test_full(self) -> None:
        """When Redis takes nothing new, what is in it is finished all the same; a receipt has to come again."""
        item = await self.sending()
        await self.redis("CONFIG", "SET", "maxmemory", 1)
        self.addCleanup(self.redis, "CONFIG", "SET", "maxmemory", 0)
        self.assertTrue(await self.accept(item, *PARTS))
        self.assertEqual(await self.accept(item, *PARTS), None)
        for part in (PARTS[0], "unknown"):
            with self.assertRaises(StoreUnavailable):
                await self.hear("delivered", part)


class OptedOutReceiptTests(ReceiptCase):
    async def blocked(self) -> list[str]:
        keys: list[str] = await self.inspector.keys("opted_out")
        return keys

    async def test_blocks(self) -> None:
        """Whoever has opted out, as the receipt says, is blocked, with the time; for good."""
        for n, ref in enumerate((True, False), 1):
            await self.redis("FLUSHALL")
            item = await self.sent(n)
            await self.hear("failed", code="9", ref=item.id if ref else "")
            self.assertEqual(await self.redis("GET", f"{K.opted_out}{HANDSET}"), f"receipt {self.now()}")
            self.assertEqual(await self.redis("PTTL", f"{K.opted_out}{HANDSET}"), -1)

    async def test_while_it_is_sent(self) -> None:
        """So it is when the receipt is faster than the answer, in either way."""
        item = await self.sending(1)
        await self.hear("rejected", code="9", ref=item.id)
        self.assertEqual(await self.blocked(), [f"{K.opted_out}{HANDSET}"])
        await self.redis("FLUSHALL")
        item = await self.sending(2)
        await self.hear("rejected", code="9")
        await self.hear("delivered", code="9", to="12015550188")
        self.assertEqual(await self.blocked(), [])
        await self.accept(item, *PARTS)
        self.assertEqual(await self.blocked(), [f"{K.opted_out}{HANDSET}"])

    async def test_not_asked_for(self) -> None:
        """Where opting out is nobody's business here the receipt is kept like any other."""
        await self.sent()
        await self.hear("failed", code="9", block=False)
        self.assertEqual((await self.blocked(), await self.said()), ([], "s9"))
        item = await self.sending(2)
        await self.hear("failed", "early", "9", block=False)
        await self.accept(item, "early")
        self.assertEqual(await self.blocked(), [])

    async def test_other_codes(self) -> None:
        """Nothing else blocks anybody."""
        item = await self.sent()
        for status, code in product(("failed", "rejected", "expired", "unknown"), ("0", "3", "4", "53", "99", "")):
            await self.hear(status, code=code, ref=item.id)
        await self.hear("delivered", code="9", ref=item.id)
        self.assertEqual(await self.blocked(), [])

    async def test_only_whom_we_have_texted(self) -> None:
        """A receipt of our SMS blocks the handset that this was sent to, whichever it names."""
        for to in ("12015550188", "", "VONAGE", "é" * 20):
            item = await self.sent()
            await self.hear("failed", code="9", ref=item.id, to=to)
            self.assertEqual(await self.blocked(), [f"{K.opted_out}{HANDSET}"])
            await self.redis("FLUSHALL")

    async def test_once(self) -> None:
        """Whoever comes back is not blocked again by a receipt of before, repeated or of another part."""
        await self.sent()
        await self.hear("failed", PARTS[0], "9")
        await self.redis("DEL", f"{K.opted_out}{HANDSET}")
        for part in PARTS:
            await self.hear("failed", part, "9")
        self.assertEqual(await self.blocked(), [])
        item = await self.sending(2)
        await self.accept(item, "a later one")
        await self.hear("failed", "a later one", "9")
        self.assertEqual(await self.blocked(), [f"{K.opted_out}{HANDSET}"])

    async def test_since_when(self) -> None:
        """The block keeps the time and the reason it began with."""
        await self.sent()
        await self.redis("SET", f"{K.opted_out}{HANDSET}", "sms 1")
        await self.hear("failed", code="9")
        self.assertEqual(await self.redis("GET", f"{K.opted_out}{HANDSET}"), "sms 1")


class SweepReceiptTests(SweepCase, ReceiptCase):
    async def test_nothing(self) -> None:
        """The sweep finds nothing amiss in it."""
        await self.sent(1)
        await self.hear("delivered", PARTS[1])
        await self.hear("delivered", "unknown")
        self.assertEqual(await self.sweep(), {})

    async def test_expiries(self) -> None:
        """Of what should end and would not, the end is set."""
        await self.sent(1)
        await self.hear("delivered", "unknown")
        keys = [*await self.inspector.keys("sms"), K.early_receipts]
        for key in keys:
            await self.redis("PERSIST", key)
        await self.assert_repairs(expiry=len(keys))
        self.assertTrue(0 < await self.redis("PTTL", K.early_receipts) <= KEEP["early_receipts"])

    async def test_read_meanwhile(self) -> None:
        """A receipt does not bring anything back to life."""
        item = await self.sent(1)
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        await self.hear("failed", ref=item.id)
        self.assertEqual((await self.claim(), await self.redis("ZCARD", K.out_queue)), ([], 0))
        self.assertEqual(await self.sweep(), {})
