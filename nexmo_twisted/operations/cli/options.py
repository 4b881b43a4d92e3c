"""The words of the operator's commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from twisted.python.usage import Options as BaseOptions
from twisted.python.usage import UsageError

from nexmo_twisted import __version__
from nexmo_twisted.domain.inspection import Queue

#: The ids that ``buried`` shows: of a text, message and recipient; of a reply, 22 characters. Some begin with a dash.
OUT_ID = re.compile(r"[A-Za-z0-9_-]{22}\.[0-9a-f]{32}")
IN_ID = re.compile(r"[A-Za-z0-9_-]{22}")

#: How many rows of a table are shown unless somebody says how many.
ROWS = 100


class Options(BaseOptions):
    """Options whose ``--version`` is ours and not Twisted's."""

    def opt_version(self) -> None:
        """Show the version of nexmo_twisted and exit."""
        print(f"nexmo_twisted {__version__}")  # noqa: T201 - the answer to --version
        raise SystemExit(0)


class _OnSettings(Options):
    """Options and ids in any order, since people add what they forgot at the end; and an id is no option."""

    optParameters = [["config", "c", None, "TOML file with the settings; without one, the environment alone counts."]]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        known: list[str] = []
        others: list[str] = []
        words = list(options or ())
        while words:
            word = words.pop(0)
            if word == "--":
                others += words
                break
            if not word.startswith("-") or word == "-" or OUT_ID.fullmatch(word) or IN_ID.fullmatch(word):
                others.append(word)
                continue
            known.append(word)
            if self._takes_a_value(word):
                if not words:
                    raise UsageError(f"{word} needs a value")
                known.append(words.pop(0))
        for word in others:
            if not _is_text(word):
                raise UsageError(f"{word!a} is not UTF-8, as every id is.")
        super().parseOptions([*known, "--", *others])

    def _takes_a_value(self, word: str) -> bool:
        if word.startswith("--"):
            return any(long.startswith(word[2:]) and long.endswith("=") for long in self.longOpt)
        return len(word) == 2 and f"{word[1]}:" in self.shortOpt


def _is_text(word: str) -> bool:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class BuriedOptions(_OnSettings):
    """Show what is buried, and what is uncertain."""

    synopsis = "[options]"
    longdesc = "What was given up, and texts of which nobody knows whether they were sent; the oldest come first."
    optParameters = [
        ["queue", "q", "all", "Texts that go out (out), replies that come in (in), or all."],
        ["limit", "l", None, f"Show at most so many, 0 for all; {ROWS} unless --json."],
    ]
    optFlags = [["json", None, "As JSON."]]

    queues: Sequence[Queue] = ()
    limit: int | None = None  #: None for all

    def parseArgs(self) -> None:
        """It takes none."""

    def postOptions(self) -> None:
        if self["queue"] not in ("out", "in", "all"):
            raise UsageError("--queue is out, in or all")
        self.queues = ("out", "in") if self["queue"] == "all" else (cast(Queue, self["queue"]),)
        given = self["limit"]
        if given is None:
            self.limit = None if self["json"] else ROWS
        elif re.fullmatch("[0-9]{1,9}", given):
            self.limit = int(given) or None
        else:
            raise UsageError("--limit is a number of rows, 0 for all")


class RedriveOptions(_OnSettings):
    """Have what is buried or uncertain tried again."""

    synopsis = "[options] ID... | --all"
    longdesc = (
        "IDs are those that `buried` shows. What may have been sent already is asked for first; with --all it is left "
        "out. --yes sends it in either case."
    )
    optFlags = [
        ["all", None, "Everything that is buried."],
        ["yes", None, "Also what may have been sent already, and so may be sent a second time."],
    ]

    ids: Sequence[str] = ()

    def parseArgs(self, *ids: str) -> None:
        self.ids = tuple(dict.fromkeys(ids))

    def postOptions(self) -> None:
        if bool(self.ids) == bool(self["all"]):
            raise UsageError("Say which: the ids that `buried` shows, or --all.")


class PlaceOptions(_OnSettings):
    """Say to which of two conversations a reply belongs."""

    synopsis = "[options] ID CONVERSATION"
    longdesc = (
        "ID is that of a reply which `buried` shows as ambiguous: its number went from one conversation to another "
        "when it came. CONVERSATION is one of the two that `why` names. It is posted there, once."
    )
    optParameters = [["user", "u", "", "As whom, where two users take part in the same conversation."]]

    id = ""
    conversation = ""

    def parseArgs(self, *words: str) -> None:
        if len(words) != 2 or not all(words):
            raise UsageError("Say which reply, by the id that `buried` shows, and then which conversation.")
        self.id, self.conversation = words


class WhyOptions(_OnSettings):
    """Tell what became of one message or reply, and why."""

    synopsis = "[options] MESSAGE-ID"
    longdesc = (
        "MESSAGE-ID is Layer's (with or without layer:///messages/), or Nexmo's messageId of a reply or an SMS. "
        "A webhook that was set aside is also found by the id of its event."
    )

    message_id = ""

    def parseArgs(self, *ids: str) -> None:
        if len(ids) != 1 or not ids[0].strip():
            raise UsageError("Say which message: its id at Layer, or Nexmo's messageId of a reply or of an SMS.")
        self.message_id = ids[0].strip()
