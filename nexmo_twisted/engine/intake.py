"""The door's inner side: a webhook is stored by one script, then its sender gets a 2xx."""

from __future__ import annotations

import json
from collections.abc import Callable

from nexmo_twisted.boundaries import Counters, Store
from nexmo_twisted.model import InboundSms, MessageEvent, Receipt
from nexmo_twisted.rules import phones
from nexmo_twisted.rules.compact import pack

#: How much of an unreadable webhook is kept.
KEPT_BYTES = 65_536


class Intake:
    """Stores what the webhooks bring and tells the engine when to look.

    ``api_root`` is ``<layer.api_url>/apps/<app id>``; ``delay`` is in ms. ``check_in`` is told the seconds until a
    message is checked, ``reply_came`` that there is a reply to post. Every method raises StoreUnavailable only.
    """

    def __init__(
        self,
        store: Store,
        api_root: str,
        delay: int,
        check_in: Callable[[float], None],
        reply_came: Callable[[], None],
        counters: Counters,
    ) -> None:
        self._store = store
        self._api_root = api_root
        self._delay = delay
        self._check_in = check_in
        self._reply_came = reply_came
        self._counters = counters

    async def layer_event(self, event: MessageEvent) -> None:
        """Join the event to what is known of its message. Only ``sent`` carries the message itself."""
        packed = pack(event.message, self._api_root) if event.kind == "sent" else ""
        due = await self._store.record_event(event, packed, self._delay)
        if due is not None:
            self._check_in(due / 1000)

    async def inbound_sms(self, sms: InboundSms) -> None:
        """Store an SMS; one whose numbers are none is recorded with the reason, since nobody could be answered."""
        try:
            handset, number = phones.inbound(sms.msisdn), phones.inbound(sms.to)
        except phones.BadPhone as error:
            self._counters.count("replies", "not_a_number")
            raw = json.dumps([sms.message_id, sms.msisdn, sms.to, sms.text]).encode()
            await self.quarantine("nexmo", f"sender or receiver: {error}", raw)
            return
        if await self._store.receive(sms, handset, number):
            self._counters.count("replies", "received")
            self._reply_came()
        else:
            self._counters.count("replies", "repeated")

    async def receipt(self, receipt: Receipt) -> None:
        """A receipt is evidence: an SMS whose outcome was unknown is known to be accepted."""
        ended = await self._store.evidence(receipt) if receipt.client_ref else ""
        if ended:
            self._counters.count("sent")
        if ended and ended != "S":
            self._counters.count("settled", "receipt")

    async def quarantine(self, source: str, reason: str, raw: bytes) -> None:
        """Keep an unreadable webhook, so that an operator can see what it was. The doors log it."""
        body = raw[:KEPT_BYTES].decode("utf-8", "backslashreplace")
        await self._store.quarantine(json.dumps({"source": source, "reason": reason, "body": body}))
