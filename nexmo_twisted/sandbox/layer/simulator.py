"""The simulated Layer: users, conversations and messages, and the events they cause.

It stands in for the company's servers, which closed in 2019, in the sandbox and in every test.
Source of the facts: Layer documentation, Platform API and Webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.layer.objects import Conversation, Message
from nexmo_twisted.sandbox.layer.webhooks import Gone, LayerWebhooks, NoParticipant, NoSuch, bare

__all__ = ["Conversation", "Message", "SimulatedLayer"]

_LEVELS = ("sent", "delivered", "read")


@dataclass(slots=True, kw_only=True)
class SimulatedLayer:
    """The state of one Layer app.

    ``now`` gives seconds since the epoch; ``deliver`` takes the webhook calls to make; ``api_url`` is what
    the URLs in objects begin with. Ids may be given in their ``layer:///`` form or as bare UUIDs.

    ``conversations`` and ``all_messages`` hold everything by bare UUID, oldest first, what was deleted as well.
    ``made`` is what was made under which ``If-None-Match``: path and UUID of the request, and the first resource's id.
    """

    app_id: str
    now: Callable[[], float]
    deliver: Callable[[WebhookCall], None]
    api_url: str = "https://api.layer.com"
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    webhooks: LayerWebhooks = field(init=False)
    all_messages: dict[str, Message] = field(default_factory=dict)
    made: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.webhooks = LayerWebhooks(self.app_id, url=self._url, now=self.now, deliver=self.deliver)

    @property
    def _url(self) -> str:
        return f"{self.api_url}/apps/{self.app_id}"

    def add_user(self, user_id: str, **identity: Any) -> None:
        """A user with these members of an identity (display_name, phone_number, metadata ...).

        Any may be None; what is not given is missing in the identity. Both happen with the real one.
        """
        self.users[user_id] = dict(identity)

    def identity(self, user_id: str) -> Mapping[str, Any]:
        """A user's identity. Raises NoSuch."""
        try:
            return {"user_id": user_id, **self.users[user_id]}
        except KeyError:
            raise NoSuch("user") from None

    def start_conversation(
        self,
        participants: Sequence[str],
        metadata: Mapping[str, Any] | None = None,
        conversation_id: str | None = None,
        *,
        distinct: bool = False,
    ) -> str:
        """Start a conversation; the first participant is the one who does. Returns its id.

        A distinct one is unique among its participants: when there is one already, that is returned.
        """
        for other in self.conversations.values():
            if distinct and other.distinct and not other.deleted and set(other.participants) == set(participants):
                return other.id
        uuid = bare(conversation_id or str(uuid4()))
        conversation = Conversation(
            id=f"layer:///conversations/{uuid}",
            participants=list(participants),
            metadata=dict(metadata or {}),
            distinct=distinct,
            created_at=self.now(),
        )
        self.conversations[uuid] = conversation
        self._emit("conversation.created", participants[0], conversation)
        return conversation.id

    def conversation(self, conversation_id: str) -> Conversation:
        """One conversation. Raises NoSuch or Gone."""
        try:
            conversation = self.conversations[bare(conversation_id)]
        except KeyError:
            raise NoSuch("conversation") from None
        if conversation.deleted:
            raise Gone("conversation")
        return conversation

    def message(self, message_id: str) -> Message:
        """One message. Raises NoSuch or Gone."""
        try:
            message = self.all_messages[bare(message_id)]
        except KeyError:
            raise NoSuch("message") from None
        if message.deleted or message.conversation.deleted:
            raise Gone("message")
        return message

    def messages(self, conversation_id: str) -> list[Message]:
        """The messages of a conversation, oldest first, without the deleted ones."""
        wanted = bare(conversation_id)
        return [
            message
            for message in self.all_messages.values()
            if bare(message.conversation.id) == wanted and not message.deleted
        ]

    def send(
        self,
        conversation_id: str,
        user_id: str,
        text: str | None = None,
        parts: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """A participant writes a text, or any parts. Returns the message's id. Raises NoParticipant."""
        conversation = self.conversation(conversation_id)
        if user_id not in conversation.participants:
            raise NoParticipant("sender")
        return self._add(conversation, _parts(text, parts), user_id, None)

    def send_as_bot(
        self,
        conversation_id: str,
        name: str,
        text: str | None = None,
        parts: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """A program writes under a name that is no user's. Returns the message's id."""
        return self._add(self.conversation(conversation_id), _parts(text, parts), None, name)

    def mark_delivered(self, message_id: str, user_id: str) -> None:
        """A participant's client has got a message."""
        self._advance(message_id, user_id, "delivered")

    def mark_read(self, message_id: str, user_id: str) -> None:
        """A participant has read a message."""
        self._advance(message_id, user_id, "read")

    def delete_message(self, message_id: str) -> None:
        """A message is deleted for all participants."""
        message = self.message(message_id)
        message.deleted = True
        self.webhooks.emit("message.deleted", message.author, "message", self.message_json(message))

    def delete_conversation(self, conversation_id: str) -> None:
        """A conversation is deleted for all participants, and its messages with it."""
        conversation = self.conversation(conversation_id)
        conversation.deleted = True
        self._emit("conversation.deleted", conversation.participants[0], conversation)

    def leave(self, conversation_id: str, user_id: str) -> None:
        """A participant leaves a conversation."""
        conversation = self.conversation(conversation_id)
        if user_id not in conversation.participants:
            raise NoParticipant("user")
        conversation.participants.remove(user_id)
        self._emit("conversation.updated.participants", user_id, conversation)

    def conversation_json(self, conversation: Conversation) -> dict[str, Any]:
        """The Conversation object of the documentation."""
        return conversation.as_json(self._url)

    def message_json(self, message: Message) -> dict[str, Any]:
        """The Message object of the documentation."""
        return message.as_json(self._url)

    def _add(
        self, conversation: Conversation, parts: list[dict[str, Any]], user_id: str | None, name: str | None
    ) -> str:
        uuid = str(uuid4())
        message = Message(
            id=f"layer:///messages/{uuid}",
            conversation=conversation,
            parts=parts,
            user_id=user_id,
            name=name,
            sent_at=self.now(),
            recipient_status={each: "read" if each == user_id else "sent" for each in conversation.participants},
        )
        self.all_messages[uuid] = message
        self.webhooks.emit("message.sent", message.author, "message", self.message_json(message))
        return message.id

    def _advance(self, message_id: str, user_id: str, level: str) -> None:
        """Statuses only go up; where nothing changes, no webhook is sent."""
        message = self.message(message_id)
        if user_id not in message.recipient_status:
            raise NoParticipant("user")
        if _LEVELS.index(message.recipient_status[user_id]) < _LEVELS.index(level):
            message.recipient_status[user_id] = level
            self.webhooks.emit(f"message.{level}", {"user_id": user_id}, "message", self.message_json(message))

    def _emit(self, kind: str, user_id: str, conversation: Conversation) -> None:
        self.webhooks.emit(kind, {"user_id": user_id}, "conversation", self.conversation_json(conversation))


def _parts(text: str | None, parts: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    if text is not None:
        return [{"mime_type": "text/plain", "body": text}]
    return [dict(part) for part in parts or ()]
