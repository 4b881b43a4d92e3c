"""What the page shows, as server-sent events: all of it, whenever something has changed.

Source of the format: HTML Living Standard, "Server-sent events".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from nexmo_twisted.sandbox.control.commands import error
from nexmo_twisted.sandbox.http.serving import write

#: Seconds from one look whether something has changed to the next. No code has to report a change.
EVERY = 0.2
#: After so many looks without news the time alone is told, so that both sides know that the other one is there.
SILENT = 25
#: How many pages may look at a time.
WATCHERS = 20


@implementer(IPushProducer)
class _Watcher:
    """One page. While it does not read, nothing is written to it; ``behind`` says that it has missed something."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self.reading = True
        self.behind = True
        request.registerProducer(self, True)

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def stopProducing(self) -> None:
        self.reading = False

    def end(self) -> None:
        self.request.unregisterProducer()
        self.request.finish()


class Events(Resource):
    """Each event is ``{"now": seconds since the epoch, "view": what the page shows}``, the latter only when it is new.

    ``reactor`` gives the machine's time.
    """

    isLeaf = True

    def __init__(self, view: Callable[[], Any], now: Callable[[], float], reactor: IReactorTime) -> None:
        super().__init__()
        self._view = view
        self._now = now
        self._watchers: set[_Watcher] = set()
        self._shown = ""
        self._silence = 0
        self._loop = LoopingCall(self._send_changes)
        self._loop.clock = reactor

    def render_GET(self, request: Any) -> Any:
        if len(self._watchers) >= WATCHERS:
            return write(request, error(503, f"{WATCHERS} pages are open already"))
        request.setHeader("content-type", "text/event-stream")
        request.setHeader("cache-control", "no-store")
        request.write(b"retry: 1000\n\n")
        watcher = _Watcher(request)
        self._watchers.add(watcher)
        request.notifyFinish().addBoth(lambda _: self._gone(watcher))
        if self._loop.running:
            self._send_changes()
        else:
            self._loop.start(EVERY)
        return NOT_DONE_YET

    def stop(self) -> None:
        """End every event stream."""
        for watcher in list(self._watchers):
            watcher.end()

    def _gone(self, watcher: _Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers and self._loop.running:
            self._loop.stop()

    def _send_changes(self) -> None:
        shown = json.dumps(self._view(), separators=(",", ":"))
        self._silence = 0 if shown != self._shown else self._silence + 1
        for watcher in self._watchers:
            watcher.behind = watcher.behind or shown != self._shown
            if watcher.reading and watcher.behind:
                watcher.request.write(self._event(f',"view":{shown}'))
                watcher.behind = False
            elif watcher.reading and self._silence >= SILENT:
                watcher.request.write(self._event())
        self._silence %= SILENT
        self._shown = shown

    def _event(self, more: str = "") -> bytes:
        return f'data: {{"now":{self._now():.3f}{more}}}\n\n'.encode()
