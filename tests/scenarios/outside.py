"""What one sees from outside: answers to requests on a real connection, and the lines of the log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.logger import LogEvent, eventAsText
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS

from nexmo_twisted.sandbox.layer.webhooks import signature
from tests.network import request_headers
from tests.support import observe_log

LAYER_TYPE = "application/vnd.layer.webhooks+json; version=1.0"
FORM = "application/x-www-form-urlencoded"
LAYER_DOOR, NEXMO_DOOR = "/nexmo-new-message", "/nexmo-new-sms"


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer; ``seconds`` is how long it took by the clock on the wall."""

    code: int
    headers: Headers
    body: bytes
    seconds: float


class Caller:
    """Makes requests to one server, each on a connection of its own. ``policy`` says whom it trusts over TLS."""

    def __init__(self, base: str, secret: str = "", policy: IPolicyForHTTPS | None = None) -> None:
        self._base = base
        self._secret = secret
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._http = HTTPClient(Agent(reactor, pool=pool) if policy is None else Agent(reactor, policy, pool=pool))

    async def ask(self, method: str, path: str, body: bytes | None = None, **headers: str | list[str] | None) -> Heard:
        """One request. Underscores in header names stand for hyphens; None leaves a header out."""
        began = reactor.seconds()
        named = request_headers({name.replace("_", "-"): value for name, value in headers.items()})
        response = await self._http.request(
            method, self._base + path, data=body, headers=named, allow_redirects=False, unbuffered=True
        )
        content = await response.content()
        return Heard(response.code, response.headers, content, reactor.seconds() - began)

    async def event(self, document: object, **headers: str | list[str] | None) -> Heard:
        """Post something to Layer's door as Layer would, signed; ``headers`` replace its own."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        own: dict[str, Any] = {"content_type": LAYER_TYPE, "layer_webhook_signature": signature(self._secret, raw)}
        return await self.ask("POST", LAYER_DOOR, raw, **{**own, **headers})


class Lines:
    """Every event that is logged while the test runs, at any level, as a log file would show it."""

    def __init__(self, test: SynchronousTestCase) -> None:
        self._events: list[tuple[str, str]] = []
        observe_log(test, self._note)

    def _note(self, event: LogEvent) -> None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        self._events.append((str(event.get("log_namespace", "")), text))

    @property
    def all(self) -> list[str]:
        return [text for _, text in self._events]

    @property
    def ours(self) -> list[str]:
        """Those that the service itself wrote."""
        return [text for namespace, text in self._events if namespace.startswith("nexmo_twisted")]

    def clear(self) -> None:
        self._events.clear()
