"""What happens around a crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from nexmo_twisted.store.schema import F
from tests.inspector import K
from tests.scenarios.world import BOB, CLEO, LUNCH, ONE, TALK, TWO

if TYPE_CHECKING:
    from tests.chaos.crash_world import CrashWorld

Action = Callable[["CrashWorld"], Awaitable[None]]

#: Too long for one SMS.
LONG = "Yes, " + "of course, " * 16


@dataclass(frozen=True)
class Scenario:
    """What happens, and what goes wrong, but for the crash.

    ``before`` happens while all is well; then the ``faults`` are in force, ``then`` leads to the crash, and ``after``
    happens while no process runs. ``earlier`` are the points to be passed before that of the crash counts. ``receipts``
    come "at once", or not before an SMS is "uncertain", or "never". ``delay`` is in ms.
    """

    then: Action
    before: Action | None = None
    after: Action | None = None
    faults: tuple[Fault, ...] = ()
    receipts: str = "at once"
    earlier: tuple[str, ...] = ("record_event:before",)
    delay: int = 500


# What happens


async def unread(world: CrashWorld) -> None:
    """Ann writes to Bob, who does not read it."""
    world.layer.send(TALK, "ann", "Lunch at noon?")


async def to_two(world: CrashWorld) -> None:
    world.layer.send(LUNCH, "ann", "Lunch at noon?")


async def read(world: CrashWorld) -> None:
    """Bob reads it."""
    message = world.layer.send(TALK, "ann", "Lunch at noon?")
    await world.answered()
    world.layer.mark_read(message, "bob")


async def to_nowhere(world: CrashWorld) -> None:
    """Ann writes to somebody without a phone."""
    world.layer.add_user("dan", display_name="Dan")
    world.layer.send(world.layer.start_conversation(["ann", "dan"]), "ann", "Lunch at noon?")


async def stopped(world: CrashWorld) -> None:
    """The process is asked to end while it prepares the SMS."""
    await unread(world)
    await world.until(lambda: not world.sandbox.faults, "the service asks who Bob is")
    world.terminate()


async def next_probe(world: CrashWorld) -> None:
    """The minute after which one SMS is tried on an account that was held is over."""
    if world.redis.ask("EXISTS", K.suspended):
        world.redis.ask("HSET", K.suspended, F.probe, 0)


async def texted(world: CrashWorld) -> None:
    await unread(world)
    await world.at_rest()


async def two_texted(world: CrashWorld) -> None:
    await to_two(world)
    await world.at_rest()


async def reply(world: CrashWorld) -> None:
    """Bob answers; Ann, who does not read that either, gets an SMS."""
    world.nexmo.reply(BOB, ONE, "Yes")


async def reply_to_nobody(world: CrashWorld) -> None:
    """Bob has left the conversation that he answers to."""
    world.layer.leave(TALK, "bob")
    await reply(world)


async def long_reply(world: CrashWorld) -> None:
    """Bob's answer comes in two parts."""
    world.nexmo.reply(BOB, ONE, LONG)


async def half_a_reply(world: CrashWorld) -> None:
    """Of two parts only the first one comes."""
    world.nexmo.reply(BOB, ONE, LONG, PartsPlan(order=(1,)))


async def blank_reply(world: CrashWorld) -> None:
    world.nexmo.reply(BOB, ONE, " ")


async def stop(world: CrashWorld) -> None:
    """Bob wants no more texts, and is told that he gets none."""
    world.nexmo.reply(BOB, ONE, "STOP")


async def lost(world: CrashWorld) -> None:
    """Bob writes to a number that carries nothing on his handset, and is told so."""
    world.nexmo.reply(BOB, TWO, "Hello?")


async def reply_under_way(world: CrashWorld) -> None:
    """Bob answers while nobody knows yet whether his SMS went out."""
    await unread(world)
    await world.until(lambda: not world.sandbox.faults, "the SMS is on its way")
    world.nexmo.reply(BOB, ONE, "Yes")


