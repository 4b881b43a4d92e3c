"""The options of ``twistd nexmo``."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as BaseOptions
from twisted.python.usage import UsageError

from nexmo_twisted.config import load
from nexmo_twisted.errors import ConfigurationError


class Options(BaseOptions):
    """Settings are read and judged here: a fault is one line each and the process exits with a status not 0."""

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

    def postOptions(self) -> None:
        try:
            if self["sandbox"]:
                from nexmo_twisted.sandbox.composition import sandbox_settings

                self.settings = sandbox_settings(self["config"])
            else:
                self.settings = load(self["config"])
        except ConfigurationError as error:
            raise UsageError(
                "the settings cannot work:\n" + "\n".join(f"  {fault}" for fault in error.faults)
            ) from None


def makeService(options: Options) -> IService:
    if options["sandbox"]:
        from nexmo_twisted.sandbox.composition import make_sandbox

        return make_sandbox(options.settings)
    from nexmo_twisted.service import make_service

    return make_service(options.settings)
