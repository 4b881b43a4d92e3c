"""What the tests of stages share: a case with a clock and an account of what happened, and items to work on."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.link_state import LinkState
from nexmo_twisted.domain.model import AutoReply, Notification, Reply, Status, Thread
from nexmo_twisted.domain.rate_limits import Limits
from nexmo_twisted.engine.attempts import SendPolicy
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.engine.worker import Worker
from tests.engine.fakes import Calls, FakeMetrics
from tests.factories import HANDSET, MESSAGE_UUID, NUMBERS, REPORT
from tests.support import observe_log

Result = TypeVar("Result")

#: Milliseconds: how long a link lives, how long it is kept after that, a lease, and the time at which links are read.
LIFETIME, KEEP, LEASE, NOW = 3_600_000, 86_400_000, 90_000, 1_767_225_600_000
RECEIPT_TIMEOUT = 300_000
#: The thread of the items.
THREAD = Thread("bob", "c-1")

POLICY = SendPolicy(
    report=REPORT,
    numbers=NUMBERS,
    when_exhausted="skip",
    link_lifetime=LIFETIME,
    link_keep=KEEP,
    expire_after=3_600_000,
    region="US",
    max_segments=3,
    max_characters=1_000,
    limits=Limits(),
    receipt_timeout=RECEIPT_TIMEOUT,
)

_NOTIFICATION = Notification(
    id="n-1",
    token="t-1",
    message_id=MESSAGE_UUID,
    user_id="bob",
    sender="ann",
    conversation_id="c-1",
    payload="a message",
    statuses={"ann": Status.READ, "bob": Status.SENT},
    gone="",
    attempts=0,
    introduction_failures=0,
    due=0,
    waited=1_000,
    suspect=False,
)
_REPLY = Reply(
    id="r-1",
    token="t-1",
    handset=HANDSET,
    number=NUMBERS[0],
    text="On my way",
    once=UUID(int=1),
    thread=THREAD,
    attempts=0,
    waited=1_000,
    suspect=False,
)


def notification(**changes: Any) -> Notification:
    """One of a message that Ann sent to Bob, claimed for the first time."""
    return replace(_NOTIFICATION, **changes)


def auto_reply(text: str = "You are unsubscribed.", **changes: Any) -> Notification:
    """One that is a text of our own."""
    own = AutoReply(HANDSET, NUMBERS[0], text)
    return notification(message_id="n-1", payload="", statuses={}, auto_reply=own, **changes)


def reply(**changes: Any) -> Reply:
    """One of Bob to Ann's message, claimed for the first time."""
    return replace(_REPLY, **changes)


def link_state(**handset: str) -> LinkState:
    """What is read of Bob and his handset: by default, that nobody ever texted it."""
    return LinkState(now=NOW, user_map="", handset=handset)


class StageCase(SynchronousTestCase):
    """``calls`` are those made to the fakes, in order; ``lines`` what was logged and ``levels`` how loudly."""

    def setUp(self) -> None:
        self.levels: list[str] = []
        self.lines: list[str] = []
        observe_log(self, self._note)
        self.begin()

    def _note(self, event: LogEvent) -> None:
        line = formatEvent(event)
        self.lines.append(line)
        # A line in which something is missing is none of any level.
        self.levels.append(line if "Unable to format" in line else event["log_level"].name)

    def begin(self) -> None:
        """Nothing has happened yet."""
        self.clock = Clock()
        self.calls: Calls = []
        self.metrics = FakeMetrics()
        self.levels.clear()
        self.lines.clear()

    @property
    def counted(self) -> dict[tuple[str, ...], int]:
        return dict(self.metrics.counted)

    def result(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What a coroutine that waits for nothing returns, or raises."""
        outcome: list[Result | Failure] = []
        Deferred.fromCoroutine(coroutine).addBoth(outcome.append)
        [result] = outcome
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def poll(self, poller: Poller) -> float:
        """Poll once. Returns the seconds until the next poll."""
        poller.start()
        self.clock.advance(0)
        [timer] = self.clock.getDelayedCalls()
        return timer.getTime() - self.clock.seconds()

    def work(self, worker: Worker[Any], *seconds: float) -> None:
        """Work on what waits, while time passes, and stop."""
        worker.start()
        self.clock.pump([0, *seconds])
        self.result(worker.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
