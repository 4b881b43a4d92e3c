"""Real twistd processes of the service, started again as soon as they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

from twisted.internet.interfaces import IReactorTime

from tests.chaos.checker import raised
from tests.scenarios.processes import Twistd

WORKER = Path(__file__).with_name("worker.py")

#: What the service says once it has its Redis.
AT_WORK = "processing started"

#: Seconds until a process that was asked to end has ended: the ten of the service, and some for a busy machine.
ORDERLY_END = 20.0


class ProcessPool:
    """What the processes print is in ``directory`` once they have ended, one process after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._environs: Sequence[Mapping[str, str]] = ()
        self._running: list[Twistd] = []
        self._signalled: set[Twistd] = set()  # stopped, or killed and about to end
        self._stopping = False
        self.starts = 0
        self.errors: Counter[str] = Counter()  #: unforeseen errors

    def start(self, environs: Sequence[Mapping[str, str]]) -> None:
        """One process for each of ``environs``, its settings."""
        self._environs = environs
        self._running = [self._spawn(index) for index in range(len(environs))]

    def _spawn(self, index: int) -> Twistd:
        self.starts += 1
        twistd = Twistd(self._directory, "-y", str(WORKER), environ=dict(self._environs[index]))
        twistd.ended.addCallback(lambda _: self._again(index))
        return twistd

    def _again(self, index: int) -> None:
        self._keep(index)
        if not self._stopping:
            if self._running[index].code != -SIGKILL:
                self.errors[f"process {index} ended by itself"] += 1
            self._running[index] = self._spawn(index)

    def _keep(self, index: int) -> None:
        output = self._running[index].output
        self.errors.update(f"process {index}: {error}" for error in raised(output))
        with (self._directory / f"process-{index}.log").open("a", encoding="utf-8") as log:
            log.write(output)

    @property
    def at_work(self) -> list[Twistd]:
        """Those that are up and can be hit."""
        ready = [twistd for twistd in self._running if AT_WORK in twistd.output and twistd.code is None]
        return [twistd for twistd in ready if twistd not in self._signalled]

    def kill_one(self, random: Random) -> bool:
        """SIGKILL for one that is at work; False when none is."""
        return self._hit(random, SIGKILL) is not None

    def stop_one(self, random: Random) -> Twistd | None:
        """SIGSTOP for one that is at work, which nothing else hits until it goes on; None when none is."""
        return self._hit(random, SIGSTOP)

    def _hit(self, random: Random, number: int) -> Twistd | None:
        if not self.at_work:
            return None
        chosen = random.choice(self.at_work)
        self._signalled.add(chosen)
        chosen.process.signalProcess(number)
        return chosen

    def go_on(self, twistd: Twistd) -> None:
        self._signalled.discard(twistd)
        if twistd.code is None:  # the run is not over
            twistd.process.signalProcess(SIGCONT)

    async def stop_all(self, clock: IReactorTime) -> int:
        """An orderly end for all. Returns how many did not come to it in time and were killed."""
        self._stopping = True
        self._signal_all(SIGCONT)
        self._signal_all(SIGTERM)
        patience = clock.callLater(ORDERLY_END, self.kill_all)
        codes = [await twistd.finish() for twistd in self._running]
        if patience.active():
            patience.cancel()
        return codes.count(-SIGKILL)

    def kill_all(self) -> None:
        self._stopping = True
        self._signal_all(SIGKILL)

    def _signal_all(self, number: int) -> None:
        for twistd in self._running:
            if twistd.code is None:
                twistd.process.signalProcess(number)
