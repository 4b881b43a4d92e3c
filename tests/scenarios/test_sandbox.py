"""``twistd -n nexmo --sandbox`` from the inside: the whole of it in this process, on free ports, in real time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent

from nexmo_twisted.sandbox.demo import demo
from nexmo_twisted.sandbox.persistence import KEY
from tests.scenarios.processes import ROOT, TWISTD, Program
from tests.scenarios.sandbox_case import PATIENCE, SandboxCase
from tests.scenarios.world import ANN, BOB, ONE, TALK, free_port
from tests.support import turn, until


class SandboxTests(SandboxCase):
    async def test_demo(self) -> None:
        """While the sandbox runs, the demo plays the whole story against it and prints it."""
        told: list[str] = []
        played = demo(self.url, clock=reactor, http=self.http, out=told.append)
        playing = Deferred.fromCoroutine(played)
        await until(lambda: self.posted() or playing.called, PATIENCE)
        await self.do("skip", by="15 seconds")
        self.assertTrue(await playing, told)
        self.assertIn("Bob", told[1])

    async def test_skip(self) -> None:
        """A skip lets everything happen that falls due meanwhile, in its order and at its time, and then answers; the
        timeline tells it."""
        self.layer.send(TALK, "ann", "Are you there?")
        began = self.running.clock.wall()
        answer = await self.do("skip", by="1 week")
        self.assertEqual(answer, {"ahead": 604_800.0})
        self.assertEqual(self.texts(), ["Ann: Are you there?"])
        self.assertTrue(0 <= self.nexmo.sent[0].at - began - self.delay < 2.0)
        lines = await self.timeline_lines()
        for line in (
            "message.sent received, due in 10 s",
            "checked: not read by Bob",
            "Bob: linked to +1 201 555 0101",
            "Bob: text sent from +1 201 555 0101 (1 segment, GSM-7)",
            "Bob: delivery receipt: delivered",
        ):
            self.assertIn(line, lines)

    async def test_skip_what(self) -> None:
        """What is no time to skip is told in words, and nothing is skipped."""
        for by in ("soon", "5 years", "", 5):
            code, answer = await self.ask("POST", "/control/skip", {"by": by})
            self.assertEqual((code, list(answer)), (422, ["error"]), by)
        both = [Deferred.fromCoroutine(self.ask("POST", "/control/skip", {"by": "10 s"})) for _ in range(2)]
        self.assertEqual(sorted([(await each)[0] for each in both]), [200, 409])
        self.assertEqual((await self.view())["ahead"], 10.0)

    async def test_reply(self) -> None:
        """A reply from the handset stands in the conversation, and both sides of the page and the timeline have it."""
        self.layer.send(TALK, "ann", "Are you there?")
        await self.do("skip", by="30 seconds")
        await self.do("replies", handset=BOB, number=ONE, text="Yes")
        await until(lambda: "Yes" in self.posted(), PATIENCE)
        view = await self.view()
        (thread,) = next(each for each in view["handsets"] if each["owner"] == "Bob")["threads"]
        self.assertEqual([sms["text"] for sms in thread["messages"]], ["Ann: Are you there?", "Yes"])
        self.assertEqual([each["text"] for each in view["conversations"][0]["messages"]], ["Are you there?", "Yes"])
        self.assertIn("reply posted into Ann and Bob as Bob", await self.timeline_lines())

    async def test_each_its_own_story(self) -> None:
        """What became of several replies is told of each, however they were put off."""
        self.layer.send(TALK, "ann", "Are you there?")
        await self.do("skip", by="30 seconds")
        await self.do("faults", path="/layer/", method="POST", status=503, times=1)
        for text in ("One", "Two", "Three"):
            await self.do("replies", handset=BOB, number=ONE, text=text)
        await self.do("skip", by="1 minute")
        stories = {story["title"]: story["lines"] for story in (await self.view())["stories"]}
        for text in ("One", "Two", "Three"):
            lines = [line["text"] for line in stories[f"Bob → +1 201 555 0101: {text}"]]
            self.assertEqual((lines[0], lines[-1]), ("SMS received", "reply posted into Ann and Bob as Bob"))
            self.assertEqual(len(lines), 3 if text == "One" else 2, lines)

    async def test_waiting_for_a_limit(self) -> None:
        """That an SMS waits for its turn is told."""
        await self.do("users", id="dan", name="Dan", phone="+12015550114")
        for user in ("bob", "dan"):
            talk = await self.do("conversations", participants=["ann", user])
            self.layer.send(talk["id"], "ann", "Hello")
        await self.do("skip", by="30 seconds")
        waits = "waiting for the rate limit of +1 201 555 0101"
        self.assertEqual(len([line for line in await self.timeline_lines() if line.endswith(waits)]), 1)
        self.assertEqual(len(self.nexmo.sent), 2)

    async def test_slow_while_time_is_skipped(self) -> None:
        """A skip does not make a slow answer one that never comes."""
        await self.do("faults", path="/sms/json", delay=20)
        self.layer.send(TALK, "ann", "Are you there?")
        await self.do("skip", by="10 minutes")
        self.assertEqual(self.texts(), ["Ann: Are you there?"])
        self.assertFalse([line for line in await self.timeline_lines() if "may or may not" in line])

    async def test_no_receipt(self) -> None:
        """What becomes of an SMS of unknown outcome is told, too."""
        await self.do("receipts", statuses=[])
        await self.do("faults", path="/sms/json", done=True, drop=True)
        self.layer.send(TALK, "ann", "Are you there?")
        await self.do("skip", by="30 minutes")
        lines = await self.timeline_lines()
        self.assertIn("Bob: no receipt in time: sent again", lines)
        self.assertEqual(len(self.texts()), 2)

    async def test_kept_at_once(self) -> None:
        """After a skip the new time is kept, also when the process is killed right then."""
        await self.do("skip", by="1 hour")
        service: Any = self.running.service
        kept = json.loads(await service.connections[1].command("GET", KEY))
        self.assertEqual(kept["ahead"], 3600.0)

    async def redis(self, *words: str | int) -> Any:
        """What the service's own Redis answers."""
        service: Any = self.running.service
        return await service.connections[1].command(*words)

    async def test_slow_redis(self) -> None:
        """While Redis says nothing for longer than an answer may take, a skip waits for it and is done all the same."""
        self.layer.send(TALK, "ann", "Are you there?")
        await until(lambda: not self.running.busy(), PATIENCE)
        await self.redis("CLIENT", "PAUSE", 1200, "ALL")
        self.assertEqual(await self.do("skip", by="1 minute"), {"ahead": 60.0})
        await self.do("skip", by="2 minutes")
        self.assertEqual(self.texts(), ["Ann: Are you there?"])

    async def test_read(self) -> None:
        """Who has read it gets no text, and the timeline says why."""
        message = self.layer.send(TALK, "ann", "Are you there?")
        await self.do("read", message=message, user="bob")
        await self.do("skip", by="30 seconds")
        self.assertEqual(self.texts(), [])
        lines = await self.timeline_lines()
        self.assertIn("message.read received: read by Bob", lines)
        self.assertIn("checked: skipped, all recipients have read it", lines)

    async def test_restart(self) -> None:
        """After a restart all is where it was: the chat, the handsets, the timeline, what is pending, the time."""
        self.layer.send(TALK, "ann", "The first")
        await self.do("skip", by="1 minute")
        self.layer.send(TALK, "ann", "The second")
        await until(lambda: not self.running.busy(), PATIENCE)
        before = await self.view()
        await self.stop()
        await self.start()
        after = await self.view()
        for what in ("ahead", "users", "conversations", "handsets"):
            self.assertEqual(after[what], before[what], what)
        self.assertEqual(after["stories"][1:], before["stories"][1:])
        await self.do("skip", by="1 minute")
        self.assertEqual(self.texts(), ["Ann: The first", "Ann: The second"])
        self.assertEqual((await self.view())["ahead"], 120.0)

    async def test_strangers(self) -> None:
        """A page of somebody else's, or one that reached us by another name, can neither see nor do anything."""
        host = f"127.0.0.1:{self.ports['companies']}"
        for headers in ({"origin": "https://evil.example"}, {"host": f"evil.example:{self.ports['companies']}"}):
            for method, path in (
                ("POST", "/control/skip"),
                ("GET", "/control/state"),
                ("GET", "/events"),
                ("POST", "/nexmo/sms/json"),
                ("GET", "/layer/apps/x/webhooks"),
                ("GET", "/"),
            ):
                code, answer = await self.ask(method, path, {"by": "10 s"} if method == "POST" else None, **headers)
                self.assertEqual((code, list(answer)), (403, ["error"]), path)
        code, _ = await self.ask("GET", "/control/state", None, origin=f"http://{host}")
        self.assertEqual(code, 200)

    async def test_page(self) -> None:
        """The page asks nobody else for anything, and its parts are served as what they are."""
        for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
            answer = await self.http.get(f"{self.url}{path}")
            content = await answer.text()
            self.assertEqual(answer.code, 200)
            self.assertTrue(answer.headers.getRawHeaders("content-type")[0].startswith(kind))
            self.assertIn("default-src 'none'", answer.headers.getRawHeaders("content-security-policy")[0])
            self.assertNotIn("://", content)

    async def test_more_people(self) -> None:
        """A new person and a new conversation take part as the others do."""
        await self.do("users", id="dan", name="Dan", phone="(201) 555-0114")
        talk = await self.do("conversations", participants=["ann", "dan"], name="Dinner")
        await self.do("messages", conversation=talk["id"], sender="ann", text="Soup?")
        await self.do("skip", by="30 seconds")
        self.assertEqual(self.texts("12015550114"), ["Ann: Soup?"])
        for path, body, said in (
            ("users", {"id": "dan", "name": "Dan"}, "already"),
            ("users", {"id": "eve"}, "name"),
            ("users", {"id": "eve", "name": "Eve", "phone": 5}, "phone"),
            ("conversations", {"participants": ["ann"]}, "two"),
            ("conversations", {"participants": ["ann", "ann"]}, "two"),
            ("conversations", {"participants": ["ann", "nobody"]}, "user"),
            ("conversations", {}, "two"),
            ("deleted", {"message": "x"}, "message"),
        ):
            code, answer = await self.ask("POST", f"/control/{path}", body)
            self.assertEqual(code, 422, path)
            self.assertIn(said, answer["error"])

    async def test_deleted(self) -> None:
        """A deleted message is not texted."""
        message = await self.do("messages", conversation=TALK, sender="ann", text="Never mind")
        await self.do("deleted", message=message["id"])
        await self.do("skip", by="30 seconds")
        self.assertEqual(self.texts(), [])


