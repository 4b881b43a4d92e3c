"""Which limits bind an SMS, and what a limit lets pass."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.rate_limits import ACCOUNT, LATENESS, Limit, Limits, limit, pause

ONE, TOLL_FREE, LONDON = "12015550101", "18005550101", "447700900123"
VONAGE = Limits(per_account=30, per_number=1, overrides={"12015550102": 10, LONDON: 2})


class WhichLimitsTests(TestCase):
    def test_whom(self) -> None:
        """Long numbers of the US and Canada have a limit of their own, others none; all have that of the account."""
        for number, rate in ((ONE, 1.0), ("14165550101", 1.0), (TOLL_FREE, 0.0), ("4412345", 0.0), ("1201555010", 0.0)):
            self.assertEqual(VONAGE.of(number), (limit(number, rate), limit(ACCOUNT, 30)))

    def test_overrides(self) -> None:
        """A number may have another limit, whatever kind of number it is; also none."""
        self.assertEqual(VONAGE.of("12015550102")[0], limit("12015550102", 10))
        self.assertEqual(VONAGE.of(LONDON)[0], limit(LONDON, 2))
        self.assertEqual(Limits(30, 1, {ONE: 0}).of(ONE)[0], Limit(ONE, 0, 0))

    def test_none(self) -> None:
        """No limit has no interval."""
        self.assertEqual([each.interval for each in Limits().of(ONE)], [0, 0])


class LimitRateTests(TestCase):
    def test_vonage(self) -> None:
        """30 a second are 33.3 ms apart, one a second a second."""
        self.assertEqual(limit(ACCOUNT, 30), Limit(ACCOUNT, 33_334, LATENESS))
        self.assertEqual(limit(ONE, 1), Limit(ONE, 1_000_000, LATENESS))

    @given(st.floats(0.01, 1000))
    def test_one_above(self, rate: float) -> None:
        """At any rate, SMS that all come as early as they may are at most one above the limit in any second."""
        binding = limit(ACCOUNT, rate)
        # The first is late by the whole tolerance, and the others keep to their slots.
        within = (1_000_000 + binding.tolerance) // binding.interval + 1
        self.assertLessEqual(within, int(rate) + 1)
        self.assertGreaterEqual(binding.tolerance, 0)


class PauseTests(TestCase):
    def test_named(self) -> None:
        """As long as the answer asks for, though single SMS may be early; a second if it does not say."""
        self.assertEqual(pause(0.978), 978 + LATENESS // 1000)
        self.assertEqual(pause(None), 1000 + LATENESS // 1000)

    def test_not_at_all(self) -> None:
        """An answer that asks for no time is not asked again at once."""
        self.assertGreaterEqual(pause(0.0), 100)
