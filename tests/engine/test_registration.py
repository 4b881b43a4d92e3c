"""Registration: the webhook and the inbound URLs are checked every minute and repaired; each failure is logged once."""

from __future__ import annotations

from typing import Any

from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.engine.registration import ALONE, EVERY, Registration
from nexmo_twisted.errors import AccountFault, NexmoTwistedError, Permanent, StoreUnavailable, Temporary
from tests.engine.cases import NOW, StageCase
from tests.engine.fake_store import FakeLinks, FakeLocks
from tests.engine.fakes import FakeChat, FakeProvider
from tests.factories import NUMBERS

URL = "https://sms.example.com/nexmo"
ONE, TWO = NUMBERS
LOCK, WEBHOOK, OWNED = ("acquire_lock", "registration", ALONE), ("ensure_registered",), ("numbers",)
ALL_WELL: list[tuple[Any, ...]] = [LOCK, WEBHOOK, OWNED, ("set_unowned_numbers", [])]
FAILED = ("registration_failures",)

#: Errors of a check, and how loudly they are logged.
ERRORS: list[tuple[NexmoTwistedError, str]] = [
    (Temporary("down"), "warn"),
    (Permanent("taken by another process"), "warn"),
    (AccountFault("bad token"), "error"),
]


class RegistrationCase(StageCase):
    def begin(self) -> None:
        super().begin()
        calls = self.calls
        self.locks = FakeLocks(calls)
        self.links = FakeLinks(calls)
        self.chat = FakeChat(calls)
        self.provider = FakeProvider(calls)
        self.provider.owned = [self.owned(ONE), self.owned(TWO)]
        self.registration = Registration(
            locks=self.locks,
            links=self.links,
            chat=self.chat,
            provider=self.provider,
            sms_url=URL,
            numbers=NUMBERS,
            clock=self.clock,
            wall=lambda: NOW / 1000 + self.clock.seconds(),
            metrics=self.metrics,
        )

    def owned(self, number: str, url: str = URL) -> OwnedNumber:
        return OwnedNumber(number, "US", url)

    def check(self) -> list[Any]:
        """The first check, or the next one a minute later. Returns its calls."""
        self.calls.clear()
        self.levels.clear()
        if self.clock.getDelayedCalls():
            self.clock.advance(EVERY)
        else:
            self.registration.start()
            self.clock.advance(0)
        return list(self.calls)

    def reasons(self) -> list[tuple[str, float, str]]:
        """The issues, with the seconds since the first check at which they began."""
        return [(issue.what, issue.since - NOW / 1000, issue.reason) for issue in self.registration.issues()]


class CheckTests(RegistrationCase):
    def test_all_well(self) -> None:
        """Every minute everything is checked; nothing is written while all is as it should be."""
        self.assertEqual(self.check(), ALL_WELL)
        self.clock.pump([1] * int(EVERY - 1))
        self.assertEqual(self.calls, ALL_WELL)
        self.clock.advance(1)
        self.assertEqual(self.calls, 2 * ALL_WELL)
        self.assertEqual((self.counted, self.levels, self.reasons()), ({}, [], []))

    def test_another_process(self) -> None:
        """While another process has the lock nothing is checked, and no issues are known."""
        self.chat.fail("ensure_registered", Temporary("down"))
        self.check()
        self.assertEqual(len(self.registration.issues()), 1)
        self.locks.free = False
        self.assertEqual((self.check(), self.registration.issues()), ([LOCK], []))

    def test_store_away(self) -> None:
        """A store that is away ends the check; it is no failure of the registration."""
        self.links.fail("set_unowned_numbers", StoreUnavailable("Redis is away"))
        self.assertEqual(self.check(), ALL_WELL)
        self.assertEqual((self.counted, self.levels), ({}, ["error"]))
        self.assertEqual(self.reasons(), [])


class FailureTests(RegistrationCase):
    def test_table(self) -> None:
        """A failed check is counted each time, logged when it begins and shown until it is over; others go on."""
        for error, level in ERRORS:
            self.begin()
            self.chat.fail("ensure_registered", error, error)
            for levels, count in (([level], 1), ([], 2)):
                self.assertEqual(self.check(), ALL_WELL, error)
                self.assertEqual((self.levels, self.counted), (levels, {FAILED: count}), error)
                self.assertEqual(self.reasons(), [("chat webhook", 0, error.reason)])
            self.check()
            self.assertEqual(self.reasons(), [])

    def test_another_reason(self) -> None:
        """Another reason is logged again, and does not begin anew."""
        self.chat.fail("ensure_registered", Temporary("down"), Temporary("still down"))
        self.check()
        self.check()
        self.assertEqual((self.levels, self.reasons()), (["warn"], [("chat webhook", 0, "still down")]))

    def test_numbers(self) -> None:
        """When the numbers of the account cannot be asked for, none is taken for missing."""
        self.provider.fail("numbers", Temporary("down"))
        self.assertEqual(self.check(), [LOCK, WEBHOOK, OWNED])
        self.assertEqual(self.reasons(), [("SMS numbers", 0, "down")])


