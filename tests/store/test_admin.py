"""What an operator asks Redis: what was set aside, trying it again, and what is known of a message or reply."""

from __future__ import annotations

from collections.abc import Sequence

from nexmo_twisted.domain.ids import message_key
from nexmo_twisted.domain.inspection import MessageReport
from nexmo_twisted.domain.model import Asked, InboundSms, Notification, Status
from nexmo_twisted.store.admin import Redrive, Redriven
from nexmo_twisted.store.schema import DAY
from tests.factories import CONVERSATION, NUMBERS, REPORT, delivery_report, event, uuid
from tests.inspector import K
from tests.store.cases import LEASE, AdminCase
from tests.support import attempt, sent

GIVE_UP = DAY


class ListDeadLettersTests(AdminCase):
    async def test_oldest_first(self) -> None:
        """Dead letters and what is uncertain, each once, the oldest first; what waits is not among it."""
        first, second, third = await self.uncertain(1), await self.dead_letter(2), await self.dead_letter(3)
        await self.owe(4)
        self.assertEqual(await self.operator.aside("out"), [first.id, second.id, third.id])
        self.assertEqual(await self.operator.aside("in"), [])

    async def test_thousands(self) -> None:
        """However many there are, none is missed."""
        await self.redis("EVAL", "for i = 1, 5000 do redis.call('ZADD', KEYS[1], 5000 - i, 'r' .. i) end", 1, K.in_dead)
        self.assertEqual(await self.operator.aside("in"), [f"r{n}" for n in range(5000, 0, -1)])
        self.assertEqual(len(await self.operator.inspect_items("in", await self.operator.aside("in"))), 5000)

    async def test_entries(self) -> None:
        """Who, from which number, since when, how often tried and why; of a reply never its text."""
        item, reply = await self.uncertain(), await self.reply()
        await self.store.set_aside(reply, "conversation_gone: deleted", uncertain=False)
        (text,) = await self.operator.inspect_items("out", [item.id])
        self.assertEqual((text.state, text.message_id, text.user, text.attempts), ("U", uuid(1), "bob", 1))
        self.assertEqual((text.number, text.handset, text.reason), (NUMBERS[0], "12015550198", "no answer"))
        self.assertEqual(text.since, int(self.now()))
        (answer,) = await self.operator.inspect_items("in", [reply.id])
        self.assertEqual((answer.state, answer.message_id, answer.user), ("D", "0A0000000123ABCD1", ""))
        self.assertEqual([each.user_id for each in answer.candidates], ["bob"])  # his SMS may not have come
        self.assertNotIn("Yes!", repr(answer))

    async def test_gone(self) -> None:
        """What is listed although nothing of it is left is empty."""
        await self.redis("ZADD", K.out_dead, 1, "nothing.at.all")
        (entry,) = await self.operator.inspect_items("out", await self.operator.aside("out"))
        self.assertEqual((entry.stored, entry.done), (False, ""))


