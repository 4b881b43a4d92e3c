"""Which thread an SMS belongs to, by what its text says."""

from __future__ import annotations

from itertools import islice

from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from tests.chaos.names import introduced, message_name, recipient

#: A user and the id of a conversation. The user is blank when the text does not say for whom it is.
Thread = tuple[str, str]


class Threads:
    """``conversations`` are their ids, in the order of the numbers that their titles have."""

    def __init__(self, layer: SimulatedLayer) -> None:
        self._layer = layer
        self._looked_at = 0
        self._by_message: dict[str, str] = {}
        self.conversations: list[str] = []

    def of(self, text: str) -> Thread | None:
        """The thread of an SMS that the service sent; None for its own answers, which belong to none."""
        key, number = recipient(text), introduced(text)
        if key is not None and (conversation := self.conversation(key[0])):
            return key[1], conversation
        return ("", self.conversations[number]) if number is not None else None

    def conversation(self, name: str) -> str:
        """The conversation of a message or reply in Layer, deleted or not; blank when there is none of that name."""
        if name not in self._by_message:
            self._read_on()
        return self._by_message.get(name, "")

    def _read_on(self) -> None:
        messages = self._layer.all_messages
        for message in islice(messages.values(), self._looked_at, None):
            for part in message.parts:
                self._by_message.setdefault(message_name(str(part.get("body", ""))), message.conversation.id)
        self._looked_at = len(messages)
