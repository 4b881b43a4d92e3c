"""A long answer comes in parts: at any process, in any order, twice or never. It stands in the conversation once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count, cycle
from urllib.parse import urlencode, urlsplit

from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from tests.inspector import K
from tests.scenarios.outage import OwnWorld
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller, Lines
from tests.scenarios.world import BOB, ONE, TALK, World, free_port
from tests.support import counted

WAIT = 60.0
ONCE, TIME, END = "1" * 153, "2" * 153, "the end"
LONG = ONCE + TIME + END


class LongReplyCase(World):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.deliver: Callable[[WebhookCall], None] = self.nexmo.deliver
        self.kept: list[WebhookCall] = []
        await self.text_unread()

    def keep_back(self, place: int) -> None:
        """Of the next parts that are delivered that one stays on the way, until :meth:`let_go`."""
        places = count()
        self.nexmo.deliver = lambda call: (self.kept.append if next(places) == place else self.deliver)(call)

    async def let_go(self) -> None:
        self.nexmo.deliver = self.deliver
        while self.kept:
            self.deliver(self.kept.pop(0))
        await self.settle()

    async def write(self, text: str = LONG, *order: int) -> None:
        """Bob writes; the parts come in that order."""
        self.nexmo.reply(BOB, ONE, text, PartsPlan(order=order))
        await self.settle()

    def answers(self) -> list[str]:
        """What Bob said in the conversation."""
        return [text for user, text in self.posted() if user == "bob"]


class JoinedPartsTests(LongReplyCase):
    async def test_in_order(self) -> None:
        """Three parts, one message."""
        await self.write()
        self.assertEqual(self.answers(), [LONG])
        self.assertEqual((self.counted("replies_received", "part"), self.counted("replies_received")), (3, 3))
        self.assertEqual(self.counted("replies_closed", "posted"), 1)

    async def test_two_processes(self) -> None:
        """Shuffled and repeated, each part at another process than the one before."""
        port = free_port()
        await self.start(server={"url": f"http://127.0.0.1:{port}", "listen": f"tcp:{port}:interface=127.0.0.1"})
        ports = cycle((self.port, port))

        def deliver(call: WebhookCall) -> None:
            self.deliver(replace(call, url=f"http://127.0.0.1:{next(ports)}{urlsplit(call.url).path}"))

        self.nexmo.deliver = deliver
        for order in ((3, 1, 2), (2, 2, 3, 1, 3), (1, 3, 2)):
            await self.write(LONG, *order)
        self.assertEqual(self.answers(), [LONG] * 3)
        self.assertEqual(sum(counted(service.metrics, "replies_received", "part") for service in self.running), 9)
        for service in self.running:
            self.assertGreater(counted(service.metrics, "replies_received", "part"), 0)
        await self.pass_time(2 * WAIT)
        self.assertEqual(self.answers(), [LONG] * 3)

    async def test_any_text(self) -> None:
        """A text of many parts, with characters of every kind, arrives as it was written."""
        text = "".join(f"{n} 😀 ünïcode 👩‍👩‍👧 {'x' * (n % 7)}\n" for n in range(60)).strip()
        self.nexmo.parts = PartsPlan(shuffled=True)
        self.nexmo.reply(BOB, ONE, text)
        await self.settle()
        message = self.layer.messages(TALK)[-1]
        self.assertEqual("".join(part["body"] for part in message.parts), text)
        self.assertGreater(len(message.parts), 1)

    async def test_posted_although_the_answer_is_lost(self) -> None:
        """Layer posts it, the answer does not reach us: it is sent again and stands there once."""
        self.fault(path="/messages", method="POST", drop=True, done=True)
        await self.write()
        await self.pass_time(10)
        self.assertEqual(self.answers(), [LONG])

    async def test_restart(self) -> None:
        """What came before a restart is there after it."""
        self.keep_back(1)
        await self.write()
        await self.stop(self.service)
        self.service = await self.start()
        await self.let_go()
        while self.sandbox.deliverer.retries:  # the connection went with the process
            await self.pass_time(1)
        self.assertEqual(self.answers(), [LONG])

    async def test_restart_while_it_waits(self) -> None:
        """The time of waiting goes on while no process runs."""
        self.keep_back(1)
        await self.write()
        await self.stop(self.service)
        self.clock.advance(WAIT)
        self.service = await self.start()
        self.assertEqual(self.answers(), [f"{ONCE}[...]{END}"])

    async def test_short_ones_between(self) -> None:
        """A short answer is not kept waiting by a long one whose parts are on the way."""
        self.keep_back(2)
        await self.write()
        await self.reply(BOB, ONE, "short")
        self.assertEqual(self.answers(), ["short"])
        await self.let_go()
        self.assertEqual(self.answers(), ["short", LONG])

    async def test_order(self) -> None:
        """When all have to wait a long answer stands where its first part came."""
        self.fault(path="/messages", method="POST", status=500)
        await self.reply(BOB, ONE, "first")
        self.keep_back(1)
        await self.write()
        await self.reply(BOB, ONE, "last")
        await self.let_go()
        await self.pass_time(10)
        self.assertEqual(self.answers(), ["first", LONG, "last"])

    async def test_without_concat(self) -> None:
        """Where a carrier does not say what belongs together each part is a message, in the order of arrival."""
        self.nexmo.reply(BOB, ONE, LONG, PartsPlan(concat=False))
        await self.settle()
        self.assertEqual(self.answers(), [ONCE, TIME, END])


class MissingPartTests(LongReplyCase):
    async def test_posted_without_it(self) -> None:
        """After a minute without news what is there is posted; what comes later is posted by itself."""
        self.keep_back(1)
        await self.write()
        await self.pass_time(WAIT - 1)
        self.assertEqual(self.answers(), [])
        await self.pass_time(1)
        self.assertEqual(self.answers(), [f"{ONCE}[...]{END}"])
        await self.pass_time(3600)
        await self.let_go()
        self.assertEqual(self.answers(), [f"{ONCE}[...]{END}", TIME])
        for kind, times in (("part", 2), ("late_part", 1), ("whole", 0)):
            self.assertEqual(self.counted("replies_received", kind), times, kind)
        self.assertEqual((self.counted("long_replies_incomplete"), self.counted("replies_closed", "posted")), (1, 2))

    async def test_stop_within_a_text(self) -> None:
        """Half a text asks for nothing: neither a late "stop" nor what is left of "... please stop" is a STOP."""
        await self.write(ONCE + TIME + "stop", 3)
        await self.pass_time(WAIT)
        self.assertEqual(self.answers(), ["[...]stop"])
        self.keep_back(2)
        await self.write(ONCE + TIME + "stop")
        await self.pass_time(WAIT)
        await self.let_go()
        self.assertEqual(self.answers(), ["[...]stop", f"{ONCE}{TIME}[...]", "stop"])
        await self.text_unread("Still there?")
        self.assertEqual(self.texts()[-1], "Ann: Still there?")


class ConcatTimeoutTests(LongReplyCase):
    settings = {"sms": {"concat_timeout": "5 seconds"}}

    async def test_timeout(self) -> None:
        """How long is a setting."""
        self.keep_back(2)
        await self.write()
        await self.pass_time(5)
        self.assertEqual(self.answers(), [f"{ONCE}{TIME}[...]"])


class OddPartTests(LongReplyCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}")
        self.lines = Lines(self)

    async def webhook(self, message_id: str, **params: str) -> None:
        """An SMS of Bob, delivered just like this."""
        sms = {"messageId": message_id, "msisdn": BOB, "to": ONE, "type": "text"}
        form = urlencode(sms | {name.replace("_", "-"): value for name, value in params.items()}).encode()
        heard = await self.caller.ask("POST", NEXMO_DOOR, form, content_type=FORM)
        self.assertEqual((heard.code, heard.body), (200, b""))
        await self.settle()

    async def part(self, message_id: str, number: int, text: str, total: str = "2") -> None:
        await self.webhook(
            message_id, text=text, concat="true", concat_ref="7", concat_total=total, concat_part=str(number)
        )

    async def test_reused_reference(self) -> None:
        """A handset that uses its reference again: the text before is closed as it is, the new one is whole."""
        await self.part("old-1", 1, "old ")
        await self.part("new-1", 1, "new ")
        self.assertEqual(self.answers(), ["old [...]"])
        await self.part("new-2", 2, "text")
        await self.part("next-2", 2, "text")
        await self.part("next-1", 1, "next ")
        self.assertEqual(self.answers(), ["old [...]", "new text", "next text"])

    async def test_absurd(self) -> None:
        """Parts that cannot be are posted each by itself."""
        for number, (part, total) in enumerate(((5, "2"), (0, "2"), (1, "many"), (1, "1"), (1, "9999"))):
            await self.part(f"id-{number}", part, f"text {number}", total)
        self.assertEqual(self.answers(), [f"text {number}" for number in range(5)])

    async def test_nothing_to_post(self) -> None:
        """Binary and empty SMS are 200, recorded with their reason and counted; they are no junk, and no log tells."""
        self.lines.clear()
        await self.webhook("binary", type="binary", data="00ff", udh="06050415810000")
        await self.webhook("blank", text="  ")
        await self.webhook("invisible", text="\u200b\u3164")
        await self.webhook("empty", text="")
        await self.webhook("empty", text="")
        self.assertEqual(self.answers(), [])
        for kind, times in (("ignored", 4), ("repeated", 1), ("whole", 0)):
            self.assertEqual(self.counted("replies_received", kind), times, kind)
        self.assertEqual((self.counted("replies_closed", "binary"), self.counted("replies_closed", "blank")), (1, 3))
        self.assertEqual(self.counted("webhooks", "nexmo", "stored"), 5)
        self.assertEqual(await self.redis("EXISTS", K.quarantine, K.unsigned), 0)
        kept = [await self.redis("GET", key) for key in await self.inspector.keys("in_item")]
        self.assertCountEqual(kept, ["binary", "blank", "blank", "blank"])
        self.assertEqual(self.lines.ours, [])


class PartsDuringOutageTests(OwnWorld):
    async def test_in_the_middle(self) -> None:
        """Redis is away after the first part: the others are turned away, come again, and the text is whole."""
        await self.text_unread()
        kept: list[WebhookCall] = []
        deliver, self.nexmo.deliver = self.nexmo.deliver, kept.append
        self.nexmo.reply(BOB, ONE, LONG)
        deliver(kept.pop())
        await self.settle()
        self.server.kill()
        while kept:
            deliver(kept.pop())
        await self.settle()
        self.assertEqual(self.counted("webhooks", "unavailable"), 2)
        await self.pass_time(20)
        self.server.start()
        await self.connected()
        await self.all_delivered()
        await self.pass_time(5)
        self.assertEqual([text for user, text in self.posted() if user == "bob"], [LONG])
