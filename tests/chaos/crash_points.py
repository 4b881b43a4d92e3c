"""Crash points: the steps of both pipelines at which a process may die, and the trigger that kills it there.

A step is one call through one of the three ports, since nothing on the way of a message has an effect outside the
process otherwise. (Registration, the watch over Redis and the sweep have, but they are on no message's way.) Each step
has two points, ``<method>:before`` and ``<method>:after``. There is none in between: a script runs in Redis as a whole
or not at all, and a company has accepted a request or has not, whatever the process was doing when it died. Nor is the
answer to a webhook a point of its own: right after ``record_event``, ``receive_sms`` and ``record_receipt`` it is not
on the wire yet.

The service knows nothing of this. A subclass puts an :class:`ObservedPort` around each port that it builds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any

from nexmo_twisted.domain.results import (
    Claimed,
    Closed,
    Promoted,
    Reconciled,
)
from nexmo_twisted.ports import ChatPlatform, SmsProvider
from nexmo_twisted.ports.store import (
    Inbox,
    Links,
    Locks,
    NamedPhones,
    Outbox,
    QuarantineLog,
    Receipts,
    ReplyQueue,
    UnreadQueue,
)

PORTS = (
    UnreadQueue,
    Inbox,
    QuarantineLog,
    Outbox,
    ReplyQueue,
    Links,
    NamedPhones,
    Receipts,
    Locks,
    ChatPlatform,
    SmsProvider,
)

#: The other protocols of the ports, and why no step goes through them.
OTHER_PORTS: Mapping[str, str] = {
    "IdentitySource": "asks the ChatPlatform, or a function of the customer's",
    "Store": "all ports of the store",
    "Component": "is started and stopped with the process",
    "ChatIntake": "is the engine's own: the step is that of the store behind it",
    "SmsIntake": "likewise",
    "Introduction": "a template, or a function of the customer's",
    "Template": "computes",
    "Metrics": "remembers in the process, and only there",
}

_REGISTRATION = "registration: it looks at all of it again every minute, and owes nothing to anybody"

#: Methods that are steps of neither pipeline, and why.
NOT_STEPS: Mapping[str, str] = {
    "quarantine": "keeps what cannot be read; no SMS and no post comes of it",
    "turned_away": "counts that an SMS will come again; a process that dies before that has answered 503 all the same",
    "read_payload": "computes",
    "acquire_lock": _REGISTRATION,
    "release_lock": _REGISTRATION,
    "set_unowned_numbers": _REGISTRATION,
    "ensure_registered": _REGISTRATION,
    "numbers": _REGISTRATION,
    "route_inbound": _REGISTRATION,
}

#: Called for every point that is passed with its name and the arguments of the call.
OnPoint = Callable[[str, Sequence[object]], None]


class ObservedPort:
    """A port that calls ``at`` for every point that is passed."""

    def __init__(self, port: object, at: OnPoint) -> None:
        for name in {name for protocol in PORTS for name in vars(protocol) if not name.startswith("_")}:
            if hasattr(port, name):
                setattr(self, name, _observed(name, getattr(port, name), at))


def _observed(name: str, method: Callable[..., Any], at: OnPoint) -> Callable[..., Any]:
    if not iscoroutinefunction(method):
        return method

    async def step(*arguments: Any, **named: Any) -> Any:
        at(f"{name}:before", arguments)
        result = await method(*arguments, **named)
        if not _nothing_done(result):
            at(f"{name}:after", arguments)
        return result

    return step


def _nothing_done(result: object) -> bool:
    """A look that found nothing to do is no step."""
    if isinstance(result, Promoted):
        return not result.messages
    if isinstance(result, Claimed):
        return not (result.items or result.lost or result.crashed)
    if isinstance(result, Closed):
        return not (result.torn or result.orphans)
    if isinstance(result, Reconciled):
        return not (result.resent or result.parked or result.dropped or result.unneeded)
    return False


class CrashTrigger:
    """Kills the process at the last of ``points``, once the others were passed in this order.

    With an ``about`` the last one counts only when the call is about that.
    """

    def __init__(self, points: Sequence[str], about: str = "") -> None:
        self._points = list(points)
        self._about = about

    def at(self, point: str, arguments: Sequence[object]) -> None:
        if not self._points or point != self._points[0]:
            return
        if len(self._points) > 1:
            del self._points[0]
        elif self._about in repr(arguments):
            os.kill(os.getpid(), signal.SIGKILL)
