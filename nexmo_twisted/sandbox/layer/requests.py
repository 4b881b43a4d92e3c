"""What all requests to the simulated Layer have in common: version, token, and what is made only once.

Source of the facts: Layer documentation, Platform API and Webhooks.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from twisted.web.http import Request

from nexmo_twisted.sandbox.http.messages import SimulatedResponse, json_response
from nexmo_twisted.sandbox.http.serving import BadInput, header, json_object, media_type
from nexmo_twisted.sandbox.layer.responses import Refusal
from nexmo_twisted.sandbox.layer.webhooks import NoSuch

#: The versions that a request may name in its Accept header.
PLATFORM = frozenset(f"application/vnd.layer+json;version={version}" for version in ("1.0", "1.1"))
WEBHOOKS = frozenset({"application/vnd.layer.webhooks+json;version=1.0"})

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def admit(request: Request, accepted: frozenset[str], token: str) -> None:
    """Raises Refusal unless the request names one of these versions and has the token."""
    if media_type(header(request, "accept")) not in accepted:
        raise Refusal(406, "Name the version of the API in the Accept header.")
    given = header(request, "authorization").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise Refusal(401, "The bearer token is missing or wrong.")


def create(
    request: Request,
    made: MutableMapping[tuple[str, str], str],
    make: Callable[[Mapping[str, Any]], str],
    to_json: Callable[[str], Mapping[str, Any]],
) -> SimulatedResponse:
    """201 and the new resource; 200 and the first one when it was made before under the same UUID.

    ``made`` is what was made so far, by path and UUID. Raises Refusal or BadInput.
    """
    if media_type(header(request, "content-type")).partition(";")[0] != "application/json":
        raise Refusal(415, "The body must be application/json.")
    body = json_object(request)
    once = header(request, "if-none-match").strip('"')
    if not once:
        return json_response(201, to_json(make(body)))
    if not _UUID.fullmatch(once):
        raise Refusal(422, "If-None-Match must be a UUID.", {"header": "If-None-Match"})
    key = (request.path.decode("ascii"), str(UUID(once)))
    if key in made:
        return json_response(200, to_json(made[key]))
    made[key] = identifier = make(body)
    return json_response(201, to_json(identifier))


def text_of(request: Request) -> str:
    """The text of the message to post, for faults that are meant for it; checked only later."""
    try:
        return "\n".join(str(part["body"]) for part in json_object(request)["parts"])
    except (BadInput, LookupError, TypeError):
        return ""


def user_of(segment: str) -> str:
    """The user id that a segment of a path names. Raises NoSuch."""
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise NoSuch("user") from None
