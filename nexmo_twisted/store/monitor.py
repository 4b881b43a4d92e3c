"""Heartbeats in Redis and its settings: what the engine needs to know whether Redis accepts, has and keeps data."""

from __future__ import annotations

import txredisapi

from nexmo_twisted.domain.heartbeat import Heartbeat, RedisSettings
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.codec import int_or_none
from nexmo_twisted.store.connection import Connection, Now, redis_time

#: The numbers in the answer of heartbeat.lua, in its order.
_FIGURES = (
    *("now", "pending", "pending_age", "out", "out_age", "in_", "in_age", "uncertain", "uncertain_age"),
    *("out_dead", "in_dead", "out_jobs", "in_jobs"),
)


class RedisHeartbeat:
    """Redis as one process sees it: ``name`` is that process's own, another one after a restart.

    ``connection`` should be the one that serves the webhooks, since whether they can be stored is the question. Every
    method raises StoreUnavailable and nothing else.
    """

    def __init__(self, connection: Connection, name: str, now: Now = redis_time) -> None:
        self._connection = connection
        self._name = name
        self._now = now

    async def heartbeat(self, number: int, remember: int) -> Heartbeat:
        """Write ``number``, to be remembered for so many ms, and return what was there before and what waits.

        Refused whenever a webhook could not be stored: out of memory, read-only, no disk, still loading ...
        """
        answer = await self._connection.run("heartbeat", self._now(), self._name, number, remember)
        before, *figures = answer[:-7]
        suspended_since, reason, quarantined, quarantined_since, unsigned, unsigned_since, strangers = answer[-7:]
        return Heartbeat(
            before=int_or_none(before),
            **{name: int(figure) for name, figure in zip(_FIGURES, figures, strict=True)},
            suspended_since=int_or_none(suspended_since),
            suspended_reason=reason,
            quarantined=int(quarantined),
            quarantined_since=int_or_none(quarantined_since),
            unsigned=int(unsigned),
            unsigned_since=int_or_none(unsigned_since),
            blocked_strangers=int(strangers),
            prefix=self._connection.prefix,
        )

    async def forget(self) -> None:
        """This process ends: its beats are of no more use."""
        await self._connection.command("DEL", self._connection.keys["beat"] + self._name)

    async def settings(self) -> RedisSettings:
        """What Redis may lose, by its own word. Where CONFIG is refused, as managed ones do, INFO says less."""
        policy, aof = await self._config("maxmemory-policy"), await self._config("appendonly")
        fsync = await self._config("appendfsync")
        if policy is None:
            policy = await self._info("memory", "maxmemory_policy")
        if aof is None:
            aof = {"1": "yes", "0": "no"}.get(await self._info("persistence", "aof_enabled") or "")
        return RedisSettings(policy, None if aof is None else aof == "yes", fsync)

    async def _config(self, name: str) -> str | None:
        answer = await self._ask("CONFIG", "GET", name)
        return str(answer[1]) if isinstance(answer, list) and len(answer) == 2 else None

    async def _info(self, section: str, name: str) -> str | None:
        for line in str(await self._ask("INFO", section) or "").splitlines():
            field, _, value = line.partition(":")
            if field == name:
                return value
        return None

    async def _ask(self, *words: str) -> object:
        """The answer, or None when Redis refuses to give one; that it is away is another matter."""
        try:
            return await self._connection.command(*words)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, txredisapi.ResponseError):
                return None
            raise