class WebhookTests(RegistrationCase):
    def test_repaired(self) -> None:
        """What was done to register is logged."""
        self.chat.done = ["created", "activated"]
        self.check()
        self.assertEqual((self.levels, self.counted, self.reasons()), (["info", "info"], {}, []))

    def test_again(self) -> None:
        """A webhook that has to be repaired time and again is an issue until it lasts."""
        self.chat.done = ["activated"]
        self.check()
        self.check()
        self.assertEqual((self.levels, self.counted), (["info", "error"], {FAILED: 1}))
        self.assertEqual(self.reasons(), [("active chat webhook", EVERY, "was deactivated again")])
        self.chat.done = ()
        self.check()
        self.assertEqual(self.reasons(), [])
        self.chat.done = ["activated"]
        self.check()
        self.assertEqual((self.levels, self.counted, self.reasons()), (["info"], {FAILED: 1}, []))


class NumbersTests(RegistrationCase):
    def test_missing(self) -> None:
        """A configured number that the account does not own is an issue, and gets no new conversations; the log names
        it in full."""
        self.provider.owned = [self.owned(ONE)]
        self.assertEqual(self.check()[3:], [("set_unowned_numbers", [TWO])])
        self.assertEqual((self.levels, self.counted), (["error"], {}))
        self.assertIn(TWO, self.lines[0])
        [(what, _, reason)] = self.reasons()
        self.assertEqual(what, "configured numbers")
        self.assertNotIn(TWO, reason)
        self.provider.owned.clear()
        self.assertEqual(self.check()[3:], [("set_unowned_numbers", [ONE, TWO])])
        self.assertIn(f"{ONE}, {TWO};", self.lines[1])
        self.provider.owned = [self.owned(ONE), self.owned(TWO)]
        self.check()
        self.assertEqual(self.reasons(), [])

    def test_routed(self) -> None:
        """An inbound URL that is not ours is set, and the log says what it was; one that replaces another is a
        warning."""
        for before, level, shown in (
            ("", "info", "not set"),
            ("https://old.example.com/x?key=1", "warn", "old.example.com"),
        ):
            self.begin()
            self.provider.owned[1] = self.owned(TWO, before)
            self.assertEqual(self.check(), [*ALL_WELL, ("route_inbound", TWO, URL)])
            self.assertEqual((self.levels, self.counted, self.reasons()), ([level], {}, []))
            self.assertRegex(self.lines[0], f"was {shown}$")

    def test_cannot_be_routed(self) -> None:
        """One that cannot be set is an issue of that number, until it is ours; the others are set."""
        self.provider.owned = [self.owned(ONE, "x"), self.owned(TWO, "x")]
        self.provider.fail("route_inbound", Temporary("down"))
        self.assertEqual(self.check()[4:], [("route_inbound", ONE, URL), ("route_inbound", TWO, URL)])
        [(what, _, reason)] = self.reasons()
        self.assertRegex(what, "^inbound URL of .*101$")
        self.assertEqual((reason, self.counted), ("down", {FAILED: 1}))
        self.provider.owned = [self.owned(ONE), self.owned(TWO)]
        self.check()
        self.assertEqual(self.reasons(), [])


class StopTests(RegistrationCase):
    def test_lock_is_released(self) -> None:
        """A process that stops lets others check at once, if it has the lock and the store is there."""
        self.check()
        self.locks.fail("release_lock", StoreUnavailable("Redis is away"))
        self.calls.clear()
        self.result(self.registration.stop())
        self.assertEqual((self.calls, self.clock.getDelayedCalls()), ([("release_lock", "registration")], []))

    def test_no_lock(self) -> None:
        """The lock of another process is left alone."""
        self.locks.free = False
        self.check()
        self.result(self.registration.stop())
        self.assertEqual(self.calls, [LOCK])

    def test_busy(self) -> None:
        """It is busy while it checks."""
        checking = self.chat.hold("ensure_registered")
        self.check()
        self.assertTrue(self.registration.busy)
        checking.callback(None)
        self.assertFalse(self.registration.busy)
