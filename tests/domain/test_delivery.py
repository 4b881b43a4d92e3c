"""What became of an SMS: which report outweighs which, and how it is kept and told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.delivery import KEPT, MOST_CODE, CodeMeaning, DeliveryState, DeliveryStatus, read_state
from nexmo_twisted.operations.metrics import PrometheusMetrics
from tests.support import counted

STATES = st.builds(DeliveryState, st.sampled_from(DeliveryStatus), st.integers(), st.booleans())


class DeliveryStateTests(TestCase):
    def test_counted(self) -> None:
        """Every status has its counter."""
        metrics = PrometheusMetrics()
        for status in DeliveryStatus:
            self.assertEqual(counted(metrics, "delivery_receipts", status.value), 0)

    def test_weight(self) -> None:
        """Nothing, then what is not final, then delivered, then a failure, then that the recipient has opted out."""
        states = [*map(DeliveryState, DeliveryStatus), DeliveryState(DeliveryStatus.EXPIRED, 9, opted_out=True)]
        letters = ["", *(state.kept for state in states)]
        self.assertEqual(sorted(letters), letters)
        self.assertEqual([state.failed for state in states], [False] * 4 + [True] * 4)

    def test_code(self) -> None:
        """A code is kept beside a failure, of as many digits as any provider has."""
        self.assertEqual(DeliveryState(DeliveryStatus.DELIVERED, 6).kept, "d")
        self.assertEqual(DeliveryState(DeliveryStatus.FAILED, 30003).kept, "f30003")
        for code in (-1, 0, MOST_CODE + 1):
            self.assertEqual(DeliveryState(DeliveryStatus.FAILED, code).kept, "f")

    @given(STATES)
    def test_kept(self, state: DeliveryState) -> None:
        """What is kept of any state is short, and comes to the same when it is read and kept again."""
        self.assertIsNotNone(KEPT.fullmatch(state.kept))
        known = read_state(state.kept)
        assert known is not None
        self.assertEqual(known.kept, state.kept)

    def test_read(self) -> None:
        """Nothing is no state; what nobody of ours wrote is none, either."""
        self.assertIsNone(read_state(""))
        self.assertEqual(read_state("s9"), DeliveryState(DeliveryStatus.FAILED, 9, opted_out=True))
        for text in ("x", "f٣", "f1234567", "ff", "delivered"):
            self.assertRaises(ValueError, read_state, text)

    def test_told(self) -> None:
        """In words, with what the provider says of its code."""
        state = DeliveryState(DeliveryStatus.FAILED, 7)
        self.assertEqual(state.in_words(lambda _: CodeMeaning("busy", "")), "failed, code 7 (busy)")
        self.assertEqual(state.in_words(lambda _: CodeMeaning("", "")), "failed, code 7")
        self.assertEqual(DeliveryState(DeliveryStatus.FAILED).in_words(lambda _: CodeMeaning("busy", "")), "failed")
