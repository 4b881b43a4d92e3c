"""The simulated Nexmo throttles by itself: an account by its requests, a long number of the US or Canada by its SMS."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.model import OwnedNumber, Verdict
from nexmo_twisted.providers.nexmo.send_results import judge_answer
from nexmo_twisted.sandbox.nexmo.rates import Rates
from nexmo_twisted.sandbox.nexmo.rates_plan import PROMISED, RatesPlan
from tests.sandbox.cases import BOB, FORM, NOW, OURS, SimulatorsCase, basic

TWO, TOLL_FREE, LONDON = "12015550102", "18335550100", "447700900000"
NUMBER = OwnedNumber(OURS, "US")
#: Milliseconds from one to the next: no two are 950 apart, which a clock of floats takes for more or for less.
MOMENTS = st.lists(st.integers(0, 170).map(lambda count: 7 * count), max_size=40)


class RatePlanTests(SynchronousTestCase):
    def test_which_numbers(self) -> None:
        """The rate of numbers is for long ones of the US and Canada; a number's own rate goes before it."""
        plan = RatesPlan(number=1, numbers={TWO: 0, LONDON: 5})
        for msisdn, country, rate in (
            (OURS, "US", 1),
            ("14165550100", "CA", 1),
            (TWO, "US", 0),
            (TOLL_FREE, "US", 0),
            ("18005550100", "CA", 0),
            ("18765550100", "JM", 0),
            ("13239", "US", 0),
            ("447700900001", "GB", 0),
            (LONDON, "GB", 5),
        ):
            self.assertEqual(plan.rate_of(OwnedNumber(msisdn, country)), rate, msisdn)
            self.assertEqual(RatesPlan(30).rate_of(OwnedNumber(msisdn, country)), 0)

    def test_from_json(self) -> None:
        """A plan in JSON has the same names; what is left out is off."""
        self.assertEqual(RatesPlan.from_json({}), RatesPlan())
        plan = RatesPlan.from_json({"account": 30, "number": 0.5, "numbers": {OURS: 2}})
        self.assertEqual(plan, RatesPlan(30, 0.5, {OURS: 2}))

    def test_not_a_plan(self) -> None:
        """What cannot be a plan is refused with the name of the member."""
        wrong: tuple[tuple[dict[str, Any], str], ...] = (
            ({"accounts": 30}, "accounts"),
            ({"account": -1}, "account"),
            ({"account": "30"}, "account"),
            ({"account": True}, "account"),
            ({"account": None}, "account"),
            ({"account": float("nan")}, "account"),
            ({"number": 1001}, "number"),
            ({"number": 0.001}, "number"),
            ({"numbers": [OURS]}, "numbers"),
            ({"numbers": {OURS: "1"}}, "numbers"),
        )
        for values, named in wrong:
            self.assertIn(named, str(self.assertRaises(ValueError, RatesPlan.from_json, values)))


class RateCountTests(SynchronousTestCase):
    """The state, without any HTTP."""

    def setUp(self) -> None:
        self.rates = Rates()

    def passes(self, after: float, plan: RatesPlan = PROMISED) -> bool:
        return not self.rates.refuse_sms(plan, NUMBER, NOW + after)

    def test_words_for_a_number(self) -> None:
        """A number that sends a second SMS 22 ms after the first is told the milliseconds that are left of a second."""
        self.assertTrue(self.passes(0))
        words = self.rates.refuse_sms(PROMISED, NUMBER, NOW + 0.022)
        self.assertEqual(words, "Throughput Rate Exceeded - please wait [ 978 ] and retry")

    def test_words_for_the_account(self) -> None:
        """The 31st request of an interval is refused in the words of the documentation, with the interval's figures."""
        for sent in range(30):
            self.assertEqual(self.rates.refuse_request(PROMISED, NOW + sent / 100), "")
        self.assertEqual(
            self.rates.refuse_request(PROMISED, NOW + 0.529),
            "Exceeded maximum MT throughput[ MAX [ 30 ] INTERVAL [ 1000 ] COUNT [ 30 ] LAST INT-START [ 1700000000 ] "
            "TIME_SINCE_LAST_INTERVAL_START [ 529 ]  ]",
        )
        self.assertEqual(self.rates.refuse_request(PROMISED, NOW + 1), "")

    def test_refused_does_not_count(self) -> None:
        """Who is refused and asks again and again is accepted as soon as if it had not."""
        self.assertEqual(
            [self.passes(after) for after in (0, 0.2, 0.9, 1.0, 1.5, 2.0)], [True, False, False, True, False, True]
        )

    def test_each_number_by_itself(self) -> None:
        """What one number has sent does not keep another one from sending."""
        self.passes(0)
        self.assertEqual(self.rates.refuse_sms(PROMISED, OwnedNumber(TWO, "US"), NOW), "")

    def test_other_rates(self) -> None:
        """Two a second are two in any order, half a one is one in two seconds, none is no limit."""
        for rate, expected in (
            (2.0, [True, True, False, True]),
            (0.5, [True, False, False, False]),
            (0.0, [True, True, True, True]),
        ):
            self.rates = Rates()
            plan = RatesPlan(numbers={OURS: rate})
            self.assertEqual([self.passes(after, plan) for after in (0, 0.1, 0.2, 1.0)], expected, rate)
            self.assertTrue(self.passes(2.0, plan))

    def test_clock_set_back(self) -> None:
        """A clock that is set back keeps nobody waiting until it has caught up."""
        self.passes(0)
        self.assertTrue(self.passes(-3600))

    @given(st.lists(st.floats(0, 0.049), max_size=100), st.floats(0.9995, 1.001))
    def test_keeping_to_the_rate(self, ways: list[float], drift: float) -> None:
        """Whoever sends one a second by its own clock is never refused, though some are 49 ms longer on the way."""
        rates = Rates()
        for count, way in enumerate(ways):
            self.assertEqual(rates.refuse_sms(PROMISED, NUMBER, NOW + count * drift + way), "")

    @given(MOMENTS)
    def test_number_never_faster(self, moments: list[int]) -> None:
        """Whatever is tried: what passes is 950 ms apart, all that is does pass, the rest is told how long to wait."""
        rates, at, last = Rates(), 0, None
        for wait in moments:
            at += wait
            words = rates.refuse_sms(PROMISED, NUMBER, NOW + at / 1000)
            if last is None or at - last > 950:
                self.assertEqual(words, "")
                last = at
            else:
                self.assertEqual(words, f"Throughput Rate Exceeded - please wait [ {1000 - at + last} ] and retry")

    @given(MOMENTS)
    def test_account_never_faster(self, moments: list[int]) -> None:
        """Whatever is tried: no interval has more than its share, and none less while there are requests."""
        rates, at, began, tried, plan = Rates(), 0, -10_000, 0, RatesPlan(account=2)
        for wait in moments:
            at += wait
            if at - began > 950:
                began, tried = at, 0
            refused = rates.refuse_request(plan, NOW + at / 1000)
            tried += 1
            self.assertEqual(bool(refused), tried > 2)


