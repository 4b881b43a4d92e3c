"""The inner side of a chat platform's endpoint: a webhook is stored by one script, then its sender gets a 2xx."""

from __future__ import annotations

from collections.abc import Callable

from nexmo_twisted.domain.model import ChatEvent
from nexmo_twisted.engine.quarantine import Quarantine
from nexmo_twisted.ports import ChatIntake
from nexmo_twisted.ports.store import NamedPhones, UnreadQueue


class EventIntake:
    """Stores the events of a chat platform; ``poke_checks`` is called with the seconds until a message is checked.

    ``delay`` is in ms, and so is ``phones_kept``, the time for which the phones that it names are kept. Every method
    raises StoreUnavailable only.
    """

    def __init__(
        self,
        *,
        queue: UnreadQueue,
        named: NamedPhones,
        quarantine: Quarantine,
        delay: int,
        phones_kept: int,
        poke_checks: Callable[[float], None],
    ) -> None:
        self._queue = queue
        self._named = named
        self._phones_kept = phones_kept
        self._delay = delay
        self._poke_checks = poke_checks
        self.quarantine = quarantine.keep

    async def event(self, event: ChatEvent) -> None:
        if event.phones:
            await self._named.name_phones(event.phones, event.sent_at, self._phones_kept)
        due = await self._queue.record_event(event, self._delay)
        if due is not None:
            self._poke_checks(due / 1000)


_: type[ChatIntake] = EventIntake
