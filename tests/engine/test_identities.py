"""Identities: each source, the memory around it, and the phones that the platform names."""

from __future__ import annotations

from nexmo_twisted.domain.model import Identity
from nexmo_twisted.engine.identities import Identities, NamedIdentities, PlatformIdentities
from nexmo_twisted.errors import StoreUnavailable, Temporary
from tests.engine.cases import StageCase
from tests.engine.fake_store import FakeNamedPhones
from tests.engine.fakes import FakeChat, FakeIdentities

ASKED = ("identity", "bob")


class PlatformIdentitiesTests(StageCase):
    def test_profile(self) -> None:
        """The profile is the platform's, as it is."""
        identity = self.result(PlatformIdentities(FakeChat(self.calls)).identity("bob"))
        self.assertEqual((identity, self.calls), (Identity("bob", {"userId": "bob"}), [ASKED]))


class IdentitiesTests(StageCase):
    def test_remembered(self) -> None:
        """A profile is asked for once in five minutes."""
        identities = Identities(FakeIdentities(self.calls, bob={"name": "Bob"}), self.clock)
        for seconds, asked in ((0, 1), (299, 1), (1, 2)):
            self.clock.advance(seconds)
            self.assertEqual(self.result(identities.identity("bob")), Identity("bob", {"name": "Bob"}))
            self.assertEqual(self.calls, asked * [ASKED])

    def test_failure(self) -> None:
        """A failure is not remembered."""
        source = FakeIdentities(self.calls, bob={})
        source.fail("bob", Temporary("down"))
        identities = Identities(source, self.clock)
        with self.assertRaises(Temporary):
            self.result(identities.identity("bob"))
        self.assertEqual(self.result(identities.identity("bob")), Identity("bob", {}))


class NamedIdentitiesTests(StageCase):
    def begin(self) -> None:
        super().begin()
        self.named = FakeNamedPhones(self.calls, bob="12015550198")
        self.identities = NamedIdentities(self.named, FakeIdentities(self.calls, carol={"name": "Carol"}))

    def test_named(self) -> None:
        """The phone that the platform named last is that of the user: nobody else is asked."""
        self.assertEqual(self.result(self.identities.identity("bob")), Identity("bob", {"phone": "12015550198"}))
        self.assertEqual(self.calls, [("named_phone", "bob")])

    def test_not_named(self) -> None:
        """Whoever has none is looked up."""
        self.assertEqual(self.result(self.identities.identity("carol")), Identity("carol", {"name": "Carol"}))
        self.assertEqual(self.calls, [("named_phone", "carol"), ("identity", "carol")])

    def test_store_away(self) -> None:
        """A store that is away is the caller's business."""
        self.named.fail("named_phone", StoreUnavailable("Redis is away"))
        with self.assertRaises(StoreUnavailable):
            self.result(self.identities.identity("bob"))
