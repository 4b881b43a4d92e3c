"""The service's two clients with an observer: what passes is told to the timeline, and nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from nexmo_twisted.boundaries import ChatPlatform, SmsProvider
from nexmo_twisted.model import Outcome, OwnedNumber, Sms, Verdict
from nexmo_twisted.rules.sms import Encoding, segments
from nexmo_twisted.sandbox.names import Names, shown
from nexmo_twisted.sandbox.timeline import SERVICE, Timeline

_ALPHABETS = {Encoding.GSM7: "GSM-7", Encoding.UCS2: "UCS-2"}


class ToldProvider:
    """An SmsProvider. ``story_of`` is that of the store."""

    def __init__(self, provider: SmsProvider, timeline: Timeline, names: Names, story_of: dict[str, str]) -> None:
        self._provider = provider
        self._timeline = timeline
        self._names = names
        self._story_of = story_of

    async def send(self, sms: Sms) -> Outcome:
        outcome = await self._provider.send(sms)
        story, whose = self._story_of.get(sms.client_ref, SERVICE), self._names.handset(sms.to)
        if outcome.verdict is Verdict.ACCEPTED:
            size = segments(sms.text)
            parts = f"{size.parts} segment{'' if size.parts == 1 else 's'}, {_ALPHABETS[size.encoding]}"
            self._timeline.tell(story, "sent", f"{whose}: text sent from {shown(sms.sender)} ({parts})")
        else:
            self._timeline.tell(story, "bad", f"{whose}: Nexmo has not taken it: {outcome.reason}")
        return outcome

    async def numbers(self) -> Sequence[OwnedNumber]:
        return await self._provider.numbers()

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        await self._provider.route_inbound(number, url)
        self._timeline.tell(SERVICE, "good", f"replies to {shown(number.msisdn)} come to us now")


class ToldChat:
    """A ChatPlatform."""

    def __init__(self, chat: ChatPlatform, timeline: Timeline, names: Names, story_of: dict[str, str]) -> None:
        self._chat = chat
        self._timeline = timeline
        self._names = names
        self._story_of = story_of
        self.identity = chat.identity
        self.conversation = chat.conversation

    async def post(self, conversation_id: str, user_id: str, parts: Sequence[str], once: UUID) -> None:
        await self._chat.post(conversation_id, user_id, parts, once)
        where, who = self._names.conversation(conversation_id), self._names.user(user_id)
        self._timeline.tell(self._story_of.get(str(once), SERVICE), "good", f"reply posted into {where} as {who}")

    async def ensure_webhook(self, name: str, target_url: str, secret: str) -> Sequence[str]:
        done = await self._chat.ensure_webhook(name, target_url, secret)
        for each in done:
            self._timeline.tell(SERVICE, "good", f"webhook at Layer: {each}")
        return done


_chat: type[ChatPlatform] = ToldChat
_provider: type[SmsProvider] = ToldProvider
