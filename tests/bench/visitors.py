"""Those who come to the door in the misuse benchmark, each kind in a process of its own.

``python -m tests.bench.visitors KIND PORT SECONDS`` prints what became of them as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IHalfCloseableProtocol, IPullProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater, react
from zope.interface import implementer

from tests.bench.peer import NUMBER, webhook

LAYER_DOOR, NEXMO_DOOR = b"nexmo-new-message", b"nexmo-new-sms"
A_SECOND = 50  # honest webhooks
SLOW = 500  # connections
FLOODING = 400  # connections; a door has 256 places
CHUNK = b"x" * 65_536


def head(door: bytes, *lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (b"POST /%s HTTP/1.1" % door, b"host: localhost", *lines))


@implementer(IHalfCloseableProtocol)
class Visit(Protocol):
    """One connection. ``answers`` are the statuses it got, ``gone`` fires when it is over."""

    transport: Any

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.gone: Deferred[None] = Deferred()
        self.answered: Callable[[], None] = lambda: None
        self._buffer = b""

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:  # no answer here has a body
            answer, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self.answers.append(int(answer[9:12]))
            self.answered()

    def readConnectionLost(self) -> None:
        """The server has said all it had to say, but may still be listening."""

    def writeConnectionLost(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, _reason: object = None) -> None:
        self.gone.callback(None)


async def visit(port: int) -> Visit | None:
    """A new connection; None when there is no getting in."""
    try:
        one: Visit = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Visit())
    except ConnectError:
        await pause(0.1)
        return None
    return one


async def pause(seconds: float) -> None:
    await deferLater(reactor, seconds)


async def honest(port: int, seconds: float) -> dict[str, Any]:
    """So many webhooks a second, each on a connection of its own, whatever became of those before."""
    answers: Counter[int] = Counter()
    took: list[float] = []

    async def post(number: int) -> None:
        raw = head(LAYER_DOOR, b"connection: close") + webhook(number)
        await pause(number / A_SECOND)
        began = time.perf_counter()
        one = await visit(port)
        if one is not None:
            one.answered = one.transport.loseConnection
            one.transport.write(raw)
            await one.gone
        answers[one.answers[0] if one is not None and one.answers else 0] += 1
        took.append(1000 * (time.perf_counter() - began))

    await gatherResults([Deferred.fromCoroutine(post(number)) for number in range(round(seconds * A_SECOND))])
    took.sort()
    return {"answers": answers, "median": took[len(took) // 2], "p99": took[len(took) * 99 // 100], "slowest": took[-1]}


async def slow(port: int, seconds: float) -> dict[str, Any]:
    """Drips headers or bodies, a byte a second, and comes again whenever it is cut off."""
    until = time.perf_counter() + seconds
    lived: list[float] = []

    def note(_: None, began: float) -> None:
        lived.append(time.perf_counter() - began)

    async def drip(number: int) -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            one = await visit(port)
            if one is None:
                continue
            one.transport.write(head(LAYER_DOOR) + (b"content-length: 1000\r\n\r\n" if number % 2 else b"x-drip: "))
            one.gone.addCallback(note, began)
            while not one.gone.called and time.perf_counter() < until:
                one.transport.write(b"x")
                await pause(1)
            one.transport.abortConnection()
            await one.gone

    await gatherResults([Deferred.fromCoroutine(drip(number)) for number in range(SLOW)])
    return {"connections": len(lived), "longest": max(lived)}


@implementer(IPullProducer)
class Endless:
    """Writes one piece after another as fast as they are taken."""

    def __init__(self, one: Visit, pieces: Iterator[bytes]) -> None:
        self.one, self.pieces = one, pieces
        self.pushed = 0
        one.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        piece = next(self.pieces, None)
        if piece is None:
            self.one.transport.unregisterProducer()
            self.one.transport.loseConnection()
        else:
            self.pushed += len(piece)
            self.one.transport.write(piece)

    def stopProducing(self) -> None:
        self.pieces = iter(())


def pieces(begin: bytes, size: int, piece: bytes = CHUNK) -> Iterator[bytes]:
    yield begin
    for _ in range(size // len(CHUNK)):
        yield piece


async def push(port: int, seconds: float, bodies: list[Callable[[], Iterator[bytes]]]) -> dict[str, Any]:
    """Each of the bodies again and again, to the last byte unless the server hangs up, whatever it answers."""
    until = time.perf_counter() + seconds
    answers: Counter[int] = Counter()
    pushed: list[int] = []

    async def again_and_again(body: Callable[[], Iterator[bytes]]) -> None:
        while time.perf_counter() < until:
            one = await visit(port)
            if one is not None:
                endless = Endless(one, body())
                await one.gone
                pushed.append(endless.pushed)
                answers.update(one.answers)

    await gatherResults([Deferred.fromCoroutine(again_and_again(body)) for body in bodies])
    return {"answers": answers, "bodies": len(pushed), "megabytes": sum(pushed) // 1_000_000}


async def large(port: int, seconds: float) -> dict[str, Any]:
    """200 MB, declared or in chunks."""
    size = 200_000_000
    declared = head(LAYER_DOOR, b"content-length: %d" % size) + b"\r\n"
    chunked = head(NEXMO_DOOR, b"transfer-encoding: chunked") + b"\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK)
    return await push(port, seconds, [lambda: pieces(declared, size), lambda: pieces(chunked, size, chunk)])


def upload(size: int) -> Iterator[bytes]:
    kind = b"content-type: multipart/form-data; boundary=b"
    part = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n'
    total = len(part) + size // len(CHUNK) * len(CHUNK)
    return pieces(head(NEXMO_DOOR, kind, b"content-length: %d" % total) + b"\r\n" + part, size)


async def multipart(port: int, seconds: float) -> dict[str, Any]:
    """A form of 20 MB, of the kind that Twisted would parse before anybody looks at it."""
    return await push(port, seconds, [lambda: upload(20_000_000)] * 2)


async def texts(port: int, seconds: float) -> dict[str, Any]:
    """SMS of 40,000 characters that Unicode's normal forms take long for, two a second."""
    answers: Counter[int] = Counter()
    for number in range(int(seconds * 2)):
        text = ("e" + "\u0301\u0323" * 19_999, "\ufdfa" * 40_000, "\u200b" * 39_999 + "a")[number % 3]
        body = json.dumps({"msisdn": "12015550199", "to": NUMBER, "messageId": f"T{number}", "text": text}).encode()
        one = await visit(port)
        if one is not None:
            one.answered = one.transport.loseConnection
            kind = b"content-type: application/json"
            one.transport.write(head(NEXMO_DOOR, kind, b"content-length: %d" % len(body)) + b"\r\n" + body)
            await one.gone
            answers.update(one.answers)
        await pause(0.5)
    return {"answers": answers}


