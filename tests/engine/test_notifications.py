"""Notifications: what is stored, counted and logged for every outcome and every error."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from nexmo_twisted.domain.delivery import CodeMeaning
from nexmo_twisted.domain.model import Accepted, Notification, Outcome, Status, Verdict
from nexmo_twisted.domain.rate_limits import ACCOUNT
from nexmo_twisted.domain.results import Begin, Begun
from nexmo_twisted.engine.circuit_breaker import FAILURES, FIRST_PAUSE, CircuitBreaker
from nexmo_twisted.engine.delivery_receipts import DeliveryNews
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.notifications import Notifications
from nexmo_twisted.errors import (
    AccountFault,
    Declined,
    Intercepted,
    Permanent,
    StoreUnavailable,
    Temporary,
    Throttled,
)
from tests.engine.cases import KEEP, LEASE, LIFETIME, POLICY, THREAD, StageCase, auto_reply, link_state, notification
from tests.engine.fake_queues import FakeOutbox
from tests.engine.fake_store import FakeLinks
from tests.engine.fakes import (
    FakeChat,
    FakeIdentities,
    FakeIntroduction,
    FakeProvider,
    FakeTemplate,
)
from tests.factories import HANDSET, NUMBERS

#: What is counted, and what is logged, by level.
Counted = dict[tuple[str, ...], int]
Levels = list[str]

OURS = NUMBERS[0]
AWAY = StoreUnavailable("Redis is away")
RETRY: Counted = {("sms_retries",): 1}
DEAD: Counted = {("dead_letters", "out", "refused"): 1}

#: Errors before anything was sent.
BEFORE_THE_ATTEMPT: list[tuple[BaseException, tuple[Any, ...] | None, Counted, Levels]] = [
    (Temporary("down"), ("reschedule", 5_000, "down"), RETRY, ["info"]),
    (Temporary("down", 60), ("reschedule", 60_000, "down"), RETRY, ["info"]),
    (Throttled("slower", 7), ("reschedule", 7_000, "slower"), RETRY, ["info"]),
    (AccountFault("bad token"), ("reschedule", 5_000, "bad token"), RETRY, ["info", "error"]),
    (Intercepted("a proxy"), ("reschedule", 5_000, "a proxy", "aside"), RETRY, ["info"]),
    (Declined("not this one"), ("reschedule", 5_000, "not this one", "aside"), RETRY, ["info"]),
    (AWAY, ("reschedule", 5_000, "Redis is away"), RETRY, ["info"]),
    (Permanent("no"), ("set_aside", "refused: no", None), DEAD, ["error"]),
    (
        Permanent("bad", "template"),
        ("set_aside", "template: bad", None),
        {("dead_letters", "out", "template"): 1},
        ["error"],
    ),
    (CancelledError(), None, {}, ["warn"]),
    (ValueError("unforeseen"), ("reschedule", 5_000, "internal"), RETRY, ["critical", "info"]),
]

#: Notifications that need no SMS, by the reason that is stored.
NEEDLESS: list[tuple[dict[str, Any], str]] = [
    ({"gone": "deleted", "payload": "", "statuses": {}}, "deleted"),
    ({"gone": "expired", "payload": "", "statuses": {}}, "expired"),
    ({"statuses": {"ann": Status.READ, "bob": Status.READ}}, "read"),
    ({"statuses": {"ann": Status.READ}}, "read"),
    ({"statuses": {"ann": Status.READ, "bob": Status.READ}, "waited": POLICY.expire_after + 1}, "read"),
    ({"user_id": "nobody", "statuses": {"nobody": Status.SENT}}, "unknown_user"),
]


class NotificationCase(StageCase):
    def begin(self) -> None:
        super().begin()
        calls = self.calls
        self.circuit = CircuitBreaker("a remote", self.clock)
        self.outbox = FakeOutbox(calls)
        self.links = FakeLinks(calls, link_state())
        self.chat = FakeChat(calls)
        self.provider = FakeProvider(calls)
        self.identities = FakeIdentities(calls, ann={"name": "Ann"}, bob={"name": "Bob", "phone": "+1 201-555-0198"})
        self.template = FakeTemplate(calls)
        self.introduction: FakeIntroduction | None = None
        self.use_profiles = True
        self.policy = POLICY

    def stage(self) -> Notifications:
        return Notifications(
            outbox=self.outbox,
            links=self.links,
            chat=self.chat,
            provider=self.provider,
            identities=self.identities,
            use_profiles=self.use_profiles,
            template=self.template,
            introduction=self.introduction,
            terms=self.policy,
            clock=self.clock,
            random=lambda: 1.0,
            metrics=self.metrics,
            lease=LEASE,
            circuits=[self.circuit],
            link_updates=LinkUpdates(self.links, LIFETIME, KEEP),
            news=DeliveryNews(self.metrics, lambda _code: CodeMeaning("", "do something")),
            poke_waiting=lambda: self.calls.append(("poke_waiting",)),
        )

    def handle(self, item: Notification, *seconds: float) -> list[Any]:
        """Work on one. Returns what became of it: the calls but for those that only read."""
        self.outbox.waiting = [item]
        self.work(self.stage().worker, *seconds)
        return [call for call in self.calls if call[0] not in ("identity", "read_links")]

    def attempt(self, *seconds: float) -> list[Any]:
        """Work on one up to the outcome of its SMS. Returns the calls after that."""
        begun, sent, *calls = self.handle(notification(), *seconds)
        self.assertEqual((begun[0], sent[0]), ("begin_attempt", "send"))
        return calls


class SendTests(NotificationCase):
    def test_then_others(self) -> None:
        """Once the outcome of the SMS is stored, whatever it is, what waited for it may go on."""
        for verdict in Verdict:
            self.begin()
            self.provider.outcome = Outcome(verdict=verdict, reason="why")
            [stored, poked] = self.attempt()
            self.assertIn(stored[0], ("record_accepted", "reschedule", "set_aside", "suspend_sending"))
            self.assertEqual(poked, ("poke_waiting",), verdict)

    def test_unforeseen_error(self) -> None:
        """An unforeseen error while sending leaves the SMS uncertain: it may have been sent."""
        self.provider.fail("send", ValueError("unforeseen"))
        self.assertEqual(self.attempt(), [("set_aside", "internal", None, "uncertain"), ("poke_waiting",)])
        self.assertEqual((self.counted, self.levels), ({("sms_uncertain",): 1}, ["critical", "error"]))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_cancelled(self) -> None:
        """An SMS that is given up at a stop stores nothing: its lease makes it uncertain."""
        self.provider.fail("send", CancelledError())
        self.assertEqual((self.attempt(), self.counted, self.levels), ([], {}, ["warn"]))

    def test_took(self) -> None:
        """How long the request took is stored with its acceptance."""
        sending = self.provider.hold("send")
        self.clock.callLater(0.5, sending.callback, None)
        [accepted, _] = self.attempt(0.5)
        self.assertEqual(accepted[-1], Accepted(None, 0.5))

    def test_lateness(self) -> None:
        """Once accepted, the time since the message was due is observed, and only then."""
        sending = self.provider.hold("send")
        self.clock.callLater(0.5, sending.callback, None)
        self.attempt(0.5)
        self.assertEqual(self.metrics.observed, [("sms_lateness", 1.5)])
        for verdict in (Verdict.NOT_SENT, Verdict.UNCERTAIN, Verdict.ACCOUNT_ERROR, Verdict.REFUSED):
            self.begin()
            self.provider.outcome = Outcome(verdict=verdict, reason="why")
            self.attempt()
            self.assertEqual(self.metrics.observed, [], verdict)


class ErrorTests(NotificationCase):
    def test_table(self) -> None:
        """Every error before the SMS is sent puts the notification off, or makes a dead letter of it: in its own way,
        wherever it comes from. When the service stops nothing is stored."""
        for error, stored, counted, levels in BEFORE_THE_ATTEMPT:
            for fake in ("identities", "template"):
                self.begin()
                {"identities": self.identities, "template": self.template}[fake].fail(
                    {"identities": "identity", "template": "render"}[fake], error
                )
                self.assertEqual(self.handle(notification()), [stored] if stored else [], error)
                self.assertEqual((self.counted, self.levels), (counted, levels), error)
                self.flushLoggedErrors(ValueError)

    def test_store_away(self) -> None:
        """A store that is away when links are read, or the attempt is recorded, puts the notification off."""
        for fake, method in ((self.links, "read_links"), (self.outbox, "begin_attempt")):
            fake.fail(method, AWAY)
            *_, last = self.handle(notification())
            self.assertEqual(last, ("reschedule", 5_000, "Redis is away"))

    def test_not_concluded_twice(self) -> None:
        """What is put off while the store is away is put off once it is back."""
        self.identities.fail("identity", Temporary("down"))
        self.outbox.fail("reschedule", AWAY)
        first, second = self.handle(notification(), 0.2)
        self.assertEqual(first, second)

    def test_introduction(self) -> None:
        """A failed introduction is counted with the notification."""
        self.introduction = FakeIntroduction(self.calls)
        self.introduction.fail("introduce", ValueError("unforeseen"))
        *_, (name, delay, _, *flags) = self.handle(notification())
        self.assertEqual((name, delay, flags), ("reschedule", 5_000, ["introduction"]))
        self.assertEqual((self.counted, self.levels), (RETRY, ["info"]))

    def test_too_late(self) -> None:
        """What was due too long ago is a dead letter with the last reason for waiting, read or not being looked at
        first; just in time is in time."""
        for reason, stored in (("", "not sent in time"), ("down", "not sent in time: down")):
            self.begin()
            item = notification(waited=POLICY.expire_after + 1, reason=reason)
            self.assertEqual(self.handle(item), [("set_aside", f"too_late: {stored}", None)])
            self.assertEqual((self.counted, self.levels), ({("dead_letters", "out", "too_late"): 1}, ["error"]))
        self.begin()
        self.assertIn(("poke_waiting",), self.handle(notification(waited=POLICY.expire_after)))


class NeedlessTests(NotificationCase):
    def assert_skipped(self, item: Notification, reason: str, stored: str = "") -> None:
        self.assertEqual(self.handle(item), [("complete", stored or reason)])
        self.assertEqual(self.counted, {("notifications_skipped", reason): 1})

    def test_table(self) -> None:
        """A message that is gone or read, and a user that nobody knows, need no SMS."""
        for changes, reason in NEEDLESS:
            self.begin()
            self.assert_skipped(notification(**changes), reason)
            self.assertEqual(self.levels, [], changes)

    def test_blank(self) -> None:
        """Nothing is sent for a message without text, nor when nothing of the rendered text is to be seen."""
        self.chat.text = ""
        self.assert_skipped(notification(), "blank")
        self.assertEqual([call for call in self.calls if call[0] == "identity"], [])
        self.begin()
        self.template.text = " \u200b\n"
        self.assert_skipped(notification(), "blank")

    def test_no_phone(self) -> None:
        """Without a usable phone nothing is sent; why is stored where there is one."""
        for profile, stored in (({}, "no_phone"), ({"phone": "call me"}, "no_phone: ")):
            self.begin()
            self.identities.known = {"ann": {}, "bob": profile}
            [(name, outcome)] = self.handle(notification())
            self.assertEqual(name, "complete")
            self.assertEqual((outcome == stored, outcome.startswith(stored)), (not profile, True), outcome)
            self.assertEqual((self.counted, self.levels), ({("notifications_skipped", "no_phone"): 1}, ["info"]))

    def test_own_number(self) -> None:
        """One of our own numbers gets no SMS, however the profile spells it."""
        self.identities.known = {"ann": {}, "bob": {"phone": "(201) 555-0102"}}
        self.assert_skipped(notification(), "own_number")
        self.assertEqual(self.levels, ["info"])

    def test_other_errors_of_the_profile(self) -> None:
        """A profile that is refused for another reason is no unknown user."""
        self.identities.fail("bob", Permanent("forbidden"))
        self.assertEqual(self.handle(notification()), [("set_aside", "refused: forbidden", None)])

    def test_unneeded_at_the_last_moment(self) -> None:
        """What the record of the attempt finds unneeded is closed with that reason."""
        self.outbox.begins.append(Begun(Begin.UNNEEDED, "opted_out"))
        *_, last = self.handle(notification())
        self.assertEqual((last, self.counted), (("complete", "opted_out"), {("notifications_skipped", "opted_out"): 1}))


class ClaimTests(NotificationCase):
    def test_open_circuit(self) -> None:
        """While a remote that is needed fails nothing is worked on before its next probe."""
        for _ in range(FAILURES):
            self.circuit.record_failure("down")
        self.outbox.waiting = [notification()]
        self.stage().worker.start()
        self.clock.advance(FIRST_PAUSE - 0.1)
        self.assertEqual(self.calls, [])
        self.clock.advance(0.1)
        self.assertNotEqual(self.calls, [])

    def test_found_in_a_bad_way(self) -> None:
        """What other processes left is counted: SMS they were sending, and notifications that killed several."""
        self.outbox.lost, self.outbox.crashed = 2, 3
        self.stage().worker.start()
        self.clock.advance(0)
        self.assertEqual(self.counted, {("sms_uncertain",): 2, ("dead_letters", "out", "crashes"): 3})
        self.assertEqual(self.levels, ["error", "error"])


class NotNowTests(NotificationCase):
    def test_released(self) -> None:
        """What another process has, or what is suspended, is given back untouched."""
        for answer in (Begin.STALE, Begin.SUSPENDED):
            self.begin()
            self.outbox.begins.append(Begun(answer))
            *_, last = self.handle(notification())
            self.assertEqual((last, self.counted, self.levels), (("release",), {}, []), answer)

    def test_waits_for_a_limit(self) -> None:
        """What waits for a rate limit is back in the queue already."""
        self.outbox.begins.append(Begun(Begin.WAIT, ACCOUNT))
        [(begun, *_)] = self.handle(notification())
        self.assertEqual((begun, self.counted), ("begin_attempt", {("sms_rate_limited", "account"): 1}))

    def test_stopping(self) -> None:
        """When the service stops, what is not sent yet is released."""
        looked_up = self.identities.hold("identity")
        self.outbox.waiting = [notification()]
        worker = self.stage().worker
        worker.start()
        self.clock.advance(0)
        stopped = Deferred.fromCoroutine(worker.stop())
        looked_up.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.calls[-1], ("release",))


class TextTests(NotificationCase):
    def test_sms(self) -> None:
        """The rendered text goes to the phone of the profile; its attempt is recorded before."""
        begun, sent, *_ = self.handle(notification())
        self.assertEqual(begun, ("begin_attempt", OURS, '["bob","c-1"]', [OURS, ACCOUNT]))
        self.assertEqual(sent, ("send", OURS, HANDSET, "Ann: Hello"))

    def test_context(self) -> None:
        """Templates know the message, its text and both people."""
        self.chat.values = {"id": "m-1", "text": "another"}
        self.handle(notification())
        self.assertEqual(
            self.template.context,
            {
                "id": "m-1",
                "text": "Hello",
                "sender": {"name": "Ann"},
                "recipient": {"name": "Bob", "phone": "+1 201-555-0198"},
            },
        )

    def test_unknown_sender(self) -> None:
        """A sender that nobody knows, any more, has their id for a name; one who cannot be looked up now is waited
        for."""
        self.handle(notification(sender="ghost"))
        self.assertEqual(self.template.context["sender"], {"name": "ghost", "userId": "ghost"})
        self.begin()
        self.identities.fail("ann", Temporary("down"))
        self.assertEqual(self.handle(notification()), [("reschedule", 5_000, "down")])

    def test_what_comes_with_it(self) -> None:
        """Nobody is asked for a profile or a conversation that came with the message, unless they are a function's."""
        self.chat.profiles = {"bob": {"name": "Bo", "phone": HANDSET}, "ann": {"name": "An"}}
        self.chat.with_it = {"id": "c-1", "title": "Trip"}
        self.template.names = {"conversation"}
        self.introduction = FakeIntroduction(self.calls)
        self.handle(notification())
        self.assertEqual(self.template.context["sender"], {"name": "An"})
        self.assertEqual(self.template.context["recipient"], {"name": "Bo", "phone": HANDSET})
        self.assertEqual(self.template.context["conversation"], {"id": "c-1", "title": "Trip"})
        self.assertEqual([call for call in self.calls if call[0] in ("identity", "conversation")], [])
        self.begin()
        self.use_profiles = False
        self.handle(notification())
        self.assertEqual(self.template.context["sender"], {"name": "Ann"})

    def test_conversation(self) -> None:
        """The conversation is looked up for a template that uses it, and laid over what came with the message."""
        self.handle(notification())
        self.assertNotIn("conversation", self.template.context)
        self.assertNotIn(("conversation", THREAD.conversation_id), self.calls)
        self.begin()
        self.template.names = {"conversation"}
        self.chat.values = {"conversation": {"id": "old", "url": "there"}}
        self.handle(notification())
        self.assertEqual(self.template.context["conversation"], {"id": "c-1", "url": "there"})

    def test_conversation_gone(self) -> None:
        """Of a conversation that is gone templates know what came with the message; one that cannot be looked up now is
        waited for."""
        for values, known in (({"conversation": {"id": "old"}}, {"id": "old"}), ({}, {})):
            self.begin()
            self.template.names = {"conversation"}
            self.chat.values = values
            self.chat.fail("conversation", Permanent("gone", "conversation_gone"))
            self.handle(notification())
            self.assertEqual(self.template.context["conversation"], known)
        self.begin()
        self.template.names = {"conversation"}
        self.chat.fail("conversation", Temporary("down"))
        self.assertIn(("reschedule", 5_000, "down"), self.handle(notification()))


class AutoReplyTests(NotificationCase):
    def test_sent(self) -> None:
        """A text of our own goes out as it is, without links, whoever has read what."""
        begun, sent, accepted, _ = self.handle(auto_reply())
        self.assertEqual(begun, ("begin_auto_reply", OURS, [OURS, ACCOUNT]))
        self.assertEqual(sent, ("send", OURS, HANDSET, "You are unsubscribed."))
        self.assertEqual(accepted[0], "record_accepted")
        self.assertNotIn("read_links", [call[0] for call in self.calls])

    def test_too_late(self) -> None:
        """It is given up like any other SMS when it is too late."""
        self.assertEqual(
            self.handle(auto_reply(waited=POLICY.expire_after + 1)),
            [("set_aside", "too_late: not sent in time", None)],
        )
