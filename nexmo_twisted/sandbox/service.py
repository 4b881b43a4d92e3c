"""``twistd -n nexmo --sandbox``: the real service between the simulated companies, all on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.application.strports import service as listening
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.server import Site

from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from nexmo_twisted.domain.inspection import MessageReport
from nexmo_twisted.domain.model import ChatEvent
from nexmo_twisted.platforms.layer.message_codec import unpack
from nexmo_twisted.platforms.layer.message_text import message_text
from nexmo_twisted.sandbox.clock import SkippingClock
from nexmo_twisted.sandbox.names import Names
from nexmo_twisted.sandbox.nexmo.rates_plan import PROMISED, RatesPlan
from nexmo_twisted.sandbox.page.page import Page
from nexmo_twisted.sandbox.persistence import Persistence
from nexmo_twisted.sandbox.simulators import NUMBERS, Credentials, Simulators, seed_people
from nexmo_twisted.sandbox.time_travel import TimeTravel
from nexmo_twisted.sandbox.timeline.observed_clients import ObservedChat, ObservedProvider
from nexmo_twisted.sandbox.timeline.observed_store import ObservedStore
from nexmo_twisted.sandbox.timeline.timeline import Timeline
from nexmo_twisted.service import NexmoService
from nexmo_twisted.startup import faults_in_one_line, installed_reactor, keep_time
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.wiring import Decorators

#: Where the sandbox is found; the demo looks there.
COMPANIES_PORT = 8090
SERVICE_PORT = 8091
OPERATOR_PORT = 8092
DELAY = "10 seconds"
#: Where it remembers everything: below the working directory, which ``twistd --rundir`` sets.
DATA = Path("nexmo-sandbox")


def sandbox_settings(
    config: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    companies: int = COMPANIES_PORT,
    service: int = SERVICE_PORT,
    operator: int = OPERATOR_PORT,
) -> Settings:
    """The settings of the file ``config`` and of the environment, with the simulated companies and a Redis of our own
    in the place of the real ones; without a file those of the sandbox alone. The ports are all on loopback.

    Raises ConfigurationError as :func:`load` does.
    """
    account, url = Credentials(), f"http://127.0.0.1:{companies}"
    return load(
        config,
        environ={} if config is None else environ,
        defaults={"nexmo": {"phone_numbers": list(NUMBERS)}} | ({"delay": DELAY} if config is None else {}),
        platform="layer",
        layer={
            "app_id": account.layer_app_id,
            "token": account.layer_token,
            "secret": account.layer_secret,
            "api_url": f"{url}/layer",
        },
        nexmo={"key": account.nexmo_key, "secret": account.nexmo_secret, "api_url": f"{url}/nexmo"},
        server={
            "url": f"http://127.0.0.1:{service}",
            "listen": f"tcp:{service}:interface=127.0.0.1",
            "redis": "embedded",
        },
        operator={"listen": f"tcp:{operator}:interface=127.0.0.1"},
    )


_log = Logger()


class _CompaniesSite(Site):
    """Its access log is left out: what the service does is told by the service."""

    def log(self, request: Request) -> None:
        pass


class _Observed:
    """The service, with an observer at its ports. Before it goes to work the sandbox remembers where it was."""

    def __init__(
        self,
        settings: Settings,
        *,
        reactor: Any,
        clock: SkippingClock,
        companies: Simulators,
        timeline: Timeline,
        names: Names,
        data: Path,
    ) -> None:
        self._receipt_timeout = settings.sms.receipt_timeout / 1000
        self._now = clock.wall
        self.service = NexmoService(
            settings,
            reactor,
            clock=clock,
            now=clock.milliseconds,
            wall=clock.wall,
            decorators=Decorators(
                store=lambda store: ObservedStore(
                    store, facts=self._facts, text=text_of, timeline=timeline, names=names
                ),
                chat=lambda chat: ObservedChat(chat, timeline, names),
                provider=lambda provider: ObservedProvider(provider, timeline, names),
            ),
            embedded_data=data,
            before_work=self._resume,
            after_work=self._suspend,
        )
        connection = self.service.connections[1]
        self._facts_of = QueueAdmin(connection, clock.milliseconds)
        self._redis = connection
        self.keeping = Persistence(
            companies=companies, timeline=timeline, clock=clock, reactor=reactor, command=self._redis.command
        )

    async def _facts(self, message_id: str) -> MessageReport | None:
        return await self._facts_of.inspect_message(message_id)

    async def _resume(self) -> None:
        """Go on where the last run ended. The companies may know less of us than they did when it looked last, since
        what they know is kept once a second; no other process uses this Redis, so we look again at once."""
        try:
            await self.keeping.restore()
        except Exception:
            _log.failure("Sandbox: starting empty")
        await self._redis.command("DEL", self._redis.keys["lock"] + "registration")

    async def _suspend(self) -> None:
        await self.keeping.stop()

    async def next_due(self) -> float | None:
        """Seconds until there is something to do, 0 when there is already; None when nothing waits."""
        queues = dict.fromkeys(("due", "out_queue", "in_queue", "long_due"), 0.0)
        found = []
        for name, after in {**queues, "out_uncertain": self._receipt_timeout}.items():
            first = await self._redis.command("ZRANGE", self._redis.keys[name], 0, 0, "WITHSCORES")
            if first:
                found.append(float(first[1]) / 1000 + after - self._now())
        return max(0.0, min(found)) if found else None


def text_of(event: ChatEvent) -> str:
    """What a message that was sent says."""
    message = unpack(event.payload, event.message_id, event.conversation_id, event.sender, {}, "")
    return message_text(message.get("parts"))


class SandboxService(Service):
    """Simulated Layer and Nexmo, and the service between them. All of it goes on where it was after a restart."""

    _log = Logger()

    def __init__(self, settings: Settings, reactor: Any, data: Path) -> None:
        self._settings = settings
        assert settings.layer is not None  # see sandbox_settings()
        self.url = settings.layer.api_url.removesuffix("/layer")
        keep_time(reactor)
        Factory.noisy = False  # Twisted tells of every connection it makes
        self.clock = SkippingClock(reactor, time.time)
        nexmo = settings.nexmo
        self.sandbox = Simulators(
            reactor=reactor,
            clock=self.clock,
            now=self.clock.wall,
            base_url=self.url,
            persistent=False,  # when time is skipped the service finds that kept connections were idle for too long
            numbers=nexmo.phone_numbers,
            credentials=Credentials(
                signature_secret=nexmo.signature_secret.get_secret_value(), signature_method=nexmo.signature_method
            ),
        )
        limits = settings.sms.limits  # a limit above the usual one was agreed with the real provider
        self.sandbox.nexmo.rates_plan = RatesPlan(
            max(limits.per_account, PROMISED.account), max(limits.per_number, PROMISED.number), limits.overrides
        )
        self.sandbox.nexmo.opt_out_assist = settings.sms.opt_out == "provider"
        seed_people(self.sandbox)
        timeline, names = Timeline(self.clock.wall), Names(self.sandbox.layer, settings.default_region)
        self._observed = _Observed(
            settings,
            reactor=reactor,
            clock=self.clock,
            companies=self.sandbox,
            timeline=timeline,
            names=names,
            data=data,
        )
        self.service = self._observed.service
        skipping = TimeTravel(
            self.clock, reactor=reactor, busy=self.busy, next_due=self._next_due, keep=self._observed.keeping.save
        )
        self.page = Page(
            self.sandbox, timeline=timeline, names=names, clock=self.clock, skipping=skipping, reactor=reactor
        )
        where = f"tcp:{self.url.rpartition(':')[2]}:interface=127.0.0.1"
        self._companies = listening(where, _CompaniesSite(self.sandbox.resource), reactor=reactor)

    def busy(self) -> bool:
        return self.service.busy or not self.sandbox.deliverer.quiet

    async def _next_due(self) -> float | None:
        found = [due for due in (await self._observed.next_due(), self.sandbox.next_due()) if due is not None]
        if self.busy():  # what is under way may wait for the clock, to time out or to be answered at last
            found += [call.getTime() - self.clock.seconds() for call in self.clock.getDelayedCalls()]
        return max(0.0, min(found)) if found else None

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        with faults_in_one_line():
            self._companies.privilegedStartService()
        self.service.privilegedStartService()

    def startService(self) -> None:
        super().startService()
        self._companies.startService()
        self.service.startService()
        delay = self._settings.delay / 1000
        self._log.info("Sandbox: running, a message that stays unread for {delay:g} s becomes an SMS", delay=delay)
        self._log.info("Sandbox: open {url}/ in a browser", url=self.url)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self.page.stop()
        await self.service.stopService()
        await self.sandbox.stop()
        await maybeDeferred(self._companies.stopService)


def make_sandbox(settings: Settings, reactor: Any = None, data: Path = DATA) -> SandboxService:
    """The sandbox with settings of :func:`sandbox_settings`, to be started by twistd. It remembers in ``data``."""
    return SandboxService(settings, reactor or installed_reactor(), data)
