"""The operator's commands on a real store: what they print, what they ask, and what they do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.python.usage import UsageError
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.domain.model import Notification, Status
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.operations.cli.dead_letters import list_dead_letters, redrive
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.operations.cli.options import DeadLetterListOptions, ExplainOptions, PlaceOptions, RedriveOptions
from nexmo_twisted.operations.cli.run import Context, on_redis, place
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.schema import F
from nexmo_twisted.store.url import parse
from tests.factories import HANDSET, NUMBERS, REPORT, event, uuid
from tests.inspector import K
from tests.scenarios.own_redis import OwnRedis
from tests.store.cases import AdminCase
from tests.support import Server

CONTEXT = Context(Path("no-such-directory"), describe, "")
SINCE = "2026-01-01T00:00:00Z"


class CommandCase(AdminCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.printed: list[str] = []
        self.asked: list[str] = []

    async def dead_letter_reply(self, message_id: str = "0A0000000123ABCD1") -> str:
        reply = await self.reply(message_id)
        await self.store.set_aside(reply, "conversation_gone: deleted", uncertain=False)
        return reply.id

    async def show(self, *queues: Any, limit: int | None = 100, as_json: bool = False) -> list[str]:
        """What `dead-letters list` prints."""
        self.printed.clear()
        done = await list_dead_letters(
            self.operator, queues or ("out", "in"), limit, as_json=as_json, out=self.printed.append
        )
        self.assertTrue(done)
        return self.printed

    def answering(self, answer: bool) -> Callable[[str], bool]:
        def ask(question: str) -> bool:
            self.asked.append(question)
            return answer

        return ask

    async def again(
        self, ids: Sequence[str] | None, *, yes: bool = False, ask: Callable[[str], bool] | None = None
    ) -> bool:
        """What `redrive` answers; what it prints is in ``printed``."""
        self.printed.clear()
        return await redrive(self.operator, ids, REPORT, yes=yes, ask=ask, out=self.printed.append)


class ListCommandTests(CommandCase):
    async def test_nothing(self) -> None:
        """When nothing is, it says so."""
        self.assertEqual(await self.show(), ["No dead letters and no uncertain SMS."])
        self.assertEqual(json.loads("".join(await self.show(as_json=True))), {"items": [], "more": 0})

    async def test_table(self) -> None:
        """Texts and replies, each in a row: numbers masked, and nobody's words."""
        one, two = await self.uncertain(1), await self.dead_letter(2)
        rid = await self.dead_letter_reply()
        header, *rows = await self.show()
        self.assertEqual(
            header.split(), ["what", "id", "message", "id", "user", "numbers", "since", "attempts", "reason"]
        )
        self.assertEqual(
            [" ".join(row.split()) for row in rows],
            [
                f"uncertain sms {one.id} {uuid(1)} bob …0101 to …0198 {SINCE} 1 no answer",
                f"dead sms {two.id} {uuid(2)} bob …0101 to …0198 {SINCE} 1 refused: status 6: invalid message",
                f"dead reply {rid} 0A0000000123ABCD1 - …0198 to …0101 {SINCE} 0 conversation_gone: deleted",
            ],
        )
        starts = {row.index(SINCE) for row in rows}
        self.assertEqual(len(starts), 1, "the columns are not below each other")
        for secret in (HANDSET, *NUMBERS, "Yes!", "This is it."):
            self.assertNotIn(secret, "\n".join([*self.printed, *await self.show(as_json=True)]))

    async def test_json(self) -> None:
        """The same for machines."""
        item = await self.dead_letter()
        (text,) = json.loads("".join(await self.show(as_json=True)))["items"]
        self.assertEqual(
            text,
            {
                "what": "sms",
                "state": "dead",
                "id": item.id,
                "message_id": uuid(1),
                "user": "bob",
                "number": "…0101",
                "handset": "…0198",
                "since": SINCE,
                "attempts": 1,
                "reason": "refused: status 6: invalid message",
            },
        )

    async def test_queue(self) -> None:
        """One of the two queues alone."""
        await self.dead_letter()
        rid = await self.dead_letter_reply()
        self.assertEqual(len(await self.show("out")), 2)
        self.assertIn(rid, (await self.show("in"))[1])

    async def test_limit(self) -> None:
        """More than the limit is never left out in silence."""
        items = [await self.dead_letter(n) for n in range(1, 8)]
        rows = await self.show(limit=3)
        self.assertEqual([row.split()[2] for row in rows[1:-1]], [item.id for item in items[:3]])
        self.assertEqual(rows[-1], "... and 4 more: --limit 7 or --limit 0 shows all")
        self.assertEqual(len(await self.show(limit=None)), 8)
        self.assertEqual(len(await self.show(limit=7)), 8)
        self.assertEqual(json.loads("".join(await self.show(limit=3, as_json=True)))["more"], 4)

    async def test_strangers(self) -> None:
        """What a stranger chose as an id does not reach the terminal as it is, nor does it break the table."""
        await self.owe(1, "b\u202eob" + "x" * 100)
        (item,) = await self.claim()
        await self.store.set_aside(item, "template: x", uncertain=False)
        await self.redis(
            "HSET", f"{K.in_item}{await self.dead_letter_reply()}", F.message_id, "\x1b[2J", F.entry, "no JSON"
        )
        rows = await self.show()
        self.assertTrue(all(row.isprintable() for row in rows), rows)
        self.assertTrue(all(len(row) < 250 for row in rows), rows)

    async def test_gone(self) -> None:
        """One of which nothing is left is listed as such."""
        await self.redis("ZADD", K.out_dead, 1, "AAAAAAAAQACAAAAAAAAAAQ.48181acd22b3")
        self.assertIn("deleted sms", (await self.show())[1])


