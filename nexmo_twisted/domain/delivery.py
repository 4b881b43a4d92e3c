"""What became of an SMS on its way to the handset, as delivery reports say it, of any provider."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal


class DeliveryStatus(Enum):
    """What a report says; the later one outweighs. The value is the word by which it is counted."""

    ACCEPTED = "accepted"  #: by the carrier
    BUFFERED = "buffered"  #: waits for the handset
    UNKNOWN = "unknown"  #: something else, and no more final than that
    DELIVERED = "delivered"
    EXPIRED = "expired"  #: the handset was not reached in time
    FAILED = "failed"
    REJECTED = "rejected"


#: The letter that stands for it in Redis: the later letter outweighs (see store/scripts/shared/receipts.lua).
_LETTERS: Final[Mapping[DeliveryStatus, str]] = {
    DeliveryStatus.ACCEPTED: "a",
    DeliveryStatus.BUFFERED: "b",
    DeliveryStatus.UNKNOWN: "c",
    DeliveryStatus.DELIVERED: "d",
    DeliveryStatus.EXPIRED: "e",
    DeliveryStatus.FAILED: "f",
    DeliveryStatus.REJECTED: "r",
}
#: Whatever else a report says, the recipient has opted out.
_OPTED_OUT: Final = "s"
_STATUSES: Final = {letter: status for status, letter in _LETTERS.items()} | {_OPTED_OUT: DeliveryStatus.FAILED}
_WITHOUT_CODE: Final = "abd"

#: The greatest code of an error that is kept.
MOST_CODE: Final = 999_999
#: A state as Redis keeps it: a letter, and the code of the error where it means something.
KEPT: Final = re.compile("([abcdefrs])([0-9]{0,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """What a provider says of one of its codes, blank where it says nothing; what an operator should do about such a
    failure; and how loudly it is logged."""

    meaning: str
    advice: str
    level: Literal["info", "warn", "error"] = "warn"


#: Gives the meaning of a code of the provider; 0 is "no code".
Describe = Callable[[int], CodeMeaning]


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """How far an SMS has come. ``code`` is the provider's code of the error, 0 for none."""

    status: DeliveryStatus
    code: int = 0
    opted_out: bool = False

    @property
    def kept(self) -> str:
        """As Redis keeps it: ``d``, ``f6``. The later letter outweighs the earlier one, then the greater code does, so
        that reports come to the same in any order."""
        letter = _LETTERS[self.status]
        if letter in _WITHOUT_CODE:
            return letter
        code = self.code if 0 < self.code <= MOST_CODE else ""
        return f"{_OPTED_OUT if self.opted_out else letter}{code}"

    @property
    def failed(self) -> bool:
        """At least a part of the SMS was not delivered and never will be."""
        return self.status in (DeliveryStatus.EXPIRED, DeliveryStatus.FAILED, DeliveryStatus.REJECTED)

    def in_words(self, describe: Describe) -> str:
        """``failed, code 6 (anti-spam rejection)``."""
        if not self.code:
            return self.status.value
        meaning = describe(self.code).meaning
        return f"{self.status.value}, code {self.code}" + (f" ({meaning})" if meaning else "")


def read_state(kept: str) -> DeliveryState | None:
    """The state that Redis keeps; None for a blank one, when there was no report. ValueError for anything else."""
    if not kept:
        return None
    found = KEPT.fullmatch(kept)
    if found is None:
        raise ValueError("nothing that a delivery report says")
    return DeliveryState(_STATUSES[found[1]], int(found[2] or 0), found[1] == _OPTED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """A provider says what became of one part of an SMS that it accepted.

    ``ref`` is the ``client_ref`` of the SMS, blank when the report carries none; ``message_id`` the provider's id of
    the part, blank when it is not named. ``handset`` is the recipient and ``number`` the sender, as they came.
    """

    ref: str
    message_id: str
    handset: str
    number: str
    state: DeliveryState
