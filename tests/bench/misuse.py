"""``python -m tests.bench.misuse``: what honest webhooks notice of those who mean ill, and a flood while Redis lags.

Our process is this one; everybody who comes to its door (tests/bench/visitors.py) is another, and so is Redis. The
status is 1 when an honest webhook in a hundred took longer than 300 ms or any got another answer than 2xx, or when a
flood is piled up in memory instead of being answered 503 within a second.

Then come those whose bytes would stall a careless server (tests/bench/attackers.py), and APIs that answer what would
stall a careless client (tests/bench/hostile.py), while texts go out: among them an honest webhook in a hundred may take
five times as long as without them, and none is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react
from twisted.internet.utils import getProcessOutput

from nexmo_twisted.config.loading import load
from nexmo_twisted.service import NexmoService, make_service
from tests.bench.peer import NUMBER, SECRET
from tests.bench.visitors import FLOODING, SLOW
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import free_port
from tests.support import turn

ROOT = str(Path(__file__).parent.parent.parent)

HONEST_P99 = 300.0  # ms
FLOODED = 1000.0  # ms
PILED_UP = 50.0  # MB
HELD = 200.0  # MB that may be held of what is 16 MiB large, and of a thousand recipients
AHEAD = 2.0  # seconds that the strangers have to begin

CASES = {
    "slow": f"{SLOW} connections that drip",
    "large": "bodies of 200 MB",
    "multipart": "forms of 20 MB",
    "texts": "SMS of 40,000 marks or ligatures",
    "escapes": "forms of 1 MiB of %41",
}

SLOWER = 5.0  # times that the 99th percentile may be that without an attack
STALL = 0.8  # seconds in which our own process does nothing

#: Kinds of tests/bench/attackers.py.
STALLS = {
    "pipelines": "20,000 requests in one write",
    "refused": "20,000 requests for what is not there",
    "silent": "700 silent connections",
    "chunks": "bodies in chunks of a byte",
    "marks": "chat: 20 kB of combining marks to 25 people",
    "marks_of_two_classes": "chat: the same with marks of two classes",
    "ligatures": "chat: 120 kB of U+FDFA to 25 people",
    "crowds": "chat: to 1,000 and to 20,000 people",
    "long_sms": "SMS of 80 kB of combining marks",
    "percents": "SMS of 1 MiB of %41",
    "unsigned": "webhooks of 16 MiB without a signature",
    "forged": "webhooks of 16 MiB with a wrong one",
    "signed": "webhooks of 16 MiB with the right one",
}


def resident() -> float:
    """MB of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def come(kind: str, port: int, seconds: float) -> dict[str, Any]:
    """Visitors of one kind, and what became of them."""
    module = "tests.bench.attackers" if kind in STALLS else "tests.bench.visitors"
    arguments = ["-m", module, kind, str(port), str(seconds)]
    environ = {"PYTHONPATH": ROOT, "PATH": os.environ.get("PATH", "")}
    output = await getProcessOutput(sys.executable, arguments, environ, path=ROOT, errortoo=True)
    result: dict[str, Any] = json.loads(output)
    return result


def begun(work: Coroutine[Any, Any, dict[str, Any]]) -> Deferred[dict[str, Any]]:
    return Deferred.fromCoroutine(work)


