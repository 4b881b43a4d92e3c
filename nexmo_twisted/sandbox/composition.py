"""``twistd -n nexmo --sandbox``: the real service between the simulated companies, all on this machine."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.application.strports import service as listening
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.server import Site

from nexmo_twisted.config import load
from nexmo_twisted.sandbox.companies import Sandbox, cast
from nexmo_twisted.service import NexmoService, faults_in_one_line, keep_time, make_service
from nexmo_twisted.store.embedded import EmbeddedValkey

#: Where the sandbox is found; the demo looks there.
COMPANIES_PORT = 8090
SERVICE_PORT = 8091
OPERATOR_PORT = 8092
DELAY = "10 seconds"


class _CompaniesSite(Site):
    """Its access log is left out: what the service does is told by the service."""

    def log(self, request: Request) -> None:
        pass


class SandboxService(Service):
    """Simulated Layer and Nexmo, an embedded Valkey that forgets, and the service with settings that fit them."""

    _log = Logger()

    def __init__(self, reactor: Any, companies: int, service: int, operator: int, delay: str) -> None:
        self._url = f"http://127.0.0.1:{companies}"
        keep_time(reactor)
        self.sandbox = Sandbox(reactor=reactor, clock=reactor, base_url=self._url, now=time.time)
        cast(self.sandbox)
        self._directory = Path(tempfile.mkdtemp(prefix="nexmo-sandbox-"))
        self._valkey = EmbeddedValkey(self._directory, reactor, reactor)
        site = _CompaniesSite(self.sandbox.resource)
        self._companies = listening(f"tcp:{companies}:interface=127.0.0.1", site, reactor=reactor)
        self._delay = delay
        self._service = self._real_service(reactor, service, operator)

    def _real_service(self, reactor: Any, port: int, operator: int) -> NexmoService:
        credentials = self.sandbox.credentials
        settings = load(
            None,
            environ={},
            delay=self._delay,
            layer={
                "app_id": credentials.layer_app_id,
                "token": credentials.layer_token,
                "secret": credentials.layer_secret,
                "api_url": self.sandbox.layer_url,
            },
            nexmo={
                "key": credentials.nexmo_key,
                "secret": credentials.nexmo_secret,
                "phone_numbers": list(self.sandbox.nexmo.numbers),
                "api_url": self.sandbox.nexmo_url,
            },
            server={
                "url": f"http://127.0.0.1:{port}",
                "listen": f"tcp:{port}:interface=127.0.0.1",
                "redis": f"unix://{self._valkey.address}",
            },
            operator={"listen": f"tcp:{operator}:interface=127.0.0.1"},
        )
        return make_service(settings, reactor=reactor)

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        try:  # before there is a Valkey to be left behind
            with faults_in_one_line():
                self._companies.privilegedStartService()
            self._service.privilegedStartService()
        except SystemExit:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise

    def startService(self) -> None:
        super().startService()
        with faults_in_one_line():
            self._valkey.startService()
        self._companies.startService()
        self._service.startService()
        self._log.info("The sandbox runs: a message that stays unread for {delay} becomes a text", delay=self._delay)
        self._log.info("See it at work, in a second terminal: python -m nexmo_twisted demo")
        self._log.info("Its state, for curl and people: {url}/control/state", url=self._url)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._service.stopService()
        await self.sandbox.stop()
        await maybeDeferred(self._companies.stopService)
        await self._valkey.stopService()
        shutil.rmtree(self._directory, ignore_errors=True)


def make_sandbox(
    reactor: Any = None,
    companies: int = COMPANIES_PORT,
    service: int = SERVICE_PORT,
    operator: int = OPERATOR_PORT,
    delay: str = DELAY,
) -> SandboxService:
    """The sandbox, to be started by twistd. The ports are all on loopback."""
    if reactor is None:
        from nexmo_twisted.service import installed_reactor

        reactor = installed_reactor()
    return SandboxService(reactor, companies, service, operator, delay)
