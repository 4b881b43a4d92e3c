"""Every setting once: its type, its default and one sentence about it; from a TOML file, the environment and arguments.

:func:`load` is what programs and ``.tac`` files call. What it returns is frozen and checked through and through:
durations are whole milliseconds, secrets do not print, functions are imported, templates compile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo
from twisted.logger import Logger

from nexmo_twisted.config import values
from nexmo_twisted.config.errors import keys, line, lines, table
from nexmo_twisted.config.sources import elsewhere, gather
from nexmo_twisted.domain.rate_limits import Limits
from nexmo_twisted.errors import ConfigurationError

_log = Logger()


def _setting(sentence: str, default: Any = ..., **more: Any) -> Any:
    """A field whose default is written as in TOML and checked like any other value; without one it is required."""
    return Field(default, description=sentence, validate_default=True, **more)


class _Table(BaseModel):
    # A ValidationError would quote values, and so does its input; :func:`load` tells faults itself.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


#: Characters that the URL for delivery receipts may have (Vonage SMS API, ``callback``).
LONGEST_CALLBACK = 100


class LayerSettings(_Table):
    """The account at Layer."""

    app_id: values.AppId = _setting("The application at Layer.")
    token: values.SecretCredential = _setting("Bearer token of Layer's Platform API.")
    secret: values.Secrets = _setting(
        "Signs Layer's webhooks; several allow rotation: the first one registers, all are accepted."
    )
    api_url: values.ApiUrl = _setting("Where Layer's Platform API is.", "https://api.layer.com")


class ServerSettings(_Table):
    """Where this server is reached and where it keeps what it knows."""

    url: values.ServerUrl = _setting("Where Layer and Nexmo reach this server, without a path.")
    listen: values.Endpoint = _setting(
        "The Twisted endpoint on which webhooks arrive: `tcp:`, `ssl:`, `unix:` or `systemd:`.", "tcp:8080"
    )
    redis: values.RedisUrl = _setting(
        'Where Redis is: `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or, for one of our own, `"embedded"`.',
        "redis://localhost:6379/0",
        repr=False,
    )
    layer_path: values.UrlPath = _setting("Path of the URL for Layer's webhooks.", "nexmo-new-message")
    nexmo_path: values.UrlPath = _setting(
        "Path of the URL for inbound SMS; receipts come to `<nexmo_path>/receipt`.", "nexmo-new-sms"
    )

    @field_validator("nexmo_path")
    @classmethod
    def _apart(cls, path: str, info: ValidationInfo) -> str:
        other = info.data.get("layer_path")  # absent when it has a fault of its own
        if other is not None and f"{path}/".startswith(f"{other}/"):
            raise ValueError("it is the same as server.layer_path or beneath it")
        if other is not None and f"{other}/".startswith(f"{path}/"):
            raise ValueError("server.layer_path is beneath it")
        return path


class NexmoSettings(_Table):
    """The account at Nexmo."""

    key: values.Credential = _setting("The API key of the account at Nexmo.")
    secret: values.SecretCredential = _setting("The API secret that belongs to the key.")
    phone_numbers: values.PhoneNumbers = _setting(
        "The numbers of the account that texts are sent from and answered to."
    )
    api_url: values.ApiUrl = _setting("Where Nexmo's API is.", "https://rest.nexmo.com")
    signature_secret: values.SecretOrNothing = _setting("If set, inbound SMS and receipts must be signed with it.", "")
    signature_method: values.SignatureMethod = _setting(
        "How they are signed: md5hash, md5, sha1, sha256 or sha512, as in the account's settings.", "md5hash"
    )
    sign_outgoing: values.Switch = _setting(
        "Sign SMS with `nexmo.signature_secret` instead of sending `nexmo.secret` with them.", False
    )
    path_secret: values.PathSecret = _setting(
        "A secret part of the URLs that Nexmo posts to, for accounts without signed webhooks.", ""
    )

    @field_validator("sign_outgoing")
    @classmethod
    def _signable(cls, sign: bool, info: ValidationInfo) -> bool:
        secret = info.data.get("signature_secret")  # absent when it has a fault of its own
        if sign and secret is not None and not secret.get_secret_value():
            raise ValueError("it needs nexmo.signature_secret")
        return sign


class LimitSettings(_Table):
    """How many SMS a second go out, over all processes."""

    per_account: values.Rate = _setting("SMS a second of the whole account; 0 for no limit.", 30)
    per_number: values.Rate = _setting(
        "SMS a second of each number of the US or Canada that is not toll-free; 0 for no limit.", 1
    )
    overrides: values.Rates = _setting(
        "Numbers with another limit of their own; in the environment it is JSON.",
        {},
    )

    @property
    def limits(self) -> Limits:
        """As the engine has them."""
        return Limits(self.per_account, self.per_number, self.overrides)


class SmsSettings(_Table):
    """How SMS are sent and answered, whichever company sends them."""

    max_segments: values.Segments = _setting("How many segments of an SMS one text may fill; the rest is cut.", 6)
    receipt_timeout: values.Duration = _setting(
        "How long an SMS of unknown outcome waits for its delivery receipt.", "10 minutes"
    )
    when_uncertain: values.WhenUncertain = _setting(
        "What happens to an SMS of unknown outcome without a receipt: resend (once, if still unread), park (a dead "
        "letter, for you to decide) or drop.",
        "resend",
    )
    when_exhausted: values.WhenExhausted = _setting(
        "What happens when no number is free for a handset: skip (nothing is sent) or oldest (the number of the "
        "conversation that has been idle longest is used).",
        "skip",
    )
    concat_timeout: values.Duration = _setting(
        "How long the service waits for the next part of a long reply; then it posts the parts that arrived.",
        "60 seconds",
    )
    opt_out: values.OptOut = _setting(
        "Who honours STOP: service (we do), provider (Opt-Out Assist or a toll-free number's carrier; we only block "
        "after receipt code 9) or off.",
        "service",
    )
    opt_out_words: values.Words = _setting("Words for STOP in further languages.", [])
    no_thread_text: values.TextOrNothing = _setting(
        "The answer to a reply that belongs to no conversation, once a day to a phone that was texted before; "
        '`""` for none.',
        "This thread has ended. Please answer in the app.",
    )
    limits: LimitSettings = Field(default_factory=LimitSettings)


class OperatorSettings(_Table):
    """What operators look at."""

    listen: values.EndpointOrNothing = _setting(
        'The Twisted endpoint for health and metrics, never a public one; `""` for none.',
        "tcp:8081:interface=127.0.0.1",
    )
    hosts: values.Hosts = _setting(
        "Names under which operators reach it, besides loopback and, unless it listens on loopback, IP addresses.", []
    )


class Settings(_Table):
    """All settings of one service. Durations are milliseconds."""

    platform: values.Platform = _setting("The chat platform; only its own section is required.", "layer")
    name: values.Text = _setting("Name under which the webhook is registered at Layer.", "Nexmo Integration")
    delay: values.Duration = _setting("How long a message may stay unread before it is texted.")
    report_on_status: values.Statuses = _setting(
        "The states of a recipient that justify a text.", ["sent", "delivered"]
    )
    number_expiration_time: values.Duration = _setting(
        "Inactivity after which the link between a conversation and a number ends.", "1 week"
    )
    template: values.Template = _setting(
        "What a text says: Jinja2, or Underscore with `<%= sender.name %>`.", "{{ sender.name }}: {{ text }}"
    )
    introduce_conversation: values.Introduction = _setting(
        "What comes before the first text of a conversation: a template, `package.module:function`, or nothing.", ""
    )
    identities: values.Identities = _setting(
        "Where names and phones of users come from: the chat platform, or `package.module:function` with a user id as "
        "argument.",
        "platform",
    )
    default_region: values.Region = _setting("The country of phone numbers written without a country code.", "US")
    expire_after: values.Duration = _setting(
        "How long after it fell due a text is still tried, suspended time not counted.", "24 hours"
    )
    layer: LayerSettings
    server: ServerSettings
    nexmo: NexmoSettings
    sms: SmsSettings = Field(default_factory=SmsSettings)
    operator: OperatorSettings = Field(default_factory=OperatorSettings)

    @property
    def nexmo_webhook_path(self) -> str:
        """The path, below ``server.url``, that inbound SMS are posted to; receipts come to ``/receipt`` beneath it."""
        secret = self.nexmo.path_secret.get_secret_value()
        return f"{self.server.nexmo_path}/{secret}" if secret else self.server.nexmo_path

    @property
    def receipt_url(self) -> str:
        """Where Nexmo posts what became of an SMS."""
        return f"{self.server.url}/{self.nexmo_webhook_path}/receipt"


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Settings:
    """The settings of the TOML file at ``path``, of the environment, and of ``overrides``; the later counts more, and
    ``defaults`` count less than all of them.

    ``environ`` is ``os.environ`` unless given. In it, ``NEXMO_TWISTED__LAYER__TOKEN`` stands for ``layer.token`` and
    ``NEXMO_TWISTED__LAYER__TOKEN_FILE`` for a file that holds this secret; a list is JSON or separated by commas, so
    that a ``layer.secret`` with a comma in it must be written as JSON. Between file and these come the variables of
    the Node service's example: LAYER_APP_ID, LAYER_BEARER_TOKEN, NEXMO_KEY, NEXMO_SECRET, NEXMO_NUMBERS, REDIS_URL;
    HOST and WEBHOOK_PORT for ``server.url``; PORT, else WEBHOOK_PORT, for ``server.listen``, which with HOST alone
    defaults to ``tcp:443``. HOST and PORT, which some shells and containers set on their own, count only beside another
    one of these. The log says once where each setting that does not stand in the file came from.

    ``overrides`` are keys of the top level; tables are mappings, which are merged: ``sms={"max_segments": 2}``.
    ``identities`` and ``introduce_conversation`` may be Python functions.

    Raises ConfigurationError with one line for each fault, all at once. No line holds a secret.
    """
    known = list(keys(Settings))
    gathered = gather(path, os.environ if environ is None else environ, overrides, known, defaults)
    for name, field in Settings.model_fields.items():
        if table(field):
            gathered.values.setdefault(name, {})  # so that what is missing in it is told key by key
    settings = None
    faults = list(gathered.faults)
    try:
        settings = Settings.model_validate(gathered.values)
    except ValidationError as error:
        faults.extend(lines(error, Settings, gathered.origins, gathered.told))
    if settings is not None:
        faults.extend(_contradictions(settings, gathered.origins))
    if faults or settings is None:
        raise ConfigurationError(faults)
    for told in elsewhere(gathered, known, path):
        _log.info("{told}", told=told)
    return settings


def _contradictions(settings: Settings, origins: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """One line for each value that does not fit others."""
    if len(settings.receipt_url) > LONGEST_CALLBACK:
        yield line(
            "server.nexmo_path",
            origins.get(("server", "nexmo_path"), ""),
            f"the URL for receipts, made of server.url, this path, nexmo.path_secret and /receipt, has "
            f"{len(settings.receipt_url)} characters",
            allowed=f"{LONGEST_CALLBACK}, which is what Nexmo takes",
        )
    for number in settings.sms.limits.overrides:
        if number not in settings.nexmo.phone_numbers:
            where = ("sms", "limits", "overrides")
            yield line(
                ".".join(where), origins.get(where, ""), f"found {number}", allowed="numbers of nexmo.phone_numbers"
            )


def settings_table() -> str:
    """All settings as a Markdown table: key, type, default as in TOML, and what it is for."""
    rows = ["| key | type | default | what it is for |", "|---|---|---|---|"]
    for key in keys(Settings):
        default = "required" if key.field.is_required() else f"`{_toml(key.field.default)}`"
        cells = (f"`{key.name}`", key.kind.name, default, key.sentence)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _toml(value: object) -> str:
    """JSON's texts, numbers and lists are TOML's, too."""
    return json.dumps(value, ensure_ascii=False)
