"""Layer's endpoint: signed events about messages come in here.

Source: Layer documentation, "Webhooks". Layer repeats whatever is not answered 2xx, and turns off a webhook that
keeps failing; so what will never be understood is kept for an operator and answered 202 with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hmac import compare_digest, digest

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.platforms.layer.events import read_event
from nexmo_twisted.platforms.layer.large_bodies import LargeBody
from nexmo_twisted.ports import ChatIntake, Metrics
from nexmo_twisted.web.admission import Admission
from nexmo_twisted.web.responses import answer, answer_errors, body_of, content_type_of, is_json, source_of
from nexmo_twisted.web.throttled_log import ThrottledLog

log = Logger()

_LONGEST_CHALLENGE = 256  # characters


@dataclass(frozen=True, kw_only=True)
class LayerWebhook:
    """The webhook that is registered with Layer.

    ``secrets`` are the keys of the signature, any of which will do, so that a new one can be brought in while the old
    one is still in use. ``api_root`` is ``<api_url>/apps/<app id>``, where the URLs of its objects begin.
    ``max_in_flight`` is how many webhooks are worked on at a time; more are answered 503.
    """

    secrets: tuple[bytes, ...]
    api_root: str
    intake: ChatIntake
    metrics: Metrics
    clock: IReactorTime
    max_in_flight: int = 256

    app = Klein()

    def __post_init__(self) -> None:
        if not self.secrets or not all(self.secrets):
            raise ValueError("a webhook needs a secret, and none may be empty")

    @cached_property
    def admission(self) -> Admission:
        """Where its webhooks are being worked on."""
        return Admission(self.metrics, self.max_in_flight)

    @app.route("/", methods=["POST"])
    def webhook(self, request: Request) -> bytes | Deferred[bytes]:
        """One event: stored before it is answered."""
        large = getattr(request, "large", None)
        if isinstance(large, LargeBody):
            return self._too_large(request, large)
        raw = body_of(request)
        if not self._signed(raw, request):
            return self._unsigned(request, 403)
        admission = self.admission
        if admission.full("layer"):
            return answer(request, 503)
        try:
            content_type = content_type_of(request)
            if content_type and not is_json(content_type):
                raise BadRequest("the content type is not that of a webhook")
            event = read_event(raw)
        except BadRequest as error:
            return self._set_aside(request, error.reason, raw)
        if event is None:
            self.metrics.count("webhooks", "layer", "ignored")
            return answer(request, 204)
        for kind, amount in event.left_out.items():
            self.metrics.count("webhook_members_ignored", kind, amount=amount)
            self._throttled.warn(kind, "Layer webhook: ignored unusable members of an event: {kind}", kind=kind)
        return admission.take(request, self.intake.event(event.chat_event(self.api_root)), "layer", "stored", 204)

    def _too_large(self, request: Request, body: LargeBody) -> bytes | Deferred[bytes]:
        """The signature is that of all that came, of which only the beginning is there."""
        if not body.is_signed():
            return self._unsigned(request, 413)
        if self.admission.full("layer"):
            return answer(request, 503)
        return self._set_aside(request, "too large: the body has more than 1 MiB", bytes(body.beginning))

    def _unsigned(self, request: Request, code: int) -> bytes:
        self.metrics.count("webhooks", "layer", "unsigned")
        address = source_of(request)
        text = "Layer webhook: rejected an unsigned request from {address}; if Layer sent it, check layer.secret"
        self._throttled.warn(address, text, address=address)
        return answer(request, code)

    def _set_aside(self, request: Request, reason: str, raw: bytes) -> Deferred[bytes]:
        self._throttled.warn(reason, "Quarantined a malformed Layer webhook: {reason}", reason=reason)
        kept = self.intake.quarantine(reason, raw)
        taken = self.admission.take(request, kept, "layer", "quarantined", 202)
        return taken.addCallback(_with_reason, request, reason)

    @app.route("/", methods=["GET"])
    def verification(self, request: Request) -> bytes:
        """Layer has a text echoed to see that the URL is ours. Any client can ask, so it must not pass for HTML."""
        challenge: bytes = (request.args or {}).get(b"verification_challenge", [b""])[0]
        if not challenge or not _short_text(challenge):
            return answer(request, 200)
        request.responseHeaders.setRawHeaders(b"content-type", [b"text/plain; charset=utf-8"])
        request.responseHeaders.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(challenge)])
        return challenge

    def failed(self, _request: Request, failure: Failure) -> None:
        """Log and count an unexpected error."""
        self.admission.failed("layer", failure)

    @cached_property
    def _throttled(self) -> ThrottledLog:
        return ThrottledLog(log, self.clock)

    def _signed(self, raw: bytes, request: Request) -> bool:
        given = request.requestHeaders.getRawHeaders(b"layer-webhook-signature", [])
        if len(given) != 1:
            return False
        signature = given[0].lower()
        return any(compare_digest(digest(key, raw, "sha1").hex().encode(), signature) for key in self.secrets)


def _with_reason(_: bytes, request: Request, reason: str) -> bytes:
    """The answer that says why, for the developers of a backend; blank when nothing could be stored."""
    if request.code != 202:
        return b""
    told = f"not used: {reason}\n".encode()
    request.responseHeaders.setRawHeaders(b"content-type", [b"text/plain; charset=utf-8"])
    request.responseHeaders.setRawHeaders(b"x-content-type-options", [b"nosniff"])
    request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(told)])
    return told


def _short_text(raw: bytes) -> bool:
    try:
        return len(raw.decode("utf-8")) <= _LONGEST_CHALLENGE
    except UnicodeDecodeError:
        return False


answer_errors(LayerWebhook.app)
