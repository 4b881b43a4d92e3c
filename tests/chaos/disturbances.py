"""What goes wrong, and when: processes are killed and stopped at random instants; all else has a time of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

from twisted.internet.task import deferLater

from tests.chaos.companies import Companies
from tests.chaos.concurrency import concurrently
from tests.chaos.process_pool import ProcessPool
from tests.chaos.unreliable import STORMS
from tests.chaos.workload import LoadProfile
from tests.scenarios.own_redis import OwnRedis

#: Seconds that Redis is paused, and for which it stays dead.
PAUSE = 3.0
DEAD = 1.0
#: Seconds that a process is stopped: beyond its lease of four.
STOP = 5.5


class Disturbances:
    """``done`` counts what was done, by kind."""

    def __init__(
        self, reactor: Any, random: Random, processes: ProcessPool, redis: OwnRedis, companies: Companies
    ) -> None:
        self._reactor = reactor
        self._random = random
        self._processes = processes
        self._redis = redis
        self._companies = companies
        self.done: Counter[str] = Counter()

    async def make(self, profile: LoadProfile, kills: bool) -> None:
        """All of it, in ``profile.seconds`` or little more; without ``kills`` only the companies misbehave."""
        if kills:
            await concurrently(
                self._at_random(profile, profile.kills, self._kill),
                self._at_random(profile, profile.stops, self._stop),
                self._others(profile, True),
            )
        else:
            await self._others(profile, False)

    async def _at_random(self, profile: LoadProfile, count: int, disturbance: Callable[[], Awaitable[None]]) -> None:
        begun = self._reactor.seconds()
        for at in sorted(self._random.random() * profile.seconds for _ in range(count)):
            await self._sleep(begun + at - self._reactor.seconds())
            await disturbance()

    async def _others(self, profile: LoadProfile, kills: bool) -> None:
        """One at a time, each somewhere in a stretch of its own."""
        disturbances: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        if kills:
            disturbances += [("redis_kills", self._kill_redis)] * profile.redis_kills
            disturbances += [("redis_pauses", self._pause_redis)] * profile.redis_pauses
        for name in STORMS:
            disturbances += [(name, partial(self._storm, name, profile.storm_seconds))] * profile.storms
        self._random.shuffle(disturbances)
        begun, stretch = self._reactor.seconds(), profile.seconds / len(disturbances)
        for place, (name, disturbance) in enumerate(disturbances):
            await self._sleep(begun + (place + self._random.random() / 2) * stretch - self._reactor.seconds())
            await disturbance()
            self.done[name] += 1

    async def _kill(self) -> None:
        while not self._processes.kill_one(self._random):  # they are all just starting
            await self._sleep(0.1)
        self.done["kills"] += 1

    async def _stop(self) -> None:
        """Returns as soon as it is stopped: several processes may be at the same time."""
        while (stopped := self._processes.stop_one(self._random)) is None:
            await self._sleep(0.1)
        self.done["stops"] += 1
        self._reactor.callLater(STOP, self._processes.go_on, stopped)

    async def _kill_redis(self) -> None:
        self._redis.kill()
        try:
            await self._sleep(DEAD)
        finally:
            self._redis.start()

    async def _pause_redis(self) -> None:
        self._redis.pause()
        try:
            await self._sleep(PAUSE)
        finally:
            self._redis.go_on()

    async def _storm(self, name: str, seconds: float) -> None:
        self._companies.faults.storm = name
        try:
            await self._sleep(seconds)
        finally:
            self._companies.faults.storm = ""

    async def _sleep(self, seconds: float) -> None:
        await deferLater(self._reactor, max(0.0, seconds))
