"""Attempts: the choice of a number, the record before the SMS, and what keeps an SMS from going out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError

from nexmo_twisted.domain.ids import reference
from nexmo_twisted.domain.model import Attempt, Notification, Sms
from nexmo_twisted.domain.rate_limits import ACCOUNT, Limits
from nexmo_twisted.domain.results import Begin, Begun
from nexmo_twisted.engine.attempts import (
    CHOICES,
    INTRODUCTION_TRIES,
    MOST_READ,
    AttemptRecorder,
    IntroductionFailed,
    Postponed,
    Release,
    Skip,
)
from nexmo_twisted.engine.cache import Cache
from nexmo_twisted.errors import StoreUnavailable, Temporary
from tests.engine.cases import (
    KEEP,
    LEASE,
    LIFETIME,
    NOW,
    POLICY,
    RECEIPT_TIMEOUT,
    THREAD,
    StageCase,
    auto_reply,
    link_state,
    notification,
)
from tests.engine.fake_queues import FakeOutbox
from tests.engine.fake_store import FakeLinks
from tests.engine.fakes import FakeChat, FakeIntroduction
from tests.factories import HANDSET, NUMBERS

OURS, OTHER = NUMBERS
MARK = '["bob","c-1"]'
BOBS = f'["bob","c-1",{NOW + LIFETIME},{NOW}]'
CAROLS = f'["carol","c-9",{NOW + LIFETIME},{NOW}]'
#: All numbers carry other users' threads; on one of them, or on all, an attempt of unknown outcome is under way.
FULL = link_state(**{OURS: CAROLS, OTHER: f'["dan","c-8",{NOW + LIFETIME},{NOW}]'})
TRIED = replace(FULL, handset={**FULL.handset, f"u:{OURS}": '["carol","c-9"]'})
BEGUN = ("begin_attempt", OURS, MARK, [OURS, ACCOUNT])

#: Policies that cut a text, and the most characters that are left of it.
SHORT = [(replace(POLICY, max_segments=1), 160), (replace(POLICY, max_characters=100), 100)]

#: What the record of an attempt may say, and what comes of it.
ANSWERS: list[tuple[Begun, type[Exception], dict[tuple[str, ...], int]]] = [
    (Begun(Begin.STALE), Release, {}),
    (Begun(Begin.SUSPENDED), Release, {}),
    (Begun(Begin.WAIT, ACCOUNT), Postponed, {("sms_rate_limited", "account"): 1}),
    (Begun(Begin.WAIT, OURS), Postponed, {("sms_rate_limited", "number"): 1}),
    (Begun(Begin.UNNEEDED, "opted_out"), Skip, {}),
]


class AttemptCase(StageCase):
    def begin(self) -> None:
        super().begin()
        calls = self.calls
        self.clock.advance(1_000)
        self.outbox = FakeOutbox(calls)
        self.links = FakeLinks(calls, link_state())
        self.chat = FakeChat(calls)
        self.introduction: FakeIntroduction | None = None
        self.policy = POLICY
        self.closing = False

    def introduce(self) -> FakeIntroduction:
        self.introduction = FakeIntroduction(self.calls)
        return self.introduction

    def recorder(self) -> AttemptRecorder:
        return AttemptRecorder(
            outbox=self.outbox,
            links=self.links,
            introduction=self.introduction,
            conversations=Cache(self.chat.conversation, clock=self.clock),
            terms=self.policy,
            lease=LEASE,
            closing=lambda: self.closing,
            metrics=self.metrics,
            clock=self.clock,
        )

    def text(
        self, item: Notification | None = None, body: str = "Hello", conversation: Mapping[str, Any] | None = None
    ) -> tuple[Sms, Attempt]:
        item = item or notification()
        self.outbox.claim(item)
        return self.result(self.recorder().text(item, THREAD, HANDSET, "+1 201-555-0198", {}, body, conversation))

    def auto_reply(self, item: Notification) -> tuple[Sms, Attempt]:
        self.outbox.claim(item)
        assert item.auto_reply is not None
        return self.result(self.recorder().auto_reply(item, item.auto_reply))

    def begun(self) -> list[tuple[Any, ...]]:
        """The attempts that were to be recorded."""
        return [call for call in self.calls if call[0] == "begin_attempt"]


class TextTests(AttemptCase):
    def test_recorded(self) -> None:
        """The attempt is recorded with its number, its thread and its limits; it counts for as long as the lease."""
        sms, attempt = self.text()
        self.assertEqual(self.calls, [("read_links", "bob", HANDSET, "+1 201-555-0198"), BEGUN])
        self.assertEqual(sms, Sms(OURS, HANDSET, "Hello", reference("n-1")))
        self.assertEqual((attempt.handset, attempt.number, attempt.introduced), (HANDSET, OURS, MARK))
        self.assertEqual(attempt.until, self.clock.seconds() + LEASE / 1000)

    def test_map(self) -> None:
        """The attempt carries the user's map as it was read and as it is written once the SMS is accepted, with the
        time for which it is kept."""
        self.links.states = [replace(link_state(), user_map="{}")]
        _, attempt = self.text()
        self.assertEqual((attempt.map_read, attempt.ttl), ("{}", LIFETIME + KEEP))
        self.assertEqual(json.loads(attempt.map_new), {"c-1": {"phone": OURS, "expires": NOW + LIFETIME}})

    def test_limits(self) -> None:
        """The limits are those of the number that was chosen, and of the account."""
        self.policy = replace(POLICY, limits=Limits(30, 1, {OTHER: 2}))
        self.text()
        self.assertEqual([limit.interval for limit in self.outbox.limits], [1_000_000, 33_334])

    def test_changed_meanwhile(self) -> None:
        """When another process was faster the number is chosen again from what is there now."""
        self.outbox.begins.append(Begun(Begin.CONFLICT))
        self.links.states = [link_state(), link_state(**{OURS: CAROLS})]
        sms, _ = self.text()
        self.assertEqual([call[1] for call in self.begun()], [OURS, OTHER])
        self.assertEqual(sms.sender, OTHER)

    def test_given_up(self) -> None:
        """When other processes are faster all the time it is tried again later."""
        self.outbox.begins.extend([Begun(Begin.CONFLICT)] * 2 * CHOICES)
        self.assertRaises(Temporary, self.text)
        self.assertEqual(len(self.begun()), CHOICES)

    def test_table(self) -> None:
        """What the record says decides: nothing is sent unless the attempt is recorded."""
        for begun, error, counted in ANSWERS:
            self.begin()
            self.outbox.begins.append(begun)
            self.assertRaises(error, self.text)
            self.assertEqual((len(self.begun()), self.counted), (1, counted), begun)

    def test_reason(self) -> None:
        """Why it is not needed is handed on."""
        self.outbox.begins.append(Begun(Begin.UNNEEDED, "opted_out"))
        self.assertEqual(self.assertRaises(Skip, self.text).reason, "opted_out")

    def test_closing(self) -> None:
        """A process that stops begins no attempt."""
        self.closing = True
        self.assertRaises(Release, self.text)
        self.assertEqual(self.begun(), [])

    def test_store_away(self) -> None:
        """A store that is away is the caller's business."""
        for fake, method in ((self.links, "read_links"), (self.outbox, "begin_attempt")):
            fake.fail(method, StoreUnavailable("Redis is away"))
            self.assertRaises(StoreUnavailable, self.text)

    def test_fitted(self) -> None:
        """The text is cut to as many parts and characters as the policy allows."""
        for policy, longest in SHORT:
            self.begin()
            self.policy = policy
            sms, _ = self.text(body="Hello " * 100)
            self.assertTrue(longest - 10 < len(sms.text) <= longest, sms)

    def test_cleaned(self) -> None:
        """What no handset shows is taken out, and of an endless text only the beginning is looked at."""
        self.assertEqual(self.text(body="Hello\x00 Bob")[0].text, "Hello Bob")
        self.begin()
        self.assertEqual(self.text(body="\u200b" * MOST_READ + "Hello")[0].text.strip("\u200b"), "")


