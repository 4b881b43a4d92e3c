"""What all endpoints have in common: how they read a request, and the answers that are a status and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

from klein import Klein
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed


class Endpoint(Protocol):
    """A Klein app with a route '/'."""

    @property
    def app(self) -> Klein:
        """Bound to this endpoint."""

    def failed(self, request: Request, failure: Failure, /) -> None:
        """Log and count an unexpected error."""


def answer(request: Request, code: int) -> bytes:
    """An answer without a body."""
    request.setResponseCode(code)
    if code != 204:
        request.responseHeaders.setRawHeaders(b"content-length", [b"0"])
    if code == 503:
        request.responseHeaders.setRawHeaders(b"retry-after", [b"5"])
    return b""


def answer_errors(app: Klein) -> None:
    """Give the app of an endpoint its answers where its routes have none: 404, 405, and 503 for an unexpected error,
    since the client should repeat the request. Klein tries handlers in the order of their definition."""
    app.handle_errors(HTTPException)(_no_route)  # type: ignore[arg-type]
    app.handle_errors(Exception)(_unforeseen)  # type: ignore[arg-type]


def _no_route(_endpoint: Endpoint, request: Request, failure: Failure) -> bytes:
    if not isinstance(failure.value, MethodNotAllowed):
        return answer(request, 404)
    allowed = ", ".join(sorted(failure.value.valid_methods or ()))
    request.responseHeaders.setRawHeaders(b"allow", [allowed.encode()])
    return answer(request, 405)


def _unforeseen(endpoint: Endpoint, request: Request, failure: Failure) -> bytes:
    endpoint.failed(request, failure)
    return answer(request, 503)


def body_of(request: Request) -> bytes:
    """The whole body."""
    assert request.content is not None
    body: bytes = request.content.read()
    return body


def source_of(request: Request) -> str:
    """The address a request came from, for the log."""
    return str(getattr(request.client, "host", "-"))


def content_type_of(request: Request) -> str:
    """The content type in lower case without its parameters, '' when there is none."""
    return _media_type(request.requestHeaders.getRawHeaders(b"content-type", (b"",))[0])


@lru_cache(100)
def is_json(content_type: str) -> bool:
    """Whether that is one of the names of JSON. Source: RFC 8259, and RFC 6839 for the names that end in +json."""
    return re.fullmatch(r"application/json|text/json|application/[^/,;\s]+\+json", content_type) is not None


@lru_cache(100)
def _media_type(value: bytes) -> str:
    return value.partition(b";")[0].strip().lower().decode("latin-1")
