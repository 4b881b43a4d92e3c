"""What people do in Layer, drawn from a seed: who talks with whom, what they write, who reads it, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.names import title

CIRCLE = 6  #: users of one circle talk with each other and with nobody else
COUPLES, THREESOMES = 8, 4  #: conversations of each circle

LONG_TITLE = (
    0.05  #: of all conversations: their title has LONGEST_TITLE characters, which is what participants may write
)
LONGEST_TITLE = 1_500

READ_IN_TIME = 0.25  #: of all recipients
READ_LATE = 0.03  #: of all recipients: after it fell due
DELIVERED = 0.1  #: of all recipients: one more event that changes nothing
DELETED = 0.02  #: of all messages, before they fall due
LONG = 0.03  #: of all messages: two SMS long
EMOJI = 0.05  #: of all messages


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """The size of a run. Durations are in seconds; ``storms`` is how many of each kind there are, ``kills`` and
    ``stops`` are of single processes. So often somebody ``asks`` for no more texts, or ``changes`` phones; ``quiet`` is
    how many replies are written when all else is over.

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
    asks: int
    changes: int
    quiet: int
    doubled: int
    deadline: float


LONG_PROFILE = LoadProfile(
    messages=8_000,
    replies=2_400,
    users=240,
    seconds=540,
    kills=100,
    stops=100,
    redis_kills=3,
    redis_pauses=3,
    storms=2,
    storm_seconds=5,
    asks=24,
    changes=24,
    quiet=100,
    doubled=8,
    deadline=1_200,
)
SHORT_PROFILE = LoadProfile(
    messages=600,
    replies=260,
    users=48,
    seconds=40,
    kills=12,
    stops=6,
    redis_kills=1,
    redis_pauses=1,
    storms=1,
    storm_seconds=2.5,
    asks=6,
    changes=6,
    quiet=20,
    doubled=2,
    deadline=170,
)


@dataclass(frozen=True, slots=True)
class Population:
    """Phones of users in E.164 digits, as they are at first; titles and participants of each conversation."""

    phones: Mapping[str, str]
    conversations: Sequence[Sequence[str]]
    titles: Sequence[str]


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message, ``at`` seconds after the beginning. The other times are seconds after that, by user."""

    at: float
    conversation: int
    sender: str
    text: str
    delivered: Mapping[str, float]
    read: Mapping[str, float]
    deleted: float | None


def assemble(random: Random, users: int) -> Population:
    """Circles that share nothing with each other; in each, couples and threesomes, and two users with one handset. One
    circle in eight lives abroad. Some conversations have a title that is longer than any SMS."""
    phones: dict[str, str] = {}
    conversations: list[list[str]] = []
    for first in range(0, users, CIRCLE):
        circle = [f"u{number:03d}" for number in range(first, first + CIRCLE)]
        abroad = first // CIRCLE % 8 == 0
        phones |= {user: phone(int(user[1:]), abroad) for user in circle}
        phones[circle[-1]] = phones[circle[0]]
        conversations += [random.sample(circle, 2) for _ in range(COUPLES)]
        conversations += [random.sample(circle, 3) for _ in range(THREESOMES)]
    lengths = [LONGEST_TITLE if random.random() < LONG_TITLE else 0 for _ in conversations]
    titles = [title(number, length) for number, length in enumerate(lengths)]
    return Population(phones, conversations, titles)


def phone(number: int, abroad: bool = False) -> str:
    """One more phone, in E.164 digits; up to 800 of them at home, up to 999 abroad."""
    return f"447700900{number:03d}" if abroad else f"1{212 + number // 100}55501{number % 100:02d}"


def write(random: Random, population: Population, profile: LoadProfile, delay: float) -> list[PlannedMessage]:
    """All messages in the order of their times. They come in volleys, so that several wait for one recipient."""
    volleys: list[tuple[float, int, str]] = []
    while len(volleys) < profile.messages:
        at, conversation = random.random() * profile.seconds, random.randrange(len(population.conversations))
        for _ in range(min(random.randint(1, 5), profile.messages - len(volleys))):
            volleys.append((at, conversation, random.choice(population.conversations[conversation])))
            at += random.uniform(0.03, 0.4)
    volleys.sort()
    return [
        _planned(random, f"m{number:05d}", at, conversation, sender, population.conversations[conversation], delay)
        for number, (at, conversation, sender) in enumerate(volleys)
    ]


def _planned(
    random: Random, name: str, at: float, conversation: int, sender: str, participants: Sequence[str], delay: float
) -> PlannedMessage:
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
    return PlannedMessage(at, conversation, sender, f"{name} {_words(random)}", delivered, read, deleted)


def _words(random: Random) -> str:
    drawn = random.random()
    if drawn < LONG:
        return "and so on " * 17
    return "see you \N{SLIGHTLY SMILING FACE}" if drawn < LONG + EMOJI else "see you"
