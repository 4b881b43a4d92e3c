"""Both ends of a real loopback connection, down to the bytes, for tests in which the manner of closing matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from tests.network import Listener


class Waiting:
    """Deferreds that fire once their condition holds; whoever changes something calls :meth:`look`."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._waiting.append((condition, done))
        self.look()
        return done

    def look(self) -> None:
        ready = [entry for entry in self._waiting if entry[0]()]
        self._waiting = [entry for entry in self._waiting if entry not in ready]
        for _, done in ready:
            done.callback(None)


class Wire(Protocol):
    """A client that sends what it is told and keeps what it gets."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.received = b""
        self.closed = False
        self._waiting = Waiting()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._waiting.look()

    def connectionLost(self, _reason: Failure = connectionDone) -> None:
        self.closed = True
        self._waiting.look()

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    async def expect(self, what: bytes, times: int = 1) -> None:
        """Wait until this has been received so many times; the connection must not end before."""
        await self._waiting.until(lambda: self.closed or self.received.count(what) >= times)
        if self.received.count(what) < times:
            raise AssertionError(f"closed after {self.received!r}")

    async def gone(self) -> bytes:
        """Wait for the end of the connection; everything received."""
        await self._waiting.until(lambda: self.closed)
        return self.received


def in_memory(factory: IProtocolFactory) -> tuple[IProtocol, Any]:
    """A connection without a socket: the protocol of the factory and its StringTransport, which is not annotated."""
    protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1234))
    assert protocol is not None
    transport = StringTransport()
    protocol.makeConnection(transport)
    return protocol, transport


async def connect(port: int) -> Wire:
    """A client of whoever listens on 127.0.0.1."""
    wire: Wire = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Wire())
    return wire


class _Overheard(ProtocolWrapper):
    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.factory.heard += len(data)
        self.factory.waiting.look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.factory.waiting.look()


class Overhearing(WrappingFactory):
    """Counts what reaches a factory: ``heard`` bytes from ``accepted`` connections, ``len(protocols)`` of them open."""

    protocol = _Overheard

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self.heard = self.accepted = 0
        self.waiting = Waiting()

    def registerProtocol(self, protocol: Any) -> None:
        super().registerProtocol(protocol)
        self.accepted += 1
        self.waiting.look()


class Loopback:
    """A factory listening on 127.0.0.1 for the length of one test, and its clients."""

    def __init__(self, test: Any, factory: Any) -> None:
        self.server = Overhearing(factory)
        self._listener = Listener(self.server)
        self.port = self._listener.port
        self._clients: list[Wire] = []
        test.addCleanup(self._close)

    async def connect(self) -> Wire:
        """A client whose connection the server has accepted."""
        accepted = self.server.accepted + 1
        wire = await connect(self.port)
        self._clients.append(wire)
        await self.server.waiting.until(lambda: self.server.accepted >= accepted)
        return wire

    async def hear(self, total: int) -> None:
        """Wait until the server has read so many bytes in all."""
        await self.server.waiting.until(lambda: self.server.heard >= total)

    async def empty(self) -> None:
        """Wait until the server has no connection any more."""
        await self.server.waiting.until(lambda: not self.server.protocols)

    async def _close(self) -> None:
        await self._listener.stop()
        for wire in self._clients:
            if not wire.closed:
                wire.transport.abortConnection()
                await wire.gone()
        await self.empty()
