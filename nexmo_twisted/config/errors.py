"""All keys, and the text of a configuration error: one line, the key first, never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from nexmo_twisted.config.values import Kind
from nexmo_twisted.durations import quoted

Path = tuple[str, ...]

#: From this likeness on, of 0 to 3, one name may be a misspelling of another.
_LIKE = 1.1

_TABLE = Kind("table", "a table", secret=True)


@dataclass(frozen=True, slots=True)
class Key:
    """One setting that can be written: where it stands, what it holds and the model's field for it."""

    path: Path
    kind: Kind
    field: FieldInfo

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def sentence(self) -> str:
        return self.field.description or ""


def keys(model: type[BaseModel], above: Path = ()) -> Iterator[Key]:
    """Every key below a model, in its order."""
    for name, field in model.model_fields.items():
        if below := table(field):
            yield from keys(below, (*above, name))
        else:
            kind = next(item for item in field.metadata if isinstance(item, Kind))
            yield Key((*above, name), kind, field)


def table(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a table, or may be one."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def nearest(name: str, known: Iterable[str]) -> str:
    """The known dotted name that ``name`` is most likely a misspelling of; blank when none is like it."""

    def likeness(candidate: str) -> float:
        ends = (candidate.rpartition(".")[2], name.rpartition(".")[2])
        words, written = ends[0].split("_"), ends[1].lower().split("_")
        return _ratio(candidate, name) + _ratio(*ends) + sum(word in written for word in words) / len(words)

    found = max(known, key=likeness)
    return found if likeness(found) >= _LIKE else ""


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower()[:100]).ratio()


def line(key: str, origin: str, what: str, *, reason: str = "", allowed: str = "") -> str:
    """One fault: ``key (where it was written): what was found; the reason; allowed: what is``."""
    parts = [f"{key} ({origin}): {what}" if origin else f"{key}: {what}", reason]
    if allowed:
        parts.append(f"allowed: {allowed}")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", "; ".join(part for part in parts if part))


def displayed(value: object, kind: Kind) -> str:
    """What was found, as far as a reader of a log may see it."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str) and (kind.secret or any(character in value for character in kind.betrayed_by)):
        return f"a value of {_counted(value, 'character')}"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, bool) and not kind.secret:
        return "true" if value else "false"
    if isinstance(value, int | float) and not kind.secret:
        return quoted(value)
    if isinstance(value, list | tuple):
        visible = kind.many and not kind.secret and all(isinstance(item, str) for item in value)
        return quoted(list(value)) if visible else f"a list of {_counted(value, 'item')}"
    return f"a value of the type {type(value).__name__}"


def _counted(value: Sized, noun: str) -> str:
    return f"{len(value)} {noun}{'' if len(value) == 1 else 's'}"


def lines(
    error: ValidationError, model: type[BaseModel], origins: Mapping[Path, str], reported: Iterable[Path]
) -> Iterator[str]:
    """One line for each fault that pydantic found, except at the paths that were already told of."""
    known = {key.path: key for key in keys(model)}
    names = [key.name for key in known.values()]
    silent = set(reported)
    for fault in error.errors(include_url=False):
        path = tuple(part for part in fault["loc"] if isinstance(part, str))  # not the place in a list
        if path not in silent:
            yield _line(fault, ".".join(path), origins.get(path, ""), known.get(path), names)


def unknown(name: str, origin: str, names: list[str]) -> str:
    """The line for a key that is none of ``names``."""
    if "." not in name:
        names = [*names, *dict.fromkeys(known.partition(".")[0] for known in names)]
    meant = nearest(name, names)
    return line(name[:60], origin, "unknown key", reason=meant and f"the nearest known key is {meant}")


def _line(fault: Mapping[str, Any], name: str, origin: str, key: Key | None, names: list[str]) -> str:
    if fault["type"] == "extra_forbidden":
        return unknown(name, origin, names)
    if key is None:
        return line(name, origin, f"found {displayed(fault['input'], _TABLE)}", allowed=f"a table, [{name}]")
    if fault["type"] == "missing":
        purpose = key.sentence[0].lower() + key.sentence[1:].rstrip(".")
        return line(name, origin, f"missing ({purpose})", allowed=key.kind.allowed)
    reason = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else ""
    return line(name, origin, f"found {displayed(fault['input'], key.kind)}", reason=reason, allowed=key.kind.allowed)
