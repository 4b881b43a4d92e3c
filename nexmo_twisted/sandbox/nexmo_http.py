"""The simulated Nexmo's HTTP API: sending SMS, and the numbers of the account.

Source of the facts: Vonage documentation, SMS API, Numbers API and "Signing messages"; answers to bad
credentials as seen in the field.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.model import OwnedNumber
from nexmo_twisted.rules.signatures import verify
from nexmo_twisted.sandbox.answering import BadInput, form_pairs, header, media_type, under_faults, write
from nexmo_twisted.sandbox.faults import Fault, Faults
from nexmo_twisted.sandbox.nexmo import SimulatedNexmo
from nexmo_twisted.sandbox.nexmo_answers import accepted, broken, broken_sms, entries, labelled, problem, status
from nexmo_twisted.sandbox.wire import Answer, json_answer

TEXT_LIMIT = 3200
CALLBACK_LIMIT = 100
CLIENT_REF_LIMIT = 100
PAGE = 10
LARGEST_PAGE = 100
#: Seconds an inbound URL may take to answer before it is accepted.
PROBE_TIMEOUT = 15.0
#: Seconds that a signed request's time may differ from ours. Not documented; as strict as the strictest SDK.
SIGNATURE_AGE = 300.0

_MSISDN = re.compile(r"[0-9]{7,15}")


class Probe(Protocol):
    """GETs a URL once before it is accepted."""

    async def probe(self, url: str, timeout: float) -> Answer | None:
        """The answer, or None when there was none in time."""


class NexmoApi:
    """Serves ``/sms/json``, ``/account/numbers`` and ``/number/update`` for one simulated account."""

    app = Klein()

    def __init__(self, nexmo: SimulatedNexmo, *, probe: Probe, faults: Faults, clock: IReactorTime) -> None:
        self._nexmo = nexmo
        self._probe = probe
        self._faults = faults
        self._clock = clock

    @property
    def resource(self) -> Resource:
        """The root of the API, for a Site or a parent resource."""
        return self.app.resource()

    @app.route("/sms/json", methods=["POST"])
    async def sms(self, request: Request) -> bytes:
        params = _form(request)
        to, text = params.get("to", ""), params.get("text", "")

        async def effect() -> Answer:
            return self._send(request)

        def broken(fault: Fault, done: Answer | None) -> Answer:
            if done is None and fault.accepts_a_part:
                done = self._send(request)
            return broken_sms(fault, done)

        return await under_faults(request, self._faults, self._clock, effect, broken, to, text)

    @app.route("/account/numbers", methods=["GET"])
    async def numbers(self, request: Request) -> bytes:
        async def effect() -> Answer:
            return self._page(request) if self._basic(request) else _UNAUTHORIZED

        return await under_faults(request, self._faults, self._clock, effect, broken)

    @app.route("/number/update", methods=["POST"])
    async def update(self, request: Request) -> bytes:
        async def effect() -> Answer:
            return await self._update(request) if self._basic(request) else _UNAUTHORIZED

        number = _form(request).get("msisdn", "")
        return await under_faults(request, self._faults, self._clock, effect, broken, number)

    @app.handle_errors(NotFound, RequestRedirect)
    def unknown_path(self, request: Any, failure: Failure) -> bytes:
        return write(request, labelled(404, "not found"))

    @app.handle_errors(MethodNotAllowed)
    def wrong_method(self, request: Any, failure: Failure) -> bytes:
        # The real one takes a GET too; then the secret is part of the URL, so here it is refused.
        return write(request, labelled(405, "method not allowed"))

    # Sending

    def _send(self, request: Request) -> Answer:
        if media_type(header(request, "content-type")).partition(";")[0] != "application/x-www-form-urlencoded":
            return labelled(415, "the body must be a form")
        try:
            pairs = form_pairs(request)
        except BadInput:
            return status("3", "Invalid encoding")
        params = dict(pairs)
        if len(params) != len(pairs):
            return status("3", "Repeated param")
        refusal = self._refuse_sender(request, pairs, params) or self._refuse_sms(params)
        if refusal is not None:
            return refusal
        client_ref = params.get("client-ref", "")
        sms = self._nexmo.accept(
            params["from"],
            params["to"],
            params["text"],
            params.get("type", "text"),
            client_ref,
            params.get("callback", ""),
        )
        return entries([accepted(sms.to, message_id, client_ref) for message_id in sms.message_ids])

    def _refuse_sender(
        self, request: Request, pairs: list[tuple[str, str]], params: Mapping[str, str]
    ) -> Answer | None:
        """Credentials come in exactly one of three ways: Basic, key and secret, or key and signature."""
        basic = bool(header(request, "authorization"))
        if "sig" in params and "api_secret" in params:
            return status("32")
        if basic:
            if "sig" in params or "api_secret" in params:
                return problem(401, "multiple-auth-methods", "Provide exactly one way to authenticate.")
            return None if self._basic(request) else problem(401, "unauthorized", "Bad credentials.")
        if "api_key" not in params:
            return status("2", "Missing api_key")
        if not _same(params["api_key"], self._nexmo.key):
            return status("4")
        if "sig" in params:
            return self._refuse_signature(pairs)
        if "api_secret" not in params:
            return status("2", "Missing api_secret")
        return None if _same(params["api_secret"], self._nexmo.secret) else status("4")

    def _refuse_signature(self, pairs: list[tuple[str, str]]) -> Answer | None:
        if not self._nexmo.signature_secret:
            return status("14")
        try:
            verify(
                pairs,
                self._nexmo.signature_secret,
                self._nexmo.signature_method,
                self._nexmo.now(),
                SIGNATURE_AGE,
            )
        except (BadSignature, BadRequest):
            return status("14")
        return None

    def _refuse_sms(self, params: Mapping[str, str]) -> Answer | None:
        for name in ("to", "from", "text"):
            if not params.get(name):
                return status("2", f"Missing {name} param")
        if not _MSISDN.fullmatch(params["to"]):
            return status("3", "Invalid value for param: to")
        if params.get("type", "text") not in ("text", "unicode"):
            return status("3", "Invalid value for param: type")
        if len(params.get("client-ref", "")) > CLIENT_REF_LIMIT:
            return status("3", "Invalid value for param: client-ref")
        callback = params.get("callback", "")
        if callback and (len(callback) > CALLBACK_LIMIT or not _callable(callback)):
            return status("23")
        if params["from"] not in self._nexmo.numbers:
            return status("15")
        if len(params["text"]) > TEXT_LIMIT:
            return status("12")
        return None

    # Numbers

    def _page(self, request: Request) -> Answer:
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
            return json_answer(200, {})
        return json_answer(200, {"count": len(owned), "numbers": [_number(number) for number in page]})

    async def _update(self, request: Request) -> Answer:
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
        if not _callable(url):
            return False
        answer = await self._probe.probe(url, PROBE_TIMEOUT)
        return answer is not None and answer.status == 200

    def _basic(self, request: Request) -> bool:
        scheme, _, credentials = header(request, "authorization").partition(" ")
        try:
            given = b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{self._nexmo.key}:{self._nexmo.secret}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _callable(url: str) -> bool:
    """Whether it is a URL that can be called, without characters that do not belong into one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and " " not in url
    except ValueError:
        return False


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
        "type": "mobile-lvn",
        "features": sorted(number.features),
    }
    return {**shown, "moHttpUrl": number.inbound_url} if number.inbound_url else shown


_UNAUTHORIZED = labelled(401, "authentication failed")
