"""The ground of the browser tests: one sandbox and one browser for the whole run, for each test people of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from itertools import count
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import TestCase

from tests.browser.running import chromium, missing, sandbox
from tests.browser.visit import Visit

expect: Any = None
try:
    from playwright import sync_api
except ImportError:
    pass  # then every test here is skipped
else:
    expect = sync_api.expect

#: Milliseconds until what is waited for on the page has come, on a busy machine.
PATIENCE = 15_000

Case = TypeVar("Case", bound="BrowserCase")


class House:
    """A sandbox and a browser, in a thread of their own: Playwright waits, and stays in the thread it began in."""

    _shared: House | None = None

    def __init__(self) -> None:
        self._thread = ThreadPool(1, 1, "browser")
        self._thread.start()
        self._open: ExitStack | None = None
        self._numbers = count(1)
        reactor.addSystemEventTrigger("after", "shutdown", self._close)

    @classmethod
    def shared(cls) -> House:
        if cls._shared is None:
            cls._shared = cls()
        return cls._shared

    def call(self, act: Callable[[House], None]) -> Deferred[None]:
        """Do something in that thread."""
        return deferToThreadPool(IReactorFromThreads(reactor), self._thread, self._call, act)

    def _call(self, act: Callable[[House], None]) -> None:
        if self._open is None:
            with ExitStack() as opening:
                self.sandbox = opening.enter_context(sandbox())
                self.browser = opening.enter_context(chromium())
                self._open = opening.pop_all()
        act(self)

    def number(self) -> int:
        """One that nobody has had."""
        return next(self._numbers)

    def _close(self) -> None:
        self._thread.callInThread(self._leave)
        self._thread.stop()

    def _leave(self) -> None:
        if self._open is not None:
            self._open.close()


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation and the names of the two people in it."""

    name: str
    ann: str
    bob: str


def in_browser(story: Callable[[Case], None]) -> Callable[[Case], Deferred[None]]:
    """A test that is played in the browser's thread, where it may wait."""

    @wraps(story)
    def test(self: Case) -> Deferred[None]:
        return House.shared().call(lambda house: self.play(house, lambda: story(self)))

    return test


class BrowserCase(TestCase):
    """A test of the page. At its end no page may have asked anybody but the sandbox, the console must hold nothing but
    what ``excused`` names, and the service must have come upon nothing unforeseen."""

    skip = missing()
    timeout = 120

    def play(self, house: House, story: Callable[[], None]) -> None:
        self.house = house
        self.visits: list[Visit] = []
        self.excused: list[str] = []
        heard = len(house.sandbox.output)
        expect.set_options(timeout=PATIENCE)
        try:
            self.control("faults", method="DELETE")
            story()
            for visit in self.visits:
                self.look_over(visit)
        finally:
            for visit in self.visits:
                visit.page.close()
        self.assertNotIn("Traceback", house.sandbox.output[heard:])

    def look_over(self, visit: Visit) -> None:
        """Whether all is well that has to be well in every story."""
        visit.page.evaluate("0")  # what the browser told before its answer has been heard
        strange = [url for url in visit.asked if not url.startswith((f"{self.house.sandbox.url}/", "data:"))]
        wrong = [complaint for complaint in visit.complaints if not any(each in complaint for each in self.excused)]
        self.assertEqual((strange, wrong), ([], []))

    def control(self, what: str, body: Any = None, method: str = "POST") -> Any:
        """A request to the control API, for what is not the subject of a test."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.house.sandbox.url}/control/{what}", data, method=method)  # noqa: S310 - on loopback
        with urlopen(request, timeout=PATIENCE / 1000) as answer:  # noqa: S310 - the same
            return json.load(answer)

    def new_talk(self) -> Talk:
        """A new conversation between two new people."""
        number = self.house.number()
        talk = Talk(f"Talk {number}", f"Anna {number}", f"Bert {number}")  # cases have an Ann 2 and a Bob 2
        people = {f"anna-{number}": talk.ann, f"bert-{number}": talk.bob}
        for place, (user, name) in enumerate(people.items()):
            phone = f"+1 20{2 + place} 555 01{number:02}"
            self.control("users", {"id": user, "name": name, "phone": phone})
        self.control("conversations", {"participants": list(people), "name": talk.name})
        return talk

    def visit(self, talk: Talk | None = None) -> Visit:
        """Open the page, and in it a conversation."""
        page = self.house.browser.new_page(viewport={"width": 1400, "height": 900})  # in a window of its own
        page.set_default_timeout(PATIENCE)
        visit = Visit(page, self.house.sandbox.url)
        self.visits.append(visit)
        if talk is not None:
            visit.talk(talk.name).click()
        return visit
