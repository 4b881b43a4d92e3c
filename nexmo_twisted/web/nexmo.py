"""Nexmo's door: what handsets write to our numbers comes in here.

Source: Vonage SMS API documentation, "Inbound SMS" and "Signing messages". Nexmo delivers by GET, form POST or JSON
POST, repeats for a day what is not answered 2xx, and checks a URL with a bare GET when it is set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from klein import Klein
from twisted.web.server import Request

from nexmo_twisted.errors import BadRequest, BadSignature
from nexmo_twisted.model import InboundSms
from nexmo_twisted.web.doors import Reception, answer, content_type_of, handle_errors, source_of
from nexmo_twisted.web.inbound_sms import Pairs, parameter_sets, read_sms
from nexmo_twisted.web.throttled_log import ThrottledLog


class _Unsigned(Exception):
    """Nothing here carries a signature, although all should."""


@dataclass(frozen=True)
class NexmoDoor:
    """The URL that inbound SMS are delivered to.

    ``signature`` checks one set of parameters and raises BadSignature; None when the account does not sign. Without
    it anybody can come in, so ``strangers`` limits what is logged.
    """

    reception: Reception
    strangers: ThrottledLog
    signature: Callable[[Pairs], object] | None = None

    app = Klein()

    @app.route("/", methods=["GET", "POST"])
    async def inbound(self, request: Request) -> bytes:
        """One SMS: stored before it is answered."""
        query = request.uri.partition(b"?")[2]
        raw = request.content.read()
        if not raw and not query and request.method != b"POST":
            return answer(request, 200)
        reception, source = self.reception, source_of(request)
        if reception.full():
            return answer(request, 503)
        try:
            sms = self._read(query, content_type_of(request), raw)
        except _Unsigned:
            # Probably not switched on for the account yet: these can still come, signed, when it is.
            reception.counters.count("webhooks", "nexmo_missing_signature")
            self.strangers.warn(
                source, "A Nexmo webhook from {source} has no signature; are they switched on?"
            )
            return answer(request, 503)
        except BadSignature as error:
            reception.counters.count("webhooks", "nexmo_unsigned")
            self.strangers.warn(source, "A Nexmo webhook from {source}: {reason}", reason=error.reason)
            return answer(request, 403)
        except BadRequest as error:
            self.strangers.warn(
                source, "A Nexmo webhook from {source} was not understood: {reason}", reason=error.reason
            )
            work = reception.intake.quarantine("nexmo", error.reason, raw or query)
            return answer(request, await reception.take(work, "nexmo_quarantined", 200))
        work = reception.intake.inbound_sms(sms)
        return answer(request, await reception.take(work, "nexmo_stored", 200))

    def _read(self, query: bytes, content_type: str, raw: bytes) -> InboundSms:
        """The SMS in the body, else in the query. With signatures: in the set that carries one, and in no other."""
        sets = [pairs for pairs in parameter_sets(query, content_type, raw) if pairs]
        if self.signature is not None:
            sets = [pairs for pairs in sets if any(name == "sig" and value for name, value in pairs)]
            if not sets:
                raise _Unsigned
            self.signature(sets[0])
        return read_sms(sets[0] if sets else ())


handle_errors(NexmoDoor.app)
