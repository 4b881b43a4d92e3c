"""Attempts: choose the number of an SMS, check its rate limits, and record the attempt before the SMS is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.ids import reference
from nexmo_twisted.domain.invisible import is_blank, with_few_marks
from nexmo_twisted.domain.link_state import (
    LinkState,
    introduction_mark,
)
from nexmo_twisted.domain.links import (
    NoNumber,
    choose,
)
from nexmo_twisted.domain.model import Attempt, AutoReply, Notification, Sms, Status, Thread
from nexmo_twisted.domain.rate_limits import ACCOUNT, Limits
from nexmo_twisted.domain.results import Begin, Begun
from nexmo_twisted.domain.segments import LONGEST, Fitted, fit_both
from nexmo_twisted.domain.text import clean
from nexmo_twisted.engine.cache import Cache
from nexmo_twisted.engine.customer_functions import where
from nexmo_twisted.errors import NexmoTwistedError, Temporary
from nexmo_twisted.ports import Introduction, Metrics
from nexmo_twisted.ports.store import Links, Outbox

#: How often an introduction may fail before the SMS goes out without it.
INTRODUCTION_TRIES = 3
#: Characters of a text that are looked at, some of which may be left out for being invisible.
MOST_READ = 4 * LONGEST
#: How often a number is chosen again because another process was faster.
CHOICES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPolicy:
    """What the customer decided, in the units of the settings: ms, E.164 digits, statuses."""

    report: Collection[Status]
    numbers: Sequence[str]
    when_exhausted: str
    link_lifetime: int
    link_keep: int
    expire_after: int
    region: str
    max_segments: int
    max_characters: int
    limits: Limits
    receipt_timeout: int


class Skip(Exception):
    """Nothing is to be sent, for a reason that will not change; ``detail`` is for who asks why."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Release(Exception):
    """Not to be done by this process now: it stops, sending is suspended, or another process has the item."""


class Postponed(Exception):
    """It has to wait, for a limit or a number, and has been given back for so long."""


class IntroductionFailed(Temporary):
    """The introduction could not be made."""


