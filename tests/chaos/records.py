"""What the service has in Redis: looked at again and again during the run, and once when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nexmo_twisted.domain.ids import message_key, reply_key
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.schema import KEYS, with_constants
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
  for user, outcome in pairs(record[F.outcomes] or {}) do flat[#flat + 1] = user; flat[#flat + 1] = outcome end
  found[i] = {record[F.due] and string.format('%.0f', record[F.due]) or '', flat}
end
return found
""")


#: Which recipients of which messages are uncertain. Returns {message, user} for each; notices are of no message.
_UNCERTAIN = with_constants("""
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local read = redis.call('HMGET', KEYS[2] .. id, F.message, F.lane)
  if read[1] then found[#found + 1] = read end
end
return found
""")

#: The dead letters. Returns {message or '', user or handset, id, reason} for each.
_DEAD_LETTERS = with_constants("""
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local read = redis.call('HMGET', KEYS[2] .. id, F.message, F.lane, F.reason)
  found[#found + 1] = {read[1] or '', read[2] or '', id, read[3] or '?'}
end
return found
""")

#: What became of replies. ARGV: their ids. Returns {outcome or '', id} for each; a part leads to what it is a part of.
_REPLIES = """
local found = {}
for i, id in ipairs(ARGV) do
  local outcome = ''
  for step = 1, 2 do
    if redis.call('TYPE', KEYS[1] .. id).ok ~= 'string' then break end
    outcome = redis.call('GET', KEYS[1] .. id)
    local whole = string.match(outcome, '^part (%S+)')
    if not whole or whole == id then break end
    id, outcome = whole, ''
  end
  found[i] = {outcome, id}
end
return found
"""

#: The short id of a message, and a user.
Recipient = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one message: when it was due (ms by Redis' clock), and what became of each recipient."""

    due: int | None
    outcomes: Mapping[str, str]


@dataclass
class Records:
    """``uncertain`` is when an SMS was first seen to be so, in seconds since the epoch."""

    connection: Connection
    uncertain: dict[Recipient, float] = field(default_factory=dict)
    looks: int = 0

    async def look(self, now: float) -> None:
        """Note down what is uncertain at this moment. Nothing changes while Redis is away."""
        try:
            listed = await self._ask(_UNCERTAIN, KEYS["out_uncertain"], KEYS["out_item"])
        except StoreUnavailable:
            return
        self.looks += 1
        for message, user in listed:
            self.uncertain.setdefault((message, user), now)

    async def _ask(self, script: str, first: str, second: str, *arguments: str) -> list[Any]:
        answer: list[Any] = await self.connection.command("EVAL", script, 2, first, second, *arguments)
        return answer

    async def open(self) -> dict[str, int]:
        """How much of each kind is not finished. Raises StoreUnavailable."""
        names = ("due", "out_queue", "out_uncertain", "in_queue", "long_due")
        counts = {name: int(await self.connection.command("ZCARD", KEYS[name])) for name in names}
        return {name: count for name, count in counts.items() if count}

    async def dead_letters(self) -> dict[Recipient, str]:
        """Every SMS that is a dead letter, with its reason."""
        listed = await self._ask(_DEAD_LETTERS, KEYS["out_dead"], KEYS["out_item"])
        return {(message, user): reason for message, user, _, reason in listed}

    async def replies(self, message_ids: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """What became of each of these parts of replies, and why it is a dead letter, or blank, by name. They are given
        with Nexmo's message ids."""
        dead = {rid: reason for _, _, rid, reason in await self._ask(_DEAD_LETTERS, KEYS["in_dead"], KEYS["in_item"])}
        found = {}
        names = list(message_ids)
        for first in range(0, len(names), BATCH):
            batch = names[first : first + BATCH]
            ids = [reply_key(message_ids[name]) for name in batch]
            answers = await self._ask(_REPLIES, KEYS["in_item"], "", *ids)
            for name, (outcome, rid) in zip(batch, answers, strict=True):
                found[name] = outcome, dead.get(rid, "")
        return found

    async def of(self, message_ids: Sequence[str]) -> dict[str, Record]:
        """What is known of these messages (bare UUIDs)."""
        found: dict[str, Record] = {}
        for first in range(0, len(message_ids), BATCH):
            batch = message_ids[first : first + BATCH]
            mids = [message_key(message_id) for message_id in batch]
            answers: list[Any] = await self.connection.command("EVAL", _READ, 0, *mids)
            for message_id, (due, flat) in zip(batch, answers, strict=True):
                outcomes = dict(zip(flat[::2], flat[1::2], strict=True))
                found[message_id] = Record(int(due) if due else None, outcomes)
        return found
