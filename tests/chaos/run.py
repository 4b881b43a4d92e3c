"""One run from first to last: Redis, the companies, the balancer, the processes, all on loopback; and the checks."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import LoopingCall, deferLater

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.url import parse
from tests.chaos import report, workload
from tests.chaos.balancer import Balancer
from tests.chaos.circumstances import Circumstances
from tests.chaos.companies import Companies
from tests.chaos.concurrency import concurrently
from tests.chaos.disturbances import Disturbances
from tests.chaos.handsets import Handsets
from tests.chaos.observations import Observations
from tests.chaos.observed_replies import look
from tests.chaos.observed_texts import INTRODUCTION, TEMPLATE, Observed, Participants, observe, uncertain
from tests.chaos.phonebook import Phonebook
from tests.chaos.process_pool import ProcessPool
from tests.chaos.records import Records
from tests.chaos.threads import Threads
from tests.chaos.workload_player import WorkloadPlayer
from tests.network import Listener
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import free_port

PROCESSES = 3

DELAY = 2.5  #: seconds that a message may stay unread
#: Seconds for a receipt: Nexmo delivers it again after five, and after ten more. (In production these are 600.)
SETTLE_TIME = 20.0
#: Seconds that the next part of a long reply is waited for.
CONCAT_TIMEOUT = 3.0

LOOK_EVERY = 0.1  #: seconds, at what is uncertain


class Run:
    """``seed`` gives all random choices; what happens at the same time is up to the machine."""

    def __init__(self, reactor: Any, profile: workload.LoadProfile, seed: int, circumstances: Circumstances) -> None:
        self._reactor = reactor
        self._profile = profile
        self._seed = seed
        self._given = circumstances
        self._directory = Path(tempfile.mkdtemp(prefix="nxc-"))
        self._keep = False
        self._processes = ProcessPool(self._directory)
        self._redis = OwnRedis()
        reactor.addSystemEventTrigger("before", "shutdown", self.clear)  # however it ends
        self._observations = Observations(reactor.seconds)
        port, public, *ports = (free_port() for _ in range(2 + PROCESSES))
        self._companies = Companies(
            reactor, f"http://127.0.0.1:{port}", circumstances, self._random("companies"), self._observations
        )
        self._environs = [self._settings(f"http://127.0.0.1:{public}", each) for each in ports]
        Listener(self._companies.site, port)
        Listener(Balancer(reactor, ports), public)
        self._disturbances = Disturbances(
            reactor, self._random("disturbances"), self._processes, self._redis, self._companies
        )
        self._connection = Connection(reactor, parse(self._redis.url), Scripts())
        self._records = Records(self._connection)
        self._population = workload.assemble(self._random("population"), profile.users)
        self._threads = Threads(self._companies.layer)
        self._player = WorkloadPlayer(reactor, self._companies, self._population, self._threads)
        phones = Phonebook(self._population.phones)
        self._handsets = Handsets(reactor, self._companies, self._threads, phones, self._random("handsets"))
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self._records.look(reactor.seconds())))

    def _random(self, what: str) -> Random:
        return Random(f"{self._seed} {what}")

    def _settings(self, public_url: str, port: int) -> dict[str, str]:
        return self._companies.settings(
            public_url,
            port,
            self._redis.url,
            delay=f"{DELAY:g} seconds",
            template=TEMPLATE,
            introduce_conversation=INTRODUCTION,
            sms__receipt_timeout=f"{SETTLE_TIME:g} seconds",
            sms__concat_timeout=f"{CONCAT_TIMEOUT:g} seconds",
            **self._given.settings,
        )

    @property
    def _may_double(self) -> int | None:
        """How many SMS may go out twice; None when nothing is promised."""
        if self._given.policy != "resend":
            return 0
        return self._profile.doubled if self._given.receipts == "on" else None

    async def to_the_end(self) -> bool:
        """True when every promise was kept. Not longer than the profile's deadline, and a little for the checks."""
        begun = self._reactor.seconds()
        unfinished = []
        try:
            await Deferred.fromCoroutine(self._perform()).addTimeout(self._profile.deadline, self._reactor)
        except DeferredTimeout:
            unfinished = [f"after {self._profile.deadline:.0f} seconds: {await self._open()}"]
        finally:
            self._companies.set_active(False)
        if self._looking.running:
            self._looking.stop()
        took = self._reactor.seconds() - begun
        killed = await self._processes.stop_all(self._reactor)
        unfinished += ["a process did not end in an orderly way"] * killed
        found = await self._observe()
        errors = [f"{error}, {count} times" for error, count in self._processes.errors.items()]
        checked = report.promises(found, unfinished, errors, self._may_double)
        if not all(promise.kept for promise in checked):
            self._keep = True
            print(f"What the processes printed is in {self._directory}")
        report.print_report(checked, {**self._what_happened(took), **report.figures(found)})
        return not self._keep

    async def _observe(self) -> Observed:
        participants = Participants(
            circumstances=self._given,
            companies=self._companies,
            threads=self._threads,
            player=self._player,
            handsets=self._handsets,
            observations=self._observations,
            records=self._records,
            receipt_timeout=SETTLE_TIME,
        )
        while True:
            try:
                return await observe(participants)
            except StoreUnavailable:  # the deadline came while Redis was away
                await deferLater(self._reactor, 0.3)

    async def _perform(self) -> None:
        self._processes.start(self._environs)
        await self._connection.open()
        while not (self._companies.known and len(self._processes.at_work) == PROCESSES):
            await deferLater(self._reactor, 0.1)
        self._looking.start(LOOK_EVERY)
        self._companies.set_active(True)
        schedule = workload.write(self._random("messages"), self._population, self._profile, DELAY)
        await concurrently(
            self._player.perform(schedule),
            self._handsets.perform(self._profile),
            self._disturbances.make(self._profile, self._given.kills),
        )
        self._companies.set_active(False)  # what is left shall come to an end
        await self._rest()
        await self._handsets.write_quietly(self._quiet_threads())
        await self._rest()

    async def _rest(self) -> None:
        while await self._open():
            await deferLater(self._reactor, 0.3)

    def _quiet_threads(self) -> list[tuple[str, str]]:
        """Handsets of one user, with numbers that carried one thread there and nothing else, without any doubt."""
        view = look(self._companies, self._threads, uncertain(self._companies, self._records))
        phones = self._handsets.phones
        plain = [
            where
            for where, received in sorted(view.items())
            if len({(each.user, each.conversation) for each in received}) == 1
            and phones.plain(where[0])
            and not any(each.doubtful for each in received)
        ]
        return self._random("quiet").sample(plain, min(self._profile.quiet, len(plain)))

    async def _open(self) -> dict[str, int]:
        """What is not finished yet, by kind."""
        webhooks = {"webhooks": self._observations.open} if self._observations.open else {}
        try:
            return webhooks | await self._records.open()
        except StoreUnavailable:
            return webhooks | {"redis": 0}

    def _what_happened(self, took: float) -> dict[str, object]:
        return {
            "seed": self._seed,
            **self._given.summary(),
            "seconds": round(took, 1),
            "messages": len(self._player.sent),
            "webhooks": self._observations.calls,
            "starts": self._processes.starts,
            **self._disturbances.done,
            "requests_met": dict(self._companies.faults.met),
            "looks": self._records.looks,
        }

    def clear(self) -> None:
        """End what still runs, and leave nothing behind that does not explain a broken promise."""
        self._processes.kill_all()
        self._redis.close()
        if not self._keep:
            shutil.rmtree(self._directory, ignore_errors=True)
