"""One connection of a client: its requests one after the other, each with a limit of size and of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Request
from zope.interface import implementer

from nexmo_twisted.web.body import Body, LargeBody, TakeLarge, TooManyChunks
from nexmo_twisted.web.connections import Connections


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What all connections have in common; see :func:`nexmo_twisted.web.site.hardened_site`."""

    clock: IReactorTime
    max_body: int
    deadline: float
    answer_within: float
    on_rejected: Callable[[str], object]
    large: TakeLarge
    later: Callable[[Callable[[], object]], IDelayedCall]
    connections: Connections


class BoundedRequest(Request):
    """One request."""

    channel: Channel
    body: Body | None = None
    stored = False  #: set once what it brought is stored

    @property
    def large(self) -> LargeBody | None:
        """What has taken the body, when that is larger than the limit."""
        return None if self.body is None else self.body.large

    def gotLength(self, _length: int | None) -> None:
        assert self.body is not None
        self.content = self.body.content

    def handleContentChunk(self, data: bytes) -> None:
        if not self.channel.turned_away and self.body is not None and not self.body.add(data):
            self.channel.refuse_body()


@implementer(IHalfCloseableProtocol)
class Channel(HTTPChannel):
    """One connection. One timer serves all its requests: it looks whether time is up, else is set again."""

    limits: Limits
    requests: list[BoundedRequest]
    transport: Any  # ITransport lacks what those of TCP and TLS have in common
    turned_away = False  #: nothing that still comes is looked at
    _timer: IDelayedCall | None = None
    _next: IDelayedCall | None = None
    _until = 0.0
    _answering = False
    _answered = False

    def connectionMade(self) -> None:
        self.limits.connections.opened(self)
        self._allow(self.limits.deadline)
        self._schedule_check(self.limits.deadline)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.limits.connections.closed(self)
        for call in (self._timer, self._next):
            if call is not None:
                call.cancel()
        self._timer = self._next = None
        self._close_body()
        super().connectionLost(reason)

    def readConnectionLost(self) -> None:
        """The client has sent all it had, and may still listen: what it asked is answered before we hang up."""
        if not self._answering and not self.paused:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our direction is closed, by ourselves."""

    def _allow(self, seconds: float) -> None:
        self._until = self.limits.clock.seconds() + seconds

    def _schedule_check(self, seconds: float) -> None:
        # Never further ahead than the shorter limit, so that a nearer time set meanwhile is not overslept.
        period = min(seconds, self.limits.deadline, self.limits.answer_within)
        self._timer = self.limits.clock.callLater(period, self._check_deadline)

    def _check_deadline(self) -> None:
        left = self._until - self.limits.clock.seconds()
        if left > 0:
            self._schedule_check(left)
            return
        self._timer = None
        if self._answering:
            self.limits.on_rejected("slow_answer")
        elif not self.turned_away and (self.requests or not self._answered):
            self.limits.on_rejected("slow_request")
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self.turned_away:
            super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        if self.turned_away:
            return
        try:
            super().rawDataReceived(data)
        except TooManyChunks:
            self._refuse(b"400 Bad Request")

    def lineReceived(self, line: bytes) -> None:
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self._refuse_head()
        elif self.requests and line[:1] in (b" ", b"\t"):
            self._refuse(b"400 Bad Request")  # a folded header (RFC 9112, section 5.2), of thousands of lines maybe
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, _line: bytes) -> None:
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
        request = self.requests[-1]
        larger = partial(self.limits.large, self._command, self._path, request.requestHeaders, self.length)
        request.body = Body(self.length, self.limits.max_body, larger)
        if request.body.may_come():
            super().allHeadersReceived()
        else:
            self.refuse_body()

    def allContentReceived(self) -> None:
        if self.turned_away:
            return
        self._close_body()
        self._answering = True
        self.limits.connections.busy(self)
        self._allow(self.limits.answer_within)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self._answering = False
        self._answered = True
        self.limits.connections.waits(self)
        self._allow(self.limits.deadline)
        self.paused = True  # LineReceiver keeps what follows in the buffer
        super().requestDone(request)
        if self._buffer:
            self.transport.pauseProducing()
            self._next = self.limits.later(self._go_on)
        else:
            self.paused = False

    def _go_on(self) -> None:
        self._next = None
        if self._waitingForTransport:
            return  # the client does not read its answers: no more are made until it does
        self.paused = False
        self.transport.resumeProducing()
        self.dataReceived(b"")

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.paused:  # answers have gone out, but the next request still has to wait for its turn
            self.transport.pauseProducing()
            self._next = self._next or self.limits.later(self._go_on)

    def _close_body(self) -> None:
        for request in self.requests:
            if request.body is not None:
                request.body.close()

    def refuse_body(self) -> None:
        """Answer 413."""
        self.limits.on_rejected("body_too_large")
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
        self._close_body()
        self.clearLineBuffer()
        self.transport.unregisterProducer()
        if ITCPTransport.providedBy(self.transport) and not ISSLTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        headers.removeHeader(b"Server")  # visitors need no server name, and no version
        if code[:1] == b"4":
            headers.setRawHeaders(b"Connection", [b"close"])
        if headers.getRawHeaders(b"Connection", [b""]) == [b"close"]:
            self.persistent = 0
        super().writeHeaders(version, code, reason, headers)
