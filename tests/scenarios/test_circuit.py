"""A company that fails again and again is asked one thing at a time, and the rest waits untouched."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from tests.scenarios.world import BOB, DELAY, ONE, TALK, World
from tests.support import turn

CROWD = 40


class CountingResource(Resource):
    """Passes every request on, and counts those whose path has ``path`` in it."""

    isLeaf = True

    def __init__(self, companies: IResource) -> None:
        super().__init__()
        self._companies: Any = companies
        self.path = "nothing"
        self.asked = self.open = self.most = 0

    def render(self, request: Request) -> Any:
        if self.path in request.path.decode():
            self.asked += 1
            self.open += 1
            self.most = max(self.most, self.open)
            request.notifyFinish().addBoth(self._closed)
        resource = self._companies
        request.prepath, request.postpath = [], request.path.split(b"/")[1:]
        while request.postpath and not resource.isLeaf:
            name = request.postpath.pop(0)
            request.prepath.append(name)
            resource = resource.getChildWithDefault(name, request)
        return resource.render(request)

    def _closed(self, _: object) -> None:
        self.open -= 1


class StormWorld(World):
    """Many people at once, each with a message that nobody reads."""

    def entrance(self, companies: IResource) -> IResource:
        self.count = CountingResource(companies)
        return self.count

    async def crowd(self) -> None:
        for n in range(CROWD):
            self.layer.add_user(f"user{n}", display_name=f"U{n}", phone_number=f"+1201555{2000 + n}")
            conversation = self.layer.start_conversation(["ann", f"user{n}"])
            self.layer.send(conversation if isinstance(conversation, str) else conversation.id, "ann", f"to {n}")
        await self.settle()
        self.clock.advance(DELAY)

    async def seconds(self, number: int) -> None:
        """That time passes, whatever is still under way at its end; what needs no time has its turns, and its answers
        from Redis."""
        for _ in range(4 * number):
            self.clock.advance(0.25)
            for _ in range(10):
                await self.answered()
                for _ in range(3):
                    self.clock.advance(0)
                    await turn()

    def sent(self) -> int:
        return len(self.nexmo.sent)


class NexmoCircuitTests(StormWorld):
    async def test_storm(self) -> None:
        """Nexmo has too many connections, as it says after two seconds each time: 20 SMS are under way when the first
        five fail; from then on it is one at a time. Nothing is lost, and what never left waits only until Nexmo works
        again."""
        self.count.path = "/sms/json"
        self.fault(path="/sms/json", nexmo_status="10", delay=2.0, times=0)
        await self.crowd()
        await self.tick_until(lambda: self.count.asked == 20)
        self.assertEqual(self.count.most, 20)
        await self.seconds(3)
        self.count.most = 0
        await self.seconds(60)
        self.assertEqual(self.count.most, 1)
        self.assertLess(self.count.asked, 20 + 12)
        self.sandbox.faults.clear()
        await self.seconds(3)
        untouched = CROWD - self.count.asked
        await self.tick_until(lambda: self.sent() >= untouched, seconds=0.1)
        await self.pass_time(900)
        self.assertEqual(self.sent(), CROWD)
        self.assertEqual(len({sms.client_ref for sms in self.nexmo.sent}), CROWD)


class LayerCircuitTests(StormWorld):
    async def test_identities(self) -> None:
        """The same for Layer, whom every recipient is looked up with."""
        self.count.path = "/identity"
        self.fault(path="/identity", status=503, delay=2.0, times=0)
        await self.crowd()
        await self.seconds(8)
        self.count.most, before = 0, self.count.asked
        await self.seconds(60)
        self.assertLessEqual(self.count.most, 1)
        self.assertLess(self.count.asked - before, 15)
        self.sandbox.faults.clear()
        await self.seconds(3)
        await self.pass_time(900)
        await self.pass_time(60)
        self.assertEqual(self.sent(), CROWD)

    async def test_replies(self) -> None:
        """And for what handsets write: each posted once when Layer is back, those of one handset in order."""
        await self.text_unread()
        self.count.path = "/messages"
        self.fault(path="/messages", method="POST", status=503, delay=1.0, times=0)
        for n in range(10):
            self.nexmo.reply(BOB, ONE, f"answer {n}")
        await self.seconds(120)
        self.assertEqual(self.count.most, 1)
        self.sandbox.faults.clear()
        await self.seconds(3)
        await self.pass_time(900)
        self.assertEqual(
            [text for user, text in self.posted(TALK) if user == "bob"], [f"answer {n}" for n in range(10)]
        )
