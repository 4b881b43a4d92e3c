"""Where settings come from: a TOML file, the variables of the Node service, our own variables, arguments.

The later one counts. Every value remembers where it was written, so that a fault can say so.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from nexmo_twisted.config.errors import Key, Path, line, nearest
from nexmo_twisted.errors import ConfigurationError

PREFIX = "NEXMO_TWISTED__"

#: Variables of the Node service's example that stand for one key each.
NODE_VARIABLES: Mapping[Path, str] = {
    ("layer", "app_id"): "LAYER_APP_ID",
    ("layer", "token"): "LAYER_BEARER_TOKEN",
    ("nexmo", "key"): "NEXMO_KEY",
    ("nexmo", "secret"): "NEXMO_SECRET",
    ("nexmo", "phone_numbers"): "NEXMO_NUMBERS",
    ("server", "redis"): "REDIS_URL",
}
#: Variables that shells and containers set on their own, too: they count beside another one of that service.
AMBIGUOUS = ("HOST", "PORT")


@dataclass(frozen=True, slots=True)
class Written:
    """One value and where it was written."""

    path: Path
    value: object
    origin: str


class _Unreadable(Exception):
    """A variable whose value cannot be told; the text is the line to print."""


@dataclass(slots=True)
class Gathered:
    """All values joined, where each was written, and what could not be read: the lines, and the paths they are of.

    ``ignored`` are the variables that cannot be told from those of the Node service.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    reported: set[Path] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)

    def add(self, values: Mapping[str, Any], origin: str) -> None:
        """Join nested tables; anything else replaces what was there."""
        _join(self.values, values, (), origin, self.origins)

    def put(self, written: Written) -> None:
        values: Any = written.value
        for name in reversed(written.path):
            values = {name: values}
        self.add(values, written.origin)


def _join(into: dict[str, Any], values: Mapping[str, Any], above: Path, origin: str, origins: dict[Path, str]) -> None:
    for name, value in values.items():
        path = (*above, name)
        if not isinstance(value, Mapping):
            into[name] = value
            origins[path] = origin
            continue
        there = into.setdefault(name, {})
        if isinstance(there, dict):  # else it is a fault, to be told
            origins[path] = origin
            _join(there, value, path, origin, origins)


def gather(
    file: str | os.PathLike[str] | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any],
    keys: Sequence[Key],
    defaults: Mapping[str, Any] | None = None,
) -> Gathered:
    """Everything that was set. Raises ConfigurationError, of one line, for a TOML file that cannot be read."""
    gathered = Gathered()
    gathered.add(defaults or {}, "default")
    if not _of_the_node_service(environ):
        gathered.ignored = [variable for variable in AMBIGUOUS if environ.get(variable)]
        environ = {variable: value for variable, value in environ.items() if variable not in AMBIGUOUS}
    if environ.get("HOST"):  # the Node service's default, where its variables are in use; a file counts more
        gathered.put(Written(("server", "listen"), "tcp:443", "default with HOST"))
    if file is not None:
        gathered.add(_read_toml(file), FilePath(file).name)
    for written in _node_places(environ):
        gathered.put(written)
    for key in keys:
        try:
            variable = _own_variable(key, environ) or _node_variable(key, environ)
        except _Unreadable as fault:
            gathered.faults.append(str(fault))
            gathered.reported.add(key.path)
        else:
            if variable is not None:
                gathered.put(variable)
    gathered.faults.extend(_unknown_variables(environ, keys))
    gathered.add(overrides, "argument")
    return gathered


def _of_the_node_service(environ: Mapping[str, str]) -> bool:
    """Whether any variable is set that only its users set. Blank ones count as not set."""
    return any(environ.get(variable) for variable in (*NODE_VARIABLES.values(), "WEBHOOK_PORT"))


def elsewhere(gathered: Gathered, keys: Sequence[Key], file: str | os.PathLike[str] | None) -> Iterator[str]:
    """One line for the log about the settings that do not stand in the file, and one about what does not count.

    A program that sets all of them itself knows where they came from.
    """
    written = "default" if file is None else FilePath(file).name
    found = [(key.name, gathered.origins.get(key.path, "default")) for key in keys]
    others = [f"{name} ({origin})" for name, origin in found if origin not in ("default", written)]
    if others and (file is not None or any(origin not in ("default", "argument") for _, origin in found)):
        yield line("Settings", "" if file is None else f"not from {written}", ", ".join(others))
    if gathered.ignored:
        names = " and ".join(gathered.ignored)
        yield f"{names} ignored: they are only read beside another variable of the Node service, such as NEXMO_KEY"


