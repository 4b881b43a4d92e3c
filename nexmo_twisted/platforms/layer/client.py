"""Layer's Platform API and its webhook registration.

Source of the facts: Layer documentation, Platform API and Webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from twisted.web.http_headers import Headers

from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.errors import Declined, NexmoTwistedError, Permanent
from nexmo_twisted.http_client.client import Http, HttpResponse
from nexmo_twisted.http_client.responses import ask
from nexmo_twisted.platforms.layer.errors import COMPANY, error_id, foreign, gone, read_json_or_none, refused
from nexmo_twisted.platforms.layer.ids import CONVERSATION, CONVERSATION_ID, MESSAGE_ID
from nexmo_twisted.platforms.layer.registration import LayerWebhooks

_LONGEST = 4000  #: characters of a member of a profile
_LARGE = 64 * 1024  #: bytes of an answer whose metadata is not kept: a thousand profiles are remembered
#: Members of an identity, any of which a backend that is compatible with Layer has in its answer.
_IDENTITY = {
    "id",
    "user_id",
    "display_name",
    "first_name",
    "last_name",
    "phone_number",
    "email_address",
    "avatar_url",
    "public_key",
    "metadata",
}


class LayerClient:
    """Calls to one Layer app.

    ``app_id`` is a UUID (its ``layer:///apps/`` form is understood), ``token`` the Platform API's bearer token.
    ``api_root`` is where the URLs of its objects begin.
    """

    def __init__(self, http: Http, *, api_url: str, app_id: str, token: str) -> None:
        app = quote(app_id.rpartition("/")[2], safe="")
        self._http = http
        self.api_root = f"{api_url.rstrip('/')}/apps/{app}"
        self._webhooks = LayerWebhooks(http, self.api_root, token)
        self._reading = Headers(
            {
                "Accept": ["application/vnd.layer+json; version=1.1"],
                "Authorization": [f"Bearer {token}"],
            }
        )
        self._posting = self._reading.copy()
        self._posting.addRawHeader("Content-Type", "application/json")

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        """As :class:`nexmo_twisted.ports.ChatPlatform` says, as do the others."""
        try:
            segment = quote(user_id, safe="")
        except UnicodeEncodeError:
            segment = ""
        if segment in ("", ".", ".."):
            # No path can name such a user: these segments would be resolved before Layer saw them.
            raise Permanent("no user of Layer can have this id", code="unknown_user")
        answer = await self._get(f"/users/{segment}/identity")
        if gone(answer):
            raise Permanent("Layer has no such user", code="unknown_user")
        identity = self._object(answer, "an identity")
        if identity.keys().isdisjoint(_IDENTITY):  # it would be a user without a phone, who gets no SMS
            raise foreign(answer, "an identity")
        profile = _profile(user_id, identity)
        return profile if len(answer.body) <= _LARGE else profile | {"metadata": {}}

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        answer = await self._get(f"/conversations/{_conversation_uuid(conversation_id)}")
        if gone(answer):
            raise Permanent("the conversation is gone", code="conversation_gone")
        return self._object(answer, "a conversation")

    async def post(self, conversation_id: str, user_id: str, parts: Sequence[str], once: UUID) -> None:
        """One ``text/plain`` part per item."""
        headers = self._posting.copy()
        headers.addRawHeader("If-None-Match", str(once))
        body = {
            "sender": {"user_id": user_id},
            "parts": [{"body": text, "mime_type": "text/plain"} for text in parts],
        }
        url = f"{self.api_root}/conversations/{_conversation_uuid(conversation_id)}/messages"
        answer = await ask(self._http, COMPANY, "POST", url, headers, json.dumps(body).encode("ascii"))
        if answer.status in (200, 201):
            if not _is_message(answer):
                raise foreign(answer, "the message it made")
            return
        if answer.status == 409 and error_id(answer) == "id_in_use":
            return
        if gone(answer):
            raise Permanent("the conversation is gone", code="conversation_gone")
        error = refused(answer)
        if answer.status in (403, 422) and isinstance(error, Permanent):
            raise Permanent("the user is no participant", code="not_participant")
        raise error

    async def ensure_webhook(self, name: str, target_url: str, secret: str) -> Sequence[str]:
        """See to it that an active webhook of that name points to that URL and is signed with that secret."""
        return await self._webhooks.ensure(name, target_url, secret)

    async def _get(self, path: str) -> HttpResponse:
        return await ask(self._http, COMPANY, "GET", self.api_root + path, self._reading)

    def _object(self, answer: HttpResponse, what: str) -> Mapping[str, Any]:
        if answer.status != 200:
            raise _for_now(refused(answer))
        value = read_json_or_none(answer)
        if not isinstance(value, dict):
            raise foreign(answer, what)
        return value


def _conversation_uuid(conversation_id: str) -> str:
    uuid = conversation_id.removeprefix(CONVERSATION)
    if CONVERSATION_ID.fullmatch(CONVERSATION + uuid) is None:
        raise Permanent("this is not the id of a conversation", code="conversation_gone")
    return uuid


def _is_message(answer: HttpResponse) -> bool:
    """Whether it is the message that was made: a page with a good status is none."""
    message = read_json_or_none(answer)
    return isinstance(message, dict) and MESSAGE_ID.fullmatch(str(message.get("id"))) is not None


def _for_now(error: NexmoTwistedError) -> NexmoTwistedError:
    """Questions to Layer are simply asked again, whatever was wrong with them."""
    return Declined(error.reason) if isinstance(error, Permanent) else error


def _profile(user_id: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Layer's identity object as templates know it; what is missing or null is blank."""

    def text(name: str) -> str:
        value = identity.get(name)
        return value[:_LONGEST] if isinstance(value, str) else ""

    def shown(name: str) -> str:
        return "" if is_blank(text(name)) else text(name).strip()

    phone = identity.get("phone_number")
    full_name = f"{shown('first_name')} {shown('last_name')}".strip()
    metadata = identity.get("metadata")
    return {
        "userId": user_id,
        "name": shown("display_name") or full_name or user_id,
        "avatarUrl": text("avatar_url"),
        "firstName": shown("first_name"),
        "lastName": shown("last_name"),
        "email": text("email_address"),
        "phone": str(phone) if type(phone) is int and 0 < phone < 10**15 else text("phone_number"),
        "metadata": metadata if isinstance(metadata, dict) else {},
    }
