"""What is wrong in the way of each door: webhooks that are nearly right, and much that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from nexmo_twisted.platforms.webhook.signatures import Signatures
from nexmo_twisted.providers.nexmo.signatures import sign
from nexmo_twisted.sandbox.layer.webhooks import signature
from tests.factories import RECEIPT, webhook
from tests.own_chat import deleted, sent, status
from tests.scenarios.bad_http import NOT_IN_A_URL, Headers, Request, in_header
from tests.scenarios.junk import HOSTILE, JUNK, MEBIBYTE, NEXMO_JUNK, OTHER_TYPES, SAID
from tests.scenarios.odd_values import NAMES, damaged, garbage, nested, odd_value, picked, text
from tests.scenarios.outside import FORM, LAYER_TYPE
from tests.scenarios.world import BOB, ONE

#: Members without which a webhook is none, whatever else it may say.
NEEDED = (
    ("event",),
    ("event", "type"),
    ("message",),
    ("message", "id"),
    ("message", "conversation"),
    ("message", "conversation", "id"),
    ("message", "sender"),
    ("message", "sender", "user_id"),
    ("message", "recipient_status"),
    ("message", "recipient_status", "999"),
    ("message", "parts"),
)


def spoiled_webhook(rng: Random) -> bytes:
    """The documented webhook but for one member, which is none of the values it could have."""
    document = webhook()
    *path, last = rng.choice(NEEDED)
    inner = document
    for name in path:
        inner = inner[name]
    wrong = odd_value(rng)
    if last == "sender" and isinstance(wrong, dict):
        wrong.pop("user_id", None)
    if last == "user_id":
        wrong = rng.choice((17, [wrong], {"a": wrong}, "a\0b", "\ud83d", "u" * 1025, ""))
    if last == "recipient_status" and isinstance(wrong, dict):
        wrong["999"] = "pondered"
    if last == "parts" and isinstance(wrong, list):
        wrong.append(None)
    if last == "999" and wrong == "sent":
        wrong = "Sent"
    if last == "type" and wrong == "message.sent":
        wrong = "message.lost"
    inner[last] = wrong
    return json.dumps(document, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")


def odd_webhook(rng: Random) -> bytes:
    """One that has to be accepted, though nobody would have expected it; always about the same message."""
    kind = rng.choice(("sent", "delivered", "read"))
    odd = json.dumps(odd_value(rng)).encode()
    raw = json.dumps(webhook(f"message.{kind}", mood="@", sender={"user_id": rng.choice(HOSTILE)})).encode()
    return raw.replace(b'"@"', odd)


def layer_junk(secret: str) -> Callable[[Random], Request]:
    def junk(rng: Random) -> Request:
        if rng.random() < 0.05:
            return Request(b"GET", b"?verification_challenge=" + quote_from_bytes(garbage(rng, 400)).encode())
        body: bytes = rng.choice(
            (
                lambda: picked(rng, JUNK, len),
                lambda: damaged(rng, picked(rng, JUNK, len))[:MEBIBYTE],
                lambda: spoiled_webhook(rng),
                lambda: spoiled_webhook(rng),
                lambda: odd_webhook(rng),
                lambda: nested(rng),
                lambda: garbage(rng, 400),
            )
        )()
        right = signature(secret, body)
        signatures = [right]
        if rng.random() < 0.3:
            signatures = rng.choice(
                ([], [""], ["0" * 40], [right[1:]], [right, right], ["ü" * 40], [f"sha1={right}"], [text(rng)])
            )
        kind = LAYER_TYPE if rng.random() < 0.9 else rng.choice(OTHER_TYPES)
        headers = [(b"layer-webhook-signature", in_header(one.encode("utf-8", "surrogatepass"))) for one in signatures]
        return Request(headers=typed(kind, headers), body=body)

    return junk


def odd_event(rng: Random) -> bytes:
    """Of a chat of one's own: nearly right, always about the same message and people."""
    members = ("text", "sent_at", "conversation", "sender", "mood")
    wrong: tuple[Any, ...] = (None, 5, [], {}, "", ".", "a\0b")
    odd: Any = odd_value(rng)
    document = rng.choice((sent, sent, status, deleted))
    if document is not sent:
        made = deleted() if document is deleted else status(rng.choice(("read", "delivered")))
        made["data"][rng.choice(("user", "mood"))] = rng.choice(("bob", rng.choice(HOSTILE)))
    elif rng.random() < 0.5:
        people = [{"id": "bob", rng.choice(("phone", "name", "sms", "mood")): odd}, odd]
        made = sent(recipients=people)
    else:
        changed = {rng.choice(members): odd}
        if rng.random() < 0.3:
            changed = {rng.choice(("id", "recipients")): rng.choice(wrong)}
        made = sent(**changed)
    if rng.random() < 0.1:
        made["type"] = odd
    return json.dumps(made, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")


def chat_junk(secret: str, now: Callable[[], float]) -> Callable[[Random], Request]:
    """``secret`` signs most of it at the time ``now`` in seconds."""
    signatures = Signatures([secret], now)

    def junk(rng: Random) -> Request:
        body: bytes = rng.choice(
            (
                lambda: picked(rng, JUNK, len),
                lambda: damaged(rng, json.dumps(sent(recipients=None)).encode()),  # else it is one of another id
                lambda: odd_event(rng),
                lambda: odd_event(rng),
                lambda: nested(rng),
                lambda: garbage(rng, 400),
            )
        )()
        try:
            signed = signatures.signed("msg_misuse", body)
        except UnicodeDecodeError:
            signed = signatures.signed("msg_misuse", b"")
        headers = [(name.lower(), values[0]) for name, values in signed.getAllRawHeaders()]
        if rng.random() < 0.2:
            at = rng.randrange(len(headers))
            name, value = headers[at]
            headers[at : at + 1] = rng.choice(
                (
                    [],
                    [(name, value), (name, value)],
                    [(name, b"")],
                    [(name, value[1:])],
                    [(name, in_header(text(rng).encode("utf-8", "surrogatepass")))],
                )
            )
        return Request(headers=typed(rng.choice((None, "application/json", FORM)), headers), body=body)

    return junk


def typed(kind: str | None, headers: Headers | None = None) -> Headers:
    return [*(headers or ()), *([] if kind is None else [(b"content-type", kind.encode())])]


SMS = {"messageId": "misuse", "msisdn": BOB, "to": ONE, "text": SAID, "type": "text"}


def spoiled_sms(rng: Random) -> list[tuple[str, Any]]:
    """None: something it needs is wrong."""
    wrong = rng.choice(("", "\0", "a\nb", "5" * 200, "\x85"))
    return parameters(rng, {**SMS, rng.choice(("messageId", "msisdn", "to")): wrong})


def odd_sms(rng: Random) -> list[tuple[str, Any]]:
    """It has to be accepted, and is always the same one; a part of a long one it cannot be."""
    sms = {**SMS, "text": rng.choice((text(rng), " ")), "type": rng.choice(("text", "unicode", "vcard", "binary", ""))}
    if rng.random() < 0.3:
        total = rng.choice(("", "0", "1", "256", "-2", " 2", "2.0", "٢", "9" * 100, "\0"))
        part = rng.choice(("1", total))
        sms |= {"concat": "true", "concat-ref": text(rng), "concat-total": total, "concat-part": part}
    return parameters(rng, sms)


def odd_receipt(rng: Random) -> list[tuple[str, Any]]:
    """For an SMS that we never sent."""
    changed = {rng.choice(tuple(RECEIPT)): rng.choice((*HOSTILE, text(rng), "", "0" * 200)) for _ in range(3)}
    return parameters(rng, {**RECEIPT, **changed})


def parameters(rng: Random, params: dict[str, str]) -> list[tuple[str, Any]]:
    """In some order, sometimes with odd names and values or with repeated ones among them."""
    pairs: list[tuple[str, Any]] = list(params.items())
    if rng.random() < 0.3:
        pairs += [
            (rng.choice(NAMES), odd_value(rng)) for _ in range(70 if rng.random() < 0.05 else rng.randrange(1, 4))
        ]
    if rng.random() < 0.1:
        pairs.append(rng.choice(pairs))
    rng.shuffle(pairs)
    return pairs


def nexmo_junk(
    *kinds: Callable[[Random], list[tuple[str, Any]]], secret: str = "", now: Callable[[], float] = float
) -> Callable[[Random], Request]:
    """``secret`` signs most of it at the time ``now`` in seconds; blank for an account that does not sign."""

    def junk(rng: Random) -> Request:
        if rng.random() < 0.25:
            kind, body = picked(rng, NEXMO_JUNK, lambda each: len(each[1]))
            return Request(headers=typed(kind), body=damaged(rng, body) if rng.random() < 0.5 else body)
        pairs = rng.choice(kinds)(rng)
        if secret:
            pairs.append(("timestamp", str(round(now()))))
            signed = {str(name): str(value) for name, value in pairs}
            right = sign(signed, secret, "sha256")
            pairs += rng.choice(([("sig", right)],) * 6 + ([], [("sig", "")], [("sig", right[1:])], [("sig", "ü")]))
        return written_down(rng, pairs)

    return junk


def written_down(rng: Random, pairs: list[tuple[str, Any]]) -> Request:
    """As a query, a form or JSON, sometimes under a wrong name, sometimes damaged."""
    way = rng.choice(("query", "query", "form", "form", "json"))
    form = urlencode([(name, str(value)) for name, value in pairs], errors="surrogatepass").encode()
    if way == "json":
        members = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs)
        kind, body = "application/json", f"{{{members}}}".encode()
    else:
        kind, body = FORM, form
    if rng.random() < 0.1:
        body = damaged(rng, body)
    if way == "query":
        query = body.translate(None, NOT_IN_A_URL)[:4000]
        return Request(rng.choice((b"GET", b"GET", b"POST", b"HEAD")), b"?" + query)
    wrong = rng.choice(OTHER_TYPES) if rng.random() < 0.1 else kind
    query = b"?" + urlencode(SMS).encode() if rng.random() < 0.1 else b""
    return Request(rng.choice((b"POST", b"POST", b"POST", b"GET")), query, typed(wrong), body)


def operator_junk(rng: Random) -> Request:
    """Anything; what the door shows is asked for now and then only, since that is slow."""
    if rng.random() < 0.03:
        return Request(rng.choice((b"GET", b"HEAD")), b"?" + quote_from_bytes(garbage(rng)).encode())
    body = rng.choice((garbage(rng, 300), nested(rng), b"", b""))
    return Request(rng.choice((b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS")), headers=typed(FORM), body=body)
