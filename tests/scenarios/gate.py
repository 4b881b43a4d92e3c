"""A door before Redis that lets everything through, swallows everything or resets every connection."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from tests.network import Listener


class Gate(Factory):
    """Listens on ``port`` of 127.0.0.1, 0 before :meth:`open`. ``connections`` is how many it took."""

    noisy = False

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.letting_through = True
        self.losing_answers = False
        self._resetting = False
        self._sides: set[_Side] = set()

    def open(self, path: str, tls: CertificateOptions | None = None) -> None:
        """Begin to listen, in TLS if given its options; behind it is the socket ``path``."""
        self.path = path
        self._listener = Listener(self if tls is None else TLSMemoryBIOFactory(tls, False, self))
        self.port = self._listener.port

    async def close(self) -> None:
        await self._listener.stop()
        self._hang_up()

    def swallow(self) -> None:
        """Take whatever comes, and say nothing."""
        self.letting_through = False

    def lose_answers(self) -> None:
        """Let questions through, and no answers."""
        self.losing_answers = True

    def reset(self) -> None:
        """Hang up on everybody, now and later."""
        self._resetting = True
        self._hang_up()

    def let_through(self) -> None:
        """From now on all is well; who was here before must come again."""
        self._hang_up()
        self.letting_through, self.losing_answers, self._resetting = True, False, False

    def buildProtocol(self, _addr: IAddress | None) -> Protocol:
        self.connections += 1
        return _Front(self)

    def _hang_up(self) -> None:
        for side in list(self._sides):
            side.transport.abortConnection()

    def came(self, side: _Side) -> None:
        self._sides.add(side)
        if self._resetting:
            side.transport.abortConnection()

    def went(self, side: _Side) -> None:
        self._sides.discard(side)


class _Side(Protocol):
    """One of the two ends of a connection. ``other`` fires with the other one."""

    transport: ITCPTransport
    answers = True  #: what comes in here

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.other: Deferred[_Side] = Deferred()

    def connectionMade(self) -> None:
        self.gate.came(self)

    def dataReceived(self, data: bytes) -> None:
        def pass_on(other: _Side) -> _Side:
            other.transport.write(data)
            return other

        if self.gate.letting_through and not (self.gate.losing_answers and self.answers):
            self.other.addCallback(pass_on)

    def connectionLost(self, _reason: Failure = connectionDone) -> None:
        def hang_up(other: _Side) -> _Side:
            other.transport.loseConnection()
            return other

        self.gate.went(self)
        self.other.addCallback(hang_up)


class _Front(_Side):
    """The end where our service is."""

    answers = False

    def connectionMade(self) -> None:
        back = _Side(self.gate)
        back.other.callback(self)
        connecting = connectProtocol(UNIXClientEndpoint(reactor, self.gate.path), back)
        connecting.addCallbacks(self.other.callback, lambda _: self.transport.loseConnection())
        super().connectionMade()
