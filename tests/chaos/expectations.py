"""Every crash and the one outcome that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.scenarios import (
    ANSWER_LOST,
    AUTO_REPLY,
    AUTO_REPLY_WITHOUT_RECEIPT,
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
    Scenario,
)


@dataclass(frozen=True)
class Crash:
    """A crash at the point ``at``, and its outcome.

    A new process is started. It goes on as soon as what it ``waits`` for has run out: the "lease", the "settle" time,
    both, the time that the "parts" of a reply may take, or nothing. In the end Nexmo has accepted so many ``sms``, a
    reply stands in its conversation ``posts`` times, the messages and replies have come to these ``ends``, this is what
    the new process ``counted``, and nothing is open.
    ``again`` is the webhook that was not answered, so that it came again, as the new process counts it.

    Where the process dies more than once, ``times`` times, it does so only with what is ``about`` this.
    """

    scenario: Scenario
    at: str
    waits: str = ""
    sms: int = 1
    posts: int = 0
    ends: tuple[str, ...] = ("bob sent",)
    counted: Mapping[str, int] = field(default_factory=lambda: SENT)
    again: str = ""
    about: str = ""
    times: int = 1

    @property
    def points(self) -> tuple[str, ...]:
        """The points on the way to the crash, the last one included."""
        earlier = self.scenario.earlier
        return earlier if earlier[-1] == self.at else (*earlier, self.at)


#: What the process says that finds an SMS whose sender died, and sends it again.
RESENT = {"sms_uncertain": 1, "sms_reconciled resent": 1, "sms_accepted": 1}
#: So it says when the receipt came instead.
SETTLED = {"sms_uncertain": 1, "sms_reconciled receipt": 1, "sms_accepted": 1}
#: And so when no receipt came and it is not to be sent again.
DROPPED = {"sms_uncertain": 1, "sms_reconciled dropped": 1}
SENT: Mapping[str, int] = {"sms_accepted": 1}
NOTHING: Mapping[str, int] = {}
_NO_NUMBER = {"numbers_exhausted": 1, "notifications_skipped no_number": 1}
_NO_PHONE = {"notifications_skipped no_phone": 1}
_RECEIPT = {"sms_reconciled receipt": 1, "sms_accepted": 1}

#: It was settled by its receipt.
BY_RECEIPT = ("bob receipt",)

#: Webhooks that come again.
EVENT, INBOUND, DELIVERY = "stored layer", "stored nexmo", "stored receipt"


def _auto_reply(
    at: str,
    waits: str = "",
    sms: int = 2,
    end: str = "sent",
    counted: Mapping[str, int] = SENT,
    scenario: Scenario = AUTO_REPLY,
    again: str = "",
) -> Crash:
    ends = ("bob sent", f"notice {end}", "reply stop")
    return Crash(scenario, at, waits, sms=sms, ends=ends, counted=counted, again=again)


def _in_use(at: str, waits: str) -> Crash:
    counted = {**_NO_NUMBER, "sms_reconciled resent": 2, "sms_accepted": 2}
    return Crash(IN_USE, at, waits, sms=2, ends=("bob no_number", "bob sent", "bob sent"), counted=counted)


NOTIFICATIONS = (
    # the message arrives
    Crash(PLAIN, "record_event:before", again=EVENT),
    Crash(PLAIN, "record_event:after", again=EVENT),
    Crash(IN_TIME, "record_event:before", again=EVENT, sms=0, ends=("read",), counted=NOTHING),
    Crash(IN_TIME, "record_event:after", again=EVENT, sms=0, ends=("read",), counted=NOTHING),
    # it falls due
    Crash(PLAIN, "promote:before"),
    Crash(PLAIN, "promote:after"),
    # the notification is claimed and prepared; whoever dies now has done nothing yet
    Crash(PLAIN, "claim_notifications:before"),
    Crash(PLAIN, "claim_notifications:after", "lease"),
    Crash(PLAIN, "identity:before", "lease"),
    Crash(PLAIN, "identity:after", "lease"),
    Crash(PLAIN, "read_links:before", "lease"),
    Crash(PLAIN, "read_links:after", "lease"),
    Crash(PLAIN, "conversation:before", "lease"),
    Crash(PLAIN, "conversation:after", "lease"),
    Crash(NO_PHONE, "complete:before", "lease", sms=0, ends=("dan no_phone",), counted=_NO_PHONE),
    Crash(NO_PHONE, "complete:after", sms=0, ends=("dan no_phone",), counted=NOTHING),
    Crash(STOPPED, "release:before", "lease"),
    Crash(STOPPED, "release:after"),
    Crash(PLAIN, "begin_attempt:before", "lease"),
    # from here on it may have been sent
    Crash(PLAIN, "begin_attempt:after", "lease settle", counted=RESENT),
    Crash(PLAIN, "send:before", "lease settle", counted=RESENT),
    # it was accepted: the receipt says so, whether it comes before the lease is over or after
    Crash(PLAIN, "send:after", again=DELIVERY),
    Crash(LATE_RECEIPT, "send:after", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Crash(PLAIN, "record_accepted:before", again=DELIVERY),
    Crash(LATE_RECEIPT, "record_accepted:before", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Crash(PLAIN, "record_accepted:after", counted=NOTHING),
    # without receipts nobody can know
    Crash(NO_RECEIPTS, "send:after", "lease settle", sms=2, counted=RESENT),
    Crash(NO_RECEIPTS, "record_accepted:before", "lease settle", sms=2, counted=RESENT),
    Crash(NO_RECEIPTS, "record_accepted:after", counted=NOTHING),
    # it was not accepted, and the process dies before or after it has noted that down
    Crash(BUSY, "reschedule:before", "lease settle", counted=RESENT),
    Crash(BUSY, "reschedule:after"),
    Crash(THROTTLED, "pause_limit:before", "lease settle", counted=RESENT),
    Crash(THROTTLED, "pause_limit:after"),
    Crash(NO_CREDIT, "suspend_sending:before", "lease settle", counted=RESENT),
    Crash(NO_CREDIT, "suspend_sending:after"),
    Crash(
        BARRED,
        "set_aside:before",
        "lease settle",
        sms=0,
        ends=("bob dead letter: refused",),
        counted={"sms_uncertain": 1, "sms_reconciled resent": 1, "dead_letters out refused": 1},
    ),
    Crash(BARRED, "set_aside:after", sms=0, ends=("bob dead letter: refused",), counted=NOTHING),
    # nobody knows whether it was accepted
    Crash(ANSWER_LOST, "set_aside:before", "lease", ends=BY_RECEIPT, counted=SETTLED),
    Crash(ANSWER_LOST, "set_aside:after", ends=BY_RECEIPT, counted=_RECEIPT),
    Crash(RECEIPT, "record_receipt:before", again=DELIVERY, ends=BY_RECEIPT, counted=_RECEIPT),
    Crash(RECEIPT, "record_receipt:after", again=DELIVERY, ends=BY_RECEIPT, counted=NOTHING),
    # the user's map was changed meanwhile, and is written anew
    Crash(MAP_CHANGED, "write_map:before", counted=NOTHING),
    Crash(MAP_CHANGED, "write_map:after", counted=NOTHING),
    # all numbers of the handset are in use by attempts of unknown outcome: it steps aside
    _in_use("step_aside:before", "lease settle"),
    _in_use("step_aside:after", "settle"),
    # a notice is sent once at most
    _auto_reply("begin_auto_reply:before", "lease"),
    _auto_reply("begin_auto_reply:after", "lease settle", sms=1, end="uncertain", counted=DROPPED),
    _auto_reply("send:after", again=DELIVERY),
    _auto_reply("send:after", "lease settle", scenario=AUTO_REPLY_WITHOUT_RECEIPT, end="uncertain", counted=DROPPED),
    # what no receipt settles in time is sent again
    Crash(SETTLING, "reconcile:before", "settle", counted={"sms_reconciled resent": 1, "sms_accepted": 1}),
    Crash(SETTLING, "reconcile:after", "settle"),
)

_POSTED = ("ann sent", "bob sent", "reply posted")
_ALSO = {"replies_closed posted": 1, "sms_accepted": 1}
_WHOLE = {"replies_received whole": 1, **_ALSO}
_REPEATED = {"replies_received repeated": 1}
_PART = {"replies_received part": 1}
_BLANK = {"replies_received ignored": 1, "replies_closed blank": 1}


def _reply(
    at: str, waits: str = "", scenario: Scenario = REPLY, counted: Mapping[str, int] = _ALSO, again: str = ""
) -> Crash:
    return Crash(scenario, at, waits, sms=2, posts=1, ends=_POSTED, counted=counted, again=again)


def _left(at: str, waits: str, counted: Mapping[str, int]) -> Crash:
    return Crash(LEFT, at, waits, ends=("bob sent", "reply dead letter: not_participant"), counted=counted)


def _lost(at: str, waits: str, counted: Mapping[str, int]) -> Crash:
    return Crash(LOST_REPLY, at, waits, sms=2, ends=("bob sent", "notice sent", "reply no_thread"), counted=counted)


def _under_way(at: str, waits: str = "") -> Crash:
    counted = {"replies_closed posted": 1, "sms_accepted": 2}
    return Crash(UNDER_WAY, at, waits, sms=2, posts=1, ends=_POSTED, counted=counted, again=DELIVERY)


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
    _reply("reschedule:before", "lease", scenario=LAYER_FAILS),
    _reply("reschedule:after", scenario=LAYER_FAILS),
    _left("set_aside:before", "lease", {"dead_letters in not_participant": 1, "replies_closed dead_letter": 1}),
    _left("set_aside:after", "", NOTHING),
    # a long one comes in parts; those that never come are waited for
    _reply(
        "receive_sms_part:before", scenario=LONG_REPLY, again=INBOUND, counted={"replies_received part": 2, **_ALSO}
    ),
    _reply("receive_sms_part:after", scenario=LONG_REPLY, again=INBOUND, counted={**_PART, **_REPEATED, **_ALSO}),
    _reply("close_parts:before", "parts", scenario=HALF_A_REPLY, counted={"long_replies_incomplete": 1, **_ALSO}),
    _reply("close_parts:after", "parts", scenario=HALF_A_REPLY),
    # some ask for something else, or for nothing
    _auto_reply(
        "receive_sms:before", scenario=STOP, counted={"replies_received stop": 1, "sms_accepted": 1}, again=INBOUND
    ),
    _auto_reply("receive_sms:after", scenario=STOP, counted={**_REPEATED, "sms_accepted": 1}, again=INBOUND),
    _lost("queue_auto_reply:before", "lease", {"replies_closed no_thread": 1, "sms_accepted": 1}),
    _lost("queue_auto_reply:after", "lease", {"replies_closed no_thread": 1, "sms_accepted": 1}),
    # some have to wait until it is known what they answer
    _under_way("resolve:before", "lease"),
    _under_way("resolve:after"),
    Crash(BLANK, "dismiss:before", again=INBOUND, ends=("bob sent", "reply blank"), counted=_BLANK),
    Crash(BLANK, "dismiss:after", again=INBOUND, ends=("bob sent", "reply blank"), counted=_REPEATED),
)


#: What kills whoever works on it is a dead letter after three claims, and nobody else is; after two if it dies while it
#: sends, since then nobody knows what was sent.
POISONS = (
    Crash(
        POISON,
        "identity:before",
        "lease",
        about="'bob'",
        times=3,
        ends=("bob dead letter: crashes", "cleo sent"),
        counted={"dead_letters out crashes": 1},
    ),
    Crash(
        PLAIN,
        "send:before",
        "lease settle",
        times=2,
        sms=0,
        ends=("bob dead letter: uncertain",),
        counted={"sms_uncertain": 1, "sms_reconciled parked": 1, "dead_letters out uncertain": 1},
    ),
    Crash(
        POISONED_REPLY,
        "post:before",
        "lease",
        about="'bob'",
        times=3,
        sms=4,
        posts=1,
        ends=("ann sent", "bob sent", "bob sent", "cleo sent", "reply dead letter: crashes", "reply posted"),
        counted={"dead_letters in crashes": 1, "replies_closed dead_letter": 1},
    ),
)

#: With a chat of one's own: the steps that it alone has, and those around them. Its world knows the outcome.
OWN_CHAT = tuple(
    Crash(PLAIN, f"{step}:{when}", "lease")
    for step in ("name_phones", "record_event", "named_phone", "post")
    for when in ("before", "after")
)
