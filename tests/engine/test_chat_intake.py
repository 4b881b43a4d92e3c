"""The intake of chat events: each is stored, and the unread checks look again when its message is due."""

from __future__ import annotations

import json
from dataclasses import replace

from nexmo_twisted.domain.model import Status
from nexmo_twisted.engine.chat_intake import EventIntake
from nexmo_twisted.engine.quarantine import Quarantine
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import StageCase
from tests.engine.fake_store import FakeNamedPhones, FakeQuarantineLog, FakeUnreadQueue
from tests.factories import HANDSET, event

EVENT = event("sent", bob=Status.SENT)
DELAY, KEPT = 60_000, 3_600_000


class EventIntakeTests(StageCase):
    def begin(self) -> None:
        super().begin()
        self.queue = FakeUnreadQueue(self.calls)
        self.named = FakeNamedPhones(self.calls)
        self.kept = FakeQuarantineLog(self.calls)

    def intake(self, *, signed: bool = True) -> EventIntake:
        quarantine = Quarantine(self.kept, "chat", signed=signed)
        return EventIntake(
            queue=self.queue,
            named=self.named,
            quarantine=quarantine,
            delay=DELAY,
            phones_kept=KEPT,
            poke_checks=lambda after: self.calls.append(("poke_checks", after)),
        )

    def test_event(self) -> None:
        """An event is stored with the delay; the checks look again when its message is due, if it will be."""
        for due, poked in ((None, []), (0, [("poke_checks", 0)]), (1_500, [("poke_checks", 1.5)])):
            self.begin()
            self.queue.due = due
            self.result(self.intake().event(EVENT))
            self.assertEqual(self.calls, [("record_event", EVENT, DELAY), *poked])

    def test_phones(self) -> None:
        """The phones that come with an event are kept, before the event is stored: with it they may be needed."""
        self.result(self.intake().event(replace(EVENT, phones={"bob": HANDSET}, sent_at=7)))
        named, recorded = self.calls
        self.assertEqual(named, ("name_phones", {"bob": HANDSET}, 7, KEPT))
        self.assertEqual(recorded[0], "record_event")

    def test_store_away(self) -> None:
        """An event that cannot be stored is the endpoint's business: its sender repeats it."""
        self.queue.fail("record_event", StoreUnavailable("Redis is away"))
        with self.assertRaises(StoreUnavailable):
            self.result(self.intake().event(EVENT))

    def test_quarantine(self) -> None:
        """A webhook that cannot be read is kept, with its company, the reason, and whether it was signed."""
        for signed, flags in ((True, ["signed"]), (False, [])):
            self.begin()
            self.result(self.intake(signed=signed).quarantine("no JSON", b"{"))
            [(name, entry, *found)] = self.calls
            self.assertEqual((name, found), ("quarantine", flags))
            self.assertEqual(json.loads(entry), {"source": "chat", "reason": "no JSON", "ids": [], "body": "{"})
