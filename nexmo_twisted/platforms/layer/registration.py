"""Layer's webhook registration: exactly one active webhook that points at us.

Source of the facts: Layer documentation, Webhooks. Layer has no call to change a webhook's events, secret or URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hmac import digest
from typing import Any
from urllib.parse import urlsplit

from twisted.web.http_headers import Headers

from nexmo_twisted.errors import Permanent
from nexmo_twisted.http_client.client import Http, HttpResponse
from nexmo_twisted.http_client.responses import ask, unreadable
from nexmo_twisted.platforms.layer.errors import COMPANY, foreign, gone, read_json_or_none, refused

EVENTS = ("message.sent", "message.delivered", "message.read", "message.deleted")
VERSION = "1.0"
#: Looks, one a minute, for which a webhook that was replaced stays: Layer repeats for about half an hour.
REPLACED_STAYS = 35

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
        #: Looks that have found another secret since we replaced one, and how many of them we wait for.
        self._looks = 0
        self._patience = 1
        self._works = 0  # looks that have found a replacement at work

    async def ensure(self, name: str, target_url: str, secret: str) -> Sequence[str]:
        """Find the webhook by its name and URL and mend what is amiss; returns what was done.

        One that lacks events or has another secret is replaced. It stays for ``REPLACED_STAYS`` looks after the new
        one works, since Layer goes on to repeat over it what could not be delivered; what comes over both comes twice,
        which does no harm. Then it is deleted, and that is not told again. Processes
        with different secrets would replace each other's without end: each waits for twice as many looks every time,
        and raises Permanent meanwhile.
        """
        config = {"name": name, "fingerprint": _fingerprint(target_url, secret)}
        mine = [hook for hook in await self._all() if _is(hook, name, target_url)]
        if not mine:
            await self._register(target_url, secret, config)
            return ["registered"]
        mine.sort(key=lambda hook: (bool(_amiss(hook, config)), not _active(hook), _created(hook)))
        best, *others = mine
        amiss, done, insists = _amiss(best, config), [], False
        stays = not amiss and any(_active(other) for other in others) and not self._may_go(best)
        for other in others:
            replaced = bool(_amiss(other, config))
            needed = _active(other) and (not _active(best) or (replaced and stays))
            if not needed:
                await self._delete(other)
                done += [] if replaced else ["duplicate deleted"]
            elif replaced and _created(other) > _created(best):
                insists = True
        if amiss:
            if amiss == _OTHER_SECRET and _active(best) and self._yields():
                raise Permanent(_INSISTS)
            await self._register(target_url, secret, config)
            done.append(f"registered again, it {amiss}")
        elif not _active(best):
            await self._call("POST", f"{self._url}/{_id(best)}/activate", 200)
            done.append("activated")
        elif insists:
            raise Permanent(_INSISTS)
        return done

    def _may_go(self, best: Mapping[str, Any]) -> bool:
        """Whether the one that replaces another has worked for long enough."""
        self._works = self._works + 1 if _active(best) else 0
        return self._works > REPLACED_STAYS

    def _yields(self) -> bool:
        """Whether to leave it at another secret for this time."""
        self._looks += 1
        if self._looks < self._patience:
            return True
        self._looks, self._patience = 0, 2 * self._patience
        return False

    async def _all(self) -> list[Mapping[str, Any]]:
        answer = await self._call("GET", self._url, 200)
        hooks = read_json_or_none(answer)
        if not isinstance(hooks, list) or not all(isinstance(hook, dict) for hook in hooks):
            raise foreign(answer, "a list of webhooks")
        return hooks

    async def _register(self, target_url: str, secret: str, config: Mapping[str, str]) -> None:
        hook = {
            "version": VERSION,
            "target_url": _without_port(target_url),
            "events": EVENTS,
            "secret": secret,
            "config": config,
        }
        await self._call("POST", self._url, 201, body=json.dumps(hook).encode("ascii"))

    async def _delete(self, hook: Mapping[str, Any]) -> None:
        answer = await self._ask("DELETE", f"{self._url}/{_id(hook)}")
        if answer.status not in (200, 204) and not gone(answer):  # then another process was faster
            raise refused(answer)

    async def _call(self, method: str, url: str, expected: int, body: bytes | None = None) -> HttpResponse:
        answer = await self._ask(method, url, body)
        if answer.status not in (200, expected):
            raise refused(answer)
        return answer

    async def _ask(self, method: str, url: str, body: bytes | None = None) -> HttpResponse:
        return await ask(self._http, COMPANY, method, url, self._headers, body)


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
        raise unreadable(COMPANY)
    return found[1]


def _active(hook: Mapping[str, Any]) -> bool:
    return hook.get("status") == "active"


def _created(hook: Mapping[str, Any]) -> str:
    """When it was registered, as ISO 8601; what does not tell counts as the newest."""
    return str(hook.get("created_at") or "~")


def _fingerprint(target_url: str, secret: str) -> str:
    """What tells two secrets of one URL apart, since Layer does not tell a webhook's secret."""
    return digest(secret.encode("utf-8"), _without_port(target_url).encode("utf-8"), "sha256").hex()[:16]


_OTHER_SECRET = "had another secret"  # noqa: S105 - a reason
_INSISTS = "another process has registered another layer.secret: all need the same settings"


def _amiss(hook: Mapping[str, Any], config: Mapping[str, str]) -> str:
    """Why one of ours has to be replaced, blank if it need not be.

    One that does not tell its events, or has no fingerprint (the Node service gives it none), is believed to be right,
    or it would be replaced without end.
    """
    events, told = hook.get("events"), hook["config"].get("fingerprint")
    if isinstance(events, list) and not all(event in events for event in EVENTS):
        return "lacked events"
    return _OTHER_SECRET if isinstance(told, str) and told != config["fingerprint"] else ""
