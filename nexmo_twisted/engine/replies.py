"""Replies: an SMS from a handset is posted into the conversation that its number carries there, as that user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.boundaries import ChatPlatform, Counters, Store
from nexmo_twisted.engine.circuit import Circuit
from nexmo_twisted.engine.desk import Desk
from nexmo_twisted.engine.notices import Notices
from nexmo_twisted.engine.persist import until_stored
from nexmo_twisted.errors import AccountFault, Intercepted, Permanent, StoreUnavailable, Temporary
from nexmo_twisted.model import Reply, Thread
from nexmo_twisted.rules import backoff, phones
from nexmo_twisted.rules.links import renew, thread_of
from nexmo_twisted.rules.texts import clean, split_bytes

#: The chat platform's limit for one part of a message, in bytes of UTF-8 (Layer, Platform API, sending messages).
PART_BYTES = 2048
#: How often a renewal is made again because another process was faster.
RENEWALS = 20


class Replies:
    """Works on claimed replies. A reply is posted with a UUID of its own, so doing it twice posts it once.

    ``link_lifetime``, ``link_keep`` and ``give_up`` are in ms.
    """

    _log = Logger()

    def __init__(
        self,
        store: Store,
        chat: ChatPlatform,
        link_lifetime: int,
        link_keep: int,
        give_up: int,
        clock: IReactorTime,
        random: Callable[[], float],
        counters: Counters,
        lease: int,
        circuits: Sequence[Circuit],
        notices: Notices,
    ) -> None:
        self._store = store
        self._chat = chat
        self._lifetime = link_lifetime
        self._keep = link_keep
        self._give_up = give_up
        self._clock = clock
        self._random = random
        self._counters = counters
        self._notices = notices
        self.desk: Desk[Reply] = Desk("replies", clock, store.claim_replies, self._handle, counters, lease, circuits)

    async def _handle(self, item: Reply) -> None:
        try:
            if item.waited > self._give_up:
                raise Permanent(": ".join(filter(None, ["not posted in time", item.reason])), code="too_late")
            await self._post(item)
        except CancelledError:  # the service stops; posting it again will do no harm
            raise
        except StoreUnavailable as error:
            await self._retry(item, error.reason)
        except Temporary as error:
            if isinstance(error, AccountFault):
                self._log.error("The chat platform refuses us: {reason}", reason=error.reason)
            await self._retry(item, error.reason, error.retry_after, isinstance(error, Intercepted))
        except Permanent as error:
            self._counters.count("replies", error.code)
            self._log.error(
                "A reply from {who} is buried: {reason}", who=phones.masked(item.handset), reason=error.reason
            )
            reason = f"{error.code}: {error.reason}"
            await self._settle(lambda: self._store.set_aside(item, reason, uncertain=False))
        except Exception:
            self._log.failure("A reply from {who} failed", who=phones.masked(item.handset))
            await self._retry(item, "internal")

    async def _post(self, item: Reply) -> None:
        asked = "" if item.fragment else await self._notices.answered(item)  # nobody asks with half a text
        if asked:
            self._counters.count("replies", asked)
            self._log.info("{who} asked for {what}", who=phones.masked(item.handset), what=asked)
            await self._settle(lambda: self._store.finish(item, asked))
            return
        thread = item.thread or thread_of(
            await self._store.read_links("", item.handset, number=item.number), item.number
        )
        if thread is None:
            self._counters.count("replies", "no_thread")
            self._log.info("A reply from {who} belongs to no conversation", who=phones.masked(item.handset))
            await self._notices.lost(item)
            await self._settle(lambda: self._store.finish(item, "no_thread"))
            return
        parts = split_bytes(clean(item.text), PART_BYTES)
        if not parts:
            self._counters.count("replies", "blank")
            await self._settle(lambda: self._store.finish(item, "blank"))
            return
        await self._chat.post(thread.conversation_id, thread.user_id, parts, item.once)
        await self._renew(item, thread)
        await self._settle(lambda: self._store.finish(item, "posted"))
        self._counters.count("replies", "posted")
        self._log.info("A reply from {who} was posted", who=phones.masked(item.handset))

    async def _renew(self, item: Reply, thread: Thread) -> None:
        for _ in range(RENEWALS):
            state = await self._store.read_links(thread.user_id, item.handset, number=item.number)
            commit = renew(state, thread, item.handset, item.number, self._lifetime, self._keep)
            if commit is None or await self._store.renew_links(commit):
                return

    async def _retry(self, item: Reply, reason: str, after: float | None = None, aside: bool = False) -> None:
        delay = backoff.delay(item.attempts + 1, retry_after=after, random=self._random)
        self._log.info(
            "A reply from {who} is posted again in {delay:.0f} s: {reason}",
            who=phones.masked(item.handset),
            delay=delay,
            reason=reason,
        )
        await self._settle(lambda: self._store.retry(item, int(delay * 1000), reason, aside=aside))

    async def _settle(self, move: Callable[[], Any]) -> Any:
        return await until_stored(self._clock, move)
