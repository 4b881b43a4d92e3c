"""Bodies of Layer's endpoint that are too large to be read: hashed as they come, so that those which Layer signed are
not answered like a stranger's.

Layer repeats what is not answered 2xx for half an hour, and then turns the webhook off, for every message.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from twisted.web.http_headers import Headers

from nexmo_twisted.web import body as web_body

#: Bytes that are hashed of one, and kept of one that is signed.
LARGEST, KEPT = 16 * 1024 * 1024, 64 * 1024
#: How many come at a time; more are refused.
MAX_IN_FLIGHT = 4
_SIGNATURE = re.compile(rb"[0-9A-Fa-f]{40}")


class LargeBodies:
    """Those that are posted to ``path`` (with its slash) and bear a signature. ``secrets`` are as for the endpoint."""

    def __init__(
        self, path: str, *, secrets: Sequence[bytes], largest: int = LARGEST, max_in_flight: int = MAX_IN_FLIGHT
    ) -> None:
        self._path = path.encode()
        self._secrets = secrets
        self._largest = largest
        self._free = max_in_flight

    def begin(self, method: bytes, target: bytes, headers: Headers, length: int | None) -> LargeBody | None:
        """What takes this one, None when nothing does. ``length`` is that which the client has declared."""
        given = headers.getRawHeaders(b"layer-webhook-signature", ())
        if (
            method != b"POST"
            or target.partition(b"?")[0] != self._path
            or len(given) != 1
            or not _SIGNATURE.fullmatch(given[0])
            or (length or 0) > self._largest
            or not self._free
        ):
            return None
        self._free -= 1
        return LargeBody(self, signature=given[0].lower(), secrets=self._secrets, largest=self._largest)

    def ended(self) -> None:
        """One place is free again."""
        self._free += 1


class LargeBody:
    """One of them: ``beginning`` is what is kept of it."""

    def __init__(self, bodies: LargeBodies, *, signature: bytes, secrets: Sequence[bytes], largest: int) -> None:
        self._bodies: LargeBodies | None = bodies
        self._signature = signature
        self._hashes = [hmac.new(secret, digestmod="sha1") for secret in secrets]
        self._left = largest
        self.beginning = bytearray()

    def write(self, data: bytes) -> bool:
        """Take some more of it. False when it is too large even for that."""
        self._left -= len(data)
        if self._left < 0:
            return False
        for each in self._hashes:
            each.update(data)
        self.beginning += data[: KEPT - len(self.beginning)]
        return True

    def close(self) -> None:
        """No more comes. May be called again."""
        if self._bodies is not None:
            self._bodies.ended()
            self._bodies = None

    def is_signed(self) -> bool:
        """Whether all that came is what was signed."""
        return any(hmac.compare_digest(each.hexdigest().encode(), self._signature) for each in self._hashes)


_: type[web_body.LargeBody] = LargeBody
