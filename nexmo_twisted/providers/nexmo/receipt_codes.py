"""Delivery receipts: what they say became of an SMS, which word outweighs which, and what is to be done.

Source: Vonage SMS API documentation, "Delivery receipts". The codes 16, 20 to 22, 39 and 95 are not in there; others
have seen them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexmo_twisted.domain.model import Receipt

#: What Nexmo and the carriers behind it (SMPP) call it -> one of the words by which it is counted. Every other word is
#: "unknown", and no more final than that.
_WORDS: Final[Mapping[str, str]] = {
    "accepted": "accepted",
    "acceptd": "accepted",
    "buffered": "buffered",
    "enroute": "buffered",
    "delivered": "delivered",
    "delivrd": "delivered",
    "expired": "expired",
    "failed": "failed",
    "undeliv": "failed",
    "undelivered": "failed",
    "undeliverable": "failed",
    "deleted": "failed",
    "rejected": "rejected",
    "rejectd": "rejected",
}
#: The words, each with the letter that stands for it in Redis: the later letter outweighs.
_LETTERS: Final[Mapping[str, str]] = {
    "accepted": "a",
    "buffered": "b",
    "unknown": "c",
    "delivered": "d",
    "expired": "e",
    "failed": "f",
    "rejected": "r",
}
#: Whatever else a receipt says, the recipient has opted out.
_OPTED_OUT: Final = "s"
_NAMES: Final = {letter: word for word, letter in _LETTERS.items()} | {_OPTED_OUT: "failed"}

#: The code by which Nexmo says so.
OPTED_OUT: Final = 9


class Act(Enum):
    """What a failure calls for, in words."""

    LATER = "it may work at another time"
    NEVER = "it will not work with this phone and this text"
    SUPPRESS = "texts to this phone should stop"
    MEND = "the sender, its registration or the text must be put right at Vonage"
    ALERT = "ask Vonage's support, since other texts may fail the same way"


@dataclass(frozen=True, slots=True)
class Code:
    """One line of the table of error codes."""

    meaning: str
    act: Act


CODES: Final[Mapping[int, Code]] = {
    1: Code("unknown reason", Act.NEVER),
    2: Code("absent subscriber, for a while", Act.LATER),
    3: Code("absent subscriber, for good", Act.SUPPRESS),
    4: Code("call barred by the user", Act.SUPPRESS),
    5: Code("portability error", Act.NEVER),
    6: Code("anti-spam rejection", Act.ALERT),
    7: Code("handset busy", Act.LATER),
    8: Code("network error", Act.LATER),
    OPTED_OUT: Code("the recipient has opted out", Act.SUPPRESS),
    10: Code("illegal message", Act.NEVER),
    11: Code("unroutable", Act.ALERT),
    12: Code("destination unreachable", Act.NEVER),
    13: Code("age restriction of the subscriber", Act.NEVER),
    14: Code("number blocked by the carrier", Act.NEVER),
    15: Code("prepaid account without funds", Act.LATER),
    16: Code("quota of the gateway exceeded", Act.LATER),
    20: Code("fraud rule", Act.ALERT),
    21: Code("burst rule", Act.ALERT),
    22: Code("surge rule", Act.ALERT),
    39: Code("illegal sender for a US destination", Act.MEND),
    50: Code("entity filter", Act.MEND),
    51: Code("header filter", Act.MEND),
    52: Code("content filter", Act.MEND),
    53: Code("consent filter", Act.SUPPRESS),
    54: Code("regulation error", Act.ALERT),
    95: Code("unknown reason", Act.NEVER),
    99: Code("general error of the route", Act.ALERT),
}
#: A code that nobody has seen, or none.
_UNSEEN: Final = Code("", Act.NEVER)

#: What a receipt says, as Redis keeps it: a letter, and the error code where it means something.
SAID: Final = re.compile("([abcdefrs])([0-9]{0,4})")


def word(receipt: Receipt) -> str:
    """What it says, in the word by which it is counted."""
    return _WORDS.get(receipt.status, "unknown")


def said(receipt: Receipt) -> str:
    """What it says, as Redis keeps it: ``d``, ``f6``. The later letter outweighs the earlier one, then the greater code
    does, so that receipts come to the same in any order."""
    letter = _LETTERS[word(receipt)]
    code = receipt.error_code
    number = int(code) if code.isascii() and code.isdigit() and len(code) <= 4 else 0
    if letter in "abd" or not number:
        return letter
    return f"{_OPTED_OUT if number == OPTED_OUT else letter}{number}"


def failed(what: str) -> bool:
    """Whether it says that at least a part of the SMS was not delivered and never will be. Blank: no receipt came."""
    return what[:1] > "d"


def opted_out(what: str) -> bool:
    """Whether the recipient wants no more texts."""
    return what[:1] == _OPTED_OUT


def name(what: str) -> str:
    """The word by which it is counted."""
    return _NAMES[what[0]]


def told(what: str) -> str:
    """What it says in plain words: ``failed, code 6 (anti-spam rejection)``."""
    letter, code = _read(what)
    if code is None:
        return _NAMES[letter]
    meaning = CODES.get(code, _UNSEEN).meaning
    return f"{_NAMES[letter]}, code {code}" + (f" ({meaning})" if meaning else "")


def act(what: str) -> Act:
    """What a failure calls for."""
    _, code = _read(what)
    return CODES.get(code or 0, _UNSEEN).act


def _read(what: str) -> tuple[str, int | None]:
    found = SAID.fullmatch(what)
    if found is None:
        raise ValueError("nothing that a receipt says")
    return found[1], int(found[2]) if found[2] else None
