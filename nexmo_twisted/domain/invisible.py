"""What is not visible of a text: invisible characters, texts that are blank to the eye, and towers of marks."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: Unicode's property Default_Ignorable_Code_Point: emoji selectors, joiners, marks of direction, fillers, soft hyphens,
#: what phones and copied texts bring along.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: A musical note without a head, blanks of Egyptian and Khitan: they are drawn as nothing.
_UNDRAWN = "\U00013430-\U00013443\U00016fe4\U0001d159"
INVISIBLE = re.compile(f"[{_IGNORABLE}{_UNDRAWN}]")
#: Halves of characters: what is left of an emoji that was cut in two.
HALVES = re.compile("[\ud800-\udfff]+")
#: Also white space, Braille without a dot, controls, and halves of characters.
_BLANK = re.compile(rf"[{_IGNORABLE}{_UNDRAWN}\s\u2800\x00-\x1f\x7f-\x9f\ud800-\udfff]*")

MARKS = 10
"""The most combining marks that a character keeps. Tibetan and biblical Hebrew need six or so; ornaments pile up
dozens, and Unicode's normal forms take the square of their number."""


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing of ``text``."""
    return _BLANK.fullmatch(text) is not None


def with_few_marks(text: str) -> str:
    """``text`` with at most :data:`MARKS` combining marks to a character; invisible ones between them do not count."""
    if all(_kind(character) != "mark" for character in set(text)):  # most texts: a loop takes far longer
        return text
    kept = []
    marks = 0
    for character in text:
        kind = "" if character < "\u00ad" else _kind(character)
        marks = marks + 1 if kind == "mark" else marks if kind else 0
        if marks <= MARKS or kind != "mark":
            kept.append(character)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    if INVISIBLE.match(character):
        return "invisible"
    return "mark" if unicodedata.category(character) in ("Mn", "Mc", "Me") else ""
