"""What the service did and why, message by message, as the sandbox's page shows it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

#: came: something arrived; wait: it waits; none: nothing is to be done; sent: something went out; good: it is where it
#: should be; bad: something failed.
Tone = Literal["came", "wait", "none", "sent", "good", "bad"]

#: The story that belongs to no message.
SERVICE = "service"
#: How many stories are kept, and how many lines of each.
STORIES = 200
LINES = 60


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened, at so many seconds since the epoch; ``number`` is its own in its story."""

    number: int
    at: float
    tone: Tone
    text: str


@dataclass(slots=True)
class Story:
    """All that happened to one message or one reply. ``due`` is when a message is looked at, None when it was."""

    id: str
    title: str
    due: float | None = None
    lines: list[TimelineEntry] = field(default_factory=list)


class Timeline:
    """The newest stories, in the order in which they began, and in each all that happened in its order.

    What happens is often told a little later, when Redis or a company has answered: so it is told with its time, and
    finds its place. ``now`` gives seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._stories: dict[str, Story] = {SERVICE: Story(SERVICE, "The service")}

    def begin(self, story_id: str, title: str) -> Story:
        """The story of that id, begun under this title if it is new."""
        if story_id not in self._stories:
            self._stories[story_id] = Story(story_id, title)
            if len(self._stories) > STORIES:
                del self._stories[next(each for each in self._stories if each != SERVICE)]
        return self._stories[story_id]

    def add(self, story_id: str, tone: Tone, text: str, at: float | None = None) -> None:
        """One more line of a story, of what happened ``at`` that time, or now. When the story is not kept any more,
        it is a line of the service's."""
        lines = self._stories.get(story_id, self._stories[SERVICE]).lines
        line = TimelineEntry(
            max((each.number for each in lines), default=0) + 1, self.now() if at is None else at, tone, text
        )
        insort(lines, line, key=lambda each: each.at)
        del lines[:-LINES]

    def lines(self, story_id: str) -> list[str]:
        """What was told in a story."""
        story = self._stories.get(story_id)
        return [line.text for line in story.lines] if story else []

    def due(self) -> list[Story]:
        """The stories of messages that are to be looked at by now, within a second, and were not as far as told."""
        now = self.now() + 1.0
        return [story for story in self._stories.values() if story.due is not None and story.due <= now]

    def as_json(self, newest: int = STORIES) -> list[dict[str, Any]]:
        """So many stories, and before them the service's own."""
        service, *others = self._stories.values()
        return [asdict(story) for story in (service, *others[-newest:])]

    def restore(self, stories: list[Mapping[str, Any]]) -> None:
        """Go on from what :meth:`as_json` gave."""
        for story in stories:
            restored = self.begin(story["id"], story["title"])
            restored.due = story["due"]
            restored.lines[:] = [TimelineEntry(**line) for line in story["lines"]]
