"""What the sandbox's page shows, as one JSON object."""

from __future__ import annotations

from typing import Any

from nexmo_twisted.sandbox.clock import SkippingClock
from nexmo_twisted.sandbox.layer.simulator import Conversation
from nexmo_twisted.sandbox.names import Names, readable_number
from nexmo_twisted.sandbox.nexmo.simulator import SmsSeen
from nexmo_twisted.sandbox.scenarios import CASES, Cases
from nexmo_twisted.sandbox.simulators import Simulators
from nexmo_twisted.sandbox.time_travel import TimeTravel
from nexmo_twisted.sandbox.timeline.timeline import Timeline

#: How many messages of a conversation or of an SMS thread, and how many stories, are shown: the newest.
MESSAGES = 50
STORIES = 40

Json = dict[str, Any]


class View:
    """Times are seconds since the epoch, by the sandbox's clock."""

    def __init__(
        self,
        sandbox: Simulators,
        *,
        timeline: Timeline,
        names: Names,
        clock: SkippingClock,
        cases: Cases,
        skipping: TimeTravel,
    ) -> None:
        self._sandbox = sandbox
        self._timeline = timeline
        self._names = names
        self._clock = clock
        self._cases = cases
        self._skipping = skipping

    def as_json(self) -> Json:
        """Everything but the time, so that it only differs when something has happened."""
        layer = self._sandbox.layer
        owners = self._names.owners()
        playing = self._cases.playing
        return {
            "ahead": self._clock.ahead,
            "skipping": self._skipping.under_way,
            "registered": any(hook.status == "active" for hook in layer.webhooks),
            "users": [{"id": user, "name": self._names.user(user)} for user in layer.users],
            "conversations": [self._conversation(each) for each in layer.conversations.values() if not each.deleted],
            "handsets": self._handsets(owners),
            "stories": self._timeline.as_json(STORIES),
            "faults": self._sandbox.faults.as_json(),
            "cases": [
                {"id": case.id, "title": case.title, "shows": case.shows, "playing": case.id in playing}
                for case in CASES.values()
            ],
        }

    def _conversation(self, conversation: Conversation) -> Json:
        return {
            "id": conversation.id,
            "name": self._names.conversation(conversation.id),
            "participants": conversation.participants,
            "messages": [
                {
                    "id": message.id,
                    "sender": message.user_id,
                    "name": self._names.user(message.user_id) if message.user_id else message.name,
                    "text": message.text,
                    "at": message.sent_at,
                    "status": message.recipient_status,
                }
                for message in self._sandbox.layer.messages(conversation.id)[-MESSAGES:]
            ],
        }

    def _handsets(self, owners: dict[str, list[str]]) -> list[Json]:
        """Those of all users, and those of strangers that were texted; each with a thread for every number."""
        screens = self._sandbox.nexmo.handsets()
        return [
            {
                "msisdn": digits,
                "shown": readable_number(digits),
                "owner": self._names.joined(owners.get(digits, [])),
                "threads": _threads(screens.get(digits, [])),
            }
            for digits in dict.fromkeys((*owners, *screens))
        ]


def _threads(screen: list[SmsSeen]) -> list[Json]:
    threads: dict[str, list[Json]] = {}
    for sms in screen:
        thread = threads.setdefault(sms.number, [])
        thread.append({"number": len(thread), "direction": sms.direction, "text": sms.text, "at": sms.at})
    return [
        {"number": number, "shown": readable_number(number), "messages": messages[-MESSAGES:]}
        for number, messages in threads.items()
    ]
