"""The simulated Layer's error bodies.

Source of the facts: Layer documentation, Error handling, which lists the errors by code, name and HTTP status. Those of
410 and 415 are not listed: their names and codes are our own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.http.messages import JSON, SimulatedResponse, json_response

#: The id of an error body, by HTTP status.
_ERRORS = {
    400: "invalid_request",
    401: "authentication_required",
    403: "access_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "invalid_header",
    408: "request_timeout",
    409: "conflict",
    410: "object_deleted",
    415: "invalid_content_type",
    422: "invalid_property",
    429: "rate_limit_exceeded",
    500: "internal_server_error",
    503: "service_unavailable",
}
#: The code of an error body, by its id.
_CODES = {
    "service_unavailable": 1,
    "invalid_app_id": 2,
    "authentication_required": 4,
    "rate_limit_exceeded": 7,
    "request_timeout": 8,
    "invalid_request": 10,
    "internal_server_error": 100,
    "access_denied": 101,
    "not_found": 102,
    "missing_property": 104,
    "invalid_property": 105,
    "invalid_endpoint": 106,
    "invalid_header": 107,
    "conflict": 108,
    "method_not_allowed": 109,
}
#: That of one whose code is not documented.
_OTHER = 110


class Refusal(Exception):
    """The request is answered with an error body."""

    def __init__(self, status: int, message: str, data: Mapping[str, Any] | None = None, name: str = "") -> None:
        super().__init__(message)
        name = name or _ERRORS.get(status, _ERRORS[500])
        self.answer = json_response(
            status,
            {
                "code": _CODES.get(name, _OTHER),
                "id": name,
                "message": message,
                "url": "https://developer.layer.com/docs/platform#errors",
                "data": dict(data or {}),
            },
        )


def broken(fault: Fault, _done: SimulatedResponse | None) -> SimulatedResponse:
    """The answer of a fault."""
    if fault.body is not None:
        return SimulatedResponse(fault.status or 200, fault.body, (JSON,))
    status = fault.status or (429 if fault.retry_after is not None else 500)
    return Refusal(status, "A fault of the sandbox.").answer