class NoNumberTests(AttemptCase):
    def test_none(self) -> None:
        """Without a free number nothing is sent: that is counted and logged."""
        self.links.states = [FULL]
        self.assertEqual(self.assertRaises(Skip, self.text).reason, "no_number")
        self.assertEqual((self.counted, self.levels), ({("numbers_exhausted",): 1}, ["error"]))
        self.assertEqual(self.begun(), [])

    def test_taken_over(self) -> None:
        """By policy the number of an idle conversation is taken over; that is counted and logged."""
        self.policy = replace(POLICY, when_exhausted="oldest")
        entry = f'["bob","c-7",{NOW + LIFETIME},{NOW}]'
        self.links.states = [link_state(**{OURS: entry, OTHER: entry.replace("c-7", "c-6")})]
        self.text()
        self.assertEqual((self.counted, self.levels), ({("numbers_taken_over",): 1}, ["warn"]))
        self.assertEqual(len(self.begun()), 1)

    def test_not_by_policy(self) -> None:
        """By another policy it is not."""
        entry = f'["bob","c-7",{NOW + LIFETIME},{NOW}]'
        self.links.states = [link_state(**{OURS: entry, OTHER: entry.replace("c-7", "c-6")})]
        self.assertRaises(Skip, self.text)

    def test_not_owned(self) -> None:
        """While the account owns none of the numbers it is tried again."""
        self.links.states = [replace(link_state(), unowned=frozenset(NUMBERS))]
        self.assertRaises(Temporary, self.text)
        self.assertEqual((self.counted, self.levels), ({}, []))

    def test_steps_aside(self) -> None:
        """While an attempt of another thread may give its number back it steps aside: as long as a receipt may take,
        counted from the first time."""
        for since, left in (
            (None, RECEIPT_TIMEOUT),
            (NOW - 1_000, RECEIPT_TIMEOUT - 1_000),
            (NOW - RECEIPT_TIMEOUT + 1, 1),
        ):
            self.begin()
            self.links.states = [TRIED]
            self.assertRaises(Postponed, self.text, notification(aside_since=since))
            self.assertEqual(self.calls[1:], [("step_aside", HANDSET, left)])
            self.assertEqual((self.counted, self.levels), ({("sms_number_waits",): 1}, []))

    def test_waited_long_enough(self) -> None:
        """After that there is no number for it."""
        self.links.states = [TRIED]
        self.assertRaises(Skip, self.text, notification(aside_since=NOW - RECEIPT_TIMEOUT))

    def test_free_meanwhile(self) -> None:
        """When that attempt was over before it could step aside, it is chosen again."""
        self.links.states = [TRIED, link_state()]
        self.outbox.steps_aside = False
        self.text()
        self.assertEqual((self.begun(), self.counted), ([BEGUN], {}))


