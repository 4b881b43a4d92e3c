"""What tests, benchmarks and the sandbox put around the parts of the service, and the times that they change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nexmo_twisted.ports import ChatPlatform, SmsProvider
from nexmo_twisted.ports.store import Store
from nexmo_twisted.store.protocol import REPLY_TIMEOUT

Port = TypeVar("Port")


def _as_it_is(port: Port) -> Port:
    return port


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorators:
    """Each gets a port as the service has built it, and returns what is used in its place: what observes it, say."""

    store: Callable[[Store], Store] = _as_it_is
    chat: Callable[[ChatPlatform], ChatPlatform] = _as_it_is
    provider: Callable[[SmsProvider], SmsProvider] = _as_it_is


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Times that only tests change.

    ``lease``: milliseconds until what a process has claimed may be claimed by another; longer than anything we do with
    it, and so than ``chat_timeout`` and ``provider_timeout``, seconds for a whole exchange with either side.
    ``between_pipelined``: seconds between two requests of one connection that did not wait for an answer, so that
    others come first. ``redis_timeout``: seconds of the reactor for one command of Redis.
    """

    lease: int = 90_000
    chat_timeout: float = 10.0
    provider_timeout: float = 30.0
    between_pipelined: float = 0.001
    redis_timeout: float = REPLY_TIMEOUT


AS_THEY_ARE, AS_EVER = Decorators(), Tuning()
