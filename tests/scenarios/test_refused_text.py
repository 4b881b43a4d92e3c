"""Something before Nexmo refuses one text: nobody else waits for that, nor is the account said to be at fault."""

from __future__ import annotations

from nexmo_twisted.store.schema import F
from tests.inspector import K
from tests.scenarios.health_world import HealthWorld
from tests.scenarios.world import BOB, CLEO, DELAY, LUNCH, World

POISON = "What does <script> mean?"
DAN = "12015550114"


class RefusedTextWorld(World):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.layer.add_user("dan", display_name="Dan", phone_number=f"+{DAN}")
        self.with_dan = self.layer.start_conversation(["ann", "dan"])
        self.with_cleo = self.layer.start_conversation(["ann", "cleo"])

    def refuse(self, text: str = "<script>", number: str = "") -> None:
        """What a firewall answers to that text."""
        self.fault(path="/sms/json", text=text, number=number, status=403, body=b"<html>Forbidden</html>", times=0)


class OneRefusedTextTests(RefusedTextWorld):
    async def test_others_go_out(self) -> None:
        """The others go out at once, whoever they are for; that one is tried three times and then becomes a dead
        letter."""
        self.refuse()
        await self.send(POISON)
        await self.pass_time(1)
        await self.send("Lunch?")
        await self.send("Tea?", conversation=self.with_cleo)
        await self.send("Supper?", conversation=self.with_dan)
        await self.pass_time(DELAY)
        self.assertEqual(
            (self.texts(), self.texts(CLEO), self.texts(DAN)), (["Ann: Lunch?"], ["Ann: Tea?"], ["Ann: Supper?"])
        )
        self.assertEqual(await self.redis("HEXISTS", K.suspended, F.since), 0)
        for n in range(3):
            await self.pass_time(61)
            await self.text_unread(f"And {n}?", conversation=self.with_dan)
        self.assertEqual(self.counted("dead_letters", "out", "refused"), 1)
        (nid,) = await self.inspector.dead()
        self.assertIn("403", await self.inspector.reason(nid))
        self.assertEqual(len(self.texts(DAN)), 4)

    async def test_the_next_one(self) -> None:
        """Alone it holds the others for no time: the next that falls due goes out."""
        self.refuse()
        await self.text_unread(POISON)
        self.assertEqual(await self.inspector.suspended(), 1)
        await self.send("Tea?", conversation=self.with_cleo)
        await self.pass_time(DELAY - 30)
        await self.pass_time(30)
        self.assertEqual(self.texts(CLEO), ["Ann: Tea?"])
        self.assertEqual(await self.inspector.suspended(), 0)

    async def test_one_recipient(self) -> None:
        """So it is when it is not the text that is refused but the recipient."""
        self.refuse(text="", number=BOB)
        await self.send("Lunch?", conversation=LUNCH)
        await self.send("Supper?", conversation=self.with_dan)
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(CLEO), self.texts(DAN)), (["Ann: Lunch?"], ["Ann: Supper?"]))

    async def test_many_recipients(self) -> None:
        """And when many are to get that text: each other one goes out when it falls due."""
        self.refuse()
        users = [f"u{n}" for n in range(25)]
        for n, user in enumerate(users):
            self.layer.add_user(user, display_name=user, phone_number=f"+1201555{2000 + n}")
        await self.send(POISON, conversation=self.layer.start_conversation(["ann", *users]))
        await self.send("Tea?", conversation=self.with_cleo)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(CLEO), ["Ann: Tea?"])
        await self.text_unread("Supper?", conversation=self.with_dan)
        self.assertEqual(self.texts(DAN), ["Ann: Supper?"])

    async def test_two_processes(self) -> None:
        """Two processes give the same result as one."""
        second = await self.start()
        await self.test_others_go_out()
        await self.stop(second)


class SuspendedAccountTests(RefusedTextWorld):
    async def test_the_probe(self) -> None:
        """While the account is at fault it is not the first SMS that is tried each minute, but the others."""
        self.fault(path="/sms/json", nexmo_status="9", times=0)
        await self.text_unread("Lunch?")
        await self.send("Tea?", conversation=self.with_cleo)
        await self.pass_time(DELAY)
        first, second = await self.attempts("bob"), await self.attempts("cleo")
        for _ in range(5):
            await self.pass_time(60)
        self.assertEqual(await self.attempts("bob"), first)
        self.assertEqual(await self.attempts("cleo"), second + 5)
        self.sandbox.faults.clear()
        await self.pass_time(60)
        await self.pass_time(60)
        self.assertEqual((self.texts(), self.texts(CLEO)), (["Ann: Lunch?"], ["Ann: Tea?"]))

    async def attempts(self, user: str) -> int:
        for key in await self.inspector.keys("out_item"):
            if await self.redis("HGET", key, F.lane) == user:
                return int(await self.redis("HGET", key, F.attempts))
        raise AssertionError(user)

    async def test_what_proves_it(self) -> None:
        """What Nexmo says of a number it says to an account that works: then the others go out."""
        for status in ("3", "6", "7", "12", "15", "29", "33"):
            self.fault(path="/sms/json", nexmo_status="9", times=1)
            await self.text_unread("Lunch?")
            self.assertEqual(await self.inspector.suspended(), 1)
            self.fault(path="/sms/json", nexmo_status=status, times=1)
            await self.text_unread("Tea?", conversation=self.with_cleo)
            self.assertEqual(await self.inspector.suspended(), 0, status)
            await self.pass_time(60)
        self.assertEqual(self.texts(), ["Ann: Lunch?"] * 7)

    async def test_what_does_not(self) -> None:
        """What nobody documents proves nothing."""
        self.fault(path="/sms/json", nexmo_status="9", times=1)
        await self.text_unread("Lunch?")
        self.fault(path="/sms/json", nexmo_status="98", times=1)
        await self.send("Tea?", conversation=self.with_cleo)
        await self.send("Supper?", conversation=self.with_dan)
        self.clock.advance(DELAY)
        await self.settle()
        self.assertEqual(await self.inspector.suspended(), 1)


class SuspensionLogTests(HealthWorld):
    async def test_nobody_is_told(self) -> None:
        """Of one text that is refused no hold is told while the others go out."""
        self.fault(path="/sms/json", text="<script>", status=406, body=b"", times=0)
        await self.send(POISON)
        await self.pass_time(1)
        await self.send("Lunch?")
        await self.pass_time(DELAY)
        await self.pass_time(2)
        await self.assert_well()
        self.assertEqual(self.texts(), ["Ann: Lunch?"])
        self.assertEqual([line for line in self.lines.ours if "Sending suspended" in line], [])
