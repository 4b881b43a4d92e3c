"""One HTTP request: its time limit, its size limit, and whether any of it was sent when it fails.

Redirects are not followed, cookies not kept, and nothing is repeated: a request goes out once or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from nexmo_twisted.http_client.bounded import Body, TooLarge, Unpackable
from nexmo_twisted.http_client.connections import HandshakeFailed, outgoing
from nexmo_twisted.http_client.treq_client import NO_COOKIES, client, ready_url
from nexmo_twisted.tls import Distrusted

__all__ = ["Broken", "Http", "HttpResponse", "NotSent", "outgoing"]


class NotSent(Exception):
    """No byte of the request went out: it may be sent again. ``reason`` is short and safe to log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Broken(Exception):
    """The request went out, or may have, and got no whole answer. ``reason`` is short and safe to log; ``seconds`` is
    how long before this its bytes went out, None for a request without a body."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response. Header names are in lower case; of a header that came twice, the last value. It took ``seconds``
    from the moment in which the bytes of the request went out, None for one without a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float | None = None


class Http:
    """Requests through ``agent``.

    ``timeout`` is in seconds and covers everything from connecting to the last byte of the answer. ``limit``
    is the size an answer's body may have, in bytes before and after decompression; its head may have 16 KiB and 200
    lines.
    """

    def __init__(self, agent: IAgent, clock: IReactorTime, *, timeout: float, limit: int = 2**20) -> None:
        self._client = client(agent)
        self._clock = clock
        self._timeout = timeout
        self._limit = limit

    async def request(
        self, method: str, url: str, *, headers: Headers, body: bytes | None = None, until: float | None = None
    ) -> HttpResponse:
        """Send one request; raises :class:`NotSent` or :class:`Broken`, in doubt the latter.

        ``headers`` are not changed, so that one object serves all requests of its kind. One with a body whose bytes
        have not gone out ``until`` that time of the clock does not go out any more.
        """
        sending = None if body is None else _Outgoing(body, self._clock, until)
        waiting: Deferred[Any] | None = None
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            if waiting is not None:
                waiting.cancel()

        # The reactor runs timers before it reads: when we stood still the answer may be there.
        timer = self._clock.callLater(self._timeout, self._clock.callLater, 0, expire)
        answered = False
        try:
            waiting = self._client.request(
                method,
                ready_url(url),
                headers=headers,
                data=cast(Any, sending),
                cookies=NO_COOKIES,
                allow_redirects=False,
                unbuffered=True,
                reactor=cast(Any, self._clock),
            )
            response = await waiting
            answered = True
            incoming = _Incoming(self._limit)
            waiting = incoming.whole
            response.deliverBody(incoming)
            content = (await incoming.whole).unpacked(response.headers)
            if not 200 <= response.code <= 599:
                raise _NoStatus
        except Exception as error:
            if answered:
                sent = True
            elif sending is not None:
                sent = sending.started is not None
            else:
                sent = not isinstance(error, ConnectError | DNSLookupError | TimeoutError)
            reason = f"no answer within {self._timeout:g} seconds" if expired else _reason(error, sent)
            if sent:
                raise Broken(reason, None if sending is None else sending.seconds) from None
            raise NotSent(reason) from None
        finally:
            if timer.active():
                timer.cancel()
        return HttpResponse(
            response.code,
            {
                name.decode("latin-1").lower(): values[-1].decode("latin-1")
                for name, values in response.headers.getAllRawHeaders()
            },
            content,
            None if sending is None else sending.seconds,
        )


class _TooLate(Exception):
    """The time until which the request may go out was over."""


@implementer(IBodyProducer)
class _Outgoing:
    """The body of a request. The connection asks for it once it has been given the head: from then on bytes
    may be on their way, before that none can be."""

    def __init__(self, body: bytes, clock: IReactorTime, until: float | None) -> None:
        self._body = body
        self._clock = clock
        self._until = until
        self.started: float | None = None

    @property
    def length(self) -> int:
        """Asked for when the head is put together, right before the first byte."""
        if self._until is not None and self._clock.seconds() >= self._until:
            raise _TooLate
        return len(self._body)

    @property
    def seconds(self) -> float | None:
        """How long ago the bytes went out."""
        return None if self.started is None else self._clock.seconds() - self.started

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self.started = self._clock.seconds()
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """All is written at once."""

    def resumeProducing(self) -> None:
        """All is written at once."""

    def stopProducing(self) -> None:
        """All is written at once."""


class _NoStatus(Exception):
    """The status of an answer is none."""


class _Incoming(Protocol):
    """Collects the body of an answer; cancelling ``whole`` hangs up."""

    def __init__(self, limit: int) -> None:
        self.whole: Deferred[Body] = Deferred(lambda _: self._hang_up())
        self._body = Body(limit)
        self._fault: TooLarge | None = None

    def _hang_up(self) -> None:
        # Not loseConnection: over TLS that waits for the farewell of a server which may never give one.
        cast(Any, self.transport).stopProducing()

    def dataReceived(self, data: bytes) -> None:
        try:
            self._body.add(data)
        except TooLarge as fault:
            self._fault = fault
            self._hang_up()
            raise  # so that the rest of what was read is not parsed

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.whole.called:
            return
        if self._fault is not None:
            self.whole.errback(self._fault)
        # PotentialDataLoss: the answer named no length, so its end is where the server closed.
        elif isinstance(reason.value, ResponseDone | PotentialDataLoss):
            self.whole.callback(self._body)
        else:
            self.whole.errback(reason)


def _reason(error: BaseException, sent: bool) -> str:
    """A few words about a failure, without anything the other side said; of a certificate why it is not trusted."""
    for inner in getattr(error, "reasons", ())[:1]:
        return _reason(inner.value, sent)
    if isinstance(error, HandshakeFailed):
        return f"TLS: {error.cause}" if isinstance(error.cause, Distrusted) else "TLS: no handshake"
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    return "the answer is not valid HTTP" if sent else type(error).__name__


_WORDS: Mapping[type[BaseException], str] = {
    ConnectionRefusedError: "connection refused",
    DNSLookupError: "host name not found",
    TimeoutError: "not connected in time",
    TooLarge: "the answer is too large",
    Unpackable: "the answer cannot be decompressed",
    _NoStatus: "the answer has no HTTP status",
    _TooLate: "too late: the lease expired before the request was sent",
    ConnectionClosed: "connection lost",
    CancelledError: "given up",
}
