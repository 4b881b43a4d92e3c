"""The command line beside the service: ``python -m nexmo_twisted demo``, ``buried``, ``redrive``, ``place`` and
``why``."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python.usage import UsageError

from nexmo_twisted.operations.cli.options import BuriedOptions, Options, PlaceOptions, RedriveOptions, WhyOptions


class DemoOptions(Options):
    """Play the whole story against a running sandbox and print it."""

    optParameters = [["url", "u", "http://127.0.0.1:8090", "Where the sandbox is."]]


class Commands(Options):
    """What there is to do."""

    subCommands = [
        ["demo", None, DemoOptions, "Play the whole story against a running sandbox and print it."],
        ["buried", None, BuriedOptions, "Show what was given up, and what may or may not have been sent."],
        ["redrive", None, RedriveOptions, "Have some or all of that tried again."],
        ["place", None, PlaceOptions, "Say to which of two conversations an ambiguous reply belongs."],
        ["why", None, WhyOptions, "Tell what became of one message or reply, and why."],
    ]

    def getSynopsis(self) -> str:
        return "Usage: python -m nexmo_twisted" + (" COMMAND [options]" if self.subCommand is None else "")

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("Say what to do: demo, buried, redrive, place or why.")


def main(arguments: list[str]) -> None:
    """Exit status 0 when the command did what it says, 1 when not, 2 for words it does not know and bad settings."""
    commands = Commands()
    try:
        commands.parseOptions(arguments)
    except UsageError as error:
        usage = commands if commands.subCommand is None else commands.subOptions
        sys.stderr.write(f"{error}\n\n{usage}\n")
        raise SystemExit(2) from None
    options = commands.subOptions
    if isinstance(options, DemoOptions):
        react(lambda reactor: Deferred.fromCoroutine(_demo(reactor, options["url"])))
    else:
        from nexmo_twisted.operations.cli.run import run
        from nexmo_twisted.service import CLI_CONTEXT

        run(options, CLI_CONTEXT)


async def _demo(reactor: Any, url: str) -> None:
    from treq.client import HTTPClient
    from twisted.web.client import Agent

    from nexmo_twisted.sandbox.demo import demo

    http = HTTPClient(Agent(reactor, connectTimeout=5))
    if not await demo(url, clock=reactor, http=http, out=print):
        raise SystemExit(1)


def run() -> None:
    """The console script ``nexmo-twisted``."""
    main(sys.argv[1:])


if __name__ == "__main__":
    run()
