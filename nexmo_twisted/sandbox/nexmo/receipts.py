"""The simulated Nexmo's delivery receipts: one for each accepted part, posted when the handset's plan says.

Source of the facts: Vonage documentation, SMS API, "Delivery receipts".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.nexmo.responses import NETWORK, PRICE
from nexmo_twisted.sandbox.nexmo.simulator import WEBHOOK_PATIENCE, AcceptedSms, SimulatedNexmo

#: The error code of an SMS to a handset that opted out.
OPTED_OUT = "9"


class Receipts:
    """Posts the receipts of one account's SMS. ``clock`` measures the delays."""

    def __init__(self, nexmo: SimulatedNexmo, clock: IReactorTime) -> None:
        self._nexmo = nexmo
        self._clock = clock
        self._delayed: set[IDelayedCall] = set()

    @property
    def delayed(self) -> int:
        """How many SMS have receipts that are due later."""
        return len(self._delayed)

    @property
    def next_due(self) -> float | None:
        """When the next of them are posted, by the clock; None when none are."""
        return min((call.getTime() for call in self._delayed), default=None)

    def follow(self, sms: AcceptedSms, answered: Callable[[], Deferred[None]]) -> Deferred[None]:
        """See to the receipts of an SMS that was accepted just now. Fires when its request may be answered.

        ``answered`` gives a Deferred that fires, one way or the other, when the request was answered or cut off.
        """
        plan = self._nexmo.receipt_plan(sms.to)
        if not sms.callback or not plan.statuses:
            return succeed(None)
        if sms.blocked:
            plan = replace(plan, statuses=("failed",), err_code=OPTED_OUT)
        tried: Deferred[None] = Deferred()

        def post(_over: object = None) -> None:
            self._post(sms, plan, tried)

        if plan.delay:
            self._later(plan.delay, post)
        elif plan.early:
            post()
        else:
            answered().addBoth(post)
        return tried if plan.early else succeed(None)

    def stop(self) -> None:
        """Forget what is due later."""
        for call in self._delayed:
            call.cancel()
        self._delayed.clear()

    def _later(self, delay: float, post: Callable[[], None]) -> None:
        def due() -> None:
            self._delayed.discard(call)
            post()

        call = self._clock.callLater(delay, due)
        self._delayed.add(call)

    def _post(self, sms: AcceptedSms, plan: ReceiptPlan, tried: Deferred[None]) -> None:
        # Inbound SMS have channels of their own; one slow server does not hold up the receipts to another.
        channel = f"receipt {sms.to} {sms.callback}"
        for params in self._receipts(sms, plan):
            call = self._nexmo.webhook(channel, sms.callback, params)
            for _ in range(plan.times):
                self._nexmo.deliver(call)
        self._nexmo.deliver(_end(channel, tried))

    def _receipts(self, sms: AcceptedSms, plan: ReceiptPlan) -> Iterator[dict[str, str]]:
        for status in plan.statuses:
            for message_id in sms.message_ids:
                receipt = {
                    "msisdn": sms.to,
                    "to": sms.sender,
                    "network-code": NETWORK,
                    "messageId": message_id,
                    "price": PRICE,
                    "status": status,
                    "scts": datetime.fromtimestamp(self._nexmo.now(), UTC).strftime("%y%m%d%H%M"),
                    "err-code": plan.code(status),
                }
                named = sms.client_ref and plan.client_ref
                yield {**receipt, "client-ref": sms.client_ref} if named else receipt


def _end(channel: str, tried: Deferred[None]) -> WebhookCall:
    """A call that is never made: when its turn comes, everything before it in the channel has been tried."""

    def wanted() -> bool:
        tried.callback(None)
        return False

    return WebhookCall(
        channel=channel, method="", url="", headers=(), body=b"", patience=WEBHOOK_PATIENCE, wanted=wanted
    )
