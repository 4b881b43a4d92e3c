"""What a Message of Layer says. Source: Layer documentation, and Layer's XDK for text messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.domain.text import clean

_TEXT_MODEL = "application/vnd.layer.text+json"


def message_text(parts: object) -> str:
    """What a chat message says: the bodies of its parts that are text, one below the other, cleaned.

    ``parts`` is that member of Layer's documented Message object, or whatever came in its place. Text are
    ``text/plain`` and, from Layer's last generation of clients, ``application/vnd.layer.text+json``, whose body is
    ``{"text": "..."}`` (Layer's XDK, text messages). A part whose body is no text, or whose base64 does not decode to
    UTF-8, is left out. '' when nothing of it is to be seen. Never raises.
    """
    bodies = []
    for part in parts if isinstance(parts, list) else ():
        with suppress(ValueError):
            bodies.append(part_text(part) if isinstance(part, Mapping) else None)
    text = clean("\n".join(body for body in bodies if body is not None))
    return "" if is_blank(text) else text


def part_text(part: Mapping[str, Any]) -> str | None:
    """The text of one part as it came, None when it is of another kind or has none. Raises ValueError for a text that
    cannot be read: no base64 or UTF-8, or no model of a text."""
    mime_type, body, encoding = part.get("mime_type"), part.get("body"), part.get("encoding")
    if not isinstance(mime_type, str) or not isinstance(body, str):
        return None
    kind = mime_type.partition(";")[0].strip().lower()
    if kind not in ("text/plain", _TEXT_MODEL):
        return None
    if isinstance(encoding, str) and encoding.strip().lower() == "base64":
        body = base64.b64decode("".join(body.split()), validate=True).decode("utf-8")
    return _text_of_model(body) if kind == _TEXT_MODEL else body


def _text_of_model(body: str) -> str | None:
    model = _json(body)
    text = model.get("text") if isinstance(model, Mapping) else body
    if not isinstance(model, Mapping) or not isinstance(text, str | None):
        raise ValueError("no model of a text")
    return text


def _json(body: str) -> object:
    """Quick for JSON by the book; else whatever cannot be mistaken, since only one member of it is read."""
    try:
        return from_json(body)
    except ValueError:
        pass
    try:
        return json.loads(body.removeprefix("\ufeff"), strict=False, parse_int=float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
