"""Notifications: one recipient of one unread message becomes one SMS, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import backoff, phones, rate_limits
from nexmo_twisted.domain.ids import short_sms_id
from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.domain.model import (
    Accepted,
    Attempt,
    Identity,
    Notification,
    Outcome,
    Sms,
    Thread,
    Verdict,
)
from nexmo_twisted.domain.results import (
    Delivery,
    Suspension,
)
from nexmo_twisted.engine.attempts import AttemptRecorder, IntroductionFailed, Postponed, Release, SendPolicy, Skip
from nexmo_twisted.engine.cache import Cache
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.delivery_receipts import DeliveryNews
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.retry_store import until_stored
from nexmo_twisted.engine.worker import Worker
from nexmo_twisted.errors import AccountFault, Declined, Intercepted, Permanent, StoreUnavailable, Temporary
from nexmo_twisted.ports import ChatPlatform, IdentitySource, Introduction, Metrics, SmsProvider, Template
from nexmo_twisted.ports.store import Links, Outbox


class Notifications:
    """Works on claimed notifications. Every outcome is stored with its reason and counted. ``poke_waiting`` is recorded
    when it is known, or given up, what became of an attempt: replies may wait for that."""

    _log = Logger()

    def __init__(
        self,
        *,
        outbox: Outbox,
        links: Links,
        chat: ChatPlatform,
        provider: SmsProvider,
        identities: IdentitySource,
        template: Template,
        introduction: Introduction | None,
        terms: SendPolicy,
        clock: IReactorTime,
        random: Callable[[], float],
        metrics: Metrics,
        lease: int,
        circuits: Sequence[CircuitBreaker],
        link_updates: LinkUpdates,
        news: DeliveryNews,
        poke_waiting: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._chat = chat
        self._provider = provider
        self._identities = identities
        self._template = template
        self._terms = terms
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._conversations: Cache[Mapping[str, Any]] = Cache(chat.conversation, clock)
        self.worker: Worker[Notification] = Worker(
            "notifications", "out", clock, outbox.claim_notifications, self._handle, metrics, lease, circuits
        )
        self._recorder = AttemptRecorder(
            outbox=outbox,
            links=links,
            introduction=introduction,
            conversations=self._conversations,
            terms=terms,
            lease=lease,
            closing=lambda: self.worker.closing,
            metrics=metrics,
            clock=clock,
        )
        self._link_updates = link_updates
        self._news = news
        self._poke_waiting = poke_waiting
        self._own = frozenset(phones.canonical(number) for number in terms.numbers)

    async def _handle(self, item: Notification) -> None:
        begun = self._clock.seconds()
        try:
            sms, attempt = await self._prepare(item)
        except CancelledError:  # the service stops; nothing was sent and the lease will tell
            raise
        except Skip as skip:
            self._metrics.count("notifications_skipped", skip.reason)
            reason = f"{skip.reason}: {skip.detail}" if skip.detail else skip.reason
            await self._settle(lambda: self._outbox.complete(item, reason))
        except Release:
            await self._settle(lambda: self._outbox.release(item))
        except Postponed:
            pass  # it is back in the queue, until its turn comes or a number is free
        except StoreUnavailable as error:
            await self._retry(item, error.reason)
        except Temporary as error:
            aside = isinstance(error, Intercepted | Declined)
            kinds = {"introduction": isinstance(error, IntroductionFailed), "aside": aside}
            await self._retry(item, error.reason, error.retry_after, **kinds)
            if isinstance(error, AccountFault):
                self._log.error(
                    "Chat platform: credentials or account rejected, retrying: {reason}", reason=error.reason
                )
        except Permanent as error:
            await self._bury(item, error.code, error.reason)
        except Exception:
            self._log.failure("Message {id}: unexpected error, retrying", id=item.message_id)
            await self._retry(item, "internal")
        else:
            sending = self._clock.seconds()
            outcome = await self._send(item, sms, attempt)
            took = self._clock.seconds() - sending
            accepted = await self._conclude(item, sms, attempt, outcome, took)
            self._poke_waiting()
            if accepted:
                self._metrics.observe("sms_lateness", item.waited / 1000 + self._clock.seconds() - begun)

    async def _send(self, item: Notification, sms: Sms, attempt: Attempt) -> Outcome:
        """From here on the attempt is recorded: an unexpected error leaves it uncertain."""
        try:
            return await self._provider.send(sms, until=attempt.until)
        except CancelledError:
            raise
        except Exception:
            self._log.failure(
                "Message {id}: unexpected error while sending, the outcome is uncertain", id=item.message_id
            )
            return Outcome(Verdict.UNCERTAIN, "internal")

    async def _prepare(self, item: Notification) -> tuple[Sms, Attempt]:
        """All that comes before the SMS goes out, up to the record of the attempt."""
        terms = self._terms
        if item.gone:
            raise Skip(item.gone)
        if item.notice is None and item.statuses.get(item.user_id) not in terms.report:
            raise Skip("read")
        if item.waited > terms.expire_after:
            raise Permanent(": ".join(filter(None, ["not sent in time", item.reason])), code="too_late")
        if item.notice is not None:
            return await self._recorder.notice(item, item.notice)
        message = self._chat.read_payload(
            item.payload,
            message_id=item.message_id,
            conversation_id=item.conversation_id,
            sender=item.sender,
            statuses=item.statuses,
        )
        if not message.text:
            raise Skip("blank")
        recipient, handset = await self._recipient(item.user_id)
        sender = await self._sender(item.sender)
        context = {**message.values, "sender": sender.values, "recipient": recipient.values, "text": message.text}
        thread = Thread(item.user_id, item.conversation_id)
        if "conversation" in self._template.names:
            context["conversation"] = await self._conversation(item.conversation_id, context.get("conversation"))
        body = self._template.render(context)
        if is_blank(body):
            raise Skip("blank")
        return await self._recorder.text(item, thread, handset, str(recipient.phone), context, body)

    async def _recipient(self, user_id: str) -> tuple[Identity, str]:
        try:
            identity = await self._identities.identity(user_id)
            handset = phones.e164(identity.phone, self._terms.region)
        except Permanent as error:
            if error.code != "unknown_user":
                raise
            raise Skip(error.code) from error
        except phones.BadPhone as error:
            self._log.info(
                "Notification skipped: the recipient has no usable phone number: {reason}", reason=str(error)
            )
            raise Skip("no_phone", error.reason if identity.phone else "") from error
        if phones.canonical(handset) in self._own:
            self._log.info(
                "Notification skipped: the recipient's phone is one of our own numbers, {number}",
                number=phones.masked(handset),
            )
            raise Skip("own_number")
        return identity, handset

    async def _sender(self, user_id: str) -> Identity:
        try:
            return await self._identities.identity(user_id)
        except Permanent:  # the message is there, whoever wrote it
            return Identity(user_id, {"name": user_id, "userId": user_id})

    async def _conversation(self, conversation_id: str, known: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """``known`` is what came with the message."""
        try:
            return {**(known or {}), **await self._conversations.get(conversation_id)}
        except Permanent:
            return known or {}

    async def _conclude(self, item: Notification, sms: Sms, attempt: Attempt, outcome: Outcome, took: float) -> bool:
        """Store what is known after the attempt. True when it brought the news that the SMS was accepted."""
        verdict, reason = outcome.verdict, outcome.reason
        if outcome.alarm:
            self._log.error("Message {id}: {alarm}", id=item.message_id, alarm=outcome.alarm)
        if verdict is Verdict.ACCEPTED:
            return await self._accepted(item, sms, attempt, Accepted(outcome.on_wire, took, outcome.message_ids))
        if outcome.exceeded:
            await self._pause(item, sms, outcome)
        elif verdict is Verdict.NOT_SENT:
            await self._retry(item, reason, outcome.retry_after)
        elif verdict is Verdict.UNCERTAIN:
            known = self._clock.seconds()

            def set_aside() -> Any:
                passed = self._clock.seconds() - known
                on_wire = None if outcome.on_wire is None else outcome.on_wire + passed
                return self._outbox.set_aside(item, reason, uncertain=True, on_wire=on_wire)

            if await self._settle(set_aside):
                self._metrics.count("sms_uncertain")
                self._log.error(
                    "Message {id}: the SMS may or may not have been sent, waiting for a receipt: {reason}",
                    id=item.message_id,
                    reason=reason,
                )
        elif verdict is Verdict.ACCOUNT:
            self._metrics.count("account_errors")
            await self._suspend(item, reason)
        else:
            await self._bury(item, "refused", reason, outcome.account_works)
        return False

    async def _suspend(self, item: Notification, reason: str) -> None:
        suspension: Suspension = await self._settle(lambda: self._outbox.suspend_sending(item, reason))
        if suspension is Suspension.IN_DOUBT:
            self._log.warn(
                "Message {id}: rejected, maybe because of the account; trying another SMS: {reason}",
                id=item.message_id,
                reason=reason,
            )
        elif suspension is Suspension.BEGUN:
            self._log.critical(
                "Sending suspended, the provider rejects the account; repair it, one SMS a minute is tried: {reason}",
                reason=reason,
            )
        elif suspension is Suspension.DEAD:
            self._metrics.count("dead_letters", "out", "refused")
            self._log.error(
                "Message {id}: dead letter, rejected repeatedly while others are accepted: {reason}",
                id=item.message_id,
                reason=reason,
            )

    async def _accepted(self, item: Notification, sms: Sms, attempt: Attempt, sent: Accepted) -> bool:
        ids, known = sent.message_ids, self._clock.seconds()
        record = f"sent {sms.sender} {short_sms_id(ids[0]) if ids else ''}"

        def accepted() -> Any:
            passed = self._clock.seconds() - known
            on_wire = None if sent.on_wire is None else sent.on_wire + passed
            return self._outbox.record_accepted(item, attempt, record, replace(sent, on_wire=on_wire))

        delivery: Delivery | None = await self._settle(accepted)
        if delivery is None:
            return False  # its receipt was faster, and counted
        if delivery.relink is not None:
            with suppress(StoreUnavailable):  # only what the Node service would read is behind
                await self._link_updates.rewrite_map(delivery.relink)
        self._metrics.count("sms_accepted")
        self._log.info(
            "Message {id}: SMS sent to {to} from {sender}",
            id=item.message_id,
            to=phones.masked(sms.to),
            sender=phones.masked(sms.sender),
        )
        self._news.report_earlier(delivery, sms.to)
        return True

    async def _retry(self, item: Notification, reason: str, after: float | None = None, **kinds: bool) -> None:
        """``kinds`` are those of ``Outbox.reschedule``."""
        self._metrics.count("sms_retries")
        delay = backoff.delay(item.attempts + 1, retry_after=after, random=self._random)
        self._log.info(
            "Message {id}: retry in {delay:.0f} s: {reason}",
            id=item.message_id,
            delay=delay,
            reason=reason,
        )
        await self._settle(lambda: self._outbox.reschedule(item, int(delay * 1000), reason, **kinds))

    async def _pause(self, item: Notification, sms: Sms, outcome: Outcome) -> None:
        """The provider throttles the account or number: pause it for all processes; this SMS goes first afterwards."""
        duration = rate_limits.pause(outcome.retry_after)
        limit = sms.sender if outcome.exceeded == "number" else rate_limits.ACCOUNT
        self._metrics.count("sms_retries")
        self._metrics.count("provider_throttled", outcome.exceeded)
        self._log.warn(
            "Message {id}: throttled by {limit}, paused {seconds:.1f} s: {reason}",
            id=item.message_id,
            limit=phones.masked(sms.sender) if outcome.exceeded == "number" else "the account",
            seconds=duration / 1000,
            reason=outcome.reason,
        )
        await self._settle(lambda: self._outbox.pause_limit(item, limit, duration, outcome.reason))

    async def _bury(self, item: Notification, code: str, reason: str, account_works: bool = False) -> None:
        self._log.error("Message {id}: dead letter, {code}: {reason}", id=item.message_id, code=code, reason=reason)
        recorded = f"{code}: {reason}"
        if await self._settle(
            lambda: self._outbox.set_aside(item, recorded, uncertain=False, account_works=account_works)
        ):
            self._metrics.count("dead_letters", "out", code)

    async def _settle(self, move: Callable[[], Any]) -> Any:
        return await until_stored(self._clock, move)
