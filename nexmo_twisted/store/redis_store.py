"""The store in Redis (or Valkey): turns values into script arguments and back. The rules are in the scripts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain

from nexmo_twisted.domain.link_state import (
    LinkCommit,
    LinkState,
)
from nexmo_twisted.ports.store import Store
from nexmo_twisted.store.codec import (
    commit_words,
    pairs,
)
from nexmo_twisted.store.redis_inbox import RedisInbox
from nexmo_twisted.store.redis_queues import RedisQueues


class RedisStore(RedisInbox, RedisQueues):
    """All of the store. Links, phones and locks are here, the rest in the modules of its own."""

    async def read_links(self, user_id: str, handset: str, *, raw: str = "", number: str = "") -> LinkState:
        now, user_map, entries, owner, owner_map, unowned, texted = await self._work.run(
            "read_links", self._now(), user_id, handset, raw, number
        )
        return LinkState(
            now=int(now),
            user_map=user_map,
            handset=pairs(entries),
            owner=owner,
            owner_map=owner_map,
            unowned=frozenset(unowned),
            texted=texted,
        )

    async def write_map(self, state: LinkState, user_id: str, user_map: str, ttl: int) -> bool:
        return bool(await self._work.run("write_map", user_id, state.user_map, user_map, ttl) == "OK")

    async def renew_links(self, commit: LinkCommit) -> bool:
        return bool(await self._work.run("renew_links", self._now(), commit.user_map, *commit_words(commit)) == "OK")

    async def set_unowned_numbers(self, numbers: Collection[str]) -> None:
        await self._work.run("set_unowned_numbers", *sorted(numbers))

    async def name_phones(self, phones: Mapping[str, str], at: int | None, kept: int) -> None:
        words = chain.from_iterable(phones.items())
        await self._web.run("name_phones", self._now(), "" if at is None else at, kept, *words)

    async def named_phone(self, user_id: str) -> str:
        found = await self._work.command("GET", self._work.keys["named"] + user_id)
        return "" if found is None else str(found).partition(" ")[2]

    async def acquire_lock(self, name: str, seconds: float) -> bool:
        return bool(await self._work.run("acquire_lock", self._now(), name, int(seconds * 1000)))

    async def release_lock(self, name: str) -> None:
        await self._work.command("DEL", self._work.keys["lock"] + name)


_: type[Store] = RedisStore
