"""What a play leaves behind in Redis."""

from __future__ import annotations

import json
from typing import Any

from nexmo_twisted.store.connection import Connection

_OPEN = """local open = 0
for _, key in ipairs({'nx:due', 'nx:out', 'nx:in', 'nx:uncertain:out'}) do open = open + redis.call('ZCARD', key) end
return open"""
_RECORD = "return cjson.encode(cmsgpack.unpack(redis.call('GET', ARGV[1])))"

#: What stays for ever: a counter, and the numbers that the account does not own.
_FOR_EVER = ("nx:fence", "nx:unowned", "nx:held")


async def still_open(redis: Connection) -> int:
    """How many messages wait to be checked, users and handsets have work, SMS are uncertain."""
    number: int = await redis.command("EVAL", _OPEN, 0)
    return number


async def ends(redis: Connection) -> list[str]:
    """What became of every message, for each recipient, and of every reply: "bob sent", "reply posted" ..."""
    found = []
    for key in await redis.command("KEYS", "nx:m:*"):
        record: dict[str, Any] = json.loads(await redis.command("EVAL", _RECORD, 0, key))
        told = record.get("o") or {}
        found += [f"{user} {outcome.split()[0]}" for user, outcome in told.items()]
        found += [record.get("x", "open")] if not told and not record.get("n") else []
    for key in await redis.command("KEYS", "nx:n:*"):
        user, state, reason = await redis.command("HMGET", key, "l", "s", "e")
        found.append(f"{user} {_state(state, reason)}")
    for key in await redis.command("KEYS", "nx:i:*"):
        if await redis.command("TYPE", key) == "string":
            found.append(f"reply {await redis.command('GET', key)}")
        else:
            found.append(f"reply {_state(*await redis.command('HMGET', key, 's', 'e'))}")
    return sorted(found)


def _state(state: str, reason: str) -> str:
    return f"buried: {reason.partition(':')[0]}" if state == "D" else f"in state {state}"


async def left(redis: Connection) -> list[str]:
    """Lanes that are not empty, and keys without an end."""
    keys: list[str] = await redis.command("KEYS", "*")
    lanes = [key for key in keys if key.startswith("nx:lane:")]
    endless = [key for key in keys if await redis.command("PTTL", key) < 0 and key not in _FOR_EVER]
    return lanes + [key for key in endless if not key.startswith("nx:buried:") and key not in lanes]
