"""Replies: an SMS from a handset is posted into the conversation that its number carries there, as that user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import backoff, phones
from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.domain.model import Reply, Thread
from nexmo_twisted.domain.text import clean
from nexmo_twisted.engine.attempts import SendPolicy
from nexmo_twisted.engine.auto_replies import AutoReplies
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.retry_store import until_stored
from nexmo_twisted.engine.worker import Worker
from nexmo_twisted.errors import AccountFault, Intercepted, NexmoTwistedError, Permanent, StoreUnavailable, Temporary
from nexmo_twisted.ports import ChatPlatform, IdentitySource, Metrics
from nexmo_twisted.ports.store import ReplyQueue


class Replies:
    """Works on claimed replies. A reply is posted with a UUID of its own, so doing it twice posts it once.

    A reply belongs to the conversation of the last SMS that its handset received from that number before it was
    written. What that was is decided when it is stored; where an attempt was under way then, by what becomes of that.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        queue: ReplyQueue,
        chat: ChatPlatform,
        identities: IdentitySource,
        link_updates: LinkUpdates,
        terms: SendPolicy,
        clock: IReactorTime,
        random: Callable[[], float],
        metrics: Metrics,
        lease: int,
        circuits: Sequence[CircuitBreaker],
        auto_replies: AutoReplies,
    ) -> None:
        self._queue = queue
        self._chat = chat
        self._identities = identities
        self._link_updates = link_updates
        self._terms = terms
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._auto_replies = auto_replies
        self.worker: Worker[Reply] = Worker(
            "replies",
            queue="in",
            clock=clock,
            claim=queue.claim_replies,
            handle=self._handle,
            metrics=metrics,
            lease=lease,
            circuits=circuits,
        )

    async def _handle(self, item: Reply) -> None:
        try:
            if item.waited > self._terms.expire_after:
                raise Permanent(": ".join(filter(None, ["not posted in time", item.reason])), code="too_late")
            await self._post(item)
        except CancelledError:  # the service stops; posting it again will do no harm
            raise
        except StoreUnavailable as error:
            await self._retry(item, error.reason)
        except Temporary as error:
            if isinstance(error, AccountFault):
                self._log.error(
                    "Chat platform: credentials or account rejected, retrying: {reason}", reason=error.reason
                )
            await self._retry(item, error.reason, error.retry_after, isinstance(error, Intercepted))
        except Permanent as error:
            self._log.error(
                "Reply from {who}: dead letter, {reason}", who=phones.masked(item.handset), reason=error.reason
            )
            await self._bury(item, error.code, error.reason)
        except Exception:
            self._log.failure("Reply from {who}: unexpected error, retrying", who=phones.masked(item.handset))
            await self._retry(item, "internal")

    async def _post(self, item: Reply) -> None:
        thread, doubt = item.thread, item.doubt
        if item.open:
            found = await self._queue.resolve(item, self._terms.receipt_timeout, phones.region_of(item.handset))
            if found.waits:
                return
            thread, doubt = found.thread, found.doubt
        if doubt:
            await self._leave_to_operator(item)
        elif thread is None:
            await self._turn_down(item, "no_thread", "no conversation is linked to its number")
        elif await self._is_theirs(item, thread):
            await self._post_to(item, thread)
        else:
            await self._turn_down(item, "not_their_phone", "the user's profile names another phone")

    async def _post_to(self, item: Reply, thread: Thread) -> None:
        if is_blank(item.text):
            await self._close(item, "blank")
            return
        state = await self._link_updates.read(thread, item.handset, item.number)
        await self._chat.post(thread.conversation_id, thread.user_id, clean(item.text), item.once)
        await self._link_updates.renew(state, thread, item.handset, item.number)
        await self._close(item, "posted")
        self._log.info("Reply from {who}: posted", who=phones.masked(item.handset))

    async def _is_theirs(self, item: Reply, thread: Thread) -> bool:
        """Whether a handset is still that of the user: once the profile names another phone, or none, the old one may
        be in the hands of any person. An answer of the profile counts for five minutes."""
        try:
            phone = (await self._identities.identity(thread.user_id)).phone
        except StoreUnavailable:
            raise  # a phone that came with a message is in the store: the reply waits for that
        except NexmoTwistedError:
            return True  # no profile names another phone
        try:
            return phones.canonical(phones.e164(phone, self._terms.region)) == item.handset
        except phones.BadPhone:
            return False

    async def _turn_down(self, item: Reply, outcome: str, why: str) -> None:
        self._log.info("Reply from {who}: not posted, {why}", who=phones.masked(item.handset), why=why)
        await self._auto_replies.lost(item)
        await self._close(item, outcome)

    async def _leave_to_operator(self, item: Reply) -> None:
        self._log.error(
            "Reply from {who}: dead letter, belongs to one of two conversations; post it with `nexmo-twisted place`",
            who=phones.masked(item.handset),
        )
        await self._auto_replies.lost(item)
        await self._bury(item, "ambiguous", "written when its number went from one conversation to another")

    async def _close(self, item: Reply, outcome: str) -> None:
        await self._settle(lambda: self._queue.complete(item, outcome))
        self._metrics.count("replies_closed", outcome)

    async def _bury(self, item: Reply, code: str, reason: str) -> None:
        if await self._settle(lambda: self._queue.set_aside(item, f"{code}: {reason}", uncertain=False)):
            self._metrics.count("dead_letters", "in", code)
            self._metrics.count("replies_closed", "dead_letter")

    async def _retry(self, item: Reply, reason: str, after: float | None = None, aside: bool = False) -> None:
        delay = backoff.delay(item.attempts + 1, retry_after=after, random=self._random)
        self._log.info(
            "Reply from {who}: retry in {delay:.0f} s: {reason}",
            who=phones.masked(item.handset),
            delay=delay,
            reason=reason,
        )
        await self._settle(lambda: self._queue.reschedule(item, int(delay * 1000), reason, aside=aside))

    async def _settle(self, move: Callable[[], Any]) -> Any:
        return await until_stored(self._clock, move)
