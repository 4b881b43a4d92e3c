"""The memory of the simulated companies: the whole state of both as a value of JSON, and back.

Not in it is what is a setting, such as numbers, credentials, plans and switches, nor what is under way: webhooks that
wait for another attempt, delayed receipts, SMS counted for throttling. Everything is kept in its order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nexmo_twisted.sandbox.layer.simulator import Conversation, Message, SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import Webhook, bare
from nexmo_twisted.sandbox.nexmo.simulator import AcceptedSms, SimulatedNexmo, SmsSeen


@dataclass(frozen=True, slots=True)
class _Message:
    """A :class:`Message` with the id of its conversation."""

    id: str
    conversation: str
    parts: list[dict[str, Any]]
    user_id: str | None
    name: str | None
    sent_at: float
    recipient_status: dict[str, Literal["sent", "delivered", "read"]]
    deleted: bool


@dataclass(frozen=True, slots=True)
class _Layer:
    users: dict[str, dict[str, Any]]
    conversations: list[Conversation]
    messages: list[_Message]
    webhooks: list[Webhook]
    made: list[tuple[str, str, str]]  # path, UUID, id of the resource


@dataclass(frozen=True, slots=True)
class _Nexmo:
    inbound_urls: dict[str, str]
    threads: dict[str, list[SmsSeen]]
    sent: list[AcceptedSms]
    references: dict[str, int]
    long_texts: list[tuple[str, str, int]]  # handset, number, how many
    opted_out: list[tuple[str, str]]  # number, handset


@dataclass(frozen=True, slots=True)
class _Memory:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    version: Literal[1]
    layer: _Layer
    nexmo: _Nexmo


_MEMORY = TypeAdapter(_Memory)


def remember(layer: SimulatedLayer, nexmo: SimulatedNexmo) -> dict[str, Any]:
    """The state of both, the secrets of webhooks included. Raises ValueError when something in it is not JSON."""
    memory = _Memory(
        version=1,
        layer=_Layer(
            users=layer.users,
            conversations=list(layer.conversations.values()),
            messages=[_Message(**_members(each, each.conversation.id)) for each in layer.all_messages.values()],
            webhooks=list(layer.webhooks),
            made=[(*once, identifier) for once, identifier in layer.made.items()],
        ),
        nexmo=_Nexmo(
            inbound_urls={msisdn: number.inbound_url for msisdn, number in nexmo.numbers.items()},
            threads=nexmo.threads,
            sent=nexmo.sent,
            references=dict(nexmo.references),
            long_texts=[(*ends, count) for ends, count in nexmo.long_texts.items()],
            opted_out=sorted(nexmo.opted_out),
        ),
    )
    state: dict[str, Any] = _MEMORY.dump_python(memory, mode="json")
    return state


def restore(state: Mapping[str, Any], layer: SimulatedLayer, nexmo: SimulatedNexmo) -> None:
    """Put both into a state that was remembered, without webhooks. What they were in before is forgotten.

    Of the numbers those that the account still owns have their inbound URLs again; the webhooks become those of the app
    and the URL of now. Raises ValueError, and changes nothing, when that state is none of ours.
    """
    memory = _read(state)
    conversations = {bare(each.id): each for each in memory.layer.conversations}
    try:
        messages = {
            bare(each.id): Message(**_members(each, conversations[bare(each.conversation)]))
            for each in memory.layer.messages
        }
    except KeyError:
        raise _broken("a message of layer.messages is in no conversation") from None
    layer.users = memory.layer.users
    layer.conversations = conversations
    layer.all_messages = messages
    layer.webhooks.restore(memory.layer.webhooks)
    layer.made = {(path, uuid): identifier for path, uuid, identifier in memory.layer.made}
    for msisdn, url in memory.nexmo.inbound_urls.items():
        if msisdn in nexmo.numbers:
            nexmo.route_inbound(msisdn, url)
    nexmo.threads = memory.nexmo.threads
    nexmo.sent = memory.nexmo.sent
    nexmo.references = Counter(memory.nexmo.references)
    nexmo.long_texts = Counter({(handset, number): count for handset, number, count in memory.nexmo.long_texts})
    nexmo.opted_out = set(memory.nexmo.opted_out)


def _members(message: Message | _Message, conversation: object) -> dict[str, Any]:
    """The members of a message with another one for its conversation."""
    return {each.name: getattr(message, each.name) for each in fields(message)} | {"conversation": conversation}


def _read(state: Mapping[str, Any]) -> _Memory:
    try:
        return _MEMORY.validate_json(json.dumps(state))
    except ValidationError as error:
        # Only the names of our own members: what is below them are phone numbers and texts.
        where = ".".join(str(name) for name in error.errors()[0]["loc"][:2])
        raise _broken(f"{where or 'all of it'} is not what it should be") from None
    except (TypeError, ValueError, RecursionError):
        raise _broken("it is not JSON") from None


def _broken(reason: str) -> ValueError:
    return ValueError(f"what the sandbox remembered cannot be restored: {reason}")
