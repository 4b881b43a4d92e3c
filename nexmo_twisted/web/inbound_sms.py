"""What a handset wrote, as Nexmo delivers it. Source: Vonage SMS API documentation, "Inbound SMS"."""

from __future__ import annotations

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.model import InboundSms
from nexmo_twisted.web.parameters import Pairs, by_name, required

_LONGEST_TEXT = 40_000  # characters; an SMS has at most 255 parts of 153


def read_sms(pairs: Pairs) -> InboundSms:
    """The SMS in one set of parameters. Raises BadRequest, which names the parameter, when there is none."""
    params = by_name(pairs)
    message_id, msisdn, to = (required(params, name) for name in ("messageId", "msisdn", "to"))
    text = params.get("text", "")
    if params.get("type") == "binary":
        raise BadRequest("type is binary, which carries no text")
    if not text.strip():
        raise BadRequest("text is empty")
    if len(text) > _LONGEST_TEXT:
        raise BadRequest("text is longer than any SMS")
    return InboundSms(message_id=message_id, msisdn=msisdn, to=to, text=text)
