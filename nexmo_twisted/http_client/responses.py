"""What the answer of an ordinary API call means. A provider's SMS requests have a table of their own."""

from __future__ import annotations

import json
from typing import Any

from twisted.web.http_headers import Headers

from nexmo_twisted.domain.backoff import named_wait
from nexmo_twisted.errors import AccountFault, NexmoTwistedError, Permanent, Temporary, Throttled
from nexmo_twisted.http_client.client import Broken, Http, HttpResponse, NotSent


async def ask(
    http: Http, remote: str, method: str, url: str, headers: Headers, body: bytes | None = None
) -> HttpResponse:
    """One call that may simply be made again: it raises Temporary when no whole answer came back."""
    try:
        return await http.request(method, url, headers=headers, body=body)
    except (NotSent, Broken) as error:
        raise Temporary(f"{remote}: {error.reason}") from None


def refusal(remote: str, status: int, answer: HttpResponse) -> NexmoTwistedError:
    """The error that an answer stands for. ``status`` is its HTTP status or the code that replaces it.

    A redirect is not followed and counts as temporary: it comes from a wrong address or something in between.
    """
    reason = f"{remote} answered {status}"
    wait = named_wait(answer.headers.get("retry-after"), answer.headers.get("date"))
    if status in (401, 402):
        return AccountFault(f"{reason}: credentials or account rejected", wait)
    if status == 429:
        return Throttled(reason, wait)
    if 400 <= status < 500 and status not in (408, 425):
        return Permanent(reason)
    return Temporary(reason, wait)


def unreadable(remote: str) -> Temporary:
    """The answer is not of the shape it should have."""
    return Temporary(f"{remote} sent an unreadable answer")


def read_json(remote: str, answer: HttpResponse) -> Any:
    """The body as JSON; raises Temporary when it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise unreadable(remote) from None
