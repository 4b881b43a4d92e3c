"""The sandbox from outside: people act through the control API, and the demo plays the whole story."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Site

from nexmo_twisted.sandbox.demo import ANSWER, QUESTION, demo
from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.simulators import seed_people
from tests.sandbox.cases import Hit, SimulatorsCase, echo

OURS, ANN, BOB = "12015550101", "12015550111", "12015550112"


class ControlApiTests(SimulatorsCase):
    def setUp(self) -> None:
        super().setUp()
        seed_people(self.sandbox)
        self.pair, self.three = (each.id for each in self.layer.conversations.values())

    async def do(self, path: str, body: Any, method: str = "POST") -> Any:
        return await self.ask(method, f"/control/{path}", body)

    async def state(self) -> Any:
        return (await self.ask("GET", "/control/state")).json

    async def test_cast(self) -> None:
        """The sandbox begins with Ann, Bob and Cleo, all with fictional phones, in two conversations."""
        state = await self.state()
        self.assertEqual(list(state["users"]), ["ann", "bob", "cleo"])
        for user in state["users"].values():
            self.assertRegex(user["phone_number"], r"201\D*555\D*01\d\d$")
        self.assertEqual(
            [conversation["participants"] for conversation in state["conversations"]],
            [["ann", "bob"], ["ann", "bob", "cleo"]],
        )
        self.assertEqual(list(state["numbers"]), ["12015550101", "12015550102"])

    async def test_messages(self) -> None:
        """A user writes; the state shows the message with everybody's status."""
        reply = await self.do("messages", {"conversation": self.three, "sender": "ann", "text": "Hello 😀"})
        self.assertEqual(reply.status, 201)
        (message,) = (await self.state())["conversations"][1]["messages"]
        self.assertEqual(
            message,
            {
                "id": reply.json["id"],
                "sender": "ann",
                "text": "Hello 😀",
                "sent_at": "2023-11-14T22:13:20+00:00",
                "recipient_status": {"ann": "read", "bob": "sent", "cleo": "sent"},
            },
        )

    async def test_statuses(self) -> None:
        """A user's client gets a message, and the user reads it."""
        message = self.layer.send(self.pair, "ann", "Hello")
        for path, expected in (("delivered", "delivered"), ("read", "read")):
            self.assertEqual((await self.do(path, {"message": message, "user": "bob"})).status, 200)
            self.assertEqual(self.layer.message(message).recipient_status["bob"], expected)

    async def test_replies(self) -> None:
        """A handset writes to one of the numbers; the state shows its thread, both ways."""
        self.nexmo.accept(OURS, BOB, "Ann: Hello", client_ref="m-1")
        reply = await self.do("replies", {"handset": BOB, "number": OURS, "text": "Yes"})
        self.assertEqual(reply.status, 201)
        received, sent = (await self.state())["handsets"][BOB]
        self.assertEqual((received["direction"], received["text"]), ("received", "Ann: Hello"))
        self.assertEqual(
            sent,
            {
                "direction": "sent",
                "number": OURS,
                "text": "Yes",
                "at": "2023-11-14T22:13:20+00:00",
                "client_ref": "",
            },
        )

    async def test_faults(self) -> None:
        """Faults are put in force and cleared."""
        self.assertEqual((await self.do("faults", {"nexmo_status": "9", "times": 0})).status, 201)
        self.assertEqual(self.sandbox.faults.take("/", "GET"), Fault(nexmo_status="9", times=0))
        self.assertEqual((await self.do("faults", None, "DELETE")).status, 200)
        self.assertIsNone(self.sandbox.faults.take("/", "GET"))

    async def test_faults_spare_the_control(self) -> None:
        """A fault for everything leaves the control API alone: it could not be cleared otherwise."""
        self.sandbox.faults.add(Fault(status=500, times=0))
        self.assertEqual((await self.ask("GET", "/control/state")).status, 200)

    async def test_bad_input(self) -> None:
        """What cannot be read is 400, what is not what it should be 422, each with one clear sentence."""
        good = {"conversation": self.pair, "sender": "ann", "text": "Hello"}
        message = self.layer.send(self.pair, "ann", "Hello")
        unknown = "layer:///conversations/00000000-0000-4000-8000-000000000000"
        for path, body, status, said in (
            ("messages", b"{", 400, "JSON"),
            ("messages", b"\xff", 400, "JSON"),
            ("messages", b"[" * 200_000, 400, "JSON"),
            ("messages", b'{"text": NaN}', 400, "JSON"),
            ("messages", [], 422, "object"),
            ("messages", {**good, "text": ""}, 422, "text"),
            ("messages", {**good, "text": 5}, 422, "text"),
            ("messages", {**good, "sender": None}, 422, "sender"),
            ("messages", {**good, "colour": "red"}, 422, "colour"),
            ("messages", {**good, "sender": "cleo"}, 422, "participant"),
            ("messages", {**good, "conversation": unknown}, 422, "conversation"),
            ("read", {"message": unknown, "user": "bob"}, 422, "message"),
            ("read", {"message": message, "user": "cleo"}, 422, "participant"),
            ("replies", {"handset": BOB, "number": "12015550199", "text": "Yes"}, 422, "number"),
            ("faults", {"status": "many"}, 422, "status"),
            ("faults", b"no", 400, "JSON"),
        ):
            reply = await self.do(path, body)
            self.assertEqual((reply.status, list(reply.json)), (status, ["error"]), f"{path} {body!r:.60}")
            self.assertIn(said, reply.json["error"])

    async def test_deleted(self) -> None:
        """What was deleted is named as such."""
        self.layer.delete_conversation(self.pair)
        reply = await self.do("messages", {"conversation": self.pair, "sender": "ann", "text": "Hello"})
        self.assertEqual((reply.status, reply.json["error"]), (422, "the conversation was deleted"))

    async def test_paths(self) -> None:
        """Unknown paths are 404, known ones with another method 405, in JSON."""
        for method, path, status in (("GET", "nothing", 404), ("GET", "messages", 405), ("POST", "state", 405)):
            reply = await self.do(path, None, method)
            self.assertEqual((reply.status, list(reply.json)), (status, ["error"]))


