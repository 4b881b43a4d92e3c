"""What a handset wrote, as Nexmo delivers it. Source: Vonage SMS API documentation, "Inbound SMS"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nexmo_twisted.domain.model import InboundSms, Part
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.providers.nexmo.parameters import LONGEST_TEXT, Found, by_name, optional, required

_NEEDED = ("messageId", "msisdn", "to", "text")
_CONCAT = ("concat-ref", "concat-total", "concat-part", "concat")
SMS_NAMES = frozenset({*_NEEDED, "type", *_CONCAT})
_LONGEST_PART = 1_000  # several times what fits into one; so much is kept of each until all have come
_MOST_PARTS = 255
_REFERENCE = re.compile(r"[\w-]{1,40}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,3}")


def read_sms(found: Found) -> InboundSms:
    """The SMS in one set of parameters. It may be blank; a binary one is what it is, whatever else it carries.

    Raises BadRequest, which names the parameter, when there is none.
    """
    params = by_name(found, SMS_NAMES, _NEEDED)
    message_id, msisdn, to = (required(params, name) for name in ("messageId", "msisdn", "to"))
    kind = optional(params, "type").lower()
    if kind == "binary":
        return InboundSms(message_id=message_id, msisdn=msisdn, to=to, text="", binary=True)
    text = params.get("text", "" if kind in ("text", "unicode") else None)
    if text is None:
        raise BadRequest("text is not UTF-8, or too long" if "text" in params else "text is missing")
    if len(text) > LONGEST_TEXT:
        raise BadRequest("text is longer than any SMS")
    return InboundSms(
        message_id=message_id,
        msisdn=msisdn,
        to=to,
        text=text,
        part=_part(params) if len(text) <= _LONGEST_PART else None,
    )


def _part(params: Mapping[str, str | None]) -> Part | None:
    """Which part of a long SMS it is. What makes no sense is taken for an SMS of its own, so that nothing is lost."""
    reference, total, number, flag = (params.get(name) or "" for name in _CONCAT)
    counts = _COUNT.fullmatch(total) and _COUNT.fullmatch(number) and 1 <= int(number) <= int(total) <= _MOST_PARTS
    if not counts or int(total) == 1 or not _REFERENCE.fullmatch(reference):
        return None
    said = flag.lower() == "true" or "concat" not in params
    return Part(reference, int(total), int(number)) if said else None
