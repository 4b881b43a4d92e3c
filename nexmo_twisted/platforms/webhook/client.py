"""Calls to a chat of one's own, each signed as its events are. The contract is in docs/own-chat.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from nexmo_twisted.domain.backoff import named_wait
from nexmo_twisted.domain.compact_json import dump
from nexmo_twisted.errors import Declined, Intercepted, NexmoTwistedError, Permanent, Temporary
from nexmo_twisted.http_client.client import Http, HttpResponse
from nexmo_twisted.http_client.responses import ask, read_json, refusal
from nexmo_twisted.platforms.webhook.signatures import Signatures
from nexmo_twisted.platforms.webhook.users import read_user

COMPANY = "Chat"
#: Members of which a conversation has at least one.
_CONVERSATION = frozenset({"id", "title", "url"})


class ChatClient:
    """``api_url`` is where replies are posted to."""

    def __init__(self, http: Http, api_url: str, signatures: Signatures) -> None:
        self._http = http
        self._url = api_url
        self._signatures = signatures

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        """As :class:`nexmo_twisted.ports.ChatPlatform` says, as do the others."""
        answer = await self._get("users", user_id, "unknown_user")
        user = read_user(user_id, _object(answer))
        if user is None:
            raise _foreign(answer, "without a user")
        return user

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        answer = await self._get("conversations", conversation_id, "conversation_gone")
        conversation = _object(answer)
        if conversation.keys().isdisjoint(_CONVERSATION):
            raise _foreign(answer, "without a conversation")
        return conversation

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        """The body is the same to the byte whenever it is sent again, for a server that compares it under one key."""
        data = {"id": str(once), "conversation": conversation_id, "user": user_id, "text": text}
        body = dump({"type": "reply.created", "data": data}).encode()
        headers = self._signatures.signed(str(once), body)
        headers.setRawHeaders("Content-Type", ["application/json"])
        headers.setRawHeaders("Idempotency-Key", [str(once)])
        answer = await ask(self._http, COMPANY, "POST", self._url, headers, body)
        if 200 <= answer.status < 300:
            return
        error = _refused(answer)
        if isinstance(error, Permanent) and answer.status in (404, 410):
            raise Permanent("the conversation is gone", code="conversation_gone")
        if isinstance(error, Permanent) and answer.status in (403, 422):
            raise Permanent("the chat does not take a reply of this user there", code="not_participant")
        raise error

    async def _get(self, kind: str, name: str, otherwise: str) -> HttpResponse:
        headers = self._signatures.signed(f"msg_{uuid4().hex}", b"")
        headers.setRawHeaders("Accept", ["application/json, application/scim+json"])
        answer = await ask(self._http, COMPANY, "GET", f"{self._url}/{kind}/{quote(name, safe='')}", headers)
        if answer.status == 200:
            return answer
        error = _refused(answer)
        if not isinstance(error, Permanent):
            raise error
        if answer.status in (404, 410):
            raise Permanent(f"{COMPANY} answered {answer.status} for {kind}", code=otherwise)
        raise Declined(error.reason)  # a question is simply asked again, whatever was wrong with it


def _refused(answer: HttpResponse) -> NexmoTwistedError:
    """The error that an answer without success stands for. What says no for good has the contract's error object;
    without it, something in front of the chat has answered."""
    error = refusal(COMPANY, answer.status, answer)
    if answer.status == 409:
        wait = named_wait(answer.headers.get("retry-after"), answer.headers.get("date"))
        return Temporary(f"{COMPANY} answered 409: it is still at it", wait)
    if answer.status < 400:
        return _foreign(answer, "which it never should")
    if not isinstance(error, Permanent):
        return error
    code = error_code(answer)
    if not code:
        return _foreign(answer, "without an error code")
    return Permanent(f"{COMPANY} answered {answer.status}: {code}")


def error_code(answer: HttpResponse) -> str:
    """The code in ``{"error": {"code": "conversation_gone"}}``, blank when there is none."""
    try:
        found = read_json(COMPANY, answer)
    except Temporary:
        return ""
    error = found.get("error") if isinstance(found, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and code.isascii() and code.isprintable() and len(code) <= 64 else ""


def _object(answer: HttpResponse) -> Mapping[str, Any]:
    try:
        value = read_json(COMPANY, answer)
    except Temporary:
        value = None
    if not isinstance(value, dict):
        raise _foreign(answer, "without an object of JSON")
    return value


def _foreign(answer: HttpResponse, what: str) -> Intercepted:
    return Intercepted(f"{COMPANY} answers {answer.status} {what}: check webhook.api_url")
