"""Inbound SMS that were answered 503: they come again, and are then older than they look."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.ports import Store


class TurnedAway:
    """Sees to it that every process knows when an SMS was turned away last, as soon as Redis can be told: a START that
    comes again may have been written before the STOP that came meanwhile."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._untold = 0
        self.poller = Poller("turned_away", clock, self._look)

    @property
    def untold(self) -> bool:
        """Redis does not know of the last one yet."""
        return self._untold > 0

    def mark(self) -> None:
        """A webhook of an inbound SMS was answered 503."""
        self._untold += 1
        self.poller.poke()

    async def _look(self) -> None:
        untold = self._untold
        if untold:
            await self._store.turned_away()
            self._untold -= untold
