"""The command line beside the service: ``nexmo-twisted`` or ``python -m nexmo_twisted``.

Its exit status is 0 for success, 1 for a failure, 2 for a usage or configuration error.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python.usage import UsageError

from nexmo_twisted.operations.cli.options import (
    DeadLettersOptions,
    ExplainOptions,
    Options,
    PlaceOptions,
    RedriveOptions,
)


class DemoOptions(Options):
    """Send a message and its reply through a running sandbox and print each step."""

    optParameters = [["url", "u", "http://127.0.0.1:8090", "URL of the sandbox."]]


class Commands(Options):
    """All commands."""

    longdesc = (
        "`python -m nexmo_twisted` is the same. Exit status: 0 success, 1 failure, 2 usage or configuration error."
    )
    subCommands = [
        ["dead-letters", None, DeadLettersOptions, "list: dead letters and uncertain SMS."],
        ["redrive", None, RedriveOptions, "Put some or all of them back into their queue."],
        ["place", None, PlaceOptions, "Post an ambiguous reply into one of its two conversations."],
        ["explain", None, ExplainOptions, "Show what happened to a message, a reply or an SMS, and why."],
        ["why", None, ExplainOptions, "The same as explain."],
        ["demo", None, DemoOptions, "Send a message and its reply through a running sandbox and print each step."],
    ]

    def getSynopsis(self) -> str:
        return "Usage: nexmo-twisted" + (" COMMAND [options]" if self.subCommand is None else "")

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("Which command? dead-letters list, redrive, place, explain or demo")


def main(arguments: list[str]) -> None:
    """Run the command that ``arguments`` name and end the process with its exit status."""
    commands = Commands()
    try:
        commands.parseOptions(arguments)
    except UsageError as error:
        sys.stderr.write(f"{error}\n\n{_innermost(commands)}\n")
        raise SystemExit(2) from None
    options = _innermost(commands)
    if isinstance(options, DemoOptions):
        react(lambda reactor: Deferred.fromCoroutine(_demo(reactor, options["url"])))
    else:
        from nexmo_twisted.operations.cli.run import run
        from nexmo_twisted.service import cli_context

        run(options, cli_context)


def _innermost(options: Any) -> Any:
    """The options of the command, or of its own command if it has some."""
    while options.subCommand is not None:
        options = options.subOptions
    return options


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
