"""JSON that is nested more deeply than Python's reader follows: what is so deep is ignored, the rest is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

_DEEPEST = 200  # levels that are kept; what is read lies in the first ten
_MOST_BRACKETS = 20_000  # that are looked at one by one
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)

Document = TypeVar("Document")


def read_any_depth(text: str, read: Callable[[str], Document]) -> Document:
    """What ``read`` makes of ``text``, of which objects and lists that are nested too deeply are null.

    Raises what ``read`` raises, ValueError instead of RecursionError.
    """
    try:
        return read(text)
    except RecursionError:
        pass
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        raise ValueError("nested too deeply")
    return read(_flattened(text))


def _flattened(text: str) -> str:
    pieces, depth, kept_to = [], 0, 0
    for token in _TOKEN.finditer(text):
        bracket = token[0]
        if bracket in ("[", "{"):
            if depth == _DEEPEST:
                pieces += [text[kept_to : token.start()], "null"]
            depth += 1
        elif bracket in ("]", "}"):
            depth -= 1
            if depth == _DEEPEST:
                kept_to = token.end()
    return "".join([*pieces, text[kept_to:]]) if depth == 0 else ""
