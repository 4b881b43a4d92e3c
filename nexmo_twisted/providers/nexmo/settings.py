"""The account at Nexmo."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator, SecretStr, field_validator
from pydantic_core.core_schema import ValidationInfo

from nexmo_twisted.config import values
from nexmo_twisted.config.fields import Table, setting
from nexmo_twisted.config.validators import one_of, secret_or_nothing

#: SMS a second that Nexmo takes of an account, and of each number of the US or Canada that is not toll-free.
PER_ACCOUNT, PER_NUMBER = 30, 1

#: Characters that the URL for delivery receipts may have (Vonage SMS API, ``callback``).
LONGEST_CALLBACK = 100


def _path_secret(value: object) -> SecretStr:
    secret = secret_or_nothing(value).get_secret_value()
    if secret and not re.fullmatch("[A-Za-z0-9_-]{16,64}", secret):
        raise ValueError
    return SecretStr(secret)


_SignatureMethod = Annotated[
    str,
    one_of("md5hash", "md5", "sha1", "sha256", "sha512"),
    values.Kind("name of a method", '"md5hash", "md5", "sha1", "sha256" or "sha512"'),
]
_PathSecret = Annotated[
    SecretStr,
    PlainValidator(_path_secret),
    values.Kind("secret", 'letters, digits, "_" and "-", 16 to 64 of them, or "" for none', secret=True),
]


class NexmoSettings(Table):
    """The account at Nexmo."""

    key: values.Credential = setting("The API key of the account at Nexmo.")
    secret: values.SecretCredential = setting("The API secret that belongs to the key.")
    phone_numbers: values.PhoneNumbers = setting("The numbers of the account that texts are sent from and answered to.")
    api_url: values.ApiUrl = setting("Where Nexmo's API is.", "https://rest.nexmo.com")
    signature_secret: values.SecretOrNothing = setting("If set, inbound SMS and receipts must be signed with it.", "")
    signature_method: _SignatureMethod = setting(
        "How they are signed: md5hash, md5, sha1, sha256 or sha512, as in the account's settings.", "md5hash"
    )
    sign_outgoing: values.Switch = setting(
        "Sign SMS with `nexmo.signature_secret` instead of sending `nexmo.secret` with them.", False
    )
    path_secret: _PathSecret = setting(
        "A secret part of the URLs that Nexmo posts to, for accounts without signed webhooks.", ""
    )

    @field_validator("sign_outgoing")
    @classmethod
    def _signable(cls, sign: bool, info: ValidationInfo) -> bool:
        secret = info.data.get("signature_secret")  # absent when it has a fault of its own
        if sign and secret is not None and not secret.get_secret_value():
            raise ValueError("requires nexmo.signature_secret")
        return sign

    def webhook_path(self, path: str) -> str:
        """The path, below the URL of the server, that inbound SMS are posted to; ``path`` is ``server.nexmo_path``."""
        secret = self.path_secret.get_secret_value()
        return f"{path}/{secret}" if secret else path

    def receipt_url(self, server_url: str, path: str) -> str:
        """Where Nexmo posts what became of an SMS."""
        return f"{server_url}/{self.webhook_path(path)}/receipt"
