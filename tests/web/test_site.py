"""The server that faces the internet gives every request a limit of size and of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor
from twisted.internet.endpoints import SSL4ClientEndpoint, connectProtocol, serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from nexmo_twisted.web.site import hardened_site, roomy
from tests.web.wire import Loopback, Wire

FORM = b"application/x-www-form-urlencoded"


class Echo(Resource):
    """Answers with the method and the body, or keeps the request for later."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen = []
        self.later = False

    def render(self, request):
        self.seen.append(request)
        if self.later:
            return NOT_DONE_YET
        return request.method + b" " + request.content.read()


def post(body: bytes = b"", *headers: bytes) -> bytes:
    """A whole POST request."""
    lines = (b"POST /door HTTP/1.1", b"Host: h", b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class SiteCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.clock = Clock()
        self.echo = Echo()
        self.refused: list[str] = []

    def serve(self, **limits) -> Loopback:
        self.site = hardened_site(self.echo, self.clock, refused=self.refused.append, **limits)
        return Loopback(self, self.site)


class SizeTests(SiteCase):
    async def test_body_at_the_limit(self) -> None:
        """A body of exactly the limit is served, declared or chunked."""
        wire = await self.serve(max_body=10).connect()
        wire.send(post(b"0123456789"))
        await wire.expect(b"POST 0123456789")
        wire.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n")
        await wire.expect(b"POST abcdefghij")

    async def test_declared_too_large(self) -> None:
        """A body declared larger than the limit is answered 413 before it is sent."""
        wire = await self.serve(max_body=10).connect()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
        await wire.expect(b"\r\n\r\n")
        self.assertTrue(wire.received.startswith(b"HTTP/1.1 413 Content Too Large\r\n"), wire.received)
        self.assertEqual((self.echo.seen, self.refused), ([], ["body_too_large"]))
        wire.transport.loseConnection()
        await wire.gone()

    async def test_chunked_too_large(self) -> None:
        """A chunked body is refused at the chunk that makes it too large, and its end starts no handler."""
        wire = await self.serve(max_body=10).connect()
        wire.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n")
        wire.send(b"8\r\n01234567\r\n4\r\n0123\r\n0\r\n\r\n" + post(b"next"))
        received = await wire.gone()
        self.assertEqual(received.count(b"HTTP/1.1"), 1)
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)
        self.assertEqual((self.echo.seen, self.refused), ([], ["body_too_large"]))

    async def test_large_upload(self) -> None:
        """A client that sends 20 MB of multipart without looking up gets its 413; nothing is parsed."""
        body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 20_000_000 + b"\r\n--b--\r\n"
        wire = await self.serve().connect()
        wire.send(post(body, b"Content-Type: multipart/form-data; boundary=b"))
        received = await wire.gone()
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received)
        self.assertEqual(self.echo.seen, [])

    async def test_refused_client_lingers(self) -> None:
        """A client that goes on sending after its 413 is cut when the time for its request is up."""
        loopback = self.serve(max_body=10, deadline=10)
        wire = await loopback.connect()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        await wire.expect(b"413")
        heard = loopback.server.heard
        wire.transport.stopReading()  # so that it does not see our half close and end by itself
        wire.send(b"x" * 100)
        await loopback.hear(heard + 100)
        self.clock.advance(10)
        await loopback.empty()
        wire.transport.startReading()
        await wire.gone()
        self.assertEqual(self.refused, ["body_too_large"])

    async def test_forms_are_left_alone(self) -> None:
        """Twisted's own form parser never runs: the handler finds the bytes as they came."""
        wire = await self.serve().connect()
        wire.send(post(b"a=1&b=2", b"Content-Type: " + FORM))
        await wire.expect(b"POST a=1&b=2")
        self.assertEqual(self.echo.seen[0].args, {})


