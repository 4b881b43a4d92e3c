"""Why a message was texted or not, in lines that an operator can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.explain import Policy, message_story, reply_story, sms_story
from nexmo_twisted.domain.ids import short_sms_id
from nexmo_twisted.domain.inspection import MessageReport, QueueItem
from nexmo_twisted.domain.model import Status
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.store.codec import queue_item
from nexmo_twisted.store.schema import FIELDS

NOW = 1_767_225_600_000
MINUTE = 60_000
MESSAGE = "940de862-3c96-11e4-baad-164230d1df67"
NID = "lA3oYjyWEeS6rRZCMNHfZw.48181acd22b3edaebc8a447868a7df7c"
BOB = "12015550112"
ONE = "12015550101"
#: Fields of which test_any makes up the values.
NAMES = ("state", "reason", "due", "failures", "crashes", "attempts", "resent", "aside_at")
RESEND = Policy((Status.SENT, Status.DELIVERED), 10 * MINUTE, "resend")


def facts(**what: Any) -> MessageReport:
    """A message of Ann's to Bob, due five minutes ago, checked, with Bob's text open; ``what`` is different."""
    values: dict[str, Any] = {
        "now": NOW,
        "message_id": MESSAGE,
        "closed": "",
        "closed_at": None,
        "due": NOW - 5 * MINUTE,
        "delay": 10 * MINUTE,
        "sender": "ann",
        "conversation": "",
        "open": 1,
        "check": None,
        "suspended": None,
        "suspended_reason": "",
        "ranks": {"ann": 2, "bob": 0},
        "outcomes": {},
        "entries": [],
    }
    return MessageReport(**(values | what))


def stored(named: Mapping[str, str]) -> dict[str, str]:
    """Fields as they stand in Redis."""
    return {FIELDS[name]: value for name, value in named.items()}


def text(after: int | None = NOW + 5000, ahead: int = 0, **fields: str) -> QueueItem:
    """Bob's text."""
    return text_with(fields, after, ahead)


def text_with(fields: Mapping[str, str], after: int | None = NOW + 5000, ahead: int = 0) -> QueueItem:
    """The same, where the fields are in a mapping."""
    named = {"lane": "bob", "message": "x", "due": str(NOW - 5 * MINUTE), **fields}
    return queue_item("out", NID, stored(named), "" if after is None else str(after), ahead)


def reply(**fields: str) -> QueueItem:
    thread = f'["bob", "layer:///conversations/{MESSAGE}", 1]'
    named = {"handset": BOB, "number": ONE, "message_id": "0A01", "entry": thread, "due": str(NOW - MINUTE)} | fields
    return queue_item("in", "r", stored(named), str(NOW + 5000))


def story(known: MessageReport, policy: Policy = RESEND) -> list[str]:
    return [line.strip() for line in message_story(known, policy, describe)]


def of_bob(entry: QueueItem, policy: Policy = RESEND) -> list[str]:
    """What is told of Bob's text, behind his name."""
    lines = story(facts(entries=[entry]), policy)
    return lines[lines.index("bob, status sent:") + 1 :]


