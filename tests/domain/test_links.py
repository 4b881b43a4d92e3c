"""Which number carries a conversation to a handset."""

from __future__ import annotations

import json
from collections import Counter

from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.legacy_links import WEEK, expiry
from nexmo_twisted.domain.link_state import (
    LinkState,
    introduction_mark,
    thread_of,
)
from nexmo_twisted.domain.links import (
    Choice,
    NoNumber,
    choose,
    renew,
)
from nexmo_twisted.domain.model import Thread
from tests.domain.link_values import HOUR, KEEP, NOW, ONE, THREE, TWO, A, B, C, entry, links
from tests.factories import HANDSET

BRITISH, CANADIAN = "447700900123", "14165550101"


def pick(
    state: LinkState, conversation: str = ONE, user: str = "bob", numbers: tuple[str, ...] = (A, B)
) -> Choice | NoNumber:
    return choose(state, Thread(user, conversation), HANDSET, HANDSET, numbers, HOUR, KEEP)


def number(choice: Choice | NoNumber) -> str | None:
    return choice.number if isinstance(choice, Choice) else None


class ChooseNumberTests(TestCase):
    def test_first(self) -> None:
        """A handset that was never texted gets the first number, written down in both places."""
        choice = pick(LinkState(now=NOW, user_map="", handset={}))
        assert isinstance(choice, Choice)
        self.assertEqual((choice.number, choice.introduced), (A, False))
        self.assertEqual(json.loads(choice.commit.user_map), {ONE: {"phone": A, "expires": NOW + HOUR}})
        self.assertEqual(json.loads(choice.commit.entry), ["bob", ONE, NOW + HOUR, NOW])
        self.assertEqual(choice.commit.ttl, HOUR + KEEP)

    def test_reused(self) -> None:
        """An existing link is used again and lives on; members we do not know stay."""
        before = json.dumps({ONE: {"phone": B, "expires": NOW + 1, "colour": "red"}})
        choice = pick(LinkState(now=NOW, user_map=before, handset={"v": "1", B: entry("bob", ONE, NOW + 1)}))
        assert isinstance(choice, Choice)
        self.assertEqual(choice.number, B)
        self.assertEqual(
            json.loads(choice.commit.user_map), {ONE: {"phone": B, "expires": NOW + HOUR, "colour": "red"}}
        )

    def test_own_expired_link(self) -> None:
        """The conversation's own link is not dropped because it expired: the thread on the handset goes on."""
        choice = pick(LinkState(now=NOW, user_map=links(b1=NOW - 1), handset={"v": "1", B: entry("bob", ONE, NOW - 1)}))
        self.assertEqual(number(choice), B)

    def test_expired_links_of_others_go(self) -> None:
        """Expired links of other conversations are removed and their numbers free again."""
        choice = pick(LinkState(now=NOW, user_map=links(a2=NOW, b3=NOW + 1), handset={}))
        assert isinstance(choice, Choice)
        self.assertEqual(choice.number, A)
        self.assertEqual(set(json.loads(choice.commit.user_map)), {ONE, THREE})

    def test_two_conversations(self) -> None:
        """Two conversations of one user never share a number."""
        self.assertEqual(number(pick(LinkState(now=NOW, user_map=links(a2=NOW + 1), handset={}))), B)

    def test_two_users_on_one_handset(self) -> None:
        """Two users with one phone never share a number for two conversations."""
        state = LinkState(now=NOW, user_map="", handset={"v": "1", A: entry("ann", ONE, NOW + 1)})
        self.assertEqual(number(pick(state)), B)

    def test_own_link_taken_over(self) -> None:
        """An expired link whose number carries another thread on the handset by now gets another number."""
        state = LinkState(now=NOW, user_map=links(a1=NOW - 1), handset={"v": "2", A: entry("ann", TWO, NOW + 1)})
        choice = pick(state)
        assert isinstance(choice, Choice)
        self.assertEqual((choice.number, choice.introduced), (B, False))

    def test_exhausted(self) -> None:
        """When all numbers are taken there is none."""
        self.assertEqual(
            pick(LinkState(now=NOW, user_map=links(a2=NOW + 1, b3=NOW + 1), handset={})), NoNumber(for_now=False)
        )

    def test_least_recently_used(self) -> None:
        """Among free numbers the handset's least recently used one is taken, one it never used first of all."""
        used = {"v": "5", A: entry("bob", TWO, NOW - 1, 30), B: entry("bob", THREE, NOW - 1, 20)}
        self.assertEqual(number(pick(LinkState(now=NOW, user_map="", handset=used))), B)
        self.assertEqual(number(pick(LinkState(now=NOW, user_map="", handset=used), numbers=(A, B, C))), C)

    def test_unowned(self) -> None:
        """A number that the account does not own gets no link and keeps none."""
        state = LinkState(now=NOW, user_map=links(a1=NOW + 1), handset={}, unowned=frozenset({A}))
        self.assertEqual(number(pick(state)), B)

    def test_number_no_longer_configured(self) -> None:
        """A link to a number that was taken out of the settings moves to another."""
        self.assertEqual(number(pick(LinkState(now=NOW, user_map=links(c1=NOW + 1), handset={}))), A)

    def test_own_country_first(self) -> None:
        """Among free numbers one of the handset's country comes first, then the least recently used, then the order of
        the settings; a link that exists stays where it is."""
        british, other = "447700900201", "447700900202"
        for handset, numbers, used, expected in (
            (BRITISH, (A, british, other), {}, british),
            (BRITISH, (A, british, other), {british: 5}, other),
            (BRITISH, (A, british), {british: 5}, british),
            (BRITISH, (A, B), {A: 5}, B),
            (HANDSET, (british, A, B), {}, A),
            (HANDSET, (CANADIAN, A), {}, A),
            ("14165550123", (A, CANADIAN), {}, CANADIAN),
            ("881612345678", (A, british), {A: 5}, british),
        ):
            entries = {n: entry("bob", TWO, NOW - 1, at) for n, at in used.items()}
            choice = choose(
                LinkState(now=NOW, user_map="", handset=entries), Thread("bob", ONE), handset, "", numbers, HOUR, KEEP
            )
            self.assertEqual(number(choice), expected, (handset, numbers, used))
        state = LinkState(now=NOW, user_map=links(a1=NOW + 1), handset={"v": "1", A: entry("bob", ONE, NOW + 1)})
        choice = choose(state, Thread("bob", ONE), BRITISH, "", (british, A), HOUR, KEEP)
        self.assertEqual(number(choice), A)


