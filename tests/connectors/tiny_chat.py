"""A second chat platform, as small as one can be: whatever a connector has to do, and no more.

It has rooms and events with names of any kind, speaks JSON in both directions, knows us by a password in the URL, and
takes no text of more than 20 characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request

from nexmo_twisted.connectors import ChatConnector
from nexmo_twisted.domain.model import ChatEvent, ChatMessage, Status
from nexmo_twisted.errors import Permanent
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.http_client.responses import ask, read_json, refusal
from nexmo_twisted.ports import ChatIntake, ChatPlatform, Metrics
from nexmo_twisted.web.admission import Admission, Webhooks
from nexmo_twisted.web.responses import answer, answer_errors, body_of

LONGEST = 20


class TinyChat(Resource):
    """The platform itself: its people, its rooms, what was posted into them, and where it posts its events."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, dict[str, str]] = {}
        self.rooms: dict[str, dict[str, str]] = {}
        self.posted: dict[str, tuple[str, str, str]] = {}  # key -> room, user, text
        self.hook = ""

    def render(self, request: Request) -> bytes:
        """GET /people/NAME and /rooms/NAME; POST /rooms/NAME posts into one, and POST /hook sets the hook."""
        _, kind, name = unquote(request.uri.decode()).split("/", 2)
        if request.method == b"GET":
            known = (self.people if kind == "people" else self.rooms).get(name)
            request.setResponseCode(404 if known is None else 200)
            return json.dumps(known).encode()
        document = json.loads(body_of(request))
        if kind == "hook":
            self.hook = document["url"]
        else:
            self.posted.setdefault(document["key"], (name, document["user"], document["text"]))
        return b"{}"


class TinyPlatform:
    """Its API."""

    def __init__(self, http: Http, url: str, hook: str) -> None:
        self._http = http
        self._url = url
        self._hook = hook
        self._told = False

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        return {"userId": user_id, **await self._get("people", user_id, "unknown_user")}

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        return await self._get("rooms", conversation_id, "conversation_gone")

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        for number, piece in enumerate(wrap(text, LONGEST)):
            await self._post("rooms", conversation_id, {"key": f"{once}/{number}", "user": user_id, "text": piece})

    async def ensure_registered(self) -> Sequence[str]:
        if self._told:
            return []
        await self._post("hook", "", {"url": self._hook})
        self._told = True
        return ["set the hook"]

    def read_payload(
        self,
        payload: str,
        *,
        message_id: str,
        conversation_id: str,
        sender: str,  # noqa: ARG002 - as the protocol has it
        statuses: Mapping[str, Status],  # noqa: ARG002 - as the protocol has it
    ) -> ChatMessage:
        return ChatMessage(payload, {"id": message_id, "conversation": {"room": conversation_id}})

    async def _get(self, kind: str, name: str, otherwise: str) -> Mapping[str, Any]:
        found = await ask(self._http, "Tiny", "GET", f"{self._url}/{kind}/{quote(name, safe='')}", Headers())
        if found.status == 404:
            raise Permanent(f"Tiny knows nothing of it: {kind}", code=otherwise)
        known: Mapping[str, Any] = read_json("Tiny", found)
        return known

    async def _post(self, kind: str, name: str, document: Mapping[str, str]) -> None:
        url, body = f"{self._url}/{kind}/{quote(name, safe='')}", json.dumps(document).encode()
        done = await ask(self._http, "Tiny", "POST", url, Headers({"Content-Type": ["application/json"]}), body)
        if done.status != 200:
            raise refusal("Tiny", done.status, done)


@dataclass(frozen=True)
class TinyEvents:
    """The endpoint for its events: ``{"kind", "id", "room", "from", "to", "text"}``."""

    intake: ChatIntake
    metrics: Metrics

    app = Klein()

    @cached_property
    def admission(self) -> Admission:
        return Admission(self.metrics, 10)

    @app.route("/", methods=["POST"])
    def event(self, request: Request) -> bytes | Deferred[bytes]:
        raw = body_of(request)
        if self.admission.full("tiny"):
            return answer(request, 503)
        try:
            event = read_event(json.loads(raw))
        except (LookupError, TypeError, ValueError) as error:
            kept = self.intake.quarantine(f"no event: {error!r}", raw)
            return self.admission.take(request, kept, "tiny", "quarantined", 204)
        return self.admission.take(request, self.intake.event(event), "tiny", "stored", 204)

    def failed(self, _request: Request, failure: Failure) -> None:
        self.admission.failed("tiny", failure)


answer_errors(TinyEvents.app)


def read_event(document: Mapping[str, Any]) -> ChatEvent:
    """The event in the body of a webhook."""
    kind, sender = document["kind"], document["from"]
    status = Status.READ if kind == "read" else Status.SENT
    statuses = dict.fromkeys(document["to"], status) | {sender: Status.READ}
    return ChatEvent(
        kind=kind,
        message_id=document["id"],
        sender=sender,
        statuses=statuses,
        conversation_id=document.get("room", ""),
        payload=document.get("text", ""),
    )


class TinyChatConnector:
    """``url`` is where the platform is, ``server_url`` where we are."""

    name = "Tiny"
    signed = False
    conversation_prefix = ""
    template_names = frozenset({"id"})
    registers = True
    names_phones = False
    take_large = None

    def __init__(self, url: str, server_url: str) -> None:
        self._url = url
        self._hook = f"{server_url}/events/secret"

    def platform(self, http: Http) -> ChatPlatform:
        return TinyPlatform(http, self._url, self._hook)

    def webhooks(self, intake: ChatIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:  # noqa: ARG002 - as the protocol has it
        return {"events/secret": TinyEvents(intake, metrics)}


_: type[ChatConnector] = TinyChatConnector
