"""What goes wrong, and when: processes are killed at random instants; everything else has a time of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

from twisted.internet.task import deferLater

from tests.chaos.companies import STORMS, Companies
from tests.chaos.crew import Crew
from tests.chaos.plan import Form
from tests.chaos.together import together
from tests.scenarios.own_redis import OwnRedis

#: Seconds that Redis is paused, and for which it stays dead.
PAUSE = 3.0
DEAD = 1.0
#: Seconds that a process is stopped: beyond its lease of four.
STOP = 7.0


class Trouble:
    """``done`` counts what was done, by kind."""

    def __init__(self, reactor: Any, random: Random, crew: Crew, redis: OwnRedis, companies: Companies) -> None:
        self._reactor = reactor
        self._random = random
        self._crew = crew
        self._redis = redis
        self._companies = companies
        self.done: Counter[str] = Counter()

    async def make(self, form: Form) -> None:
        """All of it, in ``form.seconds`` or little more."""
        await together(self._kills(form), self._others(form))

    async def _kills(self, form: Form) -> None:
        begun = self._reactor.seconds()
        for at in sorted(self._random.random() * form.seconds for _ in range(form.kills)):
            await self._sleep(begun + at - self._reactor.seconds())
            while not self._crew.kill_one(self._random):  # they are all just starting
                await self._sleep(0.1)
            self.done["kills"] += 1

    async def _others(self, form: Form) -> None:
        """One at a time, each somewhere in a stretch of its own."""
        troubles: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        troubles += [("stops", self._stop)] * form.stops
        troubles += [("redis_kills", self._kill_redis)] * form.redis_kills
        troubles += [("redis_pauses", self._pause_redis)] * form.redis_pauses
        for name in STORMS:
            troubles += [(name, partial(self._storm, name, form.storm_seconds))] * form.storms
        self._random.shuffle(troubles)
        begun, stretch = self._reactor.seconds(), form.seconds / len(troubles)
        for place, (name, trouble) in enumerate(troubles):
            await self._sleep(begun + (place + self._random.random() / 2) * stretch - self._reactor.seconds())
            await trouble()
            self.done[name] += 1

    async def _stop(self) -> None:
        while (stopped := self._crew.stop_one(self._random)) is None:
            await self._sleep(0.1)
        try:
            await self._sleep(STOP)
        finally:  # also when the run is over before its time
            self._crew.go_on(stopped)

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
