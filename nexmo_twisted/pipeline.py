"""The pipeline: builds all stages and connects them through the ports."""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.config.models import Settings
from nexmo_twisted.connectors import ChatConnector, SmsConnector
from nexmo_twisted.domain.model import Status
from nexmo_twisted.engine.attempts import SendPolicy
from nexmo_twisted.engine.auto_replies import AutoReplies, AutoReplyPolicy
from nexmo_twisted.engine.chat_intake import EventIntake
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker, GuardedChat, GuardedProvider
from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.engine.delivery_receipts import DeliveryNews, ReceiptIntake
from nexmo_twisted.engine.identities import CustomIdentities, Identities, NamedIdentities, PlatformIdentities
from nexmo_twisted.engine.introductions import CustomIntroduction, TemplateIntroduction
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.long_replies import LongReplyTimeouts
from nexmo_twisted.engine.notifications import Notifications
from nexmo_twisted.engine.quarantine import Quarantine
from nexmo_twisted.engine.reconciliation import Reconciler
from nexmo_twisted.engine.registration import Registration
from nexmo_twisted.engine.replies import Replies
from nexmo_twisted.engine.sms_intake import InboundSmsIntake
from nexmo_twisted.engine.turned_away import TurnedAway
from nexmo_twisted.engine.unread_checks import UnreadChecks
from nexmo_twisted.ports import (
    ChatPlatform,
    Component,
    IdentitySource,
    Introduction,
    Metrics,
    SmsProvider,
    Template,
)
from nexmo_twisted.ports.store import Store
from nexmo_twisted.store.schema import KEEP
from nexmo_twisted.templates.compiled import COMMON_NAMES, compile_template


def send_policy(settings: Settings, sms: SmsConnector) -> SendPolicy:
    """What the customer decided about texts."""
    return SendPolicy(
        report=[Status[name.upper()] for name in settings.report_on_status],
        numbers=sms.numbers,
        when_exhausted=settings.sms.when_exhausted,
        link_lifetime=settings.number_expiration_time,
        link_keep=KEEP["links"],
        expire_after=settings.expire_after,
        region=settings.default_region,
        max_segments=settings.sms.max_segments,
        max_characters=sms.max_characters,
        limits=settings.sms.limits.limits,
        receipt_timeout=settings.sms.receipt_timeout,
    )


