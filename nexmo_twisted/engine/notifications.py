"""Notifications: one recipient of one unread message becomes one SMS, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.boundaries import ChatPlatform, Counters, IdentitySource, Introduction, SmsProvider, Store, Template
from nexmo_twisted.engine.cache import Cache
from nexmo_twisted.engine.circuit import Circuit
from nexmo_twisted.engine.desk import Desk
from nexmo_twisted.engine.functions import where
from nexmo_twisted.engine.persist import until_stored
from nexmo_twisted.engine.receipts import heard_before
from nexmo_twisted.errors import AccountFault, NexmoTwistedError, Permanent, StoreUnavailable, Temporary
from nexmo_twisted.model import Delivery, Identity, Notice, Notification, Outcome, Sms, Status, Thread, Verdict
from nexmo_twisted.rules import backoff, phones
from nexmo_twisted.rules.compact import unpack
from nexmo_twisted.rules.links import choose, introduction_mark
from nexmo_twisted.rules.receipts import brief
from nexmo_twisted.rules.sms import fit
from nexmo_twisted.rules.texts import clean, message_text

#: How often an introduction may fail before the SMS goes out without it.
INTRODUCTION_TRIES = 3
#: How often a number is chosen again because another process was faster.
CHOICES = 20
#: Milliseconds between two probes while the account is held.
PROBE_AFTER = 60_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What the customer decided, in the units of the settings: ms, E.164 digits, statuses."""

    report: Collection[Status]
    numbers: Sequence[str]
    on_exhausted: str
    link_lifetime: int
    link_keep: int
    give_up: int
    region: str
    max_segments: int
    api_root: str


