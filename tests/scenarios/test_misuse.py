"""Ten thousand generated bad requests for each door: nothing fails, nothing grows."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.logger import LogEvent, LogLevel, eventAsText

from nexmo_twisted.config.models import Settings
from nexmo_twisted.providers.nexmo.webhooks import UNCOVERED, UNSIGNED
from tests.configuration import WHSEC
from tests.inspector import K
from tests.scenarios.bad_http import Client, Door, Written, connection
from tests.scenarios.misuse import chat_junk, layer_junk, nexmo_junk, odd_receipt, odd_sms, operator_junk, spoiled_sms
from tests.scenarios.outside import LAYER_DOOR, NEXMO_DOOR
from tests.scenarios.own_world import CHAT_DOOR
from tests.scenarios.world import World, free_port
from tests.support import observe_log

REQUESTS = 10_000
HALF = REQUESTS // 2
AT_ONCE = 8  # connections

#: What may grow while the last four fifths of them are served: pieces of memory for each request (what remembers
#: a bounded number of short strings is not full yet), and bytes of the process.
PIECES = 0.1
RESIDENT = 16 * 1024 * 1024

#: Everything a door may answer, HTTP's own refusals included.
ANSWERS = {200, 202, 204, 400, 403, 404, 405, 413, 414, 431, 503}

RECEIPT_DOOR = f"{NEXMO_DOOR}/receipt"
SECRET = "my_secret_key_for_testing"


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class ErrorLog:
    """The errors that are logged, whoever logs them, and the warnings of the doors."""

    def __init__(self, test: World) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        observe_log(test, self._note)

    def _note(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if event.get("text") in (UNSIGNED, UNCOVERED):
            return  # an alarm that a whole webhook without a signature is to raise, or one that none can cover
        if event.get("isError") or level >= LogLevel.error:
            self.errors.append(eventAsText(event))
        elif level == LogLevel.warn and event["log_namespace"].startswith("nexmo_twisted.web"):
            self.warnings.append(eventAsText(event, includeTimestamp=False))


class MisuseCase(World):
    """``NEXMO_TWISTED_TEST_SEED`` repeats the run whose seed a failure names."""

    timeout = 300
    answers_of_door = ANSWERS

    async def asyncSetUp(self) -> None:
        self.operator = free_port()
        await super().asyncSetUp()
        self.seed = int(os.environ.get("NEXMO_TWISTED_TEST_SEED") or random.SystemRandom().randrange(10**9))
        self.random = random.Random(self.seed)
        self.loud = ErrorLog(self)
        self.answers: Counter[int] = Counter()
        gc.collect()
        gc.freeze()  # as in production
        self.addCleanup(gc.unfreeze)

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, operator={"listen": f"tcp:{self.operator}:interface=127.0.0.1"}, **more)

    async def misuse(self, door: Door, port: int, requests: int = REQUESTS) -> None:
        """Send so many to one door and look at what they leave behind. The first ones fill what is bounded."""
        about = f"{door.name}, seed {self.seed}"
        refused = await self.refused()
        await self.send_bad(door, port, requests // 5)
        keys, received, pieces, size = await self.keys(), self.received, self.pieces(), resident()
        await self.send_bad(door, port, requests - requests // 5)
        more_pieces, more_bytes = self.pieces() - pieces, resident() - size
        self.assertEqual(self.loud.errors, [], about)
        self.assertEqual(self.flushLoggedErrors(), [], about)
        self.assertEqual(len(self.loud.warnings), len(set(self.loud.warnings)), about)
        self.assertEqual(set(self.answers) - self.answers_of_door, set(), about)
        self.assertEqual(self.counted("webhooks", "failed"), 0, about)
        self.assertEqual(await self.refused(), refused, about)
        self.assertLess(more_pieces, PIECES * requests, about)
        self.assertLess(more_bytes, RESIDENT, about)
        new = await self.keys() - keys - {K.seq, K.quarantine, K.unsigned}  # each may come late
        self.assertLessEqual(len(new), self.received - received, about)  # some damage makes an SMS of another id
        self.assertEqual([key for key in new if not key.startswith(K.in_item)], [], about)
        for key in (K.quarantine, K.unsigned):
            self.assertLessEqual(await self.redis("LLEN", key), 100, about)

    async def send_bad(self, door: Door, port: int, requests: int) -> None:
        left = [requests]

        async def one_connection_after_another() -> None:
            while left[0] > 0:
                requests = connection(self.random, door)
                left[0] -= len(requests)
                await self.speak(requests, port)

        await gatherResults([Deferred.fromCoroutine(one_connection_after_another()) for _ in range(AT_ONCE)])
        await self.settle()

    async def speak(self, requests: list[Written], port: int) -> None:
        """Send the requests of one connection, and on new ones those that came behind one that was refused."""
        left = requests
        while left:
            client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Client(left))
            statuses = await client.done
            missing = len(statuses) < sum(not each.end for each in left) and not (statuses and client.the_last)
            if missing or 500 in statuses:
                last = [each.raw[:500] for each in left[: len(statuses) + 1][-2:]]
                self.fail(f"seed {self.seed}: the answers end with {statuses[-3:]}, the requests with {last}")
            self.answers.update(statuses)
            left = left[len(statuses) :] if client.the_last else []

    @property
    def received(self) -> float:
        """How many SMS were accepted and new, at most."""
        return sum(self.counted("replies_received", kind) for kind in ("whole", "part", "ignored"))

    async def keys(self) -> set[str]:
        return set(await self.redis("KEYS", "*"))

    async def refused(self) -> list[str]:
        """What Redis refused so far, by kind; a script that it did not know is sent to it."""
        lines = (await self.redis("INFO", "errorstats")).splitlines()
        return [line for line in lines if line.startswith("errorstat_") and "NOSCRIPT" not in line]

    def pieces(self) -> int:
        """How many pieces of memory Python's objects hold."""
        gc.collect()
        return sys.getallocatedblocks()


