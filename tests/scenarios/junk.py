"""Webhooks that are not what they should be, and user ids that would rather be something else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from tests.factories import MESSAGE_UUID, webhook, without
from tests.inspector import K
from tests.scenarios.outside import FORM
from tests.scenarios.world import TALK

MEBIBYTE = 1024 * 1024
SAID = "tangerine"  # what the text of every junk message says, and no log may


def event(kind: str = "message.sent", **members: Any) -> bytes:
    """The documented webhook with some members of its message replaced."""
    return json.dumps(webhook(kind, **members)).encode()


def event_with(raw: bytes, **members: Any) -> bytes:
    """The same with one more member of the message, which is written exactly so."""
    return event(**members, mood="@").replace(b'"@"', raw)


def part(**members: Any) -> list[dict[str, Any]]:
    return [{"mime_type": "text/plain", "body": SAID, **members}]


def lacking(*path: str) -> bytes:
    return json.dumps(without(webhook(), *path)).encode()


def replaced(**members: Any) -> bytes:
    """The documented webhook with members of the whole document replaced."""
    return json.dumps({**webhook(), **members}).encode()


#: Signed, but not what it should be.
JUNK: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": SAID.encode(),
    "half of it": event()[:-20],
    "twice": event() + event(),
    "not UTF-8": b'{"event": "\xff\xfe"}',
    "UTF-16": event().decode().encode("utf-16"),
    "a form": urlencode({"text": SAID}).encode(),
    "a list": b"[]",
    "a list of events": b"[" + event() + b"]",
    "null": b"null",
    "a number": b"17",
    "a text": b'"' + SAID.encode() + b'"',
    "an empty object": b"{}",
    "no event": lacking("event"),
    "event null": replaced(event=None),
    "event a text": replaced(event=SAID),
    "no type": lacking("event", "type"),
    "type null": replaced(event={"type": None}),
    "type a list": replaced(event={"type": ["message.sent"]}),
    "unknown event": event("message.exploded"),
    "an event we did not ask for": event("conversation.created"),
    "no message": lacking("message"),
    "message null": replaced(message=None),
    "message a list": replaced(message=[SAID]),
    "no id": lacking("message", "id"),
    "id null": event(id=None),
    "id a number": event(id=17),
    "id of a conversation": event(id=f"layer:///conversations/{MESSAGE_UUID}"),
    "id without its scheme": event(id=MESSAGE_UUID),
    "id of other characters": event(id="layer:///messages/" + "z" * 36),
    "id with a line break": event(id=f"layer:///messages/{MESSAGE_UUID}\n"),
    "id with more": event(id=f"layer:///messages/{MESSAGE_UUID}/../../users"),
    "id in other digits": event(id="layer:///messages/" + MESSAGE_UUID.replace("9", "\u0669")),
    "NUL in the id": event(id=f"layer:///messages/{MESSAGE_UUID}\0"),
    "no conversation": lacking("message", "conversation"),
    "conversation null": event(conversation=None),
    "conversation a text": event(conversation=TALK),
    "conversation without id": event(conversation={}),
    "conversation with another id": event(conversation={"id": "layer:///conversations/../users"}),
    "no sender": lacking("message", "sender"),
    "sender null": event(sender=None),
    "sender a text": event(sender="12345"),
    "sender empty": event(sender={}),
    "sender with neither": event(sender={"user_id": None, "name": None}),
    "sender's id a number": event(sender={"user_id": 12345}),
    "sender's id blank": event(sender={"user_id": ""}),
    "sender's id very long": event(sender={"user_id": "u" * 1025}),
    "NUL in the sender's id": event(sender={"user_id": "bob\0"}),
    "line break in the sender's id": event(sender={"user_id": "bob\r\nHost: x"}),
    "half a character in the sender's id": event(sender={"user_id": "\ud83d"}),
    "sender's name a list": event(sender={"name": [SAID]}),
    "no recipients": lacking("message", "recipient_status"),
    "recipients null": event(recipient_status=None),
    "recipients a list": event(recipient_status=["12345", "999"]),
    "unknown status": event(recipient_status={"12345": "read", "999": "pondered"}),
    "status null": event(recipient_status={"999": None}),
    "status an object": event(recipient_status={"999": {"sent": True}}),
    "NUL in the only recipient's id": event(recipient_status={"9\x0099": "sent"}),
    "a recipient without id": event(recipient_status={"": "sent"}),
    "no parts": lacking("message", "parts"),
    "parts null": event(parts=None),
    "parts an object": event(parts={"0": part()[0]}),
    "a part null": event(parts=[None]),
    "a part a text": event(parts=[SAID]),
    "a part without type": event(parts=[{"body": SAID}]),
    "body a number": event(parts=part(body=17)),
    "body a list": event(parts=part(body=[SAID])),
    "half a character and no text": event(parts=part(body="\ud83d")),
    "200,000 levels of lists": b"[" * 200_000,
    "200,000 levels of lists and back": event_with(b"[" * 200_000 + b"]" * 200_000),
    "100,000 levels of objects": event_with(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a status of 5,000 digits": event(recipient_status={"999": "@"}).replace(b'"@"', b"7" * 5000),
    "NUL bytes only": b"\0" * 1000,
    "exactly 1 MiB": b"[" + b" " * (MEBIBYTE - 1),
}
#: What nobody needs is odd, and the message is texted all the same.
UNNEEDED: dict[str, bytes] = {
    "a number of 5,000 digits": event_with(b"7" * 5000),
    "not a number": event_with(b"NaN"),
    "infinity": event_with(b"-Infinity"),
    "a NUL byte": event_with(b'"\0"'),
    "not valid Unicode": event_with(b'"\\ud800"'),
    "the other half": event_with(b'"\\udfff"'),
    "not UTF-8": event_with(b'"caf\xe9"'),
    "a hundred levels": event_with(b"[" * 100 + b"]" * 100),
    "a byte order mark": b"\xef\xbb\xbf" + event(),
    "sender's name an object": event(sender={"user_id": "12345", "name": {}}),
    "an odd recipient": event(recipient_status={"12345": "read", "999": "sent", "111": "pondered"}),
    "an odd part": event(parts=[None, *part(body="This is the message.")]),
}
#: Right, but declared to be something else.
OTHER_TYPES = (
    "text/plain",
    "text/xml",
    FORM,
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "application/jsonx",
)

#: Webhooks of Nexmo that carry no SMS: content type and body.
NEXMO_JUNK: dict[str, tuple[str, bytes]] = {
    "nothing": (FORM, b""),
    "not a form": (FORM, b"\xff\xfe\xfd"),
    "no messageId": (FORM, b"msisdn=12015550112&to=12015550101&text=tangerine"),
    "no msisdn": (FORM, b"messageId=1&to=12015550101&text=tangerine"),
    "no to": (FORM, b"messageId=1&msisdn=12015550112&text=tangerine"),
    "no text": (FORM, b"messageId=1&msisdn=12015550112&to=12015550101"),
    "not UTF-8": (FORM, b"messageId=1&msisdn=12015550112&to=12015550101&text=tangerine%ff"),
    "twice": (FORM, b"messageId=1&messageId=2&msisdn=12015550112&to=12015550101&text=tangerine"),
    "a long messageId": (FORM, b"msisdn=12015550112&to=12015550101&text=tangerine&messageId=" + b"1" * 200),
    "NUL in the messageId": (FORM, b"messageId=%00&msisdn=12015550112&to=12015550101&text=tangerine"),
    "line break in the number": (FORM, b"messageId=1&msisdn=12015550112%0d%0a&to=12015550101&text=tangerine"),
    "too many parameters": (FORM, b"&".join(b"p%d=tangerine" % n for n in range(100))),
    "a text of no SMS": (FORM, b"messageId=1&msisdn=12015550112&to=12015550101&text=" + b"tangerine" * 10_000),
    "a delivery receipt": (FORM, b"messageId=1&msisdn=12015550112&to=12015550101&status=delivered&err-code=0"),
    "XML": ("text/xml", b"<text>tangerine</text>"),
    "multipart": ("multipart/form-data; boundary=x", b"--x\r\n\r\ntangerine\r\n--x--\r\n"),
    "not JSON": ("application/json", b"tangerine"),
    "a list": ("application/json", b'["tangerine"]'),
    "an empty object": ("application/json", b"{}"),
    "nested": ("application/json", b'{"messageId": {"a": "tangerine"}, "msisdn": "1", "to": "2", "text": "x"}'),
    "all null": ("application/json", b'{"messageId": null, "msisdn": null, "to": null, "text": null}'),
    "200,000 levels": ("application/json", b'{"text":' + b"[" * 200_000),
    "5,000 digits": (
        "application/json",
        b'{"messageId": ' + b"7" * 5000 + b', "msisdn": "12015550112", "to": "12015550101", "text": "tangerine"}',
    ),
    "not valid Unicode": (
        "application/json",
        b'{"messageId": "1", "msisdn": "tangerine \\ud83d", "to": "12015550101", "text": "x"}',
    ),
    "not a number": ("application/json", b'{"messageId": NaN}'),
}

#: Ids of users who would rather be a path, a key, a pattern, a header or somebody else.
HOSTILE = (
    *(".", "..", "/", "//", "../..", "../../webhooks", "a/b/../c", "a/b", "/etc/passwd", "\\..\\"),
    *("%2e%2e", "%2f", "a?b=c", "a#b", "a;b", "a b", " bob", "bob ", "+", "&", "*", "[a-z]", "?"),
    *("phone-", "phone-12015550112", "phone-12015550113", "Phone-12015550112", "PHONE-1"),
    *(K.due, "links:bob", "}{", "' OR '1'='1", "$(reboot)", "{{ 7 * 7 }}", "layer:///messages/1"),
    *("😀", "e\u0301", "\u202ebob", "\ufeffbob", "bob\u2028", "\U0010ffff", "0", "-1", "null", "u" * 1024),
)
