"""Limits of a response: the bytes of its head, the bytes and pieces of its body, and its size after decompression.

Twisted's client takes any number of headers and of answers 1xx before the one it waits for, and unpacks whatever a few
packed bytes make. A server that is broken, or hostile, would have us fill the memory or stand still.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol, Request
from twisted.web.client import HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from zope.interface import provider

from nexmo_twisted.http_client.treq_client import ENCODING

HEAD = 16 * 1024  #: bytes of status line and headers, those of answers 1xx before it included
HEAD_LINES = 200  #: of these, since each line costs time of its own

#: Each piece of a body costs time of its own: so many may be of any size, the others this many bytes on average.
_FREE_PIECES = 1000
_PIECE = 64


@provider(ILogObserver)
def _nobody(event: LogEvent) -> None:
    """Listens to nothing."""


_SILENT = Logger(observer=_nobody)


class TooLarge(Exception):
    """An answer is over a limit."""


class Unpackable(Exception):
    """A body is not what it says it is packed as."""


class Body:
    """Collects a body of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._content = bytearray()
        self._pieces = 0

    def add(self, piece: bytes) -> None:
        """Raises TooLarge when it is too much, or is cut into too many tiny pieces; what it had is gone then."""
        self._pieces += 1
        size = len(self._content) + len(piece)
        if size > self._limit or self._pieces > _FREE_PIECES + size // _PIECE:
            self._content.clear()
            raise TooLarge
        self._content += piece

    def unpacked(self, headers: Headers) -> bytes:
        """The body that was meant: at most ``limit`` bytes, too. What is packed in a way that we did not ask for is
        left as it is, since it cannot be read anyway.

        Raises TooLarge or Unpackable.
        """
        said = b",".join(headers.getRawHeaders(ENCODING, ())).lower().split(b",")
        ways = [way for way in map(bytes.strip, said) if way not in (b"", b"identity")]
        if not self._content or ways not in ([b"gzip"], [b"x-gzip"]):
            return bytes(self._content)
        unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            content = unpacking.decompress(self._content, self._limit + 1)
        except zlib.error:
            raise Unpackable from None
        if len(content) > self._limit:
            raise TooLarge
        if not unpacking.eof:
            raise Unpackable
        return content


class _Protocol(HTTP11ClientProtocol):
    """One connection. It is given the head of an answer piece by piece, so that the limit is kept within a read."""

    transport: Any
    _in_head = False
    _room = 0  #: bytes that the head of the answer may still have
    _lines = 0  #: and lines

    def request(self, request: Request) -> Deferred[IResponse]:
        self._in_head, self._room, self._lines = True, HEAD, HEAD_LINES
        answer = super().request(request)
        parser: Any = self._parser
        if parser is not None:
            parser._log = _SILENT  # noqa: SLF001 - it has a line for each answer 1xx, of which there may be a hundred
            parser.lineReceived = partial(self._count, parser.lineReceived)
        return answer.addBoth(self._end_of_head)

    def _count(self, received: Callable[[bytes], object], line: bytes) -> object:
        self._lines -= 1
        if self._lines < 0:
            raise TooLarge
        return received(line)

    def _end_of_head(self, result: Any) -> Any:
        self._in_head = False
        return result

    def dataReceived(self, data: bytes) -> None:
        if not self._in_head:
            super().dataReceived(data)
            return
        piece, rest = data[: self._room], data[self._room :]
        self._room -= len(piece)
        super().dataReceived(piece)
        if self._lines < 0 or (self._in_head and not self._room):
            self._giveUp(Failure(TooLarge()))
            self.transport.abortConnection()  # a farewell over TLS is not waited for
        elif rest:
            super().dataReceived(rest)


class _Factory(Factory):
    noisy = False

    def __init__(self, quiescent: Callable[[Any], object], _metadata: str) -> None:
        self._quiescent = quiescent

    def buildProtocol(self, _addr: IAddress | None) -> _Protocol:
        return _Protocol(self._quiescent)


class BoundedPool(HTTPConnectionPool):
    """A pool of connections on which the head of an answer has a limit."""

    _factory = _Factory  # type: ignore[assignment]
