"""Something in front of Layer answers in its place: nothing is lost for that, and it is told where to look."""

from __future__ import annotations

from typing import Any

from nexmo_twisted.domain.inspection import Queue
from tests.inspector import K
from tests.scenarios.health_world import HealthWorld
from tests.scenarios.world import BOB, DELAY, ONE, TALK, World

PAGE = b"<html><h1>404 Not Found</h1></html>"
REASON = "Layer answers 404 without Layer's error object: check layer.api_url"
HOUR = 3600


class InterceptedAnswerTests(World):
    def page(self, **what: Any) -> None:
        self.fault(status=404, body=PAGE, times=0, **what)

    async def hours(self, number: int) -> None:
        for _ in range(4 * number):
            await self.pass_time(900)

    async def dead_letters(self, queue: Queue) -> list[str]:
        return [await self.inspector.reason(each, queue) for each in await self.inspector.dead(queue)]

    async def test_recipient(self) -> None:
        """Nobody is taken for unknown because of a page: the text goes out when the page is gone."""
        self.page(path="/users/bob/identity")
        await self.text_unread()
        await self.hours(3)
        self.assertEqual((self.texts(), self.counted("notifications_skipped", "unknown_user")), ([], 0))
        self.sandbox.faults.clear()
        await self.hours(1)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_sender(self) -> None:
        """What others wrote to the same user goes out meanwhile."""
        self.page(path="/users/ann/identity")
        await self.send()
        other = self.layer.start_conversation(["cleo", "bob"])
        await self.send("And tea?", sender="cleo", conversation=other)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Cleo Carter: And tea?"])
        await self.send("Or coffee?", sender="cleo", conversation=other)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts()[1:], ["Cleo Carter: Or coffee?"])
        self.sandbox.faults.clear()
        await self.hours(1)
        self.assertEqual(self.texts()[2:], ["Ann: Lunch at noon?"])

    async def test_good_statuses(self) -> None:
        """Nobody is without a phone because of what has a good status, nor because of a redirect."""
        for number, fault in enumerate(
            (
                {"status": 200, "body": b"<html>Please log in</html>"},
                {"status": 200, "body": b'{"status": "ok"}'},
                {"status": 204, "body": b""},
                {"status": 302, "body": b""},
            ),
            1,
        ):
            self.fault(times=0, path="/users/bob/identity", **fault)
            await self.text_unread()
            await self.hours(1)
            self.assertEqual(
                (len(self.texts()), self.counted("notifications_skipped", "no_phone")), (number - 1, 0), fault
            )
            self.assertFalse(self.service.pipeline.circuits[0].open)
            self.sandbox.faults.clear()
            await self.hours(1)
            self.assertEqual(len(self.texts()), number, fault)

    async def test_declined(self) -> None:
        """What Layer itself will not tell of one user holds up neither the others nor what others write."""
        self.fault(times=0, path="/users/ann/identity", status=422)
        for n in range(8):
            await self.send(f"number {n}")
        await self.pass_time(DELAY)
        await self.hours(1)
        self.assertFalse(self.service.pipeline.circuits[0].open)
        await self.text_unread("And tea?", "cleo", self.layer.start_conversation(["cleo", "bob"]))
        self.assertEqual(self.texts(), ["Cleo Carter: And tea?"])
        self.sandbox.faults.clear()
        await self.hours(1)
        self.assertEqual(len(self.texts()), 9)

    async def test_too_late(self) -> None:
        """A text that is not sent in time for that is given up with its reason, for somebody to look at."""
        self.page(path="/identity")
        await self.text_unread()
        await self.hours(25)
        self.assertEqual(self.counted("dead_letters", "out", "too_late"), 1)
        self.assertEqual(await self.dead_letters("out"), [f"too_late: not sent in time: {REASON}"])

    async def test_reply(self) -> None:
        """A reply is posted when the page is gone, and the others of its handset before that."""
        await self.text_unread()
        self.fault(status=410, body=PAGE, times=0, text="<script>")
        await self.reply(BOB, ONE, "What does <script> mean?")
        await self.reply(BOB, ONE, "At noon.")
        await self.hours(1)
        self.assertEqual(self.posted()[1:], [("bob", "At noon.")])
        self.assertEqual(await self.dead_letters("in"), [])
        self.sandbox.faults.clear()
        await self.hours(1)
        self.assertEqual(self.posted()[2:], [("bob", "What does <script> mean?")])

    async def test_reply_too_late(self) -> None:
        """So is one that is given up, with its reason."""
        await self.text_unread()
        self.page(path="/messages")
        await self.reply(BOB, ONE, "At noon.")
        await self.hours(25)
        self.assertEqual(await self.dead_letters("in"), [f"too_late: not posted in time: {REASON}"])

    async def test_a_good_status(self) -> None:
        """A reply is not posted because a page has a good status."""
        await self.text_unread()
        self.fault(status=200, body=b"<html>Back soon</html>", times=0, path="/messages")
        await self.reply(BOB, ONE, "At noon.")
        self.assertEqual(self.counted("replies_closed", "posted"), 0)
        self.sandbox.faults.clear()
        await self.hours(1)
        self.assertEqual(self.posted()[1:], [("bob", "At noon.")])

    async def test_others_are_not_slowed_down(self) -> None:
        """However often it happens to one, the others are asked for as before."""
        self.page(path="/users/bob/identity")
        for n in range(8):
            await self.send(f"number {n}", conversation=self.layer.start_conversation(["ann", "bob"]))
        await self.pass_time(DELAY)
        await self.text_unread(conversation=self.layer.start_conversation(["ann", "cleo"]))
        self.assertEqual(len(self.texts("12015550113")), 1)
        self.assertFalse(self.service.pipeline.circuits[0].open)


class WrongPathTests(World):
    async def test_wrong_path(self) -> None:
        """A setting that leads to where Layer is not finishes nothing: when it is mended the text goes out."""
        await self.send()
        await self.stop(self.service)
        wrong = await self.start(layer={"api_url": f"{self.sandbox.layer_url}/v2"})
        await self.pass_time(DELAY)
        self.assertEqual(await self.redis("ZCARD", K.out_queue), 1)
        await self.stop(wrong)
        self.service = await self.start()
        await self.pass_time(HOUR)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])


class InterceptionHealthTests(HealthWorld):
    async def test_told(self) -> None:
        """It is told since when something else answers, and no longer when Layer does."""
        self.fault(status=404, body=PAGE, times=0, path="/identity")
        await self.text_unread()
        since = self.time()
        self.assertEqual(await self.missing("degraded", 200), {"Layer": (since, REASON)})
        await self.pass_time(60)
        await self.pass_time(60)
        self.assertEqual(await self.missing("degraded", 200), {"Layer": (since, REASON)})
        self.sandbox.faults.clear()
        await self.pass_time(900)
        await self.assert_well()
        self.assertEqual(len(self.texts()), 1)
        lines = [line for line in self.lines.ours if line.startswith("Layer:") and line.endswith(REASON)]
        self.assertEqual(lines, [f"Layer: not its own answer, others are sent first and this is retried: {REASON}"])
        self.assertEqual(self.posted(TALK)[1:], [])
