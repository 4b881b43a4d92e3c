"""What people do in Layer, carried out: they write, read and delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import deferLater

from nexmo_twisted.sandbox.layer.webhooks import Gone, bare
from tests.chaos.companies import Companies
from tests.chaos.threads import Threads
from tests.chaos.workload import PlannedMessage, Population


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message that a user wrote in Layer. ``id`` is the bare UUID; ``at`` is in seconds since the epoch."""

    id: str
    name: str
    conversation: str
    sender: str
    at: float


class WorkloadPlayer:
    """``said`` is what was written up to now."""

    def __init__(self, reactor: Any, companies: Companies, population: Population, threads: Threads) -> None:
        self._reactor = reactor
        self._layer = companies.layer
        self._open = 0  # events of messages that are still to come
        self.sent: list[ChatMessage] = []
        for user, phone in population.phones.items():
            companies.add_user(user, phone)
        for people, title in zip(population.conversations, population.titles, strict=True):
            conversation = self._layer.start_conversation(people, {"conversationName": title})
            threads.conversations.append(conversation)
        self._conversations = threads.conversations

    async def perform(self, schedule: Sequence[PlannedMessage]) -> None:
        """All of it, in its time. Ends when everything was said, read and deleted."""
        begun = self._reactor.seconds()
        for planned in schedule:
            await self._until(begun + planned.at)
            conversation = self._conversations[planned.conversation]
            message = self._layer.send(conversation, planned.sender, planned.text)
            name = planned.text.split()[0]
            self.sent.append(ChatMessage(bare(message), name, conversation, planned.sender, self._reactor.seconds()))
            for user, after in planned.delivered.items():
                self._later(after, self._layer.mark_delivered, message, user)
            for user, after in planned.read.items():
                self._later(after, self._layer.mark_read, message, user)
            if planned.deleted is not None:
                self._later(planned.deleted, self._layer.delete_message, message)
        while self._open:
            await deferLater(self._reactor, 0.1)

    def _later(self, after: float, happens: Callable[..., None], *to: str) -> None:
        self._open += 1

        def now() -> None:
            self._open -= 1
            with suppress(Gone):  # nobody reads what was deleted
                happens(*to)

        self._reactor.callLater(after, now)

    async def _until(self, when: float) -> None:
        late = when - self._reactor.seconds()
        if late > 0:
            await deferLater(self._reactor, late)
