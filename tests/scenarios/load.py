"""Webhooks of new messages without pause, and what became of them."""

from __future__ import annotations

from uuid import uuid4

from twisted.internet.defer import Deferred, gatherResults

from tests.factories import webhook
from tests.scenarios.outside import Caller
from tests.scenarios.sentinels import eventually
from tests.support import turn

#: Webhooks that are on their way at any time.
SENDERS = 8


class Load:
    """Begins at once. ``accepted`` are the ids of the messages that were answered 2xx; ``codes`` are all answers, and
    ``slowest`` the longest that any of them took, in seconds on the wall."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.accepted: list[str] = []
        self.codes: set[int] = set()
        self.slowest = 0.0
        self._going = True
        self._senders = [Deferred.fromCoroutine(self._send()) for _ in range(SENDERS)]

    async def _send(self) -> None:
        while self._going:
            message = str(uuid4())
            heard = await self._caller.event(webhook(id=f"layer:///messages/{message}"))
            self.codes.add(heard.code)
            self.slowest = max(self.slowest, heard.seconds)
            if heard.code < 300:
                self.accepted.append(message)
            else:
                await turn(0.02)

    async def more(self, number: int = 50) -> None:
        """Waits until so many more have been accepted."""
        enough = len(self.accepted) + number
        await eventually(lambda: len(self.accepted) >= enough)

    async def stop(self) -> None:
        self._going = False
        await gatherResults(self._senders)
