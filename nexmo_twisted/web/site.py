"""The HTTP server that faces the internet: everything a stranger can make it spend has a limit.

Twisted's own server reads bodies of any size, parses forms before any handler sees them and only times out
idle connections, so that one byte a second holds a connection for ever. This one does none of that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolFactory,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from nexmo_twisted.web.large_bodies import LargeBody

_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def hardened_site(
    resource: IResource,
    clock: IReactorTime,
    *,
    max_body: int = 1024 * 1024,
    deadline: float = 10.0,
    answer_within: float = 30.0,
    max_connections: int = 512,
    refused: Callable[[str], object] = lambda reason: None,
    hidden: str = "",
    large: Callable[[bytes, bytes, Headers, int | None], LargeBody | None] = lambda *request: None,
) -> IProtocolFactory:
    """Serve ``resource`` over HTTP/1.1 to anybody.

    A body of more than ``max_body`` bytes is answered 413 while it is read, declared or chunked. A connection
    is cut ``deadline`` seconds after it was made, or after its last answer, when no whole request has come by
    then, however busily it trickles; and ``answer_within`` seconds after a request that has no answer yet.
    More than ``max_connections`` at a time are closed at once, so the bodies in memory are bounded too.

    ``refused`` hears of each refusal: ``body_too_large``, ``slow_request``, ``slow_answer`` or
    ``too_many_connections``. Forms are left unparsed: a handler reads ``request.content``. Encryption is the
    business of the endpoint that listens. What is ``hidden`` in a path is not shown in the access log.

    ``large`` is asked, with the method, the target, the headers and the declared length of a request (None for chunks),
    before its body is refused for its size. What it returns takes the body instead, and is the ``large`` of the request
    that the handler gets, which has no content then.
    """
    return cast(
        IProtocolFactory,
        _HardenedSite(resource, clock, max_body, deadline, answer_within, max_connections, refused, hidden, large),
    )


#: The endpoints that we open ourselves, with the place of ``backlog`` among their arguments.
_BACKLOG = {"tcp": 2, "ssl": 5, "unix": 2}


def roomy(where: str, room: int = 512) -> str:
    """The endpoint description ``where``, with room for that many connections that are not accepted yet, or for as
    many as the kernel allows.

    Twisted's own 50 are soon taken when many clients come at once. The kernel then drops what the others send, and
    they try again after a second, two, four. An endpoint that says itself for how many it has room, or that somebody
    else has opened (``systemd:``), is left as it is.
    """
    kind, *parts = re.split(r"(?<!\\):", where)
    if kind not in _BACKLOG:
        return where
    unnamed = sum("=" not in part for part in parts)
    said = unnamed > _BACKLOG[kind] or any(part.startswith("backlog=") for part in parts)
    return where if said else f"{where}:backlog={room}"


def access_line(timestamp: str, request: Request, hidden: str = "") -> str:
    """One line of the access log: never the query, since that is where Nexmo puts numbers and texts, nor ``hidden``.

    The time is left to the log itself: ``timestamp`` comes from a clock that need not tell the time of day.
    """
    client = getattr(request.client, "host", "-")
    whole = request.path.replace(hidden.encode(), b"...") if hidden else request.path
    method, path = repr(request.method[:16])[2:-1], repr(whole[:100])[2:-1]
    return f"{client} {method} {path} {request.code} {request.sentLength}"


class _Request(Request):
    """One request, whose body stays in memory: Twisted's temporary files would block the reactor."""

    channel: _Channel
    content: BytesIO
    large: LargeBody | None = None  #: what has taken the body, when that is larger than the limit

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel.turned_away:
            return
        if self.large is None and self.content.tell() + len(data) <= self.channel.site.max_body:
            self.content.write(data)
        elif not (self.channel.takes_large(self) and self.large is not None and self.large.write(data)):
            self.channel.refuse_body()


