"""``python -m tests.chaos``: the promises of the service under kill -9, outages and three processes at a time.

8,000 messages and 2,400 replies go through three real processes between the simulated companies, while processes
and Redis are killed, stopped and paused and the companies double, shuffle, refuse, cut off and storm. There are too few
numbers; links end, phones are shared and change, people write STOP and START and texts of several parts. Then all that
was owed is compared with what came out, and every reply with what its handset had received. ``--short`` is the same in
a minute and a half.

What it proves: no acknowledged webhook is forgotten, no reply doubled or posted where its handset was not texted,
nothing out of order, and how many SMS went out twice. What it does not: that Redis itself keeps what it promised on
another disk, and anything about the real companies. A run with the same ``--seed`` makes the same choices, but the
machine's timing is its own.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from random import Random, SystemRandom
from typing import Any

from twisted.internet.task import react

from tests.chaos.circumstances import NUMBERS, Circumstances, draw
from tests.chaos.run import Run
from tests.chaos.workload import LONG_PROFILE, SHORT_PROFILE, LoadProfile

#: Seconds after the deadline for the check of the results. A harness that hangs is then ended from outside the reactor.
LAST_RESORT = 60


async def main(reactor: Any, profile: LoadProfile, seed: int, circumstances: Circumstances) -> None:
    print(f"seed {seed}: {circumstances.summary()}", flush=True)
    run = Run(reactor, profile, seed, circumstances)

    def give_up(*_: object) -> None:
        run.clear()
        print("FAILED (failures=1, successes=0)", flush=True)
        os._exit(1)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(profile.deadline) + LAST_RESORT)
    raise SystemExit(0 if await run.to_the_end() else 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="The kill harness.")
    parser.add_argument("--short", action="store_true", help="the small load, in a minute and a half")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of the random choices")
    parser.add_argument(
        "--numbers",
        type=int,
        choices=range(NUMBERS[0], NUMBERS[1] + 1),
        help="how many of ours; else drawn",
    )
    parser.add_argument("--mode", choices=("skip", "oldest"), help="sms.when_exhausted; else drawn")
    receipts = parser.add_mutually_exclusive_group()
    receipts.add_argument("--without-receipts", action="store_true", help="Nexmo posts none: what they are good for")
    receipts.add_argument("--without-client-ref", action="store_true", help="they do not say which SMS they are about")
    parser.add_argument("--without-kills", action="store_true", help="no process and no Redis is killed or stopped")
    parser.add_argument("--park", action="store_true", help="sms.when_uncertain = park: nothing goes out twice")
    given = parser.parse_args(sys.argv[1:])
    profile, policy = SHORT_PROFILE if given.short else LONG_PROFILE, "park" if given.park else "resend"
    told = "withheld" if given.without_receipts else "nameless" if given.without_client_ref else "on"
    random = Random(f"{given.seed} circumstances")
    circumstances = draw(random, given.numbers, given.mode, told, policy, not given.without_kills)
    react(main, (profile, given.seed, circumstances))
