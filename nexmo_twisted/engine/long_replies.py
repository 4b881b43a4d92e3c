"""Long replies: one whose parts do not all arrive in time is posted with the parts that did."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.ports import Metrics
from nexmo_twisted.ports.store import Inbox

#: Long replies per script call; each has up to 255 parts.
BATCH = 20


class LongReplyTimeouts:
    """Times out long replies that wait for parts; ``poke_replies`` is called when one of them may be posted.

    A long reply whose parts have all arrived is completed by its last part, not here.
    """

    _log = Logger()

    def __init__(
        self, *, inbox: Inbox, clock: IReactorTime, poke_replies: Callable[[], None], metrics: Metrics
    ) -> None:
        self._inbox = inbox
        self._poke_replies = poke_replies
        self._metrics = metrics
        self.poller = Poller("long_replies", clock=clock, poll=self._poll)

    async def _poll(self) -> float | None:
        closed = await self._inbox.close_parts(BATCH)
        if closed.orphans:
            self._log.error(
                "Long replies: {n} are not posted, their parts are missing in Redis; check whether Redis evicts keys",
                n=closed.orphans,
            )
        if closed.torn:
            self._metrics.count("long_replies_incomplete", amount=closed.torn)
            self._log.info("Long replies: {n} posted although parts are missing", n=closed.torn)
            self._poke_replies()
        return None if closed.next is None else closed.next / 1000