class TimeTests(SiteCase):
    async def test_slow_headers(self) -> None:
        """A new connection that does not finish its headers is cut at the deadline."""
        loopback = self.serve(deadline=10)
        wire = await loopback.connect()
        wire.send(b"GET / HTTP/1.1\r\nHost:")
        await loopback.hear(21)
        self.clock.advance(9.9)
        self.assertEqual(len(loopback.server.protocols), 1)
        self.clock.advance(0.1)
        self.assertEqual(await wire.gone(), b"")
        self.assertEqual(self.refused, ["slow_request"])

    async def test_silent_connection(self) -> None:
        """A connection that never says anything is cut too."""
        wire = await self.serve(deadline=10).connect()
        self.clock.advance(10)
        await wire.gone()
        self.assertEqual(self.refused, ["slow_request"])

    async def test_a_byte_a_second(self) -> None:
        """Bytes that keep trickling in buy no time: the limit is for the whole request."""
        loopback = self.serve(deadline=10)
        wire = await loopback.connect()
        head = b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
        wire.send(head)
        for second in range(10):
            self.assertFalse(wire.closed)
            wire.send(b"x")
            await loopback.hear(len(head) + second + 1)
            self.clock.advance(1)
        await wire.gone()
        self.assertEqual((self.echo.seen, self.refused), ([], ["slow_request"]))

    async def test_each_request_has_its_own_time(self) -> None:
        """On a connection kept alive the time for the next request counts from the last answer."""
        loopback = self.serve(deadline=10)
        wire = await loopback.connect()
        for number in range(1, 6):
            self.clock.advance(9)
            wire.send(post(b"again"))
            await wire.expect(b"POST again", times=number)
        self.clock.advance(9)
        self.assertEqual(len(loopback.server.protocols), 1)
        self.clock.advance(1)
        await wire.gone()
        self.assertEqual(self.refused, [], "an idle connection is closed, but that is no refusal")

    async def test_time_of_the_handler(self) -> None:
        """The deadline is over once the request is complete; the handler has a limit of its own."""
        loopback = self.serve(deadline=10, answer_within=30)
        self.echo.later = True
        wire = await loopback.connect()
        wire.send(post(b"think"))
        await loopback.hear(len(post(b"think")))
        self.clock.pump([10, 10, 9])
        self.echo.seen[0].finish()
        await wire.expect(b"HTTP/1.1 200")
        self.assertEqual(self.refused, [])

    async def test_handler_without_end(self) -> None:
        """A request that is not answered in time is cut, and its handler learns of it."""
        loopback = self.serve(deadline=10, answer_within=30)
        self.echo.later = True
        wire = await loopback.connect()
        wire.send(post(b"think"))
        await loopback.hear(len(post(b"think")))
        cancelled = self.assertFailure(self.echo.seen[0].notifyFinish(), Exception)
        self.clock.pump([10, 10, 10])
        await wire.gone()
        await cancelled
        self.assertEqual(self.refused, ["slow_answer"])

    async def test_shorter_time_after_a_longer_one(self) -> None:
        """The request after a slow answer is cut at its own deadline, not at the later one of the answer."""
        loopback = self.serve(deadline=10, answer_within=30)
        self.echo.later = True
        wire = await loopback.connect()
        wire.send(post())
        await loopback.hear(len(post()))
        self.clock.pump([10, 2])
        self.echo.seen[0].finish()
        await wire.expect(b"HTTP/1.1 200")
        self.clock.pump([1] * 9)
        self.assertEqual(len(loopback.server.protocols), 1)
        self.clock.advance(1)
        await wire.gone()

    async def test_no_timer_is_left(self) -> None:
        """A connection that ends takes its timer along."""
        loopback = self.serve()
        before = len(self.clock.getDelayedCalls())
        wire = await loopback.connect()
        self.assertEqual(len(self.clock.getDelayedCalls()), before + 1)
        wire.transport.loseConnection()
        await wire.gone()
        await loopback.empty()
        self.assertEqual(len(self.clock.getDelayedCalls()), before)


