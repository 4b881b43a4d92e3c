"""The webhooks of the simulated Layer: who is told what, how it is signed, and whether it still works.

Source of the facts: Layer documentation, Webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

from nexmo_twisted.sandbox.http.messages import Patience, SimulatedResponse, WebhookCall, with_query

EVENTS = (
    "message.sent",
    "message.delivered",
    "message.read",
    "message.deleted",
    "conversation.created",
    "conversation.updated.participants",
    "conversation.updated.metadata",
    "conversation.deleted",
)

VERSIONS = ("1.0", "2.0")

#: An answer within one second, else again for about half an hour.
EVENT_PATIENCE = Patience(timeout=1.0, first=1.0, longest=1800.0, limit=1800.0)
#: A verification is never tried again.
VERIFICATION_PATIENCE = Patience(timeout=1.0)


class NoSuch(LookupError):
    """There is no such user, conversation, message or webhook, and never was."""


class Gone(LookupError):
    """It was deleted."""


class NoParticipant(LookupError):
    """The user takes no part in the conversation."""


def bare(identifier: str) -> str:
    """The bare UUID of an id, whether in its ``layer:///`` form or not."""
    return identifier.rpartition("/")[2].lower()


def iso(seconds: float) -> str:
    """A time as Layer writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def signature(secret: str, body: bytes) -> str:
    """The value of ``layer-webhook-signature``: HMAC-SHA1 of the raw body, in lower-case hex."""
    return hmac.new(secret.encode("utf-8"), body, hashlib.sha1).hexdigest()


@dataclass(slots=True, kw_only=True)
class Webhook:
    """One registered webhook. Its secret never leaves it."""

    id: str
    url: str
    version: str
    target_url: str
    events: tuple[str, ...]
    config: Mapping[str, Any]
    created_at: float
    secret: str = field(repr=False)
    status: Literal["unverified", "active", "inactive"] = "unverified"
    status_reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The object of the documentation."""
        shown: dict[str, Any] = {
            "id": self.id,
            "url": self.url,
            "version": self.version,
            "target_url": self.target_url,
            "events": list(self.events),
            "status": self.status,
            "created_at": iso(self.created_at),
            "config": dict(self.config),
        }
        if self.status_reason:
            shown["status_reason"] = self.status_reason
        return shown


class LayerWebhooks:
    """All webhooks of one app. ``now`` is in seconds since the epoch; ``deliver`` takes the calls to make."""

    def __init__(
        self, app_id: str, *, url: str, now: Callable[[], float], deliver: Callable[[WebhookCall], None]
    ) -> None:
        self._app_id = app_id
        self._url = url
        self._now = now
        self._deliver = deliver
        self._hooks: dict[str, Webhook] = {}

    def __iter__(self) -> Iterator[Webhook]:
        return iter(list(self._hooks.values()))

    def get(self, identifier: str) -> Webhook:
        """One webhook by its id. Raises NoSuch."""
        try:
            return self._hooks[bare(identifier)]
        except KeyError:
            raise NoSuch("webhook") from None

    def register(
        self,
        target_url: str,
        events: Sequence[str],
        secret: str,
        *,
        version: str = "1.0",
        config: Mapping[str, Any] | None = None,
    ) -> Webhook:
        """Register one more webhook, and begin to verify it."""
        uuid = str(uuid4())
        hook = Webhook(
            id=self._id(uuid),
            url=f"{self._url}/webhooks/{uuid}",
            version=version,
            target_url=target_url,
            events=tuple(events),
            config=dict(config or {}),
            created_at=self._now(),
            secret=secret,
        )
        self._hooks[uuid] = hook
        self._verify(hook)
        return hook

    def restore(self, hooks: Iterable[Webhook]) -> None:
        """Have just these webhooks, in their states, as hooks of this app. Nothing is verified and no webhook is
        sent."""
        self._hooks = {
            bare(hook.id): replace(hook, id=self._id(bare(hook.id)), url=f"{self._url}/webhooks/{bare(hook.id)}")
            for hook in hooks
        }

    def activate(self, identifier: str) -> Webhook:
        """Verify a webhook once more; it is active when that succeeds."""
        hook = self.get(identifier)
        hook.status, hook.status_reason = "unverified", ""
        self._verify(hook)
        return hook

    def deactivate(self, identifier: str, reason: str = "deactivated by the customer") -> Webhook:
        """Send nothing there any more."""
        hook = self.get(identifier)
        hook.status, hook.status_reason = "inactive", reason
        return hook

    def delete(self, identifier: str) -> None:
        """Forget a webhook; what waits for it is not delivered."""
        self.deactivate(identifier)
        del self._hooks[bare(identifier)]

    def emit(self, kind: str, actor: Mapping[str, Any], name: str, value: Mapping[str, Any]) -> None:
        """Tell every active webhook that asked for this kind of event. ``name`` is what ``value`` is."""
        event = {"created_at": iso(self._now()), "type": kind, "id": str(uuid4()), "actor": dict(actor)}
        for hook in self:
            if hook.status == "active" and kind in hook.events:
                # Without the spaces of json.dumps, so that a check of a body that was written anew fails.
                body = json.dumps(
                    {"event": event, name: value, "config": hook.config},
                    ensure_ascii=False,
                    separators=(",", ":"),
                ).encode("utf-8")
                self._deliver(self._call(hook, kind, body))

    def _id(self, uuid: str) -> str:
        return f"layer:///apps/{self._app_id}/webhooks/{uuid}"

    def _call(self, hook: Webhook, kind: str, body: bytes) -> WebhookCall:
        def done(answer: SimulatedResponse | None) -> None:
            if answer is None or not answer.ok:
                hook.status, hook.status_reason = "inactive", "an event could not be delivered"

        return WebhookCall(
            channel=hook.id,
            method="POST",
            url=hook.target_url,
            headers=(
                ("content-type", f"application/vnd.layer.webhooks+json; version={hook.version}"),
                ("layer-webhook-event-type", kind),
                ("layer-webhook-signature", signature(hook.secret, body)),
                ("layer-webhook-request-id", str(uuid4())),
                ("layer-webhook-id", bare(hook.id)),
            ),
            body=body,
            patience=EVENT_PATIENCE,
            wanted=lambda: hook.status == "active",
            done=done,
        )

    def _verify(self, hook: Webhook) -> None:
        challenge = str(uuid4())

        def done(answer: SimulatedResponse | None) -> None:
            if hook.status != "unverified":
                return
            if answer is not None and answer.ok and answer.body == challenge.encode("ascii"):
                hook.status = "active"
            else:
                hook.status, hook.status_reason = "inactive", "the verification challenge was not echoed"

        self._deliver(
            WebhookCall(
                channel=hook.id,
                method="GET",
                url=with_query(hook.target_url, urlencode({"verification_challenge": challenge})),
                headers=(),
                body=b"",
                patience=VERIFICATION_PATIENCE,
                wanted=lambda: hook.status == "unverified",
                done=done,
            )
        )
