"""Composition: every part is built here, started and stopped in order. Nobody else knows the concrete classes."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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

from nexmo_twisted.boundaries import ChatPlatform, IdentitySource, Introduction, SmsProvider, Store
from nexmo_twisted.clients.http import Http, outgoing
from nexmo_twisted.clients.layer import LayerClient
from nexmo_twisted.clients.nexmo import NexmoClient
from nexmo_twisted.config import NexmoSettings, Settings
from nexmo_twisted.engine.checks import Checks
from nexmo_twisted.engine.circuit import Circuit, GuardedChat, GuardedProvider
from nexmo_twisted.engine.desk import Desk
from nexmo_twisted.engine.functions import Functions
from nexmo_twisted.engine.identities import CustomIdentities, Identities, PlatformIdentities
from nexmo_twisted.engine.intake import Intake
from nexmo_twisted.engine.introductions import CustomIntroduction, TemplateIntroduction
from nexmo_twisted.engine.joining import Joining
from nexmo_twisted.engine.loop import Loop
from nexmo_twisted.engine.notices import Courtesy, Notices
from nexmo_twisted.engine.notifications import Notifications, Terms
from nexmo_twisted.engine.receipts import Receipts
from nexmo_twisted.engine.registration import Registration
from nexmo_twisted.engine.replies import Replies
from nexmo_twisted.engine.settlement import Settlement
from nexmo_twisted.engine.sweep import Sweep
from nexmo_twisted.engine.watch import Watch
from nexmo_twisted.errors import ConfigurationError, StoreUnavailable
from nexmo_twisted.model import Status
from nexmo_twisted.operations.door import HealthDoor, MetricsDoor
from nexmo_twisted.operations.gauges import Gauges
from nexmo_twisted.operations.health import Health, open_circuits
from nexmo_twisted.operations.metrics import PrometheusCounters
from nexmo_twisted.rules import signatures
from nexmo_twisted.rules.templates import compile_template
from nexmo_twisted.store.connection import Connection, Now, Scripts, redis_time
from nexmo_twisted.store.embedded import EmbeddedValkey
from nexmo_twisted.store.keys import KEEP
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.sweeping import Sweeping
from nexmo_twisted.store.url import RedisAddress, parse
from nexmo_twisted.store.watching import WatchedRedis
from nexmo_twisted.web.doors import LayerDoor, NexmoDoor, root
from nexmo_twisted.web.parameters import Pairs
from nexmo_twisted.web.site import hardened_site, roomy

#: Where the embedded Valkey keeps its data: below the working directory, which ``twistd --rundir`` sets.
EMBEDDED_DATA = Path("nexmo-data")


class NexmoService(Service):
    """The whole service. ``clock`` times everything but the sockets; ``now`` gives the scripts their time, ``wall`` the
    time of day in seconds since the epoch (that of ``clock`` unless given)."""

    _log = Logger()

    #: Milliseconds until what a process has claimed may be claimed by another: longer than anything we do with it,
    #: and so than the time limits below, in seconds, for a whole exchange with either company.
    lease = 90_000
    chat_timeout = 10.0
    provider_timeout = 30.0

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        clock: IReactorTime,
        now: Now,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._wall = wall or clock.seconds
        self.ready = False  #: connected to Redis, at least once
        self.counters = PrometheusCounters()
        address = parse(settings.server.redis)
        self._embedded: EmbeddedValkey | None = None
        if address.kind == "embedded":
            self._embedded = EmbeddedValkey(EMBEDDED_DATA, reactor, clock)
            address = RedisAddress(kind="unix", path=self._embedded.address)
        scripts = Scripts()
        web = Connection(reactor, address, scripts)
        work = Connection(reactor, address, scripts, tell=False)
        self._connections = (web, work)
        store = self._store(web, work, now)
        self.watch = Watch(WatchedRedis(web, token_hex(8), now), clock, self._wall, self.counters)
        self._functions = Functions(reactor, clock, self._wall)
        self._pool = outgoing(reactor)
        self._chat_circuit, self._provider_circuit = Circuit("Layer", clock), Circuit("Nexmo", clock)
        chat = GuardedChat(self._chat_platform(clock), self._chat_circuit)
        provider = GuardedProvider(self._sms_provider(clock), self._provider_circuit)
        self._build_outgoing(store, chat, provider, clock)
        self._build_incoming(store, chat, provider, clock)
        links = self._terms.link_lifetime + self._terms.link_keep
        self.sweep = Sweep(store, Sweeping(work, now, self._terms.report, links), clock, self.counters)
        self._doors = self._build_doors(reactor, clock)

    def _store(self, web: Connection, work: Connection, now: Now) -> Store:
        return RedisStore(web, work, now)

    def _chat_platform(self, clock: IReactorTime) -> ChatPlatform:
        layer = self._settings.layer
        http = Http(self._pool, clock, timeout=self.chat_timeout)
        return LayerClient(http, layer.api_url, layer.app_id, layer.token.get_secret_value())

    def _sms_provider(self, clock: IReactorTime) -> SmsProvider:
        nexmo = self._settings.nexmo
        http = Http(self._pool, clock, timeout=self.provider_timeout)
        sign = _signing(nexmo, self._wall) if nexmo.sign_outgoing else None
        callback = self._settings.receipt_url
        return NexmoClient(http, nexmo.api_url, nexmo.key, nexmo.secret.get_secret_value(), callback, sign)

    def _build_outgoing(self, store: Store, chat: ChatPlatform, provider: SmsProvider, clock: IReactorTime) -> None:
        """From a message that falls due to the SMS."""
        settings, circuits = self._settings, [self._provider_circuit]
        source: IdentitySource
        if callable(settings.identities):
            source = CustomIdentities(self._functions, settings.identities)
        else:
            source = PlatformIdentities(chat)
            circuits.append(self._chat_circuit)
        self._terms = Terms(
            report=[Status[name.upper()] for name in settings.report_on_status],
            numbers=settings.nexmo.phone_numbers,
            on_exhausted=settings.nexmo.on_exhausted,
            link_lifetime=settings.number_expiration_time,
            link_keep=KEEP["links"],
            give_up=settings.give_up,
            region=settings.default_region,
            max_segments=settings.sms.max_segments,
            api_root=f"{settings.layer.api_url}/apps/{settings.layer.app_id}",
        )
        self.notifications = Notifications(
            store,
            chat,
            provider,
            Identities(source, clock),
            compile_template(settings.template),
            self._introduction(),
            self._terms,
            clock,
            random.random,
            self.counters,
            self.lease,
            circuits,
        )
        notify = self.notifications.desk.poke
        self.checks = Checks(store, clock, self._terms.report, notify, self.counters)
        self.settlement = Settlement(
            store,
            clock,
            settings.nexmo.settle_time,
            settings.nexmo.when_uncertain,
            self._terms.report,
            notify,
            self.counters,
        )

    def _build_incoming(self, store: Store, chat: ChatPlatform, provider: SmsProvider, clock: IReactorTime) -> None:
        """From the webhooks to the store, from an inbound SMS to the conversation, and what makes webhooks come."""
        settings, terms, server = self._settings, self._terms, self._settings.server
        self.replies = Replies(
            store,
            chat,
            terms.link_lifetime,
            terms.link_keep,
            terms.give_up,
            clock,
            random.random,
            self.counters,
            self.lease,
            [self._chat_circuit],
            self._notices(store),
        )
        self.joining = Joining(store, clock, self.replies.desk.poke, self.counters)
        self.intake = Intake(
            store,
            terms.api_root,
            settings.delay,
            self.checks.loop.poke,
            self.replies.desk.poke,
            self.counters,
            settings.nexmo.concat_timeout,
            self.joining.loop.poke,
            Receipts(store, self.counters, block=settings.sms.opt_out != "off"),
        )
        self.registration = Registration(
            store,
            chat,
            provider,
            settings.name,
            f"{server.url}/{server.layer_path}",
            settings.layer.secret[0].get_secret_value(),
            f"{server.url}/{settings.nexmo_door}",
            settings.nexmo.phone_numbers,
            clock,
            self._wall,
            self.counters,
        )

    def _notices(self, store: Store) -> Notices:
        sms = self._settings.sms
        courtesy = Courtesy(
            opt_out=sms.opt_out,
            words=sms.opt_out_words,
            no_thread_text=sms.no_thread_text,
            numbers=self._settings.nexmo.phone_numbers,
        )
        return Notices(store, courtesy, self.notifications.desk.poke, self.counters)

    def _introduction(self) -> Introduction | None:
        introduce = self._settings.introduce_conversation
        if callable(introduce):
            return CustomIntroduction(self._functions, introduce)
        return TemplateIntroduction(compile_template(introduce)) if introduce.strip() else None

    def _build_doors(self, reactor: Any, clock: IReactorTime) -> list[Service]:
        server, nexmo = self._settings.server, self._settings.nexmo
        secrets = tuple(secret.get_secret_value().encode() for secret in self._settings.layer.secret)
        layer_door = LayerDoor(secrets, self.intake, self.counters, clock)
        nexmo_door = NexmoDoor(self.intake, self.counters, clock, _signature(nexmo, self._wall))
        self._receptions = (layer_door.reception, nexmo_door.reception)
        public = root({server.layer_path: layer_door, self._settings.nexmo_door: nexmo_door})
        health = self._health(clock)
        operator = root({"health": HealthDoor(health, self.counters), "metrics": MetricsDoor(self.counters)})
        hidden = nexmo.path_secret.get_secret_value()
        self.public = hardened_site(public, clock, refused=self._refused, hidden=hidden)
        doors = [(server.listen, self.public)]
        if self._settings.operator.listen:
            doors.append((self._settings.operator.listen, hardened_site(operator, clock)))
        return [listening(roomy(where), site, reactor=reactor) for where, site in doors]

    def _health(self, clock: IReactorTime) -> Health:
        """What the operator's door tells of this moment."""
        circuits = (self._chat_circuit, self._provider_circuit)
        self.counters.add(Gauges(self.watch, self._functions, circuits))
        failing = open_circuits(circuits, clock, self._wall)
        return Health(
            vital=[self.watch.away],
            partial=[self.watch.troubles, failing, self.registration.troubles, self._functions.troubles],
            doubtful=[self.watch.warnings],
        )

    def _refused(self, reason: str) -> None:
        self.counters.count("refused", reason)

    def privilegedStartService(self) -> None:
        """Opens the doors that need it before the process gives up its privileges."""
        super().privilegedStartService()
        with faults_in_one_line():
            for door in self._doors:
                door.privilegedStartService()

    def startService(self) -> None:
        super().startService()
        with faults_in_one_line():
            if self._embedded is not None:
                self._embedded.startService()
        self._functions.start()
        for door in self._doors:
            door.startService()
        gatherResults([connection.open() for connection in self._connections]).addCallback(self._go)
        self._late = self._clock.callLater(1.0, self._log.error, "Redis does not answer; waiting for it")

    def _go(self, _: object) -> None:
        """Redis is there: begin to work. Before that the doors answer 503."""
        if self._late.active():
            self._late.cancel()
        if self.running:
            self.ready = True
            self._log.info("At work: Redis is there")
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
    def _parts(self) -> tuple[Loop | Desk[Any] | Registration | Watch, ...]:
        """What works by itself from the moment Redis is there until the service stops."""
        return (
            self.checks.loop,
            self.notifications.desk,
            self.replies.desk,
            self.joining.loop,
            self.settlement.loop,
            self.registration,
            self.sweep.loop,
            self.watch,
        )

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Close the doors, let claimed work finish, close what it used; each step waits for the one before."""
        if self._late.active():
            self._late.cancel()
        for door in self._doors:
            await maybeDeferred(door.stopService)
        for reception in self._receptions:
            await reception.idle()
        await gatherResults([Deferred.fromCoroutine(part.stop()) for part in self._parts])
        await self._pool.close()
        self._functions.stop()
        for connection in self._connections:
            await connection.close()
        if self._embedded is not None:
            await self._embedded.stopService()
        self._log.info("Stopped")


@contextmanager
def faults_in_one_line() -> Iterator[None]:
    """What a user can mend ends the process with a sentence instead of a traceback."""
    try:
        yield
    except (CannotListenError, ConfigurationError, StoreUnavailable) as error:
        raise SystemExit(f"nexmo cannot start: {error}") from None


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
