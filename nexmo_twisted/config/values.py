"""The kinds of values that settings hold: how each is checked, what it becomes, and how it is spoken of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr

from nexmo_twisted import durations
from nexmo_twisted.config.places import endpoint, function, https_url, server_root
from nexmo_twisted.rules import optout, templates
from nexmo_twisted.store import url as redis_url


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of value is spoken of: in the table of settings, and in a fault.

    A ``secret`` is never shown and may come from a file; other values are not shown if they hold one of the
    characters in ``betrayed_by``. ``many`` ones are separated by commas in the environment.
    """

    name: str
    allowed: str
    secret: bool = False
    betrayed_by: str = ""
    many: bool = False


# The checks raise ValueError with what is wrong, never with the value, and with nothing when the kind says it all.


def text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    if re.search("[\ud800-\udfff]", value):
        raise ValueError("there is half a character in it, or a byte that is not UTF-8")
    return value


def _duration(value: Any) -> int:
    try:
        return durations.milliseconds(value)
    except ValueError:
        raise ValueError from None


def _secret(value: object) -> SecretStr:
    secret = text(value.get_secret_value() if isinstance(value, SecretStr) else value)
    if secret == "...":
        raise ValueError('"..." stands for the real one in the example')
    if secret != secret.strip():
        raise ValueError("there is a blank at its beginning or end")
    return SecretStr(secret)


def _secret_or_nothing(value: object) -> SecretStr:
    return SecretStr("") if value == "" else _secret(value)


def _credential(value: object) -> str:
    """It goes into a header or a form: a blank or a line break in it is a slip of whoever copied it."""
    credential = _secret(value).get_secret_value()
    if not re.fullmatch("[!-~]+", credential):
        raise ValueError
    return credential


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | SecretStr) else value


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("it is empty")
    if len(set(values)) < len(values):
        raise ValueError("one is there twice")
    return values


def _one_of(*names: str) -> PlainValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return PlainValidator(check)


def _phone_number(value: object) -> str:
    written = str(value) if type(value) is int and 0 < value < 10**15 else text(value)
    if "(0)" in written:
        raise ValueError("the (0) must be left out")
    digits = re.sub(r"[ ()-]", "", written.strip().removeprefix("+"))
    if not re.fullmatch("[0-9]+", digits):
        raise ValueError
    if digits[0] == "0":
        raise ValueError("it does not begin with a country code")
    if not 7 <= len(digits) <= 15:
        raise ValueError(f"it has {len(digits)} digits")
    return digits


def _region(value: object) -> str:
    region = text(value).upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError
    return region


def _switch(value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError
    return value


def _path_secret(value: object) -> SecretStr:
    secret = _secret_or_nothing(value).get_secret_value()
    if secret and not re.fullmatch("[A-Za-z0-9_-]{16,64}", secret):
        raise ValueError
    return SecretStr(secret)


def _segments(value: object) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,2}", value):
        value = int(value)
    if type(value) is not int or not 1 <= value <= 20:
        raise ValueError
    return value


_SLOWEST, _FASTEST = 0.01, 1000.0  # SMS a second


def _rate(value: object) -> float:
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


