"""The HTTP server that faces the internet: everything a stranger can make it spend has a limit.

Twisted's own server reads bodies of any size, parses forms before any handler sees them and only times out
idle connections, so that one byte a second holds a connection for ever. This one does none of that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
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
from zope.interface import implementer

from nexmo_twisted.web.access_log import AccessLog, access_line
from nexmo_twisted.web.connections import Connections
from nexmo_twisted.web.large_bodies import LargeBody

#: Each chunk of a body costs time of its own: so many may be of any size, and the others this many bytes on average.
_FREE_CHUNKS = 1000
_CHUNK = 64


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
    later: Callable[[Callable[[], object]], IDelayedCall] | None = None,
) -> IProtocolFactory:
    """Serve ``resource`` over HTTP/1.1 to anybody.

    A body of more than ``max_body`` bytes is answered 413 while it is read, declared or chunked. A connection
    is cut ``deadline`` seconds after it was made, or after its last answer, when no whole request has come by
    then, however busily it trickles; and ``answer_within`` seconds after a request that has no answer yet.
    There are at most ``max_connections`` at a time, so the bodies in memory are bounded too: for one more, that which
    has been without a whole request for the longest time is cut, whoever has it, since behind a proxy all come from
    one address. When all are waiting for an answer, the new one is closed at once.

    Of the requests that a client sends one behind the other without waiting for the answers, each has to wait until
    others had their turn: ``later`` calls a function some time later (in the next turn of ``clock`` unless given). A
    request that is answered 4xx is the last one of its connection.

    ``refused`` hears of each refusal: ``body_too_large``, ``slow_request``, ``slow_answer`` or
    ``too_many_connections``. Forms are left unparsed: a handler reads ``request.content``. Encryption is the
    business of the endpoint that listens. What is ``hidden`` in a path is not shown in the access log.

    ``large`` is asked, with the method, the target, the headers and the declared length of a request (None for chunks),
    before its body is refused for its size. What it returns takes the body instead, and is the ``large`` of the request
    that the handler gets, which has no content then.
    """
    return cast(
        IProtocolFactory,
        _HardenedSite(
            resource,
            clock,
            max_body,
            deadline,
            answer_within,
            max_connections,
            refused,
            hidden,
            large,
            later or partial(clock.callLater, 0.0),
        ),
    )


class _TooManyChunks(Exception):
    """The body comes in chunks that are smaller than anybody makes them who does not mean ill."""


class _Request(Request):
    """One request, whose body stays in memory: Twisted's temporary files would block the reactor."""

    channel: _Channel
    content: BytesIO
    large: LargeBody | None = None  #: what has taken the body, when that is larger than the limit
    stored = False  #: whoever stores what it brought says so here
    _chunks = 0
    _size = 0

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel.turned_away:
            return
        self._size += len(data)
        if self.channel.length is None:
            self._chunks += 1
            if self._chunks > _FREE_CHUNKS + self._size // _CHUNK:
                raise _TooManyChunks
        if self.large is None and self._size <= self.channel.site.max_body:
            self.content.write(data)
        elif not (self.channel.takes_large(self) and self.large is not None and self.large.write(data)):
            self.channel.refuse_body()


@implementer(IHalfCloseableProtocol)
class _Channel(HTTPChannel):
    """One connection. One timer serves all its requests: it looks whether time is up, else is set again."""

    site: _HardenedSite
    transport: Any  # ITransport lacks what those of TCP and TLS have in common
    turned_away = False  #: nothing that still comes is looked at
    _timer: IDelayedCall | None = None
    _large: LargeBody | None = None
    _next: IDelayedCall | None = None
    _until = 0.0
    _answering = False
    _answered = False

    def connectionMade(self) -> None:
        self.site.connections.opened(self)
        self._allow(self.site.deadline)
        self._look_again(self.site.deadline)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.site.connections.closed(self)
        for call in (self._timer, self._next):
            if call is not None:
                call.cancel()
        self._timer = self._next = None
        self._close_large()
        super().connectionLost(reason)

    def readConnectionLost(self) -> None:
        """The client has sent all it had, and may still listen: what it asked is answered before we hang up."""
        if not self._answering and not self.paused:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our direction is closed, by ourselves."""

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
        if self.turned_away:
            return
        try:
            super().rawDataReceived(data)
        except _TooManyChunks:
            self._refuse(b"400 Bad Request")

    def lineReceived(self, line: bytes) -> None:
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self._refuse_head()
        elif self.requests and line[:1] in (b" ", b"\t"):
            self._refuse(b"400 Bad Request")  # a folded header (RFC 9112, section 5.2), of thousands of lines maybe
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse_head()

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if self._receivedHeaderCount >= self.maxHeaders:
            self._refuse_head()
            return False
        if name.lower() == b"transfer-encoding" and value.strip(b" \t").lower() != b"chunked":
            self._refuse(b"400 Bad Request")  # Twisted would pass over "identity", also beside another one
            return False
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of thousands of digits is no int
            self._refuse(b"400 Bad Request")
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
        self.site.connections.busy(self)
        self._allow(self.site.answer_within)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self._answering = False
        self._answered = True
        self.site.connections.waits(self)
        self._allow(self.site.deadline)
        self.paused = True  # LineReceiver keeps what follows in the buffer
        super().requestDone(request)
        if self._buffer:
            self.transport.pauseProducing()
            self._next = self.site.later(self._go_on)
        else:
            self.paused = False

    def _go_on(self) -> None:
        self._next = None
        self.paused = False
        if not self._waitingForTransport:
            self.transport.resumeProducing()
        self.dataReceived(b"")

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.paused:  # answers have gone out, but the next request still has to wait for its turn
            self.transport.pauseProducing()

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
        """Answer 413."""
        self.site.refused("body_too_large")
        self._refuse(b"413 Content Too Large")

    def _refuse_head(self) -> None:
        self._refuse(b"431 Request Header Fields Too Large" if self.requests else b"414 URI Too Long")

    def _refuse(self, status: bytes) -> None:
        if not self.turned_away:
            self.transport.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)
            self.loseConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self._refuse(b"400 Bad Request")

    def loseConnection(self) -> None:
        """Hang up in a way that lets the last answer arrive.

        Closing with unread bytes in the socket would reset the connection, and many a client would lose the
        answer over its failing writes. So only our direction is closed, and what still comes is thrown away
        until the client closes too or the time for this request is up. TLS does the same by itself.
        """
        self.turned_away = True
        self._close_large()
        self.clearLineBuffer()
        self.transport.unregisterProducer()
        if ITCPTransport.providedBy(self.transport) and not ISSLTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        headers.removeHeader(b"Server")  # nobody's business, and least of all the version
        if code[:1] == b"4":
            headers.setRawHeaders(b"Connection", [b"close"])
        if headers.getRawHeaders(b"Connection", [b""]) == [b"close"]:
            self.persistent = 0
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
        later: Callable[[Callable[[], object]], IDelayedCall],
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
        self.refused = refused
        self.large = large
        self.later = later
        self._access_log = AccessLog(clock)
        self.connections = Connections(max_connections)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.connections.full:
            self.refused("too_many_connections")
            if not self.connections.cut_longest_waiting():
                return _Excess()  # None would do for TCP, but breaks the TLS wrapper
        return super().buildProtocol(addr)

    def log(self, request: Request) -> None:  # type: ignore[override]
        if self._access_log.has(request):
            super().log(request)

    def acceptableProtocols(self) -> list[bytes]:
        """Nothing but HTTP/1.1: the limits are those of its channel."""
        return [b"http/1.1"]
