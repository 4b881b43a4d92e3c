"""The connection to a chat of one's own, and what templates can say of its messages."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr

from nexmo_twisted.config import values
from nexmo_twisted.config.fields import Table, setting
from nexmo_twisted.config.validators import distinct, listed
from nexmo_twisted.config.validators import secret as any_secret

#: What templates can say of a message.
TEMPLATE_NAMES = frozenset({"id", "sent_at"})

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes of a secret (Standard Webhooks 1.0.0, signature scheme)


def _secret(value: object) -> SecretStr:
    secret = any_secret(value)
    encoded = secret.get_secret_value()
    if encoded == _PREFIX + "...":
        raise ValueError('"whsec_..." is the placeholder of the example')
    if not encoded.startswith(_PREFIX):
        raise ValueError("it does not begin with whsec_")
    encoded = encoded.removeprefix(_PREFIX)
    try:
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError("not base64 behind whsec_") from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"it has {len(key)} bytes")
    return secret


_Secrets = Annotated[
    tuple[Annotated[SecretStr, PlainValidator(_secret)], ...],
    BeforeValidator(listed),
    AfterValidator(distinct),
    values.Kind(
        "secret, or a list of them",
        f"whsec_ and the base64 of {_SHORTEST} to {_LONGEST} bytes, or a list of different ones",
        secret=True,
        many=True,
    ),
]


class WebhookSettings(Table):
    """A chat of one's own (docs/own-chat.md)."""

    secret: _Secrets = setting(
        "Signs what your chat posts and what it gets, after Standard Webhooks; several allow rotation: the first one "
        "signs, all are accepted."
    )
    api_url: values.ApiUrl = setting("Where replies are posted to, and users and conversations looked up below.")
    path: values.UrlPath = setting("Path of the URL for the events of your chat.", "chat-events")

    @property
    def secrets(self) -> tuple[str, ...]:
        """As they are written."""
        return tuple(secret.get_secret_value() for secret in self.secret)
