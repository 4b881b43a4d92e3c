"""A chat of one's own, as the composition asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.connectors import ChatConnector
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.platforms.webhook.client import COMPANY, ChatClient
from nexmo_twisted.platforms.webhook.platform import WebhookPlatform
from nexmo_twisted.platforms.webhook.settings import TEMPLATE_NAMES, WebhookSettings
from nexmo_twisted.platforms.webhook.signatures import Signatures
from nexmo_twisted.platforms.webhook.webhook import ChatWebhook
from nexmo_twisted.ports import ChatIntake, ChatPlatform, Metrics
from nexmo_twisted.web.admission import Webhooks


class WebhookConnector:
    """``region`` is the country of phones without a country code; ``wall`` gives seconds since the epoch."""

    name = COMPANY
    signed = True
    conversation_prefix = ""
    template_names = TEMPLATE_NAMES
    registers = False  #: the operator of the chat enters our URL there
    names_phones = True
    take_large = None

    def __init__(self, settings: WebhookSettings, *, region: str, wall: Callable[[], float]) -> None:
        self._settings = settings
        self._region = region
        self._signatures = Signatures(settings.secrets, wall)

    def platform(self, http: Http) -> ChatPlatform:
        return WebhookPlatform(ChatClient(http, self._settings.api_url, self._signatures))

    def webhooks(self, intake: ChatIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:
        endpoint = ChatWebhook(
            signatures=self._signatures, region=self._region, intake=intake, metrics=metrics, clock=clock
        )
        return {self._settings.path: endpoint}


_: type[ChatConnector] = WebhookConnector
