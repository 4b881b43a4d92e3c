"""A cache of answers: bounded in number and time, one request in flight for each key, failures not kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

Answer = TypeVar("Answer")


class Cache(Generic[Answer]):
    """``await cache.get(key)`` calls ``fetch`` at most once at a time for a key; an answer is kept for ``seconds``."""

    def __init__(
        self,
        fetch: Callable[[str], Coroutine[Any, Any, Answer]],
        *,
        clock: IReactorTime,
        size: int = 1000,
        seconds: float = 300.0,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._size = size
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[str, list[Deferred[Answer]]] = {}

    async def get(self, key: str) -> Answer:
        known = self._known.get(key)
        if known is not None and known[0] > self._clock.seconds():
            self._known.move_to_end(key)
            return known[1]
        answer: Deferred[Answer] = Deferred()
        if key in self._asking:
            self._asking[key].append(answer)
        else:
            self._asking[key] = [answer]
            Deferred.fromCoroutine(self._fetch(key)).addBoth(self._deliver, key)
        return await answer

    def _deliver(self, result: Answer | Failure, key: str) -> None:
        if not isinstance(result, Failure):
            self._known[key] = (self._clock.seconds() + self._seconds, result)
            self._known.move_to_end(key)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        for answer in self._asking.pop(key):
            answer.callback(result)
