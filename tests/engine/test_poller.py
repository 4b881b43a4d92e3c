"""The loop: armed for the earliest time only, never twice at once, not ended by errors."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from nexmo_twisted.engine.poller import LONGEST_PAUSE, Poller
from nexmo_twisted.errors import StoreUnavailable


class PollerTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.looks: list[float] = []
        self.answer: Callable[[], float | None] = lambda: None
        self.poller = Poller("test", clock=self.clock, poll=self.look)

    async def look(self) -> float | None:
        self.looks.append(self.clock.seconds())
        return self.answer()

    def test_earliest(self) -> None:
        """One timer, for the earliest time that anybody named."""
        self.poller.start()
        self.clock.advance(0)
        for after in (3, 2, 4):
            self.poller.poke(after)
        self.assertEqual([c.getTime() for c in self.clock.getDelayedCalls()], [2])
        self.clock.advance(2)
        self.assertEqual(self.looks, [0, 2])

    def test_time_goes_on(self) -> None:
        """A clock that has moved between two looks at it is no reason to ask for a negative delay."""

        class Real(Clock):
            def seconds(self) -> float:
                self.rightNow += 1e-6
                return super().seconds()

        clock = Real()
        poller = Poller("test", clock=clock, poll=self.look)
        poller.start()
        clock.advance(0.001)
        self.assertEqual(len(self.looks), 1)

    def test_answer(self) -> None:
        """The look says when the next one is; without an answer it looks after a while, since others may have died."""
        self.answer = lambda: 1.5
        self.poller.start()
        self.clock.pump([0, 1, 0.5])
        self.assertEqual(self.looks, [0, 1.5])
        self.answer = lambda: 3600.0
        self.clock.pump([1.5, LONGEST_PAUSE])
        self.assertEqual(self.looks, [0, 1.5, 3, 3 + LONGEST_PAUSE])

    def test_not_twice_at_once(self) -> None:
        """A poke during a look means one more look after it."""
        going: Deferred[None] = Deferred()
        looks = []

        async def slow() -> float | None:
            looks.append(1)
            await going
            return None

        poller = Poller("test", clock=self.clock, poll=slow)
        poller.start()
        self.clock.advance(0)
        poller.poke()
        poller.poke()
        self.clock.advance(10)
        self.assertEqual(len(looks), 1)
        going.callback(None)
        self.clock.advance(0)
        self.assertEqual(len(looks), 2)

    def test_outage(self) -> None:
        """While the store is away it looks less and less often, never in a spin, and says so once."""

        def away() -> None:
            raise StoreUnavailable("away")

        self.answer = away
        self.poller.start()
        self.clock.pump([0.1] * 300)
        self.assertLess(len(self.looks), 13)
        self.answer = lambda: None
        self.clock.advance(LONGEST_PAUSE)
        looks = len(self.looks)
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(len(self.looks), looks + 1)

    def test_survives_errors(self) -> None:
        """An error nobody thought of is logged and the loop goes on."""
        self.answer = lambda: [].pop()
        self.poller.start()
        self.clock.pump([0, 0.2, 0.4])
        self.assertEqual(len(self.looks), 3)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 3)

    def test_long_outage(self) -> None:
        """However long the store is away, it goes on when it is back."""

        def away() -> None:
            raise StoreUnavailable("away")

        self.answer = away
        self.poller.start()
        self.clock.pump([5.0] * 2000)
        self.answer = lambda: None
        before = len(self.looks)
        self.clock.pump([5.0, 5.0])
        self.assertEqual(len(self.looks), before + 2)

    def test_poke_in_a_look(self) -> None:
        """A timer that ends during a look starts no second one beside it."""
        going: list[Deferred[None]] = []

        async def slow() -> float | None:
            going.append(Deferred())
            await going[-1]
            return None

        poller = Poller("test", clock=self.clock, poll=slow)
        poller.start()
        self.clock.advance(0)
        poller.poke(0.1)
        self.clock.advance(0.1)
        self.assertEqual(len(going), 1)
        going[0].callback(None)
        self.clock.advance(0)
        self.assertEqual(len(going), 2)

    def test_stop_has_an_end(self) -> None:
        """A look that does not end is cut off after ten seconds."""
        poller = Poller("test", clock=self.clock, poll=lambda: Deferred())
        poller.start()
        self.clock.advance(0)
        stopped = Deferred.fromCoroutine(poller.stop())
        self.clock.advance(9.9)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """Stop waits for the look that is under way and leaves no timer behind."""
        going: Deferred[None] = Deferred()

        async def slow() -> float | None:
            await going
            return 1.0

        poller = Poller("test", clock=self.clock, poll=slow)
        poller.start()
        self.clock.advance(0)
        stopped = Deferred.fromCoroutine(poller.stop())
        self.assertNoResult(stopped)
        going.callback(None)
        self.successResultOf(stopped)
        poller.poke()
        self.assertEqual(self.clock.getDelayedCalls(), [])
