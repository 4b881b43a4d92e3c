"""The body of a request, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Protocol

from twisted.web.http_headers import Headers

#: Each chunk of a body costs time of its own: so many may be of any size, and the others this many bytes on average.
_FREE_CHUNKS = 1000
_CHUNK = 64


class LargeBody(Protocol):
    """Takes a body that is larger than the limit."""

    def write(self, data: bytes) -> bool:
        """Take some more of it. False when it is too large even for that."""

    def close(self) -> None:
        """No more comes. May be called again."""


#: Asked with the method, the target, the headers and the declared length of a request (None for chunks) who takes its
#: body; None when none does.
TakeLarge = Callable[[bytes, bytes, Headers, int | None], LargeBody | None]


class TooManyChunks(Exception):
    """The body comes in chunks that are smaller than those of any client without bad intent."""


class Body:
    """At most ``most`` bytes, in memory (``content``): Twisted's temporary files would block the reactor.

    A larger one goes to ``large``, which ``larger`` returns, and ``content`` is blank then; when it returns None the
    body is refused. ``length`` is the declared one, None for chunks.
    """

    def __init__(self, length: int | None, most: int, larger: Callable[[], LargeBody | None]) -> None:
        self.content = BytesIO()
        self.large: LargeBody | None = None
        self._length = length
        self._most = most
        self._larger = larger
        self._chunks = 0
        self._size = 0

    def may_come(self) -> bool:
        """Whether a body of the declared length is taken. To be asked before any of it."""
        return self._length is None or self._length <= self._most or self._hand_over()

    def add(self, data: bytes) -> bool:
        """Take some more of it. False when it is too large; raises TooManyChunks."""
        self._size += len(data)
        if self._length is None:
            self._chunks += 1
            if self._chunks > _FREE_CHUNKS + self._size // _CHUNK:
                raise TooManyChunks
        if self.large is None and self._size <= self._most:
            self.content.write(data)
            return True
        return self._hand_over() and self.large is not None and self.large.write(data)

    def close(self) -> None:
        """No more comes. May be called again."""
        if self.large is not None:
            self.large.close()

    def _hand_over(self) -> bool:
        """Whether a body beyond the limit is taken, and what has come of it so far."""
        if self.large is None:
            self.large = self._larger()
            if self.large is not None:
                self.large.write(self.content.getvalue())
                self.content.seek(0)
                self.content.truncate()
        return self.large is not None
