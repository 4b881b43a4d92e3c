"""The SMS alphabets: which one a text needs, how many segments it takes, and how it is cut to fit.

Sources: 3GPP TS 23.038 (the GSM 7-bit default alphabet), 3GPP TS 23.040 (concatenated messages) and Vonage's
documentation of its SMS API.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from nexmo_twisted.domain.invisible import INVISIBLE, with_few_marks
from nexmo_twisted.domain.text import graphemes, utf16_units

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The characters that take one septet."""

GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
"""The characters that take two septets, an escape and a code."""

LONGEST = 3200
"""The longest text that is accepted, in UTF-16 units. A provider may take less."""

#: How many characters may become one: no more than four compose.
_COMPOSED = 5
_LONGEST_PLAIN = _COMPOSED * LONGEST

_GSM = GSM_BASIC | GSM_EXTENSION

_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\u00b4\u02b9\u02bb\u02bc\u02c8`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " ")
    | dict.fromkeys("\u2022\u2023\u2043\u25cf\u25aa", "-")
    | dict.fromkeys("\u00b7\u2027\u2219\u22c5\u30fb", ".")
    | {"\u2026": "...", "\t": " ", "\u2800": " ", "\u2028": "\n", "\u2029": "\n"}
)


class Encoding(Enum):
    """How the characters travel."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text takes: ``units`` are septets or UTF-16 units, ``parts`` are the segments, each billed."""

    encoding: Encoding
    units: int
    parts: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text ready to send: ``unicode``: it needs UCS-2, ``segments`` are billed, ``cut``: its end is missing."""

    text: str
    unicode: bool
    segments: int
    cut: bool


def is_gsm(text: str) -> bool:
    """Whether every character of ``text`` is in the GSM 7-bit default alphabet or its extension."""
    return _GSM.issuperset(text)


def simplified(text: str) -> str:
    """``text`` in plain typography if that alone spares it UCS-2 and takes no more segments, else ``text``.

    Typographic quotes, dashes, bullets, ellipses, tabs and hard spaces become their typewriter forms; invisible
    characters are left out; letters written with separate accents are composed (Unicode NFC).
    """
    if is_gsm(text):
        return text
    plain = _plain(text)
    return plain if is_gsm(plain) and segments(plain).parts <= segments(text).parts else text


def segments(text: str) -> Segments:
    """How many units and parts ``text`` takes, counted as carriers do.

    GSM-7: 160 septets in one part or 153 in each of several. UCS-2, when a character is not in GSM-7: 70 or
    67 UTF-16 units. Neither an escape pair nor a surrogate pair is split between two parts.
    """
    if is_gsm(text):
        return _segments(Encoding.GSM7, [2 if c in GSM_EXTENSION else 1 for c in text], 160, 153)
    return _segments(Encoding.UCS2, [2 if c > "\uffff" else 1 for c in text], 70, 67)


def fit(text: str, max_segments: int, longest: int = LONGEST) -> Fitted:
    """``text`` simplified, and cut at a grapheme border if it takes more than ``max_segments`` (at least 1)
    or ``longest`` UTF-16 units.
    A cut text ends with "…", but in GSM-7, which has no such character, with three dots: "…" would cost it
    more than half its room. When all characters beyond GSM-7 are in the end that is cut off, the rest travels
    in GSM-7. A grapheme that alone is too long is cut between code points. However long the text is, no more of it is
    looked at closely than may be shown.
    """
    text = simplified(_head(text, max_segments, longest))
    whole = segments(text)
    if _allowed(text, whole, max_segments, longest):
        return Fitted(text, whole.encoding is Encoding.UCS2, whole.parts, cut=False)
    shown = _shortened(list(_first(text, _room(max_segments, longest) + 1)), max_segments, longest)
    shown = shown or _shortened(text[:longest], max_segments, longest)
    count = segments(shown)
    return Fitted(shown, count.encoding is Encoding.UCS2, count.parts, cut=True)


def fit_both(lead: str, body: str, max_segments: int, longest: int = LONGEST) -> Fitted:
    """``lead``, an empty line and ``body``, as :func:`fit` does it. Where all of it does not fit, a long ``lead`` is
    cut to half of the segments, so that it never pushes ``body`` out; with a single segment it is left out."""
    whole = fit(f"{lead}\n\n{body}" if lead else body, max_segments, longest)
    if not lead or not whole.cut:
        return whole
    if max_segments < 2:
        return fit(body, max_segments, longest)
    lead = _head(lead, max_segments, longest)
    encoding = segments(simplified(_head(f"{lead}\n\n{body}", max_segments, longest))).encoding
    return fit(f"{_beginning(simplified(lead), encoding, max_segments // 2)}\n\n{body}", max_segments, longest)


def _beginning(text: str, encoding: Encoding, parts: int) -> str:
    """As much of ``text`` as ``parts`` of several segments take in that encoding."""
    ending, room = ("...", 153 * parts) if encoding is Encoding.GSM7 else ("…", 67 * parts)
    used, kept = 0, []
    for piece in graphemes(text):
        used += segments(piece).units if encoding is Encoding.GSM7 else utf16_units(piece)
        if used > room:
            break
        kept.append(piece)
    else:
        return text
    while kept and used > room - len(ending):
        last = kept.pop()
        used -= segments(last).units if encoding is Encoding.GSM7 else utf16_units(last)
    return "".join(kept).rstrip() + ending


def _room(max_segments: int, longest: int) -> int:
    """The most characters that are shown: none takes less than a septet."""
    return min(longest, 160 * max_segments)


def _head(text: str, max_segments: int, longest: int) -> str:
    """The beginning of ``text``, with more characters that are seen than become what is shown."""
    end = count = _COMPOSED * _room(max_segments, longest) + 1
    while end < len(text) and len(INVISIBLE.sub("", text[:end])) < count:
        end *= 2
    return text[:end]


def _first(text: str, count: int) -> Iterator[str]:
    """The graphemes of ``text`` up to so many that are seen."""
    for piece in islice(graphemes(text), LONGEST):
        yield piece
        count -= INVISIBLE.fullmatch(piece) is None
        if count == 0:
            return


def _shortened(pieces: Sequence[str], max_segments: int, longest: int) -> str:
    """As many of ``pieces`` as fit with the ending, in the encoding that keeps more; '' when not one does."""
    plain = []
    for piece in pieces:
        simple = _plain(piece)
        if not is_gsm(simple):
            break
        plain.append(simple)
    kept_plain = _kept(plain, "...", max_segments, longest)
    kept = _kept(pieces, "…", max_segments, longest)
    if not kept and not kept_plain:
        return ""
    if kept_plain >= kept or is_gsm("".join(pieces[:kept])):
        return "".join(plain[:kept_plain]).rstrip() + "..."
    return "".join(pieces[:kept]).rstrip() + "…"


def _kept(pieces: Sequence[str], ending: str, max_segments: int, longest: int) -> int:
    """How many of ``pieces`` fit before ``ending``; bisected, since more of them never take fewer parts."""

    def too_long(count: int) -> bool:
        text = "".join(pieces[:count]) + ending
        return not _allowed(text, segments(text), max_segments, longest)

    return bisect_left(range(1, len(pieces) + 1), True, key=too_long)


def _allowed(text: str, count: Segments, max_segments: int, longest: int) -> bool:
    return count.parts <= max_segments and utf16_units(text) <= longest


def _plain(text: str) -> str:
    """In plain typography, for what may become GSM-7: it is cut first, and towers of marks are, since to compose
    characters takes the square of their marks."""
    text = with_few_marks(INVISIBLE.sub("", text)[:_LONGEST_PLAIN])
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def _segments(encoding: Encoding, costs: Sequence[int], single: int, each: int) -> Segments:
    units = sum(costs)
    if units <= single:
        return Segments(encoding, units, 1)
    if units == len(costs):
        return Segments(encoding, units, -(-units // each))
    parts, used = 1, 0
    for cost in costs:
        if used + cost > each:
            parts, used = parts + 1, 0
        used += cost
    return Segments(encoding, units, parts)
