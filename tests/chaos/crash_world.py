"""One crash from start to end: the simulated companies, a database of a real server, and a service that is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web.http import Request
from twisted.web.server import Site

from nexmo_twisted.sandbox.http.messages import Patience, WebhookCall
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.simulators import Simulators, seed_people
from tests.chaos.crashing import ProcessSpec
from tests.chaos.expectations import Crash
from tests.chaos.forked_processes import ForkedProcesses
from tests.chaos.redis_probe import RedisProbe
from tests.inspector import K
from tests.network import Listener
from tests.scenarios.world import free_port
from tests.support import Server

NEVER = 600_000  #: ms: longer than any crash test takes
SOON = 2_000  #: ms: longer than a busy machine keeps a process from working
PATIENCE = 60.0  #: seconds until what should happen has happened, on a busy machine

#: Nexmo's pushes, repeated somewhat sooner than it does.
QUICK = Patience(timeout=5.0, first=0.5, longest=1.0, limit=600.0)

#: What the service logs once it has its Redis.
AT_WORK = "processing started"

#: Counters of what may happen more than once, above all on a busy machine.
_INCIDENTAL = (
    *("webhooks ", "delivery_receipts ", "messages_due"),
    *("sms_retries", "sms_rate_limited ", "sms_number_waits"),
)


class CrashWorld:
    """Runs one crash. ``database`` is a number, ``directory`` for what the processes write."""

    def __init__(self, processes: ForkedProcesses, directory: Path, database: int, crash: Crash) -> None:
        self._processes = processes
        self._directory = directory
        self._url = f"{Server.shared().url}?db={database}"
        self.redis = RedisProbe(Server.shared().socket, database)
        self._crash, self._scenario = crash, crash.scenario
        self._port = free_port()
        self._starts = 0
        self._pid = 0
        self._held_back: list[WebhookCall] = []
        port = free_port()
        self.sandbox = Simulators(reactor=reactor, clock=reactor, base_url=f"http://127.0.0.1:{port}")
        seed_people(self.sandbox)
        self.layer, self.nexmo = self.sandbox.layer, self.sandbox.nexmo
        self.nexmo.deliver = self._push
        if self._scenario.receipts == "never":
            self.nexmo.receipts = ReceiptPlan(statuses=())
        self._listener = Listener(_QuietSite(self.sandbox.resource), port)

    async def run(self) -> list[str]:
        """The deviations from the outcome that the crash must have."""
        try:
            self.redis.ask("FLUSHDB")
            await self._run()
            return self._deviations()
        except Exception as error:
            return [repr(error)]
        finally:
            self._signal(SIGKILL)
            await self.sandbox.stop()
            await self._listener.stop()
            self.redis.close()

    async def _run(self) -> None:
        crash, scenario = self._crash, self._scenario
        always = crash.points[-1:] if crash.times > 1 else ()
        await self._start(crash.points)
        await self.until(self._is_known, "the companies know the service")
        if scenario.before is not None:
            await scenario.before(self)
        for fault in scenario.faults:
            self.sandbox.faults.add(fault)
        await scenario.then(self)
        await self._wait_for_exit(-SIGKILL)
        for _ in range(crash.times - 1):
            await self._start(always)
            await self._wait_for_exit(-SIGKILL)
        if scenario.after is not None:
            await scenario.after(self)
        await self._start(always)
        await self.until(lambda: AT_WORK in self._log(), "the new process is at work")
        await self.at_rest()
        self.terminate()
        await self._wait_for_exit(0)

    # What scenarios are made of

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Waits until ``condition()``."""
        clock: Any = reactor
        end = clock.seconds() + PATIENCE
        while not condition():
            if clock.seconds() > end:
                code = self._processes.code(self._pid)
                raise AssertionError(f"never: {what}; process {self._starts}, code {code}: {self._log()[-2000:]}")
            if self._processes.code(self._pid) not in (None, 0, -SIGKILL):
                raise AssertionError(f"a process ended by itself: {self._log()[-2000:]}")
            if self._processes.ended.called:
                raise AssertionError(f"the forking program has ended: {self._processes.errors}")
            self._let_receipts_go()
            await deferLater(clock, 0.05)

    async def at_rest(self) -> None:
        await self.until(self._is_at_rest, "all comes to an end")

    async def answered(self) -> None:
        """All webhooks were delivered."""
        await self.until(self._is_delivered, "the webhooks are delivered")

    def terminate(self) -> None:
        """Ask the process to end."""
        self._signal(SIGTERM)

    # The service

    async def _start(self, points: tuple[str, ...]) -> None:
        crash = self._crash
        self._starts += 1
        spec = ProcessSpec(self._name, self._environ(), int(self._time("lease")), points, crash.about)
        self._pid = await self._processes.start(spec)

    def _time(self, what: str) -> str:
        """How many ms something takes: hardly any, if the crash waits for it."""
        return str(SOON if what in self._crash.waits else NEVER)

    def _signal(self, number: int) -> None:
        if self._pid and self._processes.code(self._pid) is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    async def _wait_for_exit(self, code: int) -> None:
        await self.until(lambda: self._processes.code(self._pid) is not None, f"process {self._starts} ends")
        ended = self._processes.code(self._pid)
        if ended != code:
            raise AssertionError(f"process {self._starts} ended with {ended}, not {code}: {self._log()[-2000:]}")

    @property
    def _name(self) -> str:
        return str(self._directory / f"process-{self._starts}")

    def _log(self) -> str:
        """What the process has written so far."""
        log = Path(f"{self._name}.log")
        return log.read_text("utf-8") if log.exists() else ""

    def _environ(self) -> dict[str, str]:
        credentials = self.sandbox.credentials
        values = {
            "delay": str(self._scenario.delay),
            "introduce_conversation": "{{ conversation.metadata.conversationName }}",
            "layer__app_id": credentials.layer_app_id,
            "layer__token": credentials.layer_token,
            "layer__secret": credentials.layer_secret,
            "layer__api_url": self.sandbox.layer_url,
            "nexmo__key": credentials.nexmo_key,
            "nexmo__secret": credentials.nexmo_secret,
            "nexmo__phone_numbers": ",".join(self.nexmo.numbers),
            "nexmo__api_url": self.sandbox.nexmo_url,
            "sms__limits__per_account": "0",
            "sms__limits__per_number": "0",
            "sms__receipt_timeout": self._time("settle"),
            "sms__concat_timeout": self._time("parts"),
            "server__url": f"http://127.0.0.1:{self._port}",
            "server__listen": f"tcp:{self._port}:interface=127.0.0.1",
            "server__redis": self._url,
            "operator__listen": "",
        }
        return {f"NEXMO_TWISTED__{name.upper()}": value for name, value in values.items()}

    # The companies

    def _is_known(self) -> bool:
        for hook in self.layer.webhooks:
            if hook.status == "inactive":  # Layer waits for one second, which may be too short here
                self.layer.webhooks.activate(hook.id)
        hooks, numbers = self.layer.webhooks, self.nexmo.numbers.values()
        return any(hook.status == "active" for hook in hooks) and all(number.inbound_url for number in numbers)

    def _push(self, call: WebhookCall) -> None:
        call = replace(call, patience=QUICK)
        if self._scenario.receipts == "uncertain" and call.channel.startswith("receipt"):
            self._held_back.append(call)
        else:
            self.sandbox.deliverer.deliver(call)

    def _let_receipts_go(self) -> None:
        """As soon as their SMS is uncertain."""
        if self._held_back and self.redis.ask("ZCARD", K.out_uncertain):
            calls, self._held_back = self._held_back, []
            for call in calls:
                self.sandbox.deliverer.deliver(call)

    def _is_delivered(self) -> bool:
        return not (self._held_back or self.sandbox.deliverer.retries) and bool(self.sandbox.idle().called)

    # The end

    def _is_at_rest(self) -> bool:
        return self._is_delivered() and not self.redis.still_open()

    def _deviations(self) -> list[str]:
        crash = self._crash
        kept: dict[str, int] = json.loads(Path(f"{self._name}.json").read_text("utf-8"))
        told = {name: number for name, number in kept.items() if not name.startswith(_INCIDENTAL)}
        posts = [message for talk in self.layer.conversations for message in self.layer.messages(talk)]
        outcome: tuple[tuple[str, object, object], ...] = (
            ("SMS", len(self.nexmo.sent), crash.sms),
            ("posts", sum(message.text.startswith("Yes") for message in posts), crash.posts),
            ("ends", self.redis.ends(), sorted(crash.ends)),
            ("counted", told, dict(crash.counted)),
            ("came again", kept.get(f"webhooks {crash.again}", 0) > 0, bool(crash.again)),
            ("left", self.redis.left(), []),
            ("errors", self._errors(), []),
        )
        return [f"{what}: {found}, not {due}" for what, found, due in outcome if found != due]

    def _errors(self) -> list[str]:
        logs = [path.read_text("utf-8").splitlines() for path in self._directory.glob("*.log")]
        return [line for log in logs for line in log if "Traceback" in line or "Unhandled" in line]


class _QuietSite(Site):
    def log(self, request: Request) -> None:
        pass