class _Channel(HTTPChannel):
    """One connection. One timer serves all its requests: it looks whether time is up, else is set again."""

    site: _HardenedSite
    transport: Any  # ITransport lacks what those of TCP and TLS have in common
    turned_away = False
    _timer: IDelayedCall | None = None
    _large: LargeBody | None = None
    _until = 0.0
    _answering = False
    _answered = False

    def connectionMade(self) -> None:
        self.site.connections += 1
        self._allow(self.site.deadline)
        self._look_again(self.site.deadline)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.site.connections -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._close_large()
        super().connectionLost(reason)

    def _allow(self, seconds: float) -> None:
        self._until = self.site.clock.seconds() + seconds

    def _look_again(self, seconds: float) -> None:
        # Never further ahead than the shorter limit, so that a nearer time set meanwhile is not overslept.
        period = min(seconds, self.site.deadline, self.site.answer_within)
        self._timer = self.site.clock.callLater(period, self._look)

    def _look(self) -> None:
        left = self._until - self.site.clock.seconds()
        if left > 0:
            self._look_again(left)
            return
        self._timer = None
        if self._answering:
            self.site.refused("slow_answer")
        elif not self.turned_away and (self.requests or not self._answered):
            self.site.refused("slow_request")
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self.turned_away:
            super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        if not self.turned_away:
            super().rawDataReceived(data)

    def headerReceived(self, line: bytes) -> bool:
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of thousands of digits is no int
            self._respondToBadRequestAndDisconnect()
            return False

    def allHeadersReceived(self) -> None:
        too_large = self.length is not None and self.length > self.site.max_body
        if too_large and not self.takes_large(self.requests[-1]):
            self.refuse_body()
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if self.turned_away:
            return
        self._close_large()
        self._answering = True
        self._allow(self.site.answer_within)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        # Before the rest, which may go straight on to the next request of a pipeline.
        self._answering = False
        self._answered = True
        self._allow(self.site.deadline)
        super().requestDone(request)

    def takes_large(self, request: _Request) -> bool:
        """Whether somebody takes a body beyond the limit. What has come of it so far is handed over."""
        if request.large is None:
            request.large = self.site.large(self._command, self._path, request.requestHeaders, self.length)
            self._large = request.large
            content = getattr(request, "content", None)  # there is none yet while the headers are read
            if request.large is not None and content is not None:
                request.large.write(content.getvalue())
                request.content = BytesIO()
        return request.large is not None

    def _close_large(self) -> None:
        if self._large is not None:
            self._large.close()
            self._large = None

    def refuse_body(self) -> None:
        """Answer 413 and hang up in a way that lets the answer arrive.

        Closing with unread bytes in the socket would reset the connection, and many a client would lose the
        answer over its failing writes. So only our direction is closed, and what still comes is thrown away
        until the client closes too or the time for this request is up. TLS does the same by itself.
        """
        self.turned_away = True
        self._close_large()
        self.site.refused("body_too_large")
        self.transport.write(_TOO_LARGE)
        self.transport.unregisterProducer()
        if ITCPTransport.providedBy(self.transport) and not ISSLTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        headers.removeHeader(b"Server")  # nobody's business, and least of all the version
        super().writeHeaders(version, code, reason, headers)


class _Excess(Protocol):
    """One connection too many."""

    transport: Any

    def connectionMade(self) -> None:
        self.transport.abortConnection()


class _HardenedSite(Site):
    """The factory: it holds the limits and knows how many connections are open."""

    displayTracebacks = False
    protocol = _Channel  # type: ignore[assignment]

    def __init__(
        self,
        resource: IResource,
        clock: IReactorTime,
        max_body: int,
        deadline: float,
        answer_within: float,
        max_connections: int,
        refused: Callable[[str], object],
        hidden: str,
        large: Callable[[bytes, bytes, Headers, int | None], LargeBody | None],
    ) -> None:
        super().__init__(
            resource,
            _Request,
            parsePOSTFormSubmission=False,
            timeout=None,
            logFormatter=partial(access_line, hidden=hidden),
            reactor=clock,
        )
        self.clock = clock
        self.max_body = max_body
        self.deadline = deadline
        self.answer_within = answer_within
        self.max_connections = max_connections
        self.refused = refused
        self.large = large
        self.connections = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.connections >= self.max_connections:
            self.refused("too_many_connections")
            return _Excess()  # None would do for TCP, but breaks the TLS wrapper
        return super().buildProtocol(addr)

    def acceptableProtocols(self) -> list[bytes]:
        """Nothing but HTTP/1.1: the limits are those of its channel."""
        return [b"http/1.1"]
