"""Inbound SMS that were answered 503: that is recorded as soon as the store is back."""

from __future__ import annotations

from nexmo_twisted.engine.turned_away import TurnedAway
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import StageCase
from tests.engine.fake_store import FakeInbox

RECORD = ("turned_away",)


class TurnedAwayTests(StageCase):
    def begin(self) -> None:
        super().begin()
        self.inbox = FakeInbox(self.calls)
        self.turned_away = TurnedAway(self.inbox, self.clock)
        self.turned_away.poller.start()
        self.clock.advance(0)

    def test_nothing(self) -> None:
        """As long as none was turned away nothing is recorded."""
        self.clock.pump([5] * 10)
        self.assertEqual((self.calls, self.turned_away.unreported), ([], False))

    def test_recorded(self) -> None:
        """One is recorded at once, and once; several at the same time are one record."""
        self.turned_away.mark()
        self.turned_away.mark()
        self.assertTrue(self.turned_away.unreported)
        self.clock.pump([0, 5, 5])
        self.assertEqual((self.calls, self.turned_away.unreported), ([RECORD], False))

    def test_store_away(self) -> None:
        """While the store is away it stays unreported, and is recorded when the store is back."""
        self.inbox.fail("turned_away", StoreUnavailable("Redis is away"))
        self.turned_away.mark()
        self.clock.advance(0)
        self.assertTrue(self.turned_away.unreported)
        self.clock.advance(1)
        self.assertEqual((self.calls, self.turned_away.unreported), ([RECORD, RECORD], False))

    def test_another_one_meanwhile(self) -> None:
        """One that is turned away while another one is recorded is recorded after that."""
        recording = self.inbox.hold("turned_away")
        self.turned_away.mark()
        self.clock.advance(0)
        self.turned_away.mark()
        recording.callback(None)
        self.assertTrue(self.turned_away.unreported)
        self.clock.advance(0)
        self.assertEqual((self.calls, self.turned_away.unreported), ([RECORD, RECORD], False))
