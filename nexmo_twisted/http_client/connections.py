"""Where requests go out: kept-alive connections, handed over only when a request can really be sent."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, TimeoutError
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.error import SchemeNotSupported
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from nexmo_twisted.http_client.bounded import BoundedPool
from nexmo_twisted.tls import Verifying

CONNECT_TIMEOUT = 10.0  #: seconds for name lookup, TCP and TLS together
IDLE_TIMEOUT = 20  #: seconds a connection is kept unused: less than servers usually allow
CLOSE_TIMEOUT = 2.0  #: seconds a server is given to say farewell


class HandshakeFailed(ConnectError):
    """TLS did not come about, so nothing of the request was sent. ``cause`` says why."""

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__(string="TLS handshake failed")
        self.cause = cause


@implementer(IAgent)
class Connections:
    """An HTTP agent over kept-alive connections; made by :func:`outgoing`."""

    def __init__(self, agent: Agent, pool: HTTPConnectionPool, clock: IReactorTime) -> None:
        self._agent = agent
        self._pool = pool
        self._clock = clock

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        return self._agent.request(method, uri, headers, bodyProducer)

    async def close(self) -> None:
        """Close the connections that are not in use. Call it once the requests are over."""
        closing: Deferred[None] = self._pool.closeCachedConnections()
        # A TLS server that never answers our farewell must not keep the process alive.
        await closing.addTimeout(CLOSE_TIMEOUT, self._clock, onTimeoutCancel=lambda _result, _seconds: None)


def outgoing(
    reactor: Any,
    *,
    max_per_host: int = 30,
    connect_timeout: float = CONNECT_TIMEOUT,
    trust: Certificate | None = None,
) -> Connections:
    """Connections over ``reactor`` (IReactorTCP, IReactorTime, IReactorPluggableNameResolver).

    At most ``max_per_host`` unused ones are kept for each host. ``connect_timeout`` is in seconds. A server
    must show a certificate for its host name which the platform trusts, or ``trust`` if given. No request is ever
    repeated here.
    """
    pool = BoundedPool(reactor, persistent=True)
    pool.maxPersistentPerHost = max_per_host
    pool.cachedConnectionTimeout = IDLE_TIMEOUT
    pool.retryAutomatically = False
    endpoints = _Endpoints(reactor, connect_timeout, trust)
    made = Agent.usingEndpointFactory(reactor, endpoints, pool)
    return Connections(made, pool, reactor)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """One endpoint a server, made once: the agent asks with every request, and a TLS context is dear."""

    def __init__(self, reactor: Any, timeout: float, trust: Certificate | None) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._trust = trust
        self._made: dict[tuple[bytes, bytes, int], _Ready] = {}

    def endpointForURI(self, uri: URI) -> _Ready:
        key = (uri.scheme, uri.host, uri.port)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _Ready(self._make(uri), self._reactor, self._timeout)
        return made

    def _make(self, uri: URI) -> IStreamClientEndpoint:
        tcp = HostnameEndpoint(self._reactor, uri.host.decode("ascii"), uri.port, timeout=self._timeout)
        if uri.scheme == b"http":
            return tcp
        if uri.scheme == b"https":
            return _Shaken(wrapClientTLS(Verifying(uri.host.decode("ascii"), self._trust), tcp))
        raise SchemeNotSupported(f"Unsupported scheme: {uri.scheme!r}")


@implementer(IStreamClientEndpoint)
class _Ready:
    """An endpoint with one time limit over all it takes to connect."""

    def __init__(self, endpoint: IStreamClientEndpoint, clock: IReactorTime, timeout: float) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._timeout = timeout

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(factory).addTimeout(self._timeout, self._clock, onTimeoutCancel=_not_connected)


def _not_connected(result: IProtocol | Failure, seconds: float) -> IProtocol | Failure:
    if isinstance(result, Failure):
        raise TimeoutError(string=f"not connected in {seconds:g} seconds")
    return result


@implementer(IStreamClientEndpoint)
class _Shaken:
    """A TLS endpoint that has connected only when hands were shaken and the certificate was found good.

    Twisted's own endpoint hands a connection over before that. A request would be written to it, wait in its
    buffer and fail as if it had been sent, although not one byte of it went out.
    """

    def __init__(self, tls: IStreamClientEndpoint) -> None:
        self._tls = tls

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        shaking = cast(_Shaking, await self._tls.connect(_ShakingFactory(factory)))
        return await shaking.shaken


class _ShakingFactory(Factory):
    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> _Shaking:
        return _Shaking(self._factory, addr)


@implementer(IHandshakeListener)
class _Shaking(Protocol):
    """Holds a TLS connection until the handshake is over, then leaves it to the protocol it was made for."""

    def __init__(self, factory: IProtocolFactory, addr: IAddress | None) -> None:
        self._factory = factory
        self._addr = addr
        self.shaken: Deferred[IProtocol] = Deferred(lambda _: self._tls().abortConnection())

    def _tls(self) -> Any:
        return cast(Any, self.transport)

    def handshakeCompleted(self) -> None:
        protocol: Any = self._factory.buildProtocol(cast(IAddress, self._addr))
        self._tls().wrappedProtocol = protocol
        protocol.makeConnection(self.transport)
        self.shaken.callback(protocol)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.shaken.called:
            self.shaken.errback(HandshakeFailed(reason.value))
