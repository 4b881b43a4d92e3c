"""The JSON of Layer's webhooks: read strictly, or else as far as it can be read, and what of it can be kept."""

from __future__ import annotations

import json
import math
from codecs import BOM_UTF8

from pydantic_core import from_json

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.web.json_depth import read_any_depth

_DEEPEST = 49  # levels in one member of a message, of which the last has neither objects nor lists; it needs three
_MOST_VALUES = 20_000  # in one member; a message to 1,000 people has 2,000 in the largest
_FEW = 50  # objects and lists in an ordinary webhook; so few cannot be nested too deeply


def parse(raw: bytes) -> tuple[object, bool]:
    """The document in the body of a webhook, and whether it is certain that all of it can be kept.

    Raises BadRequest when it is none.

    What is not JSON by the book, but cannot be mistaken, is no reason to refuse the rest: a byte order mark, bytes that
    are no UTF-8 and halves of characters (all of these are lone surrogates here), NaN and the infinities, numbers of
    thousands of digits, control characters in a text. Where it matters, the code that reads it reports it.
    """
    raw = raw.removeprefix(BOM_UTF8)
    try:
        return from_json(raw, allow_inf_nan=False), raw.count(b"{") + raw.count(b"[") <= _FEW
    except ValueError:  # also of 200 levels of nesting
        pass
    try:
        return read_any_depth(raw.decode("utf-8", "surrogateescape"), _loosely), False
    except ValueError:
        raise BadRequest("the body is not JSON") from None


def _loosely(text: str) -> object:
    return json.loads(text, strict=False, parse_int=_number)


def _number(digits: str) -> float | int:
    return int(digits) if len(digits) < 400 else math.inf


def can_be_kept(value: object) -> bool:
    """Whether that is text, numbers, objects and lists in any order, not too deep, not too many, and can be written as
    JSON."""
    level = [value]
    left = _MOST_VALUES
    for _ in range(_DEEPEST):
        left -= len(level)
        if left < 0:
            return False
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner += each
                inner += each.values()
            elif isinstance(each, list):
                inner += each
            elif isinstance(each, float):
                if not math.isfinite(each):
                    return False
            elif isinstance(each, str) and not is_text(each):
                return False
        level = inner
        if not level:
            return True
    return False


def is_text(value: str) -> bool:
    """Whether that is text without halves of characters, and so can be written as UTF-8."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
