"""The judge can say no: each kind of broken promise is found, and what keeps them is not."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import verdict
from tests.chaos.verdict import Answer, Debt, Post, Standing, Text

FIRST = Debt("m1", "ann", "111", "lunch", due=1000, standing=Standing.OWED)
SECOND = Debt("m2", "ann", "111", "lunch", due=2000, standing=Standing.OWED)
DINNER = Debt("m3", "ann", "111", "dinner", due=3000, standing=Standing.OWED)
BOB = Debt("m1", "bob", "222", "lunch", due=1000, standing=Standing.OWED)


def text(debt: Debt, number: str = "1") -> Text:
    return Text(debt.message, debt.user, debt.handset, number)


class StandingTests(SynchronousTestCase):
    def test_owed(self) -> None:
        """Nobody read it and nobody deleted it."""
        self.assertIs(verdict.standing(1000, []), Standing.OWED)
        self.assertIs(verdict.standing(None, []), Standing.OWED)

    def test_forbidden(self) -> None:
        """One of the events that end the debt was acknowledged before it fell due."""
        self.assertIs(verdict.standing(1000, [0.9]), Standing.FORBIDDEN)
        self.assertIs(verdict.standing(1000, [None, 2.0, 0.9]), Standing.FORBIDDEN)

    def test_free(self) -> None:
        """They happened, but the service may not have known when it fell due."""
        for ended in ([None], [1.0], [1.1, None]):
            self.assertIs(verdict.standing(1000, ended), Standing.FREE)
        self.assertIs(verdict.standing(None, [0.9]), Standing.FREE)


class TextsTests(SynchronousTestCase):
    def test_lost(self) -> None:
        """What was owed to one recipient is lost, whatever another one got; buried with a reason is not lost."""
        self.assertEqual(verdict.lost_texts([FIRST, BOB], [text(FIRST), text(BOB)]), [])
        self.assertEqual(len(verdict.lost_texts([FIRST, BOB], [text(FIRST)])), 1)
        self.assertEqual(len(verdict.lost_texts([FIRST], [])), 1)
        self.assertEqual(verdict.lost_texts([replace(FIRST, buried="crashes")], []), [])

    def test_lost_without_a_trace(self) -> None:
        """A message that was acknowledged and that Redis knows nothing of is lost."""
        self.assertEqual(len(verdict.lost_texts([replace(FIRST, due=None)], [])), 1)

    def test_not_owed(self) -> None:
        """Nothing is lost, and nothing wrong, where it may be either way; what must not be sent is needless."""
        free, forbidden = replace(FIRST, standing=Standing.FREE), replace(FIRST, standing=Standing.FORBIDDEN)
        for sent in ([], [text(FIRST)]):
            self.assertEqual(verdict.lost_texts([free], sent), [])
            self.assertEqual(verdict.needless_texts([free, replace(FIRST, message="m9")], sent), [])
        self.assertEqual(verdict.lost_texts([forbidden], []), [])
        self.assertEqual(len(verdict.needless_texts([forbidden], [text(FIRST)])), 1)
        self.assertEqual(verdict.needless_texts([forbidden], []), [])

    def test_doubled(self) -> None:
        """The same message twice for one recipient is doubled; once for each of two is not."""
        self.assertEqual(verdict.doubled_texts([text(FIRST), text(SECOND), text(BOB)]), [])
        found = verdict.doubled_texts([text(FIRST), text(BOB), text(FIRST)], {("m1", "ann"): "so it came"})
        self.assertEqual(found, ["m1 for ann, 2 times: so it came"])

    def test_wrong_handset(self) -> None:
        """An SMS on somebody else's handset is misrouted, also one that nobody wrote."""
        self.assertEqual(verdict.misrouted_texts([FIRST, BOB], [text(FIRST), text(BOB)]), [])
        self.assertEqual(len(verdict.misrouted_texts([FIRST], [replace(text(FIRST), handset="222")])), 1)
        self.assertEqual(len(verdict.misrouted_texts([], [text(FIRST)])), 1)

    def test_wrong_number(self) -> None:
        """On one handset a number carries one conversation of one user, and keeps it."""
        debts = [FIRST, SECOND, DINNER, BOB]
        self.assertEqual(verdict.misrouted_texts(debts, [text(FIRST), text(SECOND), text(DINNER, "2"), text(BOB)]), [])
        self.assertEqual(len(verdict.misrouted_texts(debts, [text(FIRST), text(DINNER)])), 1)
        self.assertEqual(len(verdict.misrouted_texts(debts, [text(FIRST), text(SECOND, "2")])), 1)

    def test_shared_handset(self) -> None:
        """Two users with one handset need two numbers there, even for the same conversation."""
        mate = replace(BOB, handset="111")
        self.assertEqual(verdict.misrouted_texts([FIRST, mate], [text(FIRST), text(mate, "2")]), [])
        self.assertEqual(len(verdict.misrouted_texts([FIRST, mate], [text(FIRST), text(mate)])), 1)

    def test_out_of_order(self) -> None:
        """First attempts for one user go by due time; another user's have nothing to do with it."""
        debts = [FIRST, SECOND, BOB]
        self.assertEqual(verdict.disordered_texts(debts, [text(FIRST), text(SECOND), text(BOB)]), [])
        self.assertEqual(len(verdict.disordered_texts(debts, [text(SECOND), text(BOB), text(FIRST)])), 1)

    def test_later_attempts(self) -> None:
        """Only first attempts count."""
        self.assertEqual(verdict.disordered_texts([FIRST, SECOND], [text(FIRST), text(SECOND), text(FIRST)]), [])

    def test_aside(self) -> None:
        """What was uncertain or buried stepped aside, and the others keep their order around it."""
        aside = replace(FIRST, aside=True)
        self.assertEqual(verdict.disordered_texts([aside, SECOND], [text(SECOND), text(FIRST)]), [])
        attempts = [text(DINNER), text(FIRST), text(SECOND)]
        self.assertEqual(len(verdict.disordered_texts([aside, SECOND, DINNER], attempts)), 1)


