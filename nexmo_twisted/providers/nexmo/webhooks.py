"""Nexmo's endpoint: what handsets write to our numbers comes in here, and what became of the SMS we sent.

Source: Vonage SMS API documentation, "Inbound SMS", "Delivery receipts" and "Signing messages". Nexmo delivers by
GET, form or JSON, repeats for a day what is not answered 2xx, and tries a URL with a bare GET when it is set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.ports import Metrics, SmsIntake
from nexmo_twisted.providers.nexmo.delivery_receipts import RECEIPT_NAMES, read_receipt
from nexmo_twisted.providers.nexmo.inbound_sms import SMS_NAMES, read_sms
from nexmo_twisted.providers.nexmo.parameters import Found, Pairs, all_text, parameter_sets
from nexmo_twisted.providers.nexmo.signatures import MissingSignature
from nexmo_twisted.web.admission import Admission
from nexmo_twisted.web.responses import answer, answer_errors, body_of, content_type_of, source_of
from nexmo_twisted.web.throttled_log import ThrottledLog

log = Logger()

Webhook = TypeVar("Webhook")

UNSIGNED = (
    "Nexmo webhooks: without a signature, answered 503 so that Nexmo repeats them; have Vonage enable signed webhooks "
    "for the account, or unset nexmo.signature_secret"
)

UNCOVERED = (
    "Nexmo webhooks: with a signature that cannot be verified because a parameter is not text, answered 503 so that "
    "Nexmo repeats them; ask Vonage how that parameter is signed, or unset nexmo.signature_secret"
)


@dataclass(frozen=True)
class NexmoWebhooks:
    """The URL that inbound SMS are delivered to, and ``/receipt`` beneath it for delivery receipts.

    ``signature`` checks one set of parameters, raising MissingSignature, BadSignature or BadRequest; None when the
    account does not sign. What strangers could have posted is then kept nowhere. ``max_in_flight`` is how many webhooks
    are worked on at a time; more are answered 503.
    """

    intake: SmsIntake
    metrics: Metrics
    clock: IReactorTime
    signature: Callable[[Pairs], object] | None = None
    max_in_flight: int = 256

    app = Klein()

    @cached_property
    def admission(self) -> Admission:
        """Where its webhooks are being worked on."""
        return Admission(self.metrics, self.max_in_flight)

    @app.route("/", methods=["GET", "POST"])
    def inbound(self, request: Request) -> bytes | Deferred[bytes]:
        """One SMS from a handset."""
        return self._take(request, "nexmo", read_sms, SMS_NAMES, self.intake.inbound_sms)

    @app.route("/receipt", methods=["GET", "POST"])
    def receipt(self, request: Request) -> bytes | Deferred[bytes]:
        """What became of one part of an SMS to a handset."""
        return self._take(request, "receipt", read_receipt, RECEIPT_NAMES, self.intake.receipt)

    def _take(
        self,
        request: Request,
        source: str,
        read: Callable[[Found], Webhook],
        names: Collection[str],
        store: Callable[[Webhook], Coroutine[Any, Any, None]],
    ) -> bytes | Deferred[bytes]:
        """One webhook: stored before it is answered. ``source`` is "nexmo" for an inbound SMS, or "receipt"."""
        cast(Any, request).source = source
        raw, query = body_of(request), request.uri.partition(b"?")[2]
        if request.method == b"HEAD" or (not raw and not query and request.method != b"POST"):
            return answer(request, 200)  # a test of the URL; HEAD changes nothing
        admission = self.admission
        if admission.full(source):
            self._comes_again(source)
            return answer(request, 503)
        trusted = self.signature is None
        found: Found = ()
        try:
            sets = parameter_sets(query, content_type_of(request), raw, names if trusted else None)
            found = _meant(sets, names, signed=not trusted)
            if self.signature is not None:
                self.signature(all_text(found))
                trusted = True
            webhook = read(found)
        except MissingSignature:
            with suppress(BadRequest):
                read(found)  # raises for junk, which is no reason for an alarm
                self._throttled.alarm(UNSIGNED)
            # Signing may not be switched on for the account yet; what is repeated later will be signed.
            return self._turn_away(request, 503, source, "unsigned", "no signature: are signed webhooks enabled?")
        except BadSignature as error:
            return self._turn_away(request, 403, source, "forged", error.reason)
        except BadRequest as error:
            if not trusted:
                if _has_signature(found) and any(value is None for _, value in found):
                    self._throttled.alarm(UNCOVERED)
                return self._turn_away(request, 503, source, "unsigned", error.reason)
            self._throttled.warn(error.reason, "Quarantined a malformed Nexmo webhook: {reason}", reason=error.reason)
            whole = b"?".join(given for given in (raw, query) if given)
            kept = self.intake.quarantine(error.reason, whole)
            return admission.take(request, kept, source, "quarantined", 200)
        taken = admission.take(request, store(webhook), source, "stored", 200)
        return taken.addCallback(self._stored, request, source)

    def _stored(self, body: bytes, request: Request, source: str) -> bytes:
        if request.code == 503:
            self._comes_again(source)
        return body

    def _comes_again(self, source: str) -> None:
        if source == "nexmo":
            self.intake.turned_away()

    def _turn_away(self, request: Request, code: int, source: str, outcome: str, reason: str) -> bytes:
        self.metrics.count("webhooks", source, outcome)
        request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        address = source_of(request)
        text = "Nexmo webhook: rejected a request from {address}: {reason}"
        self._throttled.warn(address, text, address=address, reason=reason)
        return answer(request, code)

    def failed(self, request: Request, failure: Failure) -> None:
        """Log and count an unexpected error."""
        self.admission.failed(getattr(request, "source", "nexmo"), failure)

    @cached_property
    def _throttled(self) -> ThrottledLog:
        return ThrottledLog(log, self.clock)


def _meant(sets: Sequence[Found], names: Collection[str], *, signed: bool) -> Found:
    """The parameters in the body, else those in the query, if one of them has one of these names. ``signed``: those
    with a signature before the others."""
    there = [found for found in sets if found]
    there.sort(key=lambda found: (signed and not _has_signature(found), not any(name in names for name, _ in found)))
    return there[0] if there else ()


def _has_signature(found: Found) -> bool:
    return any(name == "sig" and value for name, value in found)


answer_errors(NexmoWebhooks.app)
