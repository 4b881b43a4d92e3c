"""The command line beside the service: ``python -m nexmo_twisted demo``."""

from __future__ import annotations

import sys
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python.usage import Options, UsageError
from twisted.web.client import Agent

from nexmo_twisted.sandbox.demo import demo


class DemoOptions(Options):
    """Play the whole story against a running sandbox and print it."""

    optParameters = [["url", "u", "http://127.0.0.1:8090", "Where the sandbox is."]]


class Commands(Options):
    """What there is to do."""

    synopsis = "Usage: python -m nexmo_twisted demo [options]"
    subCommands = [["demo", None, DemoOptions, "Play the whole story against a running sandbox and print it."]]

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("Say what to do: demo.")


def main(arguments: list[str]) -> None:
    """Exit status 0 when the command did what it says, 1 when not, 2 for words it does not know."""
    commands = Commands()
    try:
        commands.parseOptions(arguments)
    except UsageError as error:
        sys.stderr.write(f"{commands}\n{error}\n")
        raise SystemExit(2) from None

    def run(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(_demo(reactor, commands.subOptions["url"]))

    react(run)


async def _demo(reactor: Any, url: str) -> None:
    http = HTTPClient(Agent(reactor, connectTimeout=5))
    if not await demo(url, clock=reactor, http=http, out=print):
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
