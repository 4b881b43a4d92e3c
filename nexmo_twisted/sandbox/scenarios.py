"""Named cases: what goes wrong, or at once, in a year of real life, played in a minute before one's eyes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from nexmo_twisted.sandbox.extras import Extras
from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.layer.webhooks import bare
from nexmo_twisted.sandbox.names import Names
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from nexmo_twisted.sandbox.nexmo.simulator import AcceptedSms
from nexmo_twisted.sandbox.simulators import Simulators
from nexmo_twisted.sandbox.timeline.timeline import Timeline

#: Seconds between two looks whether a step has come true, and how long it is waited for, by the sandbox's clock.
PAUSE = 0.1
PATIENCE = 3600.0


class Stage:
    """What a case is played on. It does what people and companies do, and nothing with the service itself.

    The ann, bob and cleo of a case are its own, see :class:`Extras`, and so is what fails: cases may be played in any
    order, again, and beside each other.
    """

    def __init__(
        self, *, sandbox: Simulators, names: Names, clock: IReactorTime, timeline: Timeline, story: str
    ) -> None:
        self.sandbox = sandbox
        self._timeline = timeline
        self._story = story
        self._names = names
        self._clock = clock
        self._faults: list[Fault] = []

    @cached_property
    def people(self) -> Extras:
        """Who plays."""
        return Extras(self.sandbox.layer, self._names)

    def say(self, text: str) -> None:
        """Tell it, with the names of those who play: ``{ann} writes``."""
        names = {name: self.people.name(name) for name in ("ann", "bob", "cleo") if f"{{{name}}}" in text}
        for name, shown in names.items():
            text = text.replace(f"{{{name}}}", shown)
        self._timeline.add(self._story, "none", text)

    def lines(self, message_id: str) -> str:
        """All that was told of a message."""
        return "\n".join(self._timeline.lines(bare(message_id)))

    async def until(self, true: Callable[[], bool]) -> None:
        """Raises TimeoutError when it does not come true."""
        end = self._clock.seconds() + PATIENCE
        while not true():
            if self._clock.seconds() > end:
                raise TimeoutError
            await deferLater(self._clock, PAUSE)

    async def wait(self, seconds: float) -> None:
        """Lets so much time pass."""
        await deferLater(self._clock, seconds)

    def conversation(self, *names: str, called: str = "") -> str:
        """One in which exactly these people are, with that name if it has one; a new one when there is none."""
        users = [self.people.id(name) for name in names]
        metadata = {"conversationName": called, "title": called} if called else {}
        for other in self.sandbox.layer.conversations.values():
            if set(other.participants) == set(users) and not other.deleted and other.metadata == metadata:
                return other.id
        return self.sandbox.layer.start_conversation(users, metadata)

    def write(self, text: str, *names: str, called: str = "") -> str:
        """The first of these people writes to the others. Returns the message's id."""
        sender = self.people.id(names[0])
        message: str = self.sandbox.layer.send(self.conversation(*names, called=called), sender, text)
        return message

    async def texted(self, count: int, since: int) -> list[AcceptedSms]:
        """Wait for so many SMS to Bob, after the first ``since`` SMS to any handset."""

        def to_bob() -> list[AcceptedSms]:
            owners, bob = self._names.owners(), self.people.id("bob")
            return [sms for sms in self.sandbox.nexmo.sent[since:] if bob in owners.get(sms.to, ())]

        await self.until(lambda: len(to_bob()) >= count)
        return to_bob()

    async def thread(self) -> AcceptedSms:
        """An SMS on Bob's handset about his conversation with Ann."""
        before = len(self.sandbox.nexmo.sent)
        self.write("Are you coming tonight?", "ann", "bob")
        self.say("{ann} writes to {bob}, who does not read it: wait for the text, or skip the time")
        return (await self.texted(1, before))[-1]

    def answer(self, sms: AcceptedSms, text: str, plan: PartsPlan | None = None) -> None:
        self.say(f"{{bob}}'s handset answers: {text if len(text) < 60 else 'a long text'}")
        self.sandbox.nexmo.reply(sms.to, sms.sender, text, plan)

    async def posted(self, text: str) -> None:
        """Wait until that text of Bob's stands in some conversation once more."""
        before = self._count(text)
        await self.until(lambda: self._count(text) > before)

    def _count(self, text: str) -> int:
        layer, wanted = self.sandbox.layer, (self.people.id("bob"), text)
        return sum((m.user_id, m.text) == wanted for each in layer.conversations for m in layer.messages(each))

    def fail(self, fault: Fault) -> None:
        """Have some requests fail, but none beyond the end of the case."""
        self.sandbox.faults.add(fault)
        self._faults.append(fault)

    def clear(self) -> None:
        """The case is over."""
        for fault in self._faults:
            self.sandbox.faults.remove(fault)


@dataclass(frozen=True, slots=True)
class Case:
    """``shows`` is what to look out for."""

    id: str
    title: str
    shows: str
    play: Callable[[Stage], Awaitable[None]]


async def _throttled(stage: Stage) -> None:
    stage.fail(Fault(path="/sms/json", number=stage.people.phone("bob"), nexmo_status="1", times=3))
    stage.say("The next three SMS to {bob} are answered: throttled")
    await stage.thread()


