"""The sweep through Redis, one short step at a time. What is looked at and what is done about it is in the scripts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nexmo_twisted.domain.model import Status
from nexmo_twisted.store.codec import ranks
from nexmo_twisted.store.connection import Connection, Now

#: About how many entries or keys one step looks at: some two milliseconds of Redis' time.
BATCH = 100

#: Where the sweep goes: what is listed somewhere, index by index, then all keys.
_INDEXES = ("due", "long_due", "out_queue", "in_queue", "out_uncertain", "in_uncertain", "out_dead", "in_dead")
_PLACES = (*_INDEXES, "keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one step came to: how many keys and entries it looked at, and what it found, by kind.

    ``expired`` were kept as long as they should be. ``foreign`` are keys that this service did not write and that were
    left alone: their family and type, never a whole key, since that may hold a phone number. ``next`` is the place of
    the next step, None when this was the last one.
    """

    next: str | None
    looked: int
    repaired: Mapping[str, int]
    expired: Mapping[str, int]
    foreign: Mapping[str, int]


class RedisSweep:
    """``report`` are the statuses that justify a text, ``link_ttl`` the ms that the links of a handset are kept."""

    def __init__(self, connection: Connection, *, now: Now, report: Collection[Status], link_ttl: int) -> None:
        self._connection = connection
        self._now = now
        self._ranks = ranks(report)
        self._link_ttl = link_ttl

    async def step(self, place: str) -> Swept:
        """Look at some more, from ``place`` on; "" is the beginning. Raises StoreUnavailable; then the same step may
        be made again."""
        name, _, cursor = (place or f"{_PLACES[0]} 0").partition(" ")
        answer = await (self._sweep_keys(cursor) if name == "keys" else self._sweep_index(name, cursor))
        cursor, looked, *found = answer
        kinds: dict[str, dict[str, int]] = {"repaired": {}, "expired": {}, "foreign": {}}
        for what, count in zip(found[::2], found[1::2], strict=True):
            group, _, kind = what.partition(" ")
            kinds[group][kind] = int(count)
        return Swept(next=_after(name, cursor), looked=int(looked), **kinds)

    async def _sweep_keys(self, cursor: str) -> list[Any]:
        words = (cursor, BATCH, self._ranks, self._link_ttl)
        found: list[Any] = await self._connection.run("sweep_keys", self._now(), *words)
        return found

    async def _sweep_index(self, name: str, cursor: str) -> list[Any]:
        found: list[Any] = await self._connection.run("sweep_index", self._now(), name, cursor, BATCH)
        return found


def _after(name: str, cursor: str) -> str | None:
    """The place behind this one; a cursor of "0" says that there is nothing more."""
    if cursor != "0":
        return f"{name} {cursor}"
    later = _PLACES[_PLACES.index(name) + 1 :]
    return f"{later[0]} 0" if later else None
