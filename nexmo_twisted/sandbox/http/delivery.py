"""Delivers webhooks the way the two companies do: with a time limit, and again when that fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorCore, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from nexmo_twisted.sandbox.http.messages import Patience, SimulatedResponse, WebhookCall

#: Seconds to connect (Vonage support article 226572227).
CONNECT_TIMEOUT = 3.0


@dataclass(slots=True)
class _Waiting:
    """A call on its way: when its first attempt began, and how often it has failed."""

    call: WebhookCall
    since: float | None = None
    failures: int = 0


class Deliverer:
    """Sends webhooks over real HTTP and repeats the failed ones.

    The calls of one channel go out one after another, oldest first; one that failed steps aside until its
    next attempt. Neither company promises any order: ``pick`` is given how many are waiting and says which
    goes next. ``reactor`` carries the connections, which are kept while they are ``persistent``; ``clock`` measures
    time limits and waits.
    """

    def __init__(
        self,
        reactor: IReactorCore,
        clock: IReactorTime,
        *,
        pick: Callable[[int], int] = lambda _count: 0,
        persistent: bool = True,
    ) -> None:
        self._clock = clock
        self._pick = pick
        self._pool = HTTPConnectionPool(reactor, persistent=persistent)
        # A company repeats a request because it had no answer, never behind its own back.
        self._pool.retryAutomatically = False
        agent = Agent(reactor, connectTimeout=CONNECT_TIMEOUT, pool=self._pool)
        self._http = HTTPClient(agent)
        self._queues: dict[str, deque[_Waiting]] = {}
        self._retries: dict[int, IDelayedCall] = {}
        self._tasks: set[Deferred[Any]] = set()
        self._idle: list[Deferred[None]] = []
        self._stopped = False
        self._held: list[WebhookCall] | None = None

    def deliver(self, call: WebhookCall) -> None:
        """Take over one call; its outcome is told to ``call.done``."""
        if self._held is None:
            self._enqueue(_Waiting(call))
        else:
            self._held.append(call)

    @contextmanager
    def backwards(self) -> Iterator[None]:
        """What is to be delivered meanwhile is delivered afterwards, the last one first: no order is promised."""
        held: list[WebhookCall] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            for call in reversed(held):
                self.deliver(call)

    async def probe(self, url: str, timeout: float) -> SimulatedResponse | None:
        """GET a URL once, as both companies do before they accept it. None when nothing answered in time."""
        return await self._attempt(
            WebhookCall(channel="", method="GET", url=url, headers=(), body=b"", patience=Patience(timeout))
        )

    def idle(self) -> Deferred[None]:
        """Fires when nothing is on the wire and nothing is ready to go; later attempts may still be due."""
        if not self._queues:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._idle.append(waiter)
        return waiter

    @property
    def quiet(self) -> bool:
        """Nothing is on the wire and nothing is ready to go."""
        return not self._queues

    @property
    def next_retry(self) -> float | None:
        """When the next call is made again, by the clock; None when none is."""
        return min((retry.getTime() for retry in self._retries.values()), default=None)

    @property
    def retries(self) -> int:
        """How many calls wait for another attempt."""
        return len(self._retries)

    async def stop(self) -> None:
        """Give up everything, and close the connections."""
        self._stopped = True
        for retry in self._retries.values():
            retry.cancel()
        self._retries.clear()
        for task in list(self._tasks):
            task.cancel()
        await self._pool.closeCachedConnections()

    def _enqueue(self, waiting: _Waiting) -> None:
        if self._stopped:
            return
        channel = waiting.call.channel
        if channel in self._queues:
            self._queues[channel].append(waiting)
        else:
            self._queues[channel] = deque([waiting])
            self._run(self._drain(channel))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        task = Deferred.fromCoroutine(work)
        self._tasks.add(task)

        def forget(result: object) -> object:
            self._tasks.discard(task)
            return result

        return task.addBoth(forget)

    async def _drain(self, channel: str) -> None:
        queue = self._queues[channel]
        try:
            while queue and not self._stopped:
                index = self._pick(len(queue))
                waiting = queue[index]
                del queue[index]
                if waiting.call.wanted():
                    await self._try(waiting)
        finally:
            del self._queues[channel]
            if not self._queues:
                waiters, self._idle = self._idle, []
                for waiter in waiters:
                    waiter.callback(None)

    async def _try(self, waiting: _Waiting) -> None:
        call = waiting.call
        if waiting.since is None:
            waiting.since = self._clock.seconds()
        answer = await self._attempt(call)
        if self._stopped:
            return
        if answer is None or not answer.ok:
            waiting.failures += 1
            wait = call.patience.wait(waiting.failures, self._clock.seconds() - waiting.since)
            if wait is not None:
                self._retries[id(waiting)] = self._clock.callLater(wait, self._again, waiting)
                return
        call.done(answer)

    def _again(self, waiting: _Waiting) -> None:
        del self._retries[id(waiting)]
        self._enqueue(waiting)

    async def _attempt(self, call: WebhookCall) -> SimulatedResponse | None:
        """One request with its answer; None when it was refused, cut off or not answered in time."""
        exchange = self._run(self._exchange(call))
        try:
            answer: SimulatedResponse = await exchange.addTimeout(call.patience.timeout, self._clock)
        except Exception:
            return None
        return answer

    async def _exchange(self, call: WebhookCall) -> SimulatedResponse:
        headers = Headers()
        for name, value in call.headers:
            headers.addRawHeader(name, value)
        response = await self._http.request(
            call.method,
            call.url,
            headers=headers,
            data=call.body or None,
            allow_redirects=False,
            unbuffered=True,
        )
        body = _Body()
        response.deliverBody(body)
        return SimulatedResponse(response.code, await body.whole)


class _Body(Protocol):
    """Collects the body of an answer. Cancelling ``whole`` hangs up, which Twisted's readBody does not."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _whole: self._hang_up())
        self._chunks: list[bytes] = []

    def _hang_up(self) -> None:
        transport: Any = self.transport
        transport.stopProducing()

    def dataReceived(self, data: bytes) -> None:
        self._chunks.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.whole.called:
            return
        # Without a length the end of the connection is the end of the body (PotentialDataLoss).
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._chunks))
        else:
            self.whole.errback(reason)
