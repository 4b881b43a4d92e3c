"""How a simulated company reads a request and answers it, faults included."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.http import Request
from twisted.web.resource import Resource

from nexmo_twisted.sandbox.http.faults import Fault, Faults
from nexmo_twisted.sandbox.http.messages import SimulatedResponse


class BadInput(Exception):
    """A request body that cannot be read (400), or that is not what it should be (422)."""

    def __init__(self, status: int, reason: str, member: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.member = member


class RawSegments(Resource):
    """Lets routes see each segment of the path as the client wrote it, percent signs and all.

    Twisted decodes the segments and Klein joins them again, so that an encoded slash in a user id would
    look like a border between two segments.
    """

    isLeaf = True

    def __init__(self, inner: Resource) -> None:
        super().__init__()
        self._inner: Any = inner

    def render(self, request: Any) -> Any:
        request.postpath = [quote(segment, safe="").encode("ascii") for segment in request.postpath]
        return self._inner.render(request)


def header(request: Request, name: str) -> str:
    """The value of a header, blank when there is none."""
    value = request.getHeader(name)
    return "" if value is None else str(value)


def media_type(value: str) -> str:
    """A media type without blanks and in lower case, so that two spellings of one type are the same."""
    return "".join(value.split()).lower()


def body_of(request: Request) -> bytes:
    """The whole body, also after Twisted looked into it for form fields."""
    content: Any = request.content
    content.seek(0)
    read: bytes = content.read()
    return read


def json_object(request: Request) -> Mapping[str, Any]:
    """The body as a JSON object. Raises BadInput."""
    try:
        value = json.loads(body_of(request).decode("utf-8"), parse_constant=_refuse)
        # JSON can spell characters that no UTF-8 can carry on.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise BadInput(400, "the body is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadInput(422, "the body must be a JSON object")
    return value


def form_pairs(request: Request) -> list[tuple[str, str]]:
    """The body as form fields in UTF-8, blank ones included. Raises BadInput."""
    try:
        body = body_of(request).decode("utf-8")
        return parse_qsl(body, keep_blank_values=True, errors="strict")
    except ValueError:
        raise BadInput(400, "the body is not a form in UTF-8") from None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


async def under_faults(
    request: Request,
    faults: Faults,
    clock: IReactorTime,
    effect: Callable[[], Awaitable[SimulatedResponse]],
    broken: Callable[[Fault, SimulatedResponse | None], SimulatedResponse],
    number: str = "",
    text: str = "",
) -> bytes:
    """Let the request take effect and write its answer, unless a fault is meant for it.

    ``effect`` does what was asked for and gives the answer; ``broken`` makes the answer of a fault, and is
    also given that of the effect when it was done. ``number`` and ``text`` are what the request is about.
    """
    path, method = request.path.decode("ascii", "replace"), request.method.decode("ascii", "replace")
    fault = faults.take(path, method, number, text)
    answer = None
    if fault is not None:
        if fault.done:
            answer = await effect()
        if fault.delay:
            await deferLater(clock, fault.delay)
        if fault.drop:
            transport: Any = request.transport
            transport.abortConnection()
            # Klein cancels this as soon as it sees that the connection is gone.
            await Deferred()
        if fault.answers:
            answer = broken(fault, answer)
    return write(request, answer or await effect(), fault)


def write(request: Request, answer: SimulatedResponse, fault: Fault | None = None) -> bytes:
    """Put status and headers into the response; returns the body for Klein to write."""
    request.setResponseCode(answer.status)
    headers = list(answer.headers)
    if fault is not None:
        headers += fault.headers
        if fault.retry_after is not None:
            headers.append(("retry-after", f"{fault.retry_after:g}"))
    for name, value in headers:
        request.setHeader(name, value)
    return answer.body
