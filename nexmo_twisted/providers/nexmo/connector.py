"""Nexmo, as the composition asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.connectors import SmsConnector
from nexmo_twisted.domain.delivery import CodeMeaning
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.ports import Metrics, SmsIntake, SmsProvider
from nexmo_twisted.providers.nexmo import receipt_codes, signatures
from nexmo_twisted.providers.nexmo.client import MAX_CHARACTERS, NexmoClient
from nexmo_twisted.providers.nexmo.parameters import Pairs
from nexmo_twisted.providers.nexmo.settings import NexmoSettings
from nexmo_twisted.providers.nexmo.webhooks import NexmoWebhooks
from nexmo_twisted.web.admission import Webhooks


class NexmoConnector:
    """``server_url`` is where this server is reached, ``path`` that of the webhooks there, without the secret part of
    the settings; ``wall`` gives seconds since the epoch."""

    name = "Nexmo"
    max_characters = MAX_CHARACTERS

    def __init__(self, settings: NexmoSettings, *, server_url: str, path: str, wall: Callable[[], float]) -> None:
        self._settings = settings
        self._wall = wall
        self._path = settings.webhook_path(path)
        self._receipt_url = settings.receipt_url(server_url, path)
        self._signature_secret = settings.signature_secret.get_secret_value()
        self.numbers = settings.phone_numbers
        self.inbound_url = f"{server_url}/{self._path}"
        self.signed = bool(self._signature_secret)
        self.redact = settings.path_secret.get_secret_value()

    @property
    def warning(self) -> str:
        if self.signed or self.redact:
            return ""
        return (
            "Nexmo webhooks: not verified, anyone who knows the URL can forge SMS and receipts; set "
            "nexmo.signature_secret (and enable signed webhooks at Vonage) or nexmo.path_secret"
        )

    def describe(self, code: int) -> CodeMeaning:
        return receipt_codes.describe(code)

    def provider(self, http: Http) -> SmsProvider:
        settings = self._settings
        sign = self._sign if settings.sign_outgoing else None
        secret = settings.secret.get_secret_value()
        return NexmoClient(
            http, api_url=settings.api_url, key=settings.key, secret=secret, callback=self._receipt_url, sign=sign
        )

    def webhooks(self, intake: SmsIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:
        check = self._check if self.signed else None
        return {self._path: NexmoWebhooks(intake, metrics, clock, check)}

    def _sign(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        settings = self._settings
        return signatures.signed(fields, settings.key, self._signature_secret, settings.signature_method, self._wall())

    def _check(self, pairs: Pairs) -> None:
        signatures.verify(pairs, self._signature_secret, self._settings.signature_method, self._wall())


_: type[SmsConnector] = NexmoConnector