class ExplainMessageTests(TestCase):
    def test_before_the_check(self) -> None:
        """When it came, when it is due, and who will be owed a text."""
        known = facts(due=NOW + 5 * MINUTE, open=None, check=NOW + 5 * MINUTE, ranks={"ann": 2, "bob": 0, "cleo": 2})
        self.assertEqual(
            list(message_story(known, RESEND, describe)),
            [
                f"Message {MESSAGE}",
                "  received 2025-12-31T23:55:00Z, sent by ann",
                "  due 2026-01-01T00:05:00Z, 10 min later",
                "  not checked yet: due in 5 min",
                "  bob, status sent:",
                "    will get an SMS if the status is still the same at the check",
                "  cleo, status read:",
                "    will get no SMS",
            ],
        )

    def test_late(self) -> None:
        """A check that should have been made long ago points to the service; one that nobody will make, too."""
        self.assertIn(
            "not checked yet, though due for 5 min: is the service running?", story(facts(open=None, check=1))
        )
        self.assertIn("not checked yet: due now", story(facts(open=None, check=1, due=NOW)))
        self.assertIn(
            "it is missing from the list of checks; the hourly sweep repairs this",
            story(facts(open=None, due=NOW + 1)),
        )

    def test_statuses_only(self) -> None:
        """Without its message.sent nothing is owed."""
        known = facts(due=None, delay=None, sender="", open=None, ranks={"bob": 1})
        self.assertEqual(
            story(known)[1:],
            [
                "its message.sent event has not arrived, only later ones; without it no SMS is sent",
                "bob, status delivered:",
                "no SMS is needed",
            ],
        )

    def test_sent(self) -> None:
        """From which number, when, and under which id at Nexmo; no number is told whole."""
        known = facts(closed="done", closed_at=NOW, open=None, ranks={}, outcomes={"bob": f"sent {ONE} 0A0B @12500"})
        self.assertEqual(
            story(known)[3:],
            [
                "checked, and closed 2026-01-01T00:00:00Z",
                "bob:",
                "sent from …0101 at 2025-12-31T23:55:12Z",
                "the provider's id: 0A0B",
            ],
        )

    def test_after_the_check(self) -> None:
        """Who had read it, who wrote it and where are still told."""
        talk = "layer:///conversations/x"
        known = facts(closed="done", closed_at=NOW, open=None, conversation=talk, ranks={"bob": 2, "cleo": 1})
        sent = facts(outcomes={"cleo": f"sent {ONE} 0A0B @12500"}).outcomes
        lines = story(replace(known, outcomes=sent))
        self.assertEqual(lines[1], f"received 2025-12-31T23:45:00Z, sent by ann in {talk}")
        self.assertEqual(
            lines[4:],
            [
                "bob, status read:",
                "no SMS was needed: read is not in report_on_status",
                "cleo, status delivered:",
                "sent from …0101 at 2025-12-31T23:55:12Z",
                "the provider's id: 0A0B",
            ],
        )
        known = facts(closed="read", closed_at=NOW, open=None, ranks={"bob": 2})
        self.assertIn("no SMS was needed: read is not in report_on_status", story(known))

    def test_held_is_no_stop(self) -> None:
        """While the account is at fault a text that waits says nothing of the service."""
        lines = story(
            facts(suspended=NOW - MINUTE, suspended_reason="no credit", entries=[text(NOW - 5 * MINUTE, state="R")])
        )
        self.assertNotIn("is the service running", " ".join(lines))
        self.assertIn("it is sent when the suspension ends", lines)
        self.assertIn("is the service running?", " ".join(story(facts(entries=[text(NOW - 5 * MINUTE, state="R")]))))

    def test_sms(self) -> None:
        """Whose an SMS is, then what is known of its message; of a notice what it was."""
        known = facts(entries=[text(state="R")])
        lines = list(sms_story("0A0B", QueueItem(queue="out", id=NID), known, RESEND, describe))
        self.assertEqual(lines[:2], [f"SMS 0A0B: notification to bob about message {MESSAGE}", f"Message {MESSAGE}"])
        lines = list(sms_story("0A0B", QueueItem(queue="out", id=NID), None, RESEND, describe))
        self.assertEqual(lines, [f"SMS 0A0B: notification about message {MESSAGE}"])
        done = QueueItem(queue="out", id="x.stop", done=f"sent {ONE} 0A0B =d", done_for=MINUTE)
        self.assertEqual(
            list(sms_story("0A0B", done, None, RESEND, describe)),
            [
                "SMS 0A0B: the answer to STOP",
                "  closed 1 min ago",
                "  sent from …0101",
                "  the provider's id: 0A0B",
                "  delivery receipt: delivered",
            ],
        )

    def test_other_outcomes(self) -> None:
        """Settled by a receipt, skipped, given up while uncertain; with the time unless an old record has none."""
        for outcome, line in {
            f"receipt {ONE} 0A0B @60000": "sent from …0101, confirmed at 2025-12-31T23:56:00Z by its receipt",
            f"sent {ONE} ": "sent from …0101",
            "sent unknown 0A0B @60000": "sent from one of the numbers at 2025-12-31T23:56:00Z",
            "no_phone @1": "not sent at 2025-12-31T23:55:00Z: the recipient has no phone number that can receive SMS",
            "no_number": "not sent: all numbers were in use on the recipient's handset; add numbers",
            "uncertain dropped @60000": "given up at 2025-12-31T23:56:00Z: it may or may not have been sent "
            "(no receipt came in time)",
        }.items():
            self.assertEqual(story(facts(closed="done", outcomes={"bob": outcome}, ranks={}))[5], line, outcome)

    def test_receipts(self) -> None:
        """What Nexmo's receipts say of it, and what is to be done about a failure; of one given up, too."""
        for end, lines in {
            "": [],
            " =d": ["delivery receipt: delivered"],
            " =b": ["delivery receipt: buffered"],
            " =f6": [
                "delivery receipt: failed, code 6 (anti-spam rejection)",
                "what to do: ask Vonage's support, since other texts may fail the same way",
            ],
        }.items():
            known = facts(closed="done", outcomes={"bob": f"sent {ONE} 0A0B @60000{end}"}, ranks={})
            self.assertEqual(
                story(known)[5:], ["sent from …0101 at 2025-12-31T23:56:00Z", "the provider's id: 0A0B", *lines]
            )
        known = facts(closed="done", outcomes={"bob": "uncertain dropped @60000 =d"}, ranks={})
        self.assertEqual(story(known)[6:], ["delivery receipt: delivered"])

    def test_long_id(self) -> None:
        """An id that is a UUID is told as Nexmo writes it."""
        known = facts(closed="done", outcomes={"bob": f"sent {ONE} {short_sms_id(MESSAGE)} @1"}, ranks={})
        self.assertIn(f"the provider's id: {MESSAGE}", story(known))

    def test_nobody(self) -> None:
        """All had seen it; it was deleted; its record is broken; only an item is left of it."""
        at: dict[str, Any] = {"closed_at": NOW, "open": None, "ranks": {}}
        for closed, line in {
            "read": "checked 2026-01-01T00:00:00Z: no recipient needed an SMS",
            "deleted": "deleted 2026-01-01T00:00:00Z: nothing more is sent",
            "undecodable": "closed 2026-01-01T00:00:00Z: its record in Redis cannot be read",
            "expired": "the message itself is no longer kept",
        }.items():
            self.assertEqual(story(facts(closed=closed, **at))[3:], [line])

    def test_not_owed(self) -> None:
        """Who is owed no text although it was checked, and why."""
        policy = Policy((Status.SENT,), MINUTE, "resend")
        self.assertIn(
            "no SMS is needed: the status is not in report_on_status", story(facts(ranks={"ann": 2, "bob": 1}), policy)
        )
        self.assertIn("no SMS is needed: the status was different when it was checked", story(facts(ranks={"bob": 0})))

    def test_held(self) -> None:
        """While the account is at fault, since when and why."""
        known = facts(suspended=NOW - MINUTE, suspended_reason="status 9: no credit left", entries=[text(state="R")])
        self.assertIn("sending is suspended since 2025-12-31T23:59:00Z: status 9: no credit left", story(known))
        self.assertNotIn("suspended", " ".join(story(facts(suspended=NOW, entries=[text(state="D", reason="x")]))))

    @given(
        st.dictionaries(st.text(), st.text(), max_size=3),
        st.dictionaries(st.sampled_from(NAMES), st.text(), max_size=8),
    )
    def test_any(self, outcomes: dict[str, str], fields: dict[str, str]) -> None:
        """Whatever Redis holds, it is told in lines without an error."""
        for line in story(facts(outcomes=outcomes, entries=[text_with(fields)])):
            self.assertTrue(line.isprintable())


