"""The account at Layer, and what templates can say of Layer's messages."""

from __future__ import annotations

import re
import warnings
from typing import Annotated

from pydantic import PlainValidator

from nexmo_twisted.config import values
from nexmo_twisted.config.fields import Table, setting
from nexmo_twisted.config.validators import text

#: What templates can say of a message: the members of the Message object (Layer documentation, Webhooks and Client
#: API).
TEMPLATE_NAMES = frozenset(
    {
        *("id", "url", "conversation", "parts", "sent_at", "received_at", "updated_at", "position"),
        *("is_unread", "sender", "recipient_status"),
    }
)

_APP_ID = re.compile(
    r"(?:layer:///apps/(?:staging|production)/)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
    re.IGNORECASE,
)


def _app_id(value: object) -> str:
    found = _APP_ID.fullmatch(text(value))
    if found is None:
        raise ValueError
    return found[1].lower()


_AppId = Annotated[
    str,
    PlainValidator(_app_id),
    values.Kind("UUID", "a UUID, alone or behind layer:///apps/staging/ or layer:///apps/production/"),
]


# Classes have a method of that name from their metaclass, which no instance has.
warnings.filterwarnings("ignore", 'Field name "register" in "LayerSettings" shadows', UserWarning)


class LayerSettings(Table):
    """The account at Layer."""

    app_id: _AppId = setting("The application at Layer.")
    token: values.SecretCredential = setting("Bearer token of Layer's Platform API.")
    secret: values.Secrets = setting(
        "Signs Layer's webhooks; several allow rotation: the first one registers, all are accepted."
    )
    api_url: values.ApiUrl = setting("Where Layer's Platform API is.", "https://api.layer.com")

    register: values.Switch = setting(
        "Whether our webhook is registered through Layer's API; false for a backend without that.", True
    )

    @property
    def signing_secrets(self) -> tuple[bytes, ...]:
        """The keys of the signature of webhooks."""
        return tuple(secret.get_secret_value().encode() for secret in self.secret)
