"""How each kind of value is checked: what was written goes in, what the service works with comes out.

Every check raises ValueError with what is wrong, never with the value, and with nothing when the kind of the value says
it all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import phonenumbers
from pydantic import PlainValidator, SecretStr

from nexmo_twisted import durations
from nexmo_twisted.config.urls import endpoint, function
from nexmo_twisted.domain import optout
from nexmo_twisted.store import url as redis_url


def text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    if re.search("[\ud800-\udfff]", value):
        raise ValueError("not valid Unicode: half of a surrogate pair, or a byte that is not UTF-8")
    return value


def duration(value: Any) -> int:
    try:
        return durations.milliseconds(value)
    except ValueError:
        raise ValueError from None


def secret(value: object) -> SecretStr:
    secret = text(value.get_secret_value() if isinstance(value, SecretStr) else value)
    if secret == "...":  # noqa: S105 - the placeholder of the example
        raise ValueError('"..." is the placeholder of the example')
    if secret != secret.strip():
        raise ValueError("leading or trailing whitespace")
    return SecretStr(secret)


def secret_or_nothing(value: object) -> SecretStr:
    return SecretStr("") if value == "" else secret(value)


def credential(value: object) -> str:
    """It goes into a header or a form: a space or a line break in it is a mistake in copying."""
    credential = secret(value).get_secret_value()
    if not re.fullmatch("[!-~]+", credential):
        raise ValueError
    return credential


def listed(value: object) -> object:
    return [value] if isinstance(value, str | SecretStr) else value


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("empty")
    if len(set(values)) < len(values):
        raise ValueError("repeated item")
    return values


def one_of(*names: str) -> PlainValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return PlainValidator(check)


def phone_number(value: object) -> str:
    written = str(value) if type(value) is int and 0 < value < 10**15 else text(value)
    if "(0)" in written:
        raise ValueError("leave out the (0)")
    digits = re.sub(r"[ ()-]", "", written.strip().removeprefix("+"))
    if not re.fullmatch("[0-9]+", digits):
        raise ValueError
    if digits[0] == "0":
        raise ValueError("no country code")
    if not 7 <= len(digits) <= 15:
        raise ValueError(f"it has {len(digits)} digits")
    return digits


def region(value: object) -> str:
    region = text(value).upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError
    return region


def switch(value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError
    return value


def segments(value: object) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,2}", value):
        value = int(value)
    if type(value) is not int or not 1 <= value <= 20:
        raise ValueError
    return value


_SLOWEST, _FASTEST = 0.01, 1000.0  # SMS a second


def rate(value: object) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if value != 0 and not _SLOWEST <= value <= _FASTEST:  # nor is it "not a number"
        raise ValueError
    return float(value)


def rates(value: object) -> dict[str, float]:
    """By number. A text is JSON, as it comes from the environment."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
    if not isinstance(value, Mapping):
        raise ValueError
    found = {phone_number(number): rate(given) for number, given in value.items()}
    if len(found) < len(value):
        raise ValueError("repeated number")
    return found


def opt_out_word(value: object) -> str:
    word = text(value)
    if not optout.normalised(word):
        raise ValueError("only punctuation")
    if len(word) > optout.LONGEST:
        raise ValueError(f"it has more than {optout.LONGEST} characters; longer texts are never a STOP")
    if optout.keyword_in(word) in (optout.Keyword.START, optout.Keyword.HELP):
        raise ValueError("START, UNSTOP and HELP have another meaning")
    return word


def path(value: object) -> str:
    path = text(value).strip("/")
    if not re.fullmatch("[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*", path):
        raise ValueError
    if {".", ".."} & set(path.split("/")):
        raise ValueError("'.' and '..' are not allowed")
    return path


def redis_prefix(value: object) -> str:
    """With one colon, and that at its end, none begins with another one."""
    prefix = text(value)
    if len(prefix) > 64 or not re.fullmatch(r"(?=.{2})[\w.-]*(\{[\w.-]+\})?[\w.-]*:", prefix, re.ASCII):
        raise ValueError
    if prefix.startswith("nexmo-layer-integration-"):
        raise ValueError("keys of the Node service begin with it")
    return prefix


def redis(value: object) -> str:
    redis_url.parse(text(value))
    return text(value)


def endpoint_or_nothing(value: object) -> str:
    return "" if value == "" else endpoint(text(value))


def host(value: object) -> str:
    name = text(value).lower().removesuffix(".")
    if not re.fullmatch(r"(?:[a-z0-9_-]{1,63}\.){0,20}[a-z0-9_-]{1,63}", name):
        raise ValueError
    return name


FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


def identities(value: object) -> Literal["platform"] | Callable[..., Any]:
    if callable(value):
        return value
    if value == "platform":
        return "platform"
    if not FUNCTION.fullmatch(text(value)):
        raise ValueError
    return function(text(value))
