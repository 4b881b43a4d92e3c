"""Requests as bytes, hardly HTTP or none at all, many of them on each connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol

from tests.scenarios.odd_values import garbage, text

PATIENCE = 30.0  # seconds until a connection without an end is given up

Headers = list[tuple[bytes, bytes]]

NOT_IN_A_HEADER = b"\r\n\0"
NOT_IN_A_URL = bytes([*range(33), *range(127, 256)])

METHODS = (
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"HEAD",
    b"BREW",
    b"post",
    b"GET",
    b"PROPFIND",
)
HOSTS = (b"", b"x", b"[", b"[::1", b"a..b", b"a:b:c", b"\xff", b"x" * 300, b"localhost:99999", "ü.example".encode())
HEADERS = (
    (b"Cookie", b"a=b; " * 500),
    (b"Authorization", b"Basic \xff\xff"),
    (b"X-Forwarded-For", b"203.0.113.1, " * 50),
    (b"Content-Type", b"multipart/form-data; boundary=" + b"b" * 500),
    (b"Content-Type", b"\xff\xfe; charset=\x80"),
    (b"Content-Encoding", b"gzip"),
    (b"Expect", b"100-continue"),
    (b"Range", b"bytes=0-18446744073709551615"),
    (b"Upgrade", b"h2c"),
    (b"If-None-Match", b"*"),
    (b"Accept-Encoding", b"gzip;q=nan"),
    (b"Connection", b"keep-alive, Upgrade"),
    (b"Sec-WebSocket-Key", b"=" * 30),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a door, before it is written down as HTTP."""

    method: bytes = b"POST"
    query: bytes = b""
    headers: Headers = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Written:
    """One request as bytes. ``end``: whether it breaks the rules of HTTP, so that the server hangs up, or breaks off
    in the middle, because the client does."""

    raw: bytes
    head: bool = False
    end: Literal["", "broken", "cut"] = ""


@dataclass(frozen=True, slots=True)
class Door:
    """One endpoint: ``junk`` makes requests that are wrong in its own way."""

    name: str
    path: str
    junk: Callable[[Random], Request]


def written(rng: Random, door: Door) -> Written:
    """One bad request that leaves the connection as it was."""
    asked = door.junk(rng)
    method, path, headers = asked.method, door.path.encode(), list(asked.headers)
    if rng.random() < 0.08:
        method = rng.choice(METHODS)
    if rng.random() < 0.08:
        path = odd_path(rng, path)
    host = rng.choice(HOSTS) if rng.random() < 0.2 else b"localhost"
    if rng.random() < 0.15:
        headers += rng.sample(HEADERS, rng.randrange(1, 4))
    if rng.random() < 0.05:
        headers += [(b"X-%d" % number, in_header(garbage(rng))) for number in range(rng.randrange(1, 50))]
    head = head_of(method, path + asked.query, [(b"Host", host), *headers])
    return Written(head + framed(rng, method, asked.body), head=method == b"HEAD")


def head_of(method: bytes, target: bytes, headers: Headers) -> bytes:
    return b"%s %s HTTP/1.1\r\n%s" % (method, target, b"".join(b"%s: %s\r\n" % header for header in headers))


def in_header(raw: bytes) -> bytes:
    return raw.translate(None, NOT_IN_A_HEADER)


def odd_path(rng: Random, path: bytes) -> bytes:
    any_path = quote(text(rng, 20), errors="surrogatepass").encode()
    return rng.choice(
        (
            path + b"/",
            path + b"/" + any_path,
            path + b"x",
            b"/" + path,
            path.upper(),
            path + b"/..",
            path.replace(b"-", b"%2d"),
            b"/" + any_path,
            b"/%ff%00",
            b"/" + b"a" * 3000,
            b"http://other.example" + path,
            path + b"/receipt/receipt",
            path + b";x=y",
            garbage(rng).translate(None, NOT_IN_A_URL) or b"*",
        )
    )


def framed(rng: Random, method: bytes, body: bytes) -> bytes:
    """The body with its length before it, or in chunks, or nothing at all."""
    if not body and method != b"POST":
        return b"\r\n"
    if rng.random() < 0.8:
        return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    chunks, at = [], 0
    while at < len(body):
        size = rng.choice((1, 10, 1000, len(body)))
        piece = body[at : at + size]
        chunks.append(b"%x%s\r\n%s\r\n" % (len(piece), rng.choice((b"", b";a=b", b';a="\xff"')), piece))
        at += size
    return b"Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % b"".join(chunks)


