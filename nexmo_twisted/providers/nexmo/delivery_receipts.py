"""What became of an SMS, as Nexmo reports it. Source: Vonage SMS API documentation, "Delivery receipts"."""

from __future__ import annotations

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.providers.nexmo.parameters import Found, by_name, optional, required
from nexmo_twisted.providers.nexmo.receipt_codes import read_state

_NEEDED = ("status",)
RECEIPT_NAMES = frozenset({*_NEEDED, "messageId", "client-ref", "msisdn", "to", "err-code"})


def read_receipt(found: Found) -> DeliveryReport:
    """The receipt in one set of parameters. Any word will do for its status: not all of them are documented.

    What else it says may be missing or of no use. Raises BadRequest, which names the parameter, without a status or
    when nothing says which SMS is meant.
    """
    params = by_name(found, RECEIPT_NAMES, _NEEDED)
    message_id, client_ref = optional(params, "messageId"), optional(params, "client-ref")
    if not message_id and not client_ref:
        raise BadRequest("messageId and client-ref are both missing")
    return DeliveryReport(
        ref=client_ref,
        message_id=message_id,
        handset=optional(params, "msisdn"),
        number=optional(params, "to"),
        state=read_state(required(params, "status").lower(), optional(params, "err-code")),
    )
