"""What the simulated Nexmo refuses: credentials that are wrong, and SMS that are not as documented.

Source of the facts: Vonage documentation, SMS API and "Signing messages"; answers to bad credentials as seen in the
field.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping

from twisted.web.http import Request

from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.providers.nexmo.signatures import verify
from nexmo_twisted.sandbox.http.allowed_urls import can_be_called
from nexmo_twisted.sandbox.http.messages import SimulatedResponse
from nexmo_twisted.sandbox.http.serving import header
from nexmo_twisted.sandbox.nexmo.responses import problem, status
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo

TEXT_LIMIT = 3200
CALLBACK_LIMIT = 100
CLIENT_REF_LIMIT = 100
#: Seconds that a signed request's time may differ from ours. Not documented; as strict as the strictest SDK.
SIGNATURE_AGE = 300.0

#: E.164: neither '+' nor '00' in front, and no country's code begins with a 0.
_MSISDN = re.compile(r"[1-9][0-9]{6,14}")


def refuse_sender(
    nexmo: SimulatedNexmo, request: Request, pairs: list[tuple[str, str]], params: Mapping[str, str]
) -> SimulatedResponse | None:
    """Credentials come in exactly one of three ways: Basic, key and secret, or key and signature."""
    basic = bool(header(request, "authorization"))
    if "sig" in params and "api_secret" in params:
        return status("32")
    if basic:
        if "sig" in params or "api_secret" in params:
            return problem(401, "multiple-auth-methods", "Provide exactly one way to authenticate.")
        return None if authorized(nexmo, request) else problem(401, "unauthorized", "Bad credentials.")
    if "api_key" not in params:
        return status("2", "Missing api_key")
    if not _same(params["api_key"], nexmo.key):
        return status("4")
    if "sig" in params:
        return _refuse_signature(nexmo, pairs)
    if "api_secret" not in params:
        return status("2", "Missing api_secret")
    return None if _same(params["api_secret"], nexmo.secret) else status("4")


def refuse_sms(nexmo: SimulatedNexmo, params: Mapping[str, str]) -> SimulatedResponse | None:
    """What is missing or wrong has a status of its own."""
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
    if callback and (len(callback) > CALLBACK_LIMIT or not can_be_called(callback)):
        return status("23")
    if params["from"] not in nexmo.numbers:
        return status("15")
    if len(params["text"]) > TEXT_LIMIT:
        return status("12")
    return None


def refuse_request(nexmo: SimulatedNexmo) -> SimulatedResponse | None:
    """The account has sent too many requests just now. What the request asks for makes no difference."""
    words = nexmo.rates.refuse_request(nexmo.rates_plan, nexmo.now())
    return status("1", words) if words else None


def refuse_pace(nexmo: SimulatedNexmo, sender: str) -> SimulatedResponse | None:
    """One of the account's numbers sends too fast. To be asked last: what is refused otherwise was not sent."""
    words = nexmo.rates.refuse_sms(nexmo.rates_plan, nexmo.numbers[sender], nexmo.now())
    return status("1", words) if words else None


def authorized(nexmo: SimulatedNexmo, request: Request) -> bool:
    """Whether the ``Authorization`` header has the account's key and secret."""
    scheme, _, credentials = header(request, "authorization").partition(" ")
    try:
        given = b64decode(credentials, validate=True)
    except (binascii.Error, ValueError):
        return False
    wanted = f"{nexmo.key}:{nexmo.secret}".encode()
    return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)


def _refuse_signature(nexmo: SimulatedNexmo, pairs: list[tuple[str, str]]) -> SimulatedResponse | None:
    if not nexmo.signature_secret:
        return status("14")
    try:
        verify(pairs, nexmo.signature_secret, nexmo.signature_method, nexmo.now(), SIGNATURE_AGE)
    except (BadSignature, BadRequest):
        return status("14")
    return None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
