"""A chat of one's own as a :class:`ChatPlatform`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.domain.model import ChatMessage, Status
from nexmo_twisted.domain.text import clean
from nexmo_twisted.platforms.webhook.client import ChatClient
from nexmo_twisted.platforms.webhook.payload import Message, unpack
from nexmo_twisted.platforms.webhook.users import profile
from nexmo_twisted.ports import ChatPlatform


class WebhookPlatform:
    """Nothing is registered there."""

    def __init__(self, client: ChatClient) -> None:
        self.identity = client.identity
        self.conversation = client.conversation
        self.post = client.post

    async def ensure_registered(self) -> Sequence[str]:
        return ()

    def read_payload(
        self,
        payload: str,
        *,
        message_id: str,
        conversation_id: str,
        sender: str,
        statuses: Mapping[str, Status],  # noqa: ARG002 - as the protocol has it
    ) -> ChatMessage:
        message = unpack(payload)
        text = clean(message.text)
        conversation = {"id": conversation_id, "title": message.title, "url": message.url}
        return ChatMessage(
            "" if is_blank(text) else text,
            {"id": message_id, "sent_at": message.sent_at, "conversation": conversation},
            _profiles(message, sender),
            conversation if message.title or message.url else None,
        )


def _profiles(message: Message, sender: str) -> Mapping[str, Mapping[str, object]]:
    """Those for whom no question is needed: who came with a phone, or wants no texts, and the sender with a name. A
    chat that sends phones is not asked for the name of a sender either."""
    known = {user: person for user, person in message.people.items() if person.phone is not None or not person.sms}
    if message.sender.name or known:
        known[sender] = message.sender
    return {user: profile(user, person) for user, person in known.items()}


_: type[ChatPlatform] = WebhookPlatform
