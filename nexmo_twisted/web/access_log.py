"""The access log: a line for each request that was stored; for others one a minute for each address and status."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request

from nexmo_twisted.web.throttled_log import ThrottledLog


class AccessLog:
    """Says which requests have a line.

    Those that brought something that was stored all have one. Of the others there is one line in a minute for each
    address and status, so that they cannot fill a disk.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._others = ThrottledLog(Logger(), clock)

    def has(self, request: Request) -> bool:
        """Whether this request, which has just been answered, has a line."""
        return getattr(request, "stored", False) or self._others.may(f"{_client(request)} {request.code}")


def access_line(_timestamp: str, request: Request, redact: str = "") -> str:
    """One line of the access log: never the query, since that is where Nexmo puts numbers and texts, nor ``redact``.

    The time is left to the log itself: ``timestamp`` comes from a clock that need not tell the time of day.
    """
    whole = request.path.replace(redact.encode(), b"...") if redact else request.path
    method, path = repr(request.method[:16])[2:-1], repr(whole[:100])[2:-1]
    return f"{_client(request)} {method} {path} {request.code} {request.sentLength}"


def _client(request: Request) -> str:
    return getattr(request.client, "host", "-")