class Pipeline:
    """All stages; each wakes the next one when there is work for it.

    ``chat`` and ``provider`` are what the connectors ``chat_of`` and ``sms_of`` have built, decorated or not. ``wall``
    gives seconds since the epoch, ``lease`` is in ms.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        chat: ChatPlatform,
        chat_of: ChatConnector,
        provider: SmsProvider,
        sms_of: SmsConnector,
        functions: CustomerFunctions,
        clock: IReactorTime,
        wall: Callable[[], float],
        metrics: Metrics,
        lease: int,
    ) -> None:
        self._settings = settings
        self._store = store
        self._chat_of = chat_of
        self._sms_of = sms_of
        self._clock = clock
        self._metrics = metrics
        self._lease = lease
        self.terms = send_policy(settings, sms_of)
        self._news = DeliveryNews(metrics, sms_of.describe)
        self._link_updates = LinkUpdates(store, self.terms.link_lifetime, self.terms.link_keep)
        self.circuits = (CircuitBreaker(chat_of.name, clock), CircuitBreaker(sms_of.name, clock))
        guarded = GuardedChat(chat, self.circuits[0]), GuardedProvider(provider, self.circuits[1])
        self._build_outgoing(*guarded, functions)
        self._build_incoming(guarded[0])
        self.registration = Registration(
            locks=store,
            links=store,
            chat=guarded[0] if chat_of.registers else None,
            provider=guarded[1],
            sms_url=sms_of.inbound_url,
            numbers=sms_of.numbers,
            clock=clock,
            wall=wall,
            metrics=metrics,
        )

    def _build_outgoing(self, chat: ChatPlatform, provider: SmsProvider, functions: CustomerFunctions) -> None:
        """From a message that falls due to the SMS."""
        settings, (chat_circuit, provider_circuit) = self._settings, self.circuits
        circuits = [provider_circuit]
        source: IdentitySource
        if callable(settings.identities):
            source = CustomIdentities(functions, settings.identities)
        else:
            source = PlatformIdentities(chat)
            if not self._chat_of.names_phones:  # else most texts need nothing of the platform
                circuits.append(chat_circuit)
        self._identities = Identities(source, self._clock)
        self.notifications = Notifications(
            outbox=self._store,
            links=self._store,
            chat=chat,
            provider=provider,
            identities=self._identities,
            use_profiles=not callable(settings.identities),
            template=self._compiled(settings.template),
            introduction=self._introduction(functions),
            terms=self.terms,
            clock=self._clock,
            random=random.random,
            metrics=self._metrics,
            lease=self._lease,
            circuits=circuits,
            link_updates=self._link_updates,
            news=self._news,
            poke_waiting=self._poke_waiting,
        )
        self.unread_checks = UnreadChecks(
            queue=self._store,
            clock=self._clock,
            report=self.terms.report,
            poke_notifications=self.notifications.worker.poke,
            metrics=self._metrics,
        )
        self.reconciler = Reconciler(
            outbox=self._store,
            clock=self._clock,
            receipt_timeout=settings.sms.receipt_timeout,
            policy=settings.sms.when_uncertain,
            report=self.terms.report,
            poke_waiting=self._poke_waiting,
            metrics=self._metrics,
            circuit=provider_circuit,
        )

    def _poke_waiting(self) -> None:
        """What became of an attempt is known, or given up: texts may go out, and replies be posted, that waited for
        it."""
        self.notifications.worker.poke()
        self.replies.worker.poke()

    def _build_incoming(self, chat: ChatPlatform) -> None:
        """From the webhooks to the store, and from an inbound SMS to the conversation."""
        settings, terms, auto_replies = self._settings, self.terms, self._auto_replies()
        self.replies = Replies(
            queue=self._store,
            chat=chat,
            identities=self._owners(),
            link_updates=self._link_updates,
            terms=terms,
            clock=self._clock,
            random=random.random,
            metrics=self._metrics,
            lease=self._lease,
            circuits=[self.circuits[0]],
            auto_replies=auto_replies,
        )
        self.turned_away = TurnedAway(self._store, self._clock)
        self.long_replies = LongReplyTimeouts(
            inbox=self._store, clock=self._clock, poke_replies=self.replies.worker.poke, metrics=self._metrics
        )
        self.chat_intake = EventIntake(
            queue=self._store,
            named=self._store,
            quarantine=self._quarantine(self._chat_of),
            delay=settings.delay,
            phones_kept=terms.link_lifetime + terms.link_keep,
            poke_checks=self.unread_checks.poller.poke,
        )
        receipts = ReceiptIntake(
            receipts=self._store,
            link_updates=self._link_updates,
            poke_waiting=self._poke_waiting,
            metrics=self._metrics,
            news=self._news,
            block=settings.sms.opt_out != "off",
        )
        self.sms_intake = InboundSmsIntake(
            inbox=self._store,
            quarantine=self._quarantine(self._sms_of),
            poke_replies=self.replies.worker.poke,
            metrics=self._metrics,
            concat_timeout=settings.sms.concat_timeout,
            poke_long_replies=self.long_replies.poller.poke,
            receipts=receipts,
            auto_replies=auto_replies,
            numbers=terms.numbers,
            turned_away=self.turned_away,
        )

    def _owners(self) -> IdentitySource:
        """The source that says whose phone a reply comes from."""
        if self._chat_of.names_phones and not callable(self._settings.identities):
            return NamedIdentities(self._store, self._identities)
        return self._identities

    def _auto_replies(self) -> AutoReplies:
        sms = self._settings.sms
        policy = AutoReplyPolicy(
            opt_out=sms.opt_out,
            words=sms.opt_out_words,
            no_thread_text=sms.no_thread_text,
            numbers=self.terms.numbers,
        )
        return AutoReplies(self._store, policy, self.notifications.worker.poke)

    def _quarantine(self, connector: ChatConnector | SmsConnector) -> Quarantine:
        return Quarantine(self._store, connector.name.lower(), signed=connector.signed)

    def _introduction(self, functions: CustomerFunctions) -> Introduction | None:
        introduce = self._settings.introduce_conversation
        if callable(introduce):
            return CustomIntroduction(functions, introduce)
        return TemplateIntroduction(self._compiled(introduce)) if introduce.strip() else None

    def _compiled(self, template: str) -> Template:
        return compile_template(template, COMMON_NAMES | frozenset(self._chat_of.template_names))

    @property
    def components(self) -> tuple[Component, ...]:
        """What works by itself once it is started, until it is stopped."""
        return (
            self.unread_checks.poller,
            self.notifications.worker,
            self.replies.worker,
            self.long_replies.poller,
            self.reconciler.poller,
            self.turned_away.poller,
            self.registration,
        )
