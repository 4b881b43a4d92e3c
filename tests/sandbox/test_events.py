"""The stream of events behind the sandbox's page."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.test.requesthelper import DummyRequest

from nexmo_twisted.sandbox.control.events import EVERY, SILENT, WATCHERS, Events


class _Request(DummyRequest):
    """A request of the page; what a page does not read yet is held back by its transport, which says so."""

    producer: Any = None

    def __init__(self) -> None:
        super().__init__([b"events"])

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def events(self) -> list[Any]:
        """The events since it was asked last."""
        data = [each for each in self.written if not each.startswith(b"retry: ")]
        events = [json.loads(each.removeprefix(b"data: ")) for each in data]
        self.written.clear()
        return events


class EventsTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.view: dict[str, int] = {"messages": 0}
        self.events = Events(lambda: self.view, lambda: 1000.0 + self.clock.seconds(), self.clock)

    def open(self) -> _Request:
        request = _Request()
        request.render(self.events)
        return request

    def test_at_first(self) -> None:
        """A page is told at once what there is and what time it is."""
        self.assertEqual(self.open().events(), [{"now": 1000.0, "view": {"messages": 0}}])

    def test_news(self) -> None:
        """What changes is told to every page; many changes at a time are told once."""
        pages = [self.open(), self.open()]
        for page in pages:
            page.events()
        self.view["messages"] = 1
        self.view["messages"] = 2
        self.clock.advance(EVERY)
        for page in pages:
            self.assertEqual([event["view"] for event in page.events()], [{"messages": 2}])
        self.clock.advance(EVERY)
        self.assertEqual([page.events() for page in pages], [[], []])

    def test_silence(self) -> None:
        """Where nothing changes the time is told now and then."""
        page = self.open()
        page.events()
        self.clock.pump([EVERY] * SILENT)
        (event,) = page.events()
        self.assertEqual(list(event), ["now"])

    def test_a_page_that_does_not_read(self) -> None:
        """Nothing is piled up for it; when it reads again it is told how things are then."""
        page = self.open()
        page.events()
        page.producer.pauseProducing()
        for number in range(1, 100):
            self.view["messages"] = number
            self.clock.advance(EVERY)
        self.assertEqual(page.events(), [])
        page.producer.resumeProducing()
        self.clock.advance(EVERY)
        self.assertEqual([event["view"] for event in page.events()], [{"messages": 99}])

    def test_nobody_looks(self) -> None:
        """While no page is open nothing is looked at, and nothing is timed."""
        page = self.open()
        page.processingFailed(Exception("it went away"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_many(self) -> None:
        """There is a limit to how many pages look."""
        for _ in range(WATCHERS):
            self.open()
        self.assertEqual(self.open().responseCode, 503)

    def test_stop(self) -> None:
        """The end of the service ends the streams."""
        page = self.open()
        self.events.stop()
        self.assertEqual((page.finished, self.clock.getDelayedCalls()), (1, []))
