"""Functions of the customer: any kind, ten seconds, and their faults are theirs alone."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from nexmo_twisted.engine.functions import THREADS, Functions
from nexmo_twisted.engine.identities import CustomIdentities
from nexmo_twisted.errors import Permanent, Temporary


class Calling(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.clock = Clock()
        self.functions = Functions(reactor, self.clock)  # type: ignore[arg-type]
        self.functions.start()
        self.addCleanup(self.functions.stop)

    async def test_plain(self) -> None:
        """A plain function may block: it runs in a thread."""
        thread = await self.functions.call(lambda _: threading.current_thread(), "bob")
        self.assertIsNot(thread, threading.main_thread())

    async def test_coroutines(self) -> None:
        """Coroutine functions, callable objects with one, and inlineCallbacks stay with the reactor."""

        async def coroutine(user: str) -> tuple[str, Any]:
            return user, threading.current_thread()

        class Callable:
            async def __call__(self, user: str) -> tuple[str, Any]:
                return await coroutine(user)

        @inlineCallbacks
        def generator(user: str) -> Generator[Any, Any, tuple[str, Any]]:
            yield succeed(None)
            return user, threading.current_thread()

        for function in (coroutine, Callable(), generator):
            self.assertEqual(await self.functions.call(function, "bob"), ("bob", threading.main_thread()))

    async def test_plain_with_a_deferred(self) -> None:
        """A Deferred or coroutine that a plain function returns is awaited."""

        async def later() -> str:
            return "x"

        self.assertEqual(await self.functions.call(lambda: succeed("x")), "x")
        self.assertEqual(await self.functions.call(lambda: later()), "x")

    async def test_ten_seconds(self) -> None:
        """Whoever does not answer within ten seconds fails, and only their own call does."""
        release = threading.Event()
        self.addCleanup(release.set)

        async def never() -> None:
            await Deferred()

        calls = [Deferred.fromCoroutine(self.functions.call(f)) for f in (never, release.wait)]
        self.assertEqual(await self.functions.call(lambda: "other"), "other")
        self.clock.advance(10)
        for call in calls:
            with self.assertRaises(Temporary):
                await call
        release.set()

    async def test_bounded(self) -> None:
        """No more than ten plain functions run at a time."""
        release = threading.Event()
        running: list[int] = []
        reached = threading.Semaphore(0)

        def work() -> None:
            running.append(1)
            reached.release()
            release.wait()

        calls = [Deferred.fromCoroutine(self.functions.call(work)) for _ in range(THREADS + 5)]
        for _ in range(THREADS):
            reached.acquire()
        self.assertEqual(len(running), THREADS)
        release.set()
        for call in calls:
            await call
        self.assertEqual(len(running), THREADS + 5)


class CustomIdentity(TestCase):
    def setUp(self) -> None:
        self.functions = Functions(reactor, Clock())  # type: ignore[arg-type]

    async def ask(self, answer: Any) -> Any:
        async def function(user_id: str) -> Any:
            return answer(user_id)

        return await CustomIdentities(self.functions, function).identity("bob")

    async def test_handed_over_whole(self) -> None:
        """Templates see the whole object, and the user id with it."""
        identity = await self.ask(lambda u: {"name": "Bob", "phone": "1", "shoes": 43})
        self.assertEqual(identity.values, {"name": "Bob", "phone": "1", "shoes": 43, "userId": "bob"})
        self.assertEqual(identity.phone, "1")

    async def test_faults(self) -> None:
        """None is an unknown user; junk and exceptions are tried again and named without their content."""
        with self.assertRaises(Permanent):
            await self.ask(lambda u: None)
        with self.assertRaisesRegex(Temporary, "returned list"):
            await self.ask(lambda u: ["+12015550199"])
        with self.assertRaisesRegex(Temporary, r"raised ZeroDivisionError at \S+:\d+ in <lambda>$"):
            await self.ask(lambda u: 1 / 0)
