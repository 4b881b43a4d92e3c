"""Results are stored however long the store is away."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import CancelledError, Deferred

from nexmo_twisted.engine.retry_store import until_stored
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import StageCase


class UntilStoredTests(StageCase):
    def begin(self) -> None:
        super().begin()
        self.errors: deque[Exception] = deque()
        self.made: list[float] = []

    async def move(self) -> str:
        self.made.append(round(self.clock.seconds(), 1))
        if self.errors:
            raise self.errors.popleft()
        return "stored"

    def test_at_once(self) -> None:
        """What the store accepts is done, and its answer is that of the store."""
        self.assertEqual(self.result(until_stored(self.clock, self.move)), "stored")

    def test_away(self) -> None:
        """While the store is away it is asked less and less often, every two seconds at last."""
        self.errors.extend([StoreUnavailable("Redis is away")] * 6)
        storing = Deferred.fromCoroutine(until_stored(self.clock, self.move))
        while timers := self.clock.getDelayedCalls():
            self.clock.advance(timers[0].getTime() - self.clock.seconds())
        self.assertEqual(self.successResultOf(storing), "stored")
        self.assertEqual(self.made, [0, 0.2, 0.6, 1.4, 3.0, 5.0, 7.0])

    def test_another_error(self) -> None:
        """Any other error is the caller's business."""
        self.errors.append(ValueError("unforeseen"))
        with self.assertRaises(ValueError):
            self.result(until_stored(self.clock, self.move))

    def test_cancelled(self) -> None:
        """Cancelling ends it, and leaves no timer behind."""
        self.errors.extend([StoreUnavailable("Redis is away")] * 3)
        storing = Deferred.fromCoroutine(until_stored(self.clock, self.move))
        storing.cancel()
        self.failureResultOf(storing, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
