"""One address for several processes, as a load balancer gives it: each connection goes to the next one that answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.portforward import ProxyClientFactory, ProxyServer


class _Outwards(ProxyClientFactory):
    noisy = False

    def clientConnectionFailed(self, _connector: Any, _reason: object) -> None:
        self.server.try_next()


class _Inwards(ProxyServer):
    factory: Any  # a Balancer, where the base has its own
    transport: Any

    def connectionMade(self) -> None:
        self.transport.pauseProducing()
        self._left = self.factory.in_turn()
        self.try_next()

    def try_next(self) -> None:
        if self._left and self.transport.connected:
            outwards = _Outwards()
            outwards.setServer(self)
            self.factory.reactor.connectTCP("127.0.0.1", self._left.pop(0), outwards)
        else:
            self.transport.loseConnection()


class Balancer(Factory):
    """To be listened with. It knows nothing of health: a process that is stopped gets its share of connections."""

    noisy = False

    def __init__(self, reactor: Any, ports: Sequence[int]) -> None:
        self.reactor = reactor
        self._ports = list(ports)
        self._turn = cycle(range(len(ports)))

    def buildProtocol(self, _addr: IAddress | None) -> Protocol:
        inwards = _Inwards()
        inwards.factory = self
        return inwards

    def in_turn(self) -> list[int]:
        """All ports, beginning with the one whose turn it is."""
        first = next(self._turn)
        return self._ports[first:] + self._ports[:first]
