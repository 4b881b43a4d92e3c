"""The network of tests: ports of this machine to listen on, the headers of requests, and a DNS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IOpenSSLContextFactory,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorSSL,
    IResolutionReceiver,
)
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers
from zope.interface import implementer


def request_headers(named: Mapping[str, str | list[str] | None]) -> Headers:
    """The headers of a request; None leaves one out."""
    made = Headers()
    for name, value in named.items():
        if value is not None:
            made.setRawHeaders(name, [value] if isinstance(value, str) else value)
    return made


class Listener:
    """Listens from now on. ``port`` is the number; 0 asks for a free one. ``tls`` makes it a TLS port.

    Raises CannotListenError when somebody else has the port.
    """

    def __init__(
        self,
        factory: IProtocolFactory,
        port: int = 0,
        *,
        interface: str = "127.0.0.1",
        tls: IOpenSSLContextFactory | None = None,
    ) -> None:
        serving: Any = factory  # the annotation of listenTCP asks for ServerFactory; every IProtocolFactory will do
        if tls is None:
            self._listening = reactor.listenTCP(port, serving, interface=interface)
        else:
            self._listening = IReactorSSL(reactor).listenSSL(port, serving, tls, interface=interface)
        address = self._listening.getHost()
        assert isinstance(address, IPv4Address | IPv6Address)
        self.port: int = address.port

    def stop(self) -> Deferred[None]:
        return self._listening.stopListening() or succeed(None)


def listen(case: TestCase, factory: IProtocolFactory, port: int = 0) -> int:
    """Listens until the test ends. Returns the number of the port; 0 asks for a free one."""
    listener = Listener(factory, port)
    case.addCleanup(listener.stop)
    return listener.port


@implementer(IHostnameResolver, IHostResolution)
class FakeResolver:
    """A DNS. ``lookup(receiver, host, port)`` gives the receiver addresses and completes it, at once or never."""

    def __init__(self, lookup: Callable[[IResolutionReceiver, str, int], object]) -> None:
        self.lookup = lookup
        self.name = ""

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: ARG002 - of the interface
        transportSemantics: str = "TCP",  # noqa: ARG002 - likewise
    ) -> IHostResolution:
        self.name = hostName
        resolutionReceiver.resolutionBegan(self)
        self.lookup(resolutionReceiver, hostName, portNumber)
        return self

    def cancel(self) -> None:
        """Nothing is on its way."""


def install_resolver(case: TestCase, resolver: IHostnameResolver) -> None:
    """Names of hosts are asked of this DNS until the test ends."""
    resolving = IReactorPluggableNameResolver(reactor)
    case.addCleanup(resolving.installNameResolver, resolving.installNameResolver(resolver))
