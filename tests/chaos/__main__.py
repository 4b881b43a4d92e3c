"""``python -m tests.chaos``: the promises of the service under kill -9, outages and two processes at a time.

10,000 messages and 2,000 replies go through two real processes between the simulated companies, while processes and
Redis are killed, stopped and paused and the companies double, shuffle, cut off and storm. Then everything that was
owed is compared with what came out. ``--short`` is the same in two minutes.

What it proves: no acknowledged webhook is forgotten, no reply doubled, nothing misrouted or out of order, and how many
SMS went out twice. What it does not: that Redis itself keeps what it promised on another disk, and anything about the
real companies. A run with the same ``--seed`` makes the same choices, but the machine's timing is its own.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from random import SystemRandom
from typing import Any

from twisted.internet.task import react

from tests.chaos.plan import LONG_FORM, SHORT_FORM, Form
from tests.chaos.run import Run

#: Seconds after the deadline for the verdict. Then the harness itself hangs, and is ended from outside the reactor.
LAST_RESORT = 60


async def main(reactor: Any, form: Form, seed: int, receipts: bool, policy: str) -> None:
    print(f"seed {seed}", flush=True)
    run = Run(reactor, form, seed, receipts, policy)

    def give_up(*_: object) -> None:
        run.clear()
        print("FAILED (failures=1, successes=0)", flush=True)
        os._exit(1)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(form.deadline) + LAST_RESORT)
    raise SystemExit(0 if await run.to_the_end() else 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="The kill harness.")
    parser.add_argument("--short", action="store_true", help="the form for every change, in two minutes")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of the random choices")
    parser.add_argument("--without-receipts", action="store_true", help="Nexmo posts none: what they are good for")
    parser.add_argument("--hold", action="store_true", help="nexmo.when_uncertain = hold: nothing goes out twice")
    given = parser.parse_args(sys.argv[1:])
    form, policy = SHORT_FORM if given.short else LONG_FORM, "hold" if given.hold else "resend"
    react(main, (form, given.seed, not given.without_receipts, policy))
