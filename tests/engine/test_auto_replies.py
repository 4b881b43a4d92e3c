"""Automatic replies: what an SMS asks of the service, and what its writer is answered, by the customer's policy."""

from __future__ import annotations

from nexmo_twisted.domain.model import Asked
from nexmo_twisted.domain.optout import CONFIRM_START, CONFIRM_STOP, HELP_TEXT, START_AGAIN
from nexmo_twisted.engine.auto_replies import AutoReplies, AutoReplyPolicy
from tests.engine.cases import StageCase, reply
from tests.engine.fake_queues import FakeReplyQueue
from tests.factories import NUMBERS

OURS, ANOTHER = NUMBERS[0], "12015550109"
NOTHING = Asked()

#: The text, the number it was written to, who honours STOP, and what it asks for.
ASKED = [
    ("On my way", OURS, "service", NOTHING),
    ("Stop", OURS, "service", Asked("stop", CONFIRM_STOP)),
    ("baja", OURS, "service", Asked("stop", CONFIRM_STOP)),
    ("Start", OURS, "service", Asked("start", CONFIRM_START, START_AGAIN)),
    ("Help", OURS, "service", Asked("help", HELP_TEXT)),
    ("Stop", ANOTHER, "service", Asked("stop")),
    ("Start", ANOTHER, "service", Asked("start")),
    ("Help", ANOTHER, "service", Asked("help")),
    ("Stop", OURS, "provider", NOTHING),
    ("Start", OURS, "provider", Asked("start")),
    ("Help", OURS, "provider", NOTHING),
    ("Stop", OURS, "off", NOTHING),
    ("Start", OURS, "off", NOTHING),
    ("Help", OURS, "off", NOTHING),
]


class AutoReplyCase(StageCase):
    def replies(self, opt_out: str = "service") -> AutoReplies:
        policy = AutoReplyPolicy(opt_out, ["baja"], "Nobody reads this.", NUMBERS)
        self.queue = FakeReplyQueue(self.calls)
        return AutoReplies(self.queue, policy, lambda: self.calls.append(("poke",)))


class AskedTests(AutoReplyCase):
    def test_table(self) -> None:
        """What is asked, and the answers: those go out only from numbers that may be used, and only where the service
        honours STOP itself."""
        for text, number, opt_out, asked in ASKED:
            self.assertEqual(self.replies(opt_out).asked(text, number), asked, (text, number, opt_out))

    def test_turned_away(self) -> None:
        """That SMS were turned away meanwhile is handed on, whatever is asked."""
        for text, number, opt_out, _ in ASKED:
            asked = self.replies(opt_out).asked(text, number, turned_away=True)
            self.assertTrue(asked.turned_away, (text, number, opt_out))


class NoticeOfLossTests(AutoReplyCase):
    def test_told(self) -> None:
        """Whose reply cannot be posted is told so, from a number that may be used: from others the text is blank. Then
        it is sent at once."""
        for number, text in ((OURS, "Nobody reads this."), (ANOTHER, "")):
            self.begin()
            replies, item = self.replies(), reply(number=number)
            self.queue.claim(item)
            self.result(replies.lost(item))
            self.assertEqual(self.calls, [("queue_auto_reply", text), ("poke",)])
