"""Signatures after Standard Webhooks 1.0.0: of what comes in, and of what goes out.

Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md. The published library signs;
its check is not used, since it reads the clock of the machine itself and does not tell how far off another one is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hmac import compare_digest

from standardwebhooks.webhooks import Webhook
from twisted.web.http_headers import Headers

from nexmo_twisted.errors import BadSignature

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

#: Seconds that the clock of a sender may differ from ours.
TOLERANCE = 300
#: Signatures of one webhook that are looked at; a sender in rotation has two.
_MOST = 16

_ID = re.compile(b"[!-~]{1,255}")
_TIMESTAMP = re.compile(b"[0-9]{1,11}")
_ANY = re.compile(b".*", re.DOTALL)


class Signatures:
    """``secrets`` are ``whsec_...``: the first one signs, all are accepted. ``wall`` gives seconds since the epoch."""

    def __init__(self, secrets: Sequence[str], wall: Callable[[], float]) -> None:
        if not secrets:
            raise ValueError("a signature needs a secret")
        self._keys = [Webhook(secret) for secret in secrets]
        self._wall = wall

    def signed(self, webhook_id: str, body: bytes) -> Headers:
        """The headers of a request with that body, sent now."""
        now = int(self._wall())
        signature = self._keys[0].sign(webhook_id, datetime.fromtimestamp(now, UTC), body.decode())
        return Headers({ID: [webhook_id], TIMESTAMP: [str(now)], SIGNATURE: [signature]})

    def check(self, headers: Headers, body: bytes) -> None:
        """Raises BadSignature for what is not signed, or with a time that is more than five minutes off."""
        webhook_id = _only(headers, ID, _ID).decode()
        timestamp = int(_only(headers, TIMESTAMP, _TIMESTAMP))
        signatures = _only(headers, SIGNATURE, _ANY).split(b" ", _MOST)[:_MOST]
        try:
            text, at = body.decode(), datetime.fromtimestamp(timestamp, UTC)
        except (UnicodeDecodeError, ValueError):  # these cannot be signed: a year of five digits, what is not UTF-8
            raise BadSignature("no signature of this body with this time is possible") from None
        expected = [key.sign(webhook_id, at, text).encode() for key in self._keys]
        right = [compare_digest(one, other) for one in expected for other in signatures]
        if not any(right):
            raise BadSignature(f"no signature in {SIGNATURE} is right: check webhook.secret")
        ahead = timestamp - int(self._wall())
        if abs(ahead) > TOLERANCE:
            side = "ahead of" if ahead > 0 else "behind"
            raise BadSignature(
                f"{TIMESTAMP} is {abs(ahead)} seconds {side} this server's clock, {TOLERANCE} are allowed: it is an "
                "old request, or one of the clocks is wrong"
            )


def _only(headers: Headers, name: str, allowed: re.Pattern[bytes]) -> bytes:
    given = headers.getRawHeaders(name.encode(), [])
    if len(given) != 1 or allowed.fullmatch(given[0]) is None:
        raise BadSignature(f"{name} is missing, there twice, or none")
    return given[0]
