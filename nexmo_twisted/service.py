"""The Twisted service: builds all parts, starts and stops them in order. Only it knows the platform and provider."""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from nexmo_twisted.config.models import Settings
from nexmo_twisted.connectors import ChatConnector, SmsConnector
from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.engine.issues import Issue
from nexmo_twisted.engine.redis_monitor import RedisMonitor
from nexmo_twisted.engine.sweep import Sweep
from nexmo_twisted.http_client.client import Http, outgoing
from nexmo_twisted.listeners import Listeners
from nexmo_twisted.operations.cli.run import Context
from nexmo_twisted.operations.endpoints import HealthEndpoint, MetricsEndpoint
from nexmo_twisted.operations.gauges import Gauges
from nexmo_twisted.operations.health import Health, open_circuits
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.pipeline import Pipeline
from nexmo_twisted.platforms.layer.connector import LayerConnector
from nexmo_twisted.platforms.webhook.connector import WebhookConnector
from nexmo_twisted.ports import Component
from nexmo_twisted.providers.nexmo.connector import NexmoConnector
from nexmo_twisted.startup import faults_in_one_line, installed_reactor, keep_time
from nexmo_twisted.store.connection import Connection, Now, redis_time
from nexmo_twisted.store.embedded_service import EmbeddedValkey
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.monitor import RedisHeartbeat
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.sweep import RedisSweep
from nexmo_twisted.store.url import RedisAddress, parse
from nexmo_twisted.twistd import survive_early_signals, survive_signals
from nexmo_twisted.wiring import AS_EVER, AS_THEY_ARE, Decorators, Tuning

#: Where the embedded Valkey keeps its data: below the working directory, which ``twistd --rundir`` sets.
EMBEDDED_DATA = Path("nexmo-data")


def chat_connector(settings: Settings, wall: Callable[[], float] = time.time) -> ChatConnector:
    """The chat platform of these settings. ``wall`` gives seconds since the epoch."""
    server = settings.server
    if settings.webhook is not None:
        return WebhookConnector(settings.webhook, region=settings.default_region, wall=wall)
    assert settings.layer is not None
    return LayerConnector(settings.layer, webhook_name=settings.name, server_url=server.url, path=server.layer_path)


def sms_connector(settings: Settings, wall: Callable[[], float] = time.time) -> SmsConnector:
    """The SMS provider of these settings. ``wall`` gives seconds since the epoch."""
    server = settings.server
    return NexmoConnector(settings.nexmo, server_url=server.url, path=server.nexmo_path, wall=wall)


def cli_context(settings: Settings) -> Context:
    """What commands need to know of all this."""
    prefix = chat_connector(settings).conversation_prefix
    return Context(EMBEDDED_DATA, sms_connector(settings).describe, prefix)


async def _nothing() -> None:
    """Neither before the work nor after it."""