class ExplainTextTests(TestCase):
    def test_waiting(self) -> None:
        """For a first attempt, or another one; when, why, and behind how many."""
        self.assertEqual(
            of_bob(text(state="R")),
            ["waiting for the first attempt", "next attempt 2026-01-01T00:00:05Z (in 5 s)"],
        )
        self.assertEqual(
            of_bob(
                text(NOW - MINUTE, 2, state="R", failures="3", attempts="3", number=ONE, reason="status 1: throttled")
            ),
            [
                "waiting for a retry, rescheduled 3 times; last reason: status 1: throttled",
                "2 of the same user ahead of it",
                "next attempt 2025-12-31T23:59:00Z (1 min ago): is the service running?",
                "3 attempts so far, the last from …0101",
            ],
        )

    def test_waiting_for_a_limit(self) -> None:
        """A text that waits for a limit says for whose, and until when; one that is put off for another reason does
        not."""
        at = str(NOW + 5000)
        for fields, whose in (
            ({"state": "R", "limit": "key", "limit_before": ONE, "turn": at}, "the account"),
            ({"state": "R", "limit": ONE, "turn": at}, f"…{ONE[-4:]}"),
        ):
            lines = of_bob(text_with(fields))
            line = f"waiting for the rate limit of {whose} (sms.limits)"
            self.assertIn(line, lines)
            self.assertTrue(any(each.startswith("next attempt") and "in 5 s" in each for each in lines), lines)
        for fields in (
            {"state": "R", "limit": ONE, "turn": str(NOW)},
            {"state": "C", "limit": ONE, "turn": at},
            {"state": "R"},
        ):
            self.assertNotIn("rate limit", "".join(of_bob(text_with(fields))))

    def test_under_way(self) -> None:
        """Being prepared, being sent."""
        self.assertEqual(
            of_bob(text(state="C", crashes="1")),
            [
                "being prepared; lease expires 2026-01-01T00:00:05Z (in 5 s)",
                "1 worker died or stalled while processing it",
            ],
        )
        self.assertEqual(
            of_bob(text(state="S", number=ONE, attempts="1"))[0],
            "being sent from …0101; lease expires 2026-01-01T00:00:05Z (in 5 s)",
        )

    def test_uncertain(self) -> None:
        """Since when, why, and what becomes of it under which policy."""
        entry = text(None, state="U", aside_at=str(NOW), reason="lost", attempts="1", number=ONE)
        self.assertEqual(
            of_bob(entry),
            [
                "uncertain since 2026-01-01T00:00:00Z: the process that was sending it died or stalled",
                "a receipt decides; without one it is sent again once if still unread after 2026-01-01T00:10:00Z",
                "1 attempt so far, the last from …0101",
            ],
        )
        for policy, fate in {"park": "kept as a dead letter", "drop": "dropped"}.items():
            self.assertIn(f"without one it is {fate} after", of_bob(entry, Policy((), MINUTE, policy))[1])
        again = of_bob(text(None, state="U", aside_at=str(NOW), reason="lost", attempts="2", resent="1"))
        self.assertIn("without one it is kept as a dead letter after", again[1])
        self.assertIn("an attempt of unknown outcome was repeated", again)

    def test_dead_letter(self) -> None:
        """Since when, why, and how to try it again."""
        self.assertEqual(
            of_bob(text(None, state="D", aside_at=str(NOW), reason="template: no such member")),
            [
                "dead letter since 2026-01-01T00:00:00Z: the template failed (no such member)",
                f"to try it again: nexmo-twisted redrive {NID}",
            ],
        )


