"""The sandbox's own memory: the companies, the timeline and how far its clock is ahead survive a restart."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.sandbox.clock import SkippingClock
from nexmo_twisted.sandbox.simulators import Simulators
from nexmo_twisted.sandbox.snapshot import remember, restore
from nexmo_twisted.sandbox.timeline.timeline import Timeline

#: Where it is kept in Redis, and how many seconds a change waits at most.
KEY = "sandbox:state"
EVERY = 1.0


class Persistence:
    """Keeps the state in Redis, which it talks to by ``command``. ``reactor`` gives the machine's time."""

    _log = Logger()

    def __init__(
        self,
        *,
        companies: Simulators,
        timeline: Timeline,
        clock: SkippingClock,
        reactor: IReactorTime,
        command: Callable[..., Awaitable[Any]],
    ) -> None:
        self._companies = companies
        self._timeline = timeline
        self._clock = clock
        self._reactor = reactor
        self._command = command
        self._kept = ""
        self._saving = LoopingCall(lambda: Deferred.fromCoroutine(self.save()))
        self._saving.clock = reactor

    async def restore(self) -> bool:
        """Go on from where the last run ended; from then on every change is kept. False when there was none."""
        kept = await self._command("GET", KEY)
        if kept is not None:
            try:
                state = json.loads(kept)
                restore(state["companies"], self._companies.layer, self._companies.nexmo)
                self._timeline.restore(state["timeline"])
                self._clock.skip(state["ahead"])
                self._kept = kept
            except (ValueError, LookupError, TypeError) as error:
                self._log.error("Sandbox: saved state is unreadable, starting empty: {error}", error=error)
        self._saving.start(EVERY, now=False)
        return kept is not None

    async def save(self) -> None:
        """Keep the state of this moment, if it is another one."""
        began = self._reactor.seconds()
        state = {
            "ahead": self._clock.ahead,
            "companies": remember(self._companies.layer, self._companies.nexmo),
            "timeline": self._timeline.as_json(),
        }
        text = json.dumps(state)
        self._saving.interval = max(EVERY, 20 * (self._reactor.seconds() - began))  # a great one is seldom looked at
        if text != self._kept:
            try:
                await self._command("SET", KEY, text)
            except StoreUnavailable:
                return  # the service says so, and the next time is soon
            self._kept = text

    async def stop(self) -> None:
        """Keep the state for the last time."""
        if self._saving.running:
            self._saving.stop()
            await self.save()
