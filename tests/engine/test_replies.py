"""Replies: what is stored, counted and logged for every outcome and every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import CancelledError

from nexmo_twisted.domain.model import Reply
from nexmo_twisted.domain.results import Resolved
from nexmo_twisted.engine.auto_replies import AutoReplies, AutoReplyPolicy
from nexmo_twisted.engine.circuit_breaker import FAILURES, FIRST_PAUSE, CircuitBreaker
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.replies import Replies
from nexmo_twisted.errors import (
    AccountFault,
    Declined,
    Intercepted,
    Permanent,
    StoreUnavailable,
    Temporary,
    Throttled,
)
from tests.engine.cases import (
    KEEP,
    LEASE,
    LIFETIME,
    NOW,
    POLICY,
    RECEIPT_TIMEOUT,
    THREAD,
    StageCase,
    link_state,
    reply,
)
from tests.engine.fake_queues import FakeReplyQueue
from tests.engine.fake_store import FakeLinks
from tests.engine.fakes import FakeChat, FakeIdentities
from tests.factories import NUMBERS

Counted = dict[tuple[str, ...], int]
Levels = list[str]

AWAY = StoreUnavailable("Redis is away")
LOST = ("queue_auto_reply", "Nobody reads this.")
POSTED = ("post", "c-1", "bob", "On my way", reply().once)


def dead(code: str) -> Counted:
    return {("dead_letters", "in", code): 1, ("replies_closed", "dead_letter"): 1}


#: Errors of the chat platform when the reply is posted.
ERRORS: list[tuple[BaseException, tuple[Any, ...] | None, Counted, Levels]] = [
    (Temporary("down"), ("reschedule", 5_000, "down"), {}, ["info"]),
    (Temporary("down", 60), ("reschedule", 60_000, "down"), {}, ["info"]),
    (Throttled("slower", 7), ("reschedule", 7_000, "slower"), {}, ["info"]),
    (AccountFault("bad token"), ("reschedule", 5_000, "bad token"), {}, ["error", "info"]),
    (Intercepted("a proxy"), ("reschedule", 5_000, "a proxy", "aside"), {}, ["info"]),
    (Declined("not now"), ("reschedule", 5_000, "not now"), {}, ["info"]),
    (AWAY, ("reschedule", 5_000, "Redis is away"), {}, ["info"]),
    (Permanent("no"), ("set_aside", "refused: no"), dead("refused"), ["error"]),
    (
        Permanent("gone", "conversation_gone"),
        ("set_aside", "conversation_gone: gone"),
        dead("conversation_gone"),
        ["error"],
    ),
    (
        Permanent("not in it", "not_participant"),
        ("set_aside", "not_participant: not in it"),
        dead("not_participant"),
        ["error"],
    ),
    (CancelledError(), None, {}, ["warn"]),
    (ValueError("unforeseen"), ("reschedule", 5_000, "internal"), {}, ["critical", "info"]),
]

#: Replies that cannot be posted, and how they are closed.
CLOSED: list[tuple[Reply, list[tuple[Any, ...]], Counted, Levels]] = [
    (reply(thread=None), [LOST, ("complete", "no_thread")], {("replies_closed", "no_thread"): 1}, ["info"]),
    (
        reply(handset="12015550177"),
        [LOST, ("complete", "not_their_phone")],
        {("replies_closed", "not_their_phone"): 1},
        ["info"],
    ),
    (reply(text=" \u200b"), [("complete", "blank")], {("replies_closed", "blank"): 1}, []),
    (
        reply(doubt=True),
        [LOST, ("set_aside", "ambiguous: written when its number went from one conversation to another")],
        dead("ambiguous"),
        ["error"],
    ),
]


class ReplyCase(StageCase):
    def begin(self) -> None:
        super().begin()
        calls = self.calls
        self.circuit = CircuitBreaker("a remote", self.clock)
        self.queue = FakeReplyQueue(calls)
        entry = f'["bob","c-1",{NOW + 1000},{NOW}]'
        self.links = FakeLinks(calls, link_state(**{NUMBERS[0]: entry}))
        self.chat = FakeChat(calls)
        self.identities = FakeIdentities(calls, bob={"phone": "+1 201-555-0198"})

    def stage(self) -> Replies:
        policy = AutoReplyPolicy("service", (), "Nobody reads this.", NUMBERS)
        return Replies(
            queue=self.queue,
            chat=self.chat,
            identities=self.identities,
            link_updates=LinkUpdates(self.links, LIFETIME, KEEP),
            terms=POLICY,
            clock=self.clock,
            random=lambda: 1.0,
            metrics=self.metrics,
            lease=LEASE,
            circuits=[self.circuit],
            auto_replies=AutoReplies(self.queue, policy, lambda: None),
        )

    def handle(self, item: Reply, *seconds: float) -> list[Any]:
        """Work on one. Returns what became of it: the calls but for those that only read."""
        self.queue.waiting = [item]
        self.work(self.stage().worker, *seconds)
        return [call for call in self.calls if call[0] not in ("identity", "read_links")]


class PostTests(ReplyCase):
    def test_posted(self) -> None:
        """A reply is posted as its writer's; its link is read before that, renewed after it, and then it is closed."""
        self.handle(reply())
        self.assertEqual(
            self.calls,
            [
                ("identity", "bob"),
                ("read_links", "bob", reply().handset, NUMBERS[0]),
                POSTED,
                ("renew_links", NUMBERS[0]),
                ("complete", "posted"),
            ],
        )
        self.assertEqual((self.counted, self.levels), ({("replies_closed", "posted"): 1}, ["info"]))

    def test_cleaned(self) -> None:
        """What a chat cannot show is taken out of the text."""
        posted, *_ = self.handle(reply(text="On\x00 my way"))
        self.assertEqual(posted[3], "On my way")

    def test_store_away(self) -> None:
        """A store that is away after the reply was posted: it is posted again, with the same id."""
        self.links.fail("renew_links", AWAY)
        self.assertEqual(
            self.handle(reply()), [POSTED, ("renew_links", NUMBERS[0]), ("reschedule", 5_000, "Redis is away")]
        )

    def test_store_away_at_the_end(self) -> None:
        """That it is posted is stored when the store is back."""
        self.queue.fail("complete", AWAY)
        *_, first, second = self.handle(reply(), 0.2)
        self.assertEqual((first, second, self.counted), (first, first, {("replies_closed", "posted"): 1}))

    def test_profile_in_another_spelling(self) -> None:
        """The phone of the profile is read as one of the region of the settings."""
        self.identities.known = {"bob": {"phone": "(201) 555-0198"}}
        self.assertIn(POSTED, self.handle(reply()))

    def test_no_profile(self) -> None:
        """As long as no profile names another phone the reply is posted."""
        for error in (Temporary("down"), Permanent("no such user", "unknown_user")):
            self.begin()
            self.identities.fail("identity", error)
            self.assertIn(POSTED, self.handle(reply()), error)

    def test_store_away_while_it_is_asked(self) -> None:
        """A phone that came with a message may name another one: the reply waits until the store can be asked."""
        self.identities.fail("identity", AWAY)
        self.assertEqual(self.handle(reply()), [("reschedule", 5_000, "Redis is away")])

    def test_profile_without_phone(self) -> None:
        """A profile without a usable phone names none: the handset is not that of the user any more."""
        profiles: tuple[Mapping[str, Any], ...] = ({}, {"phone": "call me"})
        for profile in profiles:
            self.begin()
            self.identities.known = {"bob": profile}
            self.assertEqual(self.handle(reply()), [LOST, ("complete", "not_their_phone")])


