"""The endpoint for the events of a chat of one's own: signed events about messages come in here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from nexmo_twisted.domain.compact_json import dump
from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.platforms.webhook.events import UnknownType, read_event
from nexmo_twisted.platforms.webhook.signatures import Signatures
from nexmo_twisted.ports import ChatIntake, Metrics
from nexmo_twisted.web.admission import Admission
from nexmo_twisted.web.responses import answer, answer_errors, body_of, source_of
from nexmo_twisted.web.throttled_log import ThrottledLog

log = Logger()

SOURCE = "chat"


@dataclass(frozen=True, kw_only=True)
class ChatWebhook:
    """``region`` is the country of phones without a country code, ``max_in_flight`` how many events are worked on at a
    time; more are answered 503."""

    signatures: Signatures
    region: str
    intake: ChatIntake
    metrics: Metrics
    clock: IReactorTime
    max_in_flight: int = 256

    app = Klein()

    @cached_property
    def admission(self) -> Admission:
        """Where its webhooks are being worked on."""
        return Admission(self.metrics, self.max_in_flight)

    @app.route("/", methods=["POST"])
    def event(self, request: Request) -> bytes | Deferred[bytes]:
        """One event: stored before it is answered. Whatever the content type says, the body is what was signed."""
        raw = body_of(request)
        try:
            self.signatures.check(request.requestHeaders, raw)
        except BadSignature as error:
            return self._unsigned(request, error.reason)
        if self.admission.full(SOURCE):
            return answer(request, 503)
        try:
            found = read_event(raw, self.region)
        except UnknownType as error:
            self.metrics.count("webhooks", SOURCE, "ignored")
            self._throttled.warn("type", "Chat webhook: refused an event: {reason}", reason=error.reason)
            return _told(request, 422, {"error": error.reason})
        except BadRequest as error:
            self._throttled.warn(
                "event", "Chat webhook: quarantined an event, answered 422: {reason}", reason=error.reason
            )
            kept = self.intake.quarantine(error.reason, raw)
            taken = self.admission.take(request, kept, SOURCE, "quarantined", 422)
            return taken.addCallback(_with, request, {"error": error.reason}, 422)
        for kind, amount in found.event.left_out.items():
            self.metrics.count("webhook_members_ignored", kind, amount=amount)
        if not found.warnings:
            return self.admission.take(request, self.intake.event(found.event), SOURCE, "stored", 204)
        self._throttled.warn(
            "member", "Chat webhook: stored an event, but not all of it: {what}", what=found.warnings[0]
        )
        taken = self.admission.take(request, self.intake.event(found.event), SOURCE, "stored", 202)
        return taken.addCallback(_with, request, {"stored": True, "warnings": found.warnings}, 202)

    @app.route("/", methods=["GET"])
    def test(self, request: Request) -> bytes:
        """A request that checks whether this URL is served."""
        return answer(request, 200)

    def failed(self, _request: Request, failure: Failure) -> None:
        """Log and count an unexpected error."""
        self.admission.failed(SOURCE, failure)

    def _unsigned(self, request: Request, reason: str) -> bytes:
        self.metrics.count("webhooks", SOURCE, "unsigned")
        address = source_of(request)
        text = "Chat webhook: rejected a request from {address}, answered 401: {reason}"
        self._throttled.warn(address, text, address=address, reason=reason)
        return _told(request, 401, {"error": reason})

    @cached_property
    def _throttled(self) -> ThrottledLog:
        return ThrottledLog(log, self.clock)


def _with(_: bytes, request: Request, members: dict[str, object], code: int) -> bytes:
    """The answer with a body, unless it became another one since nothing could be stored."""
    return _told(request, code, members) if request.code == code else b""


def _told(request: Request, code: int, members: dict[str, object]) -> bytes:
    told = dump(members).encode()
    request.setResponseCode(code)
    request.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
    request.responseHeaders.setRawHeaders(b"x-content-type-options", [b"nosniff"])
    request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(told)])
    return told


answer_errors(ChatWebhook.app)