class ConnectionTests(SiteCase):
    async def test_pipeline(self) -> None:
        """Requests sent in one go are answered in their order."""
        wire = await self.serve().connect()
        wire.send(b"".join(post(b"%d." % number) for number in range(50)))
        await wire.expect(b"POST 49.")
        bodies = [part.partition(b".")[0] for part in wire.received.split(b"POST ")[1:]]
        self.assertEqual(bodies, [b"%d" % number for number in range(50)])

    async def test_too_many(self) -> None:
        """One over the limit is closed at once, the others live on, and a free place is used again."""
        loopback = self.serve(max_connections=2)
        first, second = await loopback.connect(), await loopback.connect()
        third = await loopback.connect()
        self.assertEqual(await third.gone(), b"")
        self.assertEqual(self.refused, ["too_many_connections"])
        first.send(post(b"one"))
        await first.expect(b"POST one")
        second.transport.loseConnection()
        await second.gone()
        await loopback.server.waiting.until(lambda: len(loopback.server.protocols) == 1)
        fourth = await loopback.connect()
        fourth.send(post(b"four"))
        await fourth.expect(b"POST four")

    async def test_smuggling(self) -> None:
        """Two statements about the length of one body, or one that is no length, are a bad request."""
        loopback = self.serve()
        for lines in (
            b"Content-Length: 4\r\nTransfer-Encoding: chunked",
            b"Content-Length: 4\r\nContent-Length: 5",
            b"Content-Length: -1",
            b"Content-Length: " + b"9" * 5000,
            b"Transfer-Encoding: gzip, chunked",
            b"Host: a\x00b",
        ):
            wire = await loopback.connect()
            wire.send(b"POST / HTTP/1.1\r\n" + lines + b"\r\n\r\n0\r\n\r\n")
            received = await wire.gone()
            self.assertTrue(received.startswith(b"HTTP/1.1 400 "), (lines, received))
        self.assertEqual(self.echo.seen, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_only_http_1(self) -> None:
        """Neither TLS negotiation nor a prior-knowledge preface leads to HTTP/2."""
        wire = await self.serve().connect()
        self.assertEqual(self.site.acceptableProtocols(), [b"http/1.1"])
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.assertTrue((await wire.gone()).startswith(b"HTTP/1.1 400 "))

    async def test_says_nothing_about_itself(self) -> None:
        """No answer names the server software, not even to OPTIONS *."""
        wire = await self.serve().connect()
        wire.send(post(b"who") + b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
        await wire.expect(b"HTTP/1.1 ", times=2)
        self.assertNotIn(b"server:", wire.received.lower())
        self.assertNotIn(b"twisted", wire.received.lower())


class RoomTests(TestCase):
    def backlog(self, where: str) -> int:
        """How many connections wait to be accepted at this endpoint."""
        memory = MemoryReactor()
        serverFromString(memory, roomy(where)).listen(Factory())
        (listening,) = [*memory.tcpServers, *memory.unixServers]
        return listening[2]

    def test_more_than_twisted_has(self) -> None:
        """A burst of connections finds room, however the endpoint is written."""
        for where in (
            "tcp:8080",
            "tcp:port=8080:interface=127.0.0.1",
            "tcp:8080:127.0.0.1",
            "tcp:8080:interface=\\:\\:1",
            "unix:/run/nexmo.sock:mode=660",
        ):
            self.assertEqual(self.backlog(where), 512, where)

    def test_as_it_is_said(self) -> None:
        """Whoever says how much room there is gets that."""
        for where in ("tcp:8080:backlog=7", "tcp:backlog=7:port=8080", "tcp:8080:127.0.0.1:7", "unix:/run/a:660:7"):
            self.assertEqual(self.backlog(where), 7, where)

    def test_tls(self) -> None:
        """So it is where the certificates stand before it."""
        for where in ("ssl:443", "ssl:443:key.pem:chain.pem", "ssl:443:privateKey=key.pem:certKey=chain.pem"):
            self.assertEqual(roomy(where), f"{where}:backlog=512")
        for where in ("ssl:443:backlog=7", "ssl:443:key.pem:chain.pem:TLSv1_2_METHOD:127.0.0.1:7"):
            self.assertEqual(roomy(where), where)

    def test_others(self) -> None:
        """A socket that somebody else has opened is left as it is."""
        self.assertEqual(roomy("systemd:domain=INET:index=0"), "systemd:domain=INET:index=0")


class LogTests(SiteCase):
    def listen(self) -> list[str]:
        lines: list[str] = []
        observer = lambda event: lines.append(event.get("log_io") or str(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return lines

    async def test_no_query(self) -> None:
        """The access log names the path and the status of a request but never its query."""
        lines = self.listen()
        wire = await self.serve().connect()
        wire.send(b"GET /nexmo?msisdn=14155550100&text=see+you HTTP/1.1\r\nHost: h\r\nReferer: /?text=see\r\n\r\n")
        await wire.expect(b"GET ")
        logged = "\n".join(lines)
        self.assertIn("127.0.0.1 GET /nexmo 200 4", logged)
        self.assertNotIn("14155550100", logged)
        self.assertNotIn("see", logged)

    async def test_long_path(self) -> None:
        """What a stranger can write into the log is short and printable."""
        lines = self.listen()
        wire = await self.serve().connect()
        wire.send(b"A" * 300 + b" /" + b"\x9b" * 300 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        await wire.expect(b"HTTP/1.1 200")
        logged = "\n".join(lines)
        self.assertIn("A" * 16 + " /" + "\\x9b" * 99 + " 200", logged)
        self.assertNotIn("\x9b", logged)


def own_certificate() -> PrivateCertificate:
    """A certificate for localhost that is good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return PrivateCertificate.loadPEM(certificate.public_bytes(pem) + key.private_bytes(pem, *plain))


class TlsTests(SiteCase):
    async def test_limits_under_tls(self) -> None:
        """Size, number and time are limited in the same way when the endpoint encrypts."""
        site = hardened_site(self.echo, self.clock, max_body=10, max_connections=2, refused=self.refused.append)
        port = reactor.listenSSL(0, site, own_certificate().options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)

        def connect():
            where = SSL4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port, CertificateOptions())
            return connectProtocol(where, Wire())

        wire = await connect()
        wire.send(post(b"small"))
        await wire.expect(b"POST small")
        second = await connect()
        second.send(post(b"small"))
        await second.expect(b"POST small")
        third = await connect()
        third.send(post(b"small"))
        self.assertEqual(await third.gone(), b"")
        second.send(post(b"x" * 1000))
        self.assertIn(b"HTTP/1.1 413 ", await second.gone())
        self.clock.advance(10)
        await wire.gone()
        self.assertEqual(sorted(self.refused), ["body_too_large", "too_many_connections"])
