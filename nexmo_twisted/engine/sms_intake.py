"""The inner side of an SMS provider's endpoint: a webhook is stored by one script, then its sender gets a 2xx."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from twisted.logger import Logger

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.delivery import DeliveryReport
from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.domain.model import InboundSms, Part
from nexmo_twisted.domain.results import Received
from nexmo_twisted.engine.auto_replies import AutoReplies
from nexmo_twisted.engine.delivery_receipts import ReceiptIntake
from nexmo_twisted.engine.quarantine import Quarantine
from nexmo_twisted.engine.turned_away import TurnedAway
from nexmo_twisted.ports import Metrics, SmsIntake
from nexmo_twisted.ports.store import Inbox

#: Milliseconds after the first part of a long reply in which others are waited for at most.
LONGEST = 300_000


#: How each is counted.
_COUNTED = {
    Received.NEW: "whole",
    Received.KNOWN: "repeated",
    Received.STOP: "stop",
    Received.START: "start",
    Received.START_TOO_EARLY: "start",
    Received.HELP: "help",
}


class InboundSmsIntake:
    """Stores what handsets write, and what became of our SMS, and wakes the engine.

    ``concat_timeout``, which is how long the next part of a long reply is waited for, is in ms. ``poke_replies`` is
    called when there is a reply to post, ``poke_long_replies`` with the seconds until a long reply is posted without
    the parts that are missing; ``numbers`` are those that we send from. Every method raises StoreUnavailable only.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        inbox: Inbox,
        quarantine: Quarantine,
        poke_replies: Callable[[], None],
        metrics: Metrics,
        concat_timeout: int,
        poke_long_replies: Callable[[float], None],
        receipts: ReceiptIntake,
        auto_replies: AutoReplies,
        numbers: Collection[str],
        turned_away: TurnedAway,
    ) -> None:
        self._inbox = inbox
        self._poke_replies = poke_replies
        self._metrics = metrics
        self._concat_timeout = concat_timeout
        self._poke_long_replies = poke_long_replies
        self._receipt_intake = receipts
        self._auto_replies = auto_replies
        self._numbers = frozenset(numbers)
        self._own = {phones.canonical(number): number for number in numbers}
        self._turned_away = turned_away
        self.quarantine = quarantine.keep

    async def inbound_sms(self, sms: InboundSms) -> None:
        """Store an SMS; one whose numbers are none is recorded with the reason, since it cannot be answered."""
        try:
            handset, number = phones.canonical(phones.inbound(sms.msisdn)), phones.inbound(sms.to)
            if number not in self._numbers:  # or it is spelled in another way than ours
                number = self._own.get(phones.canonical(number), number)
        except phones.BadPhone as error:
            values = {"messageId": sms.message_id, "msisdn": sms.msisdn, "to": sms.to, "text": sms.text}
            raw = json.dumps(values).encode()
            await self.quarantine(f"sender or receiver: {error}", raw)
            self._count_dismissed("not_a_number")
            return
        if handset in self._own:
            await self._dismiss(sms, "own_number")  # two numbers of ours never talk with each other
        elif sms.binary:
            await self._dismiss(sms, "binary")
        elif sms.part is not None:
            await self._part(sms, sms.part, handset, number)
        elif is_blank(sms.text):
            await self._dismiss(sms, "blank")
        else:
            await self._whole(sms, handset, number)

    async def _whole(self, sms: InboundSms, handset: str, number: str) -> None:
        """An SMS that came in one; what it asks of the service itself is done at once."""
        asked = self._auto_replies.asked(sms.text, number, turned_away=self._turned_away.unreported)
        received = await self._inbox.receive_sms(sms, handset, number, asked)
        kind = _COUNTED[received]
        self._metrics.count("replies_received", kind)
        if received is Received.NEW:
            self._poke_replies()
        else:
            what = asked.what.upper() if asked.what else "repeated delivery"
            self._log.info("Inbound SMS from {who}: {what}", who=phones.masked(handset), what=what)
        if asked.what:
            self._auto_replies.poke()

    def turned_away(self) -> None:
        """A webhook of an inbound SMS was answered 503."""
        self._turned_away.mark()

    async def _dismiss(self, sms: InboundSms, reason: str) -> None:
        """There is nothing to post; what became of it can be asked for as for any other reply."""
        if await self._inbox.dismiss(sms, reason):
            self._count_dismissed(reason)
        else:
            self._metrics.count("replies_received", "repeated")

    def _count_dismissed(self, reason: str) -> None:
        self._metrics.count("replies_received", "ignored")
        self._metrics.count("replies_closed", reason)

    async def _part(self, sms: InboundSms, part: Part, handset: str, number: str) -> None:
        """One part of a long reply. It may be blank: a long text has blanks anywhere."""
        wait = self._concat_timeout
        taken = await self._inbox.receive_sms_part(sms, part, handset, number, wait, max(wait, LONGEST))
        self._metrics.count("replies_received", {"known": "repeated", "late": "late_part"}.get(taken.outcome, "part"))
        if taken.torn:
            self._metrics.count("long_replies_incomplete", amount=taken.torn)
        if taken.torn or taken.outcome in ("whole", "late"):
            self._poke_replies()
        if taken.next is not None:
            self._poke_long_replies(taken.next / 1000)

    async def receipt(self, report: DeliveryReport) -> None:
        """What became of one part of an SMS."""
        await self._receipt_intake.take(report)


_: type[SmsIntake] = InboundSmsIntake
