"""The options of ``twistd nexmo``. What takes long to import comes after the handlers of signals."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import UsageError

from nexmo_twisted.errors import ConfigurationError
from nexmo_twisted.operations.cli.options import Options as BaseOptions
from nexmo_twisted.twistd import CleanStart, prepare, survive_early_signals


class Options(BaseOptions):
    """Settings are read and judged here: a fault is one line each and the process exits with status 1."""

    synopsis = "[--sandbox] [--config nexmo.toml]"
    longdesc = "A message that stays unread in Layer becomes an SMS; the answer to the SMS appears in the conversation."
    optParameters = [["config", "c", None, "TOML file with the settings; without one, the environment alone counts."]]
    optFlags = [
        [
            "sandbox",
            None,
            "Try it, with settings of your own if there is a --config: Layer, Nexmo and Redis are simulated "
            "on this machine, and nothing leaves it.",
        ]
    ]

    settings: Any = None

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """twistd would print all that it can do before the fault, which then is out of sight."""
        survive_early_signals()
        try:
            super().parseOptions(options)
        except UsageError as error:
            sys.stderr.write(f"twistd nexmo: {error}\nAll options: twistd nexmo --help\n")
            raise SystemExit(1) from None

    def postOptions(self) -> None:
        from nexmo_twisted.config.loading import load

        try:
            if self["sandbox"]:
                from nexmo_twisted.sandbox.service import sandbox_settings

                self.settings = sandbox_settings(self["config"])
            else:
                self.settings = load(self["config"])
        except ConfigurationError as error:
            _refuse("invalid configuration", error)
        try:
            prepare(self.parent or {})
        except ConfigurationError as error:
            _refuse("twistd cannot start", error)


def _refuse(what: str, error: ConfigurationError) -> None:
    sys.stderr.write(f"twistd nexmo: {what}:\n" + "".join(f"  {fault}\n" for fault in error.faults))
    raise SystemExit(1)


def makeService(options: Options) -> IService:
    from nexmo_twisted.service import make_service
    from nexmo_twisted.startup import installed_reactor

    started = CleanStart(options.parent or {}, installed_reactor())
    if options["sandbox"]:
        from nexmo_twisted.sandbox.service import make_sandbox

        make_sandbox(options.settings).setServiceParent(started)
    else:
        make_service(options.settings).setServiceParent(started)
    return started
