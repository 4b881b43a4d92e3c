"""Every setting once: its type, its default and one sentence about it. The model of the settings of a platform or
provider is in its package."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from nexmo_twisted.config import values
from nexmo_twisted.config.fields import Table, setting
from nexmo_twisted.config.template_values import IntroductionValue, TemplateValue
from nexmo_twisted.domain.rate_limits import Limits
from nexmo_twisted.platforms.layer.settings import LayerSettings
from nexmo_twisted.platforms.webhook.settings import WebhookSettings
from nexmo_twisted.providers.nexmo.settings import PER_ACCOUNT, PER_NUMBER, NexmoSettings
from nexmo_twisted.store.schema import PREFIX


class ServerSettings(Table):
    """Where this server is reached and where it keeps what it knows."""

    url: values.ServerUrl = setting("Where the chat platform and Nexmo reach this server, without a path.")
    listen: values.Endpoint = setting(
        "The Twisted endpoint on which webhooks arrive: `tcp:`, `ssl:`, `unix:` or `systemd:`.", "tcp:8080"
    )
    redis: values.RedisUrl = setting(
        'Where Redis is: `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or, for one of our own, `"embedded"`.',
        "redis://localhost:6379/0",
        repr=False,
    )
    redis_prefix: values.RedisPrefix = setting(
        "What all keys in Redis begin with. Several applications on one Redis each need another one; a Redis Cluster "
        'needs a hash tag in it, such as `"{chat1}:"`.',
        PREFIX,
    )
    layer_path: values.UrlPath = setting("Path of the URL for Layer's webhooks.", "nexmo-new-message")
    nexmo_path: values.UrlPath = setting(
        "Path of the URL for inbound SMS; receipts come to `<nexmo_path>/receipt`.", "nexmo-new-sms"
    )

    @field_validator("nexmo_path")
    @classmethod
    def _apart(cls, path: str, info: ValidationInfo) -> str:
        other = info.data.get("layer_path")  # absent when it has a fault of its own
        if other is not None and f"{path}/".startswith(f"{other}/"):
            raise ValueError("same as server.layer_path or below it")
        if other is not None and f"{other}/".startswith(f"{path}/"):
            raise ValueError("server.layer_path is below it")
        return path


class LimitSettings(Table):
    """How many SMS a second go out, over all processes."""

    per_account: values.Rate = setting("SMS a second of the whole account; 0 for no limit.", PER_ACCOUNT)
    per_number: values.Rate = setting(
        "SMS a second of each number of the US or Canada that is not toll-free; 0 for no limit.", PER_NUMBER
    )
    overrides: values.Rates = setting(
        "Numbers with another limit of their own; in the environment it is JSON.",
        {},
    )

    @property
    def limits(self) -> Limits:
        """As the engine has them."""
        return Limits(self.per_account, self.per_number, self.overrides)


class SmsSettings(Table):
    """How SMS are sent and answered, whichever provider sends them."""

    max_segments: values.Segments = setting("How many segments of an SMS one text may fill; the rest is cut.", 6)
    receipt_timeout: values.Duration = setting(
        "How long an SMS of unknown outcome waits for its delivery receipt.", "10 minutes"
    )
    when_uncertain: values.WhenUncertain = setting(
        "What happens to an SMS of unknown outcome without a receipt: resend (once, if still unread), park (a dead "
        "letter, for you to decide) or drop.",
        "resend",
    )
    when_exhausted: values.WhenExhausted = setting(
        "What happens when no number is free for a handset: skip (nothing is sent) or oldest (the number of the "
        "conversation that has been idle longest is used).",
        "skip",
    )
    concat_timeout: values.Duration = setting(
        "How long the service waits for the next part of a long reply; then it posts the parts that arrived.",
        "60 seconds",
    )
    opt_out: values.OptOut = setting(
        "Who honours STOP: service (we do), provider (Opt-Out Assist or a toll-free number's carrier; we only block "
        "after receipt code 9) or off.",
        "service",
    )
    opt_out_words: values.Words = setting("Words for STOP in further languages.", [])
    no_thread_text: values.TextOrNothing = setting(
        "The answer to a reply that belongs to no conversation, once a day to a phone that got an SMS before; "
        '`""` for none.',
        "This thread has ended. Please answer in the app.",
    )
    limits: LimitSettings = Field(default_factory=LimitSettings)


class OperatorSettings(Table):
    """What operators look at."""

    listen: values.EndpointOrNothing = setting(
        'The Twisted endpoint for health and metrics, never a public one; `""` for none.',
        "tcp:8081:interface=127.0.0.1",
    )
    hosts: values.Hosts = setting(
        "Names under which operators reach it, besides loopback and, unless it listens on loopback, IP addresses.", []
    )


class Settings(Table):
    """All settings of one service. Durations are milliseconds."""

    platform: values.Platform = setting("The chat platform; only its own section is required.", "layer")
    name: values.Text = setting("Name under which the webhook is registered at Layer.", "Nexmo Integration")
    delay: values.Duration = setting("How long a message may stay unread before an SMS is sent.")
    report_on_status: values.Statuses = setting("The states of a recipient that justify a text.", ["sent", "delivered"])
    number_expiration_time: values.Duration = setting(
        "Inactivity after which the link between a conversation and a number ends.", "1 week"
    )
    template: TemplateValue = setting(
        "What a text says: Jinja2, or Underscore with `<%= sender.name %>`.", "{{ sender.name }}: {{ text }}"
    )
    introduce_conversation: IntroductionValue = setting(
        "What comes before the first text of a conversation: a template, `package.module:function`, or nothing.", ""
    )
    identities: values.Identities = setting(
        "Where names and phones of users come from: the chat platform, or `package.module:function` with a user id as "
        "argument.",
        "platform",
    )
    default_region: values.Region = setting("The country of phone numbers written without a country code.", "US")
    expire_after: values.Duration = setting(
        "How long after it fell due a text is still tried, suspended time not counted.", "24 hours"
    )
    layer: LayerSettings | None = None
    webhook: WebhookSettings | None = None
    server: ServerSettings
    nexmo: NexmoSettings
    sms: SmsSettings = Field(default_factory=SmsSettings)
    operator: OperatorSettings = Field(default_factory=OperatorSettings)
