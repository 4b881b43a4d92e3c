"""Processes that work off what is due, on a clock that jumps from one event to the next."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from random import Random

from twisted.internet.task import Clock

from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import Notification, Status, Thread
from nexmo_twisted.domain.rate_limits import Limits
from nexmo_twisted.store.redis_store import RedisStore
from tests.factories import CONVERSATION, REPORT, event, uuid
from tests.store.cases import LEASE
from tests.support import attempt, in_words, sent

#: Seconds that an SMS takes from its grant to its answer.
ANSWER = 0.1
SLOTS = 20


async def owe(store: RedisStore, users: Sequence[str]) -> None:
    """A message to each of them, due now and unread."""
    for number, user in enumerate(users, 1):
        sent = event("sent", uuid(number), **{user: Status.SENT})
        await store.record_event(sent, 0)
    while (await store.promote(200, REPORT)).notifications:
        pass


def hurried(random: Random) -> Callable[[int], float]:
    """The seconds that preparations take: the first ones for a user need look-ups, later ones do not."""
    return lambda attempt: random.uniform(0.0, 0.3 if attempt == 1 else 0.02)


class Backlog:
    """``grants`` are (second, number) of every SMS that may go out, from the beginning on; ``begins`` counts for each
    user how often an SMS was prepared.

    Every store is a process. ``number_of`` says from which number a user is texted, ``late`` the seconds from a claim
    to the end of the preparations, the first time a user is prepared, the second ...
    """

    def __init__(
        self,
        clock: Clock,
        stores: Iterable[RedisStore],
        limits: Limits,
        number_of: Callable[[str], str],
        late: Callable[[int], float],
    ) -> None:
        self._clock = clock
        self._began = clock.seconds()
        self._limits = limits
        self._number_of = number_of
        self._late = late
        self._moves: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []
        self._count = count()
        self._working = dict.fromkeys(stores, 0)
        self._timers = dict.fromkeys(self._working, 0)  # only the newest of each process counts
        self.grants: list[tuple[float, str]] = []
        self.begins: dict[str, int] = {}
        for store in self._working:
            self._at(0, self._look, store, 0)

    async def run(self, seconds: float) -> None:
        """Until so much more time has passed, or nothing is left to do."""
        end = self._clock.seconds() + seconds
        while self._moves and self._moves[0][0] <= end:
            when, _, move = heapq.heappop(self._moves)
            self._clock.advance(max(0.0, when - self._clock.seconds()))
            await move()

    def times(self, number: str = "") -> list[float]:
        """When SMS went out, from that number or from any."""
        return [when for when, sender in self.grants if number in ("", sender)]

    def _at(self, after: float, move: Callable[..., Awaitable[None]], *arguments: object) -> None:
        heapq.heappush(self._moves, (self._clock.seconds() + after, next(self._count), lambda: move(*arguments)))

    async def _look(self, store: RedisStore, timer: int) -> None:
        if timer != self._timers[store]:
            return
        self._timers[store] += 1
        free = SLOTS - self._working[store]
        if free <= 0:
            return
        claimed = await store.claim_notifications(free, LEASE, idle=not self._working[store])
        for item in claimed.items:
            self._working[store] += 1
            self.begins[item.user_id] = self.begins.get(item.user_id, 0) + 1
            self._at(self._late(self.begins[item.user_id]), self._begin, store, item)
        if claimed.next is not None and not (claimed.next == 0 and self._working[store]):
            self._at(claimed.next / 1000, self._look, store, self._timers[store])

    async def _begin(self, store: RedisStore, item: Notification) -> None:
        user, number = item.user_id, self._number_of(item.user_id)
        handset = "1212" + str(int.from_bytes(user.encode()) % 10_000_000).zfill(7)
        if item.gone or item.statuses[user] not in REPORT:
            await store.complete(item, "read")
            await self._free(store)
            return
        state = await store.read_links(user, handset, raw=handset)
        choice = choose(state, Thread(user, CONVERSATION), handset, handset, [number], 10**9, 10**9)
        assert isinstance(choice, Choice)
        limits = self._limits.of(number)
        answer = in_words(await store.begin_attempt(item, REPORT, choice.commit, "", LEASE, limits))
        if answer == "OK":
            self.grants.append((self._clock.seconds() - self._began, number))
            self._at(ANSWER, self._accepted, store, item, handset, number)
            return
        assert answer.startswith("WAIT "), answer
        await self._free(store)

    async def _accepted(self, store: RedisStore, item: Notification, handset: str, number: str) -> None:
        await store.record_accepted(item, attempt(handset, number), "sent", sent())
        await self._free(store)

    async def _free(self, store: RedisStore) -> None:
        self._working[store] -= 1
        await self._look(store, self._timers[store])


def worst(times: Sequence[float]) -> int:
    """The most within any second, both ends included."""
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] > 1.0 + 1e-6:
            first += 1
        most = max(most, last - first + 1)
    return most
