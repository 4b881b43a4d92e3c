"""Records the result of work that is done, however long Redis is unavailable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from nexmo_twisted.errors import StoreUnavailable

Result = TypeVar("Result")


async def until_stored(clock: IReactorTime, move: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat ``move`` until the store has accepted it. Every move may be made twice.

    It has no time limit: a lease runs by Redis' clock, and while Redis is unavailable no other process can claim the
    item. Cancelling ends it.
    """
    pause = 0.2
    while True:
        try:
            return await move()
        except StoreUnavailable:
            await deferLater(clock, pause)
            pause = min(2 * pause, 2.0)