class SandboxSettingsTests(SandboxCase):
    """Templates, delay, numbers, functions and introduction of a file of one's own, without a credential in it."""

    delay = 120.0
    toml = """
        delay = "2 minutes"
        template = "<%= recipient.name %>, <%= sender.name %> says: <%= text %>"
        introduce_conversation = "tests.scenarios.own_functions:introduce"
        identities = "tests.scenarios.own_functions:identity"
        default_region = "GB"
        [nexmo]
        phone_numbers = ["447700900001"]
        signature_secret = "their own"
        [server]
        url = "https://hooks.example.com"
        [layer]
        secret = "not used here"
    """

    async def test_their_own(self) -> None:
        """They are kept; the two companies, Redis and the ports are the sandbox's."""
        self.layer.send(TALK, "ann", "Are you there?")
        await self.do("skip", by="1 minute")
        self.assertEqual(self.nexmo.sent, [])
        await self.do("skip", by="90 seconds")
        (sms,) = self.nexmo.sent
        self.assertEqual((sms.sender, sms.to), ("447700900001", "447700900112"))
        self.assertEqual(sms.text, "Ann and Bob: answer here.\n\nMr. bob, Mr. ann says: Are you there?")
        await self.do("replies", handset=sms.to, number=sms.sender, text="Yes")
        await until(lambda: "Yes" in self.posted(), PATIENCE)
        view = await self.view()
        self.assertIn("Bob", [each["owner"] for each in view["handsets"] if each["msisdn"] == sms.to])
        self.assertEqual(self.texts(ANN), [])


class SandboxKilledTests(TestCase):
    """The sandbox as a process of its own."""

    timeout = 60

    async def test_at_once(self) -> None:
        """Killed before anything was kept of what it told the companies, it tells them again when it is started."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        port = free_port()
        environ = {"SANDBOX_PORTS": f"{port},{free_port()},{free_port()}"}
        application = str(ROOT / "tests" / "browser" / "sandbox.tac")
        for last in (False, True):
            process = Program(directory, TWISTD, "-n", "--pidfile=", "-y", application, environ=environ)
            self.addCleanup(process.stop)
            while not await self.registered(process, port):
                await turn(0.02)
            if not last:
                await process.stop("KILL")
        self.assertIn("already running", process.output)

    async def registered(self, process: Program, port: int) -> bool:
        """Whether both companies know the service by now."""
        self.assertIsNone(process.code, process.output)
        try:
            answer = await HTTPClient(Agent(reactor)).get(f"http://127.0.0.1:{port}/control/state")
            state = await answer.json()
        except ConnectionRefusedError:
            return False
        numbers = [number["inbound_url"] for number in state["numbers"].values()]
        return all(numbers) and any(hook["status"] == "active" for hook in state["webhooks"])