class ThrottledTests(SimulatorsCase):
    """Over real HTTP, where nothing takes any time."""

    async def send(
        self, sender: str = OURS, text: str = "Hello", headers: dict[str, str] | None = None, **more: str
    ) -> Any:
        body = urlencode({"from": sender, "to": BOB, "text": text, **more}).encode()
        return await self.ask("POST", "/nexmo/sms/json", body, {**FORM, **(headers or basic())})

    async def status(self, sender: str = OURS, **more: Any) -> str:
        status: str = (await self.send(sender, **more)).json["messages"][0]["status"]
        return status

    async def test_off(self) -> None:
        """Nobody is throttled unless it is switched on."""
        self.assertEqual({await self.status() for _ in range(40)}, {"0"})

    async def test_number(self) -> None:
        """A long number sends one a second; the second one is refused with HTTP 200 and status 1, and not sent."""
        self.nexmo.rates_plan = PROMISED
        self.assertEqual(await self.status(), "0")
        reply = await self.send()
        entry = {"status": "1", "error-text": "Throughput Rate Exceeded - please wait [ 1000 ] and retry"}
        self.assertEqual((reply.status, reply.json), (200, {"message-count": "1", "messages": [entry]}))
        outcome = judge_answer(reply.status, None, reply.body)
        self.assertEqual((outcome.verdict, outcome.retry_after), (Verdict.NOT_SENT, 1.0))
        self.assertEqual(await self.status(TWO), "0")
        self.assertEqual(len(self.nexmo.handset(BOB)), 2)
        self.clock.advance(1)
        self.assertEqual(await self.status(), "0")

    async def test_other_numbers(self) -> None:
        """Toll-free numbers and those of other countries may send faster."""
        self.nexmo.rates_plan = PROMISED
        self.nexmo.add_number(TOLL_FREE)
        self.nexmo.add_number(LONDON, "GB")
        self.assertEqual([await self.status(each) for each in (TOLL_FREE, LONDON) * 2], ["0"] * 4)

    async def test_account(self) -> None:
        """An account sends so many requests a second, from whichever numbers; the service reads when to go on."""
        self.nexmo.rates_plan = RatesPlan(account=2)
        self.assertEqual([await self.status(each) for each in (OURS, TWO)], ["0", "0"])
        self.clock.advance(0.25)
        reply = await self.send()
        outcome = judge_answer(reply.status, None, reply.body)
        self.assertEqual((reply.status, outcome.verdict, outcome.retry_after), (200, Verdict.NOT_SENT, 0.75))
        self.assertIn("MAX [ 2 ]", reply.json["messages"][0]["error-text"])
        self.clock.advance(0.75)
        self.assertEqual(await self.status(), "0")

    async def test_what_counts(self) -> None:
        """Requests of the account count, refused ones as well, but not those of a stranger; parts do not."""
        self.nexmo.rates_plan = RatesPlan(account=2)
        self.assertEqual((await self.send(headers=basic(secret="wrong"))).status, 401)
        self.assertEqual(await self.status(text="a" * 400), "0")
        self.assertEqual(await self.status("12015550199"), "15")
        self.assertEqual(await self.status(), "1")

    async def test_refused_for_another_reason(self) -> None:
        """An SMS that is refused, for itself or for the account, is no SMS of its number."""
        self.nexmo.rates_plan = RatesPlan(account=2, number=1)
        self.assertEqual(await self.status(to="bob"), "3")
        self.assertEqual(await self.status(TWO), "0")
        self.assertEqual(await self.status(), "1")
        self.clock.advance(1)
        self.assertEqual(await self.status(), "0")
