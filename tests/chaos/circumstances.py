"""Under which settings a run goes: they are drawn from its seed, unless somebody wants certain ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from random import Random

#: Fewest and most numbers. A user has about five conversations, two users who share a handset have ten.
NUMBERS = (2, 12)
#: How long a link lives, in seconds: a few, so that many end in a run, or longer than any run.
LIFETIMES = (12.0, 12.0, 86_400.0)
#: From so many numbers on one of them is slow; fewer could not carry what the others leave to it.
SLOW_FROM = 6
#: The slow one is of another country, so that mostly its own people are texted from it.
SLOW = "447700900999"

RECEIPTS = ("on", "withheld", "nameless")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """``numbers`` is how many there are, ``mode`` is ``sms.when_exhausted``, ``lifetime`` of links is in seconds.
    ``receipts`` are on, withheld, or nameless: without client-ref. ``policy`` is ``sms.when_uncertain``. With
    ``kills`` processes and Redis are killed, stopped and paused."""

    numbers: int
    mode: str
    lifetime: float
    receipts: str = "on"
    policy: str = "resend"
    kills: bool = True

    @property
    def pool(self) -> list[str]:
        """The numbers themselves; the last one is of another country."""
        return [*(f"1201555{number:04d}" for number in range(100, 99 + self.numbers)), SLOW]

    @property
    def limits(self) -> Mapping[str, float]:
        """SMS a second of numbers that are slow."""
        return {SLOW: 1.0} if self.numbers >= SLOW_FROM else {}

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the service that follow from them."""
        return {
            "sms__when_exhausted": self.mode,
            "sms__when_uncertain": self.policy,
            "sms__limits__overrides": json.dumps(self.limits),
            "number_expiration_time": f"{self.lifetime:g} seconds",
        }

    def summary(self) -> dict[str, object]:
        """For the report."""
        return {**asdict(self), "slow_numbers": len(self.limits)}


def draw(
    random: Random, numbers: int | None, mode: str | None, receipts: str, policy: str, kills: bool
) -> Circumstances:
    """What is None is drawn."""
    drawn = random.randint(*NUMBERS), random.choice(("skip", "oldest")), random.choice(LIFETIMES)
    return Circumstances(numbers or drawn[0], mode or drawn[1], drawn[2], receipts, policy, kills)
