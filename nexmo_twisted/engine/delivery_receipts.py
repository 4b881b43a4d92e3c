"""Receipts: what became of an SMS on its way to the handset. Each is kept with its SMS, counted, and a failure told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from twisted.logger import Logger, LogLevel

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.model import Delivery, Receipt
from nexmo_twisted.engine.links import Links
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.ports import Metrics, Store
from nexmo_twisted.providers.nexmo import receipt_codes
from nexmo_twisted.providers.nexmo.receipt_codes import Act

_log = Logger()

#: How loudly a failure is told.
_LEVELS = {
    Act.LATER: LogLevel.info,
    Act.NEVER: LogLevel.warn,
    Act.SUPPRESS: LogLevel.warn,
    Act.MEND: LogLevel.warn,
    Act.ALERT: LogLevel.error,
}


class Receipts:
    """Takes receipts. ``block``: whoever has opted out, as a receipt says, gets no more texts; ``attempt_over`` is told
    when one proves an attempt."""

    def __init__(
        self, store: Store, links: Links, attempt_over: Callable[[], None], metrics: Metrics, *, block: bool
    ) -> None:
        self._store = store
        self._links = links
        self._attempt_over = attempt_over
        self._metrics = metrics
        self._block = block

    async def take(self, receipt: Receipt) -> None:
        """An SMS whose outcome was unknown is known to be accepted with it. Raises StoreUnavailable only."""
        delivery = await self._store.record_receipt(receipt, block=self._block)
        self._metrics.count("receipts", receipt_codes.word(receipt) if delivery.message_id else "unmatched")
        if delivery.ended:
            self._metrics.count("sent")
        if delivery.ended not in ("", "S"):
            self._metrics.count("settled", "receipt")
        _tell(delivery, receipt.handset if receipt.handset.isdecimal() else "")
        if delivery.relink is not None:
            self._attempt_over()
            with suppress(StoreUnavailable):  # only what the Node service would read is behind
                await self._links.rewrite_map(delivery.relink)


def heard_before(delivery: Delivery, handset: str, metrics: Metrics) -> None:
    """Receipts of an SMS came before it was known to be accepted: now they are known to be of it."""
    if delivery.said:
        metrics.count("receipts", receipt_codes.name(delivery.said))
        _tell(delivery, handset)


def _tell(delivery: Delivery, handset: str) -> None:
    """A failure is told once an SMS: not again by the receipt of another part, or a repeated one."""
    if not receipt_codes.failed(delivery.said) or receipt_codes.failed(delivery.before):
        return
    act = receipt_codes.act(delivery.said)
    _log.emit(
        _LEVELS[act],
        "Message {id} did not reach {to}: {said}: {act}",
        id=delivery.message_id,
        to=phones.masked(handset),
        said=receipt_codes.told(delivery.said),
        act=act.value,
    )