class RedriveTests(AdminCase):
    async def test_dead_letter(self) -> None:
        """A dead letter that is redriven is claimed at once, as if it had never been tried, and is no longer listed;
        neither it nor its message ends by itself."""
        item = await self.dead_letter()
        self.assertEqual(await self.redrive(item), ["DONE"])
        self.assertEqual(await self.operator.aside("out"), [])
        for key in (f"{K.out_item}{item.id}", *await self.inspector.keys("message")):
            self.assertEqual(await self.redis("PTTL", key), -1, key)
        (again,) = await self.claim()
        self.assertEqual((again.id, again.attempts, again.introduction_failures), (item.id, 0, 0))
        self.assertEqual(await self.begin(again), "OK")
        await self.store.record_accepted(again, attempt("12015550198", NUMBERS[0]), f"sent {NUMBERS[0]} abc", sent())
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        self.assertEqual((facts.closed, list(facts.outcomes)), ("done", ["bob"]))

    async def test_a_new_start(self) -> None:
        """What was given up as too late has all its time again, and that stands still while sending is suspended, as
        ever; so has a reply."""
        item, reply = await self.dead_letter(1, "too_late: not sent in time"), await self.reply()
        await self.store.set_aside(reply, "too_late: not posted in time", uncertain=False)
        self.clock.advance(2 * GIVE_UP / 1000)
        self.assertEqual(await self.redrive(item) + await self.redrive(reply), ["DONE", "DONE"])
        self.clock.advance(1)
        (again,) = await self.claim()
        self.assertEqual(again.waited, 1000)
        await self.store.suspend_sending(again, "status 9: no credit left")
        self.clock.advance(GIVE_UP / 1000)
        (probe,) = await self.claim()
        self.assertEqual(probe.waited, 1000)
        (answer,) = (await self.store.claim_replies(1, LEASE)).items
        self.assertLessEqual(answer.waited, GIVE_UP)

    async def test_held_before(self) -> None:
        """Holds of long ago do not count for it, nor against it."""
        item = await self.sending()
        await self.store.suspend_sending(item, "status 9: no credit left")
        self.clock.advance(3600)
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item), "OK")
        await self.store.set_aside(item, "refused", uncertain=False)
        (other,) = [await self._released()]
        self.assertEqual(await self.redrive(item), ["DONE"])
        self.clock.advance(5)
        self.assertEqual([(each.id, each.waited) for each in await self.claim()], [(item.id, 5000)])
        self.assertNotEqual(other.id, item.id)

    async def _released(self) -> Notification:
        """Another user's text was accepted, which ends the hold."""
        await self.owe(9, "zoe")
        self.clock.advance(60)
        (item,) = await self.claim()
        self.assertEqual(await self.begin(item, "12015550198"), "OK")
        await self.store.record_accepted(item, attempt("12015550198", NUMBERS[0]), f"sent {NUMBERS[0]} abc", sent())
        return item

    async def test_uncertain(self) -> None:
        """What may have been sent only goes out again when that is confirmed."""
        item = await self.uncertain()
        self.assertEqual(await self.redrive(item), ["DOUBTFUL"])
        self.assertEqual(await self.inspector.state(item.id), "U")
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.redrive(item, confirmed=True), ["DONE"])
        self.assertEqual([each.id for each in await self.claim()], [item.id])

    async def test_dead_letter_as_uncertain(self) -> None:
        """So it is when the policy made it a dead letter, and when it was sent again and then refused."""
        item = await self.uncertain(1)
        self.clock.advance(600)
        await self.store.reconcile(10, 600_000, "park", REPORT)
        self.assertEqual(await self.redrive(item), ["DOUBTFUL"])
        other = await self.uncertain(2)
        self.clock.advance(600)
        await self.store.reconcile(10, 600_000, "resend", REPORT)
        (again,) = await self.claim()
        self.assertEqual(again.id, other.id)
        await self.store.set_aside(again, "refused: status 6", uncertain=False)
        self.assertEqual(await self.redrive(item, other), ["DOUBTFUL", "DOUBTFUL"])

    async def test_once_more_only(self) -> None:
        """When the outcome of that is unknown again, nobody but an operator sends it a third time."""
        item = await self.uncertain()
        await self.redrive(item, confirmed=True)
        (again,) = await self.claim()
        self.assertEqual(await self.begin(again), "OK")
        await self.store.set_aside(again, "no answer", uncertain=True)
        self.clock.advance(600)
        settled = await self.store.reconcile(10, 600_000, "resend", REPORT)
        self.assertEqual((settled.resent, settled.parked), (0, 1))

    async def test_a_late_receipt(self) -> None:
        """A receipt of the first attempt still counts: then there is no second one."""
        from tests.factories import receipt

        item = await self.uncertain()
        await self.redrive(item, confirmed=True)
        self.assertEqual((await self.store.record_receipt(receipt(item.id))).ended, "R")
        self.assertEqual(await self.claim(), [])

    async def test_needless(self) -> None:
        """What was read or deleted meanwhile, or whose message is no longer kept, is closed instead, with or without a
        confirmation, since nothing is sent."""
        read, deleted, expired = await self.dead_letter(1), await self.uncertain(2), await self.dead_letter(3)
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        await self.store.record_event(event("deleted", uuid(2)), 0)
        await self.redis("DEL", await self._key(3))
        self.assertEqual(await self.redrive(read, deleted, expired), ["read", "deleted", "expired"])
        self.assertEqual((await self.operator.aside("out"), await self.inspector.keys("out_item")), ([], []))
        self.assertEqual(await self.claim(), [])
        outcomes = [(await self.operator.inspect_message(uuid(n))) for n in (1, 2)]
        self.assertEqual(
            [facts.outcomes["bob"].partition(" @")[0] for facts in outcomes if facts], ["read", "uncertain deleted"]
        )

    async def _key(self, n: int) -> str:
        from nexmo_twisted.domain.ids import message_key

        return f"{K.message}{message_key(uuid(n))}"

    async def test_not_set_aside(self) -> None:
        """What waits, or is being sent, is left alone; what is not known is nothing."""
        await self.owe()
        (item,) = await self.claim()
        self.assertEqual(await self.redrive(item), ["WAITING"])
        self.assertEqual(await self.begin(item), "OK")
        self.assertEqual(await self.redrive(item), ["WAITING"])
        await self.store.record_accepted(item, attempt("12015550198", NUMBERS[0]), f"sent {NUMBERS[0]} abc", sent())
        self.assertEqual(await self.redrive(item), ["UNKNOWN"])

    async def test_twice(self) -> None:
        """Asked for twice, as when an answer was lost, it is put back once."""
        item = await self.dead_letter()
        self.assertEqual(await self.redrive(item, item), ["DONE", "WAITING"])
        self.assertEqual(len(await self.claim()), 1)

    async def test_many(self) -> None:
        """Several scripts' worth of them, of one user: all come back, in the order in which they fell due."""
        items = [await self.dead_letter(n) for n in range(1, 46)]
        self.assertEqual(await self.redrive(*items), ["DONE"] * 45)
        seen = []
        while claimed := await self.claim():
            seen += [item.id for item in claimed]
            await self.store.complete(claimed[0], "blank")
        self.assertEqual(seen, [item.id for item in items])

    async def test_reply(self) -> None:
        """A reply comes back, too."""
        reply = await self.reply()
        await self.store.set_aside(reply, "conversation_gone: deleted", uncertain=False)
        self.assertEqual(await self.redrive(reply), ["DONE"])
        (again,) = (await self.store.claim_replies(1, LEASE)).items
        self.assertEqual((again.id, again.text, again.once), (reply.id, "Yes!", reply.once))
        self.assertEqual(await self.redis("PTTL", f"{K.in_item}{reply.id}"), -1)


