"""Those whose bytes would stall a careless server, from the network and the chat, each kind in a process of its own.

``python -m tests.bench.attackers KIND PORT SECONDS`` prints what became of them as JSON. What they send is prepared
beforehand, since both sides share the cores of one machine.
"""

from __future__ import annotations

import hmac
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from tests.bench.memory import document
from tests.bench.peer import NUMBER, SECRET
from tests.bench.visitors import CHUNK, LAYER_DOOR, NEXMO_DOOR, Visit, head, pause, visit

PIPELINED = 20_000  # requests in one write
SILENT = 700  # connections; there is room for 512
MEBIBYTE = 2**20
STRANGERS = 5000  # the first number of a user whom the attackers write to
SENDER = "user-4999"
CONVERSATION = str(uuid.uuid5(uuid.NAMESPACE_OID, SENDER))


async def pipelines(port: int, seconds: float) -> dict[str, Any]:
    """Thousands of requests in one write, which are answered 200 each, again and again."""
    written = b"GET /%s HTTP/1.1\r\n\r\n" % LAYER_DOOR * PIPELINED
    return await again_and_again(port, seconds, [written] * 2, PIPELINED)


async def refused(port: int, seconds: float) -> dict[str, Any]:
    """The same with requests for what is not there."""
    return await again_and_again(port, seconds, [b"GET /no HTTP/1.1\r\n\r\n" * PIPELINED] * 2, PIPELINED)


async def silent(port: int, seconds: float) -> dict[str, Any]:
    """Connections that never say anything and come again when they are cut, at most a thousand in a second."""
    until = time.perf_counter() + seconds
    cut = [0]

    async def wait() -> None:
        while time.perf_counter() < until:
            one = await visit(port)
            if one is not None:
                leave(one, until)
                await one.gone
                cut[0] += 1
                await pause(SILENT / 1000)

    await gatherResults([Deferred.fromCoroutine(wait()) for _ in range(SILENT)])
    return {"cut": cut[0]}


async def chunks(port: int, seconds: float) -> dict[str, Any]:
    """A body in chunks of one byte."""
    written = head(NEXMO_DOOR, b"transfer-encoding: chunked") + b"\r\n" + b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n"
    return await again_and_again(port, seconds, [written] * 4)


async def marks(port: int, seconds: float) -> dict[str, Any]:
    """Chat messages of 20 kB of combining marks to 25 people."""
    return await chat(port, seconds, "a" + "\u0301" * 10_000, 25)


async def marks_of_two_classes(port: int, seconds: float) -> dict[str, Any]:
    """The same with marks that normalising has to sort."""
    return await chat(port, seconds, "a" + "\u0301" * 5_000 + "\u0316" * 5_000, 25)


async def ligatures(port: int, seconds: float) -> dict[str, Any]:
    """Chat messages of 120 kB of a character that stands for eighteen."""
    return await chat(port, seconds, "\ufdfa" * 40_000, 25)


async def crowds(port: int, seconds: float) -> dict[str, Any]:
    """Chat messages to a thousand people, and to more than may be."""
    events = [event("Hello", count) for count in (1000, 1000, 1000, 20_000)]
    return await again_and_again(port, seconds, events, every=2.0)


async def long_sms(port: int, seconds: float) -> dict[str, Any]:
    """SMS of 80 kB of combining marks."""
    body = sms(quote("\u0301" * 20_000 + "\u0316" * 20_000))
    return await again_and_again(port, seconds, [body] * 2, every=0.5)


