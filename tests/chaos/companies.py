"""The simulated companies with their nerves on edge: they double and shuffle webhooks, cut answers off, and storm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from nexmo_twisted.sandbox.companies import Credentials
from nexmo_twisted.sandbox.delivery import Deliverer
from nexmo_twisted.sandbox.faults import Fault, Faults
from nexmo_twisted.sandbox.layer import SimulatedLayer
from nexmo_twisted.sandbox.layer_http import LayerApi
from nexmo_twisted.sandbox.nexmo import SimulatedNexmo
from nexmo_twisted.sandbox.nexmo_http import NexmoApi
from nexmo_twisted.sandbox.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.wire import WebhookCall
from tests.chaos.ledger import Ledger

DOUBLED = 0.3  #: of all webhooks: delivered twice
DELAYED = 0.3  #: of all webhooks: held back for up to LATEST seconds, and so overtaken
LATEST = 1.0
LANES = 50  #: webhooks on the wire at a time, for each of a company's channels

CUT_AFTER = 0.02  #: of all answers: cut off, though the request took effect
CUT_BEFORE = 0.01  #: of all requests: cut off before they took effect
SLOW = 0.3  #: of all answers: up to SLOWEST seconds after the request took effect
SLOWEST = 0.6

SMS = "/nexmo/sms/json"
LAYER = "/layer/"


def _throttled(random: Random) -> Fault:
    if random.random() < 0.5:
        return Fault(path=SMS, nexmo_status="1")
    return Fault(path=SMS, status=429, retry_after=1)


#: What receipts come of the SMS to one handset. Some race with the answer to the request that sent the SMS.
RECEIPTS = (
    ReceiptPlan(),
    ReceiptPlan(early=True),
    ReceiptPlan(("buffered", "delivered")),
    ReceiptPlan(("failed",), err_code="6"),
)

#: What a company answers while it storms. Half of the requests that are answered 5xx took effect.
STORMS: Mapping[str, Callable[[Random], Fault]] = {
    "nexmo_429": _throttled,
    "nexmo_5xx": lambda random: Fault(path=SMS, status=503, done=random.random() < 0.5),
    "layer_429": lambda random: Fault(path=LAYER, status=429, retry_after=1),
    "layer_5xx": lambda random: Fault(path=LAYER, status=502, done=random.random() < 0.5),
}


class Unreliable(Faults):
    """Is slow and cuts answers off at random, storms on command, and tells the ledger what was asked for."""

    def __init__(self, random: Random, ledger: Ledger) -> None:
        super().__init__()
        self._random = random
        self._ledger = ledger
        self.awake = False
        self.storm = ""  #: one of STORMS, or none
        self.met: Counter[str] = Counter()

    def take(self, path: str, method: str, number: str = "", text: str = "") -> Fault | None:
        if path.endswith(SMS):
            self._ledger.attempted(number, text)
        if self.storm and (fault := STORMS[self.storm](self._random)).path in path:
            self.met[self.storm] += 1
            return fault
        if not self.awake:
            return None
        drawn = self._random.random()
        for name, share, fault in (
            ("cut_after", CUT_AFTER, Fault(drop=True, done=True)),
            ("cut_before", CUT_BEFORE, Fault(drop=True)),
            ("slow", SLOW, Fault(done=True, delay=self._random.random() * SLOWEST)),
        ):
            if drawn < share:
                self.met[name] += 1
                return fault
            drawn -= share
        return None


class Restless(Deliverer):
    """Delivers some webhooks twice, some late, and several at a time."""

    def __init__(self, reactor: Any, random: Random, ledger: Ledger) -> None:
        super().__init__(reactor, reactor)
        self._reactor = reactor
        self._random = random
        self._ledger = ledger
        self.awake = False

    def deliver(self, call: WebhookCall) -> None:
        if not call.method:  # Nexmo's own mark between its calls, never made
            super().deliver(call)
            return
        random = self._random
        copies = 2 if self.awake and random.random() < DOUBLED else 1
        for _ in range(copies):
            late = random.random() * LATEST if self.awake and random.random() < DELAYED else 0.0
            lane = f"{call.channel} {random.randrange(LANES)}"
            self._reactor.callLater(late, super().deliver, self._ledger.followed(replace(call, channel=lane)))


class _Silent(Site):
    def log(self, request: Request) -> None:
        pass


class Companies:
    """Layer under ``/layer`` and Nexmo under ``/nexmo`` of ``site``, which is to be served at ``base_url``."""

    def __init__(
        self,
        reactor: Any,
        base_url: str,
        numbers: Sequence[str],
        random: Random,
        ledger: Ledger,
        receipts: bool,
    ) -> None:
        self.base_url = base_url
        self.credentials = credentials = Credentials(signature_secret="sandbox-signature-secret")
        self.faults = Unreliable(random, ledger)
        self.deliverer = Restless(reactor, random, ledger)
        self.layer = SimulatedLayer(
            credentials.layer_app_id, reactor.seconds, self.deliverer.deliver, api_url=f"{base_url}/layer"
        )
        self.nexmo = SimulatedNexmo(
            credentials.nexmo_key,
            credentials.nexmo_secret,
            reactor.seconds,
            self.deliverer.deliver,
            signature_secret=credentials.signature_secret,
            signature_method=credentials.signature_method,
        )
        for number in numbers:
            self.nexmo.add_number(number)
        self._random = random
        self._receipts = receipts
        root = Resource()
        layer_api = LayerApi(self.layer, token=credentials.layer_token, faults=self.faults, clock=reactor)
        nexmo_api = NexmoApi(self.nexmo, probe=self.deliverer, faults=self.faults, clock=reactor)
        root.putChild(b"layer", layer_api.resource)
        root.putChild(b"nexmo", nexmo_api.resource)
        self.site = _Silent(root)

    def settings(self, public_url: str, port: int, redis_url: str, **more: str) -> dict[str, str]:
        """What makes a process of the service work between these two, as its environment."""
        credentials = self.credentials
        values = {
            "layer__app_id": credentials.layer_app_id,
            "layer__token": credentials.layer_token,
            "layer__secret": credentials.layer_secret,
            "layer__api_url": f"{self.base_url}/layer",
            "nexmo__key": credentials.nexmo_key,
            "nexmo__secret": credentials.nexmo_secret,
            "nexmo__phone_numbers": ",".join(self.nexmo.numbers),
            "nexmo__api_url": f"{self.base_url}/nexmo",
            "nexmo__limits__per_key": "200",
            "nexmo__limits__per_number": "50",
            "nexmo__signature_secret": credentials.signature_secret,
            "server__url": public_url,
            "server__listen": f"tcp:{port}:interface=127.0.0.1",
            "server__redis": redis_url,
            "operator__listen": "",
            **more,
        }
        return {f"NEXMO_TWISTED__{name.upper()}": value for name, value in values.items()}

    def admit(self, user: str, phone: str) -> None:
        """One more user with a handset, which has a way of its own with receipts."""
        self.layer.add_user(user, display_name=user.upper(), phone_number=f"+{phone}")
        plan = self._random.choice(RECEIPTS) if self._receipts else ReceiptPlan(statuses=())
        self.nexmo.receipts_of[phone] = plan

    @property
    def known(self) -> bool:
        """The service has registered at both."""
        hooks = [hook.status for hook in self.layer.webhooks]
        return hooks == ["active"] and all(number.inbound_url for number in self.nexmo.numbers.values())

    def wake(self, awake: bool) -> None:
        """Begin, or stop, to make trouble at random."""
        self.faults.awake = self.deliverer.awake = awake