class RedriveOrderTests(AdminCase):
    async def waits(self, item: Notification) -> list[Redriven]:
        return [each async for each in self.operator.redrive("out", [item.id], REPORT, confirmed=False)]

    async def test_before_one_that_is_put_off(self) -> None:
        """It need not wait until a later text of its user is tried again."""
        item = await self.dead_letter(1)
        await self.owe(2)
        (other,) = await self.claim()
        await self.store.reschedule(other, 900_000, "Layer is away")
        self.assertEqual(await self.waits(item), [Redriven(item.id, Redrive.DONE, 0)])
        self.assertEqual([each.id for each in await self.claim()], [item.id])

    async def test_behind_one_that_is_put_off(self) -> None:
        """It does not overtake an earlier one, and says how long that takes."""
        await self.owe(1)
        (first,) = await self.claim()
        await self.store.set_aside(first, "template: x", uncertain=False)
        item = await self.dead_letter(2)
        await self.redrive(first)
        (first,) = await self.claim()
        await self.store.reschedule(first, 900_000, "Layer is away")
        self.assertEqual(await self.waits(item), [Redriven(item.id, Redrive.DONE, 900_000)])
        self.assertEqual(await self.claim(), [])

    async def test_beside_one_on_the_wire(self) -> None:
        """While a text of its user is being sent it waits, so that never two are sent side by side, also when it is
        not the first that comes back; then it is its turn."""
        items = [await self.dead_letter(1), await self.dead_letter(2)]
        sending = await self.sending(3)
        for item in items:
            self.assertEqual(await self.waits(item), [Redriven(item.id, Redrive.DONE, LEASE)])
        self.assertEqual(await self.claim(), [])
        await self.store.record_accepted(sending, attempt("12015550198", NUMBERS[0]), f"sent {NUMBERS[0]} abc", sent())
        self.assertEqual([each.id for each in await self.claim()], [items[0].id])


