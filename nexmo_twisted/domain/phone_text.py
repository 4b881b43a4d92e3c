"""A phone number as its owner wrote it: its digits, whether it says that it is international, and what its marks say.

Marks that carry no digit separate groups, whatever they look like. Some say more: an extension, a second number, digits
left out. Nothing is texted then, since the digits alone would be the number of another person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from nexmo_twisted.domain.invisible import INVISIBLE, is_blank

_LONGEST = 60  # characters that one number may reasonably need
#: ``tel:`` and what belongs to it (RFC 3966). ``//`` is not allowed there, and common.
_URI = re.compile(r"tel:(?://)?([^;?]*)(.*)", re.IGNORECASE | re.DOTALL)
_CONTEXT = re.compile(r";phone-context=(\+[\d.()-]+)(?:;|$)", re.IGNORECASE | re.ASCII)

_PLUS_SIGNS = "+＋﹢⁺₊➕"
_DRAWN_NUMBERS = "\U0001f51f\U0001f4af"  # 10 and 100
#: Letters to Unicode, and marks to those who type them: the dash of Japanese keyboards, the middle dot of Korean ones,
#: apostrophes and the like, the long stroke of Arabic.
LETTERS_FOR_MARKS = re.compile("[\u02b9-\u02d1\u0640\u119e\u30fc\u318d\ua78f\uff70]")
_EXTENSION = re.compile(r"[#;*][^\d]*\d|,,")
#: Marks in a row stand for digits, and so does whatever replaced one that could not be read.
_LEFT_OUT = re.compile(
    r"""[?\ufffd] [^\d]* \d
    | ([^\d\s()\[\]+-]) \s? \1 [^\d]* \d
    | - \s? - \s? - [^\d]* \d
    | \d \s* (?: ([-*#_?.·•●]) \s? \2 | \ufffd ) [^\d]* \Z""",
    re.VERBOSE,
)
#: One or two digits behind the only hyphen: an extension, as companies write it, if the rest is a number already.
_TAIL = re.compile(r"([^-]*)-\s?\d{1,2}")
_FRACTION = re.compile(r"\+?\d{7,}[.,]\d{1,2}")
#: What separates groups without a doubt.
_SEPARATORS = frozenset({"Zs", "Pd"})


class BadPhone(ValueError):
    """Not a phone number an SMS can go to. ``str(error)`` never shows a whole number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def masked(number: str) -> str:
    """A number as a log may show it: the last four digits of six or more, else none."""
    return f"…{number[-4:]}" if len(number) >= 6 else "…"


@dataclass(frozen=True, slots=True)
class Written:
    """The ASCII digits of a number. ``plus``: it begins with one. ``groups``: the digits as they stand, where single
    spaces alone separate them, else nothing."""

    digits: str
    plus: bool
    groups: tuple[str, ...]


def written(raw: str, is_number: Callable[[Written], bool]) -> Written:
    """What ``raw`` says. Raises BadPhone for letters, and for marks that make more of it than one number.

    ``is_number`` says whether digits that a doubtful mark follows are a number already: then what comes behind is an
    extension or a second one.
    """
    text = _plain(_bare(raw))
    digits = _digits(text)
    first = next((at for at, char in enumerate(text) if char.isdecimal()), len(text))
    if "+" in text[first:] or len(digits) > 15 + len("00"):
        raise BadPhone(f"{masked(digits)} is not a possible phone number")
    if _EXTENSION.search(text):
        raise BadPhone(f"{masked(digits)} has an extension")
    if _LEFT_OUT.search(text):
        raise BadPhone(f"{masked(digits)} has digits left out")
    plus = "+" in text
    before = 0
    for char in text:
        if char.isdecimal():
            before += 1
        elif 7 <= before < len(digits) and _is_doubtful(char) and is_number(Written(digits[:before], plus, ())):
            raise BadPhone(f"{masked(digits)} may be two phone numbers")
    if (tail := _TAIL.fullmatch(text)) and is_number(Written(_digits(tail[1]), plus, ())):
        raise BadPhone(f"{masked(digits)} may have an extension")
    if _FRACTION.fullmatch(text):
        raise BadPhone(f"{masked(digits)} has a fraction")
    groups = tuple(text.split(" ")) if not plus else ()
    return Written(digits, plus, groups if all(group.isdecimal() for group in groups) else ())


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdecimal())


def _bare(raw: str) -> str:
    """``raw`` without what stands around the number: white space, or the rest of a URI."""
    if len(raw) > _LONGEST:
        raise BadPhone("the phone is too long to be a number")
    text = INVISIBLE.sub("", raw).strip()
    if uri := _URI.fullmatch(text):
        text, parameters = unquote(uri[1]).strip(), uri[2]
        if ";ext=" in parameters.lower():
            raise BadPhone("the phone has an extension")
        if (context := _CONTEXT.search(parameters)) and not text.startswith("+"):
            text = context[1] + text
    if is_blank(text):
        raise BadPhone("no phone")
    return text


def _plain(text: str) -> str:
    """``text`` with digits, pluses and marks in ASCII as far as they have a form there, and without what is invisible
    or sits on top of another character."""
    return "".join(map(_plain_character, text))


@lru_cache(maxsize=4096)
def _plain_character(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if char in _PLUS_SIGNS:
        return "+"
    category = unicodedata.category(char)
    if INVISIBLE.match(char) or category in ("Cf", "Mn", "Me"):
        return ""
    if category == "Pd" or LETTERS_FOR_MARKS.match(char):
        return "-"
    if char.isalpha() or category == "Mc":
        raise BadPhone("the phone has letters in it")
    plain = unicodedata.normalize("NFKC", char)
    if (
        unicodedata.numeric(char, None) is not None
        or category in ("Cn", "Co", "Cs")
        or char in _DRAWN_NUMBERS
        or any(map(str.isdecimal, plain))
    ):
        raise BadPhone("the phone has characters in it that may be digits")
    return plain if plain.isascii() and not plain.isalpha() else char


@lru_cache(maxsize=4096)
def _is_doubtful(char: str) -> bool:
    return char not in ".+" and unicodedata.category(char) not in _SEPARATORS
