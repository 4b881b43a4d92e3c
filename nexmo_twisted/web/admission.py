"""Admission control of an endpoint: a bounded number of webhooks in flight, each processed to its end."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from nexmo_twisted.deferreds import shielded
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.ports import Metrics
from nexmo_twisted.web.responses import Endpoint, answer


class Admission:
    """Takes the webhooks of one endpoint, at most ``max_in_flight`` at a time."""

    _log = Logger()

    def __init__(self, metrics: Metrics, max_in_flight: int) -> None:
        self._metrics = metrics
        self._max_in_flight = max_in_flight
        self._taken = 0
        self._waiting: list[Deferred[None]] = []

    def full(self, source: str) -> bool:
        """Whether no more can be taken. To be asked before each webhook of ``source``; a yes is counted as busy."""
        if self._taken < self._max_in_flight:
            return False
        self._metrics.count("webhooks", source, "busy")
        return True

    def take(
        self, request: Request, work: Coroutine[Any, Any, None], source: str, outcome: str, code: int
    ) -> Deferred[bytes]:
        """Finish ``work``, also when the client hangs up.

        Fires with the answer: ``code``, or 503 when the work failed and the sender should come again. Counts
        ``outcome``, or the failure, among the webhooks of ``source``. Unless it is quarantined, the request has a line
        of its own in the access log.
        """
        cast(Any, request).stored = outcome != "quarantined"
        self._taken += 1
        stored = Deferred.fromCoroutine(work).addBoth(self._finished, source, outcome, code)
        return shielded(stored).addCallback(partial(answer, request))

    def failed(self, source: str, failure: Failure) -> None:
        """Log and count a webhook of ``source`` that could not even be taken."""
        self._log.failure("Webhook: unexpected error, answered 503", failure)
        self._metrics.count("webhooks", source, "failed")

    def drained(self) -> Deferred[None]:
        """Fires when no webhook is in flight; once the endpoint is closed, the store may be closed then."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._notify_drained()
        return waiting

    def _finished(self, result: object, source: str, outcome: str, code: int) -> int:
        if isinstance(result, Failure):
            if result.check(StoreUnavailable):
                outcome, code = "unavailable", 503
            else:
                self._log.failure("Webhook: unexpected error while storing it, answered 503", result)
                outcome, code = "failed", 503
        self._taken -= 1
        self._notify_drained()
        self._metrics.count("webhooks", source, outcome)
        return code

    def _notify_drained(self) -> None:
        if not self._taken and self._waiting:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)


class Webhooks(Endpoint, Protocol):
    """A webhook endpoint, that a platform or provider posts to."""

    @property
    def admission(self) -> Admission:
        """Where its webhooks are being worked on."""
