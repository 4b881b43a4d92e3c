"""A second SMS provider, as small as one can be: whatever a connector has to do, and no more.

It speaks JSON in both directions, its reports carry no reference of ours, and it takes no text of more than 60
characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request

from nexmo_twisted.connectors import SmsConnector
from nexmo_twisted.domain.delivery import CodeMeaning, DeliveryReport, DeliveryState, DeliveryStatus
from nexmo_twisted.domain.model import InboundSms, Outcome, OwnedNumber, Sms, Verdict
from nexmo_twisted.http_client.client import Broken, Http, NotSent
from nexmo_twisted.http_client.responses import ask, read_json, refusal
from nexmo_twisted.ports import Metrics, SmsIntake, SmsProvider
from nexmo_twisted.web.admission import Admission, Webhooks
from nexmo_twisted.web.responses import answer, answer_errors, body_of

#: What became of an SMS, in the words of its reports.
STATES = {"arrived": DeliveryStatus.DELIVERED, "lost": DeliveryStatus.FAILED}


class TinySms(Resource):
    """The provider itself: what it was given to send, and where it delivers what comes for each number."""

    isLeaf = True

    def __init__(self, *numbers: str) -> None:
        super().__init__()
        self.sent: list[dict[str, str]] = []
        self.numbers = dict.fromkeys(numbers, "")

    def render(self, request: Request) -> bytes:
        """GET lists the numbers, PUT sets the URL of one, POST sends an SMS."""
        if request.method == b"GET":
            return json.dumps(self.numbers).encode()
        document = json.loads(body_of(request))
        if request.method == b"PUT":
            self.numbers |= document
            return b"{}"
        self.sent.append(document)
        return json.dumps({"id": f"no. {len(self.sent)}"}).encode()


class TinyProvider:
    """Its API."""

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url
        self._headers = Headers({"Content-Type": ["application/json"]})

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        body = json.dumps({"from": sms.sender, "to": sms.to, "text": sms.text}).encode()
        try:
            sent = await self._http.request("POST", self._url, headers=self._headers, body=body, until=until)
        except NotSent as error:
            return Outcome(verdict=Verdict.NOT_SENT, reason=error.reason)
        except Broken as error:
            return Outcome(verdict=Verdict.UNCERTAIN, reason=error.reason, on_wire=error.seconds)
        if sent.status != 200:
            return Outcome(verdict=Verdict.UNCERTAIN, reason=f"status {sent.status}", on_wire=sent.seconds)
        return Outcome(
            verdict=Verdict.ACCEPTED, reason="sent", message_ids=(json.loads(sent.body)["id"],), on_wire=sent.seconds
        )

    async def numbers(self) -> Sequence[OwnedNumber]:
        listed = read_json("Tiny SMS", await ask(self._http, "Tiny SMS", "GET", self._url, self._headers))
        return [OwnedNumber(number, "US", url) for number, url in listed.items()]

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        body = json.dumps({number.msisdn: url}).encode()
        done = await ask(self._http, "Tiny SMS", "PUT", self._url, self._headers, body)
        if done.status != 200:
            raise refusal("Tiny SMS", done.status, done)


@dataclass(frozen=True)
class TinyInbound:
    """The endpoint for both what handsets write, ``{"id", "from", "to", "text"}``, and what became of an SMS,
    ``{"report": id, "state", "code"}``."""

    intake: SmsIntake
    metrics: Metrics

    app = Klein()

    @cached_property
    def admission(self) -> Admission:
        return Admission(self.metrics, 10)

    @app.route("/", methods=["POST"])
    def take(self, request: Request) -> bytes | Deferred[bytes]:
        raw = body_of(request)
        if self.admission.full("tiny"):
            self.intake.turned_away()
            return answer(request, 503)
        try:
            storing = self._storing(json.loads(raw))
        except (LookupError, TypeError, ValueError) as error:
            kept = self.intake.quarantine(f"neither SMS nor report: {error!r}", raw)
            return self.admission.take(request, kept, "tiny", "quarantined", 200)
        return self.admission.take(request, storing, "tiny", "stored", 200)

    def _storing(self, document: Mapping[str, Any]) -> Any:
        if "report" in document:
            state = DeliveryState(STATES[document["state"]], document.get("code", 0))
            return self.intake.receipt(
                DeliveryReport(ref="", message_id=document["report"], handset="", number="", state=state)
            )
        sms = InboundSms(message_id=document["id"], msisdn=document["from"], to=document["to"], text=document["text"])
        return self.intake.inbound_sms(sms)

    def failed(self, _request: Request, failure: Failure) -> None:
        self.admission.failed("tiny", failure)


answer_errors(TinyInbound.app)


class TinySmsConnector:
    """``url`` is where the provider is, ``server_url`` where we are, ``numbers`` those that we send from."""

    name = "Tiny SMS"
    signed = False
    max_characters = 60
    redact = ""
    warning = "Tiny SMS: anybody can post to it"

    def __init__(self, url: str, server_url: str, numbers: Sequence[str]) -> None:
        self._url = url
        self.inbound_url = f"{server_url}/inbound"
        self.numbers = numbers

    def describe(self, code: int) -> CodeMeaning:
        return CodeMeaning("no such handset" if code == 30003 else "", "look for another provider")

    def provider(self, http: Http) -> SmsProvider:
        return TinyProvider(http, self._url)

    def webhooks(self, intake: SmsIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:  # noqa: ARG002 - as the protocol has it
        return {"inbound": TinyInbound(intake, metrics)}


_: type[SmsConnector] = TinySmsConnector
