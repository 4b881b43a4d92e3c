"""The clocks of the processes may be wrong, differ, and jump: due times come from Redis, and timers go on."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from nexmo_twisted.domain.ids import message_key
from tests.factories import webhook
from tests.inspector import K
from tests.scenarios.outside import Caller
from tests.scenarios.processes import ROOT, Twistd
from tests.scenarios.sentinels import eventually
from tests.scenarios.world import BOB, TALK, free_port, simulators
from tests.support import Server, StoreCase

#: Seconds that a message stays unread.
DELAY = 3.0
HOUR = 3600.0

#: A module that Python imports when it starts, from the first directory that has one.
SHIFTED = """
import os
import time

true = time.time

def shifted():
    with open(os.environ["CLOCK_IS_OFF_BY"]) as file:
        return true() + float(file.read())

time.time = shifted
"""


class Clocked(Twistd):
    """A process whose clock is wrong by as many seconds as it is told at any time."""

    def __init__(self, directory: Path, port: int, off_by: float) -> None:
        self.port = port
        self._file = directory / "off-by"
        self.jump(off_by)
        (directory / "sitecustomize.py").write_text(SHIFTED)
        environ = {"PYTHONPATH": f"{directory}:{ROOT}", "CLOCK_IS_OFF_BY": str(self._file)}
        super().__init__(directory, "nexmo", "--config", "nexmo.toml", environ=environ)

    def jump(self, off_by: float) -> None:
        """From now on the clock is wrong by so many seconds."""
        new = self._file.with_suffix(".new")
        new.write_text(str(off_by))
        new.replace(self._file)
        self.off_by = off_by
        self._jumped = self._heard = time.time()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        super().childDataReceived(childFD, data)
        self._heard = time.time()

    def believes_it(self) -> bool:
        """Whether the last line of its log is dated by that clock, if it was written after the last jump."""
        (*_, line) = [line for line in self.output.splitlines() if line.startswith("20")]
        dated = datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%M:%S%z").timestamp()
        return self._jumped - 1 <= dated - self.off_by <= self._heard


class WrongClockTests(StoreCase):
    """Simulated companies and Redis with the right time, the service in processes of its own."""

    timeout = 120

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.sandbox = simulators(self, reactor)

    async def start(self, off_by: float) -> Clocked:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        port, companies, credentials = free_port(), self.sandbox, self.sandbox.credentials
        (directory / "nexmo.toml").write_text(f"""
            delay = "{DELAY} seconds"
            [layer]
            app_id = "{credentials.layer_app_id}"
            token = "{credentials.layer_token}"
            secret = "{credentials.layer_secret}"
            api_url = "{companies.layer_url}"
            [server]
            url = "http://127.0.0.1:{port}"
            listen = "tcp:{port}:interface=127.0.0.1"
            redis = "{Server.shared().url}"
            [nexmo]
            key = "{credentials.nexmo_key}"
            secret = "{credentials.nexmo_secret}"
            phone_numbers = ["12015550101", "12015550102"]
            api_url = "{companies.nexmo_url}"
            [operator]
            listen = ""
        """)
        process = Clocked(directory, port, off_by)
        self.addCleanup(lambda: Deferred.fromCoroutine(process.stop("KILL")))
        await eventually(lambda: process.code is not None or "processing started" in process.output)
        self.assertIsNone(process.code, process.output)
        return process

    async def redis_time(self) -> float:
        """In seconds since the epoch."""
        seconds, microseconds = await self.redis("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def texted(self, process: Clocked, jump: float | None = None) -> None:
        """A message that this process was told of is texted when its time has come, whatever its clock says, and
        jumps to meanwhile."""
        already = len(self.sandbox.nexmo.sent)
        message = str(uuid4())
        document = webhook(
            id=f"layer:///messages/{message}",
            conversation={"id": TALK, "url": f"{self.sandbox.layer_url}/conversations/{TALK.rpartition('/')[2]}"},
            sender={"user_id": "ann", "name": None},
            recipient_status={"ann": "read", "bob": "sent"},
        )
        before = await self.redis_time()
        caller = Caller(f"http://127.0.0.1:{process.port}", self.sandbox.credentials.layer_secret)
        self.assertEqual((await caller.event(document)).code, 204)
        due = int(await self.redis("ZSCORE", K.due, message_key(message))) / 1000
        self.assertTrue(before - 0.001 <= due - DELAY <= await self.redis_time(), (before, due))
        if jump is not None:
            process.jump(jump)
        await eventually(lambda: len(self.sandbox.nexmo.sent) > already)
        self.assertGreaterEqual(await self.redis_time(), due)
        self.assertEqual(self.sandbox.nexmo.sent[-1].to, BOB)

    async def test_jumps(self) -> None:
        """A clock that jumps by an hour, forward and back, while a message waits changes nothing."""
        process = await self.start(0)
        for off_by in (HOUR, 0, -HOUR):
            await self.texted(process, jump=off_by)
            await eventually(lambda: process.output.count(" sent to ") == len(self.sandbox.nexmo.sent))
            self.assertTrue(process.believes_it(), process.output)

    async def test_differ(self) -> None:
        """Two processes whose clocks differ, by ten seconds or by two hours, agree on when a message is due."""
        for first, second in ((10, 0), (HOUR, -HOUR)):
            processes = [await self.start(first), await self.start(second)]
            for process in processes:
                self.assertTrue(process.believes_it(), process.output)
            for process in processes:
                await self.texted(process)
            for process in processes:
                await process.stop()
