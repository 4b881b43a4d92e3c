"""Under which names the operator's endpoint is reached.

A page that is open in a browser can have its own name lead to an address of ours and then read what we answer
(DNS rebinding). It cannot choose the Host header, though, which holds that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Any, cast

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

_HOST = re.compile(rb"(\[[^\]]{2,60}\]|[^:\[\]]{1,255})(?::[0-9]{0,5})?")


def guarded(resource: IResource, names: Collection[str], *, on_loopback: bool) -> IResource:
    """``resource`` for those who know it by a right name; 403 for others.

    Right are loopback (localhost, 127.0.0.0/8, [::1]) and ``names``; unless ``on_loopback``, which says that no
    other machine can reach the endpoint, any IP address, too. No browser leaves the Host header out: then nothing is
    checked.
    """
    return cast(IResource, _Guarded(resource, names, on_loopback))


class _Guarded(Resource):
    isLeaf = True

    def __init__(self, resource: IResource, names: Collection[str], on_loopback: bool) -> None:
        super().__init__()
        self._resource = resource
        self._names = frozenset(names) | {"localhost"}
        self._on_loopback = on_loopback

    def render(self, request: Request) -> Any:
        hosts = request.requestHeaders.getRawHeaders(b"host", [])
        if not hosts or (len(hosts) == 1 and self._is_right(hosts[0])):
            return self._resource.render(request)
        others = "" if self._on_loopback else "any IP address, "
        found = ", ".join(map(_quoted, hosts[:2]))
        text = f"Host: found {found}; allowed: localhost, 127.0.0.0/8, [::1], {others}names in operator.hosts\n"
        request.setResponseCode(403)
        request.responseHeaders.setRawHeaders(b"content-type", [b"text/plain; charset=utf-8"])
        request.responseHeaders.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        return text.encode()

    def _is_right(self, host: bytes) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].decode("latin-1").lower()
        try:
            address = ip_address(name.strip("[]"))
        except ValueError:
            return name.removesuffix(".") in self._names
        return not self._on_loopback or address.is_loopback or name in self._names


def _quoted(host: bytes) -> str:
    return repr(host[:60])[1:]
