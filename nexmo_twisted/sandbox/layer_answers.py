"""The simulated Layer's error bodies.

Source of the facts: Layer documentation, Platform API; which number and name an error has is our own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexmo_twisted.sandbox.faults import Fault
from nexmo_twisted.sandbox.wire import JSON, Answer, json_answer

#: The id and the code of an error body, by HTTP status.
_ERRORS = {
    400: ("invalid_request", 2),
    401: ("authentication_required", 3),
    403: ("access_denied", 101),
    404: ("not_found", 102),
    405: ("method_not_allowed", 103),
    406: ("invalid_accept_header", 4),
    410: ("object_deleted", 104),
    415: ("invalid_content_type", 5),
    422: ("invalid_property", 105),
    429: ("rate_limit_exceeded", 106),
    500: ("internal_server_error", 1),
    503: ("service_unavailable", 7),
}


class Refusal(Exception):
    """The request is answered with an error body."""

    def __init__(self, status: int, message: str, data: Mapping[str, Any] | None = None, name: str = "") -> None:
        super().__init__(message)
        known, code = _ERRORS.get(status, _ERRORS[500])
        self.answer = json_answer(
            status,
            {
                "code": code,
                "id": name or known,
                "message": message,
                "url": "https://developer.layer.com/docs/platform#errors",
                "data": dict(data or {}),
            },
        )


def broken(fault: Fault, done: Answer | None) -> Answer:
    """The answer of a fault."""
    if fault.body is not None:
        return Answer(fault.status or 200, fault.body, (JSON,))
    status = fault.status or (429 if fault.retry_after is not None else 500)
    return Refusal(status, "A fault of the sandbox.").answer
