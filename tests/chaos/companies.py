"""The simulated companies in a bad state: they double and shuffle webhooks, and their answers are unreliable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from nexmo_twisted.sandbox.http.delivery import Deliverer
from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.layer.api import LayerApi
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.nexmo.api import NexmoApi
from nexmo_twisted.sandbox.nexmo.rates_plan import RatesPlan
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo
from nexmo_twisted.sandbox.simulators import Credentials
from tests.chaos.circumstances import SLOW, Circumstances
from tests.chaos.observations import Observations
from tests.chaos.unreliable import UnreliableFaults

DOUBLED = 0.3  #: of all webhooks: delivered twice
DELAYED = 0.3  #: of all webhooks: held back for up to LATEST seconds, and so overtaken
LATEST = 1.0
LATE_PART = 0.1  #: of all parts of long replies: so late that the others are posted without it
TOO_LATE = 5.0  #: seconds: longer than the others wait
LANES = 50  #: webhooks on the wire at a time, for each of a company's channels

#: What receipts come of the SMS to one handset. Some race with the answer to the request that sent the SMS.
RECEIPTS = (
    ReceiptPlan(),
    ReceiptPlan(early=True),
    ReceiptPlan(statuses=("buffered", "delivered")),
    ReceiptPlan(statuses=("failed",), err_code="6"),
)


class UnreliableDeliverer(Deliverer):
    """Delivers some webhooks twice, some late, and several at a time."""

    def __init__(self, reactor: Any, random: Random, observations: Observations) -> None:
        super().__init__(reactor, reactor)
        self._reactor = reactor
        self._random = random
        self._observations = observations
        self.active = False

    def deliver(self, call: WebhookCall) -> None:
        if not call.method:  # Nexmo's own mark between its calls, never made
            super().deliver(call)
            return
        random = self._random
        copies = 2 if self.active and random.random() < DOUBLED else 1
        for _ in range(copies):
            late = random.random() * LATEST if self.active and random.random() < DELAYED else 0.0
            if self.active and b"concat-part" in call.body and random.random() < LATE_PART:
                late += TOO_LATE
            lane = f"{call.channel} {random.randrange(LANES)}"
            self._reactor.callLater(late, super().deliver, self._observations.followed(replace(call, channel=lane)))


class _QuietSite(Site):
    def log(self, request: Request) -> None:
        pass


class Companies:
    """Layer under ``/layer`` and Nexmo under ``/nexmo`` of ``site``, which is to be served at ``base_url``."""

    def __init__(
        self,
        reactor: Any,
        base_url: str,
        circumstances: Circumstances,
        random: Random,
        observations: Observations,
    ) -> None:
        self.base_url = base_url
        self.credentials = credentials = Credentials(signature_secret="sandbox-signature-secret")
        self.faults = UnreliableFaults(random, observations)
        self.deliverer = UnreliableDeliverer(reactor, random, observations)
        self.layer = SimulatedLayer(
            app_id=credentials.layer_app_id,
            now=reactor.seconds,
            deliver=self.deliverer.deliver,
            api_url=f"{base_url}/layer",
        )
        self.nexmo = SimulatedNexmo(
            key=credentials.nexmo_key,
            secret=credentials.nexmo_secret,
            now=reactor.seconds,
            deliver=self.deliverer.deliver,
            signature_secret=credentials.signature_secret,
            signature_method=credentials.signature_method,
        )
        for number in circumstances.pool:
            self.nexmo.add_number(number, country="GB" if number == SLOW else "US")
        self.nexmo.rates_plan = RatesPlan(numbers=circumstances.limits)
        self._random = random
        self._plans = _receipt_plans(circumstances.receipts)
        root = Resource()
        layer_api = LayerApi(self.layer, token=credentials.layer_token, faults=self.faults, clock=reactor)
        nexmo_api = NexmoApi(self.nexmo, probe=self.deliverer, faults=self.faults, clock=reactor)
        root.putChild(b"layer", layer_api.resource)
        root.putChild(b"nexmo", nexmo_api.resource)
        self.site = _QuietSite(root)

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
            "sms__limits__per_account": "200",
            "sms__limits__per_number": "50",
            "nexmo__signature_secret": credentials.signature_secret,
            "server__url": public_url,
            "server__listen": f"tcp:{port}:interface=127.0.0.1",
            "server__redis": redis_url,
            "operator__listen": "",
            **more,
        }
        return {f"NEXMO_TWISTED__{name.upper()}": value for name, value in values.items()}

    def add_user(self, user: str, phone: str) -> None:
        """One more user, or one with another handset, with receipts of a kind of its own."""
        self.layer.add_user(user, display_name=user.upper(), phone_number=f"+{phone}")
        self.nexmo.receipts_of[phone] = self._random.choice(self._plans)

    @property
    def known(self) -> bool:
        """The service has registered at both."""
        hooks = [hook.status for hook in self.layer.webhooks]
        return hooks == ["active"] and all(number.inbound_url for number in self.nexmo.numbers.values())

    def set_active(self, active: bool) -> None:
        """Begin, or stop, to misbehave at random."""
        self.faults.active = self.deliverer.active = active


def _receipt_plans(receipts: str) -> Sequence[ReceiptPlan]:
    """``receipts`` as in the circumstances."""
    if receipts == "withheld":
        return [ReceiptPlan(statuses=())]
    return [replace(plan, client_ref=receipts == "on") for plan in RECEIPTS]