class IntroductionTests(TestCase):
    def test_introduced_once_accepted(self) -> None:
        """A link counts as introduced when its mark says so, for this very thread."""
        known = {"v": "1", A: entry("bob", ONE, NOW + 1)}
        for mark, introduced in [
            ({}, False),
            ({f"i:{A}": introduction_mark(Thread("bob", ONE))}, True),
            ({f"i:{A}": introduction_mark(Thread("bob", TWO))}, False),
        ]:
            choice = pick(LinkState(now=NOW, user_map=links(a1=NOW + 1), handset=known | mark))
            assert isinstance(choice, Choice)
            self.assertEqual(choice.introduced, introduced)

    def test_all_share_the_work(self) -> None:
        """The first conversations of many handsets are spread over all free numbers, always in the same way."""
        numbers = [f"120155501{n:02}" for n in range(10)]
        thread, taken = Thread("bob", ONE), Counter[str]()
        for n in range(1000):
            for _ in range(2):
                choice = choose(
                    LinkState(now=NOW, user_map="", handset={}), thread, f"1212555{n:04}", "", numbers, WEEK, WEEK
                )
                assert isinstance(choice, Choice)
                taken[choice.number] += 1
        self.assertEqual(taken, Counter(dict.fromkeys(numbers, 200)))

    def test_new_handset(self) -> None:
        """The user's new handset has not been told anything."""
        choice = pick(LinkState(now=NOW, user_map=links(a1=NOW + 1), handset={}, owner=""))
        assert isinstance(choice, Choice)
        self.assertEqual((choice.number, choice.introduced), (A, False))


