"""Layer as a :class:`ChatPlatform`: its API in the terms of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from nexmo_twisted.domain.model import ChatMessage, Status
from nexmo_twisted.domain.text import split_bytes
from nexmo_twisted.platforms.layer.client import LayerClient
from nexmo_twisted.platforms.layer.message_codec import unpack
from nexmo_twisted.platforms.layer.message_text import message_text
from nexmo_twisted.ports import ChatPlatform

#: Layer's limit for one part of a message, in bytes of UTF-8 (Platform API, sending messages).
PART_BYTES = 2048


class LayerPlatform:
    """``name`` is that of our webhook at Layer, ``url`` where it points to, and ``secret`` what signs it."""

    def __init__(self, client: LayerClient, *, name: str, url: str, secret: str) -> None:
        self._client = client
        self._name = name
        self._url = url
        self._secret = secret
        self.identity = client.identity
        self.conversation = client.conversation

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        await self._client.post(conversation_id, user_id, split_bytes(text, PART_BYTES), once)

    async def ensure_registered(self) -> Sequence[str]:
        return await self._client.ensure_webhook(self._name, self._url, self._secret)

    def read_payload(
        self, payload: str, *, message_id: str, conversation_id: str, sender: str, statuses: Mapping[str, Status]
    ) -> ChatMessage:
        message = unpack(payload, message_id, conversation_id, sender, statuses, self._client.api_root)
        return ChatMessage(message_text(message.get("parts")), message)


_: type[ChatPlatform] = LayerPlatform
