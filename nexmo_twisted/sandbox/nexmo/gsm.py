"""What a handset makes of a text: the characters it can show, and how many parts it takes.

Written apart from the service's own rules on purpose, so that a mistake there does not hide in the simulator.
Source of the facts: 3GPP 23.038 (alphabet) and 23.040 (parts); Vonage documentation, Concatenation and
Encoding.
"""

from __future__ import annotations

from collections.abc import Sequence

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€\f")
_KNOWN = _BASIC | _EXTENSION

#: Units of a text in one part, and of each part of a longer one.
_SEPTETS = (160, 153)
_UTF16 = (70, 67)


def as_gsm7(text: str) -> str:
    """What arrives of a text that was sent as ``type=text``: '?' for every character GSM-7 does not have."""
    return "".join(character if character in _KNOWN else "?" for character in text)


def parts(text: str, *, unicode: bool) -> int:
    """How many parts it takes."""
    return len(split(text, unicode=unicode))


def split(text: str, *, unicode: bool) -> list[str]:
    """The parts it travels in. No character is cut in two; a blank text takes one."""
    if unicode:
        return _cut(text, [2 if ord(character) > 0xFFFF else 1 for character in text], *_UTF16)
    return _cut(text, [2 if character in _EXTENSION else 1 for character in text], *_SEPTETS)


def _cut(text: str, sizes: Sequence[int], single: int, each: int) -> list[str]:
    if sum(sizes) <= single:
        return [text]
    pieces, start, used = [], 0, 0
    for at, size in enumerate(sizes):
        if used + size > each:
            pieces.append(text[start:at])
            start, used = at, 0
        used += size
    return [*pieces, text[start:]]
