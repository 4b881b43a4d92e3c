"""A remote that fails again and again gets one probe at a time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.backoff import CAP
from nexmo_twisted.domain.delivery import CodeMeaning
from nexmo_twisted.domain.model import Outcome, Sms, Verdict
from nexmo_twisted.engine.circuit_breaker import FAILURES, LONGEST_PAUSE, CircuitBreaker, GuardedProvider
from nexmo_twisted.errors import AccountFault, Declined, Intercepted, Permanent, Temporary

SMS = Sms("12015550101", "12015550112", "Hi", "ref")


class Provider:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Deferred[Outcome] | Verdict = Verdict.ACCEPTED

    async def send(self, _sms: Sms, *, until: float | None = None) -> Outcome:  # noqa: ARG002 - as the protocol has it
        self.asked += 1
        if isinstance(self.answer, Deferred):
            return await self.answer
        return Outcome(verdict=self.answer, reason="said so")

    def describe(self, code: int) -> CodeMeaning:
        raise NotImplementedError

    async def numbers(self) -> list[Any]:
        return []

    async def route_inbound(self, number: Any, url: str) -> None:
        raise NotImplementedError


class CircuitBreakerCase(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.circuit = CircuitBreaker("Nexmo", self.clock)

    def fail_times(self, number: int) -> None:
        for _ in range(number):
            self.circuit.record_failure("down")

    def request(self, error: BaseException | None = None, call: str = "") -> None:
        with self.circuit.request(call):
            if error is not None:
                raise error


class OpenCircuitTests(CircuitBreakerCase):
    def test_five_in_a_row(self) -> None:
        """It opens with the fifth failure, not before; since when and why can be asked."""
        self.fail_times(FAILURES - 1)
        self.assertEqual((self.circuit.open, self.circuit.pause), (False, 0))
        self.clock.advance(7)
        self.circuit.record_failure("down")
        self.assertEqual((self.circuit.open, self.circuit.since, self.circuit.reason), (True, 7, "down"))

    def test_not_in_a_row(self) -> None:
        """A success in between starts the count anew."""
        for _ in range(10):
            self.fail_times(FAILURES - 1)
            self.request()
        self.assertFalse(self.circuit.open)

    def test_what_counts(self) -> None:
        """Temporary is a failure, also one of the account; a clear no is an answer; a stop is neither."""
        for kind in (Temporary, AccountFault):
            self.circuit.record_success()
            for _ in range(FAILURES):
                self.assertRaises(kind, self.request, kind("no"))
            self.assertTrue(self.circuit.open, kind)
        self.circuit.record_success()
        self.fail_times(FAILURES - 1)
        self.assertRaises(CancelledError, self.request, CancelledError())
        self.assertFalse(self.circuit.open)
        for no in (Permanent("gone"), Declined("not this one")):
            self.assertRaises(type(no), self.request, no)
            self.fail_times(FAILURES - 1)
            self.assertFalse(self.circuit.open)

    def test_intercepted(self) -> None:
        """What something else answered is neither a failure of the remote nor a sign that it works."""
        for _ in range(10):
            self.assertRaises(Intercepted, self.request, Intercepted("a page"))
        self.assertFalse(self.circuit.open)
        self.fail_times(FAILURES - 1)
        self.assertRaises(Intercepted, self.request, Intercepted("a page"))
        self.fail_times(1)
        self.assertTrue(self.circuit.open)


class InterceptedTests(CircuitBreakerCase):
    def intercept(self, call: str, reason: str = "a page") -> None:
        self.assertRaises(Intercepted, self.request, Intercepted(reason), call)

    def test_told(self) -> None:
        """Since when, and the last reason, until the remote itself answers that call."""
        self.intercept("post")
        self.clock.advance(7)
        self.intercept("post", "another page")
        self.request(call="identity")
        self.assertEqual(self.circuit.intercepted, (0, "another page"))
        self.assertRaises(Permanent, self.request, Permanent("gone"), "post")
        self.assertIsNone(self.circuit.intercepted)

    def test_the_first(self) -> None:
        """Of several calls the one that began first."""
        self.clock.advance(1)
        self.intercept("post")
        self.clock.advance(1)
        self.intercept("identity")
        self.assertEqual(self.circuit.intercepted, (1, "a page"))

    def test_nobody_asks_any_more(self) -> None:
        """It is forgotten when what was intercepted would have been tried again long ago."""
        self.intercept("post")
        self.clock.advance(CAP)
        self.intercept("post")
        self.clock.advance(2 * CAP)
        self.assertEqual(self.circuit.intercepted, (0, "a page"))
        self.clock.advance(1)
        self.assertIsNone(self.circuit.intercepted)


class ProbeTests(CircuitBreakerCase):
    def setUp(self) -> None:
        super().setUp()
        self.fail_times(FAILURES)

    def test_pauses(self) -> None:
        """Nothing passes in the pause; each failed probe makes it longer, up to a limit."""
        seen = []
        for _ in range(8):
            self.assertRaises(Temporary, self.request)
            seen.append(self.circuit.pause)
            self.clock.advance(self.circuit.pause)
            self.assertRaises(Temporary, self.request, Temporary("still down"))
        self.assertEqual(seen, [1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE])

    def test_one_at_a_time(self) -> None:
        """While a probe is on its way nobody else passes; a success lets everybody pass."""
        self.clock.advance(1)
        with self.circuit.request():
            error = self.assertRaises(Temporary, self.request)
            self.assertGreater(error.retry_after or 0, 0)
        self.assertFalse(self.circuit.open)
        with self.circuit.request():
            self.request()

    def test_a_stopped_probe(self) -> None:
        """A probe that was called off makes room for the next."""
        self.clock.advance(1)
        self.assertRaises(CancelledError, self.request, CancelledError())
        self.assertTrue(self.circuit.open)
        self.request()
        self.assertFalse(self.circuit.open)


class SendResultTests(CircuitBreakerCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = Provider()
        self.guarded = GuardedProvider(self.provider, self.circuit)

    async def test_verdicts(self) -> None:
        """Not sent and uncertain are failures of the provider; refused and a fault of the account are answers."""
        for verdict in Verdict:
            self.circuit.record_success()
            self.provider.answer = verdict
            for _ in range(FAILURES):
                self.assertIs((await self.guarded.send(SMS)).verdict, verdict)
            self.assertEqual(self.circuit.open, verdict in (Verdict.NOT_SENT, Verdict.UNCERTAIN), verdict)

    async def test_too_fast(self) -> None:
        """That we are too fast is no failure: whoever says so works, and works again."""
        for _ in range(FAILURES):
            self.provider.answer = succeed(Outcome(verdict=Verdict.NOT_SENT, reason="throttled", exceeded="account"))
            self.assertEqual((await self.guarded.send(SMS)).exceeded, "account")
        self.assertFalse(self.circuit.open)
        self.fail_times(FAILURES)
        self.clock.advance(1)
        self.provider.answer = succeed(Outcome(verdict=Verdict.NOT_SENT, reason="throttled", exceeded="number"))
        await self.guarded.send(SMS)
        self.assertFalse(self.circuit.open)

    async def test_held_back(self) -> None:
        """An SMS that may not pass was certainly not sent, and the provider has not seen it."""
        self.fail_times(FAILURES)
        outcome = await self.guarded.send(SMS)
        self.assertEqual((outcome.verdict, self.provider.asked), (Verdict.NOT_SENT, 0))
        self.assertGreater(outcome.retry_after or 0, 0)

    async def test_side_by_side(self) -> None:
        """However many want to send at once: one probe."""
        self.fail_times(FAILURES)
        self.clock.advance(1)
        self.provider.answer = Deferred()
        sending = [Deferred.fromCoroutine(self.guarded.send(SMS)) for _ in range(20)]
        self.assertEqual(self.provider.asked, 1)
        self.provider.answer.callback(Outcome(verdict=Verdict.ACCEPTED, reason="ok"))
        verdicts = [(await each).verdict for each in sending]
        self.assertEqual(verdicts, [Verdict.ACCEPTED] + [Verdict.NOT_SENT] * 19)