class MisuseTests(MisuseCase):
    async def test_layer(self) -> None:
        """The door of Layer's webhooks."""
        await self.misuse(Door("Layer", LAYER_DOOR, layer_junk(self.sandbox.credentials.layer_secret)), self.port)

    async def test_own_chat(self) -> None:
        """The door for the events of a chat of one's own."""
        await self.stop(self.service)
        webhook = {"secret": WHSEC, "api_url": "http://127.0.0.1:1"}
        self.service = await self.start(platform="webhook", webhook=webhook)
        self.answers_of_door = ANSWERS | {401, 422}
        await self.misuse(Door("own chat", CHAT_DOOR, chat_junk(WHSEC, self.clock.seconds)), self.port)

    async def test_health(self) -> None:
        """What the operator's monitoring asks."""
        await self.misuse(Door("health", "/health", operator_junk), self.operator)

    async def test_metrics(self) -> None:
        """What the operator's monitoring collects."""
        await self.misuse(Door("metrics", "/metrics", operator_junk), self.operator)

    async def test_sms(self) -> None:
        """The door of inbound SMS, of an account that does not sign."""
        await self.misuse(Door("SMS", NEXMO_DOOR, nexmo_junk(odd_sms, spoiled_sms)), self.port, HALF)

    async def test_receipts(self) -> None:
        """The door of delivery receipts, of an account that does not sign."""
        await self.misuse(Door("receipts", RECEIPT_DOOR, nexmo_junk(odd_receipt)), self.port, HALF)


class SignedMisuseTests(MisuseCase):
    settings = {"nexmo": {"signature_secret": SECRET, "signature_method": "sha256"}}

    async def test_sms(self) -> None:
        """The door of inbound SMS with signatures, right ones among them."""
        junk = nexmo_junk(odd_sms, spoiled_sms, secret=SECRET, now=self.clock.seconds)
        await self.misuse(Door("signed SMS", NEXMO_DOOR, junk), self.port, HALF)

    async def test_receipts(self) -> None:
        """The door of delivery receipts with signatures."""
        junk = nexmo_junk(odd_receipt, secret=SECRET, now=self.clock.seconds)
        await self.misuse(Door("signed receipts", RECEIPT_DOOR, junk), self.port, HALF)
