"""Which alphabet a text needs, how many segments it takes, and how it is cut."""

from __future__ import annotations

import time
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.segments import (
    GSM_BASIC,
    GSM_EXTENSION,
    LONGEST,
    Encoding,
    Fitted,
    Segments,
    fit,
    fit_both,
    is_gsm,
    segments,
    simplified,
)
from nexmo_twisted.domain.text import graphemes

GSM = "".join(sorted(GSM_BASIC | GSM_EXTENSION))
FAMILY = "👩‍👩‍👧‍👦"

gsm_texts = st.text(st.sampled_from(GSM + "€^{}" * 20), max_size=700)
texts = st.one_of(
    gsm_texts,
    st.text(
        st.one_of(st.sampled_from("ab €^’“–…é你😀👍🏽🇩🇪\u00a0\u0301\u200d\ufe0f"), st.characters(codec="utf-8")),
        max_size=300,
    ),
    st.builds(lambda start, end: start + end, gsm_texts, st.text(max_size=50)),
    st.lists(st.sampled_from([FAMILY, "e\u0301", "🇩🇪", "a", "€", "’"]), max_size=200).map("".join),
)


def carried(text: str) -> list[bytes]:
    """The segments of ``text`` as a carrier would make them: bytes of septets with escapes, or UTF-16."""
    if set(text) <= GSM_BASIC | GSM_EXTENSION:
        stream = b"".join(b"\x1bx" if character in GSM_EXTENSION else b"x" for character in text)
        single, each, unit = 160, 153, 1
    else:
        stream = text.encode("utf-16-be")
        single, each, unit = 140, 134, 2
    if len(stream) <= single:
        return [stream]
    pieces = []
    while stream:
        cut = min(each, len(stream))
        torn = stream[cut - 1] == 0x1B if unit == 1 else 0xD8 <= stream[cut - 2] <= 0xDB
        cut -= unit * torn
        pieces.append(stream[:cut])
        stream = stream[cut:]
    return pieces


class AlphabetTests(TestCase):
    def test_size(self) -> None:
        """The basic alphabet has 127 characters and an escape, the extension ten codes."""
        self.assertEqual(len(GSM_BASIC), 127)
        self.assertEqual(len(GSM_EXTENSION), 10)
        self.assertFalse(GSM_BASIC & GSM_EXTENSION)

    def test_members(self) -> None:
        """Western letters, the euro and brackets are GSM-7; others, as near as they look, are not."""
        for character in "é€à@£_ñ¿^{}[]~|\\\f\r\nΔΩ":
            self.assertTrue(is_gsm(character), ascii(character))
        for character in "`ç‘’“”–—…áíóú😀你\t\x1bÈα":
            self.assertFalse(is_gsm(character), ascii(character))


