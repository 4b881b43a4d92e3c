"""When no number is free for a handset, the conversation that has been idle longest gives way, if it is to."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

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


def take(state: LinkState, conversation: str = ONE, user: str = "bob", numbers: tuple[str, ...] = (A, B)) -> Choice:
    """The choice where a number is taken over when none is free."""
    choice = choose(state, Thread(user, conversation), HANDSET, HANDSET, numbers, HOUR, KEEP, take_over=True)
    assert isinstance(choice, Choice)
    return choice


class TakeOverNumberTests(TestCase):
    def busy(self, **more: str) -> LinkState:
        """A carries TWO and B carries THREE, which was used later."""
        handset = {"v": "2", A: entry("bob", TWO, NOW + 10, 10), B: entry("bob", THREE, NOW + 20, 20), **more}
        return LinkState(now=NOW, user_map=links(a2=NOW + 10, b3=NOW + 20), handset=handset)

    def test_idle_longest(self) -> None:
        """The link that has been idle longest gives way, in both places, and is introduced anew."""
        choice = take(self.busy())
        self.assertEqual((choice.number, choice.taken_over, choice.introduced), (A, True, False))
        stored = json.loads(choice.commit.user_map)
        self.assertEqual(stored, {ONE: {"phone": A, "expires": NOW + HOUR}, THREE: {"phone": B, "expires": NOW + 20}})
        self.assertEqual(json.loads(choice.commit.entry), ["bob", ONE, NOW + HOUR, NOW])

    def test_not_unless_it_has_to_be(self) -> None:
        """Neither where a number is free, nor for a conversation that has one."""
        self.assertEqual(take(self.busy(), numbers=(A, B, C)).number, C)
        choice = take(self.busy(), TWO)
        self.assertEqual((choice.number, choice.taken_over), (A, False))
        self.assertEqual(choose(self.busy(), Thread("bob", ONE), HANDSET, "", (A, B), HOUR, KEEP), NoNumber(False))

    def test_only_usable_numbers(self) -> None:
        """Neither a number that the account does not own nor one that is no longer configured; without any, none."""
        state = self.busy()
        unowned = LinkState(now=NOW, user_map=state.user_map, handset=state.handset, unowned=frozenset({A}))
        self.assertEqual(take(unowned).number, B)
        self.assertEqual(take(state, numbers=(B,)).number, B)
        owned_none = LinkState(now=NOW, user_map=state.user_map, handset=state.handset, unowned=frozenset({A, B}))
        found = choose(owned_none, Thread("bob", ONE), HANDSET, "", (A, B), HOUR, KEEP, take_over=True)
        self.assertEqual(found, NoNumber(for_now=False))

    def test_introduced_anew(self) -> None:
        """Also where the handset was told of this conversation there, before others had the number."""
        mark = introduction_mark(Thread("rob", ONE))
        state = self.busy(**{f"i:{A}": mark})
        choice = take(LinkState(now=NOW, user_map=links(a1=NOW + 5), handset=state.handset), ONE, "rob")
        self.assertEqual((choice.number, choice.taken_over, choice.introduced), (A, True, False))
        ended = {**state.handset, A: entry("bob", TWO, NOW - 1, 10)}
        choice = take(LinkState(now=NOW, user_map=links(a1=NOW + 5), handset=ended), ONE, "rob")
        self.assertEqual((choice.number, choice.taken_over, choice.introduced), (A, False, False))
        twice = links(a1=NOW + 5, a2=NOW + 5)
        choice = take(LinkState(now=NOW, user_map=twice, handset={}, owner="bob", owner_map=twice), numbers=(A,))
        self.assertEqual((choice.number, choice.taken_over, choice.introduced), (A, True, False))

    def test_another_user_of_the_handset(self) -> None:
        """Their link gives way on the handset; their own map is not touched, and leads nobody astray."""
        bobs = self.busy()
        choice = take(LinkState(now=NOW, user_map="", handset=bobs.handset), ONE, "rob")
        self.assertEqual((choice.number, set(json.loads(choice.commit.user_map))), (A, {ONE}))
        after = LinkState(now=NOW + 5, user_map=bobs.user_map, handset={**bobs.handset, A: choice.commit.entry})
        self.assertEqual(thread_of(after, A), Thread("rob", ONE))
        self.assertIsNone(renew(after, Thread("bob", TWO), HANDSET, A, HOUR, KEEP))
        displaced = take(after, TWO)
        self.assertEqual((displaced.number, displaced.introduced), (B, False))

    def test_somebody_elses_phone(self) -> None:
        """Who shares the handset and has no number there takes the idlest of somebody who has two, whatever the mode;
        the last one of anybody is nobody else's."""
        both = self.busy()
        alone = LinkState(now=NOW, user_map="", handset={"v": "2", A: entry("bob", TWO, NOW + 10, 10)})
        for take_over in (False, True):
            found = choose(
                LinkState(now=NOW, user_map="", handset=both.handset),
                Thread("eve", ONE),
                HANDSET,
                "",
                (A, B),
                HOUR,
                KEEP,
            )
            assert isinstance(found, Choice)
            self.assertEqual((found.number, found.taken_over), (A, True))
            for state, numbers in (
                (alone, (A,)),
                (LinkState(now=NOW, user_map="", handset={**both.handset, B: entry("eve", ONE, NOW + 9)}), (A, B)),
            ):
                found = choose(state, Thread("rob", ONE), HANDSET, "", numbers, HOUR, KEEP, take_over=take_over)
                self.assertEqual(found, NoNumber(for_now=False))

    def test_own_before_anothers(self) -> None:
        """A user's own idlest conversation gives way, though another user's has been idle longer."""
        shared = {
            "v": "3",
            A: entry("bob", TWO, NOW + 10, 10),
            B: entry("bob", THREE, NOW + 10, 5),
            C: entry("eve", TWO, NOW + 20, 20),
        }
        self.assertEqual(take(LinkState(now=NOW, user_map="", handset=shared), ONE, "eve", (A, B, C)).number, C)

    def test_an_attempt_of_another_thread(self) -> None:
        """Its number is left alone, whatever it carries; when there is none beside, that is so for the moment only."""
        tried = entry("rob", THREE, NOW + HOUR) + "\nid:1:1"
        state = LinkState(now=NOW, user_map="", handset={"v": "1", f"u:{A}": tried})
        for take_over in (False, True):
            found = choose(state, Thread("bob", ONE), HANDSET, "", (A,), HOUR, KEEP, take_over=take_over)
            self.assertEqual(found, NoNumber(for_now=True))
        self.assertEqual(take(state).number, B)
        self.assertEqual(take(state, THREE, "rob", (A,)).number, A)
        lent = LinkState(
            now=NOW, user_map=links(a1=NOW + 1), handset={"v": "1", A: entry("bob", ONE, NOW + 1), f"u:{A}": tried}
        )
        self.assertEqual(take(lent).number, B)

    def test_attempts_count_for_whose_they_are(self) -> None:
        """A number that another user's attempt may take is not one that somebody can do without: of two, the other is
        the last one."""
        state = LinkState(
            now=NOW, user_map="", handset={**self.busy().handset, f"u:{A}": entry("rob", ONE, NOW + HOUR) + "\nid:1:1"}
        )
        for take_over in (False, True):
            found = choose(state, Thread("eve", ONE), HANDSET, "", (A, B), HOUR, KEEP, take_over=take_over)
            self.assertEqual(found, NoNumber(for_now=True))

    def test_numbers_that_are_ours_no_more(self) -> None:
        """A link there is none that somebody can be texted over: neither does it keep its user from a number, nor does
        it leave one to whom another one is taken from."""
        gone = {**self.busy().handset, C: entry("rob", TWO, NOW + 30, 30)}
        for take_over in (False, True):
            found = choose(
                LinkState(now=NOW, user_map="", handset=gone), Thread("rob", ONE), HANDSET, "", (A, B), HOUR, KEEP
            )
            assert isinstance(found, Choice)
            self.assertEqual((found.number, found.taken_over), (A, True))
            alone = LinkState(now=NOW, user_map="", handset=self.busy().handset, unowned=frozenset({A}))
            found = choose(alone, Thread("rob", ONE), HANDSET, "", (A, B), HOUR, KEEP, take_over=take_over)
            self.assertEqual(found, NoNumber(for_now=False))

    def test_a_further_text_of_an_attempt(self) -> None:
        """It goes out from the same number, whoever had that before, and is introduced there until one was accepted."""
        for user in ("rob", "bob"):
            tried = {f"u:{B}": entry(user, ONE, NOW + HOUR) + "\nid:1:1"}
            for take_over in (False, True):
                state = LinkState(now=NOW, user_map="", handset={**self.busy().handset, **tried})
                found = choose(state, Thread(user, ONE), HANDSET, "", (A, B), HOUR, KEEP, take_over=take_over)
                assert isinstance(found, Choice)
                self.assertEqual((found.number, found.introduced), (B, False))

    def test_links_of_the_node_service(self) -> None:
        """It wrote down when a link ends, and so when it was used; neither side of a handset is forgotten."""
        known = links(a2=NOW + 20, b3=NOW + 10)
        self.assertEqual(take(LinkState(now=NOW, user_map=known, handset={}, owner="bob", owner_map=known)).number, B)
        choice = take(LinkState(now=NOW, user_map=known, handset={}, owner="ann", owner_map=links(b1=NOW + 30)))
        self.assertEqual((choice.number, set(choice.commit.adopted)), (A, {A, B, f"i:{A}", f"i:{B}"}))

    def test_linked_on_another_handset(self) -> None:
        """A link that its user has on another handset counts as used there, whatever this handset has there."""
        moved = {"v": "9", A: entry("ann", TWO, NOW - 5, 5), B: entry("bob", THREE, NOW + 20, NOW - HOUR + 20)}
        state = LinkState(now=NOW, user_map=links(a2=NOW + 30, b3=NOW + 20), handset=moved)
        self.assertEqual(take(state).number, B)
        shared = {**moved, A: entry("ann", TWO, NOW + 10, NOW - HOUR + 10)}
        self.assertEqual(take(LinkState(now=NOW, user_map=state.user_map, handset=shared)).number, B)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["ann", "bob", "cleo"]),
                st.sampled_from([ONE, TWO, THREE]),
                st.sampled_from([0, HOUR // 2, 2 * HOUR]),
                st.sampled_from(["", "", A, B]),
            ),
            max_size=25,
        ),
        st.booleans(),
    )
    def test_never_two_on_one(self, events: list[tuple[str, str, int, str]], take_over: bool) -> None:
        """Whatever comes in whatever order, messages and replies: no two threads are alive on one (handset, number) at
        a time, unless one was taken over: the idlest of the same user, or of another one who has two where this one has
        none. A choice made again is the same."""
        now, maps, handset = NOW, dict[str, str](), dict[str, str]()
        alive = dict[str, tuple[Thread, int]]()  # number -> what it carries, since its last use
        for version, (user, conversation, passes, replied_to) in enumerate(events):
            now += passes
            thread = Thread(user, conversation)
            if replied_to:
                carried = thread_of(LinkState(now=now, user_map="", handset=handset), replied_to)
                self.assertEqual(carried, alive[replied_to][0] if replied_to in alive else None)
                if carried is None:
                    continue
                thread, number = carried, replied_to
                commit = renew(
                    LinkState(now=now, user_map=maps[thread.user_id], handset=handset),
                    thread,
                    HANDSET,
                    number,
                    HOUR,
                    KEEP,
                )
                if commit is None:
                    self.assertLessEqual(alive[number][1] + HOUR, now)
                    continue
            else:
                state = LinkState(now=now, user_map=maps.get(user, ""), handset=handset)
                choice = choose(state, thread, HANDSET, "", (A, B), HOUR, KEEP, take_over=take_over)
                self.assertEqual(choose(state, thread, HANDSET, "", (A, B), HOUR, KEEP, take_over=take_over), choice)
                others = {n: used for n, (t, used) in alive.items() if t != thread and used + HOUR > now}
                mine = {n: used for n, used in others.items() if alive[n][0].user_id == user}
                spare = others if len({alive[n][0].user_id for n in others}) == 1 else {}
                given_up = (mine if take_over else {}) if mine else spare
                if isinstance(choice, NoNumber):
                    self.assertEqual((len(others), given_up), (2, {}))
                    continue
                number, commit = choice.number, choice.commit
                self.assertEqual(choice.taken_over, number in others)
                if choice.taken_over:
                    self.assertEqual(len(others), 2)
                    self.assertEqual(given_up[number], min(given_up.values()))
                    self.assertFalse(choice.introduced)
            alive[number] = (thread, now)
            maps[thread.user_id] = commit.user_map
            handset |= {**commit.adopted, "v": str(version + 1), number: commit.entry}
            linked = [link["phone"] for link in json.loads(commit.user_map).values() if link["expires"] > now]
            self.assertEqual(len(linked), len(set(linked)))