class NexmoService(Service):
    """The whole service.

    ``clock`` times everything but the sockets (the reactor unless given); ``now`` gives the scripts their time,
    ``wall`` the time of day in seconds since the epoch (that of ``clock`` unless given). ``chat`` and ``sms`` are those
    of the settings unless given. ``before_work`` is awaited when Redis is there and before anything is begun, and
    ``after_work`` when all work is done, and Redis is still there.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        *,
        clock: IReactorTime | None = None,
        now: Now = redis_time,
        wall: Callable[[], float] | None = None,
        chat: ChatConnector | None = None,
        sms: SmsConnector | None = None,
        decorators: Decorators = AS_THEY_ARE,
        tuning: Tuning = AS_EVER,
        embedded_data: Path = EMBEDDED_DATA,
        before_work: Callable[[], Awaitable[None]] = _nothing,
        after_work: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._clock = clock = clock or reactor
        self._wall = wall = wall or clock.seconds
        self._before_work = before_work
        self._after_work = after_work
        self.ready = False  #: connected to Redis, at least once
        self.metrics = PrometheusMetrics()
        chat, sms = chat or chat_connector(settings, wall), sms or sms_connector(settings, wall)
        self._warning = sms.warning
        address = parse(settings.server.redis)
        self._embedded: EmbeddedValkey | None = None
        if address.kind == "embedded":
            self._embedded = EmbeddedValkey(embedded_data, reactor=reactor, clock=clock)
            address = RedisAddress(kind="unix", path=self._embedded.address)
        scripts = Scripts(settings.server.redis_prefix)
        web = Connection(reactor, address, scripts, reply_timeout=tuning.redis_timeout)
        work = Connection(reactor, address, scripts, reply_timeout=tuning.redis_timeout, tell=False)
        self.connections = (web, work)
        store = decorators.store(RedisStore(web, work, now, conversation_prefix=chat.conversation_prefix))
        self.monitor = RedisMonitor(
            RedisHeartbeat(web, token_hex(8), now), clock=clock, wall=wall, metrics=self.metrics
        )
        self._functions = CustomerFunctions(reactor, clock, wall)
        self._pool = outgoing(reactor)
        self.pipeline = Pipeline(
            settings,
            store=store,
            chat=decorators.chat(chat.platform(Http(self._pool, clock, timeout=tuning.chat_timeout))),
            chat_of=chat,
            provider=decorators.provider(sms.provider(Http(self._pool, clock, timeout=tuning.provider_timeout))),
            sms_of=sms,
            functions=self._functions,
            clock=clock,
            wall=wall,
            metrics=self.metrics,
            lease=tuning.lease,
        )
        terms = self.pipeline.terms
        sweeping = RedisSweep(work, now=now, report=terms.report, link_ttl=terms.link_lifetime + terms.link_keep)
        self.sweep = Sweep(locks=store, steps=sweeping, clock=clock, metrics=self.metrics)
        self.metrics.add(Gauges(self.monitor, self._functions, self.pipeline.circuits))
        self.listeners = Listeners(
            settings,
            reactor,
            clock=clock,
            metrics=self.metrics,
            webhooks={
                **chat.webhooks(self.pipeline.chat_intake, self.metrics, clock),
                **sms.webhooks(self.pipeline.sms_intake, self.metrics, clock),
            },
            pages={"health": HealthEndpoint(self._health()), "metrics": MetricsEndpoint(self.metrics)},
            take_large=chat.take_large,
            redact=sms.redact,
            between_pipelined=tuning.between_pipelined,
        )

    def _health(self) -> Health:
        """What `/health` shows now."""
        failing = open_circuits(self.pipeline.circuits, self._clock, self._wall)
        return Health(
            vital=[self._away],
            partial=[self.monitor.issues, failing, self.pipeline.registration.issues, self._functions.issues],
            doubtful=[self.monitor.warnings],
        )

    def _away(self) -> list[Issue]:
        """That webhooks cannot be stored. Until Redis was there once, the connection alone knows why."""
        why = "" if self.ready else self.connections[0].why_away
        return [each._replace(reason=f"{each.reason}: {why}" if why else each.reason) for each in self.monitor.away()]

    def privilegedStartService(self) -> None:
        """Opens the endpoints that need it before the process gives up its privileges."""
        super().privilegedStartService()
        self.listeners.privileged_start()

    def startService(self) -> None:
        super().startService()
        with faults_in_one_line():
            if self._embedded is not None:
                self._embedded.startService()
        self._functions.start()
        self.listeners.start()
        gatherResults([connection.open() for connection in self.connections]).addCallback(self._connected)
        self._late = self._clock.callLater(
            1.0,
            self._log.error,
            "Redis: no connection yet, webhooks are answered 503; check that it runs at server.redis",
        )

    def _connected(self, _: object) -> None:
        preparing = Deferred.fromCoroutine(self._prepare())
        preparing.addErrback(
            lambda failure: self._log.failure(
                "Start: a step before processing failed, processing starts without it", failure
            )
        )
        preparing.addCallback(self._go)

    async def _prepare(self) -> None:
        await self._before_work()

    def _go(self, _: object) -> None:
        """Redis is there: begin to work. Before that the endpoints answer 503."""
        if self._late.active():
            self._late.cancel()
        if self.running:
            self.ready = True
            self._log.info("Redis: connected, processing started")
            if self._warning:
                self._log.warn("{text}", text=self._warning)
            for component in self._components:
                component.start()

    @property
    def busy(self) -> bool:
        """Something is being worked on, or due at this instant."""
        return any(component.busy for component in self._components)

    @property
    def _components(self) -> tuple[Component, ...]:
        """What works by itself from the moment Redis is there until the service stops."""
        return (*self.pipeline.components, self.sweep.poller, self.monitor)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Close the endpoints, let claimed work finish, close what it used; each step waits for the one before."""
        if self._late.active():
            self._late.cancel()
        for port in self.listeners.ports:
            await self._tried(port.stopService)
        await self._tried(self.listeners.drained)
        await gatherResults([self._tried(component.stop) for component in self._components])
        await self._tried(self._pool.close)
        await self._tried(self._functions.stop)
        await self._tried(self._after_work)
        for connection in self.connections:
            await self._tried(connection.close)
        if self._embedded is not None:
            await self._tried(self._embedded.stopService)
        self._log.info("Service: stopped")

    def _tried(self, step: Callable[[], Any]) -> Deferred[Any]:
        """Does one step of stopping. A failure is logged; the other steps are done all the same."""
        return maybeDeferred(step).addErrback(
            lambda failure: self._log.failure("Stop: a step failed, the other steps are done", failure)
        )


def make_service(
    settings: Settings,
    *,
    reactor: Any = None,
    clock: IReactorTime | None = None,
    now: Now = redis_time,
    chat: ChatConnector | None = None,
    sms: SmsConnector | None = None,
    decorators: Decorators = AS_THEY_ARE,
) -> NexmoService:
    """The service for these settings, to be given a parent in a ``.tac`` file. The reactor is the running one.

    ``chat`` and ``sms`` are a chat platform and an SMS provider of your own, ``decorators`` what is put around them and
    around the store.
    """
    reactor = reactor or installed_reactor()
    survive_early_signals()
    keep_time(reactor)
    reactor.callWhenRunning(survive_signals, reactor)
    Factory.noisy = False  # Twisted tells of every connection it makes
    service = NexmoService(
        settings, reactor, clock=clock, now=now, wall=time.time, chat=chat, sms=sms, decorators=decorators
    )
    # What stands now never becomes garbage; looking through it again and again took a tenth of all time.
    gc.collect()
    gc.freeze()
    return service
