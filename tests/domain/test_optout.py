"""What a text asks of the service itself."""

from __future__ import annotations

import re
import time
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.optout import CONFIRM_START, CONFIRM_STOP, HELP_TEXT, Keyword, keyword_in, normalised
from nexmo_twisted.domain.segments import segments

STOPS = (
    *("stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel", "revoke", "opt out", "optout"),
    *("please stop", "stop please", "stop thank you"),
)
TABLE = dict.fromkeys(STOPS, Keyword.STOP) | {"start": Keyword.START, "unstop": Keyword.START, "help": Keyword.HELP}

#: What people, phones and keyboards put around words and between them.
DECORATION = st.text(
    st.sampled_from(" \t\n\r\u00a0\u2009\u3000.,;:!?…¡¿‼⁉❗❓-–—_/\\\"'“”„‚‘’«»‹›()[]{}*#@&%~|`´^<>=+。！？，．・、،؟।")
)
INVISIBLE = st.sampled_from("\u00ad\u034f\u200b\u200d\u200e\u200f\u202e\u2060\u2066\ufe0f\ufeff\x00\x07\x7f\U000e0041")


def full_width(text: str) -> str:
    """As typed on a keyboard for Chinese or Japanese."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def words_of(text: str) -> str:
    """The words of a text, letters and digits alone: another way to find them."""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


class AskTests(TestCase):
    def test_the_table(self) -> None:
        """Each entry, as it stands and as people write it."""
        for entry, ask in TABLE.items():
            for text in (entry, entry.upper(), entry.title(), f"  {entry}\n", f"{entry}!!", f"“{entry}.”"):
                self.assertIs(keyword_in(text), ask, text)

    def test_stop(self) -> None:
        """Whatever the punctuation, the quotes, the width and what cannot be seen."""
        for text in (
            *("Stop!!", "  “STOP.” ", "«stop»", "'Stop'", "*STOP*", "#stop", "/stop", "S\u200bTOP\ufeff", "\u200eSTOP"),
            *("opt-out", "Opt–Out", "OPT  OUT", "opt\u00a0out", "opt \u00adout", "opt_out"),
            *("OPTOUT", "OptOut", "optout.", "Opt/Out", "opt\nout", "STOP ALL", "StopAll", "stop-all", "Stop_all!"),
            *("Stop, please!", "stop... thank you :)", "Please... STOP", "please\n\nstop", "stop / thank you"),
            *(
                "STOP\u2800",
                "\u2800STOP",
                "STOP\u2800ALL",
                "opt\u2800out",
                "STOP●ALL",
                "OPT●OUT",
                "stop▪all",
                "stop°all",
            ),
            *("stop$all", "stop€all", "stopーall", "opt\u02bcout", "│STOP│"),
            *("ＳＴＯＰ", "Ｓｔｏｐ！", "𝐒𝐓𝐎𝐏", "STOP❗️", "STOP‼️", "´stop`", "STOP\x00", "stopall."),
        ):
            self.assertIs(keyword_in(text), Keyword.STOP, ascii(text))

    def test_messages(self) -> None:
        """Anything more, or less, is a message."""
        for text in (
            *("stop by at 5", "Stop it", "don't stop", "I'll stop", "stop stop", "the end", "at the end", "quit it"),
            *(
                "Can you help?",
                "help me",
                "Start at 5?",
                "stop all of it",
                "s.t.o.p",
                "S T O P",
                "stopp",
                "sto",
                "opt",
                "out",
            ),
            *("remove", "TD", "INFO", "unsub", "unsubscribe me", "STOP\n\nSent from my iPhone", "end all"),
            *("stop1", "stop 1", "no", "yes", "info", "", " ", "!!!", "…", "\u200b", "Stop 😂", "🛑", "stop\u0301"),
        ):
            self.assertIsNone(keyword_in(text), ascii(text))

    def test_further_words(self) -> None:
        """Words of other languages, normalised like the texts; the built-in ones stay."""
        words = ("Arrêt", "HALT!", "schluss  jetzt", "退订", "ＴＤ", "İPTAL", "¡Baja!", "schließen")
        for text in (
            *("arrêt", "ARRÊT.", "Arre\u0302t", "halt", "„Halt“", "Schluss jetzt!", "schluss-jetzt", "退订。", "td"),
            *("İPTAL", "baja", "SCHLIESSEN", "stop"),
        ):
            self.assertIs(keyword_in(text, words), Keyword.STOP, ascii(text))
        for text in ("arret", "halt mal", "schluss", "退", "bajar"):
            self.assertIsNone(keyword_in(text, words), text)
        self.assertIsNone(keyword_in("halt"))

    def test_start_and_help_stay(self) -> None:
        """No further word takes START or HELP away, and a blank one means nothing."""
        words = ("start", "Help", "", "?!")
        self.assertEqual(
            [keyword_in(text, words) for text in ("START", "unstop", "help", "", "!?")],
            [Keyword.START, Keyword.START, Keyword.HELP, None, None],
        )

    @given(st.text() | st.lists(st.sampled_from([*STOPS, "by", "it", "5", ".", "😂"])).map(" ".join))
    def test_any_text(self, text: str) -> None:
        """A text whose words are not those of an entry asks for nothing."""
        ask = keyword_in(text)
        self.assertIs(ask, TABLE.get(words_of(text)) if ask else None)

    @given(st.sampled_from(sorted(TABLE)), st.data())
    def test_decoration(self, entry: str, data: st.DataObject) -> None:
        """Decoration never changes the verdict: around the words, between them, nor what is invisible anywhere."""
        text = data.draw(DECORATION)
        for number, word in enumerate(entry.split()):
            if number:
                text += data.draw(DECORATION) or " "
            text += data.draw(st.sampled_from([word, word.upper(), word.title(), full_width(word)]))
        text += data.draw(DECORATION)
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(text)))
            text = text[:at] + data.draw(INVISIBLE) + text[at:]
        self.assertIs(keyword_in(text), TABLE[entry], ascii(text))

    @given(st.sampled_from(sorted(TABLE)), st.sampled_from("😂🛑🙏👍❤🇩🇪☺™5xß語"), st.data())
    def test_something_more(self, entry: str, more: str, data: st.DataObject) -> None:
        """One character more that says something, an emoji for one, makes a message of it."""
        at = data.draw(st.integers(0, len(entry)))
        for glue in ("", " "):
            self.assertIsNone(keyword_in(entry[:at] + glue + more + glue + entry[at:]))

    @given(st.text(), DECORATION)
    def test_normalised(self, text: str, decoration: str) -> None:
        """What is normalised stays as it is, has no white space but single blanks, and no decoration."""
        plain = normalised(text)
        self.assertEqual(normalised(plain), plain)
        self.assertEqual(" ".join(plain.split()), plain)
        self.assertEqual(normalised(decoration), "")

    def test_long(self) -> None:
        """The longest text that there may be takes no time to speak of, and is a STOP only if little is between its
        first word and its last."""
        self.assertIs(keyword_in("!" * 20_000 + "stop" + "!" * 20_000), Keyword.STOP)
        self.assertIs(keyword_in("\u200b" * 300 + "stop" + " " * 300), Keyword.STOP)
        self.assertIsNone(keyword_in("opt" + "," * 155 + "out"))
        self.assertIs(keyword_in("opt" + "," * 154 + "out"), Keyword.STOP)
        begun = time.process_time()
        for character in ("\ufdfa", "\u0301\u0323", "\u200b", "!"):
            self.assertIsNone(keyword_in("stop" + character * 500_000 + "by"))
        self.assertLess(time.process_time() - begun, 1)


class AnswerTests(TestCase):
    def test_one_segment(self) -> None:
        """Each answer is one segment of GSM-7, and names the word that leads on."""
        for text, word in ((CONFIRM_STOP, "START"), (CONFIRM_START, "STOP"), (HELP_TEXT, "STOP")):
            count = segments(text)
            self.assertEqual((count.encoding.value, count.parts), ("GSM-7", 1))
            self.assertIn(word, text)

    def test_never_an_answer_to_ourselves(self) -> None:
        """What we answer asks for nothing: two services that text each other fall silent."""
        for text in (CONFIRM_STOP, CONFIRM_START, HELP_TEXT):
            self.assertIsNone(keyword_in(text))
