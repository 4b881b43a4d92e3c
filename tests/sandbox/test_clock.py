"""A clock that can be ahead, and what falls due while it is moved."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.sandbox.clock import SkippingClock
from nexmo_twisted.sandbox.time_travel import PAUSE, TimeTravel


class SkippingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.machine = Clock()
        self.clock = SkippingClock(self.machine, lambda: 1_000.0 + self.machine.seconds())
        self.called: list[str] = []

    def test_interfaces(self) -> None:
        """It can stand wherever the reactor's time can."""
        verifyObject(IReactorTime, self.clock)
        verifyObject(IDelayedCall, self.clock.callLater(1, self.called.append, "x"))

    def test_ahead(self) -> None:
        """A skip moves the time and the time of day, and leaves the machine's clock alone."""
        self.clock.skip(600)
        self.machine.advance(5)
        self.assertEqual((self.clock.seconds(), self.clock.wall()), (605.0, 1_605.0))
        self.assertEqual((self.clock.milliseconds(), self.clock.ahead), ("1605000", 600.0))
        self.assertEqual(self.machine.seconds(), 5)

    def test_what_falls_due(self) -> None:
        """What is timed comes as much sooner as was skipped, in the order of its times, whatever was timed before."""
        self.clock.callLater(20, self.called.append, "later")
        self.clock.callLater(10, self.called.append, "sooner")
        self.clock.skip(5)
        self.clock.callLater(7, self.called.append, "between")
        self.machine.advance(4.9)
        self.assertEqual(self.called, [])
        self.machine.advance(0.1)
        self.assertEqual(self.called, ["sooner"])
        self.clock.skip(100)
        self.machine.advance(0)
        self.assertEqual(self.called, ["sooner", "between", "later"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_calls(self) -> None:
        """A call knows its time by this clock, and can be moved and cancelled as any other."""
        call = self.clock.callLater(10, self.called.append, "x")
        self.clock.skip(4)
        self.assertEqual(call.getTime(), 10.0)
        call.delay(5)
        self.assertEqual(call.getTime(), 15.0)
        call.reset(1)
        self.assertEqual(call.getTime(), 5.0)
        self.assertEqual(self.clock.getDelayedCalls(), [call])
        call.cancel()
        self.assertEqual((call.active(), self.clock.getDelayedCalls()), (False, []))
        self.assertRaises(AlreadyCancelled, call.cancel)
        called = self.clock.callLater(0, self.called.append, "y")
        self.machine.advance(0)
        self.assertRaises(AlreadyCalled, called.cancel)
        self.clock.skip(1_000)
        self.assertEqual(self.called, ["y"])

    def test_no_way_back(self) -> None:
        """Time goes ahead only."""
        for seconds in (-1.0, float("inf"), float("nan")):
            self.assertRaises(ValueError, self.clock.skip, seconds)
        self.assertEqual(self.clock.ahead, 0.0)

    def skipping(self, answers: list[float | StoreUnavailable | None]) -> Deferred[None]:
        """A skip of a minute while what is next is told so; a fault is told for ever when it comes last."""

        async def next_due() -> float | None:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, StoreUnavailable):
                raise answer
            return answer

        async def keep() -> None:
            self.called.append("kept")

        self.skips = TimeTravel(self.clock, reactor=self.machine, busy=lambda: False, next_due=next_due, keep=keep)
        return Deferred.fromCoroutine(self.skips.skip(60))

    def test_slow_redis(self) -> None:
        """While Redis is slow a skip asks it again what is next, and then goes on."""
        slow = StoreUnavailable("Redis is away")
        done = self.skipping([slow, slow, 30.0, slow, None])
        self.machine.pump([PAUSE] * 50)
        self.successResultOf(done)
        self.assertEqual((self.clock.ahead, self.called), (60.0, ["kept"]))

    def test_no_redis(self) -> None:
        """When it stays away a skip ends with that, and another one may begin."""
        done = self.skipping([30.0, StoreUnavailable("Redis is away")])
        self.machine.pump([0.1] * 90)
        self.assertNoResult(done)
        self.machine.pump([0.1] * 30)
        self.failureResultOf(done, StoreUnavailable)
        self.assertEqual((self.clock.ahead, self.skips.under_way), (30.0, False))
