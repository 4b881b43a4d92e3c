"""The public site: the webhook endpoints of the platform and the provider, under their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from nexmo_twisted.web.responses import Endpoint, answer


def root(endpoints: Mapping[str, Endpoint]) -> IResource:
    """The endpoints under their paths (of any number of segments), and 404 for everything else."""
    return cast(IResource, _Router(endpoints))


class _Router(Resource):
    """Leads each request to its endpoint, and spares Klein what it would answer with an error of its own.

    That is a Host header which is no host name or comes twice, and a path which is not UTF-8.
    """

    isLeaf = True

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        super().__init__()
        self._endpoints = {
            b"/" + path.strip("/").encode(): (path.strip("/").encode().split(b"/"), endpoint.app.resource())
            for path, endpoint in endpoints.items()
        }

    def render(self, request: Request) -> Any:
        # Klein takes methods in any case, and what depends on one compares it in capitals.
        request.method, path = request.method.upper(), request.path
        known = self._endpoints.get(path) or self._above(path)
        if known is None:
            return answer(request, 404)
        segments, endpoint = known
        request.prepath, request.postpath = segments[:], path.split(b"/")[1 + len(segments) :] or [b""]
        hosts = request.requestHeaders.getRawHeaders(b"host", ())
        if len(hosts) != 1 or not _is_host(hosts[0]):
            request.requestHeaders.setRawHeaders(b"host", [b"localhost"])
        return endpoint.render(request)

    def _above(self, path: bytes) -> tuple[list[bytes], Any] | None:
        """The endpoint that ``path`` lies beneath, which will say that there is nothing; the longest one counts."""
        above = [endpoint for endpoint in self._endpoints if path.startswith(endpoint + b"/")]
        return self._endpoints[max(above, key=len)] if above and _is_utf8(path) else None


@lru_cache(1000)
def _is_host(host: bytes) -> bool:
    return re.fullmatch(rb"(?:[A-Za-z0-9-]{1,63}\.){0,10}[A-Za-z0-9-]{1,63}(?::[0-9]{1,5})?", host) is not None


def _is_utf8(path: bytes) -> bool:
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
