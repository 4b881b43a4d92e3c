"""A test case with both webhook endpoints: what is posted to them is recorded, or refused as the test says."""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import urlencode

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.model import ChatEvent, InboundSms
from nexmo_twisted.platforms.layer.webhook import LayerWebhook
from nexmo_twisted.ports import ChatIntake, SmsIntake
from nexmo_twisted.providers.nexmo.webhooks import NexmoWebhooks
from nexmo_twisted.web.routing import root
from tests.factories import API_ROOT
from tests.support import observe_log

LAYER, NEXMO = "/hooks/layer", "/sms"
SECRET, OLD_SECRET = b"the secret", b"the old secret"
LAYER_TYPE = "application/vnd.layer.webhooks+json; version=1.0"
FORM = "application/x-www-form-urlencoded"
SIGNING_SECRET = "my_secret_key_for_testing"


class Recorder:
    """Keeps what both intakes get; it can wait before that, or fail instead."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.fault: Exception | None = None
        self.waiting: list[Deferred[None]] | None = None
        self.again = 0  # SMS that were answered 503

    async def keep(self, what: object) -> None:
        if self.waiting is not None:
            done: Deferred[None] = Deferred()
            self.waiting.append(done)
            await done
        if self.fault is not None:
            raise self.fault
        self.kept.append(what)


class RecordingIntake:
    """The intake of the webhooks of one source."""

    def __init__(self, recorder: Recorder, source: str) -> None:
        self._recorder = recorder
        self._source = source

    async def event(self, event: ChatEvent) -> None:
        await self._recorder.keep(event)

    async def inbound_sms(self, sms: InboundSms) -> None:
        await self._recorder.keep(sms)

    def turned_away(self) -> None:
        self._recorder.again += 1

    async def receipt(self, receipt: DeliveryReport) -> None:
        await self._recorder.keep(receipt)

    async def quarantine(self, reason: str, raw: bytes) -> None:
        await self._recorder.keep((self._source, reason, raw))


class RecordingMetrics:
    """Metrics that can be read."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        assert name in ("webhooks", "webhook_members_ignored")
        counted = "_".join(labels)
        self.counts[counted] = self.counts.get(counted, 0) + amount

    def observe(self, name: str, seconds: float) -> None:
        raise AssertionError(f"webhooks have no histogram {name}, {seconds} s")


def signature(raw: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, raw, "sha1").hexdigest()


class WebhookCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.clock = Clock()
        self.intake = Recorder()
        self.counted = RecordingMetrics()
        self.open()
        self.lines: list[str] = []
        observe_log(self, self._note)

    def _note(self, event: LogEvent) -> None:
        if event["log_namespace"].startswith("nexmo_twisted"):
            self.lines.append(event["log_format"])

    def open(self, max_in_flight: int = 256, check: Any = None) -> None:
        chat: ChatIntake = RecordingIntake(self.intake, "layer")
        sms: SmsIntake = RecordingIntake(self.intake, "nexmo")
        self.layer = LayerWebhook(
            secrets=(SECRET, OLD_SECRET),
            api_root=API_ROOT,
            intake=chat,
            metrics=self.counted,
            clock=self.clock,
            max_in_flight=max_in_flight,
        )
        self.nexmo = NexmoWebhooks(sms, self.counted, self.clock, check, max_in_flight)
        self.root = root({"hooks/layer": self.layer, "sms": self.nexmo})
        self.client: Any = StubTreq(self.root)  # it has the functions of treq without annotations

    async def ask(self, method: str, path: str, *, body: bytes | None = None, **headers: str | list[str]) -> int:
        """The status of the answer to one request; every answer here is empty and claims to be nothing else, but for
        202: it says why the webhook is not used."""
        code, answered, content = await self.ask_for(method, path, body=body, **headers)
        if code == 202:
            self.assertRegex(content, rb"\Anot used: .+\n\Z")
        else:
            self.assertEqual(content, b"")
            self.assertFalse(answered.hasHeader("content-type"))
        if code == 503:
            self.assertEqual(answered.getRawHeaders("retry-after"), ["5"])
        return code

    async def ask_for(
        self, method: str, path: str, *, body: bytes | None = None, **headers: str | list[str]
    ) -> tuple[int, Headers, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.request(method, "http://hooks.example" + path, data=body, headers=named)
        return response.code, response.headers, await response.content()

    async def post_event(self, document: object, **headers: str | list[str]) -> int:
        """Post something to Layer's door as Layer would; ``headers`` replace its own."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        own: dict[str, Any] = {"content_type": LAYER_TYPE, "layer_webhook_signature": signature(raw)}
        return await self.ask("POST", LAYER, body=raw, **{**own, **headers})

    async def post_sms(self, body: Any, content_type: str = FORM, query: str = "") -> int:
        raw = body if isinstance(body, bytes) else urlencode(body).encode()
        return await self.ask("POST", NEXMO + query, body=raw, content_type=content_type)
