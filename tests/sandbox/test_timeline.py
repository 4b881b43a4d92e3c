"""The timeline tells what happened in its order, however late the answers come from which it hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.model import (
    ChatEvent,
    EventKind,
    Outcome,
    Sms,
    Status,
    Verdict,
)
from nexmo_twisted.domain.results import (
    Delivery,
)
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.names import Names
from nexmo_twisted.sandbox.timeline.observed_clients import ObservedProvider
from nexmo_twisted.sandbox.timeline.observed_store import ObservedStore
from nexmo_twisted.sandbox.timeline.timeline import LINES, Timeline
from tests.factories import delivery_report

BOB, ONE = "12015550112", "12015550101"
MESSAGE = "940de862-3c96-11e4-baad-164230d1df67"
NID = "lA3oYjyWEeS6rRZCMNHfZw.48181acd22b3edaebc8a447868a7df7c"


class Slow:
    """A provider and a store whose answers come when they are let go."""

    def __init__(self) -> None:
        self.answered: Deferred[Outcome] = Deferred()
        self.waiting: list[Deferred[int | None]] = []

    async def send(self, _sms: Sms, *, until: float | None = None) -> Outcome:  # noqa: ARG002 - as the protocol has it
        return await self.answered

    def __getattr__(self, name: str) -> None:
        """What nobody asks for here."""

    async def record_event(self, _event: ChatEvent, _delay: int) -> int | None:
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    async def record_receipt(self, report: DeliveryReport, *, block: bool = False) -> Delivery:  # noqa: ARG002 - as the protocol has it
        return Delivery(message_id=MESSAGE, ended=None, before=None, said=report.state)


async def unknown(_message_id: str) -> None:
    """What is known of a message: nothing."""


class TimelineOrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock.seconds)
        self.timeline.begin(MESSAGE, "Ann: Lunch?")
        self.names = Names(
            SimulatedLayer(app_id="app", now=self.clock.seconds, deliver=lambda *_: None, api_url=""), "US"
        )

    def numbers(self) -> Sequence[int]:
        (_, story) = self.timeline.as_json()
        return [line["number"] for line in story["lines"]]

    def test_told_late(self) -> None:
        """What happened earlier stands before what was told earlier; at the same time, as it was told. Every line keeps
        a number of its own."""
        for text, at in (("third", 3.0), ("first", 1.0), ("second", 2.0), ("second, too", 2.0)):
            self.timeline.add(MESSAGE, "came", text, at)
        self.clock.advance(9)
        self.timeline.add(MESSAGE, "came", "now")
        self.assertEqual(self.timeline.lines(MESSAGE), ["first", "second", "second, too", "third", "now"])
        self.assertEqual(self.numbers(), [2, 3, 4, 1, 5])

    def test_many(self) -> None:
        """Of very many lines the last ones are kept, each under its own number."""
        for n in range(3 * LINES):
            self.timeline.add(MESSAGE, "came", str(n), float(n))
        self.assertEqual(self.timeline.lines(MESSAGE)[0], str(2 * LINES))
        self.assertEqual(len(set(self.numbers())), LINES)

    def test_answers_the_other_way_round(self) -> None:
        """Webhooks are told as they came, whichever was stored first: one message after the other, and of one message
        one event after the other."""
        slow: Any = Slow()
        store = ObservedStore(slow, facts=unknown, text=lambda _: "", timeline=self.timeline, names=self.names)
        came: tuple[tuple[EventKind, str], ...]
        came = (("sent", "first"), ("sent", "second"), ("delivered", "first"), ("read", "first"))
        for kind, message in came:
            self.clock.advance(0.1)
            event = ChatEvent(kind=kind, message_id=message, sender="ann", statuses={"bob": Status.READ})
            Deferred.fromCoroutine(store.record_event(event, 0))
        for waiting in reversed(slow.waiting):
            self.clock.advance(0.1)
            waiting.callback(None)
        self.assertEqual([story["id"] for story in self.timeline.as_json()[2:]], ["first", "second"])
        kinds = [line.split()[0] for line in self.timeline.lines("first")]
        self.assertEqual(kinds, ["message.sent", "message.delivered", "message.read"])

    def test_receipt_before_the_answer(self) -> None:
        """A receipt that is faster than Nexmo's answer is told behind the text that it is about."""
        slow: Any = Slow()
        provider = ObservedProvider(slow, self.timeline, self.names)
        store = ObservedStore(slow, facts=unknown, text=lambda _: "", timeline=self.timeline, names=self.names)
        sending = Deferred.fromCoroutine(provider.send(Sms(ONE, BOB, "Ann: Lunch?", client_ref=NID)))
        self.clock.advance(0.5)
        receipt = delivery_report(NID, "0A0B", BOB, ONE, "delivered", "0")
        self.successResultOf(Deferred.fromCoroutine(store.record_receipt(receipt)))
        self.clock.advance(0.5)
        slow.answered.callback(Outcome(verdict=Verdict.ACCEPTED, reason=""))
        self.successResultOf(sending)
        first, second = self.timeline.lines(MESSAGE)
        self.assertIn("text sent from", first)
        self.assertIn("delivery receipt: delivered", second)
