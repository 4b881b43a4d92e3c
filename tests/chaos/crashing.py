"""A process of the service that dies at a given step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.python import log

from nexmo_twisted.config import Settings, load
from nexmo_twisted.ports import ChatPlatform, SmsProvider, Store
from nexmo_twisted.service import NexmoService
from nexmo_twisted.store.connection import Connection, Now, redis_time
from tests.chaos.crash_points import Trap, Watched


@dataclass(frozen=True, slots=True)
class Order:
    """One process: its settings, its lease in ms, and the trap it is to die in, if any (see :class:`Trap`).

    ``name`` is a path: the process writes its log there, with ``.log`` behind it, and after an orderly end its
    counters, with ``.json``.
    """

    name: str
    environ: Mapping[str, str]
    lease: int
    points: Sequence[str] = ()
    about: str = ""


class MortalService(NexmoService):
    """The service with a trap at its boundaries."""

    def __init__(self, settings: Settings, order: Order) -> None:
        self.lease = order.lease
        self._trap = Trap(order.points, order.about)
        super().__init__(settings, reactor, reactor, redis_time)  # type: ignore[arg-type]

    def _store(self, web: Connection, work: Connection, now: Now) -> Store:
        return self._watched(super()._store(web, work, now))

    def _chat_platform(self, clock: IReactorTime) -> ChatPlatform:
        return self._watched(super()._chat_platform(clock))

    def _sms_provider(self, clock: IReactorTime) -> SmsProvider:
        return self._watched(super()._sms_provider(clock))

    def _watched(self, boundary: object) -> Any:
        return Watched(boundary, self._trap.at)


def serve(order: Order) -> None:
    """Until the process is killed or asked to end."""
    running: Any = reactor
    with Path(f"{order.name}.log").open("a", encoding="utf-8") as told:
        log.startLogging(told, setStdout=False)
        Factory.noisy = False
        service = MortalService(load(environ=order.environ), order)
        service.privilegedStartService()
        service.startService()
        running.addSystemEventTrigger("before", "shutdown", service.stopService)
        running.run()
    Path(f"{order.name}.json").write_text(json.dumps(counted(service.metrics.page().decode())), "utf-8")


def counted(page: str) -> dict[str, int]:
    """The counters that are not 0, under names such as ``sms_accepted`` and ``sms_reconciled receipt``."""
    found = {}
    for name, labels, value in re.findall(r"(?m)^nexmo_twisted_(\w+)_total(?:{(.*)})? (\S+)$", page):
        if float(value):
            found[" ".join([name, *re.findall('"([^"]*)"', labels)])] = int(float(value))
    return found
