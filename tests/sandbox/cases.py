"""Real loopback ports for the tests of the sandbox: the companies, a client of theirs, and a customer's server."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from nexmo_twisted.sandbox.nexmo.simulator import InboundForm
from nexmo_twisted.sandbox.simulators import Credentials, Simulators
from tests.network import listen, request_headers

#: 2023-11-14 22:13:20 UTC
NOW = 1700000000.0

#: Layer: the application, the path of its API, and the headers of a request to the platform or about webhooks.
APP = "082d4684-0992-11e5-a6c0-1697f925ec7b"
BASE = f"/layer/apps/{APP}"
PLATFORM = {
    "Accept": "application/vnd.layer+json; version=1.1",
    "Authorization": "Bearer sandbox-layer-token",
    "Content-Type": "application/json",
}
WEBHOOKS = {**PLATFORM, "Accept": "application/vnd.layer.webhooks+json; version=1.0"}
#: Nexmo: our number and the handset of a recipient; the headers of a form.
OURS, BOB = "12015550101", "12015550112"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Reply:
    """What came back from a company."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return values[0] if values else None


@dataclass(frozen=True)
class Hit:
    """One request that arrived at the customer's server."""

    method: str
    uri: str
    args: dict[str, str]
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return values[0] if values else None


class Customer(Resource):
    """A customer's server: it notes every request and answers as ``answer`` says (None: never)."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[Hit] = []
        self.answer: Callable[[Hit], tuple[int, bytes] | None] = echo
        self._waiters: list[tuple[int, Deferred[None]]] = []

    def render(self, request: Any) -> Any:
        request.content.seek(0)
        args = {key.decode(): values[-1].decode() for key, values in request.args.items()}
        hit = Hit(request.method.decode(), request.uri.decode(), args, request.requestHeaders, request.content.read())
        self.hits.append(hit)
        given = self.answer(hit)
        due = [waiter for count, waiter in self._waiters if count <= len(self.hits)]
        self._waiters = [each for each in self._waiters if each[0] > len(self.hits)]
        for waiter in due:
            # Later, so that whoever waits finds the answer on its way.
            reactor.callLater(0, waiter.callback, None)
        if given is None:
            return NOT_DONE_YET
        request.setResponseCode(given[0])
        return given[1]

    def posts(self) -> list[Hit]:
        """The webhooks, without the verifications."""
        return [hit for hit in self.hits if hit.method == "POST"]

    def reached(self, count: int) -> Deferred[None]:
        """Fires when that many requests have arrived."""
        waiter: Deferred[None] = Deferred()
        if len(self.hits) >= count:
            waiter.callback(None)
        else:
            self._waiters.append((count, waiter))
        return waiter


def basic(key: str = "sandbox1", secret: str = "sandbox-nexmo-secret") -> dict[str, str]:
    """The header of a request to Nexmo that names its account."""
    return {"Authorization": "Basic " + b64encode(f"{key}:{secret}".encode()).decode()}


def echo(hit: Hit) -> tuple[int, bytes]:
    """A healthy server: it echoes the verification challenge."""
    return 200, hit.args.get("verification_challenge", "").encode()


class SimulatorsCase(TestCase):
    """A sandbox on a real port, with a clock that stands still, and a customer's server on another."""

    credentials = Credentials()
    inbound_form: InboundForm = "POST"

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.customer = Customer()
        self.customer_url = self.serve(Site(self.customer))
        site = Site(Resource())
        self.sandbox = Simulators(
            reactor=reactor,
            clock=self.clock,
            base_url=self.serve(site),
            credentials=self.credentials,
            inbound_form=self.inbound_form,
        )
        site.resource = self.sandbox.resource
        self.addCleanup(lambda: Deferred.fromCoroutine(self.sandbox.stop()))
        self.layer = self.sandbox.layer
        self.nexmo = self.sandbox.nexmo
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.http = HTTPClient(Agent(reactor, pool=pool))

    def serve(self, site: Site) -> str:
        """Serve on a free loopback port; returns the URL without a slash at its end."""
        return f"http://127.0.0.1:{listen(self, site)}"

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        """A request to the sandbox: a dict or list goes as JSON, bytes as they are."""
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
        response = await self.http.request(
            method,
            f"{self.sandbox.base_url}{path}",
            data=body,
            headers=request_headers(headers or {}),
            allow_redirects=False,
            unbuffered=True,
            **more,
        )
        return Reply(response.code, response.headers, await readBody(response))

    async def hook(self, *events: str, secret: str = "secret") -> Any:
        """Register the customer's server for these events of Layer, and see it verified."""
        hook = self.layer.webhooks.register(f"{self.customer_url}/layer", events, secret, config={"name": "Ours"})
        await self.sandbox.idle()
        return hook
