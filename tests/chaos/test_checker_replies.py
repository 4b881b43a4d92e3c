"""The checks of replies can fail: each kind of broken promise is found, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import checker_replies as checker
from tests.chaos.handset_view import AT_ONCE, Answer, Post, Received, View, right
from tests.chaos.phonebook import KNOWN_PHONE, Phonebook

ANN, ANNS, BOB = ("111", "1"), ("111", "2"), ("222", "1")
LUNCH, DINNER = Received(10.0, "ann", "lunch"), Received(50.0, "ann", "dinner")

#: On Ann's handset a number carried lunch and then dinner.
VIEW: View = {ANN: [LUNCH, DINNER], ANNS: [Received(20.0, "ann", "tea")], BOB: [Received(10.0, "bob", "lunch")]}

YES = Answer("r1.1", *ANN, written=70.0, began=70.1, acknowledged=70.5, outcome="posted")
NO = Answer("r2.1", *ANN, written=71.0, began=71.1, acknowledged=71.5, outcome="posted")


def post(answer: Answer, conversation: str = "dinner", user: str | None = "ann", at: float = 72.0) -> Post:
    return Post(answer.name, user, conversation, at)


class RightTests(SynchronousTestCase):
    def found(self, answer: Answer, view: View = VIEW) -> list[str]:
        return [each.conversation for each in right(view, answer)]

    def test_last(self) -> None:
        """It answers the last text that was there for a while."""
        self.assertEqual(self.found(YES), ["dinner"])
        self.assertEqual(self.found(replace(YES, written=45.0, acknowledged=46.0)), ["lunch"])

    def test_at_once(self) -> None:
        """When a text has come this moment it may answer the one before."""
        self.assertEqual(self.found(replace(YES, written=50.0 + AT_ONCE - 1)), ["dinner", "lunch"])

    def test_meanwhile(self) -> None:
        """So it is when a text comes before the reply was stored, which may take long."""
        self.assertEqual(self.found(replace(YES, written=45.0)), ["dinner", "lunch"])
        self.assertEqual(self.found(replace(YES, written=45.0, acknowledged=None)), ["dinner", "lunch"])

    def test_doubtful(self) -> None:
        """And when the service did not know for a while whether the last text was sent."""
        view = {ANN: [LUNCH, replace(DINNER, doubtful=True)]}
        self.assertEqual(self.found(YES, view), ["dinner", "lunch"])

    def test_nothing(self) -> None:
        """A handset that had nothing from that number has nothing to answer."""
        self.assertEqual(self.found(replace(YES, number="9")), [])
        self.assertEqual(self.found(replace(YES, written=1.0, acknowledged=2.0)), [])


class PlaceTests(SynchronousTestCase):
    def test_right(self) -> None:
        """In the thread of the last text nothing is wrong."""
        posts = [post(YES)]
        self.assertEqual(checker.not_texted_there(VIEW, [YES], posts), [])
        self.assertEqual(checker.as_another(VIEW, [YES], posts), [])
        self.assertEqual(checker.beside_the_last(VIEW, [YES], posts), [])

    def test_not_texted_there(self) -> None:
        """In a conversation that the handset knows from another number only, or another user knows, or nobody."""
        for wrong in (post(YES, "tea"), post(YES, "lunch", "bob"), post(YES, "breakfast")):
            self.assertEqual(len(checker.not_texted_there(VIEW, [YES], [wrong])), 1, wrong)
        late = replace(YES, written=40.0, acknowledged=49.0)
        self.assertEqual(len(checker.not_texted_there(VIEW, [late], [post(late)])), 1)

    def test_written_by_nobody(self) -> None:
        """What no handset wrote is in no right place."""
        self.assertEqual(len(checker.not_texted_there(VIEW, [], [post(YES)])), 1)

    def test_as_another(self) -> None:
        """As a user whose text was not the last, on a shared handset; or as nobody."""
        view = {ANN: [Received(10.0, "bob", "dinner"), DINNER]}
        self.assertEqual(len(checker.as_another(view, [YES], [post(YES, user="bob")])), 1)
        self.assertEqual(len(checker.as_another(view, [YES], [post(YES, user=None)])), 1)
        at_once = replace(YES, written=51.0)
        self.assertEqual(checker.as_another(view, [at_once], [post(at_once, user="bob")]), [])

    def test_beside_the_last(self) -> None:
        """In a thread that the number carried on that handset before."""
        self.assertEqual(len(checker.beside_the_last(VIEW, [YES], [post(YES, "lunch")])), 1)
        self.assertEqual(checker.not_texted_there(VIEW, [YES], [post(YES, "lunch")]), [])

    def test_unreadable(self) -> None:
        """A text that does not say for whom it is may be for anybody of its conversation."""
        view = {ANN: [replace(DINNER, user="")]}
        for find in (checker.not_texted_there, checker.as_another, checker.beside_the_last):
            self.assertEqual(find(view, [YES], [post(YES, user="bob")]), [])
        self.assertEqual(len(checker.not_texted_there(view, [YES], [post(YES, "tea")])), 1)

    def test_former_phone(self) -> None:
        """From a handset that is no longer hers, when the service must know that."""
        phones = Phonebook({"ann": "111"})
        phones.change("ann", "333", 1000.0)
        soon = replace(YES, began=1000.0 + KNOWN_PHONE - 1)
        late = replace(YES, began=1000.0 + KNOWN_PHONE + 1)
        self.assertEqual(checker.of_former_phones(VIEW, phones, [soon, late]), [late])
        self.assertEqual(len(checker.posted([late], [post(late)])), 1)
        self.assertEqual(checker.posted([late], []), [])
        phones.change("ann", "111", 1100.0)
        self.assertEqual(checker.of_former_phones(VIEW, phones, [late]), [])

    def test_former_phone_of_one(self) -> None:
        """A handset that still is somebody's who was texted there a moment ago is no former phone."""
        phones = Phonebook({"ann": "111", "bob": "111"})
        phones.change("ann", "333", 1000.0)
        late = replace(YES, written=2000.0, began=2000.1, acknowledged=2000.5)
        view = {ANN: [Received(1500.0, "bob", "lunch"), Received(1995.0, "ann", "dinner")]}
        self.assertEqual(checker.of_former_phones(view, phones, [late]), [])

    def test_stop_posted(self) -> None:
        """Nobody in the chat is told STOP; a HELP may stand there."""
        self.assertEqual(len(checker.stops_posted([replace(YES, word="STOP")], [post(YES)])), 1)
        self.assertEqual(checker.stops_posted([replace(YES, word="HELP")], [post(YES)]), [])


