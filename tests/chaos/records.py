"""What the service has in Redis: looked at again and again during the run, and once when it is over."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid5

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.rules.compact import short_id
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.keys import KEYS
from nexmo_twisted.store.words import REPLIES
from tests.support import reading

#: Records are looked up so many at a time.
BATCH = 500

#: A record is cmsgpack, which only Redis itself reads here. ARGV: ids of messages. Returns {due or '', flat
#: outcomes} for each.
_READ = reading("""
local found = {}
for i, mid in ipairs(ARGV) do
  local record = load_message(mid) or {}
  local flat = {}
  for user, outcome in pairs(record.o or {}) do flat[#flat + 1] = user; flat[#flat + 1] = outcome end
  found[i] = {record.d and string.format('%.0f', record.d) or '', flat}
end
return found
""")


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one message: when it was due (ms by Redis' clock), and what became of each recipient."""

    due: int | None
    outcomes: Mapping[str, str]


@dataclass
class Records:
    """``uncertain`` is when a notification was first seen to be so, in seconds since the epoch."""

    connection: Connection
    uncertain: dict[str, float] = field(default_factory=dict)
    looks: int = 0

    async def look(self, now: float) -> None:
        """Note down what is uncertain at this moment. Nothing changes while Redis is away."""
        try:
            listed = await self.connection.command("ZRANGE", KEYS["out_uncertain"], 0, -1)
        except StoreUnavailable:
            return
        self.looks += 1
        for nid in listed:
            self.uncertain.setdefault(nid, now)

    async def open(self) -> dict[str, int]:
        """How much of each kind is not finished. Raises StoreUnavailable."""
        names = ("due", "out_queue", "out_uncertain", "in_queue")
        counts = {name: int(await self.connection.command("ZCARD", KEYS[name])) for name in names}
        return {name: count for name, count in counts.items() if count}

    async def buried(self) -> dict[str, str]:
        """Every buried notification and reply with its reason."""
        found = {}
        for kind in ("out", "in"):
            for item in await self.connection.command("ZRANGE", KEYS[f"{kind}_buried"], 0, -1):
                found[item] = await self.connection.command("HGET", KEYS[f"{kind}_item"] + item, "e") or "?"
        return found

    async def of(self, message_ids: Sequence[str]) -> dict[str, Record]:
        """What is known of these messages (bare UUIDs)."""
        found: dict[str, Record] = {}
        for first in range(0, len(message_ids), BATCH):
            batch = message_ids[first : first + BATCH]
            mids = [short_id(message_id) for message_id in batch]
            answers: list[Any] = await self.connection.command("EVAL", _READ, 0, *mids)
            for message_id, (due, flat) in zip(batch, answers, strict=True):
                outcomes = dict(zip(flat[::2], flat[1::2], strict=True))
                found[message_id] = Record(int(due) if due else None, outcomes)
        return found


def notification_id(message_id: str, user: str) -> str:
    return f"{short_id(message_id)}.{hashlib.sha1(user.encode()).hexdigest()[:12]}"


def reply_id(message_id: str) -> str:
    return urlsafe_b64encode(uuid5(REPLIES, message_id).bytes)[:22].decode()