@contextmanager
def api(*arguments: str) -> Iterator[str]:
    """The URL of the two companies' APIs, as the module that is named first plays them."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


class Misuse:
    def __init__(self, redis: OwnRedis) -> None:
        self.redis = redis
        self.port = free_port()
        self.broken: list[str] = []

    async def service(self, delay: int = 3_600_000, peer: str = "") -> NexmoService:
        """Ours, as it is in production, with nothing to send for an hour unless ``delay`` says otherwise."""
        peer = peer or f"http://127.0.0.1:{free_port()}"
        settings = load(
            None,
            environ={},
            delay=delay,
            layer={
                "app_id": "082d4684-0992-11e5-a6c0-1697f925ec7b",
                "token": "t",
                "secret": SECRET.decode(),
                "api_url": peer,
            },
            nexmo={
                "key": "k",
                "secret": "s",
                "phone_numbers": [NUMBER],
                "api_url": peer,
            },
            sms={"limits": {"per_account": 0, "per_number": 0}},
            server={
                "url": f"http://127.0.0.1:{self.port}",
                "listen": f"tcp:{self.port}:interface=127.0.0.1",
                "redis": self.redis.url,
            },
            operator={"listen": ""},
        )
        service = make_service(settings, reactor=reactor)
        service.privilegedStartService()
        service.startService()
        while not service.ready:
            await turn()
        await service.pipeline.registration.poller.stop()
        return service

    async def honest(self, name: str, seconds: float, slowest: float = HONEST_P99, grows: float = PILED_UP) -> float:
        """Honest webhooks, alone or among whoever has come before them. Their 99th percentile, in milliseconds, should
        be below ``slowest``, and memory grow by less MB than ``grows``."""
        before = resident()
        got = await come("honest", self.port, seconds)
        answers, growth = got["answers"], resident() - before
        print(
            f"{name}: honest webhooks {sum(answers.values())}, median {got['median']:.1f} ms, 99th percentile "
            f"{got['p99']:.1f} ms, slowest {got['slowest']:.1f} ms, RSS {growth:+.0f} MB"
        )
        p99: float = got["p99"]
        self.expect(p99 < slowest, f"{name}: the 99th percentile is {p99:.0f} ms, allowed are {slowest:.0f} ms")
        self.expect(set(answers) == {"204"}, f"{name}: honest webhooks were answered {answers}")
        self.expect(growth < grows, f"{name}: memory grew by {growth:.0f} MB")
        return p99

    async def among(self, kind: str, seconds: float, slowest: float = HONEST_P99, grows: float = PILED_UP) -> None:
        strangers = begun(come(kind, self.port, seconds + AHEAD + 1))
        await turn(AHEAD)
        await self.honest({**CASES, **STALLS}[kind], seconds, slowest, grows)
        print(f"    they: {await strangers}")

    async def stalls(self, kinds: list[str], seconds: float) -> None:
        """Everybody whose bytes could stall us, while texts go out."""
        with api("tests.bench.peer") as peer:
            service = await self.service(1000, peer)
            usual = SLOWER * await self.honest("nobody else, texts go out", seconds)
            for kind in kinds:
                await self.among(kind, seconds, usual, HELD)
                await self.rest(service)
            await self.stall(seconds)
            await self.rest(service)
            await self.honest("afterwards", seconds, usual)
            await service.stopService()
        for company in ("layer", "nexmo"):
            with api("tests.bench.hostile", company) as peer:
                service = await self.service(1000, peer)
                await self.honest(f"what {company} answers would stall us", seconds, usual, HELD)
                await self.rest(service)
                await service.stopService()

    async def stall(self, seconds: float) -> None:
        """Our own process stands still now and then, as when the machine does: no webhook is lost."""
        halting = LoopingCall(time.sleep, STALL)
        halting.start(3 * STALL)
        await self.honest(f"we stand still for {STALL} s at a time", seconds, 1000 * (2 * STALL + 1))
        halting.stop()

    async def rest(self, service: NexmoService) -> None:
        """Wait until nothing is left to do, or take it away: one attack should not be felt in the next."""
        left = 10.0
        while service.busy and left > 0:
            await turn(0.1)
            left -= 0.1
        self.redis.ask("FLUSHALL")

    async def flood(self, name: str, seconds: float, lag: float) -> None:
        """More webhooks at once than places, while Redis halts for so many seconds again and again, or (0) for good."""
        before, most = resident(), [0.0]
        watching = LoopingCall(lambda: most.append(resident()))
        watching.start(0.05)
        self.redis.pause()
        strangers = begun(come("flood", self.port, seconds))
        try:
            while lag and not strangers.called:
                await turn(lag)
                self.redis.go_on()
                await turn(0.1)
                self.redis.pause()
            got = await strangers
        finally:
            self.redis.go_on()
            watching.stop()
        answers, growth = got["answers"], max(most) - before
        print(
            f"{name}: {FLOODING} webhooks at once, 2xx {answers.get('204', 0)}, 503 {answers.get('503', 0)}, "
            f"slowest {got['slowest']:.0f} ms, RSS {growth:+.0f} MB"
        )
        self.expect(set(answers) <= {"204", "503"}, f"{name}: answers {answers}")
        self.expect("503" in answers, f"{name}: nothing was answered 503")
        self.expect(got["slowest"] < FLOODED, f"{name}: the slowest answer took {got['slowest']:.0f} ms")
        self.expect(growth < PILED_UP, f"{name}: memory grew by {growth:.0f} MB")

    def expect(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self.broken.append(otherwise)


async def main(quick: bool, only: list[str]) -> None:
    redis = OwnRedis()
    try:
        bench = Misuse(redis)
        seconds = 3.0 if quick else 12.0
        if not only:
            service = await bench.service()
            await bench.honest("nobody else", seconds)
            for kind in CASES:
                await bench.among(kind, seconds)
            await bench.flood("flood, Redis halts for 0.3 s at a time", seconds / 2, 0.3)
            await bench.flood("flood, Redis is silent", seconds / 2, 0)
            await turn(AHEAD)
            await bench.honest("afterwards", seconds / 2)
            await service.stopService()
        await bench.stalls(only or list(STALLS), seconds)
    finally:
        redis.close()
    for promise in bench.broken:
        print(f"BROKEN {promise}")
    if bench.broken:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see whether it runs")
    parser.add_argument("--only", nargs="+", default=[], choices=list(STALLS), help="only these attacks")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(main(options.quick, options.only)))
