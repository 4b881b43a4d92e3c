"""What happens around a crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from tests.scenarios.world import BOB, CLEO, LUNCH, ONE, TALK, TWO

if TYPE_CHECKING:
    from tests.chaos.crash_world import Stage

Act = Callable[["Stage"], Awaitable[None]]

#: Too long for one SMS.
LONG = "Yes, " + "of course, " * 16


@dataclass(frozen=True)
class Scene:
    """What happens, and what goes wrong, but for the crash.

    ``before`` happens while all is well; then the ``faults`` are in force, ``then`` leads to the crash, and ``after``
    happens while no process runs. ``way`` are the points to be passed before that of the crash counts. ``receipts``
    come "at once", or not before an SMS is "uncertain", or "never". ``delay`` is in ms.
    """

    then: Act
    before: Act | None = None
    after: Act | None = None
    faults: tuple[Fault, ...] = ()
    receipts: str = "at once"
    way: tuple[str, ...] = ("record_event:before",)
    delay: int = 500


# What happens


async def unread(stage: Stage) -> None:
    """Ann writes to Bob, who does not read it."""
    stage.layer.send(TALK, "ann", "Lunch at noon?")


async def to_two(stage: Stage) -> None:
    stage.layer.send(LUNCH, "ann", "Lunch at noon?")


async def read(stage: Stage) -> None:
    """Bob reads it."""
    message = stage.layer.send(TALK, "ann", "Lunch at noon?")
    await stage.answered()
    stage.layer.mark_read(message, "bob")


async def to_nowhere(stage: Stage) -> None:
    """Ann writes to somebody without a phone."""
    stage.layer.add_user("dan", display_name="Dan")
    stage.layer.send(stage.layer.start_conversation(["ann", "dan"]), "ann", "Lunch at noon?")


async def stopped(stage: Stage) -> None:
    """The process is asked to end while it prepares the SMS."""
    await unread(stage)
    await stage.until(lambda: not stage.sandbox.faults, "the service asks who Bob is")
    stage.terminate()


async def next_probe(stage: Stage) -> None:
    """The minute after which one SMS is tried on an account that was held is over."""
    if stage.redis.ask("EXISTS", "nx:suspended"):
        stage.redis.ask("HSET", "nx:suspended", "probe", 0)


async def texted(stage: Stage) -> None:
    await unread(stage)
    await stage.at_rest()


async def two_texted(stage: Stage) -> None:
    await to_two(stage)
    await stage.at_rest()


async def reply(stage: Stage) -> None:
    """Bob answers; Ann, who does not read that either, gets an SMS."""
    stage.nexmo.reply(BOB, ONE, "Yes")


async def reply_to_nobody(stage: Stage) -> None:
    """Bob has left the conversation that he answers to."""
    stage.layer.leave(TALK, "bob")
    await reply(stage)


async def long_reply(stage: Stage) -> None:
    """Bob's answer comes in two parts."""
    stage.nexmo.reply(BOB, ONE, LONG)


async def half_a_reply(stage: Stage) -> None:
    """Of two parts only the first one comes."""
    stage.nexmo.reply(BOB, ONE, LONG, PartsPlan(order=(1,)))


async def blank_reply(stage: Stage) -> None:
    stage.nexmo.reply(BOB, ONE, " ")


async def stop(stage: Stage) -> None:
    """Bob wants no more texts, and is told that he gets none."""
    stage.nexmo.reply(BOB, ONE, "STOP")


async def lost(stage: Stage) -> None:
    """Bob writes to a number that carries nothing on his handset, and is told so."""
    stage.nexmo.reply(BOB, TWO, "Hello?")


async def reply_under_way(stage: Stage) -> None:
    """Bob answers while nobody knows yet whether his SMS went out."""
    await unread(stage)
    await stage.until(lambda: not stage.sandbox.faults, "the SMS is on its way")
    stage.nexmo.reply(BOB, ONE, "Yes")


async def map_changed(stage: Stage) -> None:
    """Somebody writes Bob's links while his SMS is on its way."""
    await unread(stage)
    await stage.until(lambda: not stage.sandbox.faults, "the SMS is on its way")
    stage.redis.ask("SET", "nexmo-layer-integration-bob", '{"elsewhere": 1}', "PX", 600_000)


async def three_at_once(stage: Stage) -> None:
    """Ann writes to Bob in three conversations, and there are two numbers."""
    for _ in range(3):
        stage.layer.send(stage.layer.start_conversation(["ann", "bob"]), "ann", "Lunch at noon?")


async def two_replies(stage: Stage) -> None:
    for handset in (BOB, CLEO):
        stage.nexmo.reply(handset, stage.nexmo.handset(handset)[0].number, "Yes")


SMS = "/sms/json"
CUT = Fault(path=SMS, drop=True, done=True)  # accepted, but the answer is lost
LOST = Fault(path=SMS, drop=True)
ASIDE = ("set_aside:after",)
READ = ("record_event:before", "record_event:after", "record_event:before")

PLAIN = Scene(unread)
NO_RECEIPTS = Scene(unread, receipts="never")
LATE_RECEIPT = Scene(unread, receipts="uncertain")
BUSY = Scene(unread, faults=(Fault(path=SMS, nexmo_status="10"),))
THROTTLED = Scene(unread, faults=(Fault(path=SMS, nexmo_status="1"),))
NO_CREDIT = Scene(unread, faults=(Fault(path=SMS, nexmo_status="9"),), after=next_probe)
BARRED = Scene(unread, faults=(Fault(path=SMS, nexmo_status="7", times=2),))
ANSWER_LOST = Scene(unread, faults=(CUT,), receipts="uncertain")
RECEIPT = Scene(unread, faults=(CUT,), receipts="uncertain", way=ASIDE)
SETTLING = Scene(unread, faults=(LOST,), way=ASIDE)
IN_TIME = Scene(read, way=READ, delay=4_000)
NO_PHONE = Scene(to_nowhere)
STOPPED = Scene(stopped, faults=(Fault(path="/identity", delay=1.0),))
POISON = Scene(to_two)

ARRIVED = ("receive_sms:before",)
REPLY = Scene(reply, before=texted, way=ARRIVED)
LAYER_FAILS = Scene(reply, before=texted, way=ARRIVED, faults=(Fault(path="/messages", method="POST", status=503),))
LEFT = Scene(reply_to_nobody, before=texted, way=ARRIVED)
LONG_REPLY = Scene(long_reply, before=texted, way=("receive_sms_part:before",))
HALF_A_REPLY = Scene(half_a_reply, before=texted, way=("receive_sms_part:before",))
BLANK = Scene(blank_reply, before=texted, way=("dismiss:before",))
STOP = Scene(stop, before=texted, way=ARRIVED)
NOTICE = Scene(stop, before=texted, way=("receive_sms:after",))
NOTICE_WITHOUT_RECEIPT = Scene(stop, before=texted, way=("receive_sms:after",), receipts="never")
LOST_REPLY = Scene(lost, before=texted, way=ARRIVED)
UNDER_WAY = Scene(reply_under_way, faults=(Fault(path=SMS, delay=60.0, done=True, drop=True),), way=ARRIVED)
MAP_CHANGED = Scene(map_changed, faults=(Fault(path=SMS, delay=1.0, done=True),))
IN_USE = Scene(three_at_once, faults=(Fault(path=SMS, number=BOB, drop=True, times=2),))
POISONED_REPLY = Scene(two_replies, before=two_texted, way=ARRIVED)