class ExplainReplyTests(TestCase):
    def test_waiting(self) -> None:
        """From whom to which number, for which conversation, and what comes next."""
        self.assertEqual(
            list(reply_story("0A01", reply(state="R", failures="1", reason="HTTP 503"), NOW)),
            [
                "Reply 0A01",
                "  received 2025-12-31T23:59:00Z from …0112 to …0101",
                f"  belongs to layer:///conversations/{MESSAGE}, written by bob",
                "  waiting for a retry, rescheduled once; last reason: HTTP 503",
                "  next attempt 2026-01-01T00:00:05Z (in 5 s)",
            ],
        )

    def test_states(self) -> None:
        """Being posted, or a dead letter; and one whose conversation was unknown when it came."""
        self.assertIn("being posted;", " ".join(reply_story("0A01", reply(state="C"), NOW)))
        left = reply(state="D", aside_at=str(NOW), reason="not_participant: left", entry="")
        lines = list(reply_story("0A01", left, NOW))
        self.assertEqual(
            lines[2:],
            [
                "  no conversation was linked to its number on that handset when it arrived",
                "  dead letter since 2026-01-01T00:00:00Z: the user has left the conversation (left)",
                "  to try it again: nexmo-twisted redrive r",
            ],
        )

    def test_closed(self) -> None:
        """Posted, or not and why."""
        for outcome, line in {
            "posted": "posted",
            "no_thread": "not posted: no conversation is linked to its number on that handset",
        }.items():
            entry = QueueItem(queue="in", id="r", done=outcome, done_for=MINUTE)
            self.assertEqual(
                list(reply_story("0A01", entry, NOW)), ["Reply 0A01", f"  closed 2025-12-31T23:59:00Z: {line}"]
            )