class IntroductionTests(AttemptCase):
    def test_first(self) -> None:
        """The first SMS of a conversation on a number begins with its introduction, and the handset knows it then."""
        self.introduce()
        sms, attempt = self.text()
        self.assertEqual((sms.text, attempt.introduced), ("You are in a chat.\n\nHello", MARK))
        self.assertEqual(self.calls[1:], [("conversation", "c-1"), ("introduce", self.chat.about), BEGUN])

    def test_known_conversation(self) -> None:
        """Where the conversation came with the message nobody is asked for it."""
        self.introduce()
        self.text(conversation={"id": "known"})
        self.assertEqual(self.calls[1:-1], [("introduce", {"id": "known"})])

    def test_introduced(self) -> None:
        """Later ones go without."""
        self.introduce()
        self.links.states = [link_state(**{OURS: BOBS, f"i:{OURS}": MARK})]
        sms, attempt = self.text()
        self.assertEqual((sms.text, attempt.introduced, self.calls[1:]), ("Hello", MARK, [BEGUN]))

    def test_once(self) -> None:
        """A choice that is made again needs no other introduction."""
        self.introduce()
        self.outbox.begins.append(Begun(Begin.CONFLICT))
        self.text()
        self.assertEqual([call[0] for call in self.calls].count("introduce"), 1)

    def test_blank(self) -> None:
        """A blank introduction is none, and the handset is done with it."""
        self.introduce().text = " \u200b\n"
        sms, attempt = self.text()
        self.assertEqual((sms.text, attempt.introduced), ("Hello", MARK))

    def test_stripped(self) -> None:
        """What is blank around it is left out."""
        self.introduce().text = "\n Hi. \n"
        self.assertEqual(self.text()[0].text, "Hi.\n\nHello")

    def test_failed(self) -> None:
        """One that fails puts the SMS off; the reason says where, not what."""
        for error, reason in (
            (Temporary("no answer"), "^introduction: no answer$"),
            (ValueError("secret"), "^introduction: ValueError"),
        ):
            self.begin()
            self.introduce().fail("introduce", error)
            raised = self.assertRaises(IntroductionFailed, self.text)
            self.assertRegex(raised.reason, reason)
            self.assertNotIn("secret", raised.reason)
            self.assertEqual(self.begun(), [])

    def test_conversation_fails(self) -> None:
        """So does a conversation that cannot be looked up."""
        self.introduce()
        self.chat.fail("conversation", Temporary("down"))
        self.assertRaises(IntroductionFailed, self.text)

    def test_failed_for_the_last_time(self) -> None:
        """The last failure is logged and the SMS goes out without; a later one is introduced."""
        self.introduce().fail("introduce", ValueError("secret"))
        sms, attempt = self.text(notification(introduction_failures=INTRODUCTION_TRIES - 1))
        self.assertEqual((sms.text, attempt.introduced, self.levels), ("Hello", "", ["error"]))
        self.begin()
        self.introduce().fail("introduce", ValueError("secret"))
        self.assertRaises(IntroductionFailed, self.text, notification(introduction_failures=INTRODUCTION_TRIES - 2))

    def test_cancelled(self) -> None:
        """A stop while it is made is no failure."""
        self.introduce().fail("introduce", CancelledError())
        self.assertRaises(CancelledError, self.text)