async def percents(port: int, seconds: float) -> dict[str, Any]:
    """SMS of 1 MiB of ``%41``."""
    return await again_and_again(port, seconds, [sms("%41" * (MEBIBYTE // 3 - 100))] * 2, every=0.5)


async def unsigned(port: int, seconds: float) -> dict[str, Any]:
    """Webhooks of 16 MiB without a signature."""
    return await again_and_again(port, seconds, [large(b"")] * 4, every=0.5)


async def forged(port: int, seconds: float) -> dict[str, Any]:
    """Webhooks of 16 MiB with a wrong one."""
    return await again_and_again(port, seconds, [large(b"0" * 40)] * 8, every=1.0)


async def signed(port: int, seconds: float) -> dict[str, Any]:
    """Webhooks of 16 MiB with the right one."""
    return await again_and_again(port, seconds, [large(None)] * 2, every=1.0)


async def chat(port: int, seconds: float, text: str, people: int) -> dict[str, Any]:
    """Two messages in a second."""
    events = [event(text, people) for _ in range(round(2 * seconds) + 1)]
    until = time.perf_counter() + seconds
    answers: Counter[int] = Counter()
    for each in events:
        if time.perf_counter() < until:
            answers.update(await once(port, each, until))
            await pause(0.5)
    return {"answers": answers}


async def again_and_again(
    port: int, seconds: float, bodies: list[bytes], answers_each: int = 1, every: float = 0.05
) -> dict[str, Any]:
    """Each of the bodies on a connection of its own, and again, not more often than ``every`` so many seconds."""
    until = time.perf_counter() + seconds
    answers: Counter[int] = Counter()

    async def come_again(body: bytes) -> None:
        while time.perf_counter() < until:
            answers.update(await once(port, body, until, answers_each))
            await pause(every)

    await gatherResults([Deferred.fromCoroutine(come_again(body)) for body in bodies])
    return {"answers": answers}


async def once(port: int, body: bytes, until: float, answers: int = 1) -> list[int]:
    """What is answered to these bytes, until so many answers are there or the time is up."""
    one = await visit(port)
    if one is None:
        return []

    def answered() -> None:
        if len(one.answers) >= answers or one.answers[-1] >= 400:
            one.transport.abortConnection()

    one.answered = answered
    one.transport.write(body)
    leave(one, until)
    await one.gone
    return one.answers


def leave(one: Visit, until: float) -> None:
    """Have it end when the time is up, if it has not by then."""
    left = max(0.0, until - time.perf_counter())
    late = reactor.callLater(left, one.transport.abortConnection)
    one.gone.addCallback(lambda _: late.cancel() if late.active() else None)


def event(text: str, people: int) -> bytes:
    """A signed ``message.sent`` with this text to so many people."""
    users = tuple(f"user-{number:04d}" for number in range(STRANGERS, STRANGERS + people))
    message = document(str(uuid.uuid4()), SENDER, CONVERSATION, users)
    webhook = {
        "event": {"type": "message.sent", "id": str(uuid.uuid4()), "created_at": "2026-01-01T12:00:00Z"},
        "message": {**message, "parts": [{"body": text, "mime_type": "text/plain"}]},
    }
    return posted(json.dumps(webhook, ensure_ascii=False).encode())


def large(signature: bytes | None) -> bytes:
    document = b'{"event": {"type": "message.sent"}, "message": {"id": "x", "text": "%s"}}' % (CHUNK * 255)
    return posted(document, signature)


def posted(body: bytes, signature: bytes | None = None) -> bytes:
    """A webhook of Layer with the right signature, another one, or none (b"")."""
    if signature is None:
        signature = hmac.digest(SECRET, body, "sha1").hex().encode()
    lines = [b"content-type: application/json", b"content-length: %d" % len(body)]
    if signature:
        lines.append(b"layer-webhook-signature: " + signature)
    return head(LAYER_DOOR, *lines) + b"\r\n" + body


def sms(text: str) -> bytes:
    form = f"msisdn=12015550001&to={NUMBER}&messageId={uuid.uuid4()}&type=text&text={text}".encode()
    kind = b"content-type: application/x-www-form-urlencoded"
    return head(NEXMO_DOOR, kind, b"content-length: %d" % len(form)) + b"\r\n" + form


KINDS: dict[str, Callable[[int, float], Coroutine[Any, Any, dict[str, Any]]]] = {
    each.__name__: each
    for each in (
        pipelines,
        refused,
        silent,
        chunks,
        marks,
        marks_of_two_classes,
        ligatures,
        crowds,
        long_sms,
        percents,
        unsigned,
        forged,
        signed,
    )
}


async def main(kind: str, port: int, seconds: float) -> None:
    print(json.dumps(await KINDS[kind](port, seconds)))


if __name__ == "__main__":
    _, kind, port, seconds = sys.argv
    react(lambda _: Deferred.fromCoroutine(main(kind, int(port), float(seconds))))
