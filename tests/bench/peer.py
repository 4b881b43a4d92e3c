"""The other side of the benchmarks, in a process of its own: canned answers, and webhooks posted as fast as they go.

It spends as little as it can, since both sides share two cores. Control:
``GET /post/<port>/<kind>/<path>/<count>/<connections>`` posts that many prepared webhooks to the port and answers with
the seconds it took.
"""

from __future__ import annotations

import hmac
import json
import time
import uuid
from urllib.parse import urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.bench.memory import document
from tests.network import Listener

SECRET = b"bench-secret"
USERS = 200
NUMBER = "12015560101"  # of the service, and nobody's handset: those begin with 1201555


def webhook(number: int) -> bytes:
    """A signed ``message.sent`` from one of the users to the next."""
    sender, user = f"user-{number % USERS:04d}", f"user-{(number + 1) % USERS:04d}"
    conversation = str(uuid.uuid5(uuid.NAMESPACE_OID, sender))
    body = json.dumps(
        {
            "event": {
                "created_at": "2026-01-01T12:00:00Z",
                "type": "message.sent",
                "id": str(uuid.uuid4()),
                "actor": {"user_id": sender, "name": None},
            },
            "message": document(str(uuid.uuid4()), sender, conversation, (user,)),
            "config": {"name": "bench"},
        }
    ).encode()
    signature = hmac.digest(SECRET, body, "sha1").hex().encode()
    return b"content-type: application/vnd.layer.webhooks+json; version=1.0\r\nlayer-webhook-signature: %s\r\n" % (
        signature
    ) + (b"content-length: %d\r\n\r\n%s" % (len(body), body))


def reply(number: int) -> bytes:
    """An inbound SMS from one of the users' handsets."""
    form = {
        "msisdn": f"1201555{(number + 1) % USERS:04d}",
        "to": NUMBER,
        "messageId": str(uuid.uuid4()),
        "text": "Yes, I will be there at eight, if the train is on time and nobody needs me at work until then.",
        "type": "text",
        "message-timestamp": "2026-01-01 12:00:00",
    }
    body = urlencode(form).encode()
    return b"content-type: application/x-www-form-urlencoded\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


KINDS = {b"layer": webhook, b"nexmo": reply}


class Refused(Exception):
    """A webhook was not taken."""


class Poster(Protocol):
    """Posts prepared webhooks over one connection, the next when the last is answered. ``done`` fails with Refused when
    one is not taken."""

    transport: ITCPTransport

    def __init__(self, head: bytes, waiting: list[bytes]) -> None:
        self.head, self.waiting = head, waiting
        self.done: Deferred[None] = Deferred()
        self.buffer = b""

    def connectionMade(self) -> None:
        self.next()

    def next(self) -> None:
        if not self.waiting:
            self.transport.loseConnection()
            self.done.callback(None)
            return
        self.transport.write(self.head + self.waiting.pop())

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer.endswith(b"\r\n\r\n"):
            if not self.buffer.startswith(b"HTTP/1.1 20"):
                self.done.errback(Refused(f"a webhook was answered {self.buffer[:40]!r}"))
                self.transport.loseConnection()
                return
            self.buffer = b""
            self.next()

    def connectionLost(self, _reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.errback(Refused("a connection was lost before its webhooks were answered"))


async def post(port: int, path: bytes, kind: bytes, count: int, connections: int) -> float:
    waiting = [KINDS[kind](number) for number in range(count)]
    head = b"POST /%s HTTP/1.1\r\nhost: localhost\r\n" % path
    begin = time.perf_counter()
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    posters = [Poster(head, waiting) for _ in range(connections)]
    for poster in posters:
        await connectProtocol(endpoint, poster)
    try:
        await gatherResults([poster.done for poster in posters], consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    return time.perf_counter() - begin


SMS_ANSWER = {
    "message-count": "1",
    "messages": [{"to": "1", "message-id": str(uuid.uuid4()), "status": "0", "remaining-balance": "3.14"}],
}


class Server(Protocol):
    """Enough HTTP for our clients: whole requests with a Content-Length, canned answers."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.buffer = b""

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            path = head.split(b" ", 2)[1].decode()
            if path.startswith("/post/"):
                _, _, port, kind, route, count, connections = path.split("/")
                Deferred.fromCoroutine(
                    post(int(port), route.encode(), kind.encode(), int(count), int(connections))
                ).addCallbacks(
                    lambda seconds: self.answer(200, {"seconds": seconds}),
                    lambda failure: self.answer(500, {"fault": failure.getErrorMessage()}),
                )
            else:
                self.answer(*self.canned(path))

    def canned(self, path: str) -> tuple[int, object]:
        if path.endswith("/sms/json"):
            return 200, SMS_ANSWER
        if path.endswith("/identity"):
            user = path.split("/")[-2]
            return 200, {"display_name": user, "phone_number": f"+1201555{int(user[-4:]):04d}"}
        if path.endswith("/messages"):
            return 201, {"id": f"layer:///messages/{uuid.uuid4()}"}
        return 200, []

    def answer(self, code: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.transport.write(
            b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (code, len(body), body)
        )


def serve(protocol: type[Server]) -> None:
    """Answers on a free port, whose number is a line of the output, until the process is killed."""
    print(Listener(Factory.forProtocol(protocol)).port, flush=True)
    reactor.run()


if __name__ == "__main__":
    serve(Server)
