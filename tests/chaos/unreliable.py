"""The simulated companies misbehave: they are slow, refuse, cut answers off, and have storms of errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from nexmo_twisted.sandbox.http.faults import Fault, Faults
from tests.chaos.observations import Observations

CUT_AFTER = 0.02  #: of all answers: cut off, though the request took effect
CUT_BEFORE = 0.01  #: of all requests: cut off before they took effect
SLOW = 0.3  #: of all answers: up to SLOWEST seconds after the request took effect
SLOWEST = 0.6

#: Of all requests to send an SMS: answered with one of these statuses, all of which say that it was not accepted; but
#: after the last one it may have been.
BARRED, TOO_MANY, UNKNOWN = 0.005, 0.02, 0.02
#: Seconds for which a handset stays barred once it was.
BARRED_FOR = 3.0

SMS = "/nexmo/sms/json"
LAYER = "/layer/"


def _throttled(random: Random) -> Fault:
    if random.random() < 0.5:
        return Fault(path=SMS, nexmo_status="1")
    return Fault(path=SMS, status=429, retry_after=1)


#: What a company answers while it storms. Half of the requests that are answered 5xx took effect.
STORMS: Mapping[str, Callable[[Random], Fault]] = {
    "nexmo_429": _throttled,
    "nexmo_5xx": lambda random: Fault(path=SMS, status=503, done=random.random() < 0.5),
    "layer_429": lambda _random: Fault(path=LAYER, status=429, retry_after=1),
    "layer_5xx": lambda random: Fault(path=LAYER, status=502, done=random.random() < 0.5),
}


class UnreliableFaults(Faults):
    """Is slow and cuts answers off at random, storms on command, and records what was asked for."""

    def __init__(self, random: Random, observations: Observations) -> None:
        super().__init__()
        self._random = random
        self.observations = observations
        self.active = False
        self.storm = ""  #: one of STORMS, or none
        self.met: Counter[str] = Counter()
        self._barred: dict[str, float] = {}  # handset -> until when

    def take(self, path: str, _method: str, number: str = "", text: str = "") -> Fault | None:
        if path.endswith(SMS):
            self.observations.attempted(number, text)
        fault = self._draw(path, number)
        if path.endswith(SMS) and fault is not None and (fault.drop or fault.answers):
            self.observations.failed[number] = self.observations.now()
        return fault

    def _draw(self, path: str, number: str) -> Fault | None:
        if self.storm and (fault := STORMS[self.storm](self._random)).path in path:
            self.met[self.storm] += 1
            return fault
        if not self.active:
            return None
        refusal = self._refusal(number) if path.endswith(SMS) else None
        if refusal is not None:
            if refusal.nexmo_status == "7":
                self.observations.barred.add(number)
            self.met[f"status_{refusal.nexmo_status}"] += 1
            return refusal
        drawn = self._random.random()
        for name, share, fault in (
            ("cut_after", CUT_AFTER, Fault(drop=True, done=True)),
            ("cut_before", CUT_BEFORE, Fault(drop=True)),
            ("slow", SLOW, Fault(done=True, delay=self._random.random() * SLOWEST)),
        ):
            if drawn < share:
                self.met[name] += 1
                return fault
            drawn -= share
        return None

    def _refusal(self, handset: str) -> Fault | None:
        drawn, now = self._random.random(), self.observations.now()
        if drawn < BARRED:
            self._barred[handset] = now + BARRED_FOR
        if self._barred.get(handset, 0.0) > now:
            return Fault(path=SMS, nexmo_status="7")
        if drawn < BARRED + TOO_MANY:
            return Fault(path=SMS, nexmo_status="10")
        if drawn < BARRED + TOO_MANY + UNKNOWN:
            return Fault(path=SMS, nexmo_status="5", done=self._random.random() < 0.5)
        return None