async def escapes(port: int, seconds: float) -> dict[str, Any]:
    """Forms of 1 MiB that are nothing but escapes, one after the other on eight connections."""
    body = b"text=" + b"%41" * (1_048_000 // 3)
    kind = b"content-type: application/x-www-form-urlencoded"
    raw = head(NEXMO_DOOR, kind, b"content-length: %d" % len(body)) + b"\r\n" + body
    until = time.perf_counter() + seconds
    answers: Counter[int] = Counter()

    async def again_and_again() -> None:
        while time.perf_counter() < until:
            one = await visit(port)
            if one is not None:
                one.answered = one.transport.loseConnection
                one.transport.write(raw)
                await one.gone
                answers.update(one.answers)

    await gatherResults([Deferred.fromCoroutine(again_and_again()) for _ in range(8)])
    return {"answers": answers}


async def flood(port: int, seconds: float) -> dict[str, Any]:
    """Honest webhooks on more connections than there are places, each the moment the one before it is answered."""
    until = time.perf_counter() + seconds
    answers: Counter[int] = Counter()
    slowest = [0.0]
    bodies = [head(LAYER_DOOR) + webhook(number) for number in range(1000)]
    numbers = count()

    async def post() -> None:
        one = await visit(port)
        if one is None:
            return
        began = 0.0

        def ask() -> None:
            nonlocal began
            began = time.perf_counter()
            one.transport.write(bodies[next(numbers) % len(bodies)])

        def answered() -> None:
            answers[one.answers.pop()] += 1
            slowest[0] = max(slowest[0], time.perf_counter() - began)
            if time.perf_counter() < until:
                ask()
            else:
                one.transport.loseConnection()

        one.answered = answered
        ask()
        await one.gone

    await gatherResults([Deferred.fromCoroutine(post()) for _ in range(FLOODING)])
    return {"answers": answers, "slowest": 1000 * slowest[0]}


KINDS: dict[str, Callable[[int, float], Coroutine[Any, Any, dict[str, Any]]]] = {
    each.__name__: each for each in (honest, slow, large, multipart, texts, escapes, flood)
}


async def main(kind: str, port: int, seconds: float) -> None:
    print(json.dumps(await KINDS[kind](port, seconds)))


if __name__ == "__main__":
    _, kind, port, seconds = sys.argv
    react(lambda _: Deferred.fromCoroutine(main(kind, int(port), float(seconds))))
