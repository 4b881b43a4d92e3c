"""What a message says, and where a text may be cut."""

from __future__ import annotations

import base64
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.text import clean, graphemes, message_text, part_text, split_bytes

#: Characters that stick together in every way that Unicode knows, and some that never do.
STICKY = "ab \n\r\té你😀👩❤👍🏽🇩🇪각가각न\u0301\u200d\ufe0f\u20e3\u093e\u0e33\u200c\u00ad\u200b♂🏴\U000e0067"

texts = st.text(st.one_of(st.sampled_from(STICKY), st.characters(codec="utf-8")))


def plain(body: object, **others: object) -> dict[str, object]:
    return {"mime_type": "text/plain", "body": body, **others}


class MessageTextTests(TestCase):
    def test_text_parts_joined(self) -> None:
        """The bodies of all text/plain parts are joined with a line feed; other parts are left out."""
        parts = [plain("Hello Bob"), {"mime_type": "image/png", "body": "x"}, plain("are you there?")]
        self.assertEqual(message_text(parts), "Hello Bob\nare you there?")

    def test_mime_type_spelling(self) -> None:
        """A MIME type may carry parameters and is written in any case."""
        for mime_type in ("text/plain; charset=utf-8", "TEXT/Plain", " text/plain ;format=flowed"):
            self.assertEqual(message_text([plain("yes", mime_type=mime_type)]), "yes")
        for other in ("text/plainer", "text/html", "", None, 3):
            self.assertEqual(message_text([plain("no", mime_type=other)]), "")

    def test_base64(self) -> None:
        """A base64 body is decoded, also when it is wrapped over lines."""
        body = base64.encodebytes(("Grüße 😀 " * 20).encode()).decode()
        self.assertEqual(message_text([plain(body, encoding="base64")]), "Grüße 😀 " * 20)
        self.assertEqual(message_text([plain("aGk=", encoding="BASE64")]), "hi")

    def test_bad_base64(self) -> None:
        """A part that is not base64, or not UTF-8 behind it, is left out and the others stay."""
        for body in ("aGk", "a*Gk=", "é", base64.b64encode(b"\xff\xfe").decode()):
            self.assertEqual(
                message_text([plain("before"), plain(body, encoding="base64"), plain("after")]), "before\nafter"
            )

    def test_text_of_the_last_clients(self) -> None:
        """A part of Layer's XDK for text is text, beside text/plain and alone, whatever its place in the message."""
        kind = "application/vnd.layer.text+json"
        for mime_type in (kind, f"{kind}; role=root; node-id=root", f" {kind.upper()} ;role=root"):
            self.assertEqual(
                message_text([plain('{"text": "Are you coming?"}', mime_type=mime_type)]), "Are you coming?"
            )
        parts = [plain("before"), plain('{"text": "x\\r\\ny", "title": "z"}', mime_type=kind), plain("after")]
        self.assertEqual(message_text(parts), "before\nx\ny\nafter")
        encoded = base64.b64encode('{"text": "Grüße"}'.encode()).decode()
        self.assertEqual(message_text([plain(encoded, mime_type=kind, encoding="base64")]), "Grüße")

    def test_odd_models(self) -> None:
        """What is not read of such a body is no reason to leave its text out, nor is half a character in it."""
        kind = "application/vnd.layer.text+json"
        odd = ["NaN", "9" * 5000, '"\\ud83d"', '{"\\ud83d": 1}', '"a\tb"', "[" * 300 + "]" * 300]
        for body in ("\ufeff" + '{"text": "Hi"}', *(f'{{"novel": {value}, "text": "Hi"}}' for value in odd)):
            self.assertEqual(message_text([plain(body, mime_type=kind)]), "Hi", ascii(body[:40]))
        self.assertEqual(message_text([plain('{"text": "Hi \\ud83d"}', mime_type=kind)]), "Hi ")
        self.assertEqual(message_text([plain('{"text": "a\nb"}', mime_type=kind)]), "a\nb")

    def test_unreadable(self) -> None:
        """Text that cannot be read is told from a part that has none."""
        kind = "application/vnd.layer.text+json"
        for part in (
            plain("a*Gk=", encoding="base64"),
            plain("/w==", encoding="base64"),
            *(plain(body, mime_type=kind) for body in ("", "Hi", "[]", '"text"', '{"text": 5}', "[" * 5000)),
        ):
            self.assertRaises(ValueError, part_text, part)
        none: tuple[dict[str, object], ...] = (
            plain(None),
            plain("{}", mime_type=kind),
            plain('{"text": null}', mime_type=kind),
            {"body": "x"},
        )
        for part in none:
            self.assertIsNone(part_text(part))

    def test_no_text_of_the_last_clients(self) -> None:
        """One whose body has no text is left out, and the others stay."""
        kind = "application/vnd.layer.text+json"
        for body in (
            "",
            "Hi",
            "{}",
            "[]",
            '"text"',
            '{"text": null}',
            '{"text": {"a": 1}}',
            '{"text": 5}',
            "[" * 5000,
            "{",
        ):
            self.assertEqual(
                message_text([plain("before"), plain(body, mime_type=kind), plain("after")]), "before\nafter"
            )
        for other in ("application/json", "application/vnd.layer.response+json", "application/vnd.layer.textual+json"):
            self.assertEqual(message_text([plain('{"text": "no"}', mime_type=other)]), "")

    def test_no_parts(self) -> None:
        """What is not a list of parts with text bodies says nothing."""
        nothing: tuple[object, ...] = (
            None,
            "text",
            5,
            {},
            [],
            [None, "x", [], plain(None), plain({"a": 1}), {"body": "x"}],
        )
        for parts in nothing:
            self.assertEqual(message_text(parts), "")

    def test_blank(self) -> None:
        """Parts of which nobody sees anything say nothing."""
        for text in (
            "",
            " ",
            "\u200b",
            "\u2060",
            "\ufeff",
            "\u200e\u200f",
            "\u00ad",
            "\u2800",
            "\u3164",
            "\ufe0f",
            " \u200b \n",
        ):
            self.assertEqual(message_text([plain(text)]), "", ascii(text))
            self.assertEqual(message_text([plain(text), plain(text)]), "", ascii(text))
        self.assertEqual(message_text([plain("\u200bHi ")]), "\u200bHi ")

    def test_controls(self) -> None:
        """Control characters but tab and line feed are removed, as are lone surrogates; line ends become line feeds."""
        self.assertEqual(clean("a\x0bb\x0cc\rd\re\r\nf\r\rg"), "a\nb\nc\nd\ne\nf\n\ng")
        self.assertEqual(clean("a\x00b\x07c\x1bd\x7fe\tf\ng\r\nh\ri\ud800j\udfffk"), "abcde\tf\ng\nh\nijk")
        self.assertEqual(message_text([plain("a\x00b\r\nc")]), "ab\nc")

    @given(st.text(st.one_of(st.sampled_from("a\r\n\t\0\x7f\ud800"), st.characters())))
    def test_clean_once(self, text: str) -> None:
        """Whatever comes in, what goes out is UTF-8 and stays as it is when cleaned again."""
        cleaned = clean(text)
        cleaned.encode("utf-8")
        self.assertEqual(clean(cleaned), cleaned)


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
        self.assertEqual(split_bytes("é" * 1024), ["é" * 1024])
        self.assertEqual(split_bytes(""), [])

    def test_bytes_count(self) -> None:
        """The limit is in bytes of UTF-8, which characters do not straddle."""
        self.assertEqual([len(piece.encode()) for piece in split_bytes("€" * 1000)], [2046, 954])

    def test_graphemes_kept(self) -> None:
        """A family of emoji is not torn apart at the limit."""
        family = "👩‍👩‍👧‍👦"
        self.assertEqual(split_bytes("a" * 2040 + family), ["a" * 2040, family])

    def test_longer_than_the_limit(self) -> None:
        """A grapheme longer than the limit is cut between code points, and nothing is lost."""
        text = "e" + "\u0301" * 2000
        pieces = split_bytes(text)
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
        pieces = split_bytes("x" * 1_048_576)
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
            pieces = split_bytes(start + run * 40_000)
            self.assertEqual("".join(pieces), start + run * 40_000)
            self.assertEqual({len(piece) % len(run) for piece in pieces[1:]}, {0})
            self.assertEqual(len(pieces[0].removeprefix(start)) % len(run), 0)
        pieces = split_bytes("e" + "\u0301" * 500_000)
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
