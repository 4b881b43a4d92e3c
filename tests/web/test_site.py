"""The server that faces the internet gives every request a limit of size and of time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ClientEndpoint, TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from nexmo_twisted.web.site import hardened_site
from tests.http_client.loopback import certificate
from tests.network import Listener
from tests.support import observe_log, until
from tests.web.wire import Loopback, Wire, in_memory

FORM = b"application/x-www-form-urlencoded"


class Echo(Resource):
    """Answers with the method and the body, or keeps the request for later."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.later = False
        self.code = 200
        self.stored = False

    def render(self, request: Any) -> Any:
        self.seen.append(request)
        if self.later:
            return NOT_DONE_YET
        request.setResponseCode(self.code)
        request.stored = self.stored
        return request.method + b" " + request.content.read()


def post(body: bytes = b"", *headers: bytes) -> bytes:
    """A whole POST request."""
    lines = (b"POST /door HTTP/1.1", b"Host: h", b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@implementer(IHalfCloseableProtocol)
class HalfOpen(Wire):
    """Closes its own direction and goes on to listen."""

    def writeConnectionLost(self) -> None:
        pass

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()


class SiteCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.clock = Clock()
        self.echo = Echo()
        self.refused: list[str] = []
        self.later: Callable[[Callable[[], object]], IDelayedCall] = partial(reactor.callLater, 0)

    def serve(self, **limits: Any) -> Loopback:
        self.site: Any = hardened_site(
            self.echo, self.clock, on_rejected=self.refused.append, later=self.later, **limits
        )
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

    async def test_tiny_chunks(self) -> None:
        """A thousand chunks of a byte are taken, and any number of ordinary ones; but thousands of tiny ones, each of
        which costs time, are refused."""
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        loopback = self.serve()
        wire = await loopback.connect()
        wire.send(head + b"1\r\na\r\n" * 1000 + b"0\r\n\r\n")
        await wire.expect(b"POST " + b"a" * 1000)
        wire.send(head + (b"100\r\n" + b"b" * 256 + b"\r\n") * 4000 + b"0\r\n\r\n")
        await wire.expect(b"POST " + b"b" * 1_024_000)
        wire.send(head + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
        received = await wire.gone()
        self.assertIn(b"HTTP/1.1 400 ", received)
        self.assertEqual(len(self.echo.seen), 2)

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
        reading = cast(Connection, wire.transport)
        reading.stopReading()  # so that it does not see our half close and end by itself
        wire.send(b"x" * 100)
        await loopback.hear(heard + 100)
        self.clock.advance(10)
        await loopback.empty()
        reading.startReading()
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

    async def test_turns(self) -> None:
        """Between two requests of one connection others have their turn, with bodies or without, and no more is read
        from it until then."""
        turns: list[Callable[[], object]] = []

        def later(go_on: Callable[[], object]) -> IDelayedCall:
            turns.append(go_on)
            return self.clock.callLater(0, lambda: None)

        self.later = later
        loopback = self.serve()
        for requests in (post(b"one") + post(b"two") + post(b"three"), b"GET / HTTP/1.1\r\n\r\n" * 3):
            wire = await loopback.connect()
            wire.send(requests)
            for number in range(1, 4):
                await wire.expect(b"HTTP/1.1 200", times=number)
                other = await loopback.connect()
                other.send(post(b"other"))
                await other.expect(b"POST other")
                self.assertEqual(wire.received.count(b"HTTP/1.1 200"), number)
                if number < 3:
                    (go_on,) = turns
                    turns.clear()
                    go_on()
            self.assertEqual(turns, [])

    def test_deaf_client(self) -> None:
        """Nor is more read before its turn when a client begins to read answers that have piled up."""
        site = hardened_site(self.echo, self.clock)
        channel, transport = in_memory(site)
        channel.dataReceived(post(b"one") + post(b"two"))
        transport.producer.pauseProducing()
        transport.producer.resumeProducing()
        self.assertEqual((len(self.echo.seen), transport.producerState), (1, "paused"))
        self.clock.advance(0)
        self.assertEqual((len(self.echo.seen), transport.producerState), (2, "producing"))

    def test_answers_pile_up(self) -> None:
        """While a client does not read its answers, no more are made for it, however much it has sent; when it reads
        it gets the others, and when it does not it is cut."""
        site = hardened_site(self.echo, self.clock, on_rejected=self.refused.append)
        for reads in (True, False):
            self.echo.seen.clear()
            channel, transport = in_memory(site)
            channel.dataReceived(post(b"one") + post(b"two") * 50)
            transport.producer.pauseProducing()
            for _ in range(9):
                self.clock.advance(1)
            self.assertEqual((len(self.echo.seen), transport.producerState), (1, "paused"))
            if reads:
                transport.producer.resumeProducing()
            for _ in range(50):
                self.clock.advance(0)
            self.assertEqual(len(self.echo.seen), 51 if reads else 1)
            self.clock.advance(1)
            self.assertEqual(transport.disconnected, not reads)
            channel.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(self.refused, [])

    async def test_a_flood_in_one_write(self) -> None:
        """Of twenty thousand requests in one go no more are answered before another client's one than there are turns
        of the loop until that has arrived."""
        loopback = self.serve()
        flood = await loopback.connect()
        flood.send(b"GET /no HTTP/1.1\r\n\r\n" * 20_000)
        await flood.expect(b"HTTP/1.1 200")
        other = await loopback.connect()
        other.send(post(b"other"))
        await other.expect(b"POST other")
        self.assertLess(len(self.echo.seen), 200)

    async def test_turns_of_a_lost_connection(self) -> None:
        """A connection that is cut in the middle of its requests has no turn any more."""
        self.later = partial(self.clock.callLater, 20)
        loopback = self.serve(deadline=10)
        before = len(self.clock.getDelayedCalls())
        wire = await loopback.connect()
        wire.send(post(b"one") + post(b"two"))
        await wire.expect(b"POST one")
        self.clock.advance(10)
        await loopback.empty()
        self.assertEqual(len(self.clock.getDelayedCalls()), before)

    async def test_refused_one_is_the_last(self) -> None:
        """A request that is answered 4xx ends its connection, and the answer says so: what came behind it is not
        looked at."""
        wire = await self.serve().connect()
        for code in (400, 403, 404, 405):
            self.echo.code = code
            loopback = self.serve()
            wire = await loopback.connect()
            wire.send(post(b"refused") + post(b"next") * 1000)
            received = await wire.gone()
            self.assertEqual(received.count(b"HTTP/1.1 "), 1)
            self.assertIn(b"\r\nConnection: close\r\n", received)
            self.assertTrue(received.endswith(b"POST refused"), received)
        self.assertEqual(self.refused, [])

    async def test_half_closed(self) -> None:
        """A client that closes its direction after its requests gets all their answers, also late ones, and then the
        end."""
        for requests, later in (
            (b"GET / HTTP/1.0\r\n\r\n", False),
            (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
            (b"GET / HTTP/1.1\r\n\r\n" * 3, False),
            (post(b"a") * 3 + b"GET / HT", False),
            (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", True),
            (post(b"a"), True),
            (b"X: a\r\n\r\n", False),
        ):
            self.echo.seen.clear()
            self.echo.later = later
            site = hardened_site(self.echo, self.clock, on_rejected=self.refused.append, later=self.later)
            listener = Listener(site)  # an overheard protocol is never half closed
            wire = HalfOpen()
            await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", listener.port), wire)
            wire.send(requests)
            wire.transport.loseWriteConnection()
            if later:
                await until(lambda: self.echo.seen)
                self.clock.advance(5)
                self.echo.seen[0].finish()
            received = await wire.gone()
            self.assertEqual(received.count(b"HTTP/1."), max(1, requests.count(b" HTTP/1.")), requests)
            await listener.stop()
        self.assertEqual(self.refused, [])

    async def test_too_many(self) -> None:
        """With one over the limit, that which has been without a request for the longest time is cut; those that are
        answered live on."""
        loopback = self.serve(max_connections=3)
        first, second, third = [await loopback.connect() for _ in range(3)]
        first.send(post(b"one"))
        await first.expect(b"POST one")
        self.echo.later = True
        third.send(post(b"three"))
        await loopback.hear(len(post(b"one")) + len(post(b"three")))
        fourth = await loopback.connect()
        self.assertEqual(await second.gone(), b"", "the second has never said anything")
        fifth = await loopback.connect()
        self.assertEqual((await first.gone()).count(b"HTTP/1.1 200"), 1, "the first has been idle since its answer")
        self.assertEqual(self.refused, ["too_many_connections"] * 2)
        self.echo.seen[-1].finish()
        self.echo.later = False
        for wire in (fourth, fifth):
            wire.send(post(b"late"))
            await wire.expect(b"POST late")
        await third.expect(b"HTTP/1.1 200")

    async def test_all_are_busy(self) -> None:
        """When all are waiting for an answer of ours, the one too many is closed at once."""
        self.echo.later = True
        loopback = self.serve(max_connections=2)
        first, second = await loopback.connect(), await loopback.connect()
        for wire in (first, second):
            wire.send(post())
        await loopback.hear(2 * len(post()))
        third = await loopback.connect()
        self.assertEqual(await third.gone(), b"")
        self.assertEqual(self.refused, ["too_many_connections"])
        for request in self.echo.seen:
            request.finish()
        await first.expect(b"HTTP/1.1 200")
        await second.expect(b"HTTP/1.1 200")

    async def test_silent_crowd(self) -> None:
        """Hundreds of silent connections, whose owner comes again as often as they are cut, cost no webhook."""
        loopback = self.serve(max_connections=32)
        crowd = [await loopback.connect() for _ in range(100)]
        for number in range(20):
            wire = await loopback.connect()
            crowd += [await loopback.connect() for _ in range(20)]
            wire.send(post(b"honest %d" % number))
            await wire.expect(b"POST honest %d" % number)
        self.assertEqual(sum(not wire.closed for wire in crowd[:400]), 0)

    async def test_smuggling(self) -> None:
        """Two statements about the length of one body, or one that is no length, are a bad request."""
        loopback = self.serve()
        for lines in (
            b"Content-Length: 4\r\nTransfer-Encoding: chunked",
            b"Content-Length: 4\r\nContent-Length: 5",
            b"Content-Length: -1",
            b"Content-Length: " + b"9" * 5000,
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: \tidentity \r\nContent-Length: 5",
            b"Transfer-Encoding:",
            b"Transfer-Encoding:\r\n chunked",
            b"X-Folded: a\r\n b",
            b" X-Folded: a",
            b"Host: a\x00b",
        ):
            wire = await loopback.connect()
            wire.send(b"POST / HTTP/1.1\r\n" + lines + b"\r\n\r\n0\r\n\r\n")
            received = await wire.gone()
            self.assertTrue(received.startswith(b"HTTP/1.1 400 "), (lines, received))
            self.assertEqual(received.count(b"HTTP/1.1 "), 1)
            self.assertIn(b"\r\nConnection: close\r\n", received)
        self.assertEqual(self.echo.seen, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_long_heads(self) -> None:
        """A request line that is too long is answered 414, headers that are too long or too many 431, and the answer
        arrives though much more is sent."""
        line = b"POST / HTTP/1.1\r\n"
        for head, status in (
            (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"414 URI Too Long"),
            (b"GET /" + b"a" * 16_376 + b" HTTP/1.1\r\n\r\n", b"414 URI Too Long"),
            (b"a" * 200_000, b"414 URI Too Long"),
            (line + b"X: " + b"a" * 20_000 + b"\r\n\r\n", b"431 Request Header Fields Too Large"),
            (line + b"X: " + b"a" * 2_000_000, b"431 Request Header Fields Too Large"),
            (line + b"X: aaaaaaa\r\n" * 499 + b"X: " + b"a" * 12_000, b"431 Request Header Fields Too Large"),
            (line + b"X: a\r\n" * 501 + b"\r\n", b"431 Request Header Fields Too Large"),
            (line + b"X: a\r\n" * 100_000, b"431 Request Header Fields Too Large"),
        ):
            wire = await self.serve().connect()
            wire.send(head + b"\r\nmore" * 100_000)
            received = await wire.gone()
            self.assertEqual(received.partition(b"\r\n")[0], b"HTTP/1.1 " + status, head[:40])
            self.assertEqual(received.count(b"HTTP/1.1 "), 1)
            self.assertIn(b"\r\nConnection: close\r\n", received)
        self.assertEqual(self.echo.seen, [])

    async def test_heads_at_the_limit(self) -> None:
        """A request line and headers of just that length and number are taken, on one connection again and again."""
        wire = await self.serve().connect()
        for number, head in enumerate(
            (
                b"GET /" + b"a" * 16_370 + b" HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\nX: " + b"a" * 16_367 + b"\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 500 + b"\r\n",
            ),
            1,
        ):
            wire.send(head)
            await wire.expect(b"HTTP/1.1 200", times=number)

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


class LogTests(SiteCase):
    def listen(self) -> list[str]:
        lines: list[str] = []
        observe_log(self, lambda event: lines.append(event.get("log_io") or str(event)))
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

    async def test_strangers(self) -> None:
        """Of requests that bring nothing there is one line in a minute for each address and status; those that were
        stored have a line each."""
        lines = self.listen()
        wire = await self.serve().connect()

        async def ask(times: int, path: bytes) -> int:
            before, answered = len([line for line in lines if path.decode() in line]), len(self.echo.seen)
            for number in range(1, times + 1):
                wire.send(b"GET %s HTTP/1.1\r\n\r\n" % path)
                await wire.expect(b"HTTP/1.1 ", times=answered + number)
            return len([line for line in lines if path.decode() in line]) - before

        self.assertEqual(await ask(50, b"/a"), 1)
        self.assertEqual(await ask(50, b"/b"), 0)
        self.echo.code = 503
        self.assertEqual(await ask(50, b"/c"), 1)
        self.echo.stored = True
        self.assertEqual(await ask(50, b"/d"), 50)
        self.echo.stored = False
        self.clock.pump([5] * 12)
        wire = await Loopback(self, self.site).connect()
        self.echo.seen.clear()
        self.assertEqual(await ask(50, b"/e"), 1)

    async def test_long_path(self) -> None:
        """What a stranger can write into the log is short and printable."""
        lines = self.listen()
        wire = await self.serve().connect()
        wire.send(b"A" * 300 + b" /" + b"\x9b" * 300 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        await wire.expect(b"HTTP/1.1 200")
        logged = "\n".join(lines)
        self.assertIn("A" * 16 + " /" + "\\x9b" * 99 + " 200", logged)
        self.assertNotIn("\x9b", logged)


class TlsTests(SiteCase):
    async def test_limits_under_tls(self) -> None:
        """Size, number and time are limited in the same way when the endpoint encrypts."""
        site = hardened_site(self.echo, self.clock, max_body=10, max_connections=3, on_rejected=self.refused.append)
        listener = Listener(site, tls=certificate("127.0.0.1")[0].options())
        self.addCleanup(listener.stop)

        def connect() -> Deferred[Wire]:
            where = SSL4ClientEndpoint(reactor, "127.0.0.1", listener.port, CertificateOptions())
            connected: Deferred[Wire] = connectProtocol(where, Wire())
            return connected

        wire = await connect()
        wire.send(post(b"small"))
        await wire.expect(b"POST small")
        second = await connect()
        second.send(post(b"small"))
        await second.expect(b"POST small")
        third = await connect()
        third.send(post(b"small") + b"GET /two HTTP/1.1\r\n\r\n" * 2000)
        await third.expect(b"POST small")
        for number in range(2, 5):
            self.clock.advance(0)
            await third.expect(b"HTTP/1.1 200", times=number)
        second.send(post(b"again"))
        await second.expect(b"POST again")
        await connect()
        self.assertEqual((await wire.gone()).count(b"HTTP/1.1 200"), 1)
        second.send(post(b"x" * 1000))
        self.assertIn(b"HTTP/1.1 413 ", await second.gone())
        self.clock.advance(10)
        await third.gone()
        self.assertEqual(sorted(self.refused), ["body_too_large", "slow_request", "too_many_connections"])
