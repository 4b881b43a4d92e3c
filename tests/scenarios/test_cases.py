"""The named cases of the sandbox's page: each plays to its end, and shows what it says."""

from __future__ import annotations

from nexmo_twisted.domain.optout import CONFIRM_START, CONFIRM_STOP
from nexmo_twisted.sandbox.scenarios import CASES
from tests.scenarios.sandbox_case import PATIENCE, SandboxCase
from tests.scenarios.world import BOB, ONE
from tests.support import until


class SandboxScenarioTests(SandboxCase):
    async def play(self, case: str, *skips: str) -> None:
        """Begin it, and skip so much time, again and again where it takes several steps."""
        await self.do("cases", id=case)
        for skip in skips:
            await self.do("skip", by=skip)

    async def over(self) -> None:
        """Wait for the end of every case."""
        await until(lambda: not self.running.page.cases.playing, PATIENCE)

    def bob(self, number: int = 2) -> str:
        """The phone of the Bob of a case: the first one that is played has Ann 2, Bob 2 and Cleo 2."""
        return str(self.layer.users[f"bob-{number}"]["phone_number"]).removeprefix("+")

    def in_talk(self, *names: str, number: int = 2) -> list[tuple[str | None, str]]:
        """Who wrote what in the conversation of these people, of that case."""
        users = {f"{name}-{number}" for name in names or ("ann", "bob")}
        (talk,) = [id for id, each in self.layer.conversations.items() if set(each.participants) == users]
        return [(str(message.user_id).partition("-")[0], message.text) for message in self.layer.messages(talk)]

    def texts(self, handset: str = "") -> list[str]:
        return super().texts(handset or self.bob())

    async def test_throttled(self) -> None:
        """Nexmo throttles: three refusals, then the text goes out, once."""
        await self.play("throttled", "15 s", "1 minute")
        await self.over()
        self.assertEqual(self.texts(), ["Ann 2: Are you coming tonight?"])
        self.assertEqual(len([line for line in await self.timeline_lines() if "not accepted by Nexmo" in line]), 3)

    async def test_layer_down(self) -> None:
        """Layer is down: the reply is posted once it is back, once."""
        await self.play("layer-down", "15 s", "5 minutes")
        await self.over()
        self.assertEqual(self.in_talk()[1:], [("bob", "Layer was down when I wrote this.")])
        self.assertEqual(len([line for line in await self.timeline_lines() if "503" in line and "retry in" in line]), 4)

    async def test_read_before_sent(self) -> None:
        """Read before sent: the webhooks come the other way round, and nothing is sent."""
        await self.play("read-first", "1 minute")
        await self.over()
        self.assertEqual(self.nexmo.sent, [])
        received = [line for line in await self.timeline_lines() if line.startswith("message.")]
        self.assertEqual([line.split()[0] for line in received], ["message.read", "message.sent"])

    async def test_two_at_once(self) -> None:
        """Two conversations at once: two numbers on Bob's handset, and each answer finds its own conversation."""
        await self.play("two", "15 s")
        await self.over()
        await until(lambda: len(self.in_talk()) == 2 and len(self.in_talk("ann", "bob", "cleo")) == 2, PATIENCE)
        of = {sms.text: sms.sender for sms in self.nexmo.sent if sms.to == self.bob()}
        self.assertEqual(len(set(of.values())), 2)
        for names, text in (
            (("ann", "bob"), "Ann 2: Are you coming tonight?"),
            (("ann", "bob", "cleo"), "Ann 2: Lunch at noon?"),
        ):
            self.assertEqual(self.in_talk(*names)[1], ("bob", f"I answer in the thread of ...{of[text][-4:]}"))

    async def test_numbers_taken(self) -> None:
        """All numbers taken: one conversation more than there are numbers is not texted, and it is told why."""
        await self.play("taken", "15 s")
        await self.over()
        self.assertEqual(sorted(self.texts()), [f"Ann 2: What do you think of plan {each}?" for each in (1, 2)])
        self.assertIn(
            "Bob 2: no SMS: all numbers were in use on the recipient's handset; add numbers",
            await self.timeline_lines(),
        )

    async def test_long_reply(self) -> None:
        """Long reply in three parts: whatever their order, one message stands in the chat."""
        await self.play("long", "15 s")
        await self.over()
        (_, (who, text)) = self.in_talk()
        self.assertEqual((who, text.count("This is sentence")), ("bob", 10))
        received = [line for line in await self.timeline_lines() if line.startswith("part ")]
        self.assertEqual([line.split()[1] for line in received], ["3", "1", "2"])

    async def test_stop(self) -> None:
        """STOP: it is confirmed once, and the next message is not texted; START lifts it."""
        await self.play("stop", "15 s", "15 s")
        while self.running.page.cases.playing:
            await self.do("skip", by="1 minute")
        await until(lambda: len(self.texts()) == 3, PATIENCE)
        self.assertEqual(self.texts()[1:], [CONFIRM_STOP, CONFIRM_START])
        self.assertEqual([text for _, text in self.in_talk()], ["Are you coming tonight?", "Bob, one more thing ..."])
        self.assertIn("Bob 2: no SMS: the recipient has opted out by SMS", await self.timeline_lines())

    async def test_answer_lost(self) -> None:
        """Nexmo's answer is lost: its receipt settles it, and nothing is sent twice."""
        await self.play("lost", "15 s", "30 minutes")
        await self.over()
        self.assertEqual(self.texts(), ["Ann 2: Are you coming tonight?"])
        self.assertTrue(any("it may or may not have been sent" in line for line in await self.timeline_lines()))

    async def test_all(self) -> None:
        """There are eight; one that is not known is refused in words."""
        code, answer = await self.ask("GET", "/control/cases")
        self.assertEqual((code, [case["id"] for case in answer["cases"]]), (200, list(CASES)))
        self.assertEqual(len(CASES), 8)
        self.assertEqual(
            await self.ask("POST", "/control/cases", {"id": "none"}), (422, {"error": "there is no such case"})
        )

    async def test_nothing_comes_of_it(self) -> None:
        """What waits for something that does not come is over after an hour."""
        await self.play("long")
        await self.do("replies", handset=self.bob(), number=ONE, text="STOP")
        await self.do("skip", by="2 hours")
        await self.over()
        self.assertIn("An hour has passed", "".join(await self.timeline_lines()))

    async def test_leaves_nothing(self) -> None:
        """A case that ends early takes its faults along."""
        await self.play("throttled")
        await self.do("replies", handset=self.bob(), number=ONE, text="STOP")
        await self.do("skip", by="2 hours")
        await self.over()
        self.assertEqual(len(self.running.sandbox.faults), 0)

    async def test_again(self) -> None:
        """A case can be played as often as one likes, each time with other people."""
        for number in (2, 3):
            await self.play("layer-down", "1 minute", "5 minutes")
            await self.over()
            self.assertEqual(self.in_talk(number=number)[1:], [("bob", "Layer was down when I wrote this.")])
        self.assertEqual(len({self.bob(2), self.bob(3), BOB}), 3)

    async def test_any_order(self) -> None:
        """A case shows what it says whatever was played before, or is played beside it: here all of them at once, the
        other way round, after the visitor's own Bob has stopped his texts and had all his numbers taken."""
        await self.play("taken", "15 s")
        await self.do("replies", handset=BOB, number=ONE, text="STOP")
        for case in reversed(CASES):
            await self.play(case)
        for by in ("15 s", "1 minute", "15 s"):
            await self.do("skip", by=by)
        while self.running.page.cases.playing:
            await self.do("skip", by="1 minute")
        await self.do("skip", by="30 minutes")
        lines = await self.timeline_lines()
        self.assertNotIn("An hour has passed", "".join(lines))
        of = {case: number for number, case in enumerate(reversed(CASES), 3)}
        self.assertEqual(self.texts(self.bob(of["throttled"])), [f"Ann {of['throttled']}: Are you coming tonight?"])
        self.assertEqual(self.texts(self.bob(of["lost"])), [f"Ann {of['lost']}: Are you coming tonight?"])
        self.assertEqual(self.texts(self.bob(of["read-first"])), [])
        self.assertEqual(self.texts(self.bob(of["stop"]))[1:], [CONFIRM_STOP, CONFIRM_START])
        self.assertEqual(len(self.texts(self.bob(of["taken"]))), 2)
        self.assertEqual(len(self.texts(self.bob(of["two"]))), 2)
        down, long = self.in_talk(number=of["layer-down"]), self.in_talk(number=of["long"])
        self.assertEqual(down[1:], [("bob", "Layer was down when I wrote this.")])
        self.assertEqual((len(long), long[1][1].count("This is sentence")), (2, 10))
