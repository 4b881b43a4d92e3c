"""Notices: what a handset is told by the service itself, since it asked for it or its reply belongs nowhere."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from nexmo_twisted.boundaries import Counters, Store
from nexmo_twisted.model import Reply
from nexmo_twisted.rules.optout import CONFIRM_START, CONFIRM_STOP, HELP_TEXT, Ask, asks


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What the customer decided: who honours STOP ("service": we do, "provider" or "off"), its words in further
    languages, the text for replies that belong nowhere ('' for none), and the numbers that notices may go out from."""

    opt_out: str
    words: Collection[str]
    no_thread_text: str
    numbers: Collection[str]


class Notices:
    """Looks whether a reply asks something of the service itself; ``notify`` hears when there may be a notice to send.

    Every method raises StoreUnavailable only, and may be called again for the same reply.
    """

    def __init__(self, store: Store, courtesy: Courtesy, notify: Callable[[], None], counters: Counters) -> None:
        self._store = store
        self._courtesy = courtesy
        self._notify = notify
        self._counters = counters

    def stops(self, text: str) -> bool:
        """Whether the text asks us for no more texts, so that its handset is blocked as soon as it has come."""
        return self._courtesy.opt_out == "service" and asks(text, self._courtesy.words) is Ask.STOP

    async def answered(self, item: Reply) -> str:
        """Whether the reply is dealt with and is no message to anybody: "stop" or "start", else blank."""
        ask = asks(item.text, self._courtesy.words)
        ours = self._courtesy.opt_out == "service"
        if ask is Ask.STOP and ours:
            await self._tell(item, "stop", CONFIRM_STOP)
            return "stop"
        if ask is Ask.START and self._courtesy.opt_out != "off":  # the provider confirms, but the block was ours
            return "start" if await self._tell(item, "start", CONFIRM_START if ours else "") else ""
        if ask is Ask.HELP and ours:
            await self._tell(item, "help", HELP_TEXT)
        return ""

    async def lost(self, item: Reply) -> None:
        """The reply belongs to no conversation: say so, to those we have texted, once a day."""
        await self._tell(item, "lost", self._courtesy.no_thread_text)

    async def _tell(self, item: Reply, what: str, text: str) -> bool:
        ours = item.number in self._courtesy.numbers
        done = await self._store.notice(item, what, text if ours else "")
        self._notify()
        return done