async def _layer_down(stage: Stage) -> None:
    sms = await stage.thread()
    talk = bare(stage.conversation("ann", "bob"))
    stage.fail(Fault(path=f"/{talk}/messages", method="POST", status=503, times=4))
    stage.say("The next four posts to Layer into this conversation are answered 503")
    text = "Layer was down when I wrote this."
    stage.answer(sms, text)
    await stage.posted(text)


async def _read_before_sent(stage: Stage) -> None:
    stage.say("{ann} writes and {bob} reads at once; the webhooks arrive in the opposite order")
    with stage.sandbox.deliverer.backwards():
        message = stage.write("You have read this already.", "ann", "bob")
        stage.sandbox.layer.mark_read(message, stage.people.id("bob"))


async def _two_at_once(stage: Stage) -> None:
    before = len(stage.sandbox.nexmo.sent)
    stage.write("Are you coming tonight?", "ann", "bob")
    stage.write("Lunch at noon?", "ann", "bob", "cleo")
    stage.say("{ann} writes to {bob}, and to {bob} and {cleo}; nobody reads it")
    for sms in await stage.texted(2, before):
        stage.answer(sms, f"I answer in the thread of ...{sms.sender[-4:]}")


async def _numbers_taken(stage: Stage) -> None:
    count = len(stage.sandbox.nexmo.numbers) + 1
    stage.say(f"{{ann}} starts {count} conversations with {{bob}}, one more than there are numbers")
    for each in range(1, count + 1):
        stage.write(f"What do you think of plan {each}?", "ann", "bob", called=f"Plan {each}")
    stage.say("Once they are texted, skip a week, and the numbers are free again")


async def _long_reply(stage: Stage) -> None:
    sms = await stage.thread()
    text = " ".join(f"This is sentence {each} of a long answer." for each in range(1, 11))
    stage.answer(sms, text, PartsPlan(order=(3, 1, 2)))
    stage.say("Nexmo delivers part 3, then part 1, then part 2")
    await stage.posted(text)


async def _stop(stage: Stage) -> None:
    sms = await stage.thread()
    before = len(stage.sandbox.nexmo.sent)
    stage.answer(sms, "STOP")
    await stage.texted(1, before)
    message = stage.write("Bob, one more thing ...", "ann", "bob")
    stage.say("{ann} writes again, of which {bob} gets no SMS")
    await stage.until(lambda: "no SMS" in stage.lines(message))
    stage.say("START counts a minute after STOP at the earliest: wait, or skip the time")
    await stage.wait(60)
    stage.answer(sms, "START")


async def _answer_lost(stage: Stage) -> None:
    stage.fail(Fault(path="/sms/json", number=stage.people.phone("bob"), done=True, drop=True))
    stage.say("Nexmo takes the next SMS to {bob}, and cuts the connection before it says so")
    await stage.thread()


CASES = {
    case.id: case
    for case in (
        Case(
            "throttled", "Nexmo throttles", "The text is put off until Nexmo takes it, and goes out once.", _throttled
        ),
        Case(
            "layer-down",
            "Layer is down",
            "The reply waits until Layer is there again, and is posted once.",
            _layer_down,
        ),
        Case("read-first", "Read before sent", "Whatever the order of the webhooks: no SMS.", _read_before_sent),
        Case(
            "two", "Two conversations at once", "Two numbers on one handset; each answer finds its own.", _two_at_once
        ),
        Case(
            "taken", "All numbers taken", "The last conversation gets no SMS, and the reason is shown.", _numbers_taken
        ),
        Case("long", "Long reply in three parts", "The parts come in disorder and are posted as one.", _long_reply),
        Case("stop", "STOP", "The phone is blocked for all numbers until START; both are confirmed.", _stop),
        Case(
            "lost",
            "Nexmo's answer is lost",
            "It may or may not have been sent, until its receipt says so.",
            _answer_lost,
        ),
    )
}


class Cases:
    """Plays cases side by side, and tells what they do to the timeline."""

    def __init__(self, sandbox: Simulators, *, timeline: Timeline, names: Names, clock: IReactorTime) -> None:
        self._sandbox = sandbox
        self._names = names
        self._timeline = timeline
        self._clock = clock
        self._playing: dict[Deferred[None], str] = {}

    @property
    def playing(self) -> list[str]:
        """The ids of the cases that are under way."""
        return list(self._playing.values())

    def play(self, case: Case) -> Deferred[None]:
        """Begin one. Fires when it has come to its end, however."""
        story = f"case {uuid4()}"
        self._timeline.begin(story, f"Case: {case.title}")
        stage = Stage(sandbox=self._sandbox, names=self._names, clock=self._clock, timeline=self._timeline, story=story)
        stage.say(case.shows)
        playing = Deferred.fromCoroutine(self._play(case, stage))
        if not playing.called:
            self._playing[playing] = case.id
            playing.addBoth(lambda _: self._playing.pop(playing, None))
        return playing

    async def _play(self, case: Case, stage: Stage) -> None:
        try:
            await case.play(stage)
        except TimeoutError:
            stage.say("An hour has passed and what should have come has not: the case ends here")
        except LookupError as error:
            stage.say(f"The case cannot go on: there is no such {error} any more")
        finally:
            stage.clear()

    async def stop(self) -> None:
        """Play on no more."""
        for playing in list(self._playing):
            playing.addErrback(lambda failure: failure.trap(CancelledError))
            playing.cancel()
