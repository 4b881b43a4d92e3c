"""The page about a chat of one's own: its code works as it stands, and its contract says what is so."""

from __future__ import annotations

import json
import time
from typing import Any

from openapi_schema_validator import OAS31Validator
from twisted.internet.threads import deferToThread

from tests.configuration import WHSEC
from tests.documents import ROOT, example
from tests.own_chat import deleted, sent, status
from tests.scenarios.own_world import CHAT_DOOR, OwnWorld
from tests.scenarios.world import BOB, DELAY, ONE

PAGE = ROOT / "docs" / "own-chat.md"
CONTRACT: dict[str, Any] = json.loads((ROOT / "docs" / "own-chat.openapi.json").read_text("utf-8"))


def schema(name: str) -> OAS31Validator:
    """What checks a value against one of the schemas of the contract."""
    return OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]})


class OwnChatPageTests(OwnWorld):
    async def test_the_sender(self) -> None:
        """The code of the page, with the published library, sends the event of the page."""
        self.clock.advance(time.time() - self.clock.seconds())
        await self.settle()
        names: dict[str, Any] = {}
        exec(compile(example(PAGE, "send.py"), "send.py", "exec"), names)  # noqa: S102 - our own page
        url = f"http://127.0.0.1:{self.port}{CHAT_DOOR}"
        for event, code in ((sent(), 204), (sent(sent_at=5), 202), (status("read", user="cleo"), 204)):
            answer = await deferToThread(names["send"], url, WHSEC, "msg_1", event)
            self.assertEqual(answer[0], code)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: Lunch at one?"])

    async def test_the_contract(self) -> None:
        """What the tests post, what is answered and what the chat gets keeps to it."""
        for name, event in {
            "MessageSent": sent(),
            "MessageRead": status("read"),
            "MessageDelivered": status("delivered"),
            "MessageDeleted": deleted(),
        }.items():
            schema(name).validate(event)
        warned = await self.event(sent(recipients=[{"id": "bob", "phone": "+12015550112"}, 5]))
        schema("Warnings").validate(json.loads(warned.body))
        for document, code in ((sent(id=None), 422), ({"type": "x"}, 422), (b"", 422)):
            heard = await self.event(document)
            schema("Refusal").validate(json.loads(heard.body))
            self.assertEqual(heard.code, code)
        unsigned = await self.event(sent(), webhook_signature="v1,x")
        schema("Refusal").validate(json.loads(unsigned.body))
        await self.pass_time(DELAY)
        await self.reply(BOB, ONE, "Yes")
        schema("ReplyCreated").validate(self.chat.calls[-1].document)
        codes = CONTRACT["paths"][CHAT_DOOR]["post"]["responses"]
        self.assertEqual(set(codes), {"202", "204", "401", "413", "422", "503"})

    def test_the_contract_refuses(self) -> None:
        """It is no contract that everything keeps to."""
        for name, event in (
            ("MessageSent", sent(recipients=[])),
            ("MessageSent", sent(id="..")),
            ("MessageSent", sent(id="a\0")),
            ("MessageSent", sent(conversation={})),
            ("MessageRead", status("read", user=None)),
            ("MessageDeleted", status("read")),
            ("ReplyCreated", {"type": "reply.created", "data": {}}),
        ):
            self.assertFalse(schema(name).is_valid(event), event)

    def test_the_examples(self) -> None:
        """Every event of the page keeps to the contract."""
        kinds = {"message.sent": "MessageSent", "message.read": "MessageRead", "message.delivered": "MessageDelivered"}
        kinds |= {"message.deleted": "MessageDeleted", "reply.created": "ReplyCreated"}
        text = PAGE.read_text("utf-8")
        found = [block.partition("```")[0] for block in text.split("```json\n")[1:]]
        decoder, seen = json.JSONDecoder(), set()
        for block in found:
            rest = block.strip()
            while rest:
                document, end = decoder.raw_decode(rest)
                rest = rest[end:].strip()
                schema(kinds[document["type"]]).validate(document)
                seen.add(document["type"])
        self.assertEqual(seen, set(kinds))
