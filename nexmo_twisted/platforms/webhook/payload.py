"""What is kept of a message, in few bytes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pydantic_core import from_json

from nexmo_twisted.domain.compact_json import dump


@dataclass(frozen=True, slots=True)
class Person:
    """A person as an event names them. ``name`` is blank and ``phone`` None when it does not say; ``sms`` False: no
    texts."""

    name: str = ""
    phone: str | int | None = None
    sms: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """What an event says of a message. ``title`` and ``url`` are those of the conversation; blank for what is not
    said. ``people`` are the recipients, by user id."""

    text: str
    sent_at: str
    title: str
    url: str
    sender: Person
    people: Mapping[str, Person] = field(default_factory=dict)


def pack(message: Message) -> str:
    people = {user: _packed(person) for user, person in message.people.items()}
    return dump([message.text, message.sent_at, message.title, message.url, message.sender.name, people])


@lru_cache(4)  # its recipients have their turns together
def unpack(packed: str) -> Message:
    text, sent_at, title, url, sender, people = from_json(packed)
    return Message(
        text, sent_at, title, url, Person(sender), {user: _unpacked(person) for user, person in people.items()}
    )


def _packed(person: Person) -> list[str | int | None]:
    if not person.sms:
        return [person.name, 0]
    return [person.name] if person.phone is None else [person.name, person.phone]


def _unpacked(person: list[str]) -> Person:
    if len(person) == 1:
        return Person(person[0])
    return Person(person[0], person[1]) if person[1] else Person(person[0], sms=False)
