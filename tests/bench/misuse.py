"""``python -m tests.bench.misuse``: what honest webhooks notice of those who mean ill, and a flood while Redis lags.

Our process is this one; everybody who comes to its door (tests/bench/visitors.py) is another, and so is Redis. The
status is 1 when an honest webhook in a hundred took longer than 300 ms or any got another answer than 2xx, or when a
flood is piled up in memory instead of being answered 503 within a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react
from twisted.internet.utils import getProcessOutput

from nexmo_twisted.config import load
from nexmo_twisted.service import NexmoService, make_service
from tests.bench.peer import SECRET
from tests.bench.visitors import FLOODING, SLOW
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import free_port
from tests.support import turn

ROOT = str(Path(__file__).parent.parent.parent)

HONEST_P99 = 300.0  # ms
FLOODED = 1000.0  # ms
PILED_UP = 50.0  # MB
AHEAD = 2.0  # seconds that the strangers have to begin

CASES = {
    "slow": f"{SLOW} connections that drip",
    "large": "bodies of 200 MB",
    "multipart": "forms of 20 MB",
    "texts": "SMS of 40,000 marks or ligatures",
    "escapes": "forms of 1 MiB of %41",
}


def resident() -> float:
    """MB of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def come(kind: str, port: int, seconds: float) -> dict[str, Any]:
    """Visitors of one kind, and what became of them."""
    arguments = ["-m", "tests.bench.visitors", kind, str(port), str(seconds)]
    environ = {"PYTHONPATH": ROOT, "PATH": os.environ.get("PATH", "")}
    output = await getProcessOutput(sys.executable, arguments, environ, path=ROOT, errortoo=True)
    result: dict[str, Any] = json.loads(output)
    return result


def begun(work: Coroutine[Any, Any, dict[str, Any]]) -> Deferred[dict[str, Any]]:
    return Deferred.fromCoroutine(work)


class Misuse:
    def __init__(self, redis: OwnRedis) -> None:
        self.redis = redis
        self.port = free_port()
        self.broken: list[str] = []

    async def service(self) -> NexmoService:
        """Ours, as it is in production, with nothing to send for an hour."""
        nobody = f"http://127.0.0.1:{free_port()}"
        settings = load(
            None,
            environ={},
            delay=3_600_000,
            layer={
                "app_id": "082d4684-0992-11e5-a6c0-1697f925ec7b",
                "token": "t",
                "secret": SECRET.decode(),
                "api_url": nobody,
            },
            nexmo={"key": "k", "secret": "s", "phone_numbers": ["12015550101"], "api_url": nobody},
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
        return service

    async def honest(self, name: str, seconds: float) -> None:
        """Honest webhooks, alone or among whoever has come before them."""
        before = resident()
        got = await come("honest", self.port, seconds)
        answers, growth = got["answers"], resident() - before
        print(
            f"{name}: honest webhooks {sum(answers.values())}, median {got['median']:.1f} ms, 99th percentile "
            f"{got['p99']:.1f} ms, slowest {got['slowest']:.1f} ms, RSS {growth:+.0f} MB"
        )
        self.expect(got["p99"] < HONEST_P99, f"{name}: the 99th percentile is {got['p99']:.0f} ms")
        self.expect(set(answers) == {"204"}, f"{name}: honest webhooks were answered {answers}")
        self.expect(growth < PILED_UP, f"{name}: memory grew by {growth:.0f} MB")

    async def among(self, kind: str, seconds: float) -> None:
        strangers = begun(come(kind, self.port, seconds + AHEAD + 1))
        await turn(AHEAD)
        await self.honest(CASES[kind], seconds)
        print(f"    they: {await strangers}")

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


async def main(quick: bool) -> None:
    redis = OwnRedis()
    try:
        bench = Misuse(redis)
        service = await bench.service()
        seconds = 3.0 if quick else 12.0
        await bench.honest("nobody else", seconds)
        for kind in CASES:
            await bench.among(kind, seconds)
        await bench.flood("flood, Redis halts for 0.3 s at a time", seconds / 2, 0.3)
        await bench.flood("flood, Redis is silent", seconds / 2, 0)
        await turn(AHEAD)
        await bench.honest("afterwards", seconds / 2)
        await service.stopService()
    finally:
        redis.close()
    for promise in bench.broken:
        print(f"BROKEN {promise}")
    if bench.broken:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see whether it runs")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(main(options.quick)))
