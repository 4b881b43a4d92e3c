"""What the service listens on: the site for webhooks, and that for operators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.application.strports import service as listening
from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.config.models import Settings
from nexmo_twisted.operations.hosts import guarded
from nexmo_twisted.ports import Metrics
from nexmo_twisted.startup import faults_in_one_line
from nexmo_twisted.web.admission import Webhooks
from nexmo_twisted.web.body import TakeLarge
from nexmo_twisted.web.endpoints import on_loopback, with_backlog
from nexmo_twisted.web.responses import Endpoint
from nexmo_twisted.web.routing import root
from nexmo_twisted.web.site import hardened_site


class Listeners:
    """Both are closed at first.

    ``webhooks`` and ``pages`` are by path; the text ``redact`` in a path is not logged. ``between_pipelined`` is how
    many seconds lie between two requests of one connection that did not wait for an answer.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        *,
        clock: IReactorTime,
        metrics: Metrics,
        webhooks: Mapping[str, Webhooks],
        pages: Mapping[str, Endpoint],
        take_large: TakeLarge | None,
        redact: str,
        between_pipelined: float,
    ) -> None:
        later = partial(reactor.callLater, between_pipelined)
        self._webhooks = webhooks
        self.public = hardened_site(
            root(webhooks),
            clock,
            on_rejected=partial(metrics.count, "http_rejected"),
            redact=redact,
            later=later,
            large=take_large,
        )
        sites = [(settings.server.listen, self.public)]
        where, hosts = settings.operator.listen, settings.operator.hosts
        if where:
            operator = guarded(root(pages), hosts, on_loopback=on_loopback(where))
            sites.append((where, hardened_site(operator, clock, later=later)))
        #: Twisted's services that listen.
        self.ports: list[Service] = [listening(with_backlog(where), site, reactor=reactor) for where, site in sites]

    def privileged_start(self) -> None:
        """Open those that need it before the process gives up its privileges. Raises CannotStart."""
        with faults_in_one_line():
            for port in self.ports:
                port.privilegedStartService()

    def start(self) -> None:
        for port in self.ports:
            port.startService()

    async def drained(self) -> None:
        """Returns when no webhook is being worked on."""
        for webhooks in self._webhooks.values():
            await webhooks.admission.drained()
