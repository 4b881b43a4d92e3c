"""A chat backend of one's own for tests, as strict as the contract, and the events that it posts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from nexmo_twisted.errors import BadSignature
from nexmo_twisted.platforms.webhook.signatures import Signatures
from nexmo_twisted.web.responses import body_of

GONE = {"error": {"code": "conversation_gone"}}
UNKNOWN = {"error": {"code": "unknown_user"}}


def sent(**data: Any) -> dict[str, Any]:
    """A message of Ann's to Bob, whose phone comes with it."""
    message: dict[str, Any] = {
        "id": "12345",
        "text": "Lunch at one?",
        "sent_at": "2026-01-01T00:00:00Z",
        "conversation": {"id": "42", "title": "Trip", "url": "https://chat.example.org/c/42"},
        "sender": {"id": "ann", "name": "Ann"},
        "recipients": [{"id": "bob", "name": "Bob", "phone": "+12015550112"}],
    }
    return {"type": "message.sent", "timestamp": "2026-01-01T00:00:00Z", "data": {**message, **data}}


def status(kind: str, **data: Any) -> dict[str, Any]:
    """That Bob has read that message, or got it."""
    return {
        "type": f"message.{kind}",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {"user": "bob", "message": "12345", **data},
    }


def deleted(message: str = "12345") -> dict[str, Any]:
    return {"type": "message.deleted", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": message}}


@dataclass
class Call:
    """One call that the chat got: whether it did what it was asked for."""

    method: str
    path: tuple[str, ...]
    document: Any = None


@dataclass
class Trouble:
    """An answer in place of the right one. ``done``: the chat does what it is asked for all the same. A status of 0
    closes the connection without an answer."""

    status: int
    body: bytes = b"<html>No</html>"
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    times: int = 1


class OwnChat(Resource):
    """The chat itself, below ``/sms``. ``users`` and ``conversations`` are what it tells of them, by id."""

    isLeaf = True

    def __init__(self, secret: str, wall: Callable[[], float]) -> None:
        super().__init__()
        self._signatures = Signatures([secret], wall)
        self.users: dict[str, dict[str, Any]] = {}
        self.conversations: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.posted: dict[str, dict[str, Any]] = {}  # idempotency key -> data
        self.trouble: list[Trouble] = []
        self.faults: list[str] = []  # what a call had that the contract does not know

    @property
    def replies(self) -> list[tuple[str, str, str]]:
        """(conversation, user, text) of what was posted."""
        return [(data["conversation"], data["user"], data["text"]) for data in self.posted.values()]

    def render(self, request: Request) -> Any:
        raw = body_of(request)
        try:
            self._signatures.check(request.requestHeaders, raw)
        except BadSignature as error:
            self.faults.append(error.reason)
            return _answer(request, 401, {"error": {"code": "signature"}})
        path = tuple(unquote(part) for part in request.path.decode().split("/")[2:])
        call = Call(request.method.decode(), path, json.loads(raw) if raw else None)
        self.calls.append(call)
        trouble = self.trouble[0] if self.trouble else None
        if trouble is not None:
            trouble.times -= 1
            if not trouble.times:
                self.trouble.pop(0)
            if trouble.done:
                self._do(request, call)
            return _troubled(request, trouble)
        return _answer(request, *self._do(request, call))

    def _do(self, request: Request, call: Call) -> tuple[int, Any]:
        match call.method, call.path:
            case "POST", ():
                return self._post(request, call.document)
            case "GET", ("users", user):
                return (200, self.users[user]) if user in self.users else (404, UNKNOWN)
            case "GET", ("conversations", name):
                return (200, self.conversations[name]) if name in self.conversations else (404, GONE)
        self.faults.append(f"{call.method} {call.path}")
        return 404, {"error": {"code": "no_such_path"}}

    def _post(self, request: Request, document: Any) -> tuple[int, Any]:
        """A reply, once for each key; the key with another body is a fault."""
        data = document["data"]
        (key,) = request.requestHeaders.getRawHeaders("idempotency-key", [""])
        (told,) = request.requestHeaders.getRawHeaders("webhook-id", [""])
        whole = document["type"] == "reply.created" and set(document) == {"type", "data"}
        if not whole or not key == told == data["id"] or set(data) != {"id", "conversation", "user", "text"}:
            self.faults.append(f"no reply: {document}")
            return 400, {"error": {"code": "invalid"}}
        if self.posted.setdefault(key, data) != data:
            self.faults.append("another body under the same key")
            return 422, {"error": {"code": "key_reused"}}
        return 201, {}


def _troubled(request: Request, trouble: Trouble) -> Any:
    if not trouble.status:
        assert request.channel is not None
        request.channel.forceAbortClient()
        return NOT_DONE_YET
    request.setResponseCode(trouble.status)
    for name, value in trouble.headers.items():
        request.setHeader(name, value)
    return trouble.body


def _answer(request: Request, code: int, document: Any) -> bytes:
    request.setResponseCode(code)
    request.setHeader("content-type", "application/json")
    return json.dumps(document).encode()
