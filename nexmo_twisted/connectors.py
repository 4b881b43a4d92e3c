"""Connectors: what the composition needs from the package of a chat platform or of an SMS provider.

A connector has the settings of its platform or provider. It builds the port that the engine uses and the endpoints that
webhooks arrive at, and says what else the composition has to know.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.domain.delivery import CodeMeaning
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.ports import ChatIntake, ChatPlatform, Metrics, SmsIntake, SmsProvider
from nexmo_twisted.web.admission import Webhooks
from nexmo_twisted.web.body import TakeLarge


class ChatConnector(Protocol):
    """A chat platform. ``name`` is for people, such as "Layer"."""

    @property
    def name(self) -> str: ...

    @property
    def signed(self) -> bool:
        """Whether its webhooks are signed, so that no stranger can post them."""

    @property
    def conversation_prefix(self) -> str:
        """What the ids of its conversations begin with, before a UUID; blank if they have no such form."""

    @property
    def template_names(self) -> Collection[str]:
        """What templates can say of its messages, besides templates.compiled.COMMON_NAMES."""

    @property
    def registers(self) -> bool:
        """Whether our webhook is registered through its API."""

    @property
    def names_phones(self) -> bool:
        """Whether its events may name the phones of users, which then are theirs without a question."""

    @property
    def take_large(self) -> TakeLarge | None:
        """Takes the bodies of its webhooks that are too large to be read; None if it has none."""

    def platform(self, http: Http) -> ChatPlatform:
        """Its calls, made with ``http``."""

    def webhooks(self, intake: ChatIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:
        """Its endpoints, by the path of the URL."""


class SmsConnector(Protocol):
    """An SMS provider. ``name`` is for people, such as "Nexmo"."""

    @property
    def name(self) -> str: ...

    @property
    def signed(self) -> bool:
        """Whether its webhooks are signed, so that no stranger can post them."""

    @property
    def numbers(self) -> Sequence[str]:
        """The numbers that texts are sent from, in E.164 digits."""

    @property
    def inbound_url(self) -> str:
        """Where it is to deliver inbound SMS."""

    @property
    def max_characters(self) -> int:
        """The longest text of one request, in UTF-16 units."""

    @property
    def redact(self) -> str:
        """A secret part of the paths of its endpoints, which no log shows; blank for none."""

    @property
    def warning(self) -> str:
        """What an operator should know each time the service starts; blank for nothing."""

    def describe(self, code: int) -> CodeMeaning:
        """What a code in a delivery report means, and what to do about it; 0 is "no code"."""

    def provider(self, http: Http) -> SmsProvider:
        """Its calls, made with ``http``."""

    def webhooks(self, intake: SmsIntake, metrics: Metrics, clock: IReactorTime) -> Mapping[str, Webhooks]:
        """Its endpoints, by the path of the URL."""
