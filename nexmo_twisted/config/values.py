"""The kinds of values that settings hold: how each is checked, what it becomes, and how it is spoken of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr

from nexmo_twisted import durations
from nexmo_twisted.config import validators
from nexmo_twisted.config.urls import endpoint, https_url, server_root
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


_HTTPS = "https, or http for this machine itself (localhost, 127.0.0.0/8, [::1]); no user name, query or fragment"
_CREDENTIAL = "visible ASCII characters without spaces"
_ENDPOINT = (
    "a Twisted endpoint description, such as tcp:8080, ssl:443:privateKey=key.pem:certKey=cert.pem, unix:/path or "
)
_ENDPOINT += "systemd:domain=INET:index=0"

Text = Annotated[str, PlainValidator(validators.text), Kind("text", "a text that is not blank")]
Platform = Annotated[
    str, validators.one_of("layer", "webhook"), Kind("layer or webhook", '"layer" or "webhook" (a chat of your own)')
]
WhenExhausted = Annotated[str, validators.one_of("skip", "oldest"), Kind("skip or oldest", '"skip" or "oldest"')]
OptOut = Annotated[str, validators.one_of("service", "provider", "off"), Kind("who", '"service", "provider" or "off"')]
Words = Annotated[
    tuple[Annotated[str, PlainValidator(validators.opt_out_word)], ...],
    BeforeValidator(validators.listed),
    Kind("list of texts", "a list of texts, none blank", many=True),
]
TextOrNothing = Annotated[
    str,
    PlainValidator(lambda value: "" if value == "" else validators.text(value)),
    Kind("text", 'a text that is not blank, or "" for none'),
]
Duration = Annotated[int, PlainValidator(validators.duration), Kind("duration", durations.ALLOWED)]
Credential = Annotated[str, PlainValidator(validators.credential), Kind("text", _CREDENTIAL)]
SecretCredential = Annotated[
    SecretStr,
    PlainValidator(lambda value: SecretStr(validators.credential(value))),
    Kind("secret", _CREDENTIAL, secret=True),
]
Secrets = Annotated[
    tuple[Annotated[SecretStr, PlainValidator(validators.secret)], ...],
    BeforeValidator(validators.listed),
    AfterValidator(validators.distinct),
    Kind("secret, or a list of them", "a text or a list of different ones, none blank", secret=True, many=True),
]
SecretOrNothing = Annotated[
    SecretStr,
    PlainValidator(validators.secret_or_nothing),
    Kind("secret", 'a text that is not blank, or "" for none', secret=True),
]
Statuses = Annotated[
    tuple[Annotated[str, validators.one_of("sent", "delivered")], ...],
    AfterValidator(validators.distinct),
    Kind('list of "sent", "delivered"', 'a list of "sent", "delivered" or both', many=True),
]
Switch = Annotated[bool, PlainValidator(validators.switch), Kind("true or false", "true or false")]
WhenUncertain = Annotated[
    str, validators.one_of("resend", "park", "drop"), Kind("resend, park or drop", '"resend", "park" or "drop"')
]
PhoneNumbers = Annotated[
    tuple[Annotated[str, PlainValidator(validators.phone_number)], ...],
    AfterValidator(validators.distinct),
    Kind(
        "list of phone numbers",
        "a list of different numbers with country code, 7 to 15 digits; '+', spaces, hyphens and parentheses may stand "
        "between",
        many=True,
    ),
]
Region = Annotated[
    str, PlainValidator(validators.region), Kind("country", 'the two letters of a country (ISO 3166), such as "US"')
]
Segments = Annotated[int, PlainValidator(validators.segments), Kind("number", "a whole number from 1 to 20")]
_RATE = "0 for no limit, or a number from 0.01 to 1000"
Rate = Annotated[float, PlainValidator(validators.rate), Kind("number", _RATE)]
Rates = Annotated[
    Mapping[str, float],
    PlainValidator(validators.rates),
    Kind("table of numbers", f'a table such as {{"12015550101" = 10}}: phone numbers as above, and {_RATE} each'),
]
ApiUrl = Annotated[
    str,
    PlainValidator(lambda value: https_url(validators.text(value))),
    Kind("URL", f"a URL: {_HTTPS}", betrayed_by="@?#"),
]
ServerUrl = Annotated[
    str,
    PlainValidator(lambda value: server_root(validators.text(value))),
    Kind("URL", f"a URL without a path: {_HTTPS}", betrayed_by="@?#"),
]
UrlPath = Annotated[
    str,
    PlainValidator(validators.path),
    Kind("path", "the path of a URL: letters, digits and '.', '_', '~', '-', with '/' between its parts"),
]
RedisUrl = Annotated[str, PlainValidator(validators.redis), Kind("URL", redis_url.ALLOWED, secret=True)]
RedisPrefix = Annotated[
    str,
    PlainValidator(validators.redis_prefix),
    Kind(
        "text",
        "letters, digits, '_', '-' and '.', then ':', 64 characters at most; a part of them may stand in braces, as in "
        '"{chat1}:"',
    ),
]
Endpoint = Annotated[str, PlainValidator(lambda value: endpoint(validators.text(value))), Kind("endpoint", _ENDPOINT)]
EndpointOrNothing = Annotated[
    str, PlainValidator(validators.endpoint_or_nothing), Kind("endpoint", f'{_ENDPOINT}, or "" for none')
]
Hosts = Annotated[
    tuple[Annotated[str, PlainValidator(validators.host)], ...],
    BeforeValidator(validators.listed),
    Kind("list of names", 'a list of host names such as "ops.example.com", without a port', many=True),
]
Identities = Annotated[
    Literal["platform"] | Callable[..., Any],
    PlainValidator(validators.identities),
    Kind('"platform" or function', '"platform", "package.module:function" or a Python function'),
]