def _read_toml(file: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        source = FilePath(file).read_bytes()
    except OSError as error:
        fault = f"the file cannot be read: {error.strerror}"
    except ValueError:  # NUL
        fault = "not a file name"
    else:
        try:
            return tomllib.loads(source.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            fault = f"not UTF-8 ({_place(source[: error.start])})"
        except tomllib.TOMLDecodeError as error:
            fault = f"not TOML: {error}".replace("at end of document", _place(source))
        except (ValueError, RecursionError):
            fault = "not TOML: a number is too long, or values are nested too deeply"
    raise ConfigurationError([line(str(file), "", fault)])


def _place(before: bytes) -> str:
    """Line and column, from 1, of what follows."""
    lines = before.decode("utf-8", "replace").split("\n")
    return f"at line {len(lines)}, column {len(lines[-1]) + 1}"


def _node_places(environ: Mapping[str, str]) -> Iterator[Written]:
    """What the Node service's example put together from HOST and its ports. Blank variables count as not set."""
    host, webhook_port = environ.get("HOST", ""), environ.get("WEBHOOK_PORT", "")
    if host:
        url = host.rstrip("/") if "://" in host else f"https://{host.rstrip('/')}"
        origin = "HOST and WEBHOOK_PORT" if webhook_port else "HOST"
        yield Written(("server", "url"), f"{url}:{webhook_port}" if webhook_port not in ("", "443") else url, origin)
    for variable in ("PORT", "WEBHOOK_PORT"):
        if port := environ.get(variable):
            yield Written(("server", "listen"), f"tcp:{port}", variable)
            break


def _node_variable(key: Key, environ: Mapping[str, str]) -> Written | None:
    variable = NODE_VARIABLES.get(key.path, "")
    return _written(key, environ[variable], variable) if environ.get(variable) else None


def _own_variable(key: Key, environ: Mapping[str, str]) -> Written | None:
    """``NEXMO_TWISTED__<TABLE>__<KEY>``, or for a secret the file that the same name with ``_FILE`` names."""
    variable = _variable(key)
    given = environ.get(variable)
    file = environ.get(f"{variable}_FILE") if key.kind.secret else None
    if file is None:
        return None if given is None else _written(key, given, variable)
    if given is not None:
        fault = f"{variable} is set as well; set only one of them"
    else:
        try:
            content = FilePath(file).read_bytes().decode()
        except OSError as error:  # the name is not shown, for it may be the secret itself, by mistake
            fault = f"the file cannot be read: {error.strerror}"
        except ValueError:
            fault = "the file is not UTF-8"
        else:
            content = content.removesuffix("\n").removesuffix("\r")
            return _written(key, content, f"{file}, named by {variable}_FILE")
    raise _Unreadable(line(key.name, f"{variable}_FILE", fault, allowed=key.kind.allowed))


def _variable(key: Key) -> str:
    return PREFIX + "__".join(key.path).upper()


def _written(key: Key, value: str, origin: str) -> Written:
    """A list is separated by commas or JSON; whatever else a value should be, it is a text here."""
    if not key.kind.many:
        return Written(key.path, value, origin)
    if not value.lstrip().startswith("["):
        return Written(key.path, [item.strip() for item in value.split(",")] if value.strip() else [], origin)
    try:
        return Written(key.path, json.loads(value), origin)
    except (ValueError, RecursionError):
        fault = line(key.name, origin, "a value that begins with [ must be a JSON list", allowed=key.kind.allowed)
    raise _Unreadable(fault)


def _unknown_variables(environ: Mapping[str, str], keys: Sequence[Key]) -> Iterator[str]:
    variables = [_variable(key) for key in keys]
    variables += [f"{_variable(key)}_FILE" for key in keys if key.kind.secret]
    names = {_dotted(variable): variable for variable in variables}
    for variable in sorted(environ):
        if variable.upper().startswith(PREFIX) and variable not in variables:
            meant = names.get(nearest(_dotted(variable), names))
            yield line(
                variable[:80], "", "unknown variable", reason=f"the nearest known one is {meant}" if meant else ""
            )


def _dotted(variable: str) -> str:
    return variable[len(PREFIX) :].replace("__", ".")
