"""The simulated Nexmo's HTTP API: sending SMS, and the numbers of the account.

Source of the facts: Vonage documentation, SMS API and Numbers API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.sandbox.http.allowed_urls import can_be_called
from nexmo_twisted.sandbox.http.faults import Fault, Faults
from nexmo_twisted.sandbox.http.messages import SimulatedResponse, json_response
from nexmo_twisted.sandbox.http.serving import BadInput, form_pairs, header, media_type, under_faults, write
from nexmo_twisted.sandbox.nexmo.rates_plan import is_toll_free
from nexmo_twisted.sandbox.nexmo.receipts import Receipts
from nexmo_twisted.sandbox.nexmo.refusals import authorized, refuse_pace, refuse_request, refuse_sender, refuse_sms
from nexmo_twisted.sandbox.nexmo.responses import accepted, broken, broken_sms, entries, labelled, part_codes, status
from nexmo_twisted.sandbox.nexmo.simulator import AcceptedSms, SimulatedNexmo

PAGE = 10
LARGEST_PAGE = 100
#: Seconds an inbound URL may take to answer before it is accepted.
PROBE_TIMEOUT = 15.0


class Probe(Protocol):
    """GETs a URL once before it is accepted."""

    async def probe(self, url: str, timeout: float) -> SimulatedResponse | None:
        """The answer, or None when there was none in time."""


class NexmoApi:
    """Serves ``/sms/json``, ``/account/numbers`` and ``/number/update`` for one simulated account.

    ``receipts`` sees to the delivery receipts of what is sent.
    """

    app = Klein()

    def __init__(self, nexmo: SimulatedNexmo, *, probe: Probe, faults: Faults, clock: IReactorTime) -> None:
        self._nexmo = nexmo
        self._probe = probe
        self._faults = faults
        self._clock = clock
        self.receipts = Receipts(nexmo, clock)

    @property
    def resource(self) -> Resource:
        """The root of the API, for a Site or a parent resource."""
        return self.app.resource()

    @app.route("/sms/json", methods=["POST"])
    async def sms(self, request: Request) -> bytes:
        params = _form(request)
        to, text = params.get("to", ""), params.get("text", "")

        async def effect() -> SimulatedResponse:
            answer, sms = self._send(request)
            if sms is not None:
                await self.receipts.follow(sms, request.notifyFinish)
            return answer

        def broken(fault: Fault, done: SimulatedResponse | None) -> SimulatedResponse:
            if done is None and fault.accepts_a_part:
                done, sms = self._send(request)
                if sms is not None:
                    self.receipts.follow(_good_parts(sms, fault), request.notifyFinish)
            return broken_sms(fault, done)

        return await under_faults(request, self._faults, self._clock, effect, broken, to, text)

    @app.route("/account/numbers", methods=["GET"])
    async def numbers(self, request: Request) -> bytes:
        async def effect() -> SimulatedResponse:
            return self._page(request) if authorized(self._nexmo, request) else _UNAUTHORIZED

        return await under_faults(request, self._faults, self._clock, effect, broken)

    @app.route("/number/update", methods=["POST"])
    async def update(self, request: Request) -> bytes:
        async def effect() -> SimulatedResponse:
            return await self._update(request) if authorized(self._nexmo, request) else _UNAUTHORIZED

        number = _form(request).get("msisdn", "")
        return await under_faults(request, self._faults, self._clock, effect, broken, number)

    @app.handle_errors(NotFound, RequestRedirect)
    def unknown_path(self, request: Any, failure: Failure) -> bytes:  # noqa: ARG002 - Klein's handlers have it
        return write(request, labelled(404, "not found"))

    @app.handle_errors(MethodNotAllowed)
    def wrong_method(self, request: Any, failure: Failure) -> bytes:  # noqa: ARG002 - Klein's handlers have it
        # The real one takes a GET too; then the secret is part of the URL, so here it is refused.
        return write(request, labelled(405, "method not allowed"))

    # Sending

    def _send(self, request: Request) -> tuple[SimulatedResponse, AcceptedSms | None]:
        """The answer, and the SMS if it was accepted."""
        if media_type(header(request, "content-type")).partition(";")[0] != "application/x-www-form-urlencoded":
            return labelled(415, "the body must be a form"), None
        try:
            pairs = form_pairs(request)
        except BadInput:
            return status("3", "Invalid encoding"), None
        params = dict(pairs)
        if len(params) != len(pairs):
            return status("3", "Repeated param"), None
        nexmo = self._nexmo
        refusal = refuse_sender(nexmo, request, pairs, params) or refuse_request(nexmo) or refuse_sms(nexmo, params)
        refusal = refusal or refuse_pace(nexmo, params["from"])
        if refusal is not None:
            return refusal, None
        client_ref = params.get("client-ref", "")
        sms = nexmo.accept(
            params["from"],
            params["to"],
            params["text"],
            params.get("type", "text"),
            client_ref,
            params.get("callback", ""),
        )
        return entries([accepted(sms.to, message_id, client_ref) for message_id in sms.message_ids]), sms

    # Numbers

    def _page(self, request: Request) -> SimulatedResponse:
        given = {key.decode("ascii", "replace"): values[-1] for key, values in request.args.items()}
        if given.keys() - {"size", "index"}:
            return labelled(420, "only size and index are simulated")
        try:
            size, index = int(given.get("size", PAGE)), int(given.get("index", 1))
        except ValueError:
            return labelled(420, "size and index must be numbers")
        if not 1 <= size <= LARGEST_PAGE or index < 1:
            return labelled(420, f"size must be 1 to {LARGEST_PAGE}, index at least 1")
        owned = list(self._nexmo.numbers.values())
        page = owned[(index - 1) * size : index * size]
        if not page:
            return json_response(200, {})
        return json_response(200, {"count": len(owned), "numbers": [_number(number) for number in page]})

    async def _update(self, request: Request) -> SimulatedResponse:
        params = _form(request)
        number = self._nexmo.numbers.get(params.get("msisdn", ""))
        if number is None or number.country != params.get("country", ""):
            return labelled(420, "method failed")
        if "moHttpUrl" in params:
            url = params["moHttpUrl"]
            if url and not await self._answers(url):
                return labelled(420, "moHttpUrl does not answer 200 OK")
            self._nexmo.route_inbound(number.msisdn, url)
        return labelled(200, "success")

    async def _answers(self, url: str) -> bool:
        if not can_be_called(url):
            return False
        answer = await self._probe.probe(url, PROBE_TIMEOUT)
        return answer is not None and answer.status == 200


def _good_parts(sms: AcceptedSms, fault: Fault) -> AcceptedSms:
    """The SMS without the parts that the fault refuses."""
    codes = part_codes(fault, len(sms.message_ids))
    good = [message_id for message_id, code in zip(sms.message_ids, codes, strict=True) if code == "0"]
    return replace(sms, message_ids=tuple(good))


def _form(request: Request) -> Mapping[str, str]:
    try:
        return dict(form_pairs(request))
    except BadInput:
        return {}


def _number(number: OwnedNumber) -> dict[str, Any]:
    """A number that has no inbound URL has no such member either."""
    shown = {
        "country": number.country,
        "msisdn": number.msisdn,
        "type": "landline-toll-free" if is_toll_free(number.msisdn) else "mobile-lvn",
        "features": sorted(number.features),
    }
    return {**shown, "moHttpUrl": number.inbound_url} if number.inbound_url else shown


_UNAUTHORIZED = labelled(401, "authentication failed")
