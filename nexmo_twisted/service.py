"""Composition: every part is built here, started and stopped in order. Nobody else knows the concrete classes."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

from twisted.application.service import Service
from twisted.application.strports import service as listening
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from nexmo_twisted.config.models import Settings
from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.engine.issues import Issue
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.engine.redis_monitor import RedisMonitor
from nexmo_twisted.engine.registration import Registration
from nexmo_twisted.engine.sweep import Sweep
from nexmo_twisted.engine.worker import Worker
from nexmo_twisted.errors import CannotStart, ConfigurationError, StoreUnavailable
from nexmo_twisted.http_client.client import Http, outgoing
from nexmo_twisted.operations.cli.run import Context
from nexmo_twisted.operations.endpoints import HealthEndpoint, MetricsEndpoint
from nexmo_twisted.operations.gauges import Gauges
from nexmo_twisted.operations.health import Health, open_circuits
from nexmo_twisted.operations.hosts import guarded
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.pipeline import Pipeline
from nexmo_twisted.platforms.layer.client import LayerClient
from nexmo_twisted.platforms.layer.ids import CONVERSATION
from nexmo_twisted.platforms.layer.large_bodies import LargeBodies
from nexmo_twisted.platforms.layer.platform import LayerPlatform
from nexmo_twisted.platforms.layer.webhook import LayerWebhook
from nexmo_twisted.ports import ChatPlatform, SmsProvider, Store
from nexmo_twisted.providers.nexmo import signatures
from nexmo_twisted.providers.nexmo.client import NexmoClient
from nexmo_twisted.providers.nexmo.parameters import Pairs
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.providers.nexmo.settings import NexmoSettings
from nexmo_twisted.providers.nexmo.webhooks import NexmoWebhooks
from nexmo_twisted.store.connection import Connection, Now, redis_time
from nexmo_twisted.store.embedded_service import EmbeddedValkey
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.monitor import RedisHeartbeat
from nexmo_twisted.store.protocol import REPLY_TIMEOUT
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.sweep import RedisSweep
from nexmo_twisted.store.url import RedisAddress, parse
from nexmo_twisted.twistd import survive_early_signals, survive_signals
from nexmo_twisted.web.endpoints import on_loopback, with_backlog
from nexmo_twisted.web.routing import root
from nexmo_twisted.web.site import hardened_site

#: Where the embedded Valkey keeps its data: below the working directory, which ``twistd --rundir`` sets.
EMBEDDED_DATA = Path("nexmo-data")
#: What the commands need to know of all this.
CLI_CONTEXT = Context(EMBEDDED_DATA, describe, CONVERSATION)


class NexmoService(Service):
    """The whole service. ``clock`` times everything but the sockets; ``now`` gives the scripts their time, ``wall`` the
    time of day in seconds since the epoch (that of ``clock`` unless given). ``redis_timeout`` is in seconds of the
    reactor, for one command."""

    _log = Logger()

    #: Milliseconds until what a process has claimed may be claimed by another: longer than anything we do with it,
    #: and so than the time limits below, in seconds, for a whole exchange with either company.
    lease = 90_000
    chat_timeout = 10.0
    provider_timeout = 30.0
    #: Seconds between two requests of one connection that did not wait for an answer, so that others come first.
    between_pipelined = 0.001
    embedded_data = EMBEDDED_DATA

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        clock: IReactorTime,
        now: Now,
        wall: Callable[[], float] | None = None,
        redis_timeout: float = REPLY_TIMEOUT,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._wall = wall or clock.seconds
        self.ready = False  #: connected to Redis, at least once
        self.metrics = PrometheusMetrics()
        address = parse(settings.server.redis)
        self._embedded: EmbeddedValkey | None = None
        if address.kind == "embedded":
            self._embedded = EmbeddedValkey(self.embedded_data, reactor, clock)
            address = RedisAddress(kind="unix", path=self._embedded.address)
        scripts = Scripts(settings.server.redis_prefix)
        web = Connection(reactor, address, scripts, reply_timeout=redis_timeout)
        work = Connection(reactor, address, scripts, reply_timeout=redis_timeout, tell=False)
        self.connections = (web, work)
        store = self._store(web, work, now)
        self.monitor = RedisMonitor(RedisHeartbeat(web, token_hex(8), now), clock, self._wall, self.metrics)
        self._functions = CustomerFunctions(reactor, clock, self._wall)
        self._pool = outgoing(reactor)
        self.pipeline = Pipeline(
            settings,
            store,
            self._chat_platform(clock),
            self._sms_provider(clock),
            self._functions,
            clock,
            self._wall,
            self.metrics,
            self.lease,
        )
        terms = self.pipeline.terms
        sweeping = RedisSweep(work, now, terms.report, terms.link_lifetime + terms.link_keep)
        self.sweep = Sweep(store, sweeping, clock, self.metrics)
        self._endpoints = self._build_endpoints(reactor, clock)

    def _store(self, web: Connection, work: Connection, now: Now) -> Store:
        return RedisStore(web, work, now, conversation_prefix=CONVERSATION)

    def _chat_platform(self, clock: IReactorTime) -> ChatPlatform:
        layer = self._settings.layer
        http = Http(self._pool, clock, timeout=self.chat_timeout)
        client = LayerClient(http, layer.api_url, layer.app_id, layer.token.get_secret_value())
        server = self._settings.server
        return LayerPlatform(
            client,
            name=self._settings.name,
            url=f"{server.url}/{server.layer_path}",
            secret=layer.secret[0].get_secret_value(),
        )

    def _sms_provider(self, clock: IReactorTime) -> SmsProvider:
        nexmo = self._settings.nexmo
        http = Http(self._pool, clock, timeout=self.provider_timeout)
        sign = _signing(nexmo, self._wall) if nexmo.sign_outgoing else None
        callback = nexmo.receipt_url(self._settings.server.url, self._settings.server.nexmo_path)
        return NexmoClient(http, nexmo.api_url, nexmo.key, nexmo.secret.get_secret_value(), callback, sign)

    def _build_endpoints(self, reactor: Any, clock: IReactorTime) -> list[Service]:
        server, nexmo = self._settings.server, self._settings.nexmo
        secrets = self._settings.layer.signing_secrets
        layer = self._settings.layer
        api_root = f"{layer.api_url}/apps/{layer.app_id}"
        layer_webhook = LayerWebhook(secrets, api_root, self.pipeline.chat_intake, self.metrics, clock)
        nexmo_webhooks = NexmoWebhooks(self.pipeline.sms_intake, self.metrics, clock, _signature(nexmo, self._wall))
        self._admissions = (layer_webhook.admission, nexmo_webhooks.admission)
        public = root({server.layer_path: layer_webhook, nexmo.webhook_path(server.nexmo_path): nexmo_webhooks})
        health = self._health(clock)
        operator = root({"health": HealthEndpoint(health), "metrics": MetricsEndpoint(self.metrics)})
        hidden = nexmo.path_secret.get_secret_value()
        large = LargeBodies(f"/{server.layer_path.strip('/')}", secrets)
        later = partial(reactor.callLater, self.between_pipelined)
        self.public = hardened_site(public, clock, refused=self._refused, hidden=hidden, later=later, large=large.begin)
        endpoints = [(server.listen, self.public)]
        where, hosts = self._settings.operator.listen, self._settings.operator.hosts
        if where:
            operator = guarded(operator, hosts, on_loopback=on_loopback(where))
            endpoints.append((where, hardened_site(operator, clock, later=later)))
        return [listening(with_backlog(where), site, reactor=reactor) for where, site in endpoints]

    def _health(self, clock: IReactorTime) -> Health:
        """What the operator's endpoint tells of this moment."""
        circuits = self.pipeline.circuits
        self.metrics.add(Gauges(self.monitor, self._functions, circuits))
        failing = open_circuits(circuits, clock, self._wall)
        return Health(
            vital=[self._away],
            partial=[self.monitor.issues, failing, self.pipeline.registration.issues, self._functions.issues],
            doubtful=[self.monitor.warnings],
        )

    def _away(self) -> list[Issue]:
        """That webhooks cannot be stored. Until Redis was there once, the connection alone knows why."""
        why = "" if self.ready else self.connections[0].why_away
        return [each._replace(reason=f"{each.reason}: {why}" if why else each.reason) for each in self.monitor.away()]

    def _refused(self, reason: str) -> None:
        self.metrics.count("http_rejected", reason)

    def privilegedStartService(self) -> None:
        """Opens the endpoints that need it before the process gives up its privileges."""
        super().privilegedStartService()
        with faults_in_one_line():
            for endpoint in self._endpoints:
                endpoint.privilegedStartService()

    def startService(self) -> None:
        super().startService()
        with faults_in_one_line():
            if self._embedded is not None:
                self._embedded.startService()
        self._functions.start()
        for endpoint in self._endpoints:
            endpoint.startService()
        gatherResults([connection.open() for connection in self.connections]).addCallback(self._go)
        self._late = self._clock.callLater(
            1.0, self._log.error, "Redis: no connection yet, waiting for it; webhooks are answered 503"
        )

    def _go(self, _: object) -> None:
        """Redis is there: begin to work. Before that the endpoints answer 503."""
        if self._late.active():
            self._late.cancel()
        if self.running:
            self.ready = True
            self._log.info("Connected to Redis; processing started")
            nexmo = self._settings.nexmo
            if not nexmo.signature_secret.get_secret_value() and not nexmo.path_secret.get_secret_value():
                self._log.warn(
                    "Anybody who knows our URL can forge SMS and receipts: set nexmo.signature_secret (and have Vonage "
                    "sign webhooks) or nexmo.path_secret"
                )
            for part in self._parts:
                part.start()

    @property
    def busy(self) -> bool:
        """Something is being worked on, or due at this instant."""
        return any(part.busy for part in self._parts)

    @property
    def _parts(self) -> tuple[Poller | Worker[Any] | Registration | RedisMonitor, ...]:
        """What works by itself from the moment Redis is there until the service stops."""
        return (*self.pipeline.parts, self.sweep.poller, self.monitor)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Close the endpoints, let claimed work finish, close what it used; each step waits for the one before."""
        if self._late.active():
            self._late.cancel()
        for endpoint in self._endpoints:
            await self._tried(endpoint.stopService)
        for admission in self._admissions:
            await self._tried(admission.drained)
        await gatherResults([self._tried(part.stop) for part in self._parts])
        await self._tried(self._pool.close)
        await self._tried(self._functions.stop)
        await self._tried(self._before_closing)
        for connection in self.connections:
            await self._tried(connection.close)
        if self._embedded is not None:
            await self._tried(self._embedded.stopService)
        self._log.info("Stopped")

    def _tried(self, step: Callable[[], Any]) -> Deferred[Any]:
        """Does one step of stopping. A failure is told, and keeps no other step from being done."""
        return maybeDeferred(step).addErrback(lambda failure: self._log.failure("A shutdown step failed", failure))

    async def _before_closing(self) -> None:
        """All work is done, and Redis is still there."""


@contextmanager
def faults_in_one_line() -> Iterator[None]:
    """What a user can mend ends the process with a sentence instead of a traceback."""
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename
        where = f"{os.fsdecode(place)}: " if isinstance(place, str | bytes) else ""
        raise CannotStart(f"{where}{error.strerror or error}") from None
    except (CannotListenError, ConfigurationError, StoreUnavailable) as error:
        raise CannotStart(str(error)) from None


def _signature(nexmo: NexmoSettings, wall: Callable[[], float]) -> Callable[[Pairs], None] | None:
    """How inbound SMS are verified; None when they are not signed."""
    secret = nexmo.signature_secret.get_secret_value()
    if not secret:
        return None
    return lambda pairs: signatures.verify(pairs, secret, nexmo.signature_method, wall())


def _signing(nexmo: NexmoSettings, wall: Callable[[], float]) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    """How SMS are signed."""
    secret = nexmo.signature_secret.get_secret_value()
    return lambda fields: signatures.signed(fields, nexmo.key, secret, nexmo.signature_method, wall())


def make_service(
    settings: Settings,
    *,
    reactor: Any = None,
    clock: IReactorTime | None = None,
    now: Now = redis_time,
) -> NexmoService:
    """The service for these settings, to be given a parent in a ``.tac`` file. The reactor is the running one."""
    reactor = reactor or installed_reactor()
    keep_time(reactor)
    survive_early_signals()
    reactor.callWhenRunning(survive_signals, reactor)
    Factory.noisy = False  # Twisted tells of every connection it makes
    service = NexmoService(settings, reactor, clock or reactor, now, time.time)
    # What stands now never becomes garbage; looking through it again and again took a tenth of all time.
    gc.collect()
    gc.freeze()
    return service


def keep_time(reactor: Any) -> None:
    """Have timers follow a clock that never jumps: Twisted's own follows the machine's, which somebody may set.

    Only while nothing is timed yet, since the two clocks do not count from the same moment.
    """
    if not reactor.running and not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic


def installed_reactor() -> Any:
    """The reactor that twistd installed, or the default one."""
    from twisted.internet import reactor

    return reactor