def breaking(rng: Random, door: Door) -> Written:
    """One after which the server hangs up, since it is no HTTP, says two things at once, or is too large."""
    path = door.path.encode()
    start = head_of(b"POST", path, [(b"Host", b"x")])
    chunked = start + b"Transfer-Encoding: chunked\r\n\r\n"
    raw = rng.choice(
        (
            b"\0" * 100 + b"\r\n\r\n",
            rng.randbytes(30).replace(b"\n", b"") + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x20" * 100 + b"\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET %s\r\n\r\n" % path,
            b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 20_000),
            start + b"no colon\r\n\r\n",
            start + b"a: \0\r\n\r\n",
            start + b"Cookie: %s\r\n\r\n" % (b"c" * 20_000),
            start + b"h: x\r\n" * 1000 + b"\r\n",
            start + b"Content-Length: %s\r\n\r\n" % rng.choice((b"-1", b"+5", b"5, 6", b"0x10", b"7" * 5000, b"\xb2")),
            start + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
            start + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            start + b"Transfer-Encoding: %s\r\n\r\n" % rng.choice((b"gzip", b"gzip, chunked", b"\xff", b"chunked\x0b")),
            start + b"Content-Length: %d\r\n\r\n" % rng.choice((1024 * 1024 + 1, 200_000_000, 2**64)),
            start + b"Content-Length: 2\r\n\r\n{}surplus\r\n\r\n",
            chunked + b"%s\r\n" % rng.choice((b"zz", b"-1", b"0x1", b"", b" ", b"\xb2", b"f" * 5000)),
            chunked + b"3\r\nabcdef\r\n0\r\n\r\n",
            chunked + b"2%s\r\n" % (b";" * 20_000),
            start.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: 1\r\n\r\nx",
            start + b"Connection: close\r\nContent-Length: 1\r\n\r\nx",
        )
    )
    return Written(raw, end="broken")


def cut_off(rng: Random, door: Door) -> Written:
    """One whose client goes away in the middle of it."""
    raw = written(rng, door).raw
    return Written(raw[: rng.randrange(len(raw))], end="cut")


def connection(rng: Random, door: Door, most: int = 60) -> list[Written]:
    """Requests for one connection: any number of which only the last may end it."""
    requests = [written(rng, door) for _ in range(rng.randrange(most // 2, most))]
    last = rng.choice((breaking, breaking, cut_off))
    return [*requests, last(rng, door)]


class Client(Protocol):
    """Sends the requests of one connection in one go. ``done`` fires with the statuses of the answers once all of them
    are answered and the last one has ended the connection, or once an answer was ``the_last`` of the connection."""

    transport: Any

    def __init__(self, requests: list[Written]) -> None:
        self.waiting = [each for each in requests if not each.end]
        self.last = requests[-1] if requests[-1].end else None
        self.statuses: list[int] = []
        self.the_last = False
        self.done: Deferred[list[int]] = Deferred()
        self._buffer = b""
        self._patience: IDelayedCall

    def connectionMade(self) -> None:
        self._patience = reactor.callLater(PATIENCE, self.transport.abortConnection)
        self.transport.write(b"".join(each.raw for each in self.waiting))
        if not self.waiting:
            self._finish()

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while answer := self._answer():
            status, self._buffer = answer
            if status < 200:
                continue
            self.statuses.append(status)
            if len(self.statuses) == len(self.waiting):
                self._finish()

    def _finish(self) -> None:
        if self.last is None:
            self.transport.loseConnection()
            return
        self.transport.write(self.last.raw)
        if self.last.end == "cut":
            self.transport.loseConnection()

    def _answer(self) -> tuple[int, bytes] | None:
        """The status of the first answer in the buffer, and what follows the answer; None when it is incomplete."""
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        status, lines = int(head[9:12]), head.lower().split(b"\r\n")
        self.the_last = b"connection: close" in lines
        asked = self.waiting[len(self.statuses)] if len(self.statuses) < len(self.waiting) else None
        if status < 200 or status == 204 or (asked and asked.head):
            return status, rest
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if b"transfer-encoding: chunked" in lines:
            _, found, after = rest.partition(b"0\r\n\r\n")
            return (status, after) if found else None
        return (status, rest[length:]) if len(rest) >= length else None

    def connectionLost(self, _reason: object = None) -> None:
        if self._patience.active():
            self._patience.cancel()
            self.done.callback(self.statuses)
        else:
            self.done.errback(AssertionError("it was neither answered nor hung up on in time"))
