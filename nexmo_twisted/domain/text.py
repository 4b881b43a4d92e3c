"""Text: what a message says, where it may be cut, and what never belongs into it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache

#: Presentations and word processors end lines with a vertical tab, or pages with a form feed.
_LINE_END = re.compile("\r\n|[\r\x0b\x0c]")
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` without what no handset shows: control characters but line feed and tab, and lone surrogates.

    Every form of line end becomes a line feed.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():  # so most are, and this is the quickest way to see it
        return text
    return _UNWANTED.sub("", _LINE_END.sub("\n", text))


def utf16_units(text: str) -> int:
    """How long ``text`` is in UTF-16 units: a character above U+FFFF counts as two, as JavaScript and SMS count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def graphemes(text: str) -> Iterator[str]:
    """``text`` in the pieces that a reader takes for one character each; joined they are ``text`` again.

    An approximation of the extended grapheme clusters of Unicode Standard Annex 29 from what the standard
    library knows: marks, variation selectors, emoji modifiers, joined emoji, flags, Hangul syllables, CR LF.
    Prepended marks and Indic conjuncts are not known to it.
    """
    start = 0
    before = ""
    pictograph = False  # the cluster began with one, so that a joiner may tie another one to it
    flags = 0  # regional indicators up to here in one run: two make a flag
    for at, character in enumerate(text):
        kind = _kind_of(character)
        joined = kind and (
            (kind in _CONTINUES and before not in _CONTROLS)
            or (kind == "pictograph" and before == "joiner" and pictograph)
            or (kind == "flag" and flags % 2 == 1)
            or (before, kind) in _ALWAYS_JOINED
        )
        if at > 0 and not joined:
            yield text[start:at]
            start = at
        if start == at:
            pictograph = kind == "pictograph"
        flags = flags + 1 if kind == "flag" else 0
        before = kind
    if text:
        yield text[start:]


def split_bytes(text: str, limit: int) -> list[str]:
    """``text`` in the fewest pieces of at most ``limit`` bytes of UTF-8 each; joined they are ``text`` again.

    Pieces end at grapheme borders, after a line break or else a space if that makes no more of them. A
    grapheme longer than ``limit`` is cut between code points. ValueError for a ``limit`` below 4, the longest
    code point. The time taken is in proportion to the text.
    """
    if limit < 4:
        raise ValueError("the limit must be at least 4 bytes")
    tight = list(_pieces(text, limit, room_to_look_back=0))
    friendly = list(_pieces(text, limit, room_to_look_back=limit // 4)) if len(tight) > 1 else tight
    return friendly if len(friendly) <= len(tight) else tight


def _pieces(text: str, limit: int, room_to_look_back: int) -> Iterator[str]:
    """Pieces that are full, or end up to that many bytes earlier at a better place. Only there are graphemes looked
    for: all of them would take far longer than the text."""
    start = 0
    while start < len(text):
        room = range(1, min(limit, len(text) - start) + 1)
        end = start + bisect_right(room, limit, key=lambda length: _size(text[start : start + length]))
        if end < len(text):
            end = _last_border(text, start, end, limit)
            end = _better_end(text, start, end, room_to_look_back)
        yield text[start:end]
        start = end


def _last_border(text: str, start: int, end: int, limit: int) -> int:
    """The last grapheme border up to ``end``; ``end`` itself where a grapheme is endless, or above ``limit`` bytes."""
    if text[end] in _FLAGS:
        flags = end - start - len(text[start:end].rstrip(_FLAGS))
        return end - 1 if flags % 2 and end - 1 > start else end
    at = end
    while at > start and _may_join(_kind_of(text[at - 1]), _kind_of(text[at])):
        at -= 1
        if end - at > _ENDLESS:
            return end
    for grapheme in graphemes(text[at : end + 1]):
        if at + len(grapheme) > end:
            break
        at += len(grapheme)
    if at == end:
        return end
    whole = next(graphemes(text[at : at + limit + 1]))
    return end if at == start or _size(whole) > limit else at


def _better_end(text: str, start: int, end: int, room: int) -> int:
    """After the last line feed in the last ``room`` bytes, or else after the last blank there, or else ``end``."""
    if room == 0 or end == len(text):
        return end
    lengths = range(1, min(room, end - start) + 1)
    first = end - bisect_left(lengths, room, key=lambda length: _size(text[end - length : end]))
    if (line := text.rfind("\n", max(first - 1, start), end)) >= 0:
        return line + 1
    blank = text.rfind(" ", max(first - 1, start), end)
    while blank >= 0 and _kind_of(text[blank + 1]) in _CONTINUES:
        blank = text.rfind(" ", max(first - 1, start), blank)
    return blank + 1 if blank >= 0 else end


def _may_join(before: str, kind: str) -> bool:
    """Whether two neighbours of these kinds may be in one grapheme."""
    return (
        kind in _CONTINUES
        or kind == "flag"
        or (kind == "pictograph" and before == "joiner")
        or (before, kind) in _ALWAYS_JOINED
    )


def _kind_of(character: str) -> str:
    return "" if " " <= character <= "~" else _kind(character)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_ENDLESS = 64  # code points; the longest emoji have a dozen
_CONTINUES = frozenset({"extend", "joiner"})
_CONTROLS = frozenset({"\r", "\n", "control"})
# Rules GB3 and GB6 to GB8 of the annex: line ends, and the parts of Hangul syllables.
_ALWAYS_JOINED = frozenset({("\r", "\n")}) | {
    (before, after)
    for befores, afters in (("L", ("L", "V", "LV", "LVT")), (("V", "LV"), ("V", "T")), (("LVT", "T"), ("T",)))
    for before in befores
    for after in afters
}


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """What ``graphemes`` needs to know about one code point."""
    code = ord(character)
    category = unicodedata.category(character)
    if character in "\r\n":
        return character
    if character == "\u200d":
        return "joiner"
    if (
        category in ("Mn", "Me", "Mc")
        or character in "\u200c\u0e33\u0eb3\uff9e\uff9f"  # non-joiner, Thai and Lao AM, half-width Kana marks
        or 0x1F3FB <= code <= 0x1F3FF  # emoji modifiers
        or 0xE0020 <= code <= 0xE007F  # the letters in the flags of regions
    ):
        return "extend"
    if category in ("Cc", "Cf", "Zl", "Zp"):
        return "control"
    if 0x1F1E6 <= code <= 0x1F1FF:
        return "flag"
    if category == "So" or 0x1F000 <= code <= 0x1FAFF or character in "\u203c\u2049\u2194":
        return "pictograph"
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB:
        return "T"
    if 0xAC00 <= code <= 0xD7A3:
        return "LV" if (code - 0xAC00) % 28 == 0 else "LVT"
    return ""
