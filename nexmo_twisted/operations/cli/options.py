"""The options of the operator's commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from twisted.python.usage import Options as BaseOptions
from twisted.python.usage import UsageError

from nexmo_twisted import __version__
from nexmo_twisted.domain.inspection import Queue

#: The ids that ``dead-letters list`` shows: of an SMS, message and recipient; of a reply, 22 characters. Some begin
#: with a dash.
OUT_ID = re.compile(r"[A-Za-z0-9_-]{22}\.[0-9a-f]{32}")
IN_ID = re.compile(r"[A-Za-z0-9_-]{22}")

#: Rows of a table without --limit.
ROWS = 100


class Options(BaseOptions):
    """Options whose ``--version`` is ours and not Twisted's."""

    def opt_version(self) -> None:
        """Show the version of nexmo_twisted and exit."""
        print(f"nexmo_twisted {__version__}")  # noqa: T201 - the answer to --version
        raise SystemExit(0)


class _OnSettings(Options):
    """Options and ids in any order, since people add what they forgot at the end; and an id is no option."""

    optParameters = [
        ["config", "c", None, "TOML file with the settings; without one, only environment variables are read."]
    ]

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
                raise UsageError(f"{word!a} is not UTF-8; every id is")
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


class DeadLetterListOptions(_OnSettings):
    """List dead letters and uncertain SMS."""

    synopsis = "[options]"
    longdesc = (
        "Lists SMS and replies that were given up (dead letters), and SMS that may or may not have been sent "
        "(uncertain); the oldest first."
    )
    optParameters = [
        ["queue", "q", "all", "SMS (out), replies (in), or all."],
        ["limit", "l", None, f"Number of rows, 0 for all; default {ROWS}, with --json all."],
    ]
    optFlags = [["json", None, "Print JSON."]]

    queues: Sequence[Queue] = ()
    limit: int | None = None  #: None for all

    def parseArgs(self) -> None:
        """It takes none."""

    def postOptions(self) -> None:
        if self["queue"] not in ("out", "in", "all"):
            raise UsageError("--queue must be out, in or all")
        self.queues = ("out", "in") if self["queue"] == "all" else (cast(Queue, self["queue"]),)
        given = self["limit"]
        if given is None:
            self.limit = None if self["json"] else ROWS
        elif re.fullmatch("[0-9]{1,9}", given):
            self.limit = int(given) or None
        else:
            raise UsageError("--limit must be a number of rows, 0 for all")


class DeadLettersOptions(Options):
    """The commands about all dead letters."""

    synopsis = ""
    longdesc = "Dead letters are SMS and replies that were given up, each with its reason."
    subCommands = [["list", None, DeadLetterListOptions, "List dead letters and uncertain SMS."]]

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("Which command? dead-letters list")


class RedriveOptions(_OnSettings):
    """Put dead letters or uncertain SMS back into their queue."""

    synopsis = "[options] ID... | --all"
    longdesc = (
        "IDs are those that `dead-letters list` shows. An SMS that may have been sent already needs a confirmation; "
        "--all skips it. --yes confirms."
    )
    optFlags = [
        ["all", None, "All dead letters; with --yes also all uncertain SMS."],
        ["yes", None, "Also send what may have been sent already: it may arrive twice."],
    ]

    ids: Sequence[str] = ()

    def parseArgs(self, *ids: str) -> None:
        self.ids = tuple(dict.fromkeys(ids))

    def postOptions(self) -> None:
        if bool(self.ids) == bool(self["all"]):
            raise UsageError("Which ones? Name ids that `dead-letters list` shows, or --all.")


class PlaceOptions(_OnSettings):
    """Post an ambiguous reply into one of its two conversations."""

    synopsis = "[options] ID CONVERSATION"
    longdesc = (
        "ID is that of a reply which `dead-letters list` shows as ambiguous: it arrived while its number moved from "
        "one conversation to another. CONVERSATION is one of the two that `explain` shows. It is posted there, once."
    )
    optParameters = [["user", "u", "", "The user who wrote it, if two users are in that conversation."]]

    id = ""
    conversation = ""

    def parseArgs(self, *words: str) -> None:
        if len(words) != 2 or not all(words):
            raise UsageError("Name a reply, by the id that `dead-letters list` shows, and then a conversation.")
        self.id, self.conversation = words


class ExplainOptions(_OnSettings):
    """Show what happened to a message, a reply or an SMS, and why."""

    synopsis = "[options] MESSAGE-ID"
    longdesc = (
        "MESSAGE-ID is the chat platform's id of a message (the end of a URL will do), or the SMS provider's id of a "
        "reply or an SMS. "
        "A quarantined webhook is also found by the id of its event."
    )

    message_id = ""

    def parseArgs(self, *ids: str) -> None:
        if len(ids) != 1 or not ids[0].strip():
            raise UsageError(
                "Name one message: its id at the chat platform, or the provider's id of a reply or an SMS."
            )
        self.message_id = ids[0].strip()
