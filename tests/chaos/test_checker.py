"""The checks of texts can fail: each kind of broken promise is found, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import checker, checker_numbers
from tests.chaos.checker import ExpectedText, Obligation, Text
from tests.chaos.checker_stops import Asked, blocked, stopped, texts_after_stop
from tests.chaos.phonebook import KNOWN_PHONE, Phonebook

ANNS, BOBS = frozenset({"111"}), frozenset({"222"})
FIRST = ExpectedText("m1", "ann", ANNS, "lunch", due=1000, obligation=Obligation.OWED)
SECOND = ExpectedText("m2", "ann", ANNS, "lunch", due=2000, obligation=Obligation.OWED)
DINNER = ExpectedText("m3", "ann", ANNS, "dinner", due=3000, obligation=Obligation.OWED)
BOB = ExpectedText("m1", "bob", BOBS, "lunch", due=1000, obligation=Obligation.OWED)


def text(expected: ExpectedText, number: str = "1", at: float = 1.0) -> Text:
    return Text(expected.message, expected.user, min(expected.handsets), number, at)


class ObligationTests(SynchronousTestCase):
    def test_owed(self) -> None:
        """Nobody read it and nobody deleted it."""
        self.assertIs(checker.obligation(1000, []), Obligation.OWED)
        self.assertIs(checker.obligation(None, []), Obligation.OWED)

    def test_forbidden(self) -> None:
        """One of the events after which nothing is owed was acknowledged before it fell due."""
        self.assertIs(checker.obligation(1000, [0.9]), Obligation.FORBIDDEN)
        self.assertIs(checker.obligation(1000, [None, 2.0, 0.9]), Obligation.FORBIDDEN)

    def test_free(self) -> None:
        """They happened, but the service may not have known when it fell due."""
        for ended in ([None], [1.0], [1.1, None]):
            self.assertIs(checker.obligation(1000, ended), Obligation.FREE)
        self.assertIs(checker.obligation(None, [0.9]), Obligation.FREE)


class TextsTests(SynchronousTestCase):
    def test_lost(self) -> None:
        """What was owed to one recipient is lost, whatever another one got; a dead letter with a reason is not lost."""
        self.assertEqual(checker.lost_texts([FIRST, BOB], [text(FIRST), text(BOB)]), [])
        self.assertEqual(len(checker.lost_texts([FIRST, BOB], [text(FIRST)])), 1)
        self.assertEqual(len(checker.lost_texts([FIRST], [])), 1)
        self.assertEqual(checker.lost_texts([replace(FIRST, dead_letter="crashes")], []), [])

    def test_lost_without_a_trace(self) -> None:
        """A message that was acknowledged and that Redis knows nothing of is lost."""
        self.assertEqual(len(checker.lost_texts([replace(FIRST, due=None)], [])), 1)

    def test_not_owed(self) -> None:
        """Nothing is lost, and nothing wrong, where it may be either way; what must not be sent is needless."""
        free, forbidden = replace(FIRST, obligation=Obligation.FREE), replace(FIRST, obligation=Obligation.FORBIDDEN)
        for sent in ([], [text(FIRST)]):
            self.assertEqual(checker.lost_texts([free], sent), [])
            self.assertEqual(checker.needless_texts([free, replace(FIRST, message="m9")], sent), [])
        self.assertEqual(checker.lost_texts([forbidden], []), [])
        self.assertEqual(len(checker.needless_texts([forbidden], [text(FIRST)])), 1)
        self.assertEqual(checker.needless_texts([forbidden], []), [])

    def test_doubled(self) -> None:
        """The same message twice for one recipient is doubled; once for each of two is not."""
        self.assertEqual(checker.doubled_texts([text(FIRST), text(SECOND), text(BOB)]), [])
        found = checker.doubled_texts([text(FIRST), text(BOB), text(FIRST)], {("m1", "ann"): "so it came"})
        self.assertEqual(found, ["m1 for ann, 2 times: so it came"])

    def test_excused(self) -> None:
        """What has a good reason not to be sent is not lost; another reason is told."""
        self.assertEqual(checker.lost_texts([replace(FIRST, closed="no_number", excused=True)], []), [])
        found = checker.lost_texts([replace(FIRST, closed="opted_out")], [])
        self.assertEqual(found, ["m1 for ann, due 1000: opted_out"])

    def test_wrong_handset(self) -> None:
        """An SMS on somebody else's handset is misrouted, also one that nobody wrote."""
        phones = Phonebook({"ann": "111", "bob": "222"})
        self.assertEqual(checker.misrouted_texts([FIRST, BOB], [text(FIRST), text(BOB)], phones), [])
        self.assertEqual(len(checker.misrouted_texts([FIRST], [replace(text(FIRST), handset="222")], phones)), 1)
        self.assertEqual(len(checker.misrouted_texts([], [text(FIRST)], phones)), 1)

    def test_former_handset(self) -> None:
        """A phone that is no longer hers gets texts as long as the old profile may be remembered; the new one, from the
        change on."""
        phones = Phonebook({"ann": "111"})
        phones.change("ann", "333", 1000.0)
        for handset, at, wrong in (
            ("111", 900.0, 0),
            ("111", 1000.0 + KNOWN_PHONE - 1, 0),
            ("111", 1000.0 + KNOWN_PHONE + 1, 1),
            ("333", 900.0, 1),
            ("333", 1001.0, 0),
        ):
            sent = replace(text(FIRST, at=at), handset=handset)
            self.assertEqual(len(checker.misrouted_texts([FIRST], [sent], phones)), wrong, (handset, at))

    def test_out_of_order(self) -> None:
        """First attempts for one user go by due time; another user's have nothing to do with it."""
        expected_texts = [FIRST, SECOND, BOB]
        self.assertEqual(checker.disordered_texts(expected_texts, [text(FIRST), text(SECOND), text(BOB)]), [])
        self.assertEqual(len(checker.disordered_texts(expected_texts, [text(SECOND), text(BOB), text(FIRST)])), 1)

    def test_later_attempts(self) -> None:
        """Only first attempts count."""
        self.assertEqual(checker.disordered_texts([FIRST, SECOND], [text(FIRST), text(SECOND), text(FIRST)]), [])

    def test_aside(self) -> None:
        """What was uncertain or a dead letter stepped aside, and the others keep their order around it."""
        aside = replace(FIRST, aside=True)
        self.assertEqual(checker.disordered_texts([aside, SECOND], [text(SECOND), text(FIRST)]), [])
        attempts = [text(DINNER), text(FIRST), text(SECOND)]
        self.assertEqual(len(checker.disordered_texts([aside, SECOND, DINNER], attempts)), 1)


class StopTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stop = Asked("111", True, began=10.0, acknowledged=11.0)
        self.start = Asked("111", False, began=80.0, acknowledged=81.0)

    def test_blocked(self) -> None:
        """From the acknowledgement on, and some seconds for a request that was begun before it."""
        asked = [self.stop]
        self.assertFalse(blocked(asked, "111", 11.5))
        self.assertTrue(blocked(asked, "111", 20.0))
        self.assertFalse(blocked(asked, "222", 20.0))

    def test_not_acknowledged(self) -> None:
        """The service may not know of it yet."""
        self.assertFalse(blocked([replace(self.stop, acknowledged=None)], "111", 1000.0))

    def test_lifted(self) -> None:
        """A START at least a minute later may lift it as soon as it is on its way."""
        asked = [self.stop, self.start]
        self.assertTrue(blocked(asked, "111", 79.0))
        self.assertFalse(blocked(asked, "111", 82.0))
        self.assertFalse(blocked(asked, "111", 1000.0))

    def test_lifts_nothing(self) -> None:
        """A START within a minute, or one that was acknowledged before the STOP was on its way, lifts nothing."""
        soon = Asked("111", False, began=12.0, acknowledged=13.0)
        before = Asked("111", False, began=8.0, acknowledged=9.0)
        self.assertTrue(blocked([self.stop, soon, before], "111", 1000.0))

    def test_on_its_way(self) -> None:
        """A START that was never acknowledged may be stored at any time after it was tried."""
        self.assertFalse(blocked([self.stop, Asked("111", False, 12.0, None)], "111", 1000.0))
        self.assertTrue(blocked([self.stop, Asked("111", False, 1001.0, None)], "111", 1000.0))

    def test_again(self) -> None:
        """A STOP after the START blocks again."""
        again = Asked("111", True, began=90.0, acknowledged=91.0)
        self.assertTrue(blocked([self.stop, self.start, again], "111", 100.0))

    def test_texts(self) -> None:
        """Each attempt to text a blocked handset is told, also one that Nexmo did not take."""
        attempts = [text(FIRST, at=10.5), text(SECOND, at=30.0), text(BOB, at=30.0)]
        found = texts_after_stop([self.stop], attempts)
        self.assertEqual(found, ["m2 for ann on …111, STOP 19.0 s before"])

    def test_excuse(self) -> None:
        """Somebody must have written STOP on one of the user's handsets for a text to be missing."""
        self.assertTrue(stopped([self.stop], ["222", "111"]))
        self.assertFalse(stopped([self.stop], ["222"]))
        self.assertFalse(stopped([self.start], ["111"]))


