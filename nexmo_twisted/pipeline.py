"""Composition of the engine: every stage of a message's way, put together over the three boundaries."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.config.models import Settings
from nexmo_twisted.domain.model import Status
from nexmo_twisted.engine.attempts import SendPolicy
from nexmo_twisted.engine.auto_replies import AutoReplies, AutoReplyPolicy
from nexmo_twisted.engine.chat_intake import EventIntake
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker, GuardedChat, GuardedProvider
from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.engine.delivery_receipts import DeliveryNews, Receipts
from nexmo_twisted.engine.identities import CustomIdentities, Identities, PlatformIdentities
from nexmo_twisted.engine.introductions import CustomIntroduction, TemplateIntroduction
from nexmo_twisted.engine.links import Links
from nexmo_twisted.engine.long_replies import LongReplyTimeouts
from nexmo_twisted.engine.notifications import Notifications
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.engine.quarantine import Quarantine
from nexmo_twisted.engine.reconciliation import Reconciler
from nexmo_twisted.engine.registration import Registration
from nexmo_twisted.engine.replies import Replies
from nexmo_twisted.engine.sms_intake import InboundSmsIntake
from nexmo_twisted.engine.turned_away import TurnedAway
from nexmo_twisted.engine.unread_checks import UnreadChecks
from nexmo_twisted.engine.worker import Worker
from nexmo_twisted.ports import ChatPlatform, IdentitySource, Introduction, Metrics, SmsProvider, Store
from nexmo_twisted.store.schema import KEEP
from nexmo_twisted.templates.compiled import COMMON_NAMES, compile_template


def terms_of(settings: Settings) -> SendPolicy:
    """What the customer decided about texts."""
    return SendPolicy(
        report=[Status[name.upper()] for name in settings.report_on_status],
        numbers=settings.nexmo.phone_numbers,
        when_exhausted=settings.sms.when_exhausted,
        link_lifetime=settings.number_expiration_time,
        link_keep=KEEP["links"],
        expire_after=settings.expire_after,
        region=settings.default_region,
        max_segments=settings.sms.max_segments,
        limits=settings.sms.limits.limits,
        receipt_timeout=settings.sms.receipt_timeout,
    )


class Pipeline:
    """All stages, each told by the one before it when there is something to do. ``lease`` is in ms."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        chat: ChatPlatform,
        provider: SmsProvider,
        functions: CustomerFunctions,
        clock: IReactorTime,
        wall: Callable[[], float],
        metrics: Metrics,
        lease: int,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._lease = lease
        self.terms = terms_of(settings)
        self._news = DeliveryNews(metrics, provider.describe)
        self._links = Links(store, self.terms.link_lifetime, self.terms.link_keep)
        self.circuits = (CircuitBreaker("Layer", clock), CircuitBreaker("Nexmo", clock))
        guarded = GuardedChat(chat, self.circuits[0]), GuardedProvider(provider, self.circuits[1])
        self._build_outgoing(*guarded, functions)
        self._build_incoming(guarded[0])
        self.registration = self._registration(*guarded, wall)

    def _build_outgoing(self, chat: ChatPlatform, provider: SmsProvider, functions: CustomerFunctions) -> None:
        """From a message that falls due to the SMS."""
        settings, (chat_circuit, provider_circuit) = self._settings, self.circuits
        circuits = [provider_circuit]
        source: IdentitySource
        if callable(settings.identities):
            source = CustomIdentities(functions, settings.identities)
        else:
            source = PlatformIdentities(chat)
            circuits.append(chat_circuit)
        self._identities = Identities(source, self._clock)
        self.notifications = Notifications(
            self._store,
            chat,
            provider,
            self._identities,
            compile_template(settings.template, COMMON_NAMES | frozenset(chat.template_names)),
            self._introduction(functions, chat),
            self.terms,
            self._clock,
            random.random,
            self._metrics,
            self._lease,
            circuits,
            self._links,
            self._news,
            self._attempt_over,
        )
        notify = self.notifications.worker.poke
        self.unread_checks = UnreadChecks(self._store, self._clock, self.terms.report, notify, self._metrics)
        self.reconciler = Reconciler(
            self._store,
            self._clock,
            settings.sms.receipt_timeout,
            settings.sms.when_uncertain,
            self.terms.report,
            self._attempt_over,
            self._metrics,
            provider_circuit,
        )

    def _attempt_over(self) -> None:
        """What became of an attempt is known, or given up: texts may go out, and replies be posted, that waited for
        it."""
        self.notifications.worker.poke()
        self.replies.worker.poke()

    def _build_incoming(self, chat: ChatPlatform) -> None:
        """From the webhooks to the store, and from an inbound SMS to the conversation."""
        settings, terms, notices = self._settings, self.terms, self._notices()
        self.replies = Replies(
            self._store,
            chat,
            self._identities,
            self._links,
            terms,
            self._clock,
            random.random,
            self._metrics,
            self._lease,
            [self.circuits[0]],
            notices,
        )
        self.turned_away = TurnedAway(self._store, self._clock)
        self.long_replies = LongReplyTimeouts(self._store, self._clock, self.replies.worker.poke, self._metrics)
        self.chat_intake = EventIntake(
            self._store,
            Quarantine(self._store, "layer", signed=True),
            settings.delay,
            self.unread_checks.poller.poke,
        )
        signed = bool(settings.nexmo.signature_secret.get_secret_value())
        self.sms_intake = InboundSmsIntake(
            self._store,
            Quarantine(self._store, "nexmo", signed=signed),
            self.replies.worker.poke,
            self._metrics,
            settings.sms.concat_timeout,
            self.long_replies.poller.poke,
            Receipts(
                self._store,
                self._links,
                self._attempt_over,
                self._metrics,
                self._news,
                block=settings.sms.opt_out != "off",
            ),
            notices,
            terms.numbers,
            self.turned_away,
        )

    def _registration(self, chat: ChatPlatform, provider: SmsProvider, wall: Callable[[], float]) -> Registration:
        """What makes webhooks come."""
        settings, server = self._settings, self._settings.server
        return Registration(
            self._store,
            chat,
            provider,
            f"{server.url}/{settings.nexmo.webhook_path(server.nexmo_path)}",
            settings.nexmo.phone_numbers,
            self._clock,
            wall,
            self._metrics,
        )

    def _notices(self) -> AutoReplies:
        sms = self._settings.sms
        policy = AutoReplyPolicy(
            opt_out=sms.opt_out,
            words=sms.opt_out_words,
            no_thread_text=sms.no_thread_text,
            numbers=self._settings.nexmo.phone_numbers,
        )
        return AutoReplies(self._store, policy, self.notifications.worker.poke)

    def _introduction(self, functions: CustomerFunctions, chat: ChatPlatform) -> Introduction | None:
        introduce = self._settings.introduce_conversation
        if callable(introduce):
            return CustomIntroduction(functions, introduce)
        return (
            TemplateIntroduction(compile_template(introduce, COMMON_NAMES | frozenset(chat.template_names)))
            if introduce.strip()
            else None
        )

    @property
    def parts(self) -> tuple[Poller | Worker[Any] | Registration, ...]:
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