class DemoTests(SimulatorsCase):
    """The demo against a stand-in for the service: it texts every message and posts every reply."""

    def setUp(self) -> None:
        super().setUp()
        seed_people(self.sandbox)
        self.said: list[str] = []
        self.texts = True
        self.posts = True

    async def register(self) -> None:
        self.conversation = next(iter(self.layer.conversations))
        self.customer.answer = self.serve_both
        await self.hook("message.sent")
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/sms")

    def serve_both(self, hit: Hit) -> tuple[int, bytes]:
        if hit.uri == "/layer" and self.texts:
            message = json.loads(hit.body)["message"]
            if message["sender"]["user_id"] == "ann":
                self.nexmo.accept(OURS, BOB, f"Ann: {message['parts'][0]['body']}")
        if hit.uri == "/sms" and self.posts:
            self.layer.send(self.conversation, "bob", ANSWER)
        return echo(hit)

    async def play(self, url: str | None = None) -> bool:
        """Play the demo, and let the clock go on while it waits."""
        playing = Deferred.fromCoroutine(
            demo(url or self.sandbox.base_url, clock=self.clock, http=self.http, out=self.said.append, limit=3.0)
        )
        while not playing.called:
            # An answer of the sandbox lets the demo's own requests go on in the meantime.
            await self.ask("GET", "/control/state")
            self.clock.advance(0.1)
        return await playing

    async def test_whole_story(self) -> None:
        """Ann writes, Bob's handset gets the SMS, he answers, the answer appears: told line by line."""
        await self.register()
        self.assertTrue(await self.play())
        story = "\n".join(self.said)
        for told in (QUESTION, f"Ann: {QUESTION}", ANSWER, "appears in the conversation", "seconds"):
            self.assertIn(told, story)
        question, answer = self.layer.messages(self.conversation)
        self.assertEqual((question.text, answer.text), (QUESTION, ANSWER))
        self.assertEqual(question.recipient_status["bob"], "sent")
        self.assertEqual(answer.recipient_status["ann"], "read")

    async def test_twice(self) -> None:
        """Played again, it does not take the SMS and the answer of the first time for new ones."""
        await self.register()
        self.assertTrue(await self.play())
        self.texts = False
        self.assertFalse(await self.play())
        self.assertIn("No SMS reached", self.said[-1])

    async def test_no_answer(self) -> None:
        """An answer that never appears ends the story with one clear sentence."""
        await self.register()
        self.posts = False
        self.assertFalse(await self.play())
        self.assertIn("did not appear", self.said[-1])

    async def test_no_service(self) -> None:
        """Without a service that registered itself there is nothing to show."""
        self.assertFalse(await self.play())
        self.assertEqual(len(self.said), 2)
        self.assertIn("Waiting for the service", self.said[0])
        self.assertIn("No service", self.said[-1])

    async def test_no_sandbox(self) -> None:
        """Where nothing runs it says how to start a sandbox."""
        self.assertFalse(await self.play("http://127.0.0.1:1"))
        (only,) = self.said
        self.assertIn("twistd -n nexmo --sandbox", only)

    async def test_something_else(self) -> None:
        """Another server at that place is told apart from a sandbox."""
        self.assertFalse(await self.play(self.serve(Site(Resource()))))
        self.assertIn("is no sandbox", self.said[-1])
