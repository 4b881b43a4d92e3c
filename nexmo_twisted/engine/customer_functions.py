"""Functions of the customer: plain ones run in a bounded thread pool, coroutine functions in the reactor."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from threading import Lock, Thread
from traceback import extract_tb
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from nexmo_twisted.deferreds import hand_over
from nexmo_twisted.engine.issues import Issue
from nexmo_twisted.errors import Temporary

#: Seconds that a function of the customer may take.
PATIENCE = 10.0
#: How many plain functions run at a time: as many as there are notifications in work, so that none of them spends its
#: ten seconds on waiting for a thread.
THREADS = 20


class _DaemonPool(ThreadPool):
    """A function that never returns must not keep the process from ending."""

    threadFactory = staticmethod(partial(Thread, daemon=True))  # type: ignore[assignment]


class CustomerFunctions:
    """Calls the customer's functions with a time limit of ten seconds each.

    A time limit cannot interrupt a plain function: its thread goes on and its answer is dropped. Until it returns it is
    *stuck*, which is logged once and shown. The same call is not made again meanwhile, so that one user for whom the
    function never returns takes one thread and not, try by try, all of them. When all are taken nevertheless, further
    calls fail at once, until one returns.

    ``wall`` is the time of day, in seconds since the epoch.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorFromThreads, clock: IReactorTime, wall: Callable[[], float]) -> None:
        self._reactor = reactor
        self._clock = clock
        self._wall = wall
        self._pool = _DaemonPool(0, THREADS, "customer functions")
        self._open: set[Deferred[Any]] = set()
        self._stuck: list[_Call] = []

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Does not wait for functions that are still at work."""
        for answer in list(self._open):
            answer.cancel()
        if not self._pool.working:
            self._pool.stop()

    @property
    def stuck(self) -> int:
        """How many threads are in functions that ought to have returned."""
        return len(self._stuck)

    def issues(self) -> list[Issue]:
        """The functions that are stuck, each since its first such call."""
        calls: dict[str, list[float]] = {}
        for call in self._stuck:
            calls.setdefault(call.name, []).append(call.since)
        return [
            Issue(f"function {name}", min(since), f"has not returned in {len(since)} of {THREADS} threads")
            for name, since in calls.items()
        ]

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's value, awaited when it is a coroutine or Deferred.

        Raises Temporary after ten seconds, or when no thread can be had, and whatever the function raises.
        """
        call = _Call(function, arguments, self._wall())
        if call.threaded:
            self._refuse_stuck(call)
        work = Deferred.fromCoroutine(self._call(call))
        # Coroutines can catch even their cancellation and go on; they are not waited for any longer all the same.
        answer: Deferred[Any] = Deferred(lambda _: work.cancel())
        work.addBoth(hand_over, answer)
        limit = self._clock.callLater(PATIENCE, self._give_up, call, work, answer)
        self._open.add(answer)
        try:
            return await answer
        finally:
            self._open.discard(answer)
            if limit.active():
                limit.cancel()

    def _refuse_stuck(self, call: _Call) -> None:
        if len(self._stuck) >= THREADS:
            raise Temporary(f"all {THREADS} threads are stuck in functions that do not return")
        if any(call.repeats(other) for other in self._stuck):
            raise Temporary(f"an earlier call of {call.name} with the same arguments has not returned")

    async def _call(self, call: _Call) -> Any:
        try:
            result = await self._in_thread(call) if call.threaded else call.function(*call.arguments)
            if isinstance(result, Deferred) or inspect.isawaitable(result):
                result = await result
        except SystemExit:
            raise Temporary(f"{call.name} tried to end the process") from None
        return result

    async def _in_thread(self, call: _Call) -> Any:
        answer: Deferred[Any] = Deferred(lambda _: call.drop())  # whereas the thread cannot be cancelled
        deferToThreadPool(self._reactor, self._pool, call.run).addBoth(self._returned, call, answer)
        return await answer

    def _returned(self, result: Any, call: _Call, answer: Deferred[Any]) -> None:
        call.running = False
        if call in self._stuck:
            self._stuck.remove(call)
            self._log.info(
                "Customer function {name}: returned late; {stuck} threads still stuck",
                name=call.name,
                stuck=len(self._stuck),
            )
        hand_over(result, answer)

    def _give_up(self, call: _Call, work: Deferred[None], answer: Deferred[Any]) -> None:
        answer.errback(Temporary(f"{call.name} took more than {PATIENCE:.0f} seconds"))
        work.cancel()
        if call.running:
            self._stuck.append(call)
            self._log.error(
                "Customer function {name}: no result in {patience:.0f} s, {stuck} of {threads} threads stuck; fix it",
                name=call.name,
                patience=PATIENCE,
                stuck=len(self._stuck),
                threads=THREADS,
            )


class _Call:
    """One call. A plain function waits for a thread first; dropped before it has one, it is not run at all."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], since: float) -> None:
        self.function = function
        self.arguments = arguments
        self.since = since
        self.name: str = getattr(function, "__qualname__", type(function).__qualname__)
        self.threaded = not _runs_in_reactor(function)
        self.running = False  #: in a thread
        self._dropped = False
        self._lock = Lock()

    def run(self) -> Any:
        """Runs in the thread."""
        with self._lock:
            if self._dropped:
                return None
            self.running = True
        return self.function(*self.arguments)

    def drop(self) -> None:
        """The caller has stopped waiting."""
        with self._lock:
            self._dropped = True

    def repeats(self, other: _Call) -> bool:
        try:
            return bool(self.function == other.function and self.arguments == other.arguments)
        except Exception:  # values of the customer's, which compare as they like
            return False


def where(error: BaseException) -> str:
    """The kind of an exception and the line it came from. Its message is left out: it may hold names and phones."""
    frames = extract_tb(error.__traceback__)
    line = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{line}"


def _runs_in_reactor(function: Callable[..., Any]) -> bool:
    """Coroutine functions, and generators under inlineCallbacks, talk to the reactor and must stay with it."""
    calls = (inspect.unwrap(function), inspect.unwrap(type(function).__call__))
    return any(inspect.iscoroutinefunction(call) or inspect.isgeneratorfunction(call) for call in calls)
