"""Values that many tests make: webhooks as the companies document them, and what is read from them.

Constants are the documented examples; functions return a new value each time, which a test may change.
"""

from __future__ import annotations

import copy
from typing import Any, cast
from uuid import UUID

from nexmo_twisted.domain.delivery import DeliveryReport, DeliveryState, DeliveryStatus
from nexmo_twisted.domain.model import ChatEvent, EventKind, InboundSms, Status
from nexmo_twisted.platforms.layer.events import LayerEvent
from nexmo_twisted.providers.nexmo.receipt_codes import read_state

MESSAGE_UUID = "940de862-3c96-11e4-baad-164230d1df67"
CONVERSATION_UUID = "e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"
CONVERSATION = f"layer:///conversations/{CONVERSATION_UUID}"
#: Where the URLs of the documented message begin: Layer's API, for one application.
API_ROOT = "https://api.layer.com/apps/24f43c32-4d95-11e4-b3a2-0fd00000020d"

#: The Message object of Layer's documentation.
MESSAGE: dict[str, Any] = {
    "id": f"layer:///messages/{MESSAGE_UUID}",
    "url": f"{API_ROOT}/messages/{MESSAGE_UUID}",
    "conversation": {"id": CONVERSATION, "url": f"{API_ROOT}/conversations/{CONVERSATION_UUID}"},
    "parts": [
        {
            "id": f"layer:///messages/{MESSAGE_UUID}/parts/0",
            "mime_type": "text/plain",
            "body": "This is the message.",
        },
        {
            "id": f"layer:///messages/{MESSAGE_UUID}/parts/1",
            "mime_type": "image/png",
            "content": {
                "id": "layer:///content/7a0aefb8-3c97-11e4-baad-164230d1df67",
                "download_url": "http://example.com/image.png",
                "expiration": "2014-09-09T04:44:47+00:00",
                "refresh_url": f"{API_ROOT}/content/7a0a",
                "size": 172114124,
            },
        },
    ],
    "sent_at": "2014-09-09T04:44:47+00:00",
    "sender": {"user_id": "12345", "name": None},
    "recipient_status": {"12345": "read", "999": "sent", "111": "sent"},
}

#: Our numbers, and the phone of a recipient.
NUMBERS = ("12015550101", "12015550102")
HANDSET = "12015550198"
#: The default of ``report_on_status``: who has one of these after the delay gets an SMS.
REPORT = (Status.SENT, Status.DELIVERED)

#: The parameters of an inbound SMS, and what is read from them.
SMS = {
    "msisdn": "447700900001",
    "to": "447700900000",
    "messageId": "0A0000000123ABCD1",
    "text": "Hello world",
    "type": "text",
    "keyword": "HELLO",
    "message-timestamp": "2020-01-01 12:00:00",
}
READ_SMS = InboundSms(message_id="0A0000000123ABCD1", msisdn="447700900001", to="447700900000", text="Hello world")

#: The parameters of the delivery receipt of Nexmo's documentation, and what is read from them.
RECEIPT = {
    "err-code": "0",
    "message-timestamp": "2018-10-25 12:10:29",
    "messageId": "0B00000127FDBC63",
    "msisdn": "447547232824",
    "network-code": "23410",
    "price": "0.03330000",
    "scts": "1810251310",
    "status": "delivered",
    "to": "Vonage",
    "api-key": "abcd1234",
    "client-ref": "m-42",
}
READ_RECEIPT = DeliveryReport(
    ref="m-42",
    message_id="0B00000127FDBC63",
    handset="447547232824",
    number="Vonage",
    state=DeliveryState(DeliveryStatus.DELIVERED),
)


def uuid(n: int) -> str:
    """The id of message ``n``."""
    return str(UUID(int=n, version=4))


def documented() -> dict[str, Any]:
    """The Message object of Layer's documentation."""
    return copy.deepcopy(MESSAGE)


def webhook(kind: object = "message.sent", actor: Any = None, **members: Any) -> dict[str, Any]:
    """Layer's documented webhook; ``members`` replace those of the message."""
    return {
        "event": {
            "created_at": "2014-09-15T04:44:47+00:00",
            "type": kind,
            "id": "c12f340d-3b62-4cf1-9b93-ef4d754cfe69",
            "actor": {"user_id": "12345", "name": None} if actor is None else actor,
        },
        "message": documented() | members,
        "config": {"name": "Nexmo Integration"},
    }


def without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """The document without the member at the end of the path."""
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return document


def event(kind: str, message_id: str = MESSAGE_UUID, /, **statuses: Status) -> ChatEvent:
    """An event ("sent", "delivered", "read" or "deleted") of a message that Ann sent to the users in ``statuses``."""
    everybody = {"ann": Status.READ} | statuses
    message = documented() | {"id": f"layer:///messages/{message_id}"}
    return LayerEvent(
        kind=cast(EventKind, kind), message_id=message_id, sender="ann", statuses=everybody, message=message
    ).chat_event(API_ROOT)


def delivery_report(
    ref: str, message_id: str, handset: str, number: str, status: str = "delivered", code: str = "0"
) -> DeliveryReport:
    """A report with Nexmo's word and code."""
    return DeliveryReport(
        ref=ref, message_id=message_id, handset=handset, number=number, state=read_state(status, code)
    )


def receipt(client_ref: str, status: str = "delivered") -> DeliveryReport:
    """The delivery receipt of the SMS that was sent to HANDSET with that reference."""
    return delivery_report(client_ref, "provider-id", HANDSET, NUMBERS[0], status)


def kept(state: DeliveryState | None) -> str:
    """As Redis keeps it, blank for none."""
    return "" if state is None else state.kept
