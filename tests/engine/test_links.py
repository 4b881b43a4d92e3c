"""Updates of links: a reply keeps its link alive, and the user's map follows the handset."""

from __future__ import annotations

import json
from dataclasses import replace

from nexmo_twisted.domain.model import Thread
from nexmo_twisted.domain.results import Relink
from nexmo_twisted.engine.links import TRIES, LinkUpdates
from nexmo_twisted.errors import StoreUnavailable
from tests.engine.cases import KEEP, LIFETIME, NOW, THREAD, StageCase, link_state
from tests.engine.fake_store import FakeLinks
from tests.factories import HANDSET, NUMBERS

OURS = NUMBERS[0]
BOBS = link_state(**{OURS: f'["bob","c-1",{NOW + 1000},{NOW}]'})
CAROLS = link_state(**{OURS: f'["carol","c-9",{NOW + 1000},{NOW}]'})
NOBODYS = link_state()
READ, RENEW = ("read_links", "bob", HANDSET, OURS), ("renew_links", OURS)


class LinkCase(StageCase):
    def begin(self) -> None:
        super().begin()
        self.links = FakeLinks(self.calls, BOBS)
        self.updates = LinkUpdates(self.links, LIFETIME, KEEP)


class RenewTests(LinkCase):
    def renew(self, thread: Thread = THREAD) -> None:
        state = self.result(self.updates.read(thread, HANDSET, OURS))
        self.result(self.updates.renew(state, thread, HANDSET, OURS))

    def test_renewed(self) -> None:
        """The link that the reply came over lives on."""
        self.renew()
        self.assertEqual(self.calls, [READ, RENEW])

    def test_another_threads(self) -> None:
        """A number that carries something else by now, or nothing, is left alone."""
        for state in (CAROLS, NOBODYS):
            self.begin()
            self.links.states = [state]
            self.renew()
            self.assertEqual(self.calls, [READ])

    def test_changed_meanwhile(self) -> None:
        """When another process was faster it is read and renewed again, and left alone when it is another thread's."""
        self.links.stands.extend([False, False])
        self.renew()
        self.assertEqual(self.calls, [READ, RENEW] * 3)
        self.begin()
        self.links.states = [BOBS, CAROLS]
        self.links.stands.append(False)
        self.renew()
        self.assertEqual(self.calls, [READ, RENEW, READ])

    def test_given_up(self) -> None:
        """It is given up when other processes are faster all the time."""
        self.links.stands.extend([False] * 2 * TRIES)
        self.renew()
        self.assertEqual(self.calls.count(RENEW), TRIES)

    def test_lifetime(self) -> None:
        """A renewed link lives as long as a new one, and is kept for some time after that."""
        self.renew()
        [commit] = self.links.commits
        self.assertEqual((json.loads(commit.entry), commit.ttl), (["bob", "c-1", NOW + LIFETIME, NOW], LIFETIME + KEEP))


class RewriteMapTests(LinkCase):
    def rewrite(self) -> list[str]:
        self.result(self.updates.rewrite_map(Relink("bob", HANDSET, OURS)))
        return [call[0] for call in self.calls]

    def test_written(self) -> None:
        """The map says what the handset says, for as long as the link lives and is kept."""
        self.assertEqual(self.rewrite(), ["read_links", "write_map"])
        name, user_id, user_map, ttl = self.calls[-1]
        self.assertEqual((name, user_id, ttl), ("write_map", "bob", LIFETIME + KEEP))
        self.assertEqual(json.loads(user_map), {"c-1": {"phone": OURS, "expires": NOW + LIFETIME}})

    def test_same_handset(self) -> None:
        """A user who was texted on this handset last is no reason to leave the map alone."""
        self.links.states = [replace(BOBS, texted=HANDSET)]
        self.assertEqual(self.rewrite(), ["read_links", "write_map"])

    def test_not_theirs(self) -> None:
        """The map is left alone when the number carries nothing or another user's thread, or when the user has another
        handset by now."""
        for state in (NOBODYS, CAROLS, replace(BOBS, texted="12015550177")):
            self.begin()
            self.links.states = [state]
            self.assertEqual(self.rewrite(), ["read_links"], state)

    def test_changed_meanwhile(self) -> None:
        """When another process was faster it is read and written again, and given up in the end."""
        self.links.stands.append(False)
        self.assertEqual(self.rewrite(), ["read_links", "write_map"] * 2)
        self.begin()
        self.links.stands.extend([False] * 2 * TRIES)
        self.assertEqual(self.rewrite(), ["read_links", "write_map"] * TRIES)


class StoreAwayTests(LinkCase):
    def test_raised(self) -> None:
        """A store that is away is the caller's business."""
        for method in ("read_links", "write_map"):
            self.links.fail(method, StoreUnavailable("Redis is away"))
            with self.assertRaises(StoreUnavailable):
                self.result(self.updates.rewrite_map(Relink("bob", HANDSET, OURS)))