class NoticeTests(AttemptCase):
    def test_recorded(self) -> None:
        """A text of our own is recorded as well, without links."""
        sms, attempt = self.auto_reply(auto_reply("You are\x00 unsubscribed."))
        self.assertEqual(self.calls, [("begin_auto_reply", OURS, [OURS, ACCOUNT])])
        self.assertEqual(sms, Sms(OURS, HANDSET, "You are unsubscribed.", reference("n-1")))
        until = self.clock.seconds() + LEASE / 1000
        self.assertEqual(attempt, Attempt(handset=HANDSET, number=OURS, until=until))

    def test_fitted(self) -> None:
        """It is cut to as many parts and characters as the policy allows."""
        for policy, longest in SHORT:
            self.begin()
            self.policy = policy
            sms, _ = self.auto_reply(auto_reply("Hello " * 100))
            self.assertTrue(longest - 10 < len(sms.text) <= longest, sms)

    def test_table(self) -> None:
        """What the record says decides, as for any SMS."""
        for begun, error, counted in ANSWERS:
            self.begin()
            self.outbox.begins.append(begun)
            self.assertRaises(error, self.auto_reply, auto_reply())
            self.assertEqual(self.counted, counted, begun)

    def test_closing(self) -> None:
        """A process that stops begins none."""
        self.closing = True
        self.assertRaises(Release, self.auto_reply, auto_reply())
        self.assertEqual(self.calls, [])
