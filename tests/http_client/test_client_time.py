"""When the time for an answer is up, by a clock that only the test moves."""

from __future__ import annotations

from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from nexmo_twisted.http_client.client import Http, HttpResponse


class Slow(Resource):
    """Answers after as many seconds as the client waits, and what it says is read in the turn after that."""

    isLeaf = True

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds
        self.agent: Any = None

    def render(self, request: Any) -> Any:
        def answer() -> None:
            request.write(b"{}")
            request.finish()
            self.agent.flush()

        self._clock.callLater(self._seconds, answer)
        return NOT_DONE_YET


class TimeoutTests(SynchronousTestCase):
    def ask(self, answered_after: float) -> Deferred[HttpResponse]:
        clock = Clock()
        slow = Slow(clock, answered_after)
        slow.agent = RequestTraversalAgent(slow)
        http = Http(slow.agent, clock, timeout=10.0)
        asking = Deferred.fromCoroutine(http.request("GET", "http://layer.example/", headers=Headers()))
        clock.advance(10.0)
        self.assertEqual([call for call in clock.getDelayedCalls() if call.getTime() == 10.0], [])
        return asking

    def test_read_first(self) -> None:
        """An answer that is there when time is up counts: the reactor runs its timers before it reads."""
        self.assertEqual(self.successResultOf(self.ask(10.0)).body, b"{}")

    def test_too_late(self) -> None:
        """One that is not, does not."""
        error = self.failureResultOf(self.ask(10.1)).value
        self.assertEqual(error.reason, "no answer within 10 seconds")
