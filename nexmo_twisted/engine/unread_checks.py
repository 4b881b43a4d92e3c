"""Unread checks: when the delay of a message is over, each recipient who has not read it becomes a notification."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain.model import Status
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.ports import Metrics
from nexmo_twisted.ports.store import UnreadQueue

#: Messages per script call, so that no call takes long.
BATCH = 200


class UnreadChecks:
    """Checks due messages; ``poke_notifications`` is called when there are new notifications."""

    _log = Logger()

    def __init__(
        self,
        *,
        queue: UnreadQueue,
        clock: IReactorTime,
        report: Collection[Status],
        poke_notifications: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._queue = queue
        self._report = report
        self._poke_notifications = poke_notifications
        self._metrics = metrics
        self.poller = Poller("unread_checks", clock=clock, poll=self._poll)

    async def _poll(self) -> float | None:
        done = await self._queue.promote(BATCH, self._report)
        if done.messages:
            self._metrics.count("messages_due", amount=done.messages)
        if done.orphans:
            self._log.error(
                "Unread checks: {n} messages are missing in Redis and get no SMS; check whether Redis evicts keys",
                n=done.orphans,
            )
        if done.notifications:
            self._poke_notifications()
        return None if done.next is None else done.next / 1000
