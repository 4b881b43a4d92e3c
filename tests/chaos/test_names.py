"""Names are found again in whatever becomes of the texts that they stand in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.optout import Keyword, keyword_in
from nexmo_twisted.sandbox.nexmo import gsm
from tests.chaos import names


class NamesTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """A long reply travels in as many parts as it should, each with a name of its own and no other."""
        for count in (1, 2, 4):
            parts = gsm.split(names.reply_text(12, count), unicode=False)
            expected = [[names.piece_name(12, part)] for part in range(1, count + 1)]
            self.assertEqual([names.pieces(part) for part in parts], expected)

    def test_joined(self) -> None:
        """They are found when the parts stand together, and when one of them is missing."""
        text = names.reply_text(12, 3)
        self.assertEqual(names.pieces(text), ["r00012.1", "r00012.2", "r00012.3"])
        torn = "[...]" + text[names.PART :]
        self.assertEqual(names.message_name(torn), "r00012.2")
        self.assertEqual(names.recipient(f"u007 {torn}"), ("r00012.2", "u007"))

    def test_asked(self) -> None:
        """A word that asks for something asks for it in spite of its name, which is found in it."""
        for word, ask in (("STOP", Keyword.STOP), ("START", Keyword.START), ("HELP", Keyword.HELP)):
            for number in (0, 5, 2**names.DIGITS - 1):
                text = names.asked_text(word, number)
                self.assertIs(keyword_in(text), ask)
                self.assertEqual(names.pieces(text), [names.piece_name(number)])
                self.assertEqual(names.recipient(f"u001 {text}"), (names.piece_name(number), "u001"))

    def test_introduced(self) -> None:
        """A title hides neither for whom a text is nor what it is about; where it fills the text, it tells itself."""
        title = names.title(41)
        self.assertEqual(names.recipient(f"{title}\n\nu003 m00017 see you"), ("m00017", "u003"))
        long = names.title(41, 1500)
        self.assertEqual(len(long), 1500)
        self.assertIsNone(names.recipient(long))
        self.assertEqual(names.introduced(long[:900]), 41)

    def test_own_answers(self) -> None:
        """What the service says by itself is about no message and introduces nothing."""
        text = "You will get no more texts from us. Reply START to get them again."
        self.assertIsNone(names.recipient(text))
        self.assertIsNone(names.introduced(text))
