"""What people do with their phones: they answer in short and long texts, ask for no more of them, change phones."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from tests.chaos import names
from tests.chaos.companies import Companies
from tests.chaos.concurrency import concurrently
from tests.chaos.phonebook import Phonebook
from tests.chaos.threads import Thread, Threads
from tests.chaos.workload import LoadProfile, phone

#: Of all replies: several parts long, or a cry for help.
LONG, HELP = 0.2, 0.05
#: Of all long replies: one part never comes, one comes twice.
TORN, REPEATED = 0.12, 0.2

#: Seconds for which an SMS has just failed: about as long as nobody may know what became of it.
JUST = 20.0
#: Seconds after which START may lift a block, and a little more.
A_MINUTE = 62.0
#: In turn, what is written when somebody asks, each with the seconds to wait before it. The longest comes first.
ASKS = (
    (("STOP", 0.0), ("START", A_MINUTE)),
    (("STOP", 0.0),),
    (("START", 0.0), ("STOP", 0.05)),
    (("STOP", 0.0), ("START", 2.0)),
    (("STOP", 0.0), ("START", 0.3), ("STOP", 0.3)),
    (("START", 0.0),),
)
#: The first number of phones that nobody has at first.
NEW_PHONES = 300


@dataclass(frozen=True, slots=True)
class Written:
    """A text written on a handset. ``pieces`` are the names of its parts that Nexmo delivers. ``word`` is what it asks
    for, blank for a message. ``whole`` says that they are all of its parts, and that no other reply was called the same
    by the handset."""

    pieces: tuple[str, ...]
    handset: str
    number: str
    at: float
    word: str = ""
    whole: bool = True


class Handsets:
    """``written`` is what was written up to now, with the ``quiet`` ones; ``phones`` tells whose is whose."""

    def __init__(self, reactor: Any, companies: Companies, threads: Threads, phones: Phonebook, random: Random) -> None:
        self._reactor = reactor
        self._companies = companies
        self._nexmo = companies.nexmo
        self._random = random
        self._threads = threads
        self._answered: dict[tuple[str, str], Thread] = {}  # handset and number -> what the last long reply answered
        self.phones = phones
        self.written: list[Written] = []
        self.quiet: list[Written] = []

    async def perform(self, profile: LoadProfile) -> None:
        """All of it, in ``profile.seconds`` or little more."""
        replies = self._at(profile, profile.replies // 2, 0.1, 1.0, self._answer)
        asks = self._at(profile, profile.asks, 0.15, 0.85, self._ask)
        await concurrently(replies, asks, self._at(profile, profile.changes, 0.2, 0.5, self._change))

    async def write_quietly(self, threads: list[tuple[str, str]]) -> None:
        """One reply to each of these (handset, number), a little apart."""
        for handset, number in threads:
            self.quiet.append(self._write(handset, number, parts=1))
            await deferLater(self._reactor, 0.1)

    async def _at(
        self,
        profile: LoadProfile,
        count: int,
        begin: float,
        end: float,
        act: Callable[[int], Coroutine[Any, Any, None]],
    ) -> None:
        """Act so many times, from one share of the time to another, at some instant in each of as many stretches; what
        takes longer holds nothing up."""
        begun = self._reactor.seconds()
        acts = []
        for number in range(count):
            share = begin + (end - begin) * (number + self._random.random()) / count
            await self._sleep(begun + share * profile.seconds - self._reactor.seconds())
            acts.append(Deferred.fromCoroutine(act(number)))
        await gatherResults(acts, consumeErrors=True)

    async def _answer(self, _number: int) -> None:
        """Somebody takes a handset and writes a few replies."""
        handset, count = await self._somebody(), self._random.randint(1, 3)
        for _ in range(count):
            self._reply(handset)
            await self._sleep(self._random.uniform(0.02, 0.8))

    def _reply(self, handset: str) -> None:
        drawn = self._random.random()
        where = self._number(handset)
        if drawn < LONG:
            self._write(handset, where, parts=self._random.randint(2, 4))
        elif drawn < LONG + HELP:
            self._write(handset, where, word="HELP")
        else:
            self._write(handset, where, parts=1)

    async def _ask(self, number: int) -> None:
        handset = await self._somebody()
        for word, wait in ASKS[number % len(ASKS)]:
            await self._sleep(wait)
            self._write(handset, self._number(handset), word=word)

    async def _change(self, number: int) -> None:
        """A new phone, those of two users exchanged, or somebody else's phone in one's profile."""
        users = sorted(self._companies.layer.users)
        first, second = self._random.sample(users, 2)
        if number % 3 == 0:
            self._move(first, phone(NEW_PHONES + number))
        elif number % 3 == 1:
            mine, other = self.phones.now(first), self.phones.now(second)
            self._move(first, other)
            self._move(second, mine)
        else:
            self._move(first, self.phones.now(second))

    def _move(self, user: str, handset: str) -> None:
        self.phones.change(user, handset, self._reactor.seconds())
        self._companies.add_user(user, handset)

    def _write(self, handset: str, number: str, *, parts: int = 1, word: str = "") -> Written:
        index, at = len(self.written), self._reactor.seconds()
        plan, whole = PartsPlan(), True
        if parts > 1:
            plan = PartsPlan(order=self._order(parts))
            whole = not self._reuse(handset, number) and len(set(plan.order)) == parts
        text = names.asked_text(word, index) if word else names.reply_text(index, parts)
        self._nexmo.reply(handset, number, text, plan)
        coming = plan.order or (1,)
        delivered = tuple(names.piece_name(index, part) for part in sorted(set(coming)))
        written = Written(delivered, handset, number, at, word, whole)
        self.written.append(written)
        return written

    def _order(self, parts: int) -> tuple[int, ...]:
        random, order = self._random, list(range(1, parts + 1))
        random.shuffle(order)
        if random.random() < TORN:
            order.pop()
        if random.random() < REPEATED:
            order.append(order[0])
        return tuple(order)

    def _reuse(self, handset: str, number: str) -> bool:
        """When the number carries another thread than at the last long reply, this one gets the same reference: phones
        count to 255 only. Returns whether it did."""
        thread = (handset, number)
        before, carried = self._answered.get(thread), list(self._chats(handset, number))[-1]
        self._answered[thread] = carried
        if before in (None, carried) or not self._nexmo.long_texts[thread]:
            return False
        self._nexmo.long_texts[thread] -= 1
        return True

    def _number(self, handset: str) -> str:
        """Any number that has texted it."""
        numbers = {sms.number for sms in self._nexmo.handset(handset)}
        return self._random.choice(sorted(number for number in numbers if any(self._chats(handset, number))))

    def _chats(self, handset: str, number: str = "") -> Iterator[Thread]:
        """The threads of all texts that it received, from that number if one is given."""
        for sms in self._nexmo.handset(handset):
            if sms.direction == "received" and number in ("", sms.number) and (thread := self._threads.of(sms.text)):
                yield thread

    async def _somebody(self) -> str:
        """Some handset that was texted; every other time one where an SMS has just failed, if there is any."""
        while not (handsets := [each for each in sorted(self._nexmo.handsets()) if any(self._chats(each))]):
            await self._sleep(0.1)
        failed, now = self._companies.faults.observations.failed, self._reactor.seconds()
        doubtful = [each for each in handsets if failed.get(each, 0.0) > now - JUST]
        return self._random.choice(doubtful if doubtful and self._random.random() < 0.5 else handsets)

    async def _sleep(self, seconds: float) -> None:
        await deferLater(self._reactor, max(0.0, seconds))
