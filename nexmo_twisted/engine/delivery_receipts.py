"""Delivery receipts: each is stored with its SMS and counted, and a failed delivery is logged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from twisted.logger import Logger, LogLevel

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.delivery import DeliveryReport, Describe
from nexmo_twisted.domain.results import (
    Delivery,
    ItemState,
)
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.ports import Metrics
from nexmo_twisted.ports.store import Receipts

_log = Logger()


class DeliveryNews:
    """Counts what receipts say, and logs a failure with what the provider says of its code."""

    def __init__(self, metrics: Metrics, describe: Describe) -> None:
        self._metrics = metrics
        self._describe = describe

    def report_earlier(self, delivery: Delivery, handset: str) -> None:
        """Receipts of an SMS came before it was known to be accepted: now they are known to be of it."""
        if delivery.said is not None:
            self._metrics.count("delivery_receipts", delivery.said.status.value)
            self.report_failure(delivery, handset)

    def report_failure(self, delivery: Delivery, handset: str) -> None:
        """Log a failed delivery, once for an SMS: not again for the receipt of another part, or a repeated one."""
        said, before = delivery.said, delivery.before
        if said is None or not said.failed or (before is not None and before.failed):
            return
        meaning = self._describe(said.code)
        _log.emit(
            LogLevel.levelWithName(meaning.level),
            "Message {id}: not delivered to {to}: {said}; {advice}",
            id=delivery.message_id,
            to=phones.masked(handset),
            said=said.in_words(self._describe),
            advice=meaning.advice,
        )


class ReceiptIntake:
    """Takes receipts. ``block``: a handset that has opted out, as a receipt says, gets no more texts; ``poke_waiting``
    is called when one proves an attempt."""

    def __init__(
        self,
        *,
        receipts: Receipts,
        link_updates: LinkUpdates,
        poke_waiting: Callable[[], None],
        metrics: Metrics,
        news: DeliveryNews,
        block: bool,
    ) -> None:
        self._receipts = receipts
        self._link_updates = link_updates
        self._poke_waiting = poke_waiting
        self._metrics = metrics
        self._news = news
        self._block = block

    async def take(self, report: DeliveryReport) -> None:
        """An SMS whose outcome was unknown is known to be accepted with it. Raises StoreUnavailable only."""
        delivery = await self._receipts.record_receipt(report, block=self._block)
        self._metrics.count("delivery_receipts", report.state.status.value if delivery.message_id else "unmatched")
        if delivery.ended:
            self._metrics.count("sms_accepted")
        if delivery.ended not in (None, ItemState.SENDING):
            self._metrics.count("sms_reconciled", "receipt")
        self._news.report_failure(delivery, report.handset if report.handset.isdecimal() else "")
        if delivery.relink is not None:
            self._poke_waiting()
            with suppress(StoreUnavailable):  # only what the Node service would read is behind
                await self._link_updates.rewrite_map(delivery.relink)
