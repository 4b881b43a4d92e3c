"""What the simulated Layer accepts as a message and as a webhook.

Source of the facts: Layer documentation, Platform API and Webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexmo_twisted.sandbox.http.allowed_urls import can_be_called
from nexmo_twisted.sandbox.layer.responses import Refusal
from nexmo_twisted.sandbox.layer.webhooks import EVENTS, VERSIONS

#: Bytes of one part's body.
PART_LIMIT = 2048


def check_message(body: Mapping[str, Any]) -> None:
    """Raises Refusal unless it has a sender, who is either a user or a name, and parts that are not too long."""
    sender = _property(body, "sender", dict)
    parts = _property(body, "parts", list)
    if not parts:
        raise Refusal(422, "A message needs a part.", {"property": "parts"})
    for number, part in enumerate(parts):
        name = f"parts[{number}]"
        if not isinstance(part, dict):
            raise Refusal(422, "A part must be an object.", {"property": name})
        content = _property(part, "body", str, f"{name}.")
        _property(part, "mime_type", str, f"{name}.")
        if len(content.encode("utf-8")) > PART_LIMIT:
            raise Refusal(422, "A part is too long.", {"property": f"{name}.body"}, "part_too_large")
    given = [sender[name] for name in ("user_id", "name") if sender.get(name) is not None]
    if len(given) != 1 or not isinstance(given[0], str):
        raise Refusal(422, "The sender is either a user_id or a name.", {"property": "sender"})


def check_webhook(body: Mapping[str, Any]) -> None:
    """Raises Refusal unless it names an acceptable URL, known events, a version and a secret."""
    target_url = _property(body, "target_url", str)
    events = _property(body, "events", list)
    for name, right in (
        ("target_url", can_be_called(target_url)),
        ("events", bool(events) and all(event in EVENTS for event in events)),
        ("secret", bool(_property(body, "secret", str))),
        ("version", _property(body, "version", str) in VERSIONS),
        ("config", isinstance(body.get("config"), dict | None)),
    ):
        if not right:
            raise Refusal(422, f"The {name} is not what it should be.", {"property": name})


def _property(body: Mapping[str, Any], name: str, kind: type, inside: str = "") -> Any:
    value = body.get(name)
    if value is None:
        raise Refusal(422, f"{inside}{name} is missing.", {"property": f"{inside}{name}"}, "missing_property")
    if not isinstance(value, kind):
        raise Refusal(422, f"{inside}{name} is of the wrong type.", {"property": f"{inside}{name}"})
    return value