def _rates(value: object) -> dict[str, float]:
    """By number. A text is JSON, as it comes from the environment."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("it is no JSON") from None
    if not isinstance(value, Mapping):
        raise ValueError
    rates = {_phone_number(number): _rate(rate) for number, rate in value.items()}
    if len(rates) < len(value):
        raise ValueError("one number is there twice")
    return rates


def _opt_out_word(value: object) -> str:
    word = text(value)
    if not optout.normalised(word):
        raise ValueError("there is only punctuation in it")
    if optout.asks(word) in (optout.Ask.START, optout.Ask.HELP):
        raise ValueError("START, UNSTOP and HELP ask for something else")
    return word


_APP_ID = re.compile(
    r"(?:layer:///apps/(?:staging|production)/)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
    re.IGNORECASE,
)


def _app_id(value: object) -> str:
    found = _APP_ID.fullmatch(text(value))
    if found is None:
        raise ValueError
    return found[1].lower()


def _path(value: object) -> str:
    path = text(value).strip("/")
    if not re.fullmatch("[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*", path):
        raise ValueError
    if {".", ".."} & set(path.split("/")):
        raise ValueError("'.' and '..' are not possible")
    return path


def _redis(value: object) -> str:
    redis_url.parse(text(value))
    return text(value)


def _endpoint_or_nothing(value: object) -> str:
    return "" if value == "" else endpoint(text(value))


def _template(value: object) -> str:
    source = text(value)
    templates.compile_template(source, names=templates.MESSAGE_NAMES)
    return source


_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


def _introduction(value: object) -> str | Callable[..., Any]:
    if callable(value):
        return value
    if isinstance(value, str) and not value.strip():
        return ""
    if _FUNCTION.fullmatch(text(value)):
        return function(text(value))
    templates.compile_template(text(value), names=templates.MESSAGE_NAMES)
    return text(value)


def _identities(value: object) -> Literal["layer"] | Callable[..., Any]:
    if callable(value):
        return value
    if value == "layer":
        return "layer"
    if not _FUNCTION.fullmatch(text(value)):
        raise ValueError
    return function(text(value))


_HTTPS = "https, or http for this machine itself (localhost, 127.0.0.0/8, [::1]); no user name, query or fragment"
_CREDENTIAL = "visible ASCII characters without blanks"
_ENDPOINT = (
    "a Twisted endpoint description, such as tcp:8080, ssl:443:privateKey=key.pem:certKey=cert.pem, unix:/path or "
)
_ENDPOINT += "systemd:domain=INET:index=0"

Text = Annotated[str, PlainValidator(text), Kind("text", "a text that is not blank")]
OnExhausted = Annotated[str, _one_of("skip", "oldest"), Kind("skip or oldest", '"skip" or "oldest"')]
OptOut = Annotated[str, _one_of("service", "provider", "off"), Kind("who", '"service", "provider" or "off"')]
Words = Annotated[
    tuple[Annotated[str, PlainValidator(_opt_out_word)], ...],
    BeforeValidator(_listed),
    Kind("list of texts", "a list of texts, none blank", many=True),
]
TextOrNothing = Annotated[
    str,
    PlainValidator(lambda value: "" if value == "" else text(value)),
    Kind("text", 'a text that is not blank, or "" for none'),
]
Duration = Annotated[int, PlainValidator(_duration), Kind("duration", durations.ALLOWED)]
AppId = Annotated[
    str,
    PlainValidator(_app_id),
    Kind("UUID", "a UUID, alone or behind layer:///apps/staging/ or layer:///apps/production/"),
]
Credential = Annotated[str, PlainValidator(_credential), Kind("text", _CREDENTIAL)]
SecretCredential = Annotated[
    SecretStr, PlainValidator(lambda value: SecretStr(_credential(value))), Kind("secret", _CREDENTIAL, secret=True)
]
Secrets = Annotated[
    tuple[Annotated[SecretStr, PlainValidator(_secret)], ...],
    BeforeValidator(_listed),
    AfterValidator(_distinct),
    Kind("secret, or a list of them", "a text or a list of different ones, none blank", secret=True, many=True),
]
SecretOrNothing = Annotated[
    SecretStr,
    PlainValidator(_secret_or_nothing),
    Kind("secret", 'a text that is not blank, or "" for none', secret=True),
]
Statuses = Annotated[
    tuple[Annotated[str, _one_of("sent", "delivered")], ...],
    AfterValidator(_distinct),
    Kind('list of "sent", "delivered"', 'a list of "sent", "delivered" or both', many=True),
]
SignatureMethod = Annotated[
    str,
    _one_of("md5hash", "md5", "sha1", "sha256", "sha512"),
    Kind("name of a method", '"md5hash", "md5", "sha1", "sha256" or "sha512"'),
]
Switch = Annotated[bool, PlainValidator(_switch), Kind("true or false", "true or false")]
PathSecret = Annotated[
    SecretStr,
    PlainValidator(_path_secret),
    Kind("secret", 'letters, digits, "_" and "-", 16 to 64 of them, or "" for none', secret=True),
]
WhenUncertain = Annotated[
    str, _one_of("resend", "hold", "drop"), Kind("resend, hold or drop", '"resend", "hold" or "drop"')
]
PhoneNumbers = Annotated[
    tuple[Annotated[str, PlainValidator(_phone_number)], ...],
    AfterValidator(_distinct),
    Kind(
        "list of phone numbers",
        "a list of different numbers with country code, 7 to 15 digits; '+', blanks, hyphens and parentheses may stand "
        "between",
        many=True,
    ),
]
Region = Annotated[
    str, PlainValidator(_region), Kind("country", 'the two letters of a country (ISO 3166), such as "US"')
]
Segments = Annotated[int, PlainValidator(_segments), Kind("number", "a whole number from 1 to 20")]
_RATE = "0 for no limit, or a number from 0.01 to 1000"
Rate = Annotated[float, PlainValidator(_rate), Kind("number", _RATE)]
Rates = Annotated[
    Mapping[str, float],
    PlainValidator(_rates),
    Kind("table of numbers", f'a table such as {{"12015550101" = 10}}: phone numbers as above, and {_RATE} each'),
]
ApiUrl = Annotated[
    str, PlainValidator(lambda value: https_url(text(value))), Kind("URL", f"a URL: {_HTTPS}", betrayed_by="@?#")
]
ServerUrl = Annotated[
    str,
    PlainValidator(lambda value: server_root(text(value))),
    Kind("URL", f"a URL without a path: {_HTTPS}", betrayed_by="@?#"),
]
UrlPath = Annotated[
    str,
    PlainValidator(_path),
    Kind("path", "the path of a URL: letters, digits and '.', '_', '~', '-', with '/' between its parts"),
]
RedisUrl = Annotated[str, PlainValidator(_redis), Kind("URL", redis_url.ALLOWED, secret=True)]
Endpoint = Annotated[str, PlainValidator(lambda value: endpoint(text(value))), Kind("endpoint", _ENDPOINT)]
EndpointOrNothing = Annotated[
    str, PlainValidator(_endpoint_or_nothing), Kind("endpoint", f'{_ENDPOINT}, or "" for none')
]
Template = Annotated[
    str, PlainValidator(_template), Kind("template", "a Jinja2 template, or one of Underscore with <%= name %>")
]
Introduction = Annotated[
    str | Callable[..., Any],
    PlainValidator(_introduction),
    Kind("template or function", 'a template, "package.module:function", a Python function, or "" for none'),
]
Identities = Annotated[
    Literal["layer"] | Callable[..., Any],
    PlainValidator(_identities),
    Kind('"layer" or function', '"layer", "package.module:function" or a Python function'),
]