class MessageReportTests(AdminCase):
    async def test_nothing(self) -> None:
        """Of a message that never came nothing is known."""
        self.assertEqual(await self.operator.inspect_message(uuid(1)), None)

    async def test_before_the_check(self) -> None:
        """When it came, when it is due, and the statuses; no text is owed yet."""
        sent = event("sent", uuid(1), bob=Status.SENT, cleo=Status.READ)
        await self.store.record_event(sent, 600_000)
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        now = int(self.now())
        self.assertEqual((facts.now, facts.due, facts.delay, facts.check), (now, now + 600_000, 600_000, now + 600_000))
        self.assertEqual((facts.closed, facts.open, facts.sender, facts.entries), ("", None, "ann", []))
        self.assertEqual(facts.ranks, {"ann": 2, "bob": 0, "cleo": 2})

    async def test_statuses_only(self) -> None:
        """A message of which only a status came has no due time."""
        await self.store.record_event(event("delivered", uuid(1), bob=Status.DELIVERED), 600_000)
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        self.assertEqual((facts.due, facts.delay, facts.sender, facts.closed), (None, None, "", ""))

    async def test_owed(self) -> None:
        """How far each recipient's text has come: one on the wire, one that waits, with the look that comes next."""
        await self.owe(1, "bob", "cleo")
        one, two = await self.claim()
        await self.begin(one)
        await self.store.reschedule(two, 5000, "Layer is away")
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        entries: dict[str, Sequence[object]] = {e.user: (e.state, e.next, e.ahead, e.reason) for e in facts.entries}
        now = int(self.now())
        self.assertEqual(
            entries, {one.user_id: ("S", now + LEASE, 0, ""), two.user_id: ("R", now + 5000, 0, "Layer is away")}
        )
        self.assertEqual((facts.open, facts.suspended), (2, None))

    async def test_held(self) -> None:
        """Since when and why nothing goes out."""
        item = await self.sending()
        await self.store.suspend_sending(item, "status 9: no credit left")
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        self.assertEqual((facts.suspended, facts.suspended_reason), (int(self.now()), "status 9: no credit left"))

    async def known(self, n: int = 1) -> MessageReport:
        facts = await self.operator.inspect_message(uuid(n))
        assert facts is not None
        return facts

    async def test_nobody_owed(self) -> None:
        """After the check it is still known who had read it, who wrote it, and where."""
        new = event("sent", uuid(1), bob=Status.READ, cleo=Status.READ)
        await self.store.record_event(new, 600_000)
        self.assertEqual((await self.known()).conversation, CONVERSATION)
        self.clock.advance(600)
        await self.store.promote(10, REPORT)
        facts, now = await self.known(), int(self.now())
        self.assertEqual((facts.closed, facts.closed_at, facts.due, facts.delay), ("read", now, now, 600_000))
        self.assertEqual((facts.sender, facts.conversation), ("ann", CONVERSATION))
        self.assertEqual(facts.ranks, {"bob": 2, "cleo": 2})

    async def test_done(self) -> None:
        """So it is when all texts are sent; a later status counts, an older one does not."""
        await self.owe(1, "bob", "cleo")
        for item in await self.claim():
            await self.begin(item, {"bob": "12015550198", "cleo": "12015550197"}[item.user_id])
            await self.store.record_accepted(
                item, attempt("12015550198", NUMBERS[0]), f"sent {NUMBERS[0]} {item.user_id}", sent("x")
            )
        facts = await self.known()
        self.assertEqual((facts.closed, facts.sender, facts.conversation), ("done", "ann", CONVERSATION))
        self.assertEqual(facts.ranks, {"bob": 0, "cleo": 0})
        outcomes = facts.outcomes
        self.assertEqual(
            {o.partition(" @")[0] for o in outcomes.values()}, {f"sent {NUMBERS[0]} {u}" for u in outcomes}
        )
        left = await self.redis("PTTL", K.message + message_key(uuid(1)))
        for kind, status in (("read", Status.READ), ("delivered", Status.DELIVERED)):
            answer = await self.store.record_event(event(kind, uuid(1), cleo=status), 600_000)
            self.assertIsNone(answer)
            self.assertEqual((await self.known()).ranks, {"bob": 0, "cleo": 2})
        facts = await self.known()
        self.assertEqual((facts.closed, facts.outcomes), ("done", outcomes))
        self.assertLessEqual(await self.redis("PTTL", K.message + message_key(uuid(1))), left)

    async def test_closed_by_an_older_version(self) -> None:
        """A closed record with names in it, as it was kept before, is read, and a status is joined to it."""
        old = "cmsgpack.pack({x = 'done', t = 9, d = 5, y = 4, o = {bob = 'blank'}})"
        await self.redis("EVAL", f"redis.call('SET', ARGV[1], {old})", 0, f"{K.message}{message_key(uuid(1))}")
        facts = await self.known()
        self.assertEqual((facts.closed, facts.closed_at, facts.due, facts.delay), ("done", 9, 5, 4))
        self.assertEqual((facts.outcomes, facts.ranks, facts.conversation), ({"bob": "blank"}, {}, ""))
        await self.store.record_event(event("delivered", uuid(1), bob=Status.DELIVERED), 600_000)
        again = await self.known()
        self.assertEqual((again.closed, again.closed_at, again.outcomes), ("done", 9, facts.outcomes))
        self.assertEqual(again.ranks["bob"], 1)

    async def test_any_end(self) -> None:
        """Whatever became of a recipient, it is kept as it is."""
        for n, outcome in enumerate(
            ("", "sent", "sent ", "sent 1", "sent 12015550101 0A @5 =d", "1", "12", "!", "!!1", "-", "é 7")
        ):
            await self.owe(n, "bob", "7")
            for item in await self.claim():
                await self.store.complete(item, outcome)
            ends = {user: end.rpartition(" @")[0] for user, end in (await self.known(n)).outcomes.items()}
            self.assertEqual(ends, {"bob": outcome, "7": outcome})

    async def test_deleted_dead_letter(self) -> None:
        """The dead letter of a deleted message is found."""
        item = await self.dead_letter()
        await self.store.record_event(event("deleted", uuid(1)), 0)
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        self.assertEqual((facts.closed, facts.open, [e.id for e in facts.entries]), ("deleted", 1, [item.id]))

    async def test_no_longer_kept(self) -> None:
        """So it is when the message is no longer kept at all."""
        item = await self.dead_letter()
        await self.redis("DEL", *await self.inspector.keys("message"))
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        self.assertEqual((facts.closed, facts.due, [e.id for e in facts.entries]), ("expired", None, [item.id]))

    async def test_unreadable(self) -> None:
        """A record that nobody can read is one, and no error."""
        await self.dead_letter()
        (key,) = await self.inspector.keys("message")
        await self.redis("SET", key, "what is this")
        facts = await self.operator.inspect_message(uuid(1))
        assert facts is not None
        self.assertEqual(facts.closed, "undecodable")


