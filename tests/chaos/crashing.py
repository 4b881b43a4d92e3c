"""A process of the service that is killed at a given step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.python import log

from nexmo_twisted.config.loading import load
from nexmo_twisted.service import NexmoService
from nexmo_twisted.wiring import Decorators, Tuning
from tests.chaos.crash_points import CrashTrigger, ObservedPort

Port = TypeVar("Port")


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process: its settings, its lease in ms, and where it is killed, if it is (see :class:`CrashTrigger`).

    ``name`` is a path: the process writes its log there, with ``.log`` behind it, and after an orderly end its
    counters, with ``.json``.
    """

    name: str
    environ: Mapping[str, str]
    lease: int
    points: Sequence[str] = ()
    about: str = ""


def crashing_service(spec: ProcessSpec) -> NexmoService:
    """The service with a crash trigger at its ports."""
    at = CrashTrigger(spec.points, spec.about).at

    def observed(port: Port) -> Port:
        return cast(Port, ObservedPort(port, at))

    return NexmoService(
        load(environ=spec.environ),
        reactor,
        decorators=Decorators(store=observed, chat=observed, provider=observed),
        tuning=Tuning(lease=spec.lease),
    )


def serve(spec: ProcessSpec) -> None:
    """Until the process is killed or asked to end."""
    running: Any = reactor
    with Path(f"{spec.name}.log").open("a", encoding="utf-8") as told:
        log.startLogging(told, setStdout=False)
        Factory.noisy = False
        service = crashing_service(spec)
        service.privilegedStartService()
        service.startService()
        running.addSystemEventTrigger("before", "shutdown", service.stopService)
        running.run()
    Path(f"{spec.name}.json").write_text(json.dumps(counted(service.metrics.page().decode())), "utf-8")


def counted(page: str) -> dict[str, int]:
    """The counters that are not 0, under names such as ``sms_accepted`` and ``sms_reconciled receipt``."""
    found = {}
    for name, labels, value in re.findall(r"(?m)^nexmo_twisted_(\w+)_total(?:{(.*)})? (\S+)$", page):
        if float(value):
            found[" ".join([name, *re.findall('"([^"]*)"', labels)])] = int(float(value))
    return found
