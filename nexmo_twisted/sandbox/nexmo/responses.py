"""The shapes of Nexmo's answers.

Source of the facts: Vonage documentation, SMS API and Numbers API; the words of errors as seen in the field.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.http.messages import JSON, SimulatedResponse, json_response

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
    "16": "Invalid TTL",
    "17": "Message blocked by provider",
    "18": "Too many destinations",
    "19": "Facility not allowed",
    "20": "Invalid message class",
    "22": "Invalid network code",
    "23": "Invalid callback URL",
    "29": "Non White-listed Destination - rejected",
    "32": "Signature and API secret disallowed",
    "33": "Number de-activated",
}

PRICE = "0.03330000"
_BALANCE = "3.14159265"
NETWORK = "12345"


def accepted(to: str, message_id: str, client_ref: str) -> dict[str, str]:
    """The entry of one part that was accepted. All values are strings."""
    entry = {
        "to": to,
        "message-id": message_id,
        "status": "0",
        "remaining-balance": _BALANCE,
        "message-price": PRICE,
        "network": NETWORK,
    }
    return {**entry, "client-ref": client_ref} if client_ref else entry


def refused(status: str, words: str = "") -> dict[str, str]:
    """The entry of a part that was not accepted: neither number nor id."""
    return {"status": status, "error-text": words or STATUSES.get(status, "Unknown error")}


def entries(messages: Sequence[dict[str, str]]) -> SimulatedResponse:
    """The answer of the SMS API: one entry for each part, and HTTP 200 whatever they say."""
    return json_response(200, {"message-count": str(len(messages)), "messages": list(messages)})


def status(code: str, words: str = "") -> SimulatedResponse:
    """The whole SMS was refused."""
    return entries([refused(code, words)])


def labelled(code: int, label: str) -> SimulatedResponse:
    """An answer of the Numbers API."""
    return json_response(code, {"error-code": str(code), "error-code-label": label})


def problem(code: int, title: str, detail: str) -> SimulatedResponse:
    """An answer in the form of problem+json."""
    answer = json_response(code, {"type": "about:blank", "title": title, "detail": detail})
    return SimulatedResponse(code, answer.body, (("content-type", "application/problem+json"),))


def broken(fault: Fault, _done: SimulatedResponse | None = None) -> SimulatedResponse:
    """The answer of a fault, anywhere."""
    if fault.body is not None:
        return SimulatedResponse(fault.status or 200, fault.body, (JSON,))
    code = fault.status or (429 if fault.retry_after is not None else 500)
    return labelled(code, "a fault of the sandbox")


def part_codes(fault: Fault, parts: int) -> list[str]:
    """The statuses that a fault gives the parts of one SMS."""
    codes = [code.strip() for code in (fault.nexmo_status or "").split(",")]
    return [*codes, *codes[-1:] * parts][:parts]


def broken_sms(fault: Fault, done: SimulatedResponse | None) -> SimulatedResponse:
    """The answer of a fault to a send request: of the parts that were accepted, some are reported as refused."""
    if fault.nexmo_status is None or fault.body is not None:
        return broken(fault)
    parts = json.loads(done.body).get("messages") if done is not None else None
    if parts and fault.accepts_a_part:
        codes = part_codes(fault, len(parts))
        answer = entries([part if code == "0" else refused(code) for part, code in zip(parts, codes, strict=True)])
    else:
        answer = entries([refused(code.strip()) for code in fault.nexmo_status.split(",")])
    return SimulatedResponse(fault.status or 200, answer.body, answer.headers)
