"""Another chat platform and another SMS provider, given to the composition: a message goes there and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.web.server import Site

from nexmo_twisted.config.loading import load
from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.service import NexmoService
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.wiring import Tuning
from tests.connectors.tiny_chat import TinyChat, TinyChatConnector
from tests.connectors.tiny_sms import TinySms, TinySmsConnector
from tests.factories import REPORT
from tests.inspector import K
from tests.network import listen
from tests.scenarios.outside import Caller
from tests.scenarios.world import free_port
from tests.support import PATIENCE, Server, StoreCase, turn

ROOM, EVENT, ANN, BOB = "room 7/alpha", "$ev:x", "ann@example.org", "bob/😀"
NUMBER, HANDSET = "12015550101", "12015550112"
DELAY = 600.0


class OtherCompaniesTests(StoreCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        chat_port, sms_port, port = free_port(), free_port(), free_port()
        self.chat, self.sms = TinyChat(), TinySms(NUMBER)
        self.chat.people = {ANN: {"name": "Ann"}, BOB: {"name": "Bob", "phone": "+1 201 555 0112"}}
        self.chat.rooms = {ROOM: {"title": "Alpha"}}
        listen(self, Site(self.chat), chat_port)
        listen(self, Site(self.sms), sms_port)
        url = f"http://127.0.0.1:{port}"
        connector = TinySmsConnector(f"http://127.0.0.1:{sms_port}", url, [NUMBER])
        settings = load(
            None,
            environ={},
            delay=int(DELAY * 1000),
            template="{{ sender.name }} in {{ conversation.title }} ({{ conversation.room }}): {{ text }}",
            layer={"app_id": "082d4684-0992-11e5-a6c0-1697f925ec7b", "token": "unused", "secret": "unused"},
            nexmo={"key": "unused", "secret": "unused", "phone_numbers": [NUMBER]},
            server={"url": url, "listen": f"tcp:{port}:interface=127.0.0.1", "redis": Server.shared().url},
            operator={"listen": ""},
        )
        self.service = service = NexmoService(
            settings,
            reactor,
            clock=self.clock,
            now=self.now,
            chat=TinyChatConnector(f"http://127.0.0.1:{chat_port}", url),
            sms=connector,
            tuning=Tuning(redis_timeout=PATIENCE),
        )
        self.describe = connector.describe
        self.caller = Caller(url)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        await self.eventually(lambda: self.chat.hook and self.sms.numbers[NUMBER])

    async def eventually(self, condition: Callable[[], object], turns: int = 100_000) -> None:
        """Lets what is due now happen until ``condition()`` holds."""
        for _ in range(turns):
            if condition():
                return
            self.clock.advance(0)
            await turn()
        raise AssertionError("it did not happen")

    async def post(self, url: str, **document: Any) -> int:
        """The status of the answer to a webhook."""
        path = "/" + url.split("/", 3)[3]
        heard = await self.caller.ask("POST", path, json.dumps(document).encode(), content_type="application/json")
        return heard.code

    async def send(self, event: str, text: str) -> None:
        sent = {"kind": "sent", "id": event, "room": ROOM, "from": ANN, "to": [BOB], "text": text}
        self.assertEqual(await self.post(self.chat.hook, **sent), 204)

    async def explained(self, name: str) -> str:
        """What an operator is told."""
        told: list[str] = []
        admin = QueueAdmin(self.connection, self.now)
        await explain(admin, name, Policy(REPORT, 600_000, "resend"), self.describe, told.append)
        return "\n".join(told)

    async def test_there_and_back(self) -> None:
        """A message that stays unread becomes an SMS, what became of that is known, and the answer is in the room."""
        await self.send(EVENT, "Lunch at noon?")
        self.assertIn(f"by {ANN} in {ROOM}", await self.explained(EVENT))
        self.clock.advance(DELAY)
        await self.eventually(lambda: self.sms.sent)
        text = f"Ann in Alpha ({ROOM}): Lunch at noon?"
        self.assertEqual(self.sms.sent, [{"from": NUMBER, "to": HANDSET, "text": text}])
        inbound = self.sms.numbers[NUMBER]
        self.assertEqual(await self.post(inbound, report="no. 1", state="lost", code=30003), 200)
        story = await self.explained(EVENT)
        for line in (
            f"Message {EVENT}",
            f"in {ROOM}",
            "delivery receipt: failed, code 30003 (no such handset)",
            "what to do: look for another provider",
        ):
            self.assertIn(line, story)
        reply = {"id": "reply/1", "from": HANDSET, "to": NUMBER, "text": "Yes, at the usual place, I hope"}
        self.assertEqual([await self.post(inbound, **reply) for _ in range(2)], [200, 200])
        await self.eventually(lambda: len(self.chat.posted) == 2 and not self.service.busy)
        self.assertEqual(
            list(self.chat.posted.values()), [(ROOM, BOB, "Yes, at the usual"), (ROOM, BOB, "place, I hope")]
        )
        self.assertIn(": posted", await self.explained("reply/1"))
        self.assertEqual(len(self.sms.sent), 1)

    async def test_read_in_time(self) -> None:
        """Of two messages the one that was read is not texted; what is texted is as long as the provider takes."""
        await self.send("1", "one")
        await self.send("2", "two " * 100)
        read = {"kind": "read", "id": "1", "from": ANN, "to": [BOB]}
        self.assertEqual(await self.post(self.chat.hook, **read), 204)
        self.clock.advance(DELAY)
        await self.eventually(lambda: self.sms.sent)
        (sent,) = self.sms.sent
        self.assertTrue(sent["text"].startswith(f"Ann in Alpha ({ROOM}): two"), sent)
        self.assertLessEqual(len(sent["text"]), 60)

    async def test_unreadable(self) -> None:
        """What nobody can read is kept, and answered as the endpoint says."""
        self.assertEqual(await self.post(self.chat.hook, kind="sent"), 204)
        self.assertEqual(await self.post(self.sms.numbers[NUMBER], report="no. 7", state="?"), 200)
        self.assertEqual(await self.redis("LLEN", K.unsigned), 2)
