"""The memory for answers: bounded, for a while, one question at a time for each key."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from nexmo_twisted.engine.cache import Cache


class CacheTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[str] = []
        self.waiting: list[Deferred[str]] = []
        self.cache: Cache[str] = Cache(self.fetch, clock=self.clock, size=2, seconds=300)

    async def fetch(self, key: str) -> str:
        self.asked.append(key)
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    def get(self, key: str) -> Deferred[str]:
        return Deferred.fromCoroutine(self.cache.get(key))

    def learn(self, key: str) -> None:
        answer = self.get(key)
        self.waiting[-1].callback(key.upper())
        self.assertEqual(self.successResultOf(answer), key.upper())

    def test_five_minutes(self) -> None:
        """An answer holds for five minutes."""
        self.learn("a")
        self.clock.advance(299)
        self.assertEqual(self.successResultOf(self.get("a")), "A")
        self.clock.advance(1)
        self.assertNoResult(self.get("a"))
        self.assertEqual(self.asked, ["a", "a"])

    def test_one_in_flight(self) -> None:
        """Those who ask meanwhile get the same answer, and one who gives up takes it from nobody."""
        first, second, third = self.get("a"), self.get("a"), self.get("a")
        first.cancel()
        self.failureResultOf(first)
        self.waiting[0].callback("A")
        self.assertEqual([self.successResultOf(second), self.successResultOf(third)], ["A", "A"])
        self.assertEqual(self.asked, ["a"])

    def test_failures_are_not_kept(self) -> None:
        """After a failure the next one asks again."""
        first = self.get("a")
        self.waiting[0].errback(ValueError("no"))
        self.failureResultOf(first, ValueError)
        self.learn("a")

    def test_bounded(self) -> None:
        """The least recently asked-for answer makes room."""
        self.learn("a")
        self.learn("b")
        self.successResultOf(self.get("a"))
        self.learn("c")
        self.successResultOf(self.get("a"))
        self.assertNoResult(self.get("b"))
