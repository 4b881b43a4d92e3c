"""Functions of the customer: plain ones run in a bounded thread pool, coroutine functions in the reactor."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from threading import Thread
from traceback import extract_tb
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from nexmo_twisted.errors import Temporary

#: Seconds that a function of the customer may take.
PATIENCE = 10.0
#: How many plain functions run at a time: as many as there are notifications in work, so that none of them spends its
#: ten seconds on waiting for a thread.
THREADS = 20


class _DaemonPool(ThreadPool):
    """A function that never returns must not keep the process from ending."""

    threadFactory = staticmethod(partial(Thread, daemon=True))  # type: ignore[assignment]


class Functions:
    """Calls the customer's functions with a time limit of ten seconds each.

    A time limit cannot interrupt a plain function: its thread goes on and its answer is dropped.
    """

    def __init__(self, reactor: IReactorFromThreads, clock: IReactorTime) -> None:
        self._reactor = reactor
        self._clock = clock
        self._pool = _DaemonPool(0, THREADS, "customer functions")

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Does not wait for functions that are still at work."""
        if not self._pool.working:
            self._pool.stop()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's value, awaited when it is a coroutine or Deferred. Raises Temporary after ten seconds and
        whatever the function raises."""
        work = Deferred.fromCoroutine(self._call(function, arguments))
        try:
            return await work.addTimeout(PATIENCE, self._clock)
        except DeferredTimeout:
            raise Temporary(f"{_name(function)} took more than {PATIENCE:.0f} seconds") from None

    async def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if _runs_in_reactor(function):
            result = function(*arguments)
        else:
            result = await deferToThreadPool(self._reactor, self._pool, function, *arguments)
        if isinstance(result, Deferred) or inspect.isawaitable(result):
            result = await result
        return result


def where(error: BaseException) -> str:
    """The kind of an exception and the line it came from. Its message is left out: it may hold names and phones."""
    frames = extract_tb(error.__traceback__)
    line = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{line}"


def _runs_in_reactor(function: Callable[..., Any]) -> bool:
    """Coroutine functions, and generators under inlineCallbacks, talk to the reactor and must stay with it."""
    calls = (inspect.unwrap(function), inspect.unwrap(type(function).__call__))
    return any(inspect.iscoroutinefunction(call) or inspect.isgeneratorfunction(call) for call in calls)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
