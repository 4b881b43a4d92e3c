"""Where a text may be cut."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.text import graphemes, split_bytes

#: Characters that stick together in every way that Unicode knows, and some that never do.
STICKY = "ab \n\r\té你😀👩❤👍🏽🇩🇪각가각न\u0301\u200d\ufe0f\u20e3\u093e\u0e33\u200c\u00ad\u200b♂🏴\U000e0067"

texts = st.text(st.one_of(st.sampled_from(STICKY), st.characters(codec="utf-8")))


class GraphemesTests(TestCase):
    def test_what_belongs_together(self) -> None:
        """What a reader takes for one character is one piece."""
        for one in (
            "e\u0301",
            "a\u0301\u0323",
            "\r\n",
            "👍🏽",
            "👩‍👩‍👧‍👦",
            "❤️",
            "👩🏽‍❤️‍💋‍👨🏻",
            "🤷‍♂️",
            "🇩🇪",
            "1️⃣",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "한",
            "한",
            "नि",
            "กำ",
        ):
            self.assertEqual(list(graphemes(f"x{one}y")), ["x", one, "y"], ascii(one))

    def test_what_does_not(self) -> None:
        """Neighbours that only look alike are pieces of their own."""
        for several in (
            ["a", "b"],
            ["🇩🇪", "🇫🇷", "🇮"],
            ["👍", "👍"],
            ["\n", "\r", "a"],
            ["\n", "\u0301"],
            ["한", "국"],
            ["가", "가"],
            ["a\u200d", "b"],
            ["a\u200d", "😀"],
            ["\u200b", "a"],
        ):
            self.assertEqual(list(graphemes("".join(several))), several, ascii(several))

    def test_nothing(self) -> None:
        """An empty text has no pieces."""
        self.assertEqual(list(graphemes("")), [])

    @given(texts)
    def test_whole(self, text: str) -> None:
        """No piece is empty, and joined they are the text."""
        pieces = list(graphemes(text))
        self.assertTrue(all(pieces))
        self.assertEqual("".join(pieces), text)

    @given(texts)
    def test_stable(self, text: str) -> None:
        """A piece is one piece also by itself."""
        for piece in graphemes(text):
            self.assertEqual(list(graphemes(piece)), [piece])


class SplitBytesTests(TestCase):
    def test_short(self) -> None:
        """A text within the limit stays whole, and an empty one has no pieces."""
        self.assertEqual(split_bytes("é" * 1024, 2048), ["é" * 1024])
        self.assertEqual(split_bytes("", 2048), [])

    def test_bytes_count(self) -> None:
        """The limit is in bytes of UTF-8, which characters do not straddle."""
        self.assertEqual([len(piece.encode()) for piece in split_bytes("€" * 1000, 2048)], [2046, 954])

    def test_graphemes_kept(self) -> None:
        """A family of emoji is not torn apart at the limit."""
        family = "👩‍👩‍👧‍👦"
        self.assertEqual(split_bytes("a" * 2040 + family, 2048), ["a" * 2040, family])

    def test_longer_than_the_limit(self) -> None:
        """A grapheme longer than the limit is cut between code points, and nothing is lost."""
        text = "e" + "\u0301" * 2000
        pieces = split_bytes(text, 2048)
        self.assertEqual("".join(pieces), text)
        self.assertEqual([len(piece.encode()) for piece in pieces], [2047, 1954])

    def test_friendly_borders(self) -> None:
        """A piece ends after a line break, or else a space, near the limit."""
        self.assertEqual(split_bytes("aaaa bb\ncc dddd", 12), ["aaaa bb\ncc ", "dddd"])
        self.assertEqual(split_bytes("word " * 10, 22), ["word word word word ", "word word word word ", "word word "])
        self.assertEqual(split_bytes("aaaaaaa b\nc dddddd", 12), ["aaaaaaa b\n", "c dddddd"])

    def test_friendly_borders_cost_nothing(self) -> None:
        """A friendlier border is not taken where it would make one more piece."""
        self.assertEqual(split_bytes("aaaaaaaa bbbbbbbbbbb", 10), ["aaaaaaaa b", "bbbbbbbbbb"])

    def test_long_text(self) -> None:
        """A megabyte of text is split as well as a line."""
        pieces = split_bytes("x" * 1_048_576, 2048)
        self.assertEqual(len(pieces), 512)
        self.assertEqual(sum(map(len, pieces)), 1_048_576)

    def test_long_runs(self) -> None:
        """Nothing is torn in a long run of characters that may stick together."""
        for start, run in (
            ("a", "🇩🇪"),
            ("", "🇩🇪"),
            ("a", "👩‍👩‍👧‍👦"),
            ("ab", "각"),
            ("a", "e\u0301\u0323"),
            ("", "👍🏽"),
        ):
            pieces = split_bytes(start + run * 40_000, 2048)
            self.assertEqual("".join(pieces), start + run * 40_000)
            self.assertEqual({len(piece) % len(run) for piece in pieces[1:]}, {0})
            self.assertEqual(len(pieces[0].removeprefix(start)) % len(run), 0)
        pieces = split_bytes("e" + "\u0301" * 500_000, 2048)
        self.assertEqual(len(pieces), -(-1_000_001 // 2048))

    def test_limit_too_small(self) -> None:
        """A limit that not every character fits is a mistake of the caller."""
        self.assertRaises(ValueError, split_bytes, "abc", 3)

    @given(texts, st.integers(4, 60))
    @settings(max_examples=300)
    def test_nothing_lost_nothing_torn(self, text: str, limit: int) -> None:
        """Joined, the pieces are the text; each fits; each ends at a grapheme border unless a grapheme is too long."""
        pieces = split_bytes(text, limit)
        self.assertEqual("".join(pieces), text)
        self.assertTrue(all(0 < len(piece.encode()) <= limit for piece in pieces))
        borders = {0, *accumulate(map(len, graphemes(text)))}
        if all(len(grapheme.encode()) <= limit for grapheme in graphemes(text)):
            self.assertLessEqual(set(accumulate(map(len, pieces))), borders)

    @given(st.text(st.sampled_from("ab \n")), st.integers(4, 20))
    def test_fewest(self, text: str, limit: int) -> None:
        """There are no more pieces than the length demands."""
        self.assertEqual(len(split_bytes(text, limit)), -(-len(text) // limit))
