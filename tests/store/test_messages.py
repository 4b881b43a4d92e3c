"""Messages in the store: statuses only rise, only message.sent gives a due time, done stays done."""

from __future__ import annotations

from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from nexmo_twisted.domain.ids import message_key, uuid_of_key
from nexmo_twisted.domain.model import ChatEvent, Status
from nexmo_twisted.platforms.layer.events import LayerEvent
from nexmo_twisted.platforms.layer.message_codec import unpack
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.redis_store import RedisStore
from tests.factories import API_ROOT, CONVERSATION_UUID, MESSAGE_UUID, REPORT, documented, event
from tests.support import StoreCase

DELAY = 600_000


class RecordEventTests(StoreCase):
    async def record(self, *events: ChatEvent) -> list[int | None]:
        return [await self.store.record_event(e, DELAY) for e in events]

    async def texted(self) -> list[str]:
        """Who is owed an SMS once the delay is over."""
        self.clock.advance(DELAY / 1000)
        await self.store.promote(200, REPORT)
        items = (await self.store.claim_notifications(50, 1000)).items
        return sorted(item.user_id for item in items if not item.gone)

    async def test_due(self) -> None:
        """A sent message falls due one delay after its arrival, whenever it says it was sent."""
        self.assertEqual(await self.record(event("sent", bob=Status.SENT)), [DELAY])
        self.assertEqual((await self.store.promote(200, REPORT)).messages, 0)
        self.clock.advance(DELAY / 1000 - 0.001)
        self.assertEqual((await self.store.promote(200, REPORT)).next, 1)
        self.clock.advance(0.001)
        done = await self.store.promote(200, REPORT)
        self.assertEqual((done.messages, done.notifications, done.next), (1, 1, None))

    async def test_recipients(self) -> None:
        """Everyone but the sender whose status justifies a text is a recipient, once."""
        await self.record(event("sent", bob=Status.SENT, cleo=Status.DELIVERED, dan=Status.READ))
        self.assertEqual(await self.texted(), ["bob", "cleo"])
        self.assertEqual((await self.store.promote(200, REPORT)).messages, 0)

    async def test_only_wanted_statuses(self) -> None:
        """With report_on_status = ["sent"], a delivered message is left alone."""
        await self.record(event("sent", bob=Status.SENT, cleo=Status.DELIVERED))
        self.clock.advance(DELAY / 1000)
        self.assertEqual((await self.store.promote(200, [Status.SENT])).notifications, 1)

    async def test_statuses_never_fall(self) -> None:
        """A late delivered does not undo a read."""
        await self.record(event("sent", bob=Status.SENT), event("read", bob=Status.READ))
        await self.record(event("delivered", bob=Status.DELIVERED))
        self.assertEqual(await self.texted(), [])

    async def test_early_statuses_are_joined(self) -> None:
        """A read that comes before its message is kept for it."""
        self.assertEqual(await self.record(event("read", bob=Status.READ)), [None])
        self.assertEqual(await self.record(event("sent", bob=Status.SENT, cleo=Status.SENT)), [DELAY])
        self.assertEqual(await self.texted(), ["cleo"])

    async def test_early_statuses_are_kept_for_a_day(self) -> None:
        """Statuses without a message are no more than a day's rubbish."""
        await self.record(event("read", bob=Status.READ))
        (key,) = await self.inspector.keys("message")
        self.assertTrue(86_340_000 < await self.redis("PTTL", key) <= 86_400_000)

    async def test_statuses_alone_text_nobody(self) -> None:
        """Events of an unknown message never lead to a text."""
        await self.record(event("delivered", bob=Status.DELIVERED), event("read", cleo=Status.READ))
        self.assertEqual(await self.texted(), [])

    async def test_repeated_sent(self) -> None:
        """Layer repeats an event it has no answer to: the due time stays that of the first."""
        await self.record(event("sent", bob=Status.SENT))
        self.clock.advance(100)
        self.assertEqual(await self.record(event("sent", bob=Status.SENT)), [DELAY - 100_000])

    async def test_done_stays_done(self) -> None:
        """A repeated sent of a message that was dealt with texts nobody again, for days."""
        await self.record(event("sent", bob=Status.READ))
        self.assertEqual(await self.texted(), [])
        self.clock.advance(3 * 86_400)
        self.assertEqual(await self.record(event("read", bob=Status.READ)), [None])
        self.assertEqual(await self.record(event("sent", bob=Status.SENT)), [None])
        self.assertEqual(await self.texted(), [])

    async def test_deleted(self) -> None:
        """A deleted message texts nobody, also when the deletion comes first."""
        other = "00000000-0000-4000-8000-000000000001"
        await self.record(event("sent", bob=Status.SENT), event("deleted"))
        await self.record(event("deleted", other), event("sent", other, bob=Status.SENT))
        self.assertEqual(await self.texted(), [])

    async def test_read_after_the_delay(self) -> None:
        """A read between due and the SMS reaches the claimed notification."""
        await self.record(event("sent", bob=Status.SENT))
        self.clock.advance(DELAY / 1000)
        await self.store.promote(200, REPORT)
        await self.record(event("read", bob=Status.READ))
        (item,) = (await self.store.claim_notifications(5, 1000)).items
        self.assertEqual(item.statuses["bob"], Status.READ)

    async def test_many_recipients(self) -> None:
        """One look makes about two thousand notifications, so that Redis is never busy with it for long; the others are
        made by the next look, which is due at once."""
        users = {f"user{n}": Status.SENT for n in range(300)}
        for n in range(10):
            sent = event("sent", str(UUID(int=n, version=4)), **users)
            await self.store.record_event(sent, 0)
        first = await self.store.promote(200, REPORT)
        self.assertEqual((first.messages, first.notifications, first.next), (7, 2100, 0))
        second = await self.store.promote(200, REPORT)
        self.assertEqual((second.messages, second.notifications, second.next), (3, 900, None))

    async def test_message_survives(self) -> None:
        """The claimed notification rebuilds the documented message, with the statuses known by now."""
        sent = event("sent", **{"12345": Status.READ, "999": Status.SENT, "111": Status.DELIVERED})
        await self.record(
            LayerEvent(
                kind="sent", message_id=MESSAGE_UUID, sender="12345", statuses=sent.statuses, message=documented()
            ).chat_event(API_ROOT)
        )
        self.clock.advance(DELAY / 1000)
        await self.store.promote(200, REPORT)
        items = (await self.store.claim_notifications(5, 1000)).items
        item = items[0]
        message = unpack(item.payload, item.message_id, item.conversation_id, item.sender, item.statuses, API_ROOT)
        expected = documented()
        expected["recipient_status"] |= {"111": "delivered", "ann": "read"}
        self.assertEqual(message, expected)

    async def test_opaque_ids(self) -> None:
        """Whatever a platform calls its messages and conversations, a claim brings it, and what is known of a message
        is found by that name, also when it is closed."""
        statuses = {"ann": Status.READ, "bob": Status.SENT}
        admin = QueueAdmin(self.connection, self.now, conversation_prefix="room ")
        names = (
            ("$ev:x", "room 7/alpha"),
            ("1", f"room {CONVERSATION_UUID}"),
            (MESSAGE_UUID, "exactly15 bytes"),
            (MESSAGE_UUID.upper(), "="),
            ("é" * 127, "é" * 127),
        )
        for message, conversation in names:
            await self.redis("FLUSHALL")
            self.store = RedisStore(self.connection, self.connection, self.now, conversation_prefix="room ")
            await self.record(ChatEvent(kind="read", message_id=message, sender="ann", statuses={"cleo": Status.READ}))
            await self.record(
                ChatEvent(
                    kind="sent",
                    message_id=message,
                    sender="ann",
                    statuses=statuses,
                    conversation_id=conversation,
                    payload="anything",
                )
            )
            self.clock.advance(DELAY / 1000)
            await self.store.promote(200, REPORT)
            (item,) = (await self.store.claim_notifications(5, 1000)).items
            self.assertEqual((item.message_id, item.conversation_id, item.payload), (message, conversation, "anything"))
            for closed in ("", "done"):
                for name in (message, uuid_of_key(message_key(message))):
                    facts = await admin.inspect_message(name)
                    assert facts is not None
                    self.assertEqual(
                        (facts.message_id, facts.conversation, facts.closed), (message, conversation, closed)
                    )
                await self.store.complete(item, "blank")

    async def test_a_check_without_its_message(self) -> None:
        """A due entry whose record is gone is dropped and counted."""
        await self.record(event("sent", bob=Status.SENT))
        (key,) = await self.inspector.keys("message")
        await self.redis("DEL", key)
        self.clock.advance(DELAY / 1000)
        self.assertEqual((await self.store.promote(200, REPORT)).orphans, 1)

    async def test_an_undecodable_record(self) -> None:
        """A record that is none harms nobody: the script goes on with the others."""
        other = "00000000-0000-4000-8000-000000000001"
        await self.record(event("sent", bob=Status.SENT))
        (key,) = await self.inspector.keys("message")
        await self.redis("SET", key, "\x00junk")
        await self.record(event("sent", other, bob=Status.SENT))
        self.clock.advance(DELAY / 1000)
        done = await self.store.promote(200, REPORT)
        self.assertEqual((done.orphans, done.notifications), (1, 1))

    async def test_any_order(self) -> None:
        """Whatever the order and number of the events before the due time, the same people are texted."""
        users = ["bob", "cleo", "dan"]
        kinds = ["delivered", "read"]
        events = st.lists(st.tuples(st.sampled_from(kinds), st.sampled_from(users)), max_size=6).map(
            lambda pairs: [event(k, **{u: Status[k.upper()]}) for k, u in pairs]
        )

        cases: list[list[ChatEvent]] = []

        @settings(max_examples=60, database=None, deadline=None)
        @given(events, st.booleans(), st.randoms(use_true_random=False))
        def collect(some: list[ChatEvent], deleted: bool, random: Random) -> None:
            sent = event("sent", bob=Status.SENT, cleo=Status.SENT, dan=Status.SENT)
            every = [sent, *some, *([event("deleted")] if deleted else [])]
            every += random.choices(every, k=3)
            random.shuffle(every)
            cases.append(every)

        collect()
        for every in cases:
            await self.redis("FLUSHALL")
            await self.record(*every)
            read = {u for e in every if e.kind == "read" for u, s in e.statuses.items() if s is Status.READ}
            gone = any(e.kind == "deleted" for e in every)
            self.assertEqual(await self.texted(), [] if gone else sorted({*users} - read), every)
