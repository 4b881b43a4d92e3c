"""Who users are: from the chat platform or the customer's function, remembered for five minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime

from nexmo_twisted.domain.model import Identity
from nexmo_twisted.engine.cache import Cache
from nexmo_twisted.engine.customer_functions import CustomerFunctions, where
from nexmo_twisted.errors import NexmoTwistedError, Permanent, Temporary
from nexmo_twisted.ports import ChatPlatform, IdentitySource
from nexmo_twisted.ports.store import NamedPhones


class PlatformIdentities:
    """The profiles that the chat platform keeps."""

    def __init__(self, chat: ChatPlatform) -> None:
        self._chat = chat

    async def identity(self, user_id: str) -> Identity:
        return Identity(user_id, await self._chat.identity(user_id))


class CustomIdentities:
    """The customer's own function: user id -> mapping with at least ``name`` and ``phone``, or None."""

    def __init__(self, functions: CustomerFunctions, function: Callable[[str], Any]) -> None:
        self._functions = functions
        self._function = function

    async def identity(self, user_id: str) -> Identity:
        """Raises Permanent("unknown_user") for None, Temporary for everything else that is no mapping or raises."""
        try:
            values = await self._functions.call(self._function, user_id)
        except NexmoTwistedError:
            raise
        except Exception as error:
            raise Temporary(f"the identities function raised {where(error)}") from error
        if values is None:
            raise Permanent("the identities function knows no such user", code="unknown_user")
        if not isinstance(values, Mapping):
            raise Temporary(f"the identities function returned {type(values).__name__}, not a mapping")
        return Identity(user_id, {"userId": user_id, **values})


class Identities:
    """Any source, with a memory: 1,000 users for five minutes, one question in flight for each."""

    def __init__(self, source: IdentitySource, clock: IReactorTime) -> None:
        self._cache: Cache[Identity] = Cache(source.identity, clock=clock)

    async def identity(self, user_id: str) -> Identity:
        return await self._cache.get(user_id)


class NamedIdentities:
    """The phones that the platform has named with its messages last, and any source for users without one.

    Also raises StoreUnavailable.
    """

    def __init__(self, named: NamedPhones, source: IdentitySource) -> None:
        self._named = named
        self._source = source

    async def identity(self, user_id: str) -> Identity:
        phone = await self._named.named_phone(user_id)
        return Identity(user_id, {"phone": phone}) if phone else await self._source.identity(user_id)


_: tuple[type[IdentitySource], ...] = (PlatformIdentities, CustomIdentities, Identities, NamedIdentities)
