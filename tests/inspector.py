"""What is in Redis, by names: for tests that look there, or put there what should not be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from nexmo_twisted.domain.inspection import Queue, QueueItem
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.connection import Connection, Now
from nexmo_twisted.store.schema import KEYS

#: The keys of the schema, ``K.due`` and so on; those that something follows end with a colon.
K = SimpleNamespace(**KEYS)


class Inspector:
    """``queue`` is "out" (notifications) or "in" (replies), ``item`` the id of one of its items."""

    def __init__(self, connection: Connection, now: Now) -> None:
        self._redis: Callable[..., Awaitable[Any]] = connection.command
        self._admin = QueueAdmin(connection, now)

    async def item(self, item: str, queue: Queue = "out") -> QueueItem:
        (found,) = await self._admin.inspect_items(queue, [item])
        return found

    async def state(self, item: str, queue: Queue = "out") -> str:
        """R ready, C claimed, S sending, U uncertain, D dead; blank when it is done."""
        return (await self.item(item, queue)).state

    async def reason(self, item: str, queue: Queue = "out") -> str:
        """Why it is set aside, or was put off."""
        return (await self.item(item, queue)).reason

    async def dead(self, queue: Queue = "out") -> list[str]:
        """The ids of all that was given up, the oldest first."""
        found: list[str] = await self._redis("ZRANGE", KEYS[f"{queue}_dead"], 0, -1)
        return found

    async def uncertain(self) -> list[str]:
        """The ids of the notifications whose outcome is unknown, the oldest first."""
        found: list[str] = await self._redis("ZRANGE", K.out_uncertain, 0, -1)
        return found

    async def suspended(self) -> bool:
        """Whether nothing goes out but probes."""
        return bool(await self._redis("EXISTS", K.suspended))

    async def opted_out(self) -> list[str]:
        """The handsets that get no texts."""
        return [key.removeprefix(K.opted_out) for key in await self.keys("opted_out")]

    async def keys(self, family: str) -> list[str]:
        """Every key that begins with that of this name."""
        found: list[str] = await self._redis("KEYS", f"{KEYS[family]}*")
        return found