class ErrorTests(ReplyCase):
    def test_table(self) -> None:
        """Every error puts the reply off, or makes a dead letter of it, in its own way. When the service stops nothing
        is stored."""
        for error, stored, counted, levels in ERRORS:
            self.begin()
            self.chat.fail("post", error)
            self.assertEqual(self.handle(reply()), [POSTED, stored] if stored else [POSTED], error)
            self.assertEqual((self.counted, self.levels), (counted, levels), error)
            self.flushLoggedErrors(ValueError)

    def test_store_away(self) -> None:
        """While the store is away what became of it is kept, whatever it is."""
        for error, stored, counted, _ in ERRORS:
            if stored is not None:
                self.begin()
                self.chat.fail("post", error)
                self.queue.fail(stored[0], AWAY)
                self.assertEqual(self.handle(reply(), 0.2), [POSTED, stored, stored], error)
                self.assertEqual(self.counted, counted, error)
                self.flushLoggedErrors(ValueError)

    def test_somebody_elses(self) -> None:
        """What another process has concluded meanwhile is not counted as a dead letter."""
        self.queue.mine = False
        self.chat.fail("post", Permanent("no"))
        self.handle(reply())
        self.assertEqual(self.counted, {})

    def test_later_attempts(self) -> None:
        """The delay doubles with the attempts."""
        self.chat.fail("post", Temporary("down"))
        self.assertIn(("reschedule", 40_000, "down"), self.handle(reply(attempts=3)))

    def test_too_late(self) -> None:
        """What came too long ago is a dead letter with the last reason for waiting; just in time is in time."""
        for reason, stored in (("", "not posted in time"), ("down", "not posted in time: down")):
            self.begin()
            item = reply(waited=POLICY.expire_after + 1, reason=reason)
            self.assertEqual(self.handle(item), [("set_aside", f"too_late: {stored}")])
            self.assertEqual((self.counted, self.levels), (dead("too_late"), ["error"]))
        self.begin()
        self.assertIn(POSTED, self.handle(reply(waited=POLICY.expire_after)))


