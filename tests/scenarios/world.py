"""The whole service between the simulated companies: real HTTP, a real Redis, and a clock that only tests move."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import TestCase
from twisted.web.resource import IResource
from twisted.web.server import Site

from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.simulators import Credentials, Simulators, seed_people
from nexmo_twisted.service import NexmoService
from nexmo_twisted.wiring import Tuning
from tests.network import listen
from tests.support import PATIENCE, Server, StoreCase, counted, turn, until

DELAY = 600.0
WEEK = 7 * 86_400.0
TALK = "layer:///conversations/e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"  # Ann and Bob
LUNCH = "layer:///conversations/5dd2a5c1-3a4c-4c5e-9a0c-6f2f1b7d9f10"  # Ann, Bob and Cleo
ANN, BOB, CLEO = "12015550111", "12015550112", "12015550113"
NO_RECEIPTS = ReceiptPlan(statuses=())
ONE, TWO = "12015550101", "12015550102"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def simulators(
    case: TestCase,
    clock: IReactorTime,
    credentials: Credentials | None = None,
    entrance: Callable[[IResource], IResource] = lambda companies: companies,
) -> Simulators:
    """The simulated companies and their people, on a free port until the test ends. ``entrance`` gives what stands
    before them."""
    port = free_port()
    sandbox = Simulators(
        reactor=reactor, clock=clock, base_url=f"http://127.0.0.1:{port}", credentials=credentials or Credentials()
    )
    seed_people(sandbox)
    listen(case, Site(entrance(sandbox.resource)), port)
    case.addCleanup(sandbox.stop)
    return sandbox


class World(StoreCase):
    """A test of the product. ``settings`` of a subclass are laid over those that fit the sandbox.

    ``redis_timeout`` is the product's own in tests of what happens when Redis is slow.
    """

    timeout = 60
    redis_timeout = PATIENCE
    settings: dict[str, Any] = {}
    credentials = Credentials()

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.sandbox = simulators(self, self.clock, self.credentials, self.entrance)
        self.layer, self.nexmo = self.sandbox.layer, self.sandbox.nexmo
        self.delivered: Deferred[None] | None = None
        self.running: list[NexmoService] = []
        self.port = free_port()
        self.addCleanup(self.stop_all)
        self.service = await self.start()

    def entrance(self, companies: IResource) -> IResource:
        """What stands before the two companies: nothing."""
        return companies

    def configured(self, port: int, **more: Any) -> Settings:
        sandbox, credentials = self.sandbox, self.sandbox.credentials
        return load(
            None,
            environ={},
            **merged(
                {
                    "delay": int(DELAY * 1000),
                    "layer": {
                        "app_id": credentials.layer_app_id,
                        "token": credentials.layer_token,
                        "secret": credentials.layer_secret,
                        "api_url": sandbox.layer_url,
                    },
                    "nexmo": {
                        "key": credentials.nexmo_key,
                        "secret": credentials.nexmo_secret,
                        "phone_numbers": [ONE, TWO],
                        "api_url": sandbox.nexmo_url,
                    },
                    "sms": {"limits": {"per_account": 0, "per_number": 0}},
                    "server": {
                        "url": f"http://127.0.0.1:{port}",
                        "listen": f"tcp:{port}:interface=127.0.0.1",
                        "redis": Server.shared().url,
                    },
                    "operator": {"listen": ""},
                },
                self.settings,
                more,
            ),
        )

    async def start(self, **more: Any) -> NexmoService:
        """Start (another) process on the same Redis; the first one is the one that the companies know."""
        port = free_port() if self.running else self.port
        settings = self.configured(port, **more)
        service = NexmoService(
            settings, reactor, clock=self.clock, now=self.now, tuning=Tuning(redis_timeout=self.redis_timeout)
        )
        service.privilegedStartService()
        service.startService()
        self.running.append(service)
        await until(lambda: service.ready)
        await self.settle()
        return service

    async def stop(self, service: NexmoService) -> None:
        self.running.remove(service)
        await service.stopService()

    async def stop_all(self) -> None:
        while self.running:
            await self.stop(self.running[-1])

    @property
    def busy(self) -> bool:
        """Something is under way, or due at this instant."""
        if self.delivered is None or self.delivered.called:
            self.delivered = self.sandbox.idle()
        return not self.delivered.called or any(service.busy for service in self.running)

    async def settle(self) -> None:
        """Lets everything that is under way come to its end, and what is due now happen."""
        quiet = 0
        for turns in range(200_000):
            self.clock.advance(0)
            await turn()
            if turns % 100 == 99:
                await self.answered()
            quiet = 0 if self.busy else quiet + 1
            if quiet > 3:
                return
        raise AssertionError("the world does not come to rest")

    async def tick_until(self, condition: Callable[[], object], seconds: float = 0.0, turns: int = 100_000) -> None:
        """Lets the reactor turn, each turn taking so many seconds, until ``condition()`` holds."""

        def after_a_tick() -> object:
            self.clock.advance(seconds)
            return condition()

        await until(after_a_tick, turns)

    async def answered(self) -> None:
        """Waits as long as Redis takes for what it was asked before."""
        await self.redis("PING")

    async def pass_time(self, seconds: float) -> None:
        """Time jumps; then everything that has fallen due meanwhile happens."""
        await self.settle()
        self.clock.advance(seconds)
        await self.settle()

    async def send(self, text: str = "Lunch at noon?", sender: str = "ann", conversation: str = TALK) -> str:
        message_id = self.layer.send(conversation, sender, text)
        await self.settle()
        while self.sandbox.deliverer.retries:  # a process that was stopped took its connections with it
            await self.pass_time(1)
        return message_id

    async def text_unread(self, text: str = "Lunch at noon?", sender: str = "ann", conversation: str = TALK) -> str:
        """A message that nobody reads, and the delay."""
        message_id = await self.send(text, sender, conversation)
        await self.pass_time(DELAY)
        return message_id

    async def reply(self, handset: str, number: str, text: str) -> None:
        self.nexmo.reply(handset, number, text)
        await self.settle()

    def texts(self, handset: str = BOB) -> list[str]:
        """What the handset received."""
        return [sms.text for sms in self.nexmo.handset(handset) if sms.direction == "received"]

    def numbers(self, handset: str = BOB) -> list[str]:
        """From which numbers, in that order."""
        return [sms.number for sms in self.nexmo.handset(handset) if sms.direction == "received"]

    def posted(self, conversation: str = TALK) -> list[tuple[str | None, str]]:
        """(sender, text) of every message of the conversation."""
        return [(message.user_id, message.text) for message in self.layer.messages(conversation)]

    def fault(self, **what: Any) -> None:
        self.sandbox.faults.add(Fault(**what))

    def counted(self, name: str, *labels: str) -> float:
        """What the metrics page of the service says."""
        return counted(self.service.metrics, name, *labels)


def merged(*layers: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) else value
    return result
