"""Fakes of the chat platform, the SMS provider and everything else but the store, for the tests of single stages.

Each notes what it is asked, in the order of the calls, and answers at once what it was told to. They fail where a stage
does what its port forbids.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from twisted.internet.defer import Deferred

from nexmo_twisted.domain.model import (
    ChatMessage,
    Identity,
    Outcome,
    OwnedNumber,
    Sms,
    Status,
    Verdict,
)
from nexmo_twisted.errors import Permanent
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.ports import ChatPlatform, IdentitySource, Introduction, Metrics, SmsProvider, Template

#: What was called, and with what, in order: a test gives the same list to all its fakes.
Calls = list[tuple[Any, ...]]


class Fake:
    """What all have in common. A method that fails has done nothing."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self._errors: dict[str, deque[BaseException]] = {}
        self._held: dict[str, Deferred[None]] = {}

    def fail(self, method: str, *errors: BaseException) -> None:
        """The next calls of that method raise these."""
        self._errors[method] = deque(errors)

    def hold(self, method: str) -> Deferred[None]:
        """The next call of that method waits for this."""
        self._held[method] = Deferred()
        return self._held[method]

    async def note(self, method: str, *arguments: Any) -> None:
        self.calls.append((method, *arguments))
        if method in self._held:
            await self._held.pop(method)
        self.check_errors(method)

    def check_errors(self, method: str) -> None:
        if errors := self._errors.get(method):
            raise errors.popleft()


def flags(**given: bool) -> list[str]:
    """The names of those that are set."""
    return [name for name, value in given.items() if value]


class FakeChat(Fake):
    """``text`` and ``values`` are what is read of every message, ``profiles`` and ``with_it`` (the conversation) come
    with it; ``done`` is what registering takes."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.text = "Hello"
        self.values: Mapping[str, Any] = {}
        self.about: Mapping[str, Any] = {"id": "c-1"}
        self.done: Sequence[str] = ()
        self.profiles: Mapping[str, Mapping[str, Any]] = {}
        self.with_it: Mapping[str, Any] | None = None

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        await self.note("identity", user_id)
        return {"userId": user_id}

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        await self.note("conversation", conversation_id)
        return self.about

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        if not text.strip():
            raise AssertionError("nothing to post")
        await self.note("post", conversation_id, user_id, text, once)

    async def ensure_registered(self) -> Sequence[str]:
        await self.note("ensure_registered")
        return self.done

    def read_payload(
        self, payload: str, *, message_id: str, conversation_id: str, sender: str, statuses: Mapping[str, Status]
    ) -> ChatMessage:
        del message_id, conversation_id, sender
        if not payload or not statuses:
            raise AssertionError("the message is gone")
        return ChatMessage(self.text, self.values, self.profiles, self.with_it)


class FakeProvider(Fake):
    """``outcome`` is that of every SMS; ``sent`` are those that were handed over."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.outcome = Outcome(verdict=Verdict.ACCEPTED, reason="")
        self.sent: list[Sms] = []
        self.owned: list[OwnedNumber] = []

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        if until is None:
            raise AssertionError("an SMS goes out within its lease")
        self.sent.append(sms)
        await self.note("send", sms.sender, sms.to, sms.text)
        return self.outcome

    async def numbers(self) -> Sequence[OwnedNumber]:
        await self.note("numbers")
        return self.owned

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        if number not in self.owned:
            raise AssertionError("not a number of the account")
        await self.note("route_inbound", number.msisdn, url)


class FakeIdentities(Fake):
    """``known`` are the profiles by user; others are unknown. ``fail`` also takes a user for a method."""

    def __init__(self, calls: Calls, **known: Mapping[str, Any]) -> None:
        super().__init__(calls)
        self.known = known

    async def identity(self, user_id: str) -> Identity:
        await self.note("identity", user_id)
        self.check_errors(user_id)
        if user_id not in self.known:
            raise Permanent("no such user", code="unknown_user")
        return Identity(user_id, self.known[user_id])


class FakeTemplate(Fake):
    """Renders ``text``, and keeps what it was given."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.names: Collection[str] = ()
        self.text = "Ann: Hello"
        self.context: Mapping[str, Any] = {}

    def render(self, context: Mapping[str, Any]) -> str:
        self.context = context
        self.check_errors("render")
        return self.text


class FakeIntroduction(Fake):
    """Introduces every conversation with ``text``."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.text = "You are in a chat."

    async def introduce(self, context: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
        del context
        await self.note("introduce", conversation)
        return self.text


class FakeMetrics:
    """What was counted and observed. Fails for a counter, or the value of a label, that is not declared."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()
        self.observed: list[tuple[str, float]] = []

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        if (name, *sorted(labels)) not in _declared():
            raise AssertionError(f"no such counter is declared: {name} {labels}")
        if amount <= 0:
            raise AssertionError("counters only rise")
        self.counted[name, *labels] += amount

    def observe(self, name: str, seconds: float) -> None:
        self.observed.append((name, seconds))


@cache
def _declared() -> frozenset[tuple[str, ...]]:
    """The counters of the metrics page with the values of their labels: all are there from the start."""
    found = re.findall(r"(?m)^nexmo_twisted_(\w+)_total(?:{(.*)})? 0.0$", PrometheusMetrics().page().decode())
    return frozenset((name, *sorted(re.findall('"([^"]*)"', labels))) for name, labels in found)


_chat: type[ChatPlatform] = FakeChat
_provider: type[SmsProvider] = FakeProvider
_identities: type[IdentitySource] = FakeIdentities
_template: type[Template] = FakeTemplate
_introduction: type[Introduction] = FakeIntroduction
_metrics: type[Metrics] = FakeMetrics
