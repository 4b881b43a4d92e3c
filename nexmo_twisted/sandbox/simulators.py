"""Both simulated companies under one root, as the sandbox serves them and the tests use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorTime

from nexmo_twisted.domain import phones
from nexmo_twisted.sandbox.control.api import ControlApi
from nexmo_twisted.sandbox.control.commands import Control, Root
from nexmo_twisted.sandbox.control.faults import FaultsApi
from nexmo_twisted.sandbox.http.delivery import Deliverer
from nexmo_twisted.sandbox.http.faults import Faults
from nexmo_twisted.sandbox.layer.api import LayerApi
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.nexmo.api import NexmoApi
from nexmo_twisted.sandbox.nexmo.simulator import InboundForm, SimulatedNexmo

#: The numbers of the simulated account, of the range that is kept for fiction.
NUMBERS = ("12015550101", "12015550102")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the simulated companies expect. The defaults are good for nothing else."""

    layer_app_id: str = "082d4684-0992-11e5-a6c0-1697f925ec7b"
    layer_token: str = field(default="sandbox-layer-token", repr=False)
    layer_secret: str = field(default="sandbox-layer-secret", repr=False)
    nexmo_key: str = "sandbox1"
    nexmo_secret: str = field(default="sandbox-nexmo-secret", repr=False)
    signature_secret: str = field(default="", repr=False)
    signature_method: str = "md5hash"


class Simulators:
    """The simulated Layer under ``/layer``, the simulated Nexmo under ``/nexmo``, and ``/control`` over both.

    ``reactor`` carries the connections of outgoing webhooks; ``clock`` measures their time limits and waits;
    ``persistent`` connections are kept for the next call. ``now`` gives seconds since the epoch, the clock's own unless
    named. ``base_url`` is where ``resource`` is served, without a slash at its end. Its caller keeps it on
    loopback.

    ``credentials.layer_secret`` is only for the registration of a webhook: Layer learns a webhook's secret from that.
    """

    def __init__(
        self,
        *,
        reactor: IReactorCore,
        clock: IReactorTime,
        base_url: str,
        now: Callable[[], float] | None = None,
        credentials: Credentials | None = None,
        numbers: Sequence[str] = NUMBERS,
        inbound_form: InboundForm = "POST",
        persistent: bool = True,
    ) -> None:
        self.base_url = base_url
        self.credentials = credentials or Credentials()
        self.faults = Faults()
        self._clock = clock
        self.deliverer = Deliverer(reactor, clock, persistent=persistent)
        wall = now or clock.seconds
        self.layer = SimulatedLayer(
            app_id=self.credentials.layer_app_id, now=wall, deliver=self.deliverer.deliver, api_url=self.layer_url
        )
        self.nexmo = SimulatedNexmo(
            key=self.credentials.nexmo_key,
            secret=self.credentials.nexmo_secret,
            now=wall,
            deliver=self.deliverer.deliver,
            inbound_form=inbound_form,
            signature_secret=self.credentials.signature_secret,
            signature_method=self.credentials.signature_method,
        )
        for number in numbers:
            self.nexmo.add_number(number, phones.region_of(number))
        self.resource = Root()
        layer_api = LayerApi(self.layer, token=self.credentials.layer_token, faults=self.faults, clock=clock)
        nexmo_api = NexmoApi(self.nexmo, probe=self.deliverer, faults=self.faults, clock=clock)
        self.resource.putChild(b"layer", layer_api.resource)
        self.resource.putChild(b"nexmo", nexmo_api.resource)
        self.receipts = nexmo_api.receipts
        self.control = Control(ControlApi(self.layer, self.nexmo).resource)
        trouble = FaultsApi(self.nexmo, self.faults).resource
        self.control.parts |= {b"faults": trouble, b"receipts": trouble}
        self.resource.putChild(b"control", self.control)

    @property
    def layer_url(self) -> str:
        """What ``layer.api_url`` must be set to."""
        return f"{self.base_url}/layer"

    @property
    def nexmo_url(self) -> str:
        """What ``nexmo.api_url`` must be set to."""
        return f"{self.base_url}/nexmo"

    def idle(self) -> Deferred[None]:
        """Fires when no webhook or receipt is on the wire and none is ready to go.

        Repetitions and delayed receipts may still be due.
        """
        return self.deliverer.idle()

    def next_due(self) -> float | None:
        """Seconds until a webhook is repeated or a delayed receipt posted; None when none waits."""
        found = [at for at in (self.deliverer.next_retry, self.receipts.next_due) if at is not None]
        return max(0.0, min(found) - self._clock.seconds()) if found else None

    async def stop(self) -> None:
        """Forget what is not delivered, and close the connections."""
        self.receipts.stop()
        await self.deliverer.stop()


def seed_people(sandbox: Simulators) -> None:
    """A small cast, all with phones of the range kept for fiction: two talk in private, three about lunch."""
    layer = sandbox.layer
    layer.add_user(
        "ann",
        display_name="Ann",
        first_name="Ann",
        last_name="Archer",
        phone_number="+12015550111",
        email_address="ann@example.com",
        avatar_url=None,
        metadata={},
    )
    layer.add_user("bob", display_name="Bob", phone_number="+12015550112", metadata={"team": "blue"})
    # As people write it: the country is the service's default region.
    layer.add_user("cleo", first_name="Cleo", last_name="Carter", phone_number="(201) 555-0113")
    layer.start_conversation(
        ["ann", "bob"], {"conversationName": "Ann and Bob"}, "e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"
    )
    layer.start_conversation(
        ["ann", "bob", "cleo"], {"conversationName": "Lunch"}, "5dd2a5c1-3a4c-4c5e-9a0c-6f2f1b7d9f10"
    )
