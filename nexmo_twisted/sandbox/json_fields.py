"""What a JSON object may have that stands for one of the sandbox's values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any


def members(kind: type[Any]) -> tuple[str, ...]:
    """The names of a dataclass's fields, in their order."""
    return tuple(each.name for each in fields(kind))


def refuse_unknown(values: Mapping[str, object], known: Collection[str]) -> None:
    """Raises ValueError, saying what is unknown and what is known."""
    unknown = sorted(values.keys() - set(known))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