class LostReplyTests(SynchronousTestCase):
    def test_lost(self) -> None:
        """A reply that was acknowledged is posted or a dead letter, whatever the service says became of it."""
        self.assertEqual(checker.lost([YES], [post(YES)]), [])
        self.assertEqual(len(checker.lost([YES, NO], [post(YES)])), 1)
        self.assertEqual(len(checker.lost([replace(YES, outcome="")], [])), 1)
        self.assertEqual(checker.lost([replace(YES, outcome="", dead_letter="ambiguous: one, other")], []), [])

    def test_not_acknowledged(self) -> None:
        """One that never was is still Nexmo's."""
        self.assertEqual(checker.lost([replace(YES, acknowledged=None)], []), [])

    def test_closed(self) -> None:
        """What belongs nowhere, or was for the service itself, is not lost; but a message is no STOP."""
        for outcome in ("no_thread", "not_their_phone @12"):
            self.assertEqual(checker.lost([replace(YES, outcome=outcome)], []), [])
        for word, outcome in (("STOP", "stop"), ("START", "start"), ("START", "again")):
            self.assertEqual(checker.lost([replace(YES, outcome=outcome, word=word)], []), [])
        self.assertEqual(len(checker.lost([replace(YES, outcome="stop", word="HELP")], [])), 1)
        self.assertEqual(len(checker.lost([replace(YES, outcome="stop")], [])), 1)
        self.assertEqual(len(checker.lost([replace(YES, outcome="blank")], [])), 1)

    def test_parts(self) -> None:
        """Each part that was acknowledged must stand somewhere, and only once."""
        second = replace(YES, name="r1.2")
        self.assertEqual(len(checker.lost([YES, second], [post(YES)])), 1)
        self.assertEqual(checker.doubled([post(YES), post(second)]), [])
        self.assertEqual(checker.doubled([post(YES), post(second), post(second)]), ["r1.2, 2 times"])

    def test_doubled(self) -> None:
        """Once each is right."""
        self.assertEqual(checker.doubled([post(YES), post(NO)]), [])
        self.assertEqual(checker.doubled([post(YES), post(NO), post(YES)]), ["r1.1, 2 times"])

    def test_closed_though_texted(self) -> None:
        """A reply without a conversation, from a handset that had texts from that number, needs a reason."""

        def why(answer: Answer, view: View = VIEW, phones: Phonebook | None = None) -> list[str]:
            return list(checker.closed_though_texted(view, phones or Phonebook({"ann": "111"}), [answer]))

        nowhere = replace(YES, outcome="no_thread")
        self.assertEqual(why(nowhere), [""])
        self.assertEqual(why(YES), [])
        self.assertEqual(why(replace(nowhere, number="9")), [])
        self.assertEqual(why(nowhere, {ANN: [Received(69.0, "ann", "lunch")]}), [""])
        self.assertEqual(why(nowhere, {ANN: [Received(70.2, "ann", "lunch")]}), ["just texted"])
        self.assertEqual(why(nowhere, {ANN: [replace(LUNCH, doubtful=True)]}), ["unknown"])
        self.assertEqual(why(nowhere, {ANN: [replace(LUNCH, doubtful=True), DINNER]}), [""])
        moved = Phonebook({"ann": "333"})
        moved.change("ann", "111", 5.0)
        self.assertEqual(why(replace(YES, outcome="not_their_phone"), VIEW, moved), ["phone changed"])


