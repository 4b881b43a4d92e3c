"""``python -m tests.bench``: ratios, each taken in one run, since machines differ and are noisy.

Our process is this one; the other side (tests/bench/peer.py) and Valkey are processes of their own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.web.client import Agent, HTTPConnectionPool

from nexmo_twisted.config.loading import load
from nexmo_twisted.platforms.layer.ids import CONVERSATION
from nexmo_twisted.service import NexmoService, make_service
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.redis_store import RedisStore
from nexmo_twisted.store.url import parse
from nexmo_twisted.web.site import hardened_site
from tests.bench import compare
from tests.bench.bare import Bare
from tests.bench.memory import memory
from tests.bench.peer import NUMBER, SECRET, USERS
from tests.network import Listener
from tests.support import Server, turn

CONNECTIONS = 32
PATIENCE = 60.0  # seconds for what is still to be done when the last webhook is answered


class Bench:
    def __init__(self, peer: int, redis: Connection) -> None:
        self.peer = f"http://127.0.0.1:{peer}"
        self.redis = redis
        pool = HTTPConnectionPool(reactor)
        pool.retryAutomatically = False
        pool.maxPersistentPerHost = 30
        self.agent = Agent(reactor, pool=pool)
        self.pool = pool

    async def service(self, delay: int) -> tuple[NexmoService, int]:
        """Our service on a free port, connected and at rest."""
        settings = load(
            None,
            environ={},
            delay=delay,
            layer={
                "app_id": "082d4684-0992-11e5-a6c0-1697f925ec7b",
                "token": "t",
                "secret": SECRET.decode(),
                "api_url": self.peer,
            },
            nexmo={
                "key": "k",
                "secret": "s",
                "phone_numbers": [NUMBER],
                "api_url": self.peer,
            },
            sms={"limits": {"per_account": 0, "per_number": 0}},
            server={"url": "http://127.0.0.1:1", "listen": "tcp:0:interface=127.0.0.1", "redis": Server.shared().url},
            operator={"listen": ""},
        )
        service = make_service(settings, reactor=reactor)
        port = Listener(service.listeners.public).port
        service.startService()
        while not service.ready:
            await turn()
        await service.pipeline.registration.poller.stop()
        return service, port

    async def post(self, port: int, kind: str, path: str, count: int) -> float:
        """Seconds in which the other side posted so many webhooks."""
        url = f"{self.peer}/post/{port}/{kind}/{path}/{count}/{CONNECTIONS}"
        response = await treq.get(url, agent=self.agent)
        answer = await response.json()
        if "fault" in answer:
            raise SystemExit(answer["fault"])
        seconds: float = answer["seconds"]
        return seconds

    async def acks(self, rounds: int, count: int) -> dict[str, float]:
        """Webhooks per second, ours against a bare route that checks the same signature and makes one SET."""
        service, port = await self.service(delay=3_600_000)
        bare = Bare((SECRET,), self.redis)
        site = hardened_site(bare.app.resource(), reactor)
        listener = Listener(site)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(count / await self.post(listener.port, "layer", "bare", count))
            ours.append(count / await self.post(port, "layer", "nexmo-new-message", count))
        await listener.stop()
        await service.stopService()
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        return {"ours": statistics.median(ours), "bare": statistics.median(theirs), "ratio": ratio}

    async def bare_posts(self, count: int) -> float:
        """CPU seconds of one bare treq POST of an SMS."""
        form = {"from": NUMBER, "to": "12015550102", "text": "x" * 110, "type": "text", "client-ref": "r" * 35}
        left = [count]

        async def post() -> None:
            while left[0] > 0:
                left[0] -= 1
                response = await treq.post(f"{self.peer}/sms/json", data=form, agent=self.agent)
                await response.json()

        begin = time.process_time()
        await gatherResults([Deferred.fromCoroutine(post()) for _ in range(CONNECTIONS)])
        return (time.process_time() - begin) / count

    async def cpu(self, rounds: int, count: int) -> dict[str, float]:
        """CPU of our process, in bare treq POSTs: a message from webhook to SMS, and a reply."""
        await self.redis.command("FLUSHALL", "SYNC")
        service, port = await self.service(delay=1000)
        messages, replies = [], []
        for round_ in range(rounds + 1):  # the first one fills the caches
            bare = await self.bare_posts(count)
            size = USERS if round_ == 0 else count
            message = await self.spent(service, port, "layer", "nexmo-new-message", size, "sent")
            reply = await self.spent(service, port, "nexmo", "nexmo-new-sms", size, "posted")
            if round_:
                messages.append(message / bare)
                replies.append(reply / bare)
        await service.stopService()
        return {"message": statistics.median(messages), "reply": statistics.median(replies)}

    async def spent(self, service: NexmoService, port: int, kind: str, path: str, count: int, word: str) -> float:
        """CPU seconds of our process for each of ``count`` webhooks, until all that follows from them is done."""
        done = DONE[word](service)
        begin = time.process_time()
        await self.post(port, kind, path, count)
        left = PATIENCE
        while (now := DONE[word](service)) < done + count:
            if left <= 0:
                raise SystemExit(f"only {now - done:.0f} of {count} were {word}")
            await turn(0.1)  # to ask costs something, too
            left -= 0.1
        while service.pipeline.notifications.worker.busy or service.pipeline.replies.worker.busy:
            await turn(0.01)
        return (time.process_time() - begin) / count


DONE: dict[str, Any] = {
    "sent": lambda service: service.metrics.value("sms_accepted"),
    "posted": lambda service: service.metrics.value("replies_closed", "posted"),
}


async def main(quick: bool) -> None:
    redis = Connection(reactor, parse(Server.shared().url), Scripts())
    await redis.open()
    store = RedisStore(redis, redis, conversation_prefix=CONVERSATION)
    peer = subprocess.Popen([sys.executable, "-m", "tests.bench.peer"], stdout=subprocess.PIPE)
    try:
        assert peer.stdout is not None
        bench = Bench(int(peer.stdout.readline()), redis)
        rounds, count = (3, 500) if quick else (5, 2000)
        acks = await bench.acks(3 * rounds, count // 2)
        print(f"acks: {acks['ours']:.0f}/s, bare route with one SET {acks['bare']:.0f}/s: {acks['ratio']:.2f}")
        cpu = await bench.cpu(rounds, count)
        print(f"CPU of a message, webhook to SMS, in bare treq POSTs: {cpu['message']:.2f}")
        print(f"CPU of a reply, webhook to post, in bare treq POSTs: {cpu['reply']:.2f}")
        size = await memory(store, redis, 500 if quick else 5000)
        print(f"Redis bytes of a message with two recipients: {size['pending']:.0f} pending, {size['done']:.0f} done")
        await bench.pool.closeCachedConnections()
    finally:
        peer.kill()
        peer.communicate()
        await redis.close()


def at_least_one(text: str) -> int:
    """A number of rounds, as the command line has it."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds: 1, 2, 3 ... are")
    return int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see whether it runs")
    comparing = parser.add_subparsers(dest="command").add_parser(
        "compare", help="run this tree and another commit in turns", description=compare.__doc__
    )
    comparing.add_argument("commit", metavar="COMMIT", help="the other one, by any name that git knows")
    comparing.add_argument("--rounds", type=at_least_one, default=9, help="how often each is run (9)")
    comparing.add_argument("--json", action="store_true", help="print JSON, with the single rounds")
    comparing.add_argument("--quick", action="store_true", default=argparse.SUPPRESS, help="small numbers in each")
    options = parser.parse_args()
    if options.command == "compare":
        root = Path(__file__).resolve().parents[2]
        compare.main(root, options.commit, options.rounds, ["--quick"] * options.quick, options.json)
    else:
        react(lambda _: Deferred.fromCoroutine(main(options.quick)))
