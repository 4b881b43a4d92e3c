"""Every crash and its one outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.scenarios import (
    ANSWER_LOST,
    BARRED,
    BLANK,
    BUSY,
    HALF_A_REPLY,
    IN_TIME,
    IN_USE,
    LATE_RECEIPT,
    LAYER_FAILS,
    LEFT,
    LONG_REPLY,
    LOST_REPLY,
    MAP_CHANGED,
    NO_CREDIT,
    NO_PHONE,
    NO_RECEIPTS,
    NOTICE,
    NOTICE_WITHOUT_RECEIPT,
    PLAIN,
    POISON,
    POISONED_REPLY,
    RECEIPT,
    REPLY,
    SETTLING,
    STOP,
    STOPPED,
    THROTTLED,
    UNDER_WAY,
    Scene,
)


@dataclass(frozen=True)
class Row:
    """A crash at the point ``at``, and its outcome.

    A new process is started. It goes on as soon as what it ``waits`` for has run out: the "lease", the "settle" time,
    both, the time that the "parts" of a reply may take, or nothing. In the end Nexmo has accepted so many ``sms``, a
    reply stands in its conversation ``posts`` times, the messages and replies have come to these ``ends``, this is what
    the new process ``counted``, and nothing is open.
    ``again`` is the webhook that was not answered, so that it came again, as the new process counts it.

    Where the process dies more than once, ``deaths`` times, it does so only with what is ``about`` this.
    """

    scene: Scene
    at: str
    waits: str = ""
    sms: int = 1
    posts: int = 0
    ends: tuple[str, ...] = ("bob sent",)
    counted: Mapping[str, int] = field(default_factory=lambda: SENT)
    again: str = ""
    about: str = ""
    deaths: int = 1

    @property
    def points(self) -> tuple[str, ...]:
        """The way to the crash."""
        way = self.scene.way
        return way if way[-1] == self.at else (*way, self.at)


#: What the process says that finds an SMS whose sender died, and sends it again.
RESENT = {"sms_uncertain": 1, "sms_reconciled resent": 1, "sms_accepted": 1}
#: So it says when the receipt came instead.
SETTLED = {"sms_uncertain": 1, "sms_reconciled receipt": 1, "sms_accepted": 1}
#: And so when no receipt came and it is not to be sent again.
DROPPED = {"sms_uncertain": 1, "sms_reconciled dropped": 1}
SENT = {"sms_accepted": 1}
NOTHING: Mapping[str, int] = {}
_NO_NUMBER = {"numbers_exhausted": 1, "notifications_skipped no_number": 1}
_NO_PHONE = {"notifications_skipped no_phone": 1}
_RECEIPT = {"sms_reconciled receipt": 1, "sms_accepted": 1}

#: It was settled by its receipt.
BY_RECEIPT = ("bob receipt",)

#: Webhooks that come again.
EVENT, INBOUND, DELIVERY = "stored layer", "stored nexmo", "stored receipt"


def _notice(
    at: str,
    waits: str = "",
    sms: int = 2,
    end: str = "sent",
    counted: Mapping[str, int] = SENT,
    scene: Scene = NOTICE,
    again: str = "",
) -> Row:
    ends = ("bob sent", f"notice {end}", "reply stop")
    return Row(scene, at, waits, sms=sms, ends=ends, counted=counted, again=again)


def _in_use(at: str, waits: str) -> Row:
    counted = {**_NO_NUMBER, "sms_reconciled resent": 2, "sms_accepted": 2}
    return Row(IN_USE, at, waits, sms=2, ends=("bob no_number", "bob sent", "bob sent"), counted=counted)


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
    Row(NO_PHONE, "complete:before", "lease", sms=0, ends=("dan no_phone",), counted=_NO_PHONE),
    Row(NO_PHONE, "complete:after", sms=0, ends=("dan no_phone",), counted=NOTHING),
    Row(STOPPED, "release:before", "lease"),
    Row(STOPPED, "release:after"),
    Row(PLAIN, "begin_attempt:before", "lease"),
    # from here on it may have been sent
    Row(PLAIN, "begin_attempt:after", "lease settle", counted=RESENT),
    Row(PLAIN, "send:before", "lease settle", counted=RESENT),
    # it was accepted: the receipt says so, whether it comes before the lease is over or after
    Row(PLAIN, "send:after", again=DELIVERY),
    Row(LATE_RECEIPT, "send:after", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Row(PLAIN, "record_accepted:before", again=DELIVERY),
    Row(LATE_RECEIPT, "record_accepted:before", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Row(PLAIN, "record_accepted:after", counted=NOTHING),
    # without receipts nobody can know
    Row(NO_RECEIPTS, "send:after", "lease settle", sms=2, counted=RESENT),
    Row(NO_RECEIPTS, "record_accepted:before", "lease settle", sms=2, counted=RESENT),
    Row(NO_RECEIPTS, "record_accepted:after", counted=NOTHING),
    # it was not accepted, and the process dies before or after it has noted that down
    Row(BUSY, "reschedule:before", "lease settle", counted=RESENT),
    Row(BUSY, "reschedule:after"),
    Row(THROTTLED, "pause_limit:before", "lease settle", counted=RESENT),
    Row(THROTTLED, "pause_limit:after"),
    Row(NO_CREDIT, "suspend_sending:before", "lease settle", counted=RESENT),
    Row(NO_CREDIT, "suspend_sending:after"),
    Row(
        BARRED,
        "set_aside:before",
        "lease settle",
        sms=0,
        ends=("bob buried: refused",),
        counted={"sms_uncertain": 1, "sms_reconciled resent": 1, "dead_letters out refused": 1},
    ),
    Row(BARRED, "set_aside:after", sms=0, ends=("bob buried: refused",), counted=NOTHING),
    # nobody knows whether it was accepted
    Row(ANSWER_LOST, "set_aside:before", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Row(ANSWER_LOST, "set_aside:after", ends=BY_RECEIPT, counted=_RECEIPT),
    Row(RECEIPT, "record_receipt:before", again=DELIVERY, ends=BY_RECEIPT, counted=_RECEIPT),
    Row(RECEIPT, "record_receipt:after", again=DELIVERY, ends=BY_RECEIPT, counted=NOTHING),
    # the user's map was changed meanwhile, and is written anew
    Row(MAP_CHANGED, "write_map:before", counted=NOTHING),
    Row(MAP_CHANGED, "write_map:after", counted=NOTHING),
    # all numbers of the handset are in use by attempts of unknown outcome: it steps aside
    _in_use("step_aside:before", "lease settle"),
    _in_use("step_aside:after", "settle"),
    # a notice is sent once at most
    _notice("begin_auto_reply:before", "lease"),
    _notice("begin_auto_reply:after", "lease settle", sms=1, end="uncertain", counted=DROPPED),
    _notice("send:after", again=DELIVERY),
    _notice("send:after", "lease settle", scene=NOTICE_WITHOUT_RECEIPT, end="uncertain", counted=DROPPED),
    # what no receipt settles in time is sent again
    Row(SETTLING, "reconcile:before", "settle", counted={"sms_reconciled resent": 1, "sms_accepted": 1}),
    Row(SETTLING, "reconcile:after", "settle"),
)

_POSTED = ("ann sent", "bob sent", "reply posted")
_ALSO = {"replies_closed posted": 1, "sms_accepted": 1}
_WHOLE = {"replies_received whole": 1, **_ALSO}
_REPEATED = {"replies_received repeated": 1}
_PART = {"replies_received part": 1}
_BLANK = {"replies_received ignored": 1, "replies_closed blank": 1}


def _reply(at: str, waits: str = "", scene: Scene = REPLY, counted: Mapping[str, int] = _ALSO, again: str = "") -> Row:
    return Row(scene, at, waits, sms=2, posts=1, ends=_POSTED, counted=counted, again=again)


def _left(at: str, waits: str, counted: Mapping[str, int]) -> Row:
    return Row(LEFT, at, waits, ends=("bob sent", "reply buried: not_participant"), counted=counted)


def _lost(at: str, waits: str, counted: Mapping[str, int]) -> Row:
    return Row(LOST_REPLY, at, waits, sms=2, ends=("bob sent", "notice sent", "reply no_thread"), counted=counted)


def _under_way(at: str, waits: str = "") -> Row:
    counted = {"replies_closed posted": 1, "sms_accepted": 2}
    return Row(UNDER_WAY, at, waits, sms=2, posts=1, ends=_POSTED, counted=counted, again=DELIVERY)


REPLIES = (
    _reply("receive_sms:before", again=INBOUND, counted=_WHOLE),
    _reply("receive_sms:after", again=INBOUND, counted={**_REPEATED, **_ALSO}),
    # it is looked at before the answer to its webhook is on the wire
    _reply("claim_replies:before", again=INBOUND, counted={**_REPEATED, **_ALSO}),
    _reply("claim_replies:after", "lease"),
    _reply("post:before", "lease"),
    _reply("post:after", "lease"),
    _reply("read_links:before", "lease"),
    _reply("read_links:after", "lease"),
    _reply("renew_links:before", "lease"),
    _reply("renew_links:after", "lease"),
    _reply("complete:before", "lease"),
    _reply("complete:after", counted=SENT),
    _reply("reschedule:before", "lease", scene=LAYER_FAILS),
    _reply("reschedule:after", scene=LAYER_FAILS),
    _left("set_aside:before", "lease", {"dead_letters in not_participant": 1, "replies_closed dead_letter": 1}),
    _left("set_aside:after", "", NOTHING),
    # a long one comes in parts; those that never come are waited for
    _reply("receive_sms_part:before", scene=LONG_REPLY, again=INBOUND, counted={"replies_received part": 2, **_ALSO}),
    _reply("receive_sms_part:after", scene=LONG_REPLY, again=INBOUND, counted={**_PART, **_REPEATED, **_ALSO}),
    _reply("close_parts:before", "parts", scene=HALF_A_REPLY, counted={"long_replies_incomplete": 1, **_ALSO}),
    _reply("close_parts:after", "parts", scene=HALF_A_REPLY),
    # some ask for something else, or for nothing
    _notice("receive_sms:before", scene=STOP, counted={"replies_received stop": 1, "sms_accepted": 1}, again=INBOUND),
    _notice("receive_sms:after", scene=STOP, counted={**_REPEATED, "sms_accepted": 1}, again=INBOUND),
    _lost("queue_auto_reply:before", "lease", {"replies_closed no_thread": 1, "sms_accepted": 1}),
    _lost("queue_auto_reply:after", "lease", {"replies_closed no_thread": 1, "sms_accepted": 1}),
    # some have to wait until it is known what they answer
    _under_way("resolve:before", "lease"),
    _under_way("resolve:after"),
    Row(BLANK, "dismiss:before", again=INBOUND, ends=("bob sent", "reply blank"), counted=_BLANK),
    Row(BLANK, "dismiss:after", again=INBOUND, ends=("bob sent", "reply blank"), counted=_REPEATED),
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
        counted={"dead_letters out crashes": 1},
    ),
    Row(
        PLAIN,
        "send:before",
        "lease settle",
        deaths=2,
        sms=0,
        ends=("bob buried: uncertain",),
        counted={"sms_uncertain": 1, "sms_reconciled parked": 1, "dead_letters out uncertain": 1},
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
        counted={"dead_letters in crashes": 1, "replies_closed dead_letter": 1},
    ),
)
