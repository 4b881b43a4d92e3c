"""One odd member of a webhook never voids the rest: the text arrives."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from tests.factories import webhook
from tests.inspector import K
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller
from tests.scenarios.world import BOB, DELAY, ONE, TALK, World

JSON = "application/json"
GOOD = {"mime_type": "text/plain", "body": "the good part"}
#: Parts that cannot be used.
ODD_PARTS: dict[str, Any] = {
    "without mime_type": {"mime_type": None, "content": {"id": "layer:///content/1"}},
    "whose body is an object": {"mime_type": "application/json", "body": {"a": 1}},
    "whose body is a number": {"mime_type": "application/x-count", "body": 5},
    "that is none": None,
}


class OddMemberTests(World):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)

    async def test_replies(self) -> None:
        """A reply whose needed parameters are all there is posted, whatever stands beside them."""
        await self.text_unread()
        needed = {"msisdn": BOB, "to": ONE, "type": "text"}
        posted = [("ann", "Lunch at noon?")]
        for text, kind, more in (
            ("a nested object", JSON, {"usage": {"price": "0.01", "currency": "EUR"}}),
            ("a list", JSON, {"tags": ["a"]}),
            ("repeated", FORM, [("tag", "1"), ("tag", "2")]),
            ("many", FORM, [(f"tag{number}", "") for number in range(100)]),
            ("not UTF-8", FORM, [("keyword", b"\xe9")]),
            ("by another name", "text/json", {}),
            ("by a vendor's name", "application/vnd.vonage+json", {}),
            ("by no name", None, {}),
        ):
            params = {**needed, "messageId": str(uuid4()), "text": text}
            pairs: list[tuple[str, Any]] = [*params.items(), *more] if isinstance(more, list) else []
            body = urlencode(pairs) if pairs else json.dumps({**params, **dict(more)})
            heard = await self.caller.ask("POST", NEXMO_DOOR, body.encode(), content_type=kind)
            await self.settle()
            posted.append(("bob", text))
            self.assertEqual((heard.code, self.posted()), (200, posted), text)
        self.assertEqual(await self.redis("EXISTS", K.quarantine, K.unsigned), 0)

    async def test_parts(self) -> None:
        """A good part is texted beside one that cannot be used, and that one is counted."""
        for number, (what, odd) in enumerate(ODD_PARTS.items(), 1):
            message = {
                "id": f"layer:///messages/{uuid4()}",
                "conversation": {"id": TALK},
                "sender": {"user_id": "ann", "name": None},
                "recipient_status": {"ann": "read", "bob": "sent"},
                "parts": [GOOD, odd],
            }
            self.assertEqual((await self.caller.event(webhook(**message))).code, 204, what)
            await self.pass_time(DELAY)
            self.assertEqual(self.texts(), ["Ann: the good part"] * number, what)
            self.assertEqual(self.counted("webhook_members_ignored", "part"), number)
