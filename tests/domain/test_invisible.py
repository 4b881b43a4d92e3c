"""What nobody sees of a text."""

from __future__ import annotations

import time
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.invisible import INVISIBLE, MARKS, is_blank, with_few_marks


class BlankTests(TestCase):
    def test_blank(self) -> None:
        """Invisible characters, white space, controls and what is drawn as nothing are blank, however many."""
        for text in (
            *(
                "",
                " ",
                "\n\t\r",
                "\u00a0\u3000",
                "\u200b",
                "\u2060",
                "\ufeff",
                "\u200e\u200f",
                "\u00ad",
                "\u200d",
                "\ufe0f",
            ),
            *(
                "\u115f",
                "\u1160",
                "\u180e",
                "\U000e0020",
                "\u2800",
                "\u3164",
                "\uffa0",
                " \u200b \n",
                "\ufff9",
                "\x00",
                "\x85",
            ),
            *(
                "\u034f",
                "\u061c",
                "\u2063",
                "\u206f",
                "\U0001d173",
                "\U000e0100",
                "\u202e\u2066",
                "\ud800",
                "\U0001d159",
            ),
        ):
            self.assertTrue(is_blank(text), ascii(text))

    def test_not_blank(self) -> None:
        """Whatever shows is not, a full stop or a mark for one."""
        for text in (
            "a",
            ".",
            "-",
            "\u200b.\u200b",
            "❤\ufe0f",
            "\u0301",
            "\u2801",
            "\ufffd",
            "ㅤa",
            "\u0600",
            "_",
            "🏴\U000e007f",
        ):
            self.assertFalse(is_blank(text), ascii(text))

    def test_long(self) -> None:
        """It takes time in proportion to the text."""
        begun = time.process_time()
        for character in "\u200b \u3164":
            self.assertFalse(is_blank(character * 500_000 + "a"))
        self.assertLess(time.process_time() - begun, 1)


class MarksTests(TestCase):
    def test_towers(self) -> None:
        """A character keeps ten marks, those with invisible characters between them counted together."""
        self.assertEqual(with_few_marks("e" + "\u0301" * 5000 + "f\u0323"), "e" + "\u0301" * MARKS + "f\u0323")
        torn = with_few_marks("e" + "\u0301\u200d" * 5000)
        self.assertEqual(torn.count("\u0301"), MARKS)

    def test_long(self) -> None:
        """It takes time in proportion to the text."""
        begun = time.process_time()
        for tower in ("\u0301\u0323", "\u0301\u200d", "\u200d", "e\u0301\u200d", "\u0301" * 9 + "\u200d" * 50 + "e"):
            with_few_marks("e" + tower * (1_000_000 // len(tower)) + "!")
        self.assertLess(time.process_time() - begun, 2)

    def test_language(self) -> None:
        """What any language writes stays as it is."""
        for text in ("cafe\u0301", "Tiê\u0301ng Viê\u0323t", "שָׁלוֹם", "བསྒྲུབས", "हिन्दी", "กำ่", "1\ufe0f\u20e3"):
            self.assertEqual(with_few_marks(text), text)

    @given(st.text(st.one_of(st.sampled_from("e\u0301\u0323\u200d\ufe0f"), st.characters()), max_size=200))
    def test_any_text(self, text: str) -> None:
        """Only marks are left out, and only of a character that has too many."""
        kept = with_few_marks(text)
        self.assertEqual(with_few_marks(kept), kept)
        if kept != text:
            marks = sum(unicodedata.category(character).startswith("M") for character in INVISIBLE.sub("", text))
            self.assertGreater(marks, MARKS)
