"""The HTTP server that faces the internet: everything a stranger can make it spend has a limit.

Twisted's own server reads bodies of any size, parses forms before any handler sees them and only times out
idle connections, so that one byte a second keeps a connection open without end. This one does none of that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from nexmo_twisted.web.access_log import AccessLog, access_line
from nexmo_twisted.web.body import TakeLarge
from nexmo_twisted.web.channel import BoundedRequest, Channel, Limits
from nexmo_twisted.web.connections import Connections


def hardened_site(
    resource: IResource,
    clock: IReactorTime,
    *,
    max_body: int = 1024 * 1024,
    deadline: float = 10.0,
    answer_within: float = 30.0,
    max_connections: int = 512,
    on_rejected: Callable[[str], object] = lambda _reason: None,
    redact: str = "",
    large: TakeLarge | None = None,
    later: Callable[[Callable[[], object]], IDelayedCall] | None = None,
) -> IProtocolFactory:
    """Serve ``resource`` over HTTP/1.1 to the internet.

    A body of more than ``max_body`` bytes is answered 413 while it is read, declared or chunked. A connection
    is cut ``deadline`` seconds after it was made, or after its last answer, when no whole request has come by
    then, however busily it trickles; and ``answer_within`` seconds after a request that has no answer yet.
    There are at most ``max_connections`` at a time, so the bodies in memory are bounded too: for one more, that which
    has been without a whole request for the longest time is cut, whichever client has it, since behind a proxy all come
    from one address. When all are waiting for an answer, the new one is closed at once.

    Of the requests that a client sends one behind the other without waiting for the answers, each has to wait until
    others had their turn: ``later`` calls a function some time later (in the next turn of ``clock`` unless given). A
    request that is answered 4xx is the last one of its connection.

    ``on_rejected`` is called for each refusal: ``body_too_large``, ``slow_request``, ``slow_answer`` or
    ``too_many_connections``. Forms are left unparsed: a handler reads ``request.content``. Encryption is the
    business of the endpoint that listens. The text ``redact`` in a path is not shown in the access log.

    ``large`` is asked, with the method, the target, the headers and the declared length of a request (None for chunks),
    before its body is refused for its size. What it returns takes the body instead, and is the ``large`` of the request
    that the handler gets, which has no content then.
    """
    return cast(
        IProtocolFactory,
        _HardenedSite(
            resource,
            Limits(
                clock=clock,
                max_body=max_body,
                deadline=deadline,
                answer_within=answer_within,
                on_rejected=on_rejected,
                large=large or (lambda *_request: None),
                later=later or partial(clock.callLater, 0.0),
                connections=Connections(max_connections),
            ),
            redact,
        ),
    )


class _Excess(Protocol):
    """One connection too many."""

    transport: Any

    def connectionMade(self) -> None:
        self.transport.abortConnection()


class _HardenedSite(Site):
    """The factory: it knows how many connections are open."""

    displayTracebacks = False
    protocol = Channel  # type: ignore[assignment]

    def __init__(self, resource: IResource, limits: Limits, redact: str) -> None:
        super().__init__(
            resource,
            BoundedRequest,
            parsePOSTFormSubmission=False,
            timeout=None,
            logFormatter=partial(access_line, redact=redact),
            reactor=limits.clock,
        )
        self.limits = limits
        self._access_log = AccessLog(limits.clock)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        limits = self.limits
        if limits.connections.full:
            limits.on_rejected("too_many_connections")
            if not limits.connections.cut_longest_waiting():
                return _Excess()  # None would do for TCP, but breaks the TLS wrapper
        channel: Any = super().buildProtocol(addr)
        channel.limits = limits
        return channel

    def log(self, request: Request) -> None:  # type: ignore[override]
        if self._access_log.has(request):
            super().log(request)

    def acceptableProtocols(self) -> list[bytes]:
        """Nothing but HTTP/1.1: the limits are those of its channel."""
        return [b"http/1.1"]
