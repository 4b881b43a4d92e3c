"""One HTTP request over real sockets: what is known when it fails."""

from __future__ import annotations

import gzip
import resource
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.trial.unittest import SkipTest
from twisted.web.http_headers import Headers

from nexmo_twisted.http_client.client import Broken, Http, HttpResponse, NotSent
from tests.http_client.loopback import Channel, LoopbackCase, certificate, with_clock, without_names, writes
from tests.support import observe_log

HEADERS = Headers({"Content-Type": ["text/plain"]})
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


def fine(channel: Channel, _request: bytes) -> None:
    channel.write(FINE)


def packed(way: bytes, body: bytes) -> bytes:
    """An answer with a body that is packed so."""
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (way, len(body), body)


def silent(channel: Channel, request: bytes) -> None:
    """Answers never."""


class HttpTests(LoopbackCase):
    def http(self, clock: Any = reactor, **named: Any) -> Http:
        return Http(self.connections(), clock, timeout=30.0, **named)

    async def fails(self, kind: type[Exception], http: Http, url: str, method: str = "POST") -> str:
        """The reason why a request fails so."""
        body = b"hello" if method == "POST" else None
        error = await self.assertFailure(
            Deferred.fromCoroutine(http.request(method, url, headers=HEADERS, body=body)), kind
        )
        self.assertIs(type(error), kind)
        return str(error)

    # Limits of time

    async def test_too_late_to_go_out(self) -> None:
        """A request whose time was over before its first byte went out does not go out, and is known not to be sent;
        one that is in time does."""
        clock = Clock()
        server = self.serve(fine)
        http = self.http(with_clock(clock))
        clock.advance(10)
        asked = http.request("POST", server.url, headers=HEADERS, body=b"hello", until=10.0)
        error: Any = await self.assertFailure(Deferred.fromCoroutine(asked), NotSent)
        self.assertEqual(error.reason, "too late: the lease expired before the request was sent")
        self.assertEqual(server.requests, [])
        answer = await http.request("POST", server.url, headers=HEADERS, body=b"hello", until=10.1)
        self.assertEqual((answer.status, answer.seconds), (200, 0.0))

    # Answers

    async def test_whole_answer(self) -> None:
        """Status, headers by lower-case name, and body are handed over; the request is what was asked for."""
        server = self.serve(
            writes(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 3\r\n\r\nno!")
        )
        answer = await self.http().request("POST", server.url + "/a%2Fb?c=d", headers=HEADERS, body=b"hello")
        self.assertEqual((answer.status, answer.body), (429, b"no!"))
        self.assertEqual((answer.headers["retry-after"], answer.headers["x-twice"]), ("7", "b"))
        head, body = server.requests[0].split(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"POST /a%2Fb?c=d HTTP/1.1\r\n"), head)
        self.assertIn(b"\r\nContent-Type: text/plain", head)
        self.assertEqual(body, b"hello")
        self.assertEqual(list(HEADERS.getAllRawHeaders()), [(b"Content-Type", [b"text/plain"])])

    async def test_answers_without_a_length(self) -> None:
        """No body at all, an empty one, and one that ends where the server hangs up are whole answers."""
        for given, expected in (
            (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b"")),
            (b"HTTP/1.1 200 OK\r\n\r\nto the end", (200, b"to the end")),
        ):

            def react(channel: Channel, _request: bytes, given: bytes = given) -> None:
                channel.write(given)
                channel.hang_up()

            answer = await self.http().request("GET", self.serve(react).url, headers=HEADERS)
            self.assertEqual((answer.status, answer.body), expected)

    async def test_compressed_answer(self) -> None:
        """A compressed answer is unpacked."""
        packed = gzip.compress(b"fine")
        server = self.serve(
            writes(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed))
        )
        answer = await self.http().request("GET", server.url, headers=HEADERS)
        self.assertEqual(answer.body, b"fine")

    async def test_ipv6(self) -> None:
        """An address in brackets is a host like any other, over TLS too."""
        private, public = certificate("::1")
        try:
            servers = [self.serve(fine, interface="::1"), self.serve(fine, private, interface="::1")]
        except CannotListenError:
            raise SkipTest("this machine has no IPv6 loopback") from None
        http = Http(self.connections(trust=public), reactor, timeout=30.0)
        for server in servers:
            answer = await http.request("POST", f"{server.url}/a%2Fb?c=d", headers=HEADERS, body=b"hello")
            self.assertEqual(answer.body, b"fine")
            self.assertTrue(server.requests[0].startswith(b"POST /a%2Fb?c=d HTTP/1.1\r\n"), server.requests[0])
            host = server.url.partition("://")[2].encode()
            self.assertIn(b"\r\nHost: " + host + b"\r\n", server.requests[0])

    async def test_redirects_are_not_followed(self) -> None:
        """A redirect is an answer like any other: no secret is carried to another place."""
        other = self.serve(fine)
        server = self.serve(
            writes(b"HTTP/1.1 302 Found\r\nLocation: %b/\r\nContent-Length: 0\r\n\r\n" % other.url.encode())
        )
        for method in ("GET", "POST"):
            answer = await self.http().request(method, server.url, headers=HEADERS)
            self.assertEqual(answer.status, 302)
        self.assertEqual(other.requests, [])

    async def test_cookies_are_not_kept(self) -> None:
        """What a server wants to be told again is not told."""
        server = self.serve(writes(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"))
        http = self.http()
        for _ in range(2):
            await http.request("GET", server.url, headers=HEADERS)
        self.assertEqual(len(server.requests), 2)
        self.assertNotIn(b"cookie", b"".join(server.requests).lower())

    # Connections

    async def test_connections_are_kept(self) -> None:
        """Requests one after the other share a connection."""
        server, http = self.serve(fine), self.http()
        for _ in range(3):
            await http.request("POST", server.url, headers=HEADERS, body=b"hello")
        self.assertEqual((len(server.requests), len(server.channels)), (3, 1))

    async def test_nothing_is_sent_twice(self) -> None:
        """A kept connection that dies under the next request: it may have arrived, so it is not repeated, not
        even a GET."""
        for method in ("POST", "GET"):

            def react(channel: Channel, _request: bytes) -> None:
                if len(channel.served.requests) == 1:
                    channel.write(FINE)
                else:
                    channel.hang_up()

            server, http = self.serve(react), self.http()
            await http.request(method, server.url, headers=HEADERS)
            self.assertEqual(await self.fails(Broken, http, server.url, method), "connection lost")
            self.assertEqual((len(server.requests), len(server.channels)), (2, 1))

    async def test_idle_connections_are_closed(self) -> None:
        """Closing the agent closes the connections it keeps, TLS or not."""
        served, trusted = certificate("127.0.0.1")
        for tls in (None, served):
            connections = self.connections(trust=trusted)
            server = self.serve(fine, tls)
            await Http(connections, reactor, timeout=30.0).request("GET", server.url, headers=HEADERS)
            await connections.close()
            await server.channels[0].closed

    # Nothing was sent

    async def test_refused(self) -> None:
        """Nobody listens: nothing was sent, with or without a body."""
        url = await self.refused_url()
        for method in ("POST", "GET"):
            self.assertEqual(await self.fails(NotSent, self.http(), url, method), "connection refused")

    async def test_unknown_host(self) -> None:
        """The name leads nowhere: nothing was sent."""
        http = Http(self.connections(without_names()), reactor, timeout=30.0)
        for method in ("POST", "GET"):
            reason = await self.fails(NotSent, http, "http://nowhere.invalid/", method)
            self.assertEqual(reason, "host name not found")

    async def test_untrusted_certificate(self) -> None:
        """A certificate nobody vouches for: not one byte of the request reaches that server."""
        server = self.serve(fine, certificate("127.0.0.1")[0])
        for method in ("POST", "GET"):
            reason = await self.fails(NotSent, self.http(), server.url, method)
            self.assertEqual(reason, "TLS: its certificate is not trusted: depth zero self signed cert")
        self.assertEqual(server.requests, [])

    async def test_certificate_of_another_host(self) -> None:
        """A good certificate, but somebody else's: nothing is sent."""
        reason = await self.trusted_but_refused(*certificate("other.example"))
        self.assertEqual(reason, "TLS: its certificate is not for 127.0.0.1")

    async def test_certificate_of_no_host(self) -> None:
        """A good certificate that names its host nowhere but in its subject is nobody's: nothing is sent, and nothing
        but the reason told."""
        reason = await self.trusted_but_refused(*certificate("127.0.0.1", says_so=False))
        why = "Certificate does not contain any `subjectAltName`s"
        self.assertEqual(reason, f"TLS: its certificate is not for 127.0.0.1: {why}")
        self.assertEqual(self.flushLoggedErrors(), [])

    async def trusted_but_refused(self, served: ssl.PrivateCertificate, trusted: ssl.Certificate) -> str:
        """Why nothing is sent to a server with this certificate, though it is one that we trust."""
        server = self.serve(fine, served)
        connections = self.connections(trust=trusted)
        reason = await self.fails(NotSent, Http(connections, reactor, timeout=30.0), server.url)
        self.assertEqual(server.requests, [])
        return reason

    async def test_trusted_certificate(self) -> None:
        """With the right certificate requests go through, over one connection."""
        served, trusted = certificate("127.0.0.1")
        server = self.serve(fine, served)
        http = Http(self.connections(trust=trusted), reactor, timeout=30.0)
        for _ in range(2):
            answer = await http.request("POST", server.url, headers=HEADERS, body=b"hello")
            self.assertEqual(answer.body, b"fine")
        self.assertEqual(len(server.channels), 1)

    async def test_hangs_up_instead_of_a_handshake(self) -> None:
        """A server that accepts the connection and closes it before TLS stands got nothing of the request."""
        server = self.serve(fine)
        server.connected = lambda: server.channels[-1].hang_up()
        for method in ("POST", "GET"):
            reason = await self.fails(NotSent, self.http(), server.url.replace("http:", "https:"), method)
            self.assertEqual(reason, "TLS: no handshake")

    async def stalled_handshake(self, http: Http, clock: Clock, seconds: float, method: str = "POST") -> str:
        server = self.serve(silent)
        connected = server.next_connection()
        failing = Deferred.fromCoroutine(self.fails(NotSent, http, server.url.replace("http:", "https:"), method))
        await connected
        clock.advance(seconds - 0.1)
        self.assertNoResult(failing)
        clock.advance(0.1)
        reason = await failing
        await server.channels[0].closed
        return reason

    async def test_connecting_takes_too_long(self) -> None:
        """Ten seconds without a connection, TLS included: nothing was sent."""
        for method in ("POST", "GET"):
            clock = Clock()
            http = Http(self.connections(with_clock(clock)), clock, timeout=30.0)
            self.assertEqual(await self.stalled_handshake(http, clock, 10.0, method), "not connected in time")

    async def test_time_is_up_while_connecting(self) -> None:
        """The time for the whole request ends before there is a connection: nothing was sent."""
        clock = Clock()
        http = Http(self.connections(), clock, timeout=5.0)
        self.assertEqual(await self.stalled_handshake(http, clock, 5.0), "no answer within 5 seconds")

    async def test_unusable_url(self) -> None:
        """An URL that leads nowhere by itself fails like a host that does."""
        for url in ("ftp://127.0.0.1/", "http://127.0.0.1:port/"):
            await self.fails(NotSent, self.http(), url)

    # It may have been sent

    async def test_no_answer(self) -> None:
        """A server that hangs up after the request may have done what it was asked for."""
        server = self.serve(lambda channel, _: channel.hang_up())
        for method in ("POST", "GET"):
            self.assertEqual(await self.fails(Broken, self.http(), server.url, method), "connection lost")

    async def test_broken_answers(self) -> None:
        """An answer that stops short, or is none, is not an answer."""
        for given in (
            b"HTTP/1.1 200 OK\r\nContent-",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
            b"220 mail.example ESMTP\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x46",
        ):

            def react(channel: Channel, _request: bytes, given: bytes = given) -> None:
                channel.write(given)
                channel.hang_up()

            await self.fails(Broken, self.http(), self.serve(react).url)

    async def test_no_http(self) -> None:
        """An answer that breaks the rules of HTTP is called that, in words."""
        for given in (
            b"HTTP/1.1 OK\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX Y: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nfine",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
        ):
            server = self.serve(writes(given))
            for method in ("POST", "GET"):
                reason = await self.fails(Broken, self.http(), server.url, method)
                self.assertEqual(reason, "the answer is not valid HTTP", given)

    async def stalls(self, given: bytes, tls: ssl.PrivateCertificate | None = None, **named: Any) -> None:
        """A server that stops in the middle is left after 30 seconds, and the connection with it."""
        received: Deferred[None] = Deferred()

        def react(channel: Channel, _request: bytes) -> None:
            channel.write(given)
            received.callback(None)

        server, clock = self.serve(react, tls), Clock()
        http = Http(self.connections(**named), clock, timeout=30.0)
        failing = Deferred.fromCoroutine(self.fails(Broken, http, server.url))
        await received
        # Another request goes all the way meanwhile: what the stalling server gave has arrived by then.
        await self.http().request("GET", self.serve(fine).url, headers=HEADERS)
        clock.advance(29.9)
        self.assertNoResult(failing)
        clock.advance(0.1)
        self.assertEqual(await failing, "no answer within 30 seconds")
        await server.channels[0].closed
        self.assertEqual(clock.getDelayedCalls(), [])

    async def test_head_stalls(self) -> None:
        """No answer in time: uncertain."""
        await self.stalls(b"HTTP/1.1 200 OK\r\n")

    async def test_body_stalls(self) -> None:
        """The time limit covers the body as well."""
        await self.stalls(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async def test_body_stalls_over_tls(self) -> None:
        """A stalled server is not asked for the farewell TLS provides for."""
        served, trusted = certificate("127.0.0.1")
        await self.stalls(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", served, trust=trusted)

    async def test_too_large(self) -> None:
        """An answer over the limit is given up, declared, chunked or packed; one at the limit is fine."""
        large = b"x" * 1001
        packed = gzip.compress(large)
        for given in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + large,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + large + b"\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed,
        ):
            server = self.serve(writes(given))
            reason = await self.fails(Broken, self.http(limit=1000), server.url)
            self.assertEqual(reason, "the answer is too large")
        server = self.serve(writes(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + large[1:]))
        answer: HttpResponse = await self.http(limit=1000).request("GET", server.url, headers=HEADERS)
        self.assertEqual(len(answer.body), 1000)

    async def test_packed_too_well(self) -> None:
        """A few bytes that unpack to a thousand times as much are given up before they fill the memory; what is packed
        twice or in a way nobody asked for is left as it is, and its status counts."""
        bomb = gzip.compress(b"\0" * 200_000_000)
        server = self.serve(writes(packed(b"gzip", bomb)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.assertEqual(await self.fails(Broken, self.http(), server.url), "the answer is too large")
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 50_000, "KiB")
        twice = gzip.compress(bomb)
        for way, body in ((b"gzip, gzip", twice), (b"br", b"abc"), (b"identity", b"abc"), (b"", b"abc")):
            server = self.serve(writes(packed(way, body)))
            answer = await self.http().request("GET", server.url, headers=HEADERS)
            self.assertEqual((answer.status, answer.body), (200, body), way)

    async def test_packed_wrongly(self) -> None:
        """What says that it is packed and is not, or stops short, is not a whole answer; an empty one is empty."""
        whole = gzip.compress(b"fine" * 100)
        for body in (b"fine", whole[:-1], whole[:20], b"\x1f\x8b"):
            server = self.serve(writes(packed(b"gzip", body)))
            self.assertEqual(await self.fails(Broken, self.http(), server.url), "the answer cannot be decompressed")
        server = self.serve(writes(packed(b"x-gzip", b"")))
        self.assertEqual((await self.http().request("GET", server.url, headers=HEADERS)).body, b"")

    async def test_endless_heads(self) -> None:
        """A head without an end is given up at 16 KiB or 200 lines, be it one line, thousands of headers, folded ones,
        or answers that are none yet; over TLS too."""
        served, trusted = certificate("127.0.0.1")
        start = b"HTTP/1.1 200 OK\r\n"
        for tls in (None, served):
            for piece in (
                b"a:b\r\n",
                b"a:b\n",
                b"X-Long: " + b"a" * 15_000 + b"\r\n",
                b"X-Folded: a\r\n" + b" b\r\n" * 1000,
                b"Set-Cookie: a=" + b"b" * 50 + b"\r\n",
            ):
                server = self.serve(writes(start + piece * 10_000), tls)
                http = Http(self.connections(trust=trusted), reactor, timeout=30.0)
                self.assertEqual(await self.fails(Broken, http, server.url), "the answer is too large")
                await server.channels[0].closed
        server = self.serve(writes(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000))
        logged: list[LogEvent] = []
        observe_log(self, logged.append)
        self.assertEqual(await self.fails(Broken, self.http(), server.url), "the answer is too large")
        self.assertEqual(logged, [])

    async def test_large_head(self) -> None:
        """A head below the limit is taken with the body behind it, on one connection again and again, and so are a few
        answers 1xx before it."""
        head = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: " + b"a" * 15_000
        body = b"b" * 100_000
        server = self.serve(writes(head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
        http = self.http()
        for _ in range(3):
            answer = await http.request("GET", server.url, headers=HEADERS)
            self.assertEqual((answer.headers["x"], answer.body), ("a" * 15_000, body))
        self.assertEqual(len(server.channels), 1)

    async def test_lines_of_a_head(self) -> None:
        """A head of 200 lines is taken, and a body of any number behind it; one of 201 is given up, though it is short
        and whole, and so are a hundred answers 1xx before one."""
        body = b"\n" * 10_000
        rest = b"Content-Length: %d\r\n\r\n" % len(body) + body
        fine = b"HTTP/1.1 200 OK\r\n" + b"a:b\r\n" * 197
        for given in (fine, b"HTTP/1.1 103 Hints\r\n\r\n" * 98 + b"HTTP/1.1 200 OK\r\na:b\r\n"):
            server = self.serve(writes(given + rest))
            http = self.http()
            for _ in range(2):
                self.assertEqual((await http.request("GET", server.url, headers=HEADERS)).body, body)
        for given in (fine + b"a:b\r\n", b"HTTP/1.1 103 Hints\r\n\r\n" * 100 + fine):
            server = self.serve(writes(given + rest))
            self.assertEqual(await self.fails(Broken, self.http(), server.url), "the answer is too large")
            await server.channels[0].closed

    async def test_tiny_chunks(self) -> None:
        """A body in thousands of chunks of a byte, each of which costs time, is given up."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server = self.serve(writes(head + b"1\r\na\r\n" * 100_000))
        self.assertEqual(await self.fails(Broken, self.http(), server.url), "the answer is too large")
        server = self.serve(writes(head + b"1\r\na\r\n" * 1000 + b"0\r\n\r\n"))
        self.assertEqual((await self.http().request("GET", server.url, headers=HEADERS)).body, b"a" * 1000)

    async def test_no_status(self) -> None:
        """A number that is no status of HTTP makes no answer."""
        for status in (b"0", b"99999", b"-200", b"600", b"9" * 1000):
            server = self.serve(writes(b"HTTP/1.1 %b X\r\nContent-Length: 0\r\n\r\n" % status))
            self.assertEqual(await self.fails(Broken, self.http(), server.url), "the answer has no HTTP status")

    async def test_cancelled(self) -> None:
        """Who gives up waiting leaves neither a timer nor a connection behind; it counts as sent."""
        received: Deferred[None] = Deferred()
        server, clock = self.serve(lambda _channel, _: received.callback(None)), Clock()
        http = Http(self.connections(), clock, timeout=30.0)
        failing = Deferred.fromCoroutine(self.fails(Broken, http, server.url))
        await received
        failing.cancel()
        await failing
        await server.channels[0].closed
        self.assertEqual(clock.getDelayedCalls(), [])