class _Skip(Exception):
    """Nothing is to be sent, for a reason that will not change."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _GiveBack(Exception):
    """Not ours to do now: the service stops, the outgoing side is held, or another process has it."""


class _IntroductionFailed(Temporary):
    pass


class Notifications:
    """Works on claimed notifications. Every outcome is stored with its reason and counted."""

    _log = Logger()

    def __init__(
        self,
        store: Store,
        chat: ChatPlatform,
        provider: SmsProvider,
        identities: IdentitySource,
        template: Template,
        introduction: Introduction | None,
        terms: Terms,
        clock: IReactorTime,
        random: Callable[[], float],
        counters: Counters,
        lease: int,
        circuits: Sequence[Circuit],
    ) -> None:
        self._store = store
        self._provider = provider
        self._identities = identities
        self._template = template
        self._introduction = introduction
        self._terms = terms
        self._clock = clock
        self._random = random
        self._counters = counters
        self._lease = lease
        self._conversations: Cache[Mapping[str, Any]] = Cache(chat.conversation, clock)
        self.desk: Desk[Notification] = Desk(
            "notifications", clock, store.claim_notifications, self._handle, counters, lease, circuits
        )

    async def _handle(self, item: Notification) -> None:
        begun = self._clock.seconds()
        try:
            sms, introduced = await self._prepare(item)
        except CancelledError:  # the service stops; nothing was sent and the lease will tell
            raise
        except _Skip as skip:
            reason = skip.reason
            self._counters.count("skipped", reason)
            await self._settle(lambda: self._store.finish(item, reason))
        except _GiveBack:
            await self._settle(lambda: self._store.release(item))
        except StoreUnavailable as error:
            await self._retry(item, error.reason)
        except Temporary as error:
            await self._retry(item, error.reason, error.retry_after, isinstance(error, _IntroductionFailed))
            if isinstance(error, AccountFault):
                self._log.error("The chat platform refuses us: {reason}", reason=error.reason)
        except Permanent as error:
            await self._bury(item, error.code, error.reason)
        except Exception:
            self._log.failure("Notification of message {id} failed", id=item.message_id)
            await self._retry(item, "internal")
        else:
            outcome = await self._send(item, sms)
            if await self._conclude(item, sms, introduced, outcome):
                self._counters.observe("lateness", item.waited / 1000 + self._clock.seconds() - begun)

    async def _send(self, item: Notification, sms: Sms) -> Outcome:
        """From here on the attempt is recorded: whatever nobody foresaw leaves it uncertain."""
        try:
            return await self._provider.send(sms)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("Sending message {id} failed in an unforeseen way", id=item.message_id)
            return Outcome(Verdict.UNCERTAIN, "internal")

    async def _prepare(self, item: Notification) -> tuple[Sms, str]:
        """All that comes before the SMS goes out, up to the record of the attempt. Returns what to send, and the
        thread that will then have been introduced to the handset, or ''."""
        terms = self._terms
        if item.gone:
            raise _Skip(item.gone)
        if item.notice is None and item.statuses.get(item.user_id) not in terms.report:
            raise _Skip("read")
        if item.waited > terms.give_up:
            raise Permanent("not sent in time", code="too_late")
        if item.notice is not None:
            return await self._begin_notice(item, item.notice), ""
        message = unpack(item.packed, item.message_id, item.sender, item.statuses, terms.api_root)
        text = message_text(message.get("parts"))
        if not text.strip():
            raise _Skip("blank")
        recipient, handset = await self._recipient(item.user_id)
        sender = await self._sender(item.sender)
        context = {**message, "sender": sender.values, "recipient": recipient.values, "text": text}
        thread = Thread(item.user_id, message["conversation"]["id"])
        if "conversation" in self._template.names:
            context["conversation"] = await self._conversation(message["conversation"])
        body = self._template.render(context)
        if not body.strip():
            raise _Skip("blank")
        return await self._begin(item, thread, handset, str(recipient.phone), context, body)

    async def _recipient(self, user_id: str) -> tuple[Identity, str]:
        try:
            identity = await self._identities.identity(user_id)
            return identity, phones.e164(identity.phone, self._terms.region)
        except Permanent as error:
            if error.code != "unknown_user":
                raise
            raise _Skip(error.code) from error
        except phones.BadPhone as error:
            self._log.info("A recipient has no usable phone: {reason}", reason=str(error))
            raise _Skip("no_phone") from error

    async def _sender(self, user_id: str) -> Identity:
        try:
            return await self._identities.identity(user_id)
        except Permanent:  # the message is there, whoever wrote it
            return Identity(user_id, {"name": user_id, "userId": user_id})

    async def _conversation(self, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return {**reference, **await self._conversations.get(reference["id"])}
        except Permanent:
            return reference

    async def _begin(
        self,
        item: Notification,
        thread: Thread,
        handset: str,
        raw: str,
        context: Mapping[str, Any],
        body: str,
    ) -> tuple[Sms, str]:
        """Choose a number and record the attempt; made again while another process changes what it is based on.

        Returns what to send, and the thread that the handset will then know about, or ''.
        """
        terms = self._terms
        introduction: str | None = None
        for _ in range(CHOICES):
            state = await self._store.read_links(thread.user_id, handset, raw=raw)
            choice = choose(
                state,
                thread,
                handset,
                raw,
                terms.numbers,
                terms.link_lifetime,
                terms.link_keep,
                take_over=terms.on_exhausted == "oldest",
            )
            if choice is None:
                self._counters.count("numbers_exhausted")
                self._log.error(
                    "No number is free for a handset: message {id} is not sent; more numbers are needed",
                    id=item.message_id,
                )
                raise _Skip("no_number")
            if not choice.introduced and introduction is None:
                introduction = await self._introduce(item, context)
            lead = "" if choice.introduced or not introduction else f"{introduction}\n\n"
            fitted = fit(clean(lead + body), terms.max_segments)
            if self.desk.closing:
                raise _GiveBack
            known = introduction_mark(thread) if choice.introduced or introduction is not None else ""
            answer = await self._store.begin(item, terms.report, choice.commit, known, self._lease)
            if answer == "OK":
                if choice.taken_over:
                    self._counters.count("taken_over")
                    self._log.warn(
                        "Message {id} takes the number of an idle conversation: more numbers are needed",
                        id=item.message_id,
                    )
                return Sms(choice.number, handset, fitted.text, fitted.unicode, item.id), known
            if answer in ("STALE", "HELD"):
                raise _GiveBack
            if answer != "CONFLICT":
                raise _Skip(answer)
        raise Temporary("the links of this user change all the time")

    async def _begin_notice(self, item: Notification, notice: Notice) -> Sms:
        """Record the attempt at a text of our own."""
        fitted = fit(clean(notice.text), self._terms.max_segments)
        if self.desk.closing:
            raise _GiveBack
        answer = await self._store.begin_notice(item, self._lease)
        if answer in ("STALE", "HELD"):
            raise _GiveBack
        if answer != "OK":
            raise _Skip(answer)
        return Sms(notice.number, notice.handset, fitted.text, fitted.unicode, item.id)

    async def _introduce(self, item: Notification, context: Mapping[str, Any]) -> str | None:
        """The introduction; None when it failed for the last time, so that the SMS goes out without."""
        if self._introduction is None:
            return ""
        try:
            conversation = await self._conversations.get(context["conversation"]["id"])
            return (await self._introduction.introduce(context, conversation)).strip()
        except CancelledError:
            raise
        except Exception as error:
            reason = error.reason if isinstance(error, NexmoTwistedError) else where(error)
            if item.introduction_failures + 1 >= INTRODUCTION_TRIES:
                self._log.error(
                    "Message {id} goes out without its introduction: {reason}", id=item.message_id, reason=reason
                )
                return None
            raise _IntroductionFailed(f"introduction: {reason}") from error

    async def _conclude(self, item: Notification, sms: Sms, introduced: str, outcome: Outcome) -> bool:
        """Store what is known after the attempt. True when it brought the news that the SMS was accepted."""
        verdict, reason = outcome.verdict, outcome.reason
        if outcome.alarm:
            self._log.error("Message {id}: {alarm}", id=item.message_id, alarm=outcome.alarm)
        if verdict is Verdict.ACCEPTED:
            return await self._accepted(item, sms, introduced, outcome)
        if verdict is Verdict.NOT_SENT:
            await self._retry(item, reason, outcome.retry_after)
        elif verdict is Verdict.UNCERTAIN:
            if await self._settle(lambda: self._store.set_aside(item, reason, uncertain=True)):
                self._counters.count("uncertain")
                self._log.error("Message {id} may or may not be sent: {reason}", id=item.message_id, reason=reason)
        elif verdict is Verdict.ACCOUNT:
            self._counters.count("held")
            if await self._settle(lambda: self._store.hold(item, reason, PROBE_AFTER)):
                self._log.critical("Nothing is sent until the account is mended: {reason}", reason=reason)
        else:
            await self._bury(item, "refused", reason)
        return False

    async def _accepted(self, item: Notification, sms: Sms, introduced: str, outcome: Outcome) -> bool:
        ids = outcome.message_ids
        record = f"sent {sms.sender} {brief(ids[0]) if ids else ''}"
        delivery: Delivery | None = await self._settle(
            lambda: self._store.accepted(item, record, sms.to, sms.sender, introduced, ids)
        )
        if delivery is None:
            return False  # its receipt was faster, and counted
        self._counters.count("sent")
        self._log.info(
            "Message {id} sent to {to} from {sender}",
            id=item.message_id,
            to=phones.masked(sms.to),
            sender=phones.masked(sms.sender),
        )
        heard_before(delivery, sms.to, self._counters)
        return True

    async def _retry(
        self, item: Notification, reason: str, after: float | None = None, introduction: bool = False
    ) -> None:
        self._counters.count("retried")
        delay = backoff.delay(item.attempts + 1, retry_after=after, random=self._random)
        self._log.info(
            "Message {id} is tried again in {delay:.0f} s: {reason}",
            id=item.message_id,
            delay=delay,
            reason=reason,
        )
        await self._settle(lambda: self._store.retry(item, int(delay * 1000), reason, introduction=introduction))

    async def _bury(self, item: Notification, code: str, reason: str) -> None:
        self._counters.count("buried", code)
        self._log.error("Message {id} is buried: {code}: {reason}", id=item.message_id, code=code, reason=reason)
        await self._settle(lambda: self._store.set_aside(item, f"{code}: {reason}", uncertain=False))

    async def _settle(self, move: Callable[[], Any]) -> Any:
        return await until_stored(self._clock, move)