async def map_changed(world: CrashWorld) -> None:
    """Somebody writes Bob's links while his SMS is on its way."""
    await unread(world)
    await world.until(lambda: not world.sandbox.faults, "the SMS is on its way")
    world.redis.ask("SET", "nexmo-layer-integration-bob", '{"elsewhere": 1}', "PX", 600_000)


async def three_at_once(world: CrashWorld) -> None:
    """Ann writes to Bob in three conversations, and there are two numbers."""
    for _ in range(3):
        world.layer.send(world.layer.start_conversation(["ann", "bob"]), "ann", "Lunch at noon?")


async def two_replies(world: CrashWorld) -> None:
    for handset in (BOB, CLEO):
        world.nexmo.reply(handset, world.nexmo.handset(handset)[0].number, "Yes")


SMS = "/sms/json"
CUT = Fault(path=SMS, drop=True, done=True)  # accepted, but the answer is lost
LOST = Fault(path=SMS, drop=True)
ASIDE = ("set_aside:after",)
READ = ("record_event:before", "record_event:after", "record_event:before")

PLAIN = Scenario(unread)
NO_RECEIPTS = Scenario(unread, receipts="never")
LATE_RECEIPT = Scenario(unread, receipts="uncertain")
BUSY = Scenario(unread, faults=(Fault(path=SMS, nexmo_status="10"),))
THROTTLED = Scenario(unread, faults=(Fault(path=SMS, nexmo_status="1"),))
NO_CREDIT = Scenario(unread, faults=(Fault(path=SMS, nexmo_status="9"),), after=next_probe)
BARRED = Scenario(unread, faults=(Fault(path=SMS, nexmo_status="7", times=2),))
ANSWER_LOST = Scenario(unread, faults=(CUT,), receipts="uncertain")
RECEIPT = Scenario(unread, faults=(CUT,), receipts="uncertain", earlier=ASIDE)
SETTLING = Scenario(unread, faults=(LOST,), earlier=ASIDE)
IN_TIME = Scenario(read, earlier=READ, delay=4_000)
NO_PHONE = Scenario(to_nowhere)
STOPPED = Scenario(stopped, faults=(Fault(path="/identity", delay=1.0),))
POISON = Scenario(to_two)

ARRIVED = ("receive_sms:before",)
REPLY = Scenario(reply, before=texted, earlier=ARRIVED)
LAYER_FAILS = Scenario(
    reply, before=texted, earlier=ARRIVED, faults=(Fault(path="/messages", method="POST", status=503),)
)
LEFT = Scenario(reply_to_nobody, before=texted, earlier=ARRIVED)
LONG_REPLY = Scenario(long_reply, before=texted, earlier=("receive_sms_part:before",))
HALF_A_REPLY = Scenario(half_a_reply, before=texted, earlier=("receive_sms_part:before",))
BLANK = Scenario(blank_reply, before=texted, earlier=("dismiss:before",))
STOP = Scenario(stop, before=texted, earlier=ARRIVED)
AUTO_REPLY = Scenario(stop, before=texted, earlier=("receive_sms:after",))
AUTO_REPLY_WITHOUT_RECEIPT = Scenario(stop, before=texted, earlier=("receive_sms:after",), receipts="never")
LOST_REPLY = Scenario(lost, before=texted, earlier=ARRIVED)
UNDER_WAY = Scenario(reply_under_way, faults=(Fault(path=SMS, delay=60.0, done=True, drop=True),), earlier=ARRIVED)
MAP_CHANGED = Scenario(map_changed, faults=(Fault(path=SMS, delay=1.0, done=True),))
IN_USE = Scenario(three_at_once, faults=(Fault(path=SMS, number=BOB, drop=True, times=2),))
POISONED_REPLY = Scenario(two_replies, before=two_texted, earlier=ARRIVED)
