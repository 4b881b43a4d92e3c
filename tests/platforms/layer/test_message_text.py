"""What a message of Layer says."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.text import clean
from nexmo_twisted.platforms.layer.message_text import message_text, part_text


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
