"""What the tests of the settings share: the least that must be set, and how faults are collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from nexmo_twisted.errors import ConfigurationError
from nexmo_twisted.platforms.layer.settings import LayerSettings

EXAMPLE = Path(__file__).parent.parent / "nexmo.example.toml"
#: The example with what stands for credentials filled in.
FILLED_IN = EXAMPLE.read_text("utf-8").replace('"..."', '"filled-in"')
#: Of the Standard Webhooks libraries.
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
APP_ID = "082d4684-0992-11e5-a6c0-1697f925ec7b"

#: The least that must be set.
LEAST: Mapping[str, Any] = {
    "delay": "10 minutes",
    "layer": {"app_id": APP_ID, "token": "layer-token", "secret": "layer secret"},
    "server": {"url": "https://hooks.example.com"},
    "nexmo": {"key": "nexmo-key", "secret": "nexmo-secret", "phone_numbers": ["12015550101"]},
}

#: The least for a chat of one's own.
OWN_CHAT: Mapping[str, Any] = {
    "platform": "webhook",
    "webhook": {"secret": WHSEC, "api_url": "https://chat.example.com/sms"},
    **{name: value for name, value in LEAST.items() if name != "layer"},
}


def with_(key: str, value: object) -> dict[str, Any]:
    """The least, and one key more or changed."""
    return _with(OWN_CHAT if key.startswith("webhook.") else LEAST, key.split("."), value)


def _with(table: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    name, *below = path
    return {**table, name: _with(table.get(name, {}), below, value) if below else value}


def loaded(key: str, value: object) -> Any:
    """What a setting becomes."""
    result: Any = load(environ={}, **with_(key, value))
    for name in key.split("."):
        result = getattr(result, name)
    return result


def layer_of(settings: Settings) -> LayerSettings:
    """The account at Layer, where that is the platform."""
    assert settings.layer is not None
    return settings.layer


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
