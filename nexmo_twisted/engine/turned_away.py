"""Inbound SMS that were answered 503: the provider repeats them, and they are then older than they look."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.ports.store import Inbox


class TurnedAway:
    """Records in Redis when an SMS was answered 503 last, as soon as Redis is available: a START that is repeated may
    have been written before the STOP that arrived meanwhile."""

    def __init__(self, inbox: Inbox, clock: IReactorTime) -> None:
        self._inbox = inbox
        self._unreported = 0
        self.poller = Poller("turned_away", clock=clock, poll=self._poll)

    @property
    def unreported(self) -> bool:
        """The last one is not recorded in Redis yet."""
        return self._unreported > 0

    def mark(self) -> None:
        """A webhook of an inbound SMS was answered 503."""
        self._unreported += 1
        self.poller.poke()

    async def _poll(self) -> None:
        unreported = self._unreported
        if unreported:
            await self._inbox.turned_away()
            self._unreported -= unreported
