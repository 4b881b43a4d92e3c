"""Every crash and its one outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nexmo_twisted.sandbox.faults import Fault
from tests.scenarios.world import BOB, CLEO, LUNCH, ONE, TALK

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

Act = Callable[["Stage"], Awaitable[None]]


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


@dataclass(frozen=True)
class Row:
    """A crash at the point ``at``, and its outcome.

    A new process is started. It goes on as soon as what it ``waits`` for has run out: the "lease", the "settle" time,
    both, or nothing. In the end Nexmo has accepted so many ``sms``, a reply stands in its conversation ``posts`` times,
    the messages and replies have come to these ``ends``, this is what the new process ``counted``, and nothing is open.
    ``again`` is the webhook that was not answered, so that it came again, as the new process counts it.

    Where the process dies more than once, ``deaths`` times, it does so only with what is ``about`` this.
    """

    scene: Scene
    at: str
    waits: str = ""
    sms: int = 1
    posts: int = 0
    ends: tuple[str, ...] = ("bob sent",)
    counted: Mapping[str, int] = field(default_factory=lambda: {"sent": 1})
    again: str = ""
    about: str = ""
    deaths: int = 1

    @property
    def points(self) -> tuple[str, ...]:
        """The way to the crash."""
        way = self.scene.way
        return way if way[-1] == self.at else (*way, self.at)


# Scenes


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
    if stage.redis.ask("EXISTS", "nx:hold"):
        stage.redis.ask("HSET", "nx:hold", "probe", 0)


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


async def two_replies(stage: Stage) -> None:
    for handset in (BOB, CLEO):
        stage.nexmo.reply(handset, ONE, "Yes")


SMS = "/sms/json"
CUT = Fault(path=SMS, drop=True, done=True)  # accepted, but the answer is lost
LOST = Fault(path=SMS, drop=True)
ASIDE = ("set_aside:after",)
READ = ("record_event:before", "record_event:after", "record_event:before")

PLAIN = Scene(unread)
NO_RECEIPTS = Scene(unread, receipts="never")
LATE_RECEIPT = Scene(unread, receipts="uncertain")
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

ARRIVED = ("receive:before",)
REPLY = Scene(reply, before=texted, way=ARRIVED)
LAYER_FAILS = Scene(reply, before=texted, way=ARRIVED, faults=(Fault(path="/messages", method="POST", status=503),))
LEFT = Scene(reply_to_nobody, before=texted, way=ARRIVED)
POISONED_REPLY = Scene(two_replies, before=two_texted, way=ARRIVED)

# Outcomes

#: What the process says that finds an SMS whose sender died, and sends it again.
RESENT = {"uncertain": 1, "settled resent": 1, "sent": 1}
#: So it says when the receipt came instead.
SETTLED = {"uncertain": 1, "settled receipt": 1, "sent": 1}
NOTHING: Mapping[str, int] = {}

#: It was settled by its receipt.
BY_RECEIPT = ("bob receipt",)

#: Webhooks that come again.
EVENT, INBOUND, DELIVERY = "layer_stored", "nexmo_stored", "receipt_stored"

NOTIFICATIONS = (
    # the message arrives
    Row(PLAIN, "record_event:before", again=EVENT),
    Row(PLAIN, "record_event:after", again=EVENT),
    Row(IN_TIME, "record_event:before", again=EVENT, sms=0, ends=("read",), counted=NOTHING),
    Row(IN_TIME, "record_event:after", again=EVENT, sms=0, ends=("read",), counted=NOTHING),
    # it falls due
    Row(PLAIN, "promote:before"),
    Row(PLAIN, "promote:after"),
    # the notification is claimed and prepared; whoever dies now has done nothing yet
    Row(PLAIN, "claim_notifications:before"),
    Row(PLAIN, "claim_notifications:after", "lease"),
    Row(PLAIN, "identity:before", "lease"),
    Row(PLAIN, "identity:after", "lease"),
    Row(PLAIN, "read_links:before", "lease"),
    Row(PLAIN, "read_links:after", "lease"),
    Row(PLAIN, "conversation:before", "lease"),
    Row(PLAIN, "conversation:after", "lease"),
    Row(NO_PHONE, "finish:before", "lease", sms=0, ends=("dan no_phone",), counted={"skipped no_phone": 1}),
    Row(NO_PHONE, "finish:after", sms=0, ends=("dan no_phone",), counted=NOTHING),
    Row(STOPPED, "release:before", "lease"),
    Row(STOPPED, "release:after"),
    Row(PLAIN, "begin:before", "lease"),
    # from here on it may have been sent
    Row(PLAIN, "begin:after", "lease settle", counted=RESENT),
    Row(PLAIN, "send:before", "lease settle", counted=RESENT),
    # it was accepted: the receipt says so, whether it comes before the lease is over or after
    Row(PLAIN, "send:after", again=DELIVERY),
    Row(LATE_RECEIPT, "send:after", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Row(PLAIN, "accepted:before", again=DELIVERY),
    Row(LATE_RECEIPT, "accepted:before", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Row(PLAIN, "accepted:after", counted=NOTHING),
    # without receipts nobody can know
    Row(NO_RECEIPTS, "send:after", "lease settle", sms=2, counted=RESENT),
    Row(NO_RECEIPTS, "accepted:before", "lease settle", sms=2, counted=RESENT),
    Row(NO_RECEIPTS, "accepted:after", counted=NOTHING),
    # it was not accepted, and the process dies before or after it has noted that down
    Row(THROTTLED, "retry:before", "lease settle", counted=RESENT),
    Row(THROTTLED, "retry:after"),
    Row(NO_CREDIT, "hold:before", "lease settle", counted=RESENT),
    Row(NO_CREDIT, "hold:after"),
    Row(
        BARRED,
        "set_aside:before",
        "lease settle",
        sms=0,
        ends=("bob buried: refused",),
        counted={"uncertain": 1, "settled resent": 1, "buried refused": 1},
    ),
    Row(BARRED, "set_aside:after", sms=0, ends=("bob buried: refused",), counted=NOTHING),
    # nobody knows whether it was accepted
    Row(ANSWER_LOST, "set_aside:before", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Row(ANSWER_LOST, "set_aside:after", ends=BY_RECEIPT, counted={"settled receipt": 1, "sent": 1}),
    Row(RECEIPT, "evidence:before", again=DELIVERY, ends=BY_RECEIPT, counted={"settled receipt": 1, "sent": 1}),
    Row(RECEIPT, "evidence:after", again=DELIVERY, ends=BY_RECEIPT, counted=NOTHING),
    Row(SETTLING, "settle:before", "settle", counted={"settled resent": 1, "sent": 1}),
    Row(SETTLING, "settle:after", "settle"),
)

_POSTED = ("ann sent", "bob sent", "reply posted")
_ALSO = {"replies posted": 1, "sent": 1}


def _reply(at: str, waits: str = "", scene: Scene = REPLY, counted: Mapping[str, int] = _ALSO, again: str = "") -> Row:
    return Row(scene, at, waits, sms=2, posts=1, ends=_POSTED, counted=counted, again=again)


def _left(at: str, waits: str, counted: Mapping[str, int]) -> Row:
    return Row(LEFT, at, waits, ends=("bob sent", "reply buried: not_participant"), counted=counted)


REPLIES = (
    _reply("receive:before", again=INBOUND, counted={"replies received": 1, **_ALSO}),
    _reply("receive:after", again=INBOUND, counted={"replies repeated": 1, **_ALSO}),
    # it is looked at before the answer to its webhook is on the wire
    _reply("claim_replies:before", again=INBOUND, counted={"replies repeated": 1, **_ALSO}),
    _reply("claim_replies:after", "lease"),
    _reply("post:before", "lease"),
    _reply("post:after", "lease"),
    _reply("read_links:before", "lease"),
    _reply("read_links:after", "lease"),
    _reply("renew_links:before", "lease"),
    _reply("renew_links:after", "lease"),
    _reply("finish:before", "lease"),
    _reply("finish:after", counted={"sent": 1}),
    _reply("retry:before", "lease", scene=LAYER_FAILS),
    _reply("retry:after", scene=LAYER_FAILS),
    _left("set_aside:before", "lease", {"replies not_participant": 1}),
    _left("set_aside:after", "", NOTHING),
)

#: What kills whoever works on it is buried after three claims, and nobody else is; after two if it dies while it sends,
#: since then nobody knows what was sent.
POISONS = (
    Row(
        POISON,
        "identity:before",
        "lease",
        about="'bob'",
        deaths=3,
        ends=("bob buried: crashes", "cleo sent"),
        counted={"buried crashes": 1},
    ),
    Row(
        PLAIN,
        "send:before",
        "lease settle",
        deaths=2,
        sms=0,
        ends=("bob buried: uncertain",),
        counted={"uncertain": 1, "settled buried": 1, "buried uncertain": 1},
    ),
    Row(
        POISONED_REPLY,
        "post:before",
        "lease",
        about="'bob'",
        deaths=3,
        sms=4,
        posts=1,
        ends=("ann sent", "bob sent", "bob sent", "cleo sent", "reply buried: crashes", "reply posted"),
        counted={"buried crashes": 1},
    ),
)