class SegmentsTests(TestCase):
    def test_known_values(self) -> None:
        """Texts at the borders take the known number of units and parts."""
        for text, encoding, units, parts in (
            ("a" * 160, Encoding.GSM7, 160, 1),
            ("a" * 161, Encoding.GSM7, 161, 2),
            ("a" * 306, Encoding.GSM7, 306, 2),
            ("a" * 307, Encoding.GSM7, 307, 3),
            ("€" * 80, Encoding.GSM7, 160, 1),
            ("€" * 81, Encoding.GSM7, 162, 2),
            ("€" * 152, Encoding.GSM7, 304, 2),
            ("€" * 153, Encoding.GSM7, 306, 3),
            ("This ^ That", Encoding.GSM7, 12, 1),
            ("a" * 3200, Encoding.GSM7, 3200, 21),
            ("你" * 70, Encoding.UCS2, 70, 1),
            ("你" * 71, Encoding.UCS2, 71, 2),
            ("你" * 134, Encoding.UCS2, 134, 2),
            ("你" * 135, Encoding.UCS2, 135, 3),
            ("😀" * 35, Encoding.UCS2, 70, 1),
            ("😀" * 36, Encoding.UCS2, 72, 2),
            ("😀" * 66, Encoding.UCS2, 132, 2),
            ("😀" * 67, Encoding.UCS2, 134, 3),
            ("it’s", Encoding.UCS2, 4, 1),
            ("你" * 3200, Encoding.UCS2, 3200, 48),
            ("", Encoding.GSM7, 0, 1),
        ):
            self.assertEqual(segments(text), Segments(encoding, units, parts), text[:4])

    @given(texts)
    @settings(max_examples=300)
    def test_as_carried(self, text: str) -> None:
        """The count is that of the segments a carrier makes without tearing an escape or surrogate pair."""
        count = segments(text)
        pieces = carried(text)
        size = 1 if count.encoding is Encoding.GSM7 else 2
        self.assertEqual((count.units, count.parts), (sum(map(len, pieces)) // size, len(pieces)))


class SimplifiedTests(TestCase):
    def test_typography(self) -> None:
        """Typographic quotes, dashes, ellipses and hard spaces become GSM-7 when that saves the text from UCS-2."""
        self.assertEqual(
            simplified("“It’s” ‘him’ – or—her… 5\u00a0€\u202f„x‟ ‚y‛ «z» ‹w›"),
            "\"It's\" 'him' - or-her... 5 € \"x\" 'y' \"z\" 'w'",
        )

    def test_not_in_vain(self) -> None:
        """A text that needs UCS-2 all the same keeps its typography."""
        self.assertEqual(simplified("“It’s” 你"), "“It’s” 你")

    def test_accents(self) -> None:
        """An é written as e and an accent is the é of GSM-7."""
        self.assertEqual(simplified("cafe\u0301"), "café")
        self.assertEqual(simplified("e\u0301 你"), "e\u0301 你")

    def test_not_longer(self) -> None:
        """A text is left alone when its ellipses would take more segments as dots than as they are."""
        self.assertEqual(simplified("…" * 60), "…" * 60)
        self.assertEqual(simplified("…" * 50), "." * 150)

    def test_invisible(self) -> None:
        """Tabs, bullets and what nobody sees cost no UCS-2."""
        for character, plain in (
            *(
                (invisible, "")
                for invisible in "\u200b\u200c\u200d\ufeff\u00ad\u2060\u200e\u200f\u202a\ufe0f\u034f\u061c"
            ),
            *((invisible, "") for invisible in "\u115f\u180e\u3164\ufff9\U000e0020\U0001d159\U00013430\U00016fe4"),
            *((typographic, "'") for typographic in "´`ʼʻ’"),
            *((bullet, "-") for bullet in "•●"),
            ("\t", " "),
            ("\u2800", " "),
            ("\u202f", " "),
            ("\u2028", "\n"),
            ("\u2029", "\n"),
            ("·", "."),
        ):
            fitted = fit("x" * 100 + character + "y" * 51, 6)
            self.assertEqual(fitted, Fitted("x" * 100 + plain + "y" * 51, False, 1, False), ascii(character))

    def test_joiners_stay(self) -> None:
        """In emoji and in scripts that need them invisible characters stay: there they spare nothing."""
        for text in (FAMILY, "می\u200cخواهم", "क्\u200dष", "❤\ufe0f", "a\u200bя", "\u200e\u05d0"):
            self.assertEqual(simplified(text), text)
            self.assertEqual(fit(text, 1).text, text)

    @given(texts)
    def test_never_worse(self, text: str) -> None:
        """The result is the text itself, or GSM-7 in no more segments."""
        result = simplified(text)
        if result != text:
            self.assertFalse(is_gsm(text))
            self.assertTrue(is_gsm(result))
            self.assertLessEqual(segments(result).parts, segments(text).parts)


class FitTests(TestCase):
    def test_fits(self) -> None:
        """A text that fits is sent as it is, in the encoding it needs."""
        self.assertEqual(fit("Grüße, é und €", 6), Fitted("Grüße, é und €", False, 1, False))
        self.assertEqual(fit("Grüße 😀", 6), Fitted("Grüße 😀", True, 1, False))
        self.assertEqual(fit("it’s", 6), Fitted("it's", False, 1, False))
        self.assertEqual(fit("a" * 918, 6), Fitted("a" * 918, False, 6, False))

    def test_cut_gsm(self) -> None:
        """A GSM-7 text ends with three dots, since an ellipsis would make it UCS-2."""
        self.assertEqual(fit("a" * 919, 6), Fitted("a" * 915 + "...", False, 6, True))
        self.assertEqual(fit("a" * 161, 1), Fitted("a" * 157 + "...", False, 1, True))

    def test_cut_unicode(self) -> None:
        """A UCS-2 text ends with an ellipsis."""
        self.assertEqual(fit("你" * 500, 6), Fitted("你" * 401 + "…", True, 6, True))
        self.assertEqual(fit("😀" * 500, 1), Fitted("😀" * 34 + "…", True, 1, True))

    def test_cut_between_words(self) -> None:
        """No space is left before the ending."""
        self.assertEqual(fit("a" * 150 + " " * 5 + "b" * 20, 1).text, "a" * 150 + " " * 5 + "bb...")
        self.assertEqual(fit("a" * 150 + " " * 8 + "b" * 20, 1).text, "a" * 150 + "...")

    def test_cut_keeps_graphemes(self) -> None:
        """An emoji made of several is left out whole where it does not fit whole."""
        self.assertEqual(fit("你" * 60 + FAMILY, 1), Fitted("你" * 60 + "…", True, 1, True))
        self.assertEqual(fit("你" * 58 + FAMILY + "你你", 1), Fitted("你" * 58 + FAMILY + "…", True, 1, True))

    def test_the_rest_decides(self) -> None:
        """When what needs UCS-2 is beyond the cut, the text is sent in GSM-7, which keeps more of it."""
        self.assertEqual(fit("It’s " + "a" * 2000 + "😀", 6), Fitted("It's " + "a" * 910 + "...", False, 6, True))
        self.assertEqual(fit("a" * 20 + "😀" + "a" * 2000, 6).unicode, True)

    def test_most_characters(self) -> None:
        """However many segments are allowed, no SMS is longer than 3,200 characters."""
        self.assertEqual(fit("a" * 4000, 100), Fitted("a" * 3197 + "...", False, 21, True))
        self.assertEqual(fit("你" * 4000, 100), Fitted("你" * 3199 + "…", True, 48, True))
        self.assertEqual(len(fit("😀" * 4000, 100).text), 1600)

    def test_a_provider_that_takes_less(self) -> None:
        """No text is longer than the provider takes."""
        self.assertEqual(fit("a" * 4000, 100, 1600), Fitted("a" * 1597 + "...", False, 11, True))
        self.assertEqual(fit("a" * 1600, 100, 1600), Fitted("a" * 1600, False, 11, False))
        self.assertEqual(len(fit_both("lead", "你" * 4000, 100, 500).text), 500)

    def test_one_endless_grapheme(self) -> None:
        """A letter with more marks than an SMS holds is cut between them, rather than nothing being sent."""
        text = "e" + "\u0323" * 5000
        self.assertEqual(fit(text, 1), Fitted(text[:69] + "…", True, 1, True))

    def test_any_length(self) -> None:
        """Texts of towers of marks, or of any other characters, take time in proportion to their length."""
        begun = time.process_time()
        for text in (
            "e\u0301\u0323" + "\u0301\u0323" * 20_000,
            "\ufdfa" * 40_000,
            "\u200b" * 40_000,
            ("e" + "\u0323" * 40) * 1000,
        ):
            self.assertTrue(fit(text + "!", 6).cut or is_gsm(fit(text + "!", 6).text))
        self.assertLess(time.process_time() - begun, 1)

    @given(texts, st.integers(1, 4))
    @settings(max_examples=300)
    def test_fitted(self, text: str, most: int) -> None:
        """The result fits, tells what it takes, and is the text or a beginning of it that ends between graphemes."""
        fitted = fit(text, most)
        count = segments(fitted.text)
        self.assertEqual((fitted.unicode, fitted.segments), (count.encoding is Encoding.UCS2, count.parts))
        self.assertLessEqual(fitted.segments, most)
        self.assertLessEqual(len(fitted.text.encode("utf-16-be")) // 2, LONGEST)
        self.assertEqual(fitted.segments, len(carried(fitted.text)))
        if not fitted.cut:
            self.assertEqual(fitted.text, simplified(text))
            return
        ending = "…" if fitted.unicode else "..."
        self.assertTrue(fitted.text.endswith(ending))
        kept = fitted.text.removesuffix(ending)
        pieces = list(graphemes(text)) if fitted.unicode else [simplified(piece) for piece in graphemes(text)]
        beginnings = {"", *(beginning.rstrip() for beginning in accumulate(pieces))}
        self.assertIn(kept, beginnings)


class FitBothTests(TestCase):
    def test_fits(self) -> None:
        """What fits is one above the other, with an empty line between; without a lead there is none."""
        self.assertEqual(fit_both("Hello.", "Hi", 6).text, "Hello.\n\nHi")
        self.assertEqual(fit_both("", "Hi", 6), fit("Hi", 6))

    def test_only_the_beginning_counts(self) -> None:
        """Of a text of any length the same is shown as of its beginning, also when half of it is invisible."""
        for unit in (
            "hello ",
            "Grüße – „hallo“ ",
            "\ufdfa",
            "a\u200b",
            "e\u0301",
            "👨\u200d👩\u200d👧",
            "a" + "\u0301" * 30,
        ):
            for segments_allowed in (1, 6, 100):
                beginning = unit * (16_000 // len(unit))
                expected = fit(beginning, segments_allowed)
                self.assertTrue(expected.cut)
                self.assertEqual(fit(beginning * 4, segments_allowed), expected, unit)

    def test_long_lead(self) -> None:
        """A lead of any length takes half of the segments at most, whatever the alphabets are."""
        for lead, body in (
            ("x" * 1500, "y" * 2000),
            ("\u00e7\u0103" * 700, "y" * 2000),
            ("x" * 1500, "\u03b1\u0430" * 900),
        ):
            for most in (2, 3, 6):
                fitted = fit_both(lead, body, most)
                first, _, second = fitted.text.partition("\n\n")
                self.assertLessEqual(fitted.segments, most)
                room = 67 if fitted.unicode else 153
                self.assertLessEqual(len(first), most // 2 * room)
                self.assertGreaterEqual(len(second), room - 4)
                self.assertTrue(first.endswith(("...", "…")))

    def test_short_lead(self) -> None:
        """A short one stays whole, and the body is cut as if it were alone."""
        fitted = fit_both("Hello.", "y" * 2000, 2)
        self.assertTrue(fitted.text.startswith("Hello.\n\nyyy"))
        self.assertEqual((fitted.segments, fitted.cut), (2, True))

    def test_one_segment(self) -> None:
        """Where there is one segment only, it is the body's."""
        self.assertEqual(fit_both("x" * 100, "y" * 100, 1).text, "y" * 100)
        self.assertEqual(fit_both("x" * 40, "y" * 100, 1).text, "x" * 40 + "\n\n" + "y" * 100)