class AttemptRecorder:
    """Records the attempt at an SMS directly before it goes out.

    ``closing`` says whether nothing new is to be begun. Besides the exceptions above every method raises
    StoreUnavailable.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        outbox: Outbox,
        links: Links,
        introduction: Introduction | None,
        conversations: Cache[Mapping[str, Any]],
        terms: SendPolicy,
        lease: int,
        closing: Callable[[], bool],
        metrics: Metrics,
        clock: IReactorTime,
    ) -> None:
        self._outbox = outbox
        self._links = links
        self._introduction = introduction
        self._conversations = conversations
        self._terms = terms
        self._lease = lease
        self._closing = closing
        self._metrics = metrics
        self._clock = clock

    async def text(
        self,
        item: Notification,
        thread: Thread,
        handset: str,
        raw: str,
        context: Mapping[str, Any],
        body: str,
        conversation: Mapping[str, Any] | None = None,
    ) -> tuple[Sms, Attempt]:
        """Choose a number and record the attempt; made again while another process changes what it is based on. Links
        are kept under the canonical spelling of ``handset``, which is dialled as it is. ``conversation`` is what an
        introduction speaks of; None when the platform is to be asked."""
        terms, kept_as = self._terms, phones.canonical(handset)
        introduction: str | None = None
        for _ in range(CHOICES):
            state = await self._links.read_links(thread.user_id, kept_as, raw=raw)
            choice = choose(
                state,
                thread,
                kept_as,
                raw,
                terms.numbers,
                terms.link_lifetime,
                terms.link_keep,
                take_over=terms.when_exhausted == "oldest",
            )
            if isinstance(choice, NoNumber):
                if await self._without_number(item, state, kept_as, choice):
                    raise Postponed
                continue
            if not choice.introduced and introduction is None:
                introduction = await self._introduce(item, thread, context, conversation)
            fitted = _fitted(
                "" if choice.introduced else introduction or "", body, terms.max_segments, terms.max_characters
            )
            if self._closing():
                raise Release
            known = introduction_mark(thread) if choice.introduced or introduction is not None else ""
            until, commit = self._until(), choice.commit
            limits = terms.limits.of(choice.number)
            begun = await self._outbox.begin_attempt(item, terms.report, commit, known, self._lease, limits)
            if begun.answer is Begin.CONFLICT:
                continue
            self._check(begun)
            if choice.taken_over:
                self._metrics.count("numbers_taken_over")
                self._log.warn(
                    "Message {id}: took over the number of an idle conversation, none was free; add numbers",
                    id=item.message_id,
                )
            attempt = Attempt(
                handset=kept_as,
                number=choice.number,
                until=until,
                introduced=known,
                map_read=state.user_map,
                map_new=commit.user_map,
                ttl=commit.ttl,
            )
            return Sms(choice.number, handset, fitted.text, reference(item.id)), attempt
        raise Temporary(f"gave up after {CHOICES} conflicting updates of this user's links")

    async def auto_reply(self, item: Notification, auto_reply: AutoReply) -> tuple[Sms, Attempt]:
        """Record the attempt at a text of our own."""
        fitted = fit_both("", clean(auto_reply.text), self._terms.max_segments, self._terms.max_characters)
        if self._closing():
            raise Release
        until = self._until()
        limits = self._terms.limits.of(auto_reply.number)
        self._check(await self._outbox.begin_auto_reply(item, self._lease, limits))
        sms = Sms(auto_reply.number, auto_reply.handset, fitted.text, reference(item.id))
        return sms, Attempt(handset=auto_reply.handset, number=auto_reply.number, until=until)

    def _until(self) -> float:
        """When the lease is over that begins now, by our own clock: nothing goes out after that."""
        return self._clock.seconds() + self._lease / 1000

    async def _without_number(self, item: Notification, state: LinkState, handset: str, found: NoNumber) -> bool:
        """Step aside while an attempt of another thread may still give its number back. Returns whether it did so: not
        when that may have happened meanwhile."""
        left = self._terms.receipt_timeout
        if item.aside_since is not None:
            left -= state.now - item.aside_since
        if found.for_now and left > 0:
            if not await self._outbox.step_aside(item, state, handset, left):
                return False
            self._metrics.count("sms_number_waits")
            return True
        if state.unowned.issuperset(self._terms.numbers):
            raise Temporary("the account owns none of the configured numbers")
        self._metrics.count("numbers_exhausted")
        self._log.error(
            "Message {id}: no SMS sent, all numbers of the handset are in use; add numbers", id=item.message_id
        )
        raise Skip("no_number")

    def _check(self, begun: Begun) -> None:
        """Raise unless the attempt was recorded."""
        match begun.answer:
            case Begin.OK:
                return
            case Begin.WAIT:
                self._metrics.count("sms_rate_limited", "account" if begun.why == ACCOUNT else "number")
                raise Postponed
            case Begin.UNNEEDED:
                raise Skip(begun.why)
            case _:
                raise Release

    async def _introduce(
        self,
        item: Notification,
        thread: Thread,
        context: Mapping[str, Any],
        conversation: Mapping[str, Any] | None,
    ) -> str | None:
        """The introduction; None when it failed for the last time, so that the SMS goes out without."""
        if self._introduction is None:
            return ""
        try:
            if conversation is None:
                conversation = await self._conversations.get(thread.conversation_id)
            text = await self._introduction.introduce(context, conversation)
            return "" if is_blank(text) else text.strip()
        except CancelledError:
            raise
        except Exception as error:
            reason = error.reason if isinstance(error, NexmoTwistedError) else where(error)
            if item.introduction_failures + 1 >= INTRODUCTION_TRIES:
                self._log.error(
                    "Message {id}: introduction failed, the SMS is sent without it: {reason}",
                    id=item.message_id,
                    reason=reason,
                )
                return None
            raise IntroductionFailed(f"introduction: {reason}") from error


@lru_cache(4)  # the text of one message is mostly the same for all its recipients, who have their turns together
def _fitted(lead: str, body: str, max_segments: int, max_characters: int) -> Fitted:
    return fit_both(_readable(lead), _readable(body), max_segments, max_characters)


def _readable(text: str) -> str:
    """What is shown of a text, and looked at: more than that fits into no SMS, and costs time."""
    return with_few_marks(clean(text)[:MOST_READ])
