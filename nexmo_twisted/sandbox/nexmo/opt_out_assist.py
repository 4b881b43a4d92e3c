"""Opt-Out Assist: what Vonage itself makes of STOP, START and HELP, for an account that has it switched on.

The words are those that short codes must know; the answers of a real account are in its registration with the carriers.
Source: Vonage documentation, Opt-Out Assist; Vonage support article 9398221473564.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Asked(Enum):
    """What a handset asks for; the value is Vonage's own SMS in answer to it."""

    STOP = "You will get no more messages from this number. Reply START to get them again."
    START = "You will get messages from this number again. Reply STOP to end them."
    HELP = "Reply STOP to get no more messages from this number."


_WORDS: Mapping[str, Asked] = {
    **dict.fromkeys(("STOP", "END", "QUIT", "CANCEL", "UNSUBSCRIBE"), Asked.STOP),
    **dict.fromkeys(("START", "JOIN"), Asked.START),
    "HELP": Asked.HELP,
}


def asked(text: str) -> Asked | None:
    """What an SMS asks for whose whole text is one of the words, in either case; None for any other."""
    return _WORDS.get(text.strip().upper())
