"""Automatic replies: the answers to STOP, START and HELP, and to replies that belong to no conversation."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from nexmo_twisted.domain.model import Asked, Reply
from nexmo_twisted.domain.optout import CONFIRM_START, CONFIRM_STOP, HELP_TEXT, START_AGAIN, Keyword, keyword_in
from nexmo_twisted.ports.store import ReplyQueue


@dataclass(frozen=True, slots=True)
class AutoReplyPolicy:
    """What the customer decided: who honours STOP ("service": we do, "provider" or "off"), its words in further
    languages, the text for replies that belong nowhere ('' for none), and the numbers that automatic replies may go
    out from."""

    opt_out: str
    words: Collection[str]
    no_thread_text: str
    numbers: Collection[str]


class AutoReplies:
    """Recognises SMS for the service itself (STOP, START, HELP), and answers replies that cannot be posted;
    ``poke`` is called when there may be one to send."""

    def __init__(self, queue: ReplyQueue, policy: AutoReplyPolicy, poke: Callable[[], None]) -> None:
        self._queue = queue
        self._policy = policy
        self.poke = poke

    def asked(self, text: str, number: str, *, turned_away: bool = False) -> Asked:
        """What the text, written to that number of ours, asks for, with the answers."""
        ask, ours = keyword_in(text, self._policy.words), self._policy.opt_out == "service"
        if ask is Keyword.STOP and ours:
            asked = Asked("stop", CONFIRM_STOP)
        elif ask is Keyword.START and self._policy.opt_out != "off":  # the provider confirms, but the block was ours
            asked = Asked("start", CONFIRM_START, START_AGAIN) if ours else Asked("start")
        elif ask is Keyword.HELP and ours:
            asked = Asked("help", HELP_TEXT)
        else:
            return Asked(turned_away=turned_away)
        if number not in self._policy.numbers:
            return Asked(asked.what, turned_away=turned_away)
        return Asked(asked.what, asked.answer, asked.again, turned_away)

    async def lost(self, item: Reply) -> None:
        """The reply cannot be posted: say so, to those we have texted, once a day. Raises StoreUnavailable only, and
        may be called again for the same reply."""
        ours = item.number in self._policy.numbers
        await self._queue.queue_auto_reply(item, self._policy.no_thread_text if ours else "")
        self.poke()
