"""A time, numbers and conversations for the tests of links, and links as Redis holds them."""

from __future__ import annotations

import json

NOW = 1_767_225_600_000
HOUR = 3_600_000
KEEP = 30 * 24 * HOUR
A, B, C = "12015550101", "12015550102", "12015550103"
ONE, TWO, THREE = (f"layer:///conversations/0000000{n}-0000-4000-8000-000000000000" for n in (1, 2, 3))


def links(**expires: object) -> str:
    """A user's map: ``links(a1=NOW)`` links conversation ONE to number A until NOW."""
    names = {"1": ONE, "2": TWO, "3": THREE}
    return json.dumps(
        {names[k[1]]: {"phone": {"a": A, "b": B, "c": C}[k[0]], "expires": v} for k, v in expires.items()}
    )


def entry(user: str, conversation: str, expires: int, used: int = 0) -> str:
    """What a number carries on a handset."""
    return json.dumps([user, conversation, expires, used])
