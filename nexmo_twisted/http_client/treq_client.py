"""What treq is given: an agent, a cookie jar and URLs with which it does no more than it has to.

treq parses and encodes each URL anew, keeps cookies, and unpacks what an answer says is packed, without a limit.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Self

from hyperlink import EncodedURL
from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

#: Where the Content-Encoding of an answer is found that treq does not unpack.
ENCODING = b"x-original-content-encoding"


def client(agent: IAgent) -> HTTPClient:
    """A client of treq over ``agent``, whose requests have an IBodyProducer as their ``data``."""
    return HTTPClient(_Undecoded(agent), NO_COOKIES, data_to_body_producer=lambda data: data)


class _NoCookies(IndexableCookieJar):
    """Keeps nothing and sends nothing."""

    def add_cookie_header(self, request: Any) -> None:
        """There are none."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """None are kept."""


#: For every request, too: treq would make another jar for each.
NO_COOKIES = _NoCookies()


class ReadyUrl(EncodedURL):
    """An URL in the very form it goes out in, which treq would work out again for every request."""

    text: str

    def to_uri(self) -> Self:
        return self

    def to_text(self, with_password: bool = False) -> str:  # noqa: ARG002 - as in the library; there is none
        return self.text


#: An URL of which only the host may have to be encoded: behind it is what may stand in a request line.
_PLAIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#\\]+)((?:[/?][!-~]*)?)")


def ready_url(text: str) -> ReadyUrl:
    """``text`` in the form in which it goes out."""
    plain = _PLAIN.fullmatch(text)
    ready = ReadyUrl.__new__(ReadyUrl)  # treq looks at nothing but the text, and to take an URL apart costs time
    ready.text = _encoded(plain[1]) + plain[2] if plain else _encoded(text)
    return ready


@lru_cache(maxsize=1024)
def _encoded(text: str) -> str:
    url = EncodedURL.from_text(text)
    if ":" in url.host:  # an IPv6 address, which cannot be encoded like a name and need not be
        return url.replace(host="").to_uri().replace(host=url.host).to_text()
    return url.to_uri().to_text()


@implementer(IAgent)
class _Undecoded:
    """An agent for treq, which unpacks what an answer says is packed, without a limit: it finds nothing that says so,
    and :meth:`bounded.Body.unpacked` does."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        return self._agent.request(method, uri, headers, bodyProducer).addCallback(_undecoded)


def _undecoded(response: IResponse) -> IResponse:
    said = response.headers.getRawHeaders(b"content-encoding")
    response.headers.removeHeader(ENCODING)
    if said is not None:
        response.headers.setRawHeaders(ENCODING, said)
        response.headers.removeHeader(b"content-encoding")
    return response
