"""One run from first to last: Redis, the companies, the balancer, the processes, all on loopback; and the verdict."""

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
from nexmo_twisted.store.connection import Connection, Scripts
from nexmo_twisted.store.url import parse
from tests.chaos import report, workload
from tests.chaos.balancer import Balancer
from tests.chaos.circumstances import Circumstances
from tests.chaos.companies import Companies
from tests.chaos.crash_player import Play
from tests.chaos.disturbances import Trouble
from tests.chaos.handsets import Handsets
from tests.chaos.observations import Ledger
from tests.chaos.observed_replies import look
from tests.chaos.observed_texts import INTRODUCTION, TEMPLATE, Evidence, Scene, gather, uncertain
from tests.chaos.phonebook import Phonebook
from tests.chaos.process_pool import Crew
from tests.chaos.records import Records
from tests.chaos.threads import Threads
from tests.chaos.whole_run import together
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

    def __init__(self, reactor: Any, form: workload.Form, seed: int, circumstances: Circumstances) -> None:
        self._reactor = reactor
        self._form = form
        self._seed = seed
        self._given = circumstances
        self._directory = Path(tempfile.mkdtemp(prefix="nxc-"))
        self._keep = False
        self._crew = Crew(self._directory)
        self._redis = OwnRedis()
        reactor.addSystemEventTrigger("before", "shutdown", self.clear)  # however it ends
        self._ledger = Ledger(reactor.seconds)
        port, public, *ports = (free_port() for _ in range(2 + PROCESSES))
        self._companies = Companies(
            reactor, f"http://127.0.0.1:{port}", circumstances, self._random("companies"), self._ledger
        )
        self._environs = [self._settings(f"http://127.0.0.1:{public}", each) for each in ports]
        reactor.listenTCP(port, self._companies.site, interface="127.0.0.1")
        reactor.listenTCP(public, Balancer(reactor, ports), interface="127.0.0.1")
        self._trouble = Trouble(reactor, self._random("trouble"), self._crew, self._redis, self._companies)
        self._connection = Connection(reactor, parse(self._redis.url), Scripts())
        self._records = Records(self._connection)
        self._cast = workload.assemble(self._random("cast"), form.users)
        self._threads = Threads(self._companies.layer)
        self._play = Play(reactor, self._companies, self._cast, self._threads)
        phones = Phonebook(self._cast.phones)
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
        return self._form.doubled if self._given.receipts == "on" else None

    async def to_the_end(self) -> bool:
        """True when every promise was kept. Not longer than the form's deadline, and a little for the verdict."""
        begun = self._reactor.seconds()
        unfinished = []
        try:
            await Deferred.fromCoroutine(self._perform()).addTimeout(self._form.deadline, self._reactor)
        except DeferredTimeout:
            unfinished = [f"after {self._form.deadline:.0f} seconds: {await self._open()}"]
        finally:
            self._companies.wake(False)
        if self._looking.running:
            self._looking.stop()
        took = self._reactor.seconds() - begun
        killed = await self._crew.dismiss(self._reactor)
        unfinished += ["a process did not end in an orderly way"] * killed
        found = await self._evidence()
        errors = [f"{error}, {count} times" for error, count in self._crew.errors.items()]
        judged = report.promises(found, unfinished, errors, self._may_double)
        if not all(promise.kept for promise in judged):
            self._keep = True
            print(f"What the processes printed is in {self._directory}")
        report.tell(judged, {**self._what_happened(took), **report.figures(found)})
        return not self._keep

    async def _evidence(self) -> Evidence:
        scene = Scene(
            circumstances=self._given,
            companies=self._companies,
            threads=self._threads,
            play=self._play,
            handsets=self._handsets,
            ledger=self._ledger,
            records=self._records,
            receipt_timeout=SETTLE_TIME,
        )
        while True:
            try:
                return await gather(scene)
            except StoreUnavailable:  # the deadline came while Redis was away
                await deferLater(self._reactor, 0.3)

    async def _perform(self) -> None:
        self._crew.start(self._environs)
        await self._connection.open()
        while not (self._companies.known and len(self._crew.at_work) == PROCESSES):
            await deferLater(self._reactor, 0.1)
        self._looking.start(LOOK_EVERY)
        self._companies.wake(True)
        lines = workload.write(self._random("lines"), self._cast, self._form, DELAY)
        await together(
            self._play.perform(lines),
            self._handsets.perform(self._form),
            self._trouble.make(self._form, self._given.kills),
        )
        self._companies.wake(False)  # what is left shall come to an end
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
        return self._random("quiet").sample(plain, min(self._form.quiet, len(plain)))

    async def _open(self) -> dict[str, int]:
        """What is not finished yet, by kind."""
        webhooks = {"webhooks": self._ledger.open} if self._ledger.open else {}
        try:
            return webhooks | await self._records.open()
        except StoreUnavailable:
            return webhooks | {"redis": 0}

    def _what_happened(self, took: float) -> dict[str, object]:
        return {
            "seed": self._seed,
            **self._given.told(),
            "seconds": round(took, 1),
            "messages": len(self._play.said),
            "webhooks": self._ledger.calls,
            "starts": self._crew.starts,
            **self._trouble.done,
            "requests_met": dict(self._companies.faults.met),
            "looks": self._records.looks,
        }

    def clear(self) -> None:
        """End what still runs, and leave nothing behind that does not explain a broken promise."""
        self._crew.kill_all()
        self._redis.close()
        if not self._keep:
            shutil.rmtree(self._directory, ignore_errors=True)
