"""The service's two clients with an observer: what passes is told to the timeline, and nothing is changed."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from uuid import UUID

from nexmo_twisted.domain.ids import item_of_reference
from nexmo_twisted.domain.model import Outcome, OwnedNumber, Sms, Verdict
from nexmo_twisted.domain.segments import segments
from nexmo_twisted.ports import ChatPlatform, SmsProvider
from nexmo_twisted.sandbox.names import Names, readable_number
from nexmo_twisted.sandbox.timeline.observed_store import story_of
from nexmo_twisted.sandbox.timeline.timeline import SERVICE, Timeline

_VERDICTS = {
    Verdict.NOT_SENT: "not accepted by Nexmo",
    Verdict.REFUSED: "rejected by Nexmo",
    Verdict.ACCOUNT_ERROR: "rejected by Nexmo because of the account",
    Verdict.UNCERTAIN: "may have been accepted by Nexmo",
}


class ObservedProvider:
    """An SmsProvider."""

    def __init__(self, provider: SmsProvider, timeline: Timeline, names: Names) -> None:
        self._provider = provider
        self._timeline = timeline
        self._names = names

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        at = self._timeline.now()  # its receipt may be told before its answer
        outcome = await self._provider.send(sms, until=until)
        story, whose = story_of(item_of_reference(sms.client_ref)), self._names.handset(sms.to)
        if outcome.verdict is Verdict.ACCEPTED:
            size = segments(sms.text)
            parts = f"{size.parts} segment{'' if size.parts == 1 else 's'}, {size.encoding.value}"
            self._timeline.add(story, "sent", f"{whose}: text sent from {readable_number(sms.sender)} ({parts})", at)
        else:
            self._timeline.add(story, "bad", f"{whose}: {_VERDICTS[outcome.verdict]}: {outcome.reason}", at)
        return outcome

    async def numbers(self) -> Sequence[OwnedNumber]:
        return await self._provider.numbers()

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        await self._provider.route_inbound(number, url)
        self._timeline.add(SERVICE, "good", f"inbound URL of {readable_number(number.msisdn)} set to this service")


class ObservedChat:
    """A ChatPlatform."""

    def __init__(self, chat: ChatPlatform, timeline: Timeline, names: Names) -> None:
        self._chat = chat
        self._timeline = timeline
        self._names = names
        self.identity = chat.identity
        self.conversation = chat.conversation
        self.read_payload = chat.read_payload

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        at = self._timeline.now()
        await self._chat.post(conversation_id, user_id, text, once)
        where, who = self._names.conversation(conversation_id), self._names.user(user_id)
        reply = urlsafe_b64encode(once.bytes)[:22].decode()
        self._timeline.add(reply, "good", f"reply posted into {where} as {who}", at)

    async def ensure_registered(self) -> Sequence[str]:
        done = await self._chat.ensure_registered()
        for each in done:
            self._timeline.add(SERVICE, "good", f"webhook at Layer: {each}")
        return done


_chat: type[ChatPlatform] = ObservedChat
_provider: type[SmsProvider] = ObservedProvider