class RedriveCommandTests(CommandCase):
    async def state(self, item: Notification) -> str | None:
        state: str | None = await self.inspector.state(item.id)
        return state

    async def test_some(self) -> None:
        """Each of these is put back, and said so."""
        one, two, three = await self.dead_letter(1), await self.dead_letter(2), await self.dead_letter(3)
        rid = await self.dead_letter_reply()
        self.assertTrue(await self.again([one.id, three.id, rid]))
        self.assertEqual(
            self.printed, [f"{item}: put back into the queue, next in line" for item in (one.id, three.id, rid)]
        )
        self.assertEqual([await self.state(item) for item in (one, two, three)], ["R", "D", "R"])

    async def test_unknown(self) -> None:
        """What nobody knows is told, whatever it is, and the others are done all the same."""
        item = await self.dead_letter()
        strange = ["", "x", "A" * 22, "*", "A" * 22 + "." + "0" * 12, item.id.upper(), "../\x00", uuid(1)]
        self.assertFalse(await self.again([*strange, item.id]))
        self.assertEqual(
            [line.rpartition(": ")[2] for line in self.printed[:-1]],
            ["no dead letter or uncertain SMS has this id"] * 8,
        )
        self.assertTrue(all(line.isprintable() for line in self.printed))
        self.assertEqual(await self.state(item), "R")

    async def test_confirmed(self) -> None:
        """What may have been sent is asked for; yes sends it."""
        item = await self.uncertain()
        self.assertTrue(await self.again([item.id], ask=self.answering(True)))
        self.assertIn("may send it a second time", self.asked[0])
        self.assertIn("yes", self.asked[0])
        self.assertEqual(self.printed, [f"{item.id}: put back into the queue, next in line"])
        self.assertEqual(await self.state(item), "R")

    async def test_not_confirmed(self) -> None:
        """Anything else leaves it as it is."""
        item = await self.uncertain()
        self.assertFalse(await self.again([item.id], ask=self.answering(False)))
        self.assertEqual((self.printed, await self.state(item)), ([f"{item.id}: unchanged"], "U"))

    async def test_nobody_to_ask(self) -> None:
        """Where nobody can be asked it is refused, unless the answer is given beforehand."""
        item = await self.uncertain()
        self.assertFalse(await self.again([item.id]))
        self.assertIn("use --yes to send it", self.printed[0])
        self.assertEqual(await self.state(item), "U")
        self.assertTrue(await self.again([item.id], yes=True, ask=self.answering(False)))
        self.assertEqual((self.asked, await self.state(item)), ([], "R"))

    async def test_all(self) -> None:
        """Everything but what may have been sent; with yes that, too."""
        items = [await self.dead_letter(1), await self.uncertain(2), await self.dead_letter(3)]
        await self.dead_letter_reply()
        self.assertTrue(await self.again(None, ask=self.answering(True)))
        self.assertEqual(self.asked, [])
        self.assertIn(f"{items[1].id}: skipped, it may have been sent already", self.printed)
        self.assertEqual(
            self.printed[-2:], ["3 put back.", "1 skipped: they may have been sent already; --yes sends them again."]
        )
        self.assertEqual([await self.state(item) for item in items], ["R", "U", "R"])
        self.assertTrue(await self.again(None, yes=True))
        self.assertEqual(self.printed, [f"{items[1].id}: put back into the queue, next in line", "1 put back."])
        self.assertTrue(await self.again(None))
        self.assertEqual(self.printed, ["No dead letters and no uncertain SMS."])

    async def test_needless(self) -> None:
        """What was read, deleted or has run out meanwhile is told, and no fault."""
        read, deleted = await self.dead_letter(1), await self.uncertain(2)
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        await self.store.record_event(event("deleted", uuid(2)), 0)
        self.assertTrue(await self.again([read.id, deleted.id]))
        self.assertEqual(
            self.printed,
            [
                f"{read.id}: closed, nothing to do: the recipient had read the message",
                f"{deleted.id}: closed, nothing to do: the message was deleted",
            ],
        )

    async def test_needless_among_all(self) -> None:
        """They are counted apart."""
        read, _ = await self.dead_letter(1), await self.dead_letter(2)
        await self.store.record_event(event("read", uuid(1), bob=Status.READ), 0)
        self.assertTrue(await self.again(None))
        self.assertEqual((len(self.printed), self.printed[-1]), (3, "1 put back, 1 closed."))
        self.assertEqual(await self.state(read), "")

    async def test_on_its_way(self) -> None:
        """What is no dead letter is not touched."""
        await self.owe()
        (item,) = await self.claim()
        self.assertTrue(await self.again([item.id]))
        self.assertEqual(self.printed, [f"{item.id}: already in the queue"])

    async def test_its_turn(self) -> None:
        """What has to wait for another text of its user says how long."""
        item = await self.dead_letter(1)
        await self.sending(2)
        self.assertTrue(await self.again([item.id]))
        self.assertEqual(self.printed, [f"{item.id}: put back into the queue, due in 1 min 30 s"])


