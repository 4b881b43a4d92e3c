"""What an SMS asks of the service itself: to stop, to start again, or for help.

The words are those that carriers and messaging companies in the US agree on (CTIA's handbooks for text messaging), and
those that the FCC names as ways to take back consent (47 CFR 64.1200(a)(10)). What else must be honoured, and where, no
table can say: further words are a setting.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Collection, Mapping
from enum import Enum
from functools import lru_cache

from nexmo_twisted.domain.invisible import INVISIBLE
from nexmo_twisted.domain.phone_text import LETTERS_FOR_MARKS
from nexmo_twisted.domain.text import clean

# What is answered, each in one segment of GSM-7. A STOP is confirmed once and the way back is named; so it is practice
# among carriers in the US. Their rules for campaigns want more in the answer to HELP (who is writing, whom to call).
CONFIRM_STOP = "You will get no more texts from us. Reply START to get them again."
CONFIRM_START = "You will get texts from us again. Reply STOP to end them."
START_AGAIN = "You still get no texts from us. Please reply START again in a minute to get them."
HELP_TEXT = "Replies to our texts are posted in the chat. Reply STOP to get no more texts."


LONGEST = 160
"""The most characters between the first and the last word for the service: those of one SMS. What is longer is not
looked at, since Unicode's compatibility form may be 18 times as long."""
_EDGES = string.whitespace + string.punctuation


class Keyword(Enum):
    """What is asked."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_TABLE: Mapping[str, Keyword] = {
    **dict.fromkeys(
        ("stop", "stopall", "unsubscribe", "end", "quit", "cancel", "revoke", "opt out", "optout"), Keyword.STOP
    ),
    **dict.fromkeys(("stop all", "please stop", "stop please", "stop thank you"), Keyword.STOP),
    **dict.fromkeys(("start", "unstop"), Keyword.START),
    "help": Keyword.HELP,
}

#: Unicode's categories of punctuation, and of the signs that keyboards have beside it, such as ~ | ` ^ $.
_PUNCTUATION = frozenset({"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm"})
#: Bullets and other plain shapes, lines, the degree sign, and the blank of Braille.
_SHAPES = re.compile("[\u2500-\u25ff\u00b0\u2800]")
#: Exclamation and question marks that are drawn as emoji.
_DRAWN = "❓❔❕❗"


def keyword_in(text: str, words: Collection[str] = ()) -> Keyword | None:
    """What the whole of ``text`` asks for, or None for a message. ``words`` are further words for STOP.

    Case, punctuation, white space and invisible characters make no difference: ``“Stop!!”`` is STOP, ``opt-out`` is
    ``opt out``. Anything more is a message, an emoji as well: it says something of its own. So is whatever has more
    than :data:`LONGEST` characters, what stands around the words not counted.
    """
    text = text.strip(_EDGES)
    if len(text) > 10 * LONGEST or len(text := INVISIBLE.sub("", text)) > LONGEST:
        return None
    plain = normalised(text)
    return _TABLE.get(plain) or (Keyword.STOP if plain in _further(tuple(words)) else None)


def normalised(text: str) -> str:
    """The bare words of ``text`` with one space between them, in Unicode's compatibility form and without case.

    Punctuation is taken for white space, so that nothing is left of a text of punctuation alone.
    """
    text = INVISIBLE.sub("", clean(text))
    # Twice: to Unicode some marks are a space and an accent, which would stick to the next letter, and other
    # punctuation appears only in the compatibility form.
    text = unicodedata.normalize("NFKC", _bare(text)).casefold()
    return " ".join(_bare(unicodedata.normalize("NFKC", text)).split())


@lru_cache(maxsize=8)
def _further(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(normalised, words)) - {""}


def _bare(text: str) -> str:
    return "".join(" " if _is_punctuation(character) else character for character in text)


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    return (
        unicodedata.category(character) in _PUNCTUATION
        or character in _DRAWN
        or LETTERS_FOR_MARKS.match(character) is not None
        or _SHAPES.match(character) is not None
    )
