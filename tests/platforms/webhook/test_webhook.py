"""The endpoint for the events of a chat of one's own, with an intake that fails."""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.web.server import Site

from nexmo_twisted.domain.model import ChatEvent
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.platforms.webhook.signatures import Signatures
from nexmo_twisted.platforms.webhook.webhook import ChatWebhook
from nexmo_twisted.web.routing import root
from tests.configuration import WHSEC
from tests.network import listen
from tests.own_chat import sent
from tests.scenarios.outside import Caller, Heard
from tests.scenarios.own_world import headers_of
from tests.support import AsyncCase, counted


class FailingIntake:
    """Redis is away."""

    async def event(self, event: ChatEvent) -> None:
        raise StoreUnavailable(f"away, {event.kind} is lost")

    async def quarantine(self, reason: str, raw: bytes) -> None:
        raise StoreUnavailable(f"away, {len(raw)} bytes are lost: {reason}")


class NotStoredTests(AsyncCase):
    async def asyncSetUp(self) -> None:
        self.clock, self.metrics = Clock(), PrometheusMetrics()
        self.signatures = Signatures([WHSEC], self.clock.seconds)

    async def post(self, document: object, max_in_flight: int = 10) -> Heard:
        endpoint = ChatWebhook(
            signatures=self.signatures,
            region="US",
            intake=FailingIntake(),
            metrics=self.metrics,
            clock=self.clock,
            max_in_flight=max_in_flight,
        )
        caller = Caller(f"http://127.0.0.1:{listen(self, Site(root({'chat': endpoint})))}")
        raw = json.dumps(document).encode()
        return await caller.ask("POST", "/chat", raw, **headers_of(self.signatures.signed("msg_1", raw)))

    async def test_redis_away(self) -> None:
        """503 with Retry-After and without a body, also where warnings or an error would be told."""
        for number, document in enumerate((sent(), sent(text=5), sent(id=None)), 1):
            heard = await self.post(document)
            self.assertEqual((heard.code, heard.body), (503, b""))
            self.assertEqual(heard.headers.getRawHeaders("retry-after"), ["5"])
            self.assertEqual(counted(self.metrics, "webhooks", "chat", "unavailable"), number)

    async def test_busy(self) -> None:
        """So is one too many; nobody who is not signed learns of that."""
        heard = await self.post(sent(), 0)
        self.assertEqual((heard.code, heard.headers.getRawHeaders("retry-after")), (503, ["5"]))
        self.assertEqual(counted(self.metrics, "webhooks", "chat", "busy"), 1)
