"""The plan carried out at the simulated companies: people write, read and delete, and handsets answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.task import deferLater

from nexmo_twisted.sandbox.layer_webhooks import Gone, bare
from tests.chaos.companies import Companies
from tests.chaos.plan import Cast, Form, Line, answer_times
from tests.chaos.together import together


@dataclass(frozen=True, slots=True)
class Said:
    """A message that a user wrote in Layer. ``id`` is the bare UUID; ``at`` is in seconds since the epoch."""

    id: str
    name: str
    conversation: str
    sender: str
    at: float


@dataclass(frozen=True, slots=True)
class Written:
    """A reply written on a handset. ``answers`` is the text it answers: what that number showed last."""

    id: str
    name: str
    handset: str
    answers: str


class Play:
    """``said`` and ``written`` are what happened up to now."""

    def __init__(self, reactor: Any, companies: Companies, cast: Cast, random: Random) -> None:
        self._reactor = reactor
        self._layer, self._nexmo = companies.layer, companies.nexmo
        self._random = random
        self._open = 0  # events of messages that are still to come
        self.said: list[Said] = []
        self.written: list[Written] = []
        for user, phone in cast.phones.items():
            companies.admit(user, phone)
        self._conversations = [self._layer.start_conversation(people) for people in cast.conversations]

    async def perform(self, lines: Sequence[Line], form: Form) -> None:
        """All of it, in its time. Ends when everything was said, read, deleted and answered."""
        begun = self._reactor.seconds()
        await together(self._talk(lines, begun), self._answer(form, begun))

    async def _talk(self, lines: Sequence[Line], begun: float) -> None:
        for line in lines:
            await self._until(begun + line.at)
            conversation = self._conversations[line.conversation]
            message = self._layer.send(conversation, line.sender, line.text)
            name = line.text.split()[0]
            self.said.append(Said(bare(message), name, conversation, line.sender, self._reactor.seconds()))
            for user, after in line.delivered.items():
                self._later(after, self._layer.mark_delivered, message, user)
            for user, after in line.read.items():
                self._later(after, self._layer.mark_read, message, user)
            if line.deleted is not None:
                self._later(line.deleted, self._layer.delete_message, message)
        while self._open:
            await deferLater(self._reactor, 0.1)

    def _later(self, after: float, happens: Callable[..., None], *to: str) -> None:
        self._open += 1

        def now() -> None:
            self._open -= 1
            with suppress(Gone):  # nobody reads what was deleted
                happens(*to)

        self._reactor.callLater(after, now)

    async def _answer(self, form: Form, begun: float) -> None:
        for at, count in answer_times(self._random, form):
            await self._until(begun + at)
            while not (handsets := self._nexmo.handsets()):
                await deferLater(self._reactor, 0.1)
            handset = self._random.choice(sorted(handsets))
            for _ in range(count):
                self._write(handset)
                await deferLater(self._reactor, self._random.uniform(0.02, 0.8) / count)

    def _write(self, handset: str) -> None:
        received = [sms for sms in self._nexmo.handset(handset) if sms.direction == "received"]
        number = self._random.choice(sorted({sms.number for sms in received}))
        shown = [sms.text for sms in received if sms.number == number][-1]
        name = f"r{len(self.written):05d}"
        message_id = self._nexmo.reply(handset, number, f"{name} yes")
        self.written.append(Written(message_id, name, handset, shown))

    async def _until(self, when: float) -> None:
        late = when - self._reactor.seconds()
        if late > 0:
            await deferLater(self._reactor, late)