class NumberTests(SynchronousTestCase):
    conversations = {"m1": "lunch", "m2": "lunch", "m3": "dinner"}

    def early(self, *texts: Text) -> int:
        return len(checker_numbers.taken_early(texts, self.conversations, {"111"}, 20.0))

    def test_taken(self) -> None:
        """A number that carried another conversation a short time ago is taken early; one that is old is not."""
        self.assertEqual(self.early(text(FIRST, at=0.0), text(DINNER, at=10.0)), 1)
        self.assertEqual(self.early(text(FIRST, at=0.0), text(DINNER, at=16.0)), 0)
        self.assertEqual(self.early(text(FIRST, at=0.0), text(DINNER, "2", at=10.0)), 0)

    def test_renewed(self) -> None:
        """Each text makes the link younger."""
        self.assertEqual(self.early(text(FIRST, at=0.0), text(SECOND, at=10.0), text(DINNER, at=16.0)), 1)

    def test_left(self) -> None:
        """A thread keeps its number while its link lives."""
        self.assertEqual(self.early(text(FIRST, at=0.0), text(SECOND, "2", at=10.0)), 1)
        self.assertEqual(self.early(text(FIRST, at=0.0), text(SECOND, "2", at=20.0)), 0)

    def test_not_judged(self) -> None:
        """Only handsets where every number in use has texted are."""
        other = replace(text(FIRST, at=0.0), handset="222"), replace(text(DINNER, at=1.0), handset="222")
        self.assertEqual(self.early(*other), 0)

    def test_no_number(self) -> None:
        """Nothing was sent for want of a number, though one had not been used for longer than a link lives."""
        expected = replace(FIRST, closed="no_number", ended=100.0)
        uses = [("111", "1", 90.0), ("111", "2", 95.0), ("222", "3", 95.0)]

        def without(expected: ExpectedText, numbers: int) -> int:
            return len(checker_numbers.without_number([expected], uses, numbers, 20.0, {"111"}))

        self.assertEqual(without(expected, 2), 0)
        self.assertEqual(without(expected, 3), 1)
        self.assertEqual(without(replace(expected, ended=117.0), 2), 1)
        self.assertEqual(without(replace(expected, closed="sent"), 3), 0)
        self.assertEqual(without(replace(expected, handsets=BOBS), 3), 0)


class DeadLetterTests(SynchronousTestCase):
    def test_fates(self) -> None:
        """Kill enough processes, and there are dead letters with good reason."""
        expected_texts = [FIRST, replace(FIRST, dead_letter="uncertain: lost"), replace(FIRST, dead_letter="crashes")]
        replies = {"r1": "", "r2": "crashes", "r3": "ambiguous: one, other"}
        self.assertEqual(checker.needless_dead_letters(expected_texts, replies, ()), [])

    def test_needless(self) -> None:
        """Nothing in a run is a reason to refuse anything; and a reply can be posted again."""
        self.assertEqual(
            len(checker.needless_dead_letters([replace(FIRST, dead_letter="refused: 15")], {}, ["222"])), 1
        )
        self.assertEqual(len(checker.needless_dead_letters([], {"r1": "uncertain: lost"}, ())), 1)

    def test_barred(self) -> None:
        """But a handset that Nexmo barred is."""
        self.assertEqual(
            checker.needless_dead_letters([replace(FIRST, dead_letter="refused: status 7")], {}, ["111"]), []
        )


class ErrorsTests(SynchronousTestCase):
    def test_traceback(self) -> None:
        """An exception that was logged with its traceback is found by its last line, however the log indents it."""
        log = """2026-01-01T00:00:00+0000 [-] Redis: connected, processing started
2026-01-01T00:00:01+0000 [-] Webhook: unexpected error while storing it, answered 503
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
        self.assertEqual(list(checker.raised(log)), ["builtins.ValueError: bad", "builtins.KeyError: 'x'"])

    def test_quiet(self) -> None:
        """What the service says by itself is no such error, however bad the news."""
        self.assertEqual(
            list(
                checker.raised("2026-01-01 [-] Redis: no connection yet, waiting for it; webhooks are answered 503\n")
            ),
            [],
        )
