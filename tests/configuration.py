"""What the tests of the settings share: the least that must be set, and how faults are collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nexmo_twisted.config.loading import load
from nexmo_twisted.errors import ConfigurationError

EXAMPLE = Path(__file__).parent.parent / "nexmo.example.toml"
#: The example with what stands for credentials filled in.
FILLED_IN = EXAMPLE.read_text("utf-8").replace('"..."', '"filled-in"')
APP_ID = "082d4684-0992-11e5-a6c0-1697f925ec7b"

#: The least that must be set.
LEAST: Mapping[str, Any] = {
    "delay": "10 minutes",
    "layer": {"app_id": APP_ID, "token": "layer-token", "secret": "layer secret"},
    "server": {"url": "https://hooks.example.com"},
    "nexmo": {"key": "nexmo-key", "secret": "nexmo-secret", "phone_numbers": ["12015550101"]},
}


def with_(key: str, value: object) -> dict[str, Any]:
    """The least, and one key more or changed."""
    return _with(LEAST, key.split("."), value)


def _with(table: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    name, *below = path
    return {**table, name: _with(table.get(name, {}), below, value) if below else value}


def loaded(key: str, value: object) -> Any:
    """What a setting becomes."""
    result: Any = load(environ={}, **with_(key, value))
    for name in key.split("."):
        result = getattr(result, name)
    return result


def faults(*arguments: Any, **overrides: Any) -> tuple[str, ...]:
    """The lines with which settings are refused."""
    overrides.setdefault("environ", {})
    try:
        load(*arguments, **overrides)
    except ConfigurationError as error:
        return error.faults
    raise AssertionError("nothing was refused")


def accept(user_id: str) -> dict[str, str]:
    return {"name": user_id}
