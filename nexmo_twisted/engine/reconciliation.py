"""Reconciliation: an SMS of unknown outcome waits for its receipt; without one, ``sms.when_uncertain`` decides."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain.model import Status
from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.ports import Metrics
from nexmo_twisted.ports.store import Outbox

#: SMS per script call.
BATCH = 100


class Reconciler:
    """Reconciles SMS that have been uncertain for ``receipt_timeout`` ms.

    ``policy`` is "resend" (once, if still unread), "park" or "drop". ``poke_waiting`` is called when some were
    reconciled: there may be an SMS to send again, or a reply that waited. While the ``circuit`` of the provider is open
    only one is reconciled in each ``receipt_timeout``: sending it again is likely to fail, and there is no third
    attempt.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        outbox: Outbox,
        clock: IReactorTime,
        receipt_timeout: int,
        policy: str,
        report: Collection[Status],
        poke_waiting: Callable[[], None],
        metrics: Metrics,
        circuit: CircuitBreaker,
    ) -> None:
        self._outbox = outbox
        self._receipt_timeout = receipt_timeout
        self._policy = policy
        self._report = report
        self._poke_waiting = poke_waiting
        self._metrics = metrics
        self._circuit = circuit
        self._clock = clock
        self._next_probe = 0.0
        self.poller = Poller("reconciliation", clock=clock, poll=self._poll)

    async def _poll(self) -> float | None:
        batch, wait = BATCH, self._next_probe - self._clock.seconds()
        if self._circuit.open and self._policy == "resend":
            if wait > 0:
                return wait
            batch, wait = 1, self._receipt_timeout / 1000
            self._next_probe = self._clock.seconds() + wait
        settled = await self._outbox.reconcile(batch, self._receipt_timeout, self._policy, self._report)
        for what in ("resent", "parked", "dropped", "unneeded"):
            number = getattr(settled, what)
            if number:
                self._metrics.count("sms_reconciled", what, amount=number)
                self._log.warn(
                    "Reconciliation: {n} SMS of unknown outcome got no receipt in time: {what}", n=number, what=what
                )
        if settled.parked:
            self._metrics.count("dead_letters", "out", "uncertain", amount=settled.parked)
        if settled.resent or settled.parked or settled.dropped or settled.unneeded:
            self._poke_waiting()
        return None if settled.next is None else settled.next / 1000
