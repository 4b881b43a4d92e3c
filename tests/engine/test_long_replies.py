"""Long replies: those whose parts were waited for long enough are posted."""

from __future__ import annotations

from nexmo_twisted.domain.results import Closed
from nexmo_twisted.engine.long_replies import BATCH, LongReplyTimeouts
from nexmo_twisted.engine.poller import LONGEST_PAUSE
from tests.engine.cases import StageCase
from tests.engine.fake_store import FakeInbox

CLOSE = ("close_parts", BATCH)
POKE = ("poke_replies",)

#: What a pass did, the calls, what is counted and logged, and the seconds until the next pass.
PASSES = [
    (Closed(0, 0, None), [CLOSE], {}, [], LONGEST_PAUSE),
    (Closed(0, 0, 2_500), [CLOSE], {}, [], 2.5),
    (Closed(2, 0, 10), [CLOSE, POKE], {("long_replies_incomplete",): 2}, ["info"], 0.01),
    (Closed(0, 1, 1_000), [CLOSE], {}, ["error"], 1),
]


class LongReplyTimeoutsTests(StageCase):
    def test_table(self) -> None:
        """What is posted incomplete is counted and worked on at once; what is lost is reported."""
        for closed, calls, counted, levels, pause in PASSES:
            self.begin()
            inbox = FakeInbox(self.calls)
            inbox.closed = closed
            timeouts = LongReplyTimeouts(
                inbox=inbox, clock=self.clock, poke_replies=lambda: self.calls.append(POKE), metrics=self.metrics
            )
            self.assertEqual(self.poll(timeouts.poller), pause, closed)
            self.assertEqual((self.calls, self.counted, self.levels), (calls, counted, levels), closed)
