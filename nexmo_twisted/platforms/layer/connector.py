"""Layer, as the composition asks for it."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.connectors import ChatConnector
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.platforms.layer.client import LayerClient
from nexmo_twisted.platforms.layer.ids import CONVERSATION
from nexmo_twisted.platforms.layer.large_bodies import LargeBodies
from nexmo_twisted.platforms.layer.platform import LayerPlatform
from nexmo_twisted.platforms.layer.settings import TEMPLATE_NAMES, LayerSettings
from nexmo_twisted.platforms.layer.webhook import LayerWebhook
from nexmo_twisted.ports import ChatIntake, ChatPlatform, Metrics
from nexmo_twisted.web.admission import Webhooks


class LayerConnector:
    """``webhook_name`` is the name under which our webhook is registered, ``server_url`` where this server is reached,
    and ``path`` that of the webhook there."""

    name = "Layer"
    signed = True
    conversation_prefix = CONVERSATION
    template_names = TEMPLATE_NAMES
    names_phones = False

    def __init__(self, settings: LayerSettings, *, webhook_name: str, server_url: str, path: str) -> None:
        self._settings = settings
        self._webhook_name = webhook_name
        self._url = f"{server_url}/{path}"
        self._path = path
        self.registers = settings.register
        self.take_large = LargeBodies(f"/{path.strip('/')}", secrets=settings.signing_secrets).begin

    def platform(self, http: Http) -> ChatPlatform:
        settings = self._settings
        client = LayerClient(
            http, api_url=settings.api_url, app_id=settings.app_id, token=settings.token.get_secret_value()
        )
        secret = settings.secret[0].get_secret_value()
        return LayerPlatform(client, name=self._webhook_name, url=self._url, secret=secret)

    def webhooks(self, intake: ChatIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:
        settings = self._settings
        api_root = f"{settings.api_url}/apps/{settings.app_id}"
        return {
            self._path: LayerWebhook(
                secrets=settings.signing_secrets, api_root=api_root, intake=intake, metrics=metrics, clock=clock
            )
        }


_: type[ChatConnector] = LayerConnector