class OrderTests(SynchronousTestCase):
    def test_out_of_order(self) -> None:
        """The one that was stored before the other began comes first."""
        self.assertEqual(checker.disordered([YES, NO], [post(YES), post(NO)]), [])
        self.assertEqual(len(checker.disordered([YES, NO], [post(NO), post(YES)])), 1)

    def test_not_only_neighbours(self) -> None:
        """A third one between them hides nothing."""
        between = replace(YES, name="r3.1", began=60.0, acknowledged=90.0)
        posts = [post(NO), post(between), post(YES)]
        self.assertEqual(len(checker.disordered([YES, NO, between], posts)), 1)

    def test_side_by_side(self) -> None:
        """Two that were under way at the same time, or are to two numbers or from two handsets, have no order."""
        late = replace(YES, acknowledged=71.2)
        self.assertEqual(checker.disordered([late, NO], [post(NO), post(late)]), [])
        for other in (replace(YES, handset="222"), replace(YES, number="2")):
            self.assertEqual(checker.disordered([other, NO], [post(NO), post(other)]), [])
        self.assertEqual(checker.ordered_pairs([YES, NO]), 1)
        self.assertEqual(checker.ordered_pairs([late, NO]), 0)

    def test_parts(self) -> None:
        """A long reply is stored with its last part; its place is that of the first post with any of them."""
        first, second = replace(YES, name="r1.2"), replace(YES, name="r1.1", acknowledged=71.0)
        self.assertEqual(len(checker.disordered([first, second, NO], [post(NO), post(first), post(second)])), 1)
        self.assertEqual(checker.disordered([first, second, NO], [post(second), post(NO), post(first)]), [])
        late = replace(second, acknowledged=80.0)
        self.assertEqual(checker.disordered([first, late, NO], [post(NO), post(first)]), [])
        never = replace(second, acknowledged=None)
        self.assertEqual(checker.disordered([never, first, NO], [post(NO), post(first)]), [])

    def test_no_place(self) -> None:
        """What asks for something waits for nobody, and what is not whole is posted when it is given up."""
        for odd in (replace(YES, word="HELP"), replace(YES, whole=False)):
            self.assertEqual(checker.disordered([odd, NO], [post(NO), post(odd)]), [])


class AmbiguousTests(SynchronousTestCase):
    def test_share(self) -> None:
        """A reply counts once, however many parts it has."""
        dead = replace(YES, dead_letter="ambiguous: one, other")
        self.assertEqual(len(checker.ambiguous(VIEW, [dead, replace(dead, name="r1.2"), NO])), 1)
        self.assertEqual(checker.ambiguous(VIEW, [YES, replace(NO, dead_letter="crashes")]), [])

    def test_needlessly(self) -> None:
        """Where the number carried one thread, and nothing was unsettled on that handset at the time."""
        dead = replace(YES, number="2", dead_letter="ambiguous: one, other")

        def found(answer: Answer, *unsettled: float) -> int:
            return len(checker.ambiguous_needlessly(VIEW, [answer], {"111": unsettled}, 20.0))

        self.assertEqual(found(dead), 1)
        self.assertEqual(found(dead, 10.0), 1)
        self.assertEqual(found(dead, 100.0), 1)
        self.assertEqual(found(dead, 55.0), 0)
        self.assertEqual(found(replace(dead, number="1")), 0)
        self.assertEqual(found(replace(dead, dead_letter="")), 0)

    def test_late(self) -> None:
        """How long a reply took from the handset to the chat, and whether that was too long."""
        posts = [post(YES, at=70.2), post(NO, at=73.0)]
        self.assertEqual([round(each, 1) for each in checker.delays([YES, NO], posts)], [0.2, 2.0])
        self.assertEqual(len(checker.late([YES, NO], posts, 1.0)), 1)
        self.assertEqual(checker.delays([YES], []), [math.inf])
        self.assertEqual(len(checker.late([YES], [], 1.0)), 1)
