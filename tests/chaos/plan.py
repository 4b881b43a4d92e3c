"""What will happen, drawn from a seed: who talks with whom, what they write, who reads it, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

CIRCLE = 6  #: users of one circle talk with each other and with nobody else

READ_IN_TIME = 0.25  #: of all recipients
READ_LATE = 0.03  #: of all recipients: after it fell due
DELIVERED = 0.1  #: of all recipients: one more event that changes nothing
DELETED = 0.02  #: of all messages, before they fall due
LONG = 0.03  #: of all messages: two SMS long
EMOJI = 0.05  #: of all messages


@dataclass(frozen=True, slots=True)
class Form:
    """The size of a run. Durations are in seconds; ``storms`` is how many of each kind there are.

    ``doubled`` is how many SMS may go out twice with receipts on: when a process dies with the answer, and all attempts
    to deliver the receipt fail until the time for it is over.
    """

    messages: int
    replies: int
    users: int
    seconds: float
    kills: int
    stops: int
    redis_kills: int
    redis_pauses: int
    storms: int
    storm_seconds: float
    doubled: int
    deadline: float


LONG_FORM = Form(
    messages=10_000,
    replies=2_000,
    users=240,
    seconds=540,
    kills=100,
    stops=3,
    redis_kills=3,
    redis_pauses=3,
    storms=2,
    storm_seconds=5,
    doubled=5,
    deadline=1_200,
)
SHORT_FORM = Form(
    messages=1_000,
    replies=200,
    users=48,
    seconds=55,
    kills=20,
    stops=2,
    redis_kills=1,
    redis_pauses=1,
    storms=1,
    storm_seconds=2.5,
    doubled=2,
    deadline=170,
)


@dataclass(frozen=True, slots=True)
class Cast:
    """Phones of users in E.164 digits, and the participants of each conversation."""

    phones: Mapping[str, str]
    conversations: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One message, ``at`` seconds after the beginning. The other times are seconds after that, by user."""

    at: float
    conversation: int
    sender: str
    text: str
    delivered: Mapping[str, float]
    read: Mapping[str, float]
    deleted: float | None


def assemble(random: Random, users: int) -> Cast:
    """Circles that share nothing with each other; in each, couples and threesomes, and two users with one handset."""
    phones: dict[str, str] = {}
    conversations: list[list[str]] = []
    for first in range(0, users, CIRCLE):
        circle = [f"u{number:03d}" for number in range(first, first + CIRCLE)]
        phones |= {user: f"1{212 + int(user[1:]) // 100}55501{int(user[1:]) % 100:02d}" for user in circle}
        phones[circle[-1]] = phones[circle[0]]
        conversations += [random.sample(circle, 2) for _ in range(5)]
        conversations += [random.sample(circle, 3) for _ in range(3)]
    return Cast(phones, conversations)


def write(random: Random, cast: Cast, form: Form, delay: float) -> list[Line]:
    """All messages in the order of their times. They come in volleys, so that several wait for one recipient."""
    volleys: list[tuple[float, int, str]] = []
    while len(volleys) < form.messages:
        at, conversation = random.random() * form.seconds, random.randrange(len(cast.conversations))
        for _ in range(min(random.randint(1, 5), form.messages - len(volleys))):
            volleys.append((at, conversation, random.choice(cast.conversations[conversation])))
            at += random.uniform(0.03, 0.4)
    volleys.sort()
    return [
        _line(random, f"m{number:05d}", at, conversation, sender, cast.conversations[conversation], delay)
        for number, (at, conversation, sender) in enumerate(volleys)
    ]


def _line(
    random: Random, name: str, at: float, conversation: int, sender: str, participants: Sequence[str], delay: float
) -> Line:
    others = [user for user in participants if user != sender]
    delivered = {user: random.random() * delay for user in others if random.random() < DELIVERED}
    read = {}
    for user in others:
        drawn = random.random()
        if drawn < READ_IN_TIME:
            read[user] = random.uniform(0.05, 0.7) * delay
        elif drawn < READ_IN_TIME + READ_LATE:
            read[user] = delay + random.random() * 2
    deleted = random.uniform(0.05, 0.7) * delay if random.random() < DELETED else None
    return Line(at, conversation, sender, f"{name} {_words(random)}", delivered, read, deleted)


def _words(random: Random) -> str:
    drawn = random.random()
    if drawn < LONG:
        return "and so on " * 17
    return "see you \N{SLIGHTLY SMILING FACE}" if drawn < LONG + EMOJI else "see you"


def answer_times(random: Random, form: Form) -> Iterator[tuple[float, int]]:
    """When somebody takes a handset, in seconds, and how many replies are written then; in the order of time."""
    left = form.replies
    takes: list[tuple[float, int]] = []
    while left:
        count = min(random.randint(1, 4), left)
        takes.append((random.uniform(0.1, 1.0) * form.seconds, count))
        left -= count
    return iter(sorted(takes))
