"""Functions of the customer: any kind, ten seconds, and their faults are theirs alone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from nexmo_twisted.engine.customer_functions import PATIENCE, THREADS, CustomerFunctions
from nexmo_twisted.engine.identities import CustomIdentities
from nexmo_twisted.errors import Permanent, Temporary
from tests.scenarios.outside import Lines
from tests.support import until

#: How many turns of the reactor a thread may take to come back.
TURNS = 1_000_000


class FunctionCase(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.clock = Clock()
        self.functions = CustomerFunctions(
            IReactorThreads(reactor), self.clock, lambda: 1_000_000 + self.clock.seconds()
        )
        self.functions.start()
        self.addCleanup(self.functions.stop)

    def begin(self, function: Any, *arguments: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.functions.call(function, *arguments))

    async def assert_temporary(self, call: Deferred[Any], told: str) -> None:
        with self.assertRaisesRegex(Temporary, told):
            await call


class CustomerFunctionTests(FunctionCase):
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

        calls = [self.begin(function) for function in (never, release.wait)]
        self.assertEqual(await self.functions.call(lambda: "other"), "other")
        self.clock.advance(PATIENCE)
        for call in calls:
            await self.assert_temporary(call, "took more than 10 seconds")

    async def test_deaf(self) -> None:
        """So does a coroutine that catches everything, its cancellation too, and goes on."""

        async def deaf() -> None:
            while True:
                try:
                    await Deferred()
                except Exception:  # noqa: S112 - that is what it is for
                    continue

        call = self.begin(deaf)
        self.clock.advance(PATIENCE)
        await self.assert_temporary(call, "took more than 10 seconds")

    async def test_time_out_of_its_own(self) -> None:
        """A time limit that a function has set for itself is its own failure, and not ours."""

        async def impatient() -> None:
            raise DeferredTimeout(3, "seconds")

        with self.assertRaises(DeferredTimeout):
            await self.functions.call(impatient)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_exit(self) -> None:
        """A function that ends the process does not: it is a failure like others."""

        async def in_reactor() -> None:
            raise SystemExit(1)

        for function in (sys.exit, in_reactor):
            await self.assert_temporary(self.begin(function), "tried to end the process")

    async def test_bounded(self) -> None:
        """No more than twenty plain functions run at a time; the others wait for a thread."""
        release = threading.Event()
        self.addCleanup(release.set)
        running: list[int] = []
        reached = threading.Semaphore(0)

        def work(number: int) -> None:
            running.append(number)
            reached.release()
            release.wait()

        calls = [self.begin(work, number) for number in range(THREADS + 5)]
        for _ in range(THREADS):
            reached.acquire()
        self.assertEqual(len(running), THREADS)
        release.set()
        for call in calls:
            await call
        self.assertEqual(len(running), THREADS + 5)

    async def test_stopped(self) -> None:
        """The end of the service ends the waiting, and leaves no timer."""

        async def never() -> None:
            await Deferred()

        functions = CustomerFunctions(IReactorThreads(reactor), self.clock, self.clock.seconds)
        functions.start()
        call = Deferred.fromCoroutine(functions.call(never))
        functions.stop()
        with self.assertRaises(CancelledError):
            await call
        self.assertEqual(self.clock.getDelayedCalls(), [])


class StuckThreadTests(FunctionCase):
    """Real threads that do not return until the test lets them."""

    def setUp(self) -> None:
        super().setUp()
        self.lines = Lines(self)
        self.release = threading.Event()
        self.reached = threading.Semaphore(0)
        self.addCleanup(self.release.set)

    def block(self, user: str) -> str:
        self.reached.release()
        self.release.wait()
        return user

    async def stick(self, *users: str) -> None:
        """The function has not returned for these users within its ten seconds."""
        calls = [self.begin(self.block, user) for user in users]
        for _ in users:
            self.reached.acquire()
        self.clock.advance(PATIENCE)
        for call in calls:
            await self.assert_temporary(call, "took more than 10 seconds")

    def log_lines(self) -> list[str]:
        return [line for line in self.lines.ours if "no result in" in line]

    async def test_reported(self) -> None:
        """A thread that never returns is logged by its function's name, once, without what it was asked; and shown
        since the call, until it returns."""
        self.clock.advance(5)
        await self.stick("bob")
        self.assertEqual(
            self.functions.issues(),
            [("function StuckThreadTests.block", 1_000_005, f"has not returned in 1 of {THREADS} threads")],
        )
        for _ in range(100):
            self.clock.advance(1)
        self.assertEqual((self.functions.stuck, len(self.log_lines())), (1, 1))
        self.assertIn("StuckThreadTests.block", self.log_lines()[0])
        self.assertNotIn("bob", "\n".join(self.lines.all))
        self.release.set()
        await until(lambda: not self.functions.stuck, TURNS)
        self.assertEqual(self.functions.issues(), [])
        self.assertEqual(await self.functions.call(self.block, "bob"), "bob")

    async def test_several(self) -> None:
        """Each is counted; those of one function are one line in the list, since the first of them."""
        await self.stick("bob")
        await self.stick("cleo", "ann")
        ((what, since, reason),) = self.functions.issues()
        self.assertEqual((what, since), ("function StuckThreadTests.block", 1_000_000))
        self.assertIn("3 of", reason)
        self.assertEqual(len(self.log_lines()), 3)

    async def test_one_user(self) -> None:
        """A user for whom the function never returns takes one thread, however often it is tried; others go on."""
        await self.stick("bob")
        for _ in range(2 * THREADS):
            await self.assert_temporary(self.begin(self.block, "bob"), "with the same arguments has not returned")
            self.assertEqual(await self.functions.call(lambda user: user, "bob"), "bob")
            self.clock.advance(60)
        self.assertEqual(self.functions.stuck, 1)

    async def test_incomparable(self) -> None:
        """Arguments that cannot be compared are taken for others."""

        class Vague:
            def __eq__(self, other: object) -> bool:
                raise ValueError("who knows?")

        def function(_vague: Vague, last: bool) -> bool:
            return last or bool(self.block("bob"))

        call = self.begin(function, Vague(), False)
        self.reached.acquire()
        self.clock.advance(PATIENCE)
        await self.assert_temporary(call, "took more")
        self.assertEqual(self.functions.stuck, 1)
        self.assertTrue(await self.functions.call(function, Vague(), True))

    async def test_all(self) -> None:
        """When all threads are stuck further calls fail at once and say why; coroutines go on. When the threads come
        back, all is as before."""

        async def coroutine() -> str:
            return "fine"

        await self.stick(*(f"user {n}" for n in range(THREADS)))
        before = self.clock.seconds()
        await self.assert_temporary(self.begin(str, "ann"), f"all {THREADS} threads are stuck")
        self.assertEqual(self.clock.seconds(), before)
        self.assertEqual(await self.functions.call(coroutine), "fine")
        self.release.set()
        await until(lambda: not self.functions.stuck, TURNS)
        calls = [self.begin(str, f"user {n}") for n in range(THREADS + 5)]
        self.assertEqual([await call for call in calls], [f"user {n}" for n in range(THREADS + 5)])

    async def test_no_thread_in_time(self) -> None:
        """A call that found no thread within its ten seconds is not made any more, and is not stuck."""
        made: list[str] = []
        calls = [self.begin(self.block, f"user {n}") for n in range(THREADS)]
        for _ in calls:
            self.reached.acquire()
        self.clock.advance(1)
        calls.append(self.begin(made.append, "late"))
        self.clock.advance(PATIENCE)
        for call in calls:
            await self.assert_temporary(call, "took more than 10 seconds")
        self.assertEqual(self.functions.stuck, THREADS)
        self.release.set()
        await until(lambda: not self.functions.stuck, TURNS)
        for _ in range(THREADS):
            await self.functions.call(str, "behind it in the queue")
        self.assertEqual(made, [])

    async def test_stopped(self) -> None:
        """The end of the service waits for none of them."""
        await self.stick("bob")
        self.functions.stop()
        self.assertEqual(self.functions.stuck, 1)


class CustomIdentityTests(TestCase):
    def setUp(self) -> None:
        self.functions = CustomerFunctions(IReactorThreads(reactor), Clock(), lambda: 0.0)

    async def ask(self, answer: Any) -> Any:
        async def function(user_id: str) -> Any:
            return answer(user_id)

        return await CustomIdentities(self.functions, function).identity("bob")

    async def test_handed_over_whole(self) -> None:
        """Templates see the whole object, and the user id with it."""
        identity = await self.ask(lambda _u: {"name": "Bob", "phone": "1", "shoes": 43})
        self.assertEqual(identity.values, {"name": "Bob", "phone": "1", "shoes": 43, "userId": "bob"})
        self.assertEqual(identity.phone, "1")

    async def test_faults(self) -> None:
        """None is an unknown user; junk and exceptions are tried again and named without their content."""
        with self.assertRaises(Permanent):
            await self.ask(lambda _u: None)
        with self.assertRaisesRegex(Temporary, "returned list"):
            await self.ask(lambda _u: ["+12015550199"])
        with self.assertRaisesRegex(Temporary, r"raised ZeroDivisionError at \S+:\d+ in <lambda>$"):
            await self.ask(lambda _u: 1 / 0)
