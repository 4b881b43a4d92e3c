"""Layer's webhook registration: exactly one active webhook that points at us.

Source of the facts: Layer documentation, Webhooks. Layer has no call to change a webhook's events, secret or URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from twisted.web.http_headers import Headers

from nexmo_twisted.clients.answers import ask, read_json, refusal, unreadable
from nexmo_twisted.clients.http import Answer, Http

EVENTS = ("message.sent", "message.delivered", "message.read", "message.deleted")
VERSION = "1.0"

_COMPANY = "Layer"
_ID = re.compile(r"(?:.*/)?([0-9A-Za-z-]+)")
_DEFAULT_PORT = re.compile(r"(https://[^/?#]*):443(?=[/?#]|$)", re.IGNORECASE)


class LayerWebhooks:
    """The webhooks of one app. ``base`` is the app's URL, without a slash at its end."""

    def __init__(self, http: Http, base: str, token: str) -> None:
        self._http = http
        self._url = f"{base}/webhooks"
        self._headers = Headers(
            {
                "Accept": [f"application/vnd.layer.webhooks+json; version={VERSION}"],
                "Authorization": [f"Bearer {token}"],
                "Content-Type": ["application/json"],
            }
        )

    async def ensure(self, name: str, target_url: str, secret: str) -> Sequence[str]:
        """Find the webhook by its name and URL and mend what is amiss; returns what was done."""
        done: list[str] = []
        mine = [hook for hook in await self._all() if _is(hook, name, target_url)]
        mine.sort(key=_preference)
        for surplus in mine[1:]:
            await self._delete(surplus)
            done.append("deleted a second one")
        if not mine or not _complete(mine[0]):
            await self._register(name, target_url, secret)
            done.append("registered it")
            if mine:  # only now: a moment without any would lose events
                await self._delete(mine[0])
                done.append("deleted the one that lacked events")
        elif mine[0].get("status") != "active":
            await self._call("POST", f"{self._url}/{_id(mine[0])}/activate", 200)
            done.append("activated it")
        return done

    async def _all(self) -> list[Mapping[str, Any]]:
        hooks = read_json(_COMPANY, await self._call("GET", self._url, 200))
        if not isinstance(hooks, list) or not all(isinstance(hook, dict) for hook in hooks):
            raise unreadable(_COMPANY)
        return hooks

    async def _register(self, name: str, target_url: str, secret: str) -> None:
        hook = {
            "version": VERSION,
            "target_url": _without_port(target_url),
            "events": EVENTS,
            "secret": secret,
            "config": {"name": name},
        }
        await self._call("POST", self._url, 201, body=json.dumps(hook).encode("ascii"))

    async def _delete(self, hook: Mapping[str, Any]) -> None:
        # 404, 410: somebody else was faster.
        await self._call("DELETE", f"{self._url}/{_id(hook)}", 204, 404, 410)

    async def _call(self, method: str, url: str, *expected: int, body: bytes | None = None) -> Answer:
        answer = await ask(self._http, _COMPANY, method, url, self._headers, body)
        if answer.status != 200 and answer.status not in expected:
            raise refusal(_COMPANY, answer.status, answer)
        return answer


def _is(hook: Mapping[str, Any], name: str, target_url: str) -> bool:
    config, url = hook.get("config"), hook.get("target_url")
    return (
        isinstance(config, dict)
        and config.get("name") == name
        and isinstance(url, str)
        and _without_port(url) == _without_port(target_url)
    )


def _without_port(url: str) -> str:
    parts = urlsplit(url)
    return _DEFAULT_PORT.sub(r"\1", parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl())


def _id(hook: Mapping[str, Any]) -> str:
    """The bare UUID of ``layer:///apps/<uuid>/webhooks/<uuid>``."""
    found = _ID.fullmatch(str(hook.get("id")))
    if found is None:
        raise unreadable(_COMPANY)
    return found[1]


def _complete(hook: Mapping[str, Any]) -> bool:
    """Whether it has all events we need. One that does not tell is believed, or it would be replaced for ever."""
    events = hook.get("events")
    return not isinstance(events, list) or all(event in events for event in EVENTS)


def _preference(hook: Mapping[str, Any]) -> tuple[bool, bool, str]:
    """Sorts the one to keep to the front: with all events, active, and the oldest of those."""
    return (not _complete(hook), hook.get("status") != "active", str(hook.get("created_at") or "~"))
