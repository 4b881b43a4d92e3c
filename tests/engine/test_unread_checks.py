"""Unread checks: due messages become notifications, and the next check is when the next one is due."""

from __future__ import annotations

from nexmo_twisted.domain.results import Promoted
from nexmo_twisted.engine.poller import LONGEST_PAUSE
from nexmo_twisted.engine.unread_checks import BATCH, UnreadChecks
from tests.engine.cases import StageCase
from tests.engine.fake_store import FakeUnreadQueue
from tests.factories import REPORT

PROMOTE = ("promote", BATCH, REPORT)
POKE = ("poke_notifications",)
DUE = ("messages_due",)

#: What a pass over the due messages did, the calls, what is counted and logged, and the seconds until the next pass.
PASSES = [
    (Promoted(0, 0, 0, None), [PROMOTE], {}, [], LONGEST_PAUSE),
    (Promoted(2, 0, 0, 2_500), [PROMOTE], {DUE: 2}, [], 2.5),
    (Promoted(2, 3, 0, 10), [PROMOTE, POKE], {DUE: 2}, [], 0.01),
    (Promoted(0, 0, 1, 1_000), [PROMOTE], {}, ["error"], 1),
]


class UnreadChecksTests(StageCase):
    def test_table(self) -> None:
        """Messages are counted, lost ones reported, and notifications worked on at once."""
        for promoted, calls, counted, levels, pause in PASSES:
            self.begin()
            queue = FakeUnreadQueue(self.calls)
            queue.promoted = promoted
            checks = UnreadChecks(
                queue=queue,
                clock=self.clock,
                report=REPORT,
                poke_notifications=lambda: self.calls.append(POKE),
                metrics=self.metrics,
            )
            self.assertEqual(self.poll(checks.poller), pause, promoted)
            self.assertEqual((self.calls, self.counted, self.levels), (calls, counted, levels), promoted)
