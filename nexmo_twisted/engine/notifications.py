"""Notifications: one recipient of one unread message becomes one SMS, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.domain.model import (
    Attempt,
    ChatMessage,
    Identity,
    Notification,
    Outcome,
    Sms,
    Thread,
    Verdict,
)
from nexmo_twisted.engine.attempts import AttemptRecorder, IntroductionFailed, Postponed, Release, SendPolicy, Skip
from nexmo_twisted.engine.cache import Cache
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.delivery_receipts import DeliveryNews
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.outcomes import OutcomeRecorder
from nexmo_twisted.engine.worker import Worker
from nexmo_twisted.errors import AccountFault, Declined, Intercepted, Permanent, StoreUnavailable, Temporary
from nexmo_twisted.ports import ChatPlatform, IdentitySource, Introduction, Metrics, SmsProvider, Template
from nexmo_twisted.ports.store import Links, Outbox


class Notifications:
    """Works on claimed notifications. Every outcome is stored with its reason and counted. ``poke_waiting`` is called
    when the result of an attempt is recorded, known or not: replies may wait for that. ``use_profiles``: a profile that
    came with the message is not asked for."""

    _log = Logger()

    def __init__(
        self,
        *,
        outbox: Outbox,
        links: Links,
        chat: ChatPlatform,
        provider: SmsProvider,
        identities: IdentitySource,
        use_profiles: bool,
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
        self._chat = chat
        self._provider = provider
        self._identities = identities
        self._use_profiles = use_profiles
        self._template = template
        self._terms = terms
        self._clock = clock
        self._metrics = metrics
        self._conversations: Cache[Mapping[str, Any]] = Cache(chat.conversation, clock=clock)
        self.worker: Worker[Notification] = Worker(
            "notifications",
            queue="out",
            clock=clock,
            claim=outbox.claim_notifications,
            handle=self._handle,
            metrics=metrics,
            lease=lease,
            circuits=circuits,
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
        self._outcomes = OutcomeRecorder(
            outbox=outbox, clock=clock, random=random, metrics=metrics, link_updates=link_updates, news=news
        )
        self._poke_waiting = poke_waiting
        self._own = frozenset(phones.canonical(number) for number in terms.numbers)

    async def _handle(self, item: Notification) -> None:
        begun = self._clock.seconds()
        try:
            sms, attempt = await self._prepare(item)
        except CancelledError:  # the service stops; nothing was sent, and the item is claimed again after the lease
            raise
        except Skip as skip:
            await self._outcomes.skip(item, skip.reason, skip.detail)
        except Release:
            await self._outcomes.release(item)
        except Postponed:
            pass  # it is back in the queue, until its turn comes or a number is free
        except StoreUnavailable as error:
            await self._outcomes.retry(item, error.reason)
        except Temporary as error:
            aside = isinstance(error, Intercepted | Declined)
            kinds = {"introduction": isinstance(error, IntroductionFailed), "aside": aside}
            await self._outcomes.retry(item, error.reason, error.retry_after, **kinds)
            if isinstance(error, AccountFault):
                self._log.error(
                    "Chat platform: credentials or account rejected, retrying: {reason}", reason=error.reason
                )
        except Permanent as error:
            await self._outcomes.give_up(item, error.code, error.reason)
        except Exception:
            self._log.failure("Message {id}: unexpected error, retrying", id=item.message_id)
            await self._outcomes.retry(item, "internal")
        else:
            sending = self._clock.seconds()
            outcome = await self._send(item, sms, attempt)
            took = self._clock.seconds() - sending
            accepted = await self._outcomes.conclude(item, sms, attempt, outcome, took)
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
            return Outcome(verdict=Verdict.UNCERTAIN, reason="internal")

    async def _prepare(self, item: Notification) -> tuple[Sms, Attempt]:
        """All that comes before the SMS goes out, up to the record of the attempt."""
        terms = self._terms
        if item.gone:
            raise Skip(item.gone)
        if item.auto_reply is None and item.statuses.get(item.user_id) not in terms.report:
            raise Skip("read")
        if item.waited > terms.expire_after:
            raise Permanent(": ".join(filter(None, ["not sent in time", item.reason])), code="too_late")
        if item.auto_reply is not None:
            return await self._recorder.auto_reply(item, item.auto_reply)
        message = self._chat.read_payload(
            item.payload,
            message_id=item.message_id,
            conversation_id=item.conversation_id,
            sender=item.sender,
            statuses=item.statuses,
        )
        if not message.text:
            raise Skip("blank")
        recipient, handset = await self._recipient(item, message)
        sender = await self._sender(item.sender, message)
        context = {**message.values, "sender": sender.values, "recipient": recipient.values, "text": message.text}
        thread = Thread(item.user_id, item.conversation_id)
        if "conversation" in self._template.names:
            context["conversation"] = await self._conversation(item.conversation_id, message)
        body = self._template.render(context)
        if is_blank(body):
            raise Skip("blank")
        return await self._recorder.text(
            item, thread, handset, str(recipient.phone), context, body, message.conversation
        )

    async def _recipient(self, item: Notification, message: ChatMessage) -> tuple[Identity, str]:
        try:
            identity = await self._identity(item.user_id, message)
            handset = phones.e164(identity.phone, self._terms.region)
        except Permanent as error:
            if error.code != "unknown_user":
                raise
            raise Skip(error.code) from error
        except phones.BadPhone as error:
            self._log.info(
                "Message {id}: no SMS sent, the recipient has no usable phone number: {reason}",
                id=item.message_id,
                reason=str(error),
            )
            raise Skip("no_phone", error.reason if identity.phone else "") from error
        if phones.canonical(handset) in self._own:
            self._log.info(
                "Message {id}: no SMS sent, the recipient's phone is {number}, one of our own numbers",
                id=item.message_id,
                number=phones.masked(handset),
            )
            raise Skip("own_number")
        return identity, handset

    async def _sender(self, user_id: str, message: ChatMessage) -> Identity:
        try:
            return await self._identity(user_id, message)
        except Permanent:  # the message is sent also when its sender is unknown
            return Identity(user_id, {"name": user_id, "userId": user_id})

    async def _identity(self, user_id: str, message: ChatMessage) -> Identity:
        profile = message.profiles.get(user_id) if self._use_profiles else None
        return await self._identities.identity(user_id) if profile is None else Identity(user_id, profile)

    async def _conversation(self, conversation_id: str, message: ChatMessage) -> Mapping[str, Any]:
        if message.conversation is not None:
            return message.conversation
        known: Mapping[str, Any] = message.values.get("conversation") or {}
        try:
            return {**known, **await self._conversations.get(conversation_id)}
        except Permanent:
            return known
