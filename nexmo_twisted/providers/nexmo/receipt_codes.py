"""What Nexmo's delivery receipts say: its words and the codes of its errors, translated.

Source: Vonage SMS API documentation, "Delivery receipts". The codes 16, 20 to 22, 39 and 95 are not in there; others
have seen them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexmo_twisted.domain.delivery import CodeMeaning, DeliveryState, DeliveryStatus

#: What Nexmo and the carriers behind it (SMPP) call it. Every other word is "unknown".
_WORDS: Final[Mapping[str, DeliveryStatus]] = {
    "accepted": DeliveryStatus.ACCEPTED,
    "acceptd": DeliveryStatus.ACCEPTED,
    "buffered": DeliveryStatus.BUFFERED,
    "enroute": DeliveryStatus.BUFFERED,
    "delivered": DeliveryStatus.DELIVERED,
    "delivrd": DeliveryStatus.DELIVERED,
    "expired": DeliveryStatus.EXPIRED,
    "failed": DeliveryStatus.FAILED,
    "undeliv": DeliveryStatus.FAILED,
    "undelivered": DeliveryStatus.FAILED,
    "undeliverable": DeliveryStatus.FAILED,
    "deleted": DeliveryStatus.FAILED,
    "rejected": DeliveryStatus.REJECTED,
    "rejectd": DeliveryStatus.REJECTED,
}

#: The code by which Nexmo says that the recipient has opted out.
OPTED_OUT: Final = 9

#: What is no failure has no code that means anything.
_WITHOUT_CODE = (DeliveryStatus.ACCEPTED, DeliveryStatus.BUFFERED, DeliveryStatus.DELIVERED)


def _later(meaning: str) -> CodeMeaning:
    return CodeMeaning(meaning, "it may work at another time", "info")


def _never(meaning: str) -> CodeMeaning:
    return CodeMeaning(meaning, "it will not work with this phone and this text")


def _suppress(meaning: str) -> CodeMeaning:
    return CodeMeaning(meaning, "texts to this phone should stop")


def _mend(meaning: str) -> CodeMeaning:
    return CodeMeaning(meaning, "the sender, its registration or the text must be put right at Vonage")


def _alert(meaning: str) -> CodeMeaning:
    return CodeMeaning(meaning, "ask Vonage's support, since other texts may fail the same way", "error")


CODES: Final[Mapping[int, CodeMeaning]] = {
    1: _never("unknown reason"),
    2: _later("absent subscriber, for a while"),
    3: _suppress("absent subscriber, for good"),
    4: _suppress("call barred by the user"),
    5: _never("portability error"),
    6: _alert("anti-spam rejection"),
    7: _later("handset busy"),
    8: _later("network error"),
    OPTED_OUT: _suppress("the recipient has opted out"),
    10: _never("illegal message"),
    11: _alert("unroutable"),
    12: _never("destination unreachable"),
    13: _never("age restriction of the subscriber"),
    14: _never("number blocked by the carrier"),
    15: _later("prepaid account without funds"),
    16: _later("quota of the gateway exceeded"),
    20: _alert("fraud rule"),
    21: _alert("burst rule"),
    22: _alert("surge rule"),
    39: _mend("illegal sender for a US destination"),
    50: _mend("entity filter"),
    51: _mend("header filter"),
    52: _mend("content filter"),
    53: _suppress("consent filter"),
    54: _alert("regulation error"),
    95: _never("unknown reason"),
    99: _alert("general error of the route"),
}
#: An unknown code, or none.
_UNSEEN: Final = _never("")


def describe(code: int) -> CodeMeaning:
    """The meaning of a code; a general one for an unknown code."""
    return CODES.get(code, _UNSEEN)


def read_state(word: str, code: str) -> DeliveryState:
    """What a receipt with that status, in lower case, and that error code says."""
    status = _WORDS.get(word, DeliveryStatus.UNKNOWN)
    number = int(code) if code.isascii() and code.isdigit() and len(code) <= 4 else 0
    if status in _WITHOUT_CODE or not number:
        return DeliveryState(status)
    return DeliveryState(status, number, opted_out=number == OPTED_OUT)