class ExplainCommandTests(CommandCase):
    policy = Policy(REPORT, 600_000, "resend")

    async def ask(self, message_id: str) -> tuple[bool, list[str]]:
        self.printed.clear()
        return await explain(self.operator, message_id, self.policy, describe, out=self.printed.append), self.printed

    async def test_message(self) -> None:
        """As people copy the id: bare, whole, in any case. No number is told whole, and nobody's words are."""
        item = await self.dead_letter()
        for spelling in (uuid(1), f"layer:///messages/{uuid(1).upper()}"):
            known, lines = await self.ask(spelling)
            self.assertTrue(known)
            self.assertEqual(lines[0], f"Message {uuid(1)}")
            self.assertIn(f"    dead letter since {SINCE}: permanently refused (status 6: invalid message)", lines)
            self.assertIn(f"    to try it again: nexmo-twisted redrive {item.id}", lines)
            for secret in (HANDSET, *NUMBERS, "This is it."):
                self.assertNotIn(secret, "\n".join(lines))

    async def test_reply(self) -> None:
        """A reply by Nexmo's messageId, also when that looks like a message id."""
        for message_id in ("0A0000000123ABCD1", uuid(5)):
            await self.dead_letter_reply(message_id)
            known, lines = await self.ask(message_id)
            self.assertTrue(known)
            self.assertEqual(lines[0], f"Reply {message_id}")
            self.assertIn(f"  dead letter since {SINCE}: the conversation is gone (deleted)", lines)
            self.assertNotIn("Yes!", "\n".join(lines))

    async def test_both(self) -> None:
        """When one id is that of a message and of a reply, both are told."""
        await self.dead_letter(1)
        await self.dead_letter_reply(uuid(1))
        _, lines = await self.ask(uuid(1))
        self.assertEqual(
            [line for line in lines if not line.startswith(" ")], [f"Message {uuid(1)}", f"Reply {uuid(1)}"]
        )

    async def test_nothing(self) -> None:
        """What never came, or was closed long ago; and what is no id at all."""
        for strange in (uuid(1), "x", "\x1b[2J", "*", "🦆"):
            known, lines = await self.ask(strange)
            self.assertFalse(known)
            self.assertEqual(len(lines), 1)
            self.assertIn("it never arrived, was closed more than four days ago", lines[0])
            self.assertTrue(lines[0].isprintable())


