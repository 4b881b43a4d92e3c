"""The whole service between a chat of one's own and the simulated Nexmo."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from twisted.web.http_headers import Headers
from twisted.web.server import Site

from nexmo_twisted.config.models import Settings
from nexmo_twisted.platforms.webhook.signatures import Signatures
from tests.configuration import WHSEC
from tests.network import listen
from tests.own_chat import OwnChat, sent
from tests.scenarios.outside import Caller, Heard
from tests.scenarios.world import DELAY, World, free_port

CHAT_DOOR = "/chat-events"


def headers_of(signed: Headers) -> dict[str, Any]:
    """As arguments of Caller.ask()."""
    return {name.decode().lower().replace("-", "_"): values[0].decode() for name, values in signed.getAllRawHeaders()}


class OwnWorld(World):
    """A test of the product with a chat of one's own."""

    async def asyncSetUp(self) -> None:
        self.chat_port = free_port()
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}")
        self.signatures = Signatures([WHSEC], self.clock.seconds)
        self.ids = count(1)

    def configured(self, port: int, **more: Any) -> Settings:
        if not hasattr(self, "chat"):
            self.chat = OwnChat(WHSEC, self.clock.seconds)
            listen(self, Site(self.chat), self.chat_port)
        webhook = {"secret": WHSEC, "api_url": f"http://127.0.0.1:{self.chat_port}/sms"}
        return super().configured(port, **{"platform": "webhook", "webhook": webhook, **more})

    async def event(self, document: object, named: str = "", **headers: str | list[str] | None) -> Heard:
        """Post an event to the service as the chat would, signed; ``headers`` replace its own."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        signed = self.signatures.signed(named or f"msg_{next(self.ids)}", raw)
        heard = await self.caller.ask("POST", CHAT_DOOR, raw, **{**headers_of(signed), **headers})
        await self.settle()
        return heard

    async def text_it(self, **data: Any) -> None:
        """A message that nobody reads, and the delay."""
        self.assertEqual((await self.event(sent(**data))).code, 204)
        await self.pass_time(DELAY)