class LegacyLinkTests(TestCase):
    def test_adopted(self) -> None:
        """Its links go on, introduced as they are."""
        known = links(b1=NOW + 1)
        choice = pick(LinkState(now=NOW, user_map=known, handset={}, owner="bob", owner_map=known))
        assert isinstance(choice, Choice)
        self.assertEqual((choice.number, choice.introduced), (B, True))

    def test_other_user_of_the_handset(self) -> None:
        """The numbers it gave another user of the same handset are taken."""
        state = LinkState(now=NOW, user_map="", handset={}, owner="ann", owner_map=links(a1=NOW + 1))
        self.assertEqual(number(pick(state)), B)

    def test_expires(self) -> None:
        """All three forms of expires that real deployments hold are read."""
        for value, expected in [
            (NOW + 5, NOW + 5),
            (None, NOW + WEEK),
            ("17954372123457d", 1795437212345 + WEEK),
            ("1795437212345" + "604800000", 1795437212345 + WEEK),
            ("1795437212345", 1795437212345),
            ("soon", NOW + WEEK),
            (float("inf"), NOW + WEEK),
            (True, NOW + WEEK),
        ]:
            self.assertEqual(expiry(value, NOW), expected, value)

    def test_long_links(self) -> None:
        """What lives longer than our own links keeps the map alive."""
        choice = pick(LinkState(now=NOW, user_map=links(a2=NOW + 90 * HOUR), handset={}))
        assert isinstance(choice, Choice)
        self.assertEqual(choice.commit.ttl, 90 * HOUR + KEEP)

    def test_null_gets_an_end(self) -> None:
        """A link without an end gets one when the map is next written, so that its number comes free one day."""
        choice = pick(LinkState(now=NOW, user_map=links(a2=None), handset={}))
        assert isinstance(choice, Choice)
        self.assertEqual(json.loads(choice.commit.user_map)[TWO], {"phone": A, "expires": NOW + WEEK})

    def test_junk(self) -> None:
        """A map that is none counts as empty; entries that are none stay as they are."""
        for junk in ("[", "[]", "7", '"x"'):
            self.assertEqual(number(pick(LinkState(now=NOW, user_map=junk, handset={}))), A)
        choice = pick(LinkState(now=NOW, user_map=json.dumps({"x": 7, TWO: {"phone": None}}), handset={}))
        assert isinstance(choice, Choice)
        self.assertEqual(json.loads(choice.commit.user_map)["x"], 7)

    def test_formatted_numbers(self) -> None:
        """A number it kept as +1 201 ... is the same number."""
        state = LinkState(
            now=NOW, user_map=json.dumps({TWO: {"phone": "+1 (201) 555-0101", "expires": NOW + 1}}), handset={}
        )
        self.assertEqual(number(pick(state)), B)

    def test_another_phone(self) -> None:
        """The links of a user who was texted on another handset ended with that: they keep no number here, and go when
        the map is written."""
        choice = pick(LinkState(now=NOW, user_map=links(a2=NOW + 1, b1=NOW + 1), handset={}, texted="12015550155"))
        assert isinstance(choice, Choice)
        self.assertEqual(choice.number, A)
        self.assertEqual(set(json.loads(choice.commit.user_map)), {ONE})


class ThreadOfReplyTests(TestCase):
    def test_last_carried(self) -> None:
        """A number means what it last carried on that handset, also after the link expired."""
        state = LinkState(now=NOW, user_map="", handset={"v": "1", A: entry("bob", TWO, NOW - HOUR)})
        self.assertEqual(thread_of(state, A), Thread("bob", TWO))
        self.assertIsNone(thread_of(state, B))

    def test_node_links(self) -> None:
        """Without an entry of ours, what the Node service linked; of two, the later."""
        state = LinkState(now=NOW, user_map="", handset={}, owner="bob", owner_map=links(a1=NOW - 2, a2=NOW - 1))
        self.assertEqual(thread_of(state, A), Thread("bob", TWO))

    def test_renewed(self) -> None:
        """A reply moves the expiry in both places."""
        state = LinkState(now=NOW, user_map=links(a1=NOW - 1), handset={"v": "1", A: entry("bob", ONE, NOW - 1)})
        commit = renew(state, Thread("bob", ONE), HANDSET, A, HOUR, KEEP)
        assert commit is not None
        self.assertEqual(json.loads(commit.user_map)[ONE]["expires"], NOW + HOUR)
        self.assertEqual(json.loads(commit.entry)[2], NOW + HOUR)

    def test_not_renewed(self) -> None:
        """A number that carries something else by now, or whose conversation has another one, is left alone."""
        thread = Thread("bob", ONE)
        for state in (
            LinkState(now=NOW, user_map=links(a1=NOW + 1), handset={"v": "1", A: entry("ann", TWO, NOW + 1)}),
            LinkState(now=NOW, user_map=links(b1=NOW + 1), handset={"v": "1", A: entry("bob", ONE, NOW + 1)}),
        ):
            self.assertIsNone(renew(state, thread, HANDSET, A, HOUR, KEEP))