class ClosedTests(ReplyCase):
    def test_table(self) -> None:
        """What cannot be posted is closed with the reason, and its writer is told where that is of use."""
        for item, calls, counted, levels in CLOSED:
            self.begin()
            self.assertEqual(self.handle(item), calls, item)
            self.assertEqual((self.counted, self.levels), (counted, levels), item)

    def test_store_away(self) -> None:
        """If the writer cannot be told now, the reply stays as it is and is looked at again."""
        self.queue.fail("queue_auto_reply", AWAY)
        self.assertEqual(self.handle(reply(thread=None)), [LOST, ("reschedule", 5_000, "Redis is away")])


class OpenTests(ReplyCase):
    #: The question, and how each answer ends.
    ASKED = ("resolve", RECEIPT_TIMEOUT, "US")

    def test_thread(self) -> None:
        """An open reply belongs to the thread that the store decides on, whatever it belonged to when it came."""
        self.queue.resolved = Resolved(THREAD)
        asked, posted, *_ = self.handle(reply(open=True, thread=None))
        self.assertEqual((asked, posted), (self.ASKED, POSTED))

    def test_none(self) -> None:
        """It may belong to no thread."""
        self.assertEqual(self.handle(reply(open=True)), [self.ASKED, LOST, ("complete", "no_thread")])

    def test_doubt(self) -> None:
        """Where nothing decides it is left to an operator."""
        self.queue.resolved = Resolved(THREAD, doubt=True)
        asked, lost, (stored, _) = self.handle(reply(open=True))
        self.assertEqual((asked, lost, stored, self.counted), (self.ASKED, LOST, "set_aside", dead("ambiguous")))

    def test_waits(self) -> None:
        """While a receipt may still decide it waits, in the queue."""
        self.queue.resolved = Resolved(waits=True)
        self.assertEqual(self.handle(reply(open=True)), [self.ASKED])
        self.assertEqual((self.counted, self.levels), ({}, []))


class ClaimTests(ReplyCase):
    def test_open_circuit(self) -> None:
        """While a remote that is needed fails nothing is worked on before its next probe."""
        for _ in range(FAILURES):
            self.circuit.record_failure("down")
        self.queue.waiting = [reply()]
        self.stage().worker.start()
        self.clock.advance(FIRST_PAUSE - 0.1)
        self.assertEqual(self.calls, [])
        self.clock.advance(0.1)
        self.assertNotEqual(self.calls, [])

    def test_crashed(self) -> None:
        """Replies that killed several processes are dead letters, and closed with that."""
        self.queue.crashed = 2
        self.stage().worker.start()
        self.clock.advance(0)
        counted = {("dead_letters", "in", "crashes"): 2, ("replies_closed", "dead_letter"): 2}
        self.assertEqual((self.counted, self.levels), (counted, ["error"]))