YES = Answer("r1", "111", "ann", "lunch", began=10.0, acknowledged=10.5)
NO = Answer("r2", "111", "ann", "lunch", began=11.0, acknowledged=11.5)


def post(answer: Answer) -> Post:
    return Post(answer.name, answer.user, answer.conversation)


class RepliesTests(SynchronousTestCase):
    def test_lost(self) -> None:
        """A reply that was acknowledged is posted or buried; one that never was is still Nexmo's."""
        self.assertEqual(verdict.lost_replies([YES], [post(YES)]), [])
        self.assertEqual(len(verdict.lost_replies([YES, NO], [post(YES)])), 1)
        self.assertEqual(verdict.lost_replies([replace(YES, buried="conversation_gone")], []), [])
        self.assertEqual(verdict.lost_replies([replace(YES, acknowledged=None)], []), [])

    def test_doubled(self) -> None:
        """Once each is right."""
        self.assertEqual(verdict.doubled_replies([post(YES), post(NO)]), [])
        self.assertEqual(verdict.doubled_replies([post(YES), post(NO), post(YES)]), ["r1, 2 times"])

    def test_misrouted(self) -> None:
        """As the wrong user, into the wrong conversation, or out of nothing."""
        self.assertEqual(verdict.misrouted_replies([YES, NO], [post(YES), post(NO)]), [])
        wrong = (
            replace(post(YES), user="bob"),
            replace(post(YES), conversation="dinner"),
            replace(post(YES), name="x"),
        )
        for each in wrong:
            self.assertEqual(len(verdict.misrouted_replies([YES], [each])), 1)

    def test_out_of_order(self) -> None:
        """The one that was stored before the other began comes first."""
        self.assertEqual(verdict.disordered_replies([YES, NO], [post(YES), post(NO)]), [])
        self.assertEqual(len(verdict.disordered_replies([YES, NO], [post(NO), post(YES)])), 1)

    def test_not_only_neighbours(self) -> None:
        """A third one between them hides nothing."""
        between = Answer("r3", "111", "ann", "lunch", began=9.0, acknowledged=20.0)
        posts = [post(NO), post(between), post(YES)]
        self.assertEqual(len(verdict.disordered_replies([YES, NO, between], posts)), 1)

    def test_side_by_side(self) -> None:
        """Two that were under way at the same time, or are from two handsets, have no order."""
        late = replace(YES, acknowledged=11.2)
        self.assertEqual(verdict.disordered_replies([late, NO], [post(NO), post(late)]), [])
        other = replace(YES, handset="222")
        self.assertEqual(verdict.disordered_replies([other, NO], [post(NO), post(other)]), [])
        self.assertEqual(verdict.ordered_pairs([YES, NO]), 1)
        self.assertEqual(verdict.ordered_pairs([other, late, NO]), 0)


class BuriedTests(SynchronousTestCase):
    def test_fates(self) -> None:
        """Kill enough processes, and something is buried with good reason."""
        debts = [FIRST, replace(FIRST, buried="uncertain: lost"), replace(FIRST, buried="crashes")]
        self.assertEqual(verdict.buried_needlessly(debts, [YES, replace(YES, buried="crashes")]), [])

    def test_needless(self) -> None:
        """Nothing in a run is a reason to refuse anything; and a reply can be posted again."""
        self.assertEqual(len(verdict.buried_needlessly([replace(FIRST, buried="refused: 15")], [])), 1)
        self.assertEqual(len(verdict.buried_needlessly([], [replace(YES, buried="uncertain: lost")])), 1)


class ErrorsTests(SynchronousTestCase):
    def test_traceback(self) -> None:
        """An exception that was logged with its traceback is found by its last line, however the log indents it."""
        log = """2026-01-01T00:00:00+0000 [-] At work: Redis is there
2026-01-01T00:00:01+0000 [-] A webhook could not be stored
\tTraceback (most recent call last):
\t  File "service.py", line 1, in go
\t    raise ValueError("bad")
\tbuiltins.ValueError: bad
\t
Unhandled Error
Traceback (most recent call last):
  File "service.py", line 2, in stop
builtins.KeyError: 'x'
"""
        self.assertEqual(list(verdict.raised(log)), ["builtins.ValueError: bad", "builtins.KeyError: 'x'"])

    def test_quiet(self) -> None:
        """What the service says by itself is no such error, however bad the news."""
        self.assertEqual(list(verdict.raised("2026-01-01 [-] Redis does not answer; waiting for it\n")), [])
