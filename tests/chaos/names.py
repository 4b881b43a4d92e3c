"""What messages and replies are called: the names stand in their texts, and are found there again wherever they come.

A long reply is made so that each of its parts holds a name of its own. What asks for something must be a word and
nothing else; punctuation does not count in it, so its name is written in that.
"""

from __future__ import annotations

import re

#: Characters of one part of a long SMS (3GPP 23.040).
PART = 153

#: Digits of a name in punctuation; up to 8,191 replies.
DIGITS = 13

_PIECE = r"r\d{5}\.\d"
_ASKED = rf"(?:HELP|STOP|START) [!?]{{{DIGITS}}}"
_PIECES = re.compile(_PIECE)
_WORD = re.compile(_ASKED)
#: What an SMS of the service says: for whom it is, then the message's name. A reply may have lost its beginning.
_TEXT = re.compile(rf"(u\d{{3}}) \W*?(m\d{{5}}|{_PIECE}|{_ASKED})")
_TITLE = re.compile(r"About c(\d{4})")

#: One recipient of one message, by their names: (message, user).
Key = tuple[str, str]


def piece_name(number: int, part: int = 1) -> str:
    """The name of one part of a reply."""
    return f"r{number:05d}.{part}"


def reply_of(piece: str) -> str:
    """The reply that a part belongs to."""
    return piece.partition(".")[0]


def reply_text(number: int, parts: int) -> str:
    """The text of a reply which travels in so many parts, each with its name."""
    if parts == 1:
        return f"{piece_name(number)} yes"
    return "".join(f"{piece_name(number, part)} and so on ".ljust(PART, "-") for part in range(1, parts + 1))


def asked_text(word: str, number: int) -> str:
    """HELP, STOP or START as the whole text of a reply."""
    return f"{word} {number:0{DIGITS}b}".replace("0", "!").replace("1", "?")


def pieces(text: str) -> list[str]:
    """The names of the parts of replies that a text holds."""
    if asked := _WORD.fullmatch(text.strip()):
        return [_asked_name(asked[0])]
    return _PIECES.findall(text)


def message_name(text: str) -> str:
    """What a message in Layer is called: a reply by the first of its parts that is there."""
    found = pieces(text)
    return found[0] if found else text.partition(" ")[0]


def title(conversation: int, length: int = 0) -> str:
    """The name of a conversation, which introduces it, at least so long."""
    return f"About c{conversation:04d}, so to speak".ljust(length, "+")


def recipient(text: str) -> Key | None:
    """Which message an SMS of the service is about, and for whom; None when it is about none."""
    found = _TEXT.search(text)
    if found is None:
        return None
    asked = _WORD.fullmatch(found[2])
    return _asked_name(asked[0]) if asked else found[2], found[1]


def introduced(text: str) -> int | None:
    """The conversation that an SMS introduces, None when it introduces none."""
    found = _TITLE.match(text)
    return int(found[1]) if found else None


def _asked_name(text: str) -> str:
    code = text.partition(" ")[2]
    return piece_name(int(code.replace("!", "0").replace("?", "1"), 2))
