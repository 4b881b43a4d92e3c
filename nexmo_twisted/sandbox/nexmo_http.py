"""The simulated Nexmo's HTTP API: sending SMS, and the numbers of the account.

Source of the facts: Vonage documentation, SMS API, Numbers API and "Signing messages"; answers to bad credentials as
seen in the field.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
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
from nexmo_twisted.sandbox.wire import JSON, Answer, json_answer

TEXT_LIMIT = 3200
CALLBACK_LIMIT = 100
CLIENT_REF_LIMIT = 100
PAGE = 10
LARGEST_PAGE = 100
#: Seconds an inbound URL may take to answer before it is accepted.
PROBE_TIMEOUT = 15.0
#: Seconds that a signed request's time may differ from ours. Not documented; as strict as the strictest SDK.
SIGNATURE_AGE = 300.0

#: The statuses of the SMS API, with the words that come with them.
STATUSES = {
    "1": "Throughput Rate Exceeded - please wait [ 978 ] and retry",
    "2": "Missing parameter",
    "3": "Invalid parameter value",
    "4": "Bad Credentials",
    "5": "Internal Error",
    "6": "Unroutable message - rejected",
    "7": "Number barred",
    "8": "Partner account barred",
    "9": "Partner quota violation",
    "10": "Too many existing binds",
    "11": "Account not enabled for HTTP",
    "12": "Message too long",
    "13": "Communication failed",
    "14": "Invalid Signature",
    "15": "Illegal Sender Address - rejected",
    "17": "Message blocked by provider",
    "19": "Facility not allowed",
    "22": "Invalid network code",
    "23": "Invalid callback URL",
    "29": "Non White-listed Destination - rejected",
    "32": "Signature and API secret disallowed",
    "33": "Number de-activated",
}

_MSISDN = re.compile(r"[0-9]{7,15}")
_PRICE = "0.03330000"
_BALANCE = "3.14159265"
_NETWORK = "12345"


class Probe(Protocol):
    """GETs a URL once before it is accepted."""

    async def probe(self, url: str, timeout: float) -> Answer | None:
        """The answer, or None when there was none in time."""


@dataclass(frozen=True, slots=True)
class _Credentials:
    """Whose request it is: ``admitted``, and if not, how that is answered."""

    admitted: bool
    refusal: Answer | None = None


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

        def broken(fault: Fault) -> Answer:
            return _broken_sms(fault, self._nexmo.parts(text, params.get("type", "text")), to)

        return await under_faults(request, self._faults, self._clock, effect, broken, to, text)

    @app.route("/account/numbers", methods=["GET"])
    async def numbers(self, request: Request) -> bytes:
        async def effect() -> Answer:
            return self._page(request) if self._basic(request) else _UNAUTHORIZED

        return await under_faults(request, self._faults, self._clock, effect, _broken)

    @app.route("/number/update", methods=["POST"])
    async def update(self, request: Request) -> bytes:
        async def effect() -> Answer:
            return await self._update(request) if self._basic(request) else _UNAUTHORIZED

        number = _form(request).get("msisdn", "")
        return await under_faults(request, self._faults, self._clock, effect, _broken, number)

    @app.handle_errors(NotFound, RequestRedirect)
    def unknown_path(self, request: Request, failure: Failure) -> bytes:
        return write(request, _labelled(404, "not found"))

    @app.handle_errors(MethodNotAllowed)
    def wrong_method(self, request: Request, failure: Failure) -> bytes:
        # The real one takes a GET too; then the secret is part of the URL, so here it is refused.
        return write(request, _labelled(405, "method not allowed"))

    # Sending

    def _send(self, request: Request) -> Answer:
        if (
            media_type(header(request, "content-type")).partition(";")[0]
            != "application/x-www-form-urlencoded"
        ):
            return _labelled(415, "the body must be a form")
        try:
            pairs = form_pairs(request)
        except BadInput:
            return _status("3", "Invalid encoding")
        params = dict(pairs)
        if len(params) != len(pairs):
            return _status("3", "Repeated param")
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
        return _entries([_accepted(sms.to, message_id, client_ref) for message_id in sms.message_ids])

    def _refuse_sender(
        self, request: Request, pairs: list[tuple[str, str]], params: Mapping[str, str]
    ) -> Answer | None:
        """Credentials come in exactly one of three ways: Basic, key and secret, or key and signature."""
        basic = bool(header(request, "authorization"))
        if "sig" in params and "api_secret" in params:
            return _status("32")
        if basic:
            if "sig" in params or "api_secret" in params:
                return _problem(401, "multiple-auth-methods", "Provide exactly one way to authenticate.")
            return None if self._basic(request) else _problem(401, "unauthorized", "Bad credentials.")
        if "api_key" not in params:
            return _status("2", "Missing api_key")
        if not _same(params["api_key"], self._nexmo.key):
            return _status("4")
        if "sig" in params:
            return self._refuse_signature(pairs)
        if "api_secret" not in params:
            return _status("2", "Missing api_secret")
        return None if _same(params["api_secret"], self._nexmo.secret) else _status("4")

    def _refuse_signature(self, pairs: list[tuple[str, str]]) -> Answer | None:
        if not self._nexmo.signature_secret:
            return _status("14")
        try:
            verify(
                pairs,
                self._nexmo.signature_secret,
                self._nexmo.signature_method,
                self._nexmo.now(),
                SIGNATURE_AGE,
            )
        except (BadSignature, BadRequest):
            return _status("14")
        return None

    def _refuse_sms(self, params: Mapping[str, str]) -> Answer | None:
        for name in ("to", "from", "text"):
            if not params.get(name):
                return _status("2", f"Missing {name} param")
        if not _MSISDN.fullmatch(params["to"]):
            return _status("3", "Invalid value for param: to")
        if params.get("type", "text") not in ("text", "unicode"):
            return _status("3", "Invalid value for param: type")
        if len(params.get("client-ref", "")) > CLIENT_REF_LIMIT:
            return _status("3", "Invalid value for param: client-ref")
        callback = params.get("callback", "")
        if callback and (len(callback) > CALLBACK_LIMIT or not _callable(callback)):
            return _status("23")
        if params["from"] not in self._nexmo.numbers:
            return _status("15")
        if len(params["text"]) > TEXT_LIMIT:
            return _status("12")
        return None

    # Numbers

    def _page(self, request: Request) -> Answer:
        given = {key.decode("ascii", "replace"): values[-1] for key, values in request.args.items()}
        if given.keys() - {"size", "index"}:
            return _labelled(420, "only size and index are simulated")
        try:
            size, index = int(given.get("size", PAGE)), int(given.get("index", 1))
        except ValueError:
            return _labelled(420, "size and index must be numbers")
        if not 1 <= size <= LARGEST_PAGE or index < 1:
            return _labelled(420, f"size must be 1 to {LARGEST_PAGE}, index at least 1")
        owned = list(self._nexmo.numbers.values())
        page = owned[(index - 1) * size : index * size]
        if not page:
            return json_answer(200, {})
        return json_answer(200, {"count": len(owned), "numbers": [_number(number) for number in page]})

    async def _update(self, request: Request) -> Answer:
        params = _form(request)
        number = self._nexmo.numbers.get(params.get("msisdn", ""))
        if number is None or number.country != params.get("country", ""):
            return _labelled(420, "method failed")
        if "moHttpUrl" in params:
            url = params["moHttpUrl"]
            if url and not await self._answers(url):
                return _labelled(420, "moHttpUrl does not answer 200 OK")
            self._nexmo.route_inbound(number.msisdn, url)
        return _labelled(200, "success")

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


def _accepted(to: str, message_id: str, client_ref: str) -> dict[str, str]:
    entry = {
        "to": to,
        "message-id": message_id,
        "status": "0",
        "remaining-balance": _BALANCE,
        "message-price": _PRICE,
        "network": _NETWORK,
    }
    return {**entry, "client-ref": client_ref} if client_ref else entry


def _entries(entries: list[dict[str, str]]) -> Answer:
    return json_answer(200, {"message-count": str(len(entries)), "messages": entries})


def _status(status: str, words: str = "") -> Answer:
    return _entries([{"status": status, "error-text": words or STATUSES.get(status, "Unknown error")}])


def _labelled(status: int, label: str) -> Answer:
    return json_answer(status, {"error-code": str(status), "error-code-label": label})


def _problem(status: int, title: str, detail: str) -> Answer:
    answer = json_answer(status, {"type": "about:blank", "title": title, "detail": detail})
    return Answer(status, answer.body, (("content-type", "application/problem+json"),))


_UNAUTHORIZED = _labelled(401, "authentication failed")


def _broken(fault: Fault) -> Answer:
    status = fault.status or (
        429 if fault.retry_after is not None else 200 if fault.body is not None else 500
    )
    if fault.body is not None:
        return Answer(status, fault.body, (JSON,))
    return _labelled(status, "a fault of the sandbox")


def _broken_sms(fault: Fault, parts: int, to: str) -> Answer:
    if fault.nexmo_status is None or fault.body is not None:
        return _broken(fault)
    statuses = [status.strip() for status in fault.nexmo_status.split(",")]
    statuses += statuses[-1:] * (parts - len(statuses))
    entries = [
        _accepted(to, f"part-{number}", "")
        if status == "0"
        else {"to": to, "status": status, "error-text": STATUSES.get(status, "Unknown error")}
        for number, status in enumerate(statuses)
    ]
    answer = _entries(entries)
    return Answer(fault.status or 200, answer.body, answer.headers)
