"""A raw server on the loopback interface: what the client under test sends it, and what goes wrong there."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import directlyProvides, providedBy

from nexmo_twisted.errors import NexmoTwistedError
from nexmo_twisted.http_client.client import outgoing
from nexmo_twisted.http_client.connections import Connections
from tests.network import FakeResolver, Listener, listen


def certificate(name: str, *, says_so: bool = True) -> tuple[ssl.PrivateCertificate, ssl.Certificate]:
    """A self-signed certificate for a host name or address: for the server, and for who trusts it.

    Unless ``says_so`` the name stands in its subject alone, where nobody looks any more.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if says_so:
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    made = builder.sign(key, hashes.SHA256())
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ssl.PrivateCertificate.loadPEM(public + private), ssl.Certificate.loadPEM(public)


class Channel(Protocol):
    """One connection. Each whole request goes to the server's ``react``."""

    transport: ITCPTransport

    def __init__(self, server: Server) -> None:
        self.served = server
        self._data = b""
        self.closed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.served.channels.append(self)
        self.served.connected()

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            request, self._data = self._data, b""
            self.served.requests.append(request)
            self.served.react(self, request)

    def connectionLost(self, _reason: Any = connectionDone) -> None:
        self.closed.callback(None)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def hang_up(self) -> None:
        self.transport.loseConnection()


class Server(Factory):
    """Keeps the raw requests it was sent; ``react`` answers them."""

    noisy = False

    def __init__(self, react: Callable[[Channel, bytes], object]) -> None:
        self.react = react
        self.requests: list[bytes] = []
        self.channels: list[Channel] = []
        self.url = ""
        self.connected: Callable[[], object] = lambda: None

    def buildProtocol(self, _addr: object) -> Channel:
        return Channel(self)

    def next_connection(self) -> Deferred[None]:
        """Fires when somebody connects."""
        waiting: Deferred[None] = Deferred()
        self.connected = lambda: None if waiting.called else waiting.callback(None)
        return waiting


class Wrapped:
    """The reactor with something replaced."""

    def __init__(self, **replaced: Any) -> None:
        self.__dict__.update(replaced)
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


def with_clock(clock: Clock) -> Wrapped:
    """The reactor, its timers driven by ``clock``."""
    return Wrapped(callLater=clock.callLater, seconds=clock.seconds)


def without_names() -> Wrapped:
    """The reactor, knowing no host."""

    return Wrapped(nameResolver=FakeResolver(lambda receiver, _host, _port: receiver.resolutionComplete()))


class LoopbackCase(TestCase):
    """Servers and agents that are gone when the test is over."""

    def serve(
        self,
        react: Callable[[Channel, bytes], object],
        tls: ssl.PrivateCertificate | None = None,
        interface: str = "127.0.0.1",
    ) -> Server:
        """A server on a free port."""
        server = Server(react)
        listener = Listener(server, interface=interface, tls=tls.options() if tls else None)
        host = f"[{interface}]" if ":" in interface else interface
        server.url = f"{'https' if tls else 'http'}://{host}:{listener.port}"

        async def close() -> None:
            await listener.stop()
            for channel in server.channels:
                channel.hang_up()
                await channel.closed

        self.addCleanup(close)
        return server

    def connections(self, using: Any = reactor, **named: Any) -> Connections:
        """An agent; idle connections are closed when the test is over."""
        made = outgoing(using, **named)
        self.addCleanup(made.close)
        return made

    def serve_resource(self, resource: Resource) -> str:
        """The URL of a real HTTP server for this resource, without a slash at its end."""
        return f"http://127.0.0.1:{listen(self, Site(resource))}"

    async def refused_url(self) -> str:
        """A URL where nobody listens."""
        listener = Listener(Server(lambda _channel, _request: None))
        await listener.stop()
        return f"http://127.0.0.1:{listener.port}"

    async def failure(self, call: Awaitable[object]) -> NexmoTwistedError:
        """The error this call ends in."""
        try:
            result = await call
        except NexmoTwistedError as error:
            return error
        raise self.failureException(f"it did not fail but gave {result!r}")


def answer(status: int, body: bytes, **headers: str) -> Callable[[Channel, bytes], None]:
    """A server that answers everything so. Underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return writes("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)


def writes(data: bytes) -> Callable[[Channel, bytes], None]:
    """A server that answers everything with these bytes."""
    return lambda channel, _request: channel.write(data)
