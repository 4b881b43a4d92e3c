"""What each handset had received when somebody wrote on it, as it is known at the companies, and what may be answered.

A person who writes does not answer a text that has come this very moment, and the service decides when a reply is
stored; so several threads may be right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Seconds after a text within which an answer may still be one to the text before: the three in which nobody answers,
#: and the five that a request to send it may take.
AT_ONCE = 8.0


@dataclass(frozen=True, slots=True)
class Received:
    """A text on a handset, ``at`` seconds since the epoch. The ``user`` is blank when the text does not say for whom it
    is. ``doubtful``: for a while the service did not know whether it was sent."""

    at: float
    user: str
    conversation: str
    doubtful: bool = False

    def is_of(self, post: Post) -> bool:
        return self.conversation == post.conversation and self.user in ("", post.user)


#: What each handset received from each number, oldest first.
View = Mapping[tuple[str, str], Sequence[Received]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One part of a reply from a handset; most replies have one only.

    ``written`` is when it was; ``began`` is when Nexmo first tried to deliver it and ``acknowledged`` when it first had
    a 2xx, in seconds. ``word`` is what it asks for (STOP, START or HELP), blank for a message. ``outcome`` is what the
    service says became of it, ``dead_letter`` why it is one, if it is. ``whole`` is False where parts of it
    never come, or another reply had the same reference.
    """

    name: str
    handset: str
    number: str
    written: float
    began: float
    acknowledged: float | None
    word: str = ""
    outcome: str = ""
    dead_letter: str = ""
    whole: bool = True

    @property
    def where(self) -> tuple[str, str]:
        return self.handset, self.number

    @property
    def ambiguous(self) -> bool:
        return self.dead_letter.startswith("ambiguous")

    def __str__(self) -> str:
        return f"{self.name} from …{self.handset[-4:]} to …{self.number[-4:]}"


@dataclass(frozen=True, slots=True)
class Post:
    """What the service posted into a conversation, as which user and when: one for each part of a reply in it."""

    name: str
    user: str | None
    conversation: str
    at: float = 0.0


def had(view: View, answer: Answer) -> list[Received]:
    """All that the handset had from that number when the answer was stored, oldest first."""
    stored = math.inf if answer.acknowledged is None else answer.acknowledged
    return [each for each in view.get(answer.where, ()) if each.at <= stored]


def right(view: View, answer: Answer) -> list[Received]:
    """The texts that it may answer, the latest first: those that came while it was written and stored, and the last one
    before that of which the service could know."""
    found: list[Received] = []
    for each in reversed(had(view, answer)):
        found.append(each)
        if each.at < answer.written - AT_ONCE and not each.doubtful:
            break
    return found
