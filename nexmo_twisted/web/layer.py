"""Layer's door: signed events about messages come in here.

Source: Layer documentation, "Webhooks". Layer retries whatever is not answered 2xx and turns a webhook off that
keeps failing; so what will never be understood is kept for an operator and answered 204.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest, digest

from klein import Klein
from twisted.logger import Logger
from twisted.web.server import Request

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.web.doors import Reception, answer, content_type_of, handle_errors, source_of
from nexmo_twisted.web.layer_events import read_event
from nexmo_twisted.web.throttled_log import ThrottledLog

log = Logger()

_CONTENT_TYPES = ("application/vnd.layer.webhooks+json", "application/json")
_LONGEST_CHALLENGE = 256  # characters


@dataclass(frozen=True)
class LayerDoor:
    """The webhook that is registered with Layer.

    ``secrets`` are the keys of its signature; any of them will do, so that they can be changed in passing.
    ``unsigned`` writes about the rest.
    """

    secrets: tuple[bytes, ...]
    reception: Reception
    unsigned: ThrottledLog

    app = Klein()

    def __post_init__(self) -> None:
        if not self.secrets or not all(self.secrets):
            raise ValueError("a webhook needs a secret")

    @app.route("/", methods=["POST"])
    async def webhook(self, request: Request) -> bytes:
        """One event: stored before it is answered."""
        raw = request.content.read()
        reception = self.reception
        if not self._signed(raw, request):
            reception.counters.count("webhooks", "layer_unsigned")
            self.unsigned.warn(source_of(request), "A Layer webhook from {source} was not signed by Layer")
            return answer(request, 403)
        if reception.full():
            return answer(request, 503)
        try:
            if content_type_of(request) not in _CONTENT_TYPES:
                raise BadRequest("the content type is not that of a webhook")
            event = read_event(raw)
        except BadRequest as error:
            log.warn("A Layer webhook was not understood: {reason}", reason=error.reason)
            work = reception.intake.quarantine("layer", error.reason, raw)
            return answer(request, await reception.take(work, "layer_quarantined", 204))
        if event is None:
            reception.counters.count("webhooks", "layer_ignored")
            return answer(request, 204)
        work = reception.intake.layer_event(event)
        return answer(request, await reception.take(work, "layer_stored", 204))

    @app.route("/", methods=["GET"])
    def verification(self, request: Request) -> bytes:
        """Layer proves that the URL is ours by having a text echoed. It is anybody's text: not to be shown as HTML."""
        challenge = (request.args or {}).get(b"verification_challenge", [b""])[0]
        try:
            too_long = len(challenge.decode("utf-8")) > _LONGEST_CHALLENGE
        except UnicodeDecodeError:
            too_long = True
        if too_long or not challenge:
            return answer(request, 200)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"x-content-type-options", b"nosniff")
        request.setHeader(b"content-length", b"%d" % len(challenge))
        return challenge

    def _signed(self, raw: bytes, request: Request) -> bool:
        given = request.requestHeaders.getRawHeaders(b"layer-webhook-signature", [])
        if len(given) != 1:
            return False
        signature = given[0].lower()
        return any(
            compare_digest(digest(secret, raw, "sha1").hex().encode(), signature) for secret in self.secrets
        )


handle_errors(LayerDoor.app)