class SmsReportTests(AdminCase):
    async def whose(self, message_id: str) -> str | None:
        entry = await self.operator.inspect_sms(message_id)
        return entry.id if entry else None

    async def test_accepted(self) -> None:
        """An SMS is found by the provider's id of each of its parts, in either case."""
        item = await self.sending()
        await self.store.record_accepted(item, attempt("12015550198", NUMBERS[0]), "sent 1 0A0B", sent("0A0B", "0A0C"))
        for message_id in ("0A0B", "0a0b", "0A0C"):
            self.assertEqual(await self.whose(message_id), item.id)
        self.assertIsNone(await self.whose("0A0D"))

    async def test_settled_by_a_receipt(self) -> None:
        """So is one whose answer never came, once its receipt has told the id."""
        item = await self.uncertain()
        await self.store.record_receipt(delivery_report(item.id, "0A0B", "12015550198", NUMBERS[0], "delivered", "0"))
        self.assertEqual(await self.whose("0A0B"), item.id)

    async def test_notice(self) -> None:
        """So is a notice, with what became of it."""
        asked = Asked("stop", "You get no more texts.")
        await self.store.receive_sms(
            InboundSms(message_id="id", msisdn="", to="", text="STOP"), "12015550198", NUMBERS[0], asked
        )
        (item,) = await self.claim()
        await self.store.record_accepted(
            item, attempt("12015550198", NUMBERS[0]), f"sent {NUMBERS[0]} 0A0B", sent("0A0B")
        )
        entry = await self.operator.inspect_sms("0A0B")
        assert entry is not None
        self.assertEqual((entry.auto_reply, entry.done), ("stop", f"sent {NUMBERS[0]} 0A0B"))


class ReplyReportTests(AdminCase):
    async def test_waiting(self) -> None:
        """A reply that was not posted yet, by Nexmo's id in either case."""
        await self.reply("0A0000000123ABCD1")
        for spelling in ("0A0000000123ABCD1", "0a0000000123abcd1"):
            found = await self.operator.inspect_reply(spelling)
            assert found is not None
            self.assertEqual((found[0].state, found[1]), ("C", int(self.now())))

    async def test_done(self) -> None:
        """One that was posted, and how long ago (by the clock of Redis, which forgets it after four days)."""
        reply = await self.reply("one")
        await self.store.complete(reply, "posted")
        found = await self.operator.inspect_reply("one")
        assert found is not None
        self.assertEqual(found[0].done, "posted")
        self.assertTrue(0 <= found[0].done_for < 60_000, found[0].done_for)

    async def test_nothing(self) -> None:
        """One that never came."""
        self.assertEqual(await self.operator.inspect_reply("one"), None)
