"""``python -m tests.bench.limits``: how much of a limit is used, and how far it is exceeded, over a minute of backlog.

First on a clock that jumps, with two stores on one Redis and preparations that take some time; the share is of the SMS
that the limits allow in 60 seconds. Then in real time: two services of this process, and the other side
(tests/bench/peer.py) in another. The status is 1 when a share is below 95 %, or when Redis let more than one SMS above
a limit pass in any second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, react

from nexmo_twisted.config.loading import load
from nexmo_twisted.domain.model import Outcome, Sms
from nexmo_twisted.domain.rate_limits import Limits
from nexmo_twisted.platforms.layer.ids import CONVERSATION
from nexmo_twisted.ports import SmsProvider
from nexmo_twisted.service import NexmoService
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.url import parse
from nexmo_twisted.wiring import Decorators
from tests.bench.memory import message
from tests.store.backlog import Backlog, hurried, owe, worst
from tests.support import NEW_YEAR, Server, counted, turn

SECONDS = 60
SHARE = 0.95
VONAGE = Limits(per_account=30, per_number=1)
LONDON = "447700900123"


def american(n: int) -> str:
    return f"1201555{n:04}"


#: What it is, the number for the n-th user, how many users, and how many SMS a second that allows.
CASES: Sequence[tuple[str, Callable[[int], str], int, float]] = (
    ("the account alone", lambda _n: LONDON, 2200, 30),
    ("one number alone", lambda _n: american(0), 80, 1),
    ("40 numbers, in turn", lambda n: american(n % 40), 2400, 30),
    ("40 numbers, one after the other", lambda n: american(n // 60), 2400, 30),
    ("a third from 10 such numbers", lambda n: american(n % 10) if n % 3 == 0 else LONDON, 2400, 30),
)


class Judge:
    def __init__(self) -> None:
        self.broken = False

    def tell(self, name: str, times: Sequence[float], rate: float, more: str, *, exactly: bool = True) -> None:
        """``exactly``: these are the times at which Redis let them pass."""
        share, most = len(times) / SECONDS / rate, worst(times)
        kept = share >= SHARE and (most <= rate + 1 or not exactly)
        self.broken = self.broken or not kept
        print(f"{name}: {len(times)} SMS, {share:.1%}, at most {most} within a second{more}{'' if kept else ' BROKEN'}")


def number_for(number_of: Callable[[int], str], user: str) -> str:
    """Our number for a user, whose id is "user" and five digits."""
    return number_of(int(user[4:]))


async def simulated(judge: Judge, connections: Sequence[Connection]) -> None:
    clock = Clock()
    clock.advance(NEW_YEAR)
    stores = [RedisStore(line, line, lambda: str(round(clock.seconds() * 1000))) for line in connections]
    for name, number_of, count, rate in CASES:
        await connections[0].command("FLUSHALL")
        users = [f"user{n:05}" for n in range(count)]
        await owe(stores[0], users)
        backlog = Backlog(
            clock,
            stores,
            VONAGE,
            partial(number_for, number_of),
            hurried(Random(name)),
        )
        await backlog.run(SECONDS)
        prepared = sum(backlog.begins.values()) / len(backlog.begins)
        judge.tell(name, backlog.times(), rate, f", prepared {prepared:.1f} times each")
        numbers = {sender for _, sender in backlog.grants} - {LONDON}
        most = max((worst(backlog.times(number)) for number in numbers), default=0)
        if most > VONAGE.per_number + 1:
            judge.broken = True
            print(f"{name}: {most} from one number within a second BROKEN")


class Noted:
    """A provider that notes when something is sent."""

    def __init__(self, provider: SmsProvider, times: list[float]) -> None:
        self._provider = provider
        self._times = times

        self.numbers = provider.numbers
        self.route_inbound = provider.route_inbound

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        self._times.append(reactor.seconds())
        return await self._provider.send(sms, until=until)


async def real(judge: Judge, connection: Connection, peer: str) -> None:
    await connection.command("FLUSHALL")
    store, count = RedisStore(connection, connection, conversation_prefix=CONVERSATION), 2200
    for n in range(count):
        event = message(str(uuid.uuid4()), "user-9999", str(uuid.uuid4()), (f"user-{n:04}",))
        await store.record_event(event, 0)
    settings = load(
        None,
        environ={},
        delay=1000,
        layer={"app_id": "082d4684-0992-11e5-a6c0-1697f925ec7b", "token": "t", "secret": "s", "api_url": peer},
        nexmo={"key": "k", "secret": "s", "phone_numbers": [LONDON], "api_url": peer},
        server={"url": "http://127.0.0.1:1", "listen": "tcp:0:interface=127.0.0.1", "redis": Server.shared().url},
        operator={"listen": ""},
    )
    times: list[float] = []
    services = [
        NexmoService(settings, reactor, decorators=Decorators(provider=lambda provider: Noted(provider, times)))
        for _ in range(2)
    ]
    for service in services:
        service.startService()
    while not times:
        await turn(0.01)
    await turn(SECONDS)
    for service in services:
        await service.stopService()
    waits = sum(counted(service.metrics, "sms_rate_limited", "account") for service in services)
    within = [each - times[0] for each in times if each - times[0] <= SECONDS]
    more = f" as they leave us, {waits / len(times):.1f} waits each"
    judge.tell("two services in real time", within, VONAGE.per_account, more, exactly=False)


async def main(quick: bool) -> None:
    judge = Judge()
    lines = [Connection(reactor, parse(Server.shared().url), Scripts()) for _ in range(2)]
    peer = subprocess.Popen([sys.executable, "-m", "tests.bench.peer"], stdout=subprocess.PIPE)
    try:
        assert peer.stdout is not None
        port = int(peer.stdout.readline())
        for line in lines:
            await line.open()
        await simulated(judge, lines)
        if not quick:
            await real(judge, lines[0], f"http://127.0.0.1:{port}")
    finally:
        peer.kill()
        peer.communicate()
        for line in lines:
            await line.close()
    if judge.broken:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only on the clock that jumps")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(main(options.quick)))