class OptionsTests(TestCase):
    def parsed(self, options: Any, *words: str) -> Any:
        options.parseOptions(list(words))
        return options

    def test_any_order(self) -> None:
        """Options may stand behind ids, and an id that begins with a dash is no option."""
        dashed = "-" + "x" * 21
        for words in (
            ("--yes", "one", dashed, "-c", "there.toml"),
            ("one", "-c", "there.toml", dashed, "--yes"),
            ("one", "--conf=there.toml", "--yes", "--", dashed),
            ("--conf", "there.toml", "--ye", "one", dashed),
        ):
            options = self.parsed(RedriveOptions(), *words)
            self.assertEqual(
                (options.ids, options["config"], options["yes"]), (("one", dashed), "there.toml", 1), words
            )

    def test_once(self) -> None:
        """An id given twice is one."""
        self.assertEqual(self.parsed(RedriveOptions(), "one", "two", "one").ids, ("one", "two"))

    def test_dead_letter(self) -> None:
        """A table has a limit unless somebody says otherwise; what machines read has none."""
        for words, queues, limit in (
            ((), ("out", "in"), 100),
            (("--json",), ("out", "in"), None),
            (("--json", "-l", "5"), ("out", "in"), 5),
            (("-q", "in", "--limit", "0"), ("in",), None),
        ):
            options = self.parsed(DeadLetterListOptions(), *words)
            self.assertEqual((tuple(options.queues), options.limit), (queues, limit), words)

    def test_faults(self) -> None:
        """What cannot be meant is refused."""
        for options, *words in (
            (DeadLetterListOptions(), "--queue", "x"),
            (DeadLetterListOptions(), "--limit", "-1"),
            (DeadLetterListOptions(), "--limit", "many"),
            (DeadLetterListOptions(), "one"),
            (DeadLetterListOptions(), "--config"),
            (RedriveOptions(),),
            (RedriveOptions(), "one", "--all"),
            (RedriveOptions(), "one", "--no-such-thing"),
            (ExplainOptions(),),
            (ExplainOptions(), " "),
            (ExplainOptions(), "one", "two"),
            (ExplainOptions(), "\udcff\udcfe"),
            (RedriveOptions(), "--", "one", "\udcff"),
            (PlaceOptions(), "one", "\udcff"),
        ):
            with self.assertRaises(UsageError, msg=str(words)):
                options.parseOptions(list(words))


class ReachRedisTests(TestCase):
    timeout = 60

    async def ping(self, operator: QueueAdmin) -> bool:
        return not await operator.aside("out")

    async def refused(self, url: str, patience: float) -> str:
        """What is said when Redis cannot be reached."""
        try:
            await on_redis(reactor, url, CONTEXT, self.ping, patience)
        except StoreUnavailable as error:
            return error.reason
        raise AssertionError("it was reached")

    async def test_there(self) -> None:
        """What the work answers is the answer."""
        redis = OwnRedis()
        self.addCleanup(redis.close)
        self.assertTrue(await on_redis(reactor, redis.url, CONTEXT, self.ping))

    async def test_away(self) -> None:
        """Nobody listens: where, and why. The login is not told."""
        said = await self.refused("redis://somebody:hush-hush@127.0.0.1:1/0", 0.5)
        self.assertIn("cannot reach Redis at 127.0.0.1:1 within", said)
        self.assertIn("refused", said)
        self.assertNotIn("hush-hush", said)

    async def test_wrong_password(self) -> None:
        """A login that Redis refuses is the reason."""
        redis = OwnRedis("--requirepass", "right", password="right")
        self.addCleanup(redis.close)
        said = await self.refused(f"unix://:wrong@{redis.socket}", 2)
        self.assertIn(f"cannot reach Redis at {redis.socket} within", said)
        self.assertIn("WRONGPASS", said)

    async def test_silent(self) -> None:
        """A Redis that hangs is given up soon."""
        redis = OwnRedis()
        self.addCleanup(redis.close)

        async def hangs(operator: QueueAdmin) -> bool:
            redis.pause()
            return await self.ping(operator)

        with self.assertRaises(StoreUnavailable):
            await on_redis(reactor, redis.url, CONTEXT, hangs)

    async def test_sentinels(self) -> None:
        """No sentinel is there: which master of which sentinels."""
        said = await self.refused("redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster/0", 0.5)
        self.assertIn("the master mymaster of the sentinels 127.0.0.1:1, 127.0.0.1:2 within", said)

    def test_place(self) -> None:
        """A place is told without its login."""
        self.assertEqual(place(parse(f"unix://:hush@{Server.shared().socket}")), f"Redis at {Server.shared().socket}")
