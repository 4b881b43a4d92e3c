"""What an attempt at an SMS came to is stored, counted and logged; so is a notification that is put off or given up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import backoff, phones, rate_limits
from nexmo_twisted.domain.ids import short_sms_id
from nexmo_twisted.domain.model import Accepted, Attempt, Notification, Outcome, Sms, Verdict
from nexmo_twisted.domain.results import Delivery, Suspension
from nexmo_twisted.engine.delivery_receipts import DeliveryNews
from nexmo_twisted.engine.links import LinkUpdates
from nexmo_twisted.engine.retry_store import until_stored
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.ports import Metrics
from nexmo_twisted.ports.store import Outbox


class OutcomeRecorder:
    """Each method returns once the store has taken it, however long that is unavailable."""

    _log = Logger()

    def __init__(
        self,
        *,
        outbox: Outbox,
        clock: IReactorTime,
        random: Callable[[], float],
        metrics: Metrics,
        link_updates: LinkUpdates,
        news: DeliveryNews,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._link_updates = link_updates
        self._news = news

    async def skip(self, item: Notification, reason: str, detail: str = "") -> None:
        """Nothing is to be sent; ``detail`` is for who asks why."""
        self._metrics.count("notifications_skipped", reason)
        recorded = f"{reason}: {detail}" if detail else reason
        await self._stored(lambda: self._outbox.complete(item, recorded))

    async def release(self, item: Notification) -> None:
        """Give it back untouched."""
        await self._stored(lambda: self._outbox.release(item))

    async def conclude(self, item: Notification, sms: Sms, attempt: Attempt, outcome: Outcome, took: float) -> bool:
        """Store what is known after the attempt. True when it brought the news that the SMS was accepted."""
        verdict, reason = outcome.verdict, outcome.reason
        if outcome.alarm:
            self._log.error("Message {id}: {alarm}", id=item.message_id, alarm=outcome.alarm)
        if verdict is Verdict.ACCEPTED:
            return await self._accepted(item, sms, attempt, Accepted(outcome.on_wire, took, outcome.message_ids))
        if outcome.exceeded:
            await self._pause(item, sms, outcome)
        elif verdict is Verdict.NOT_SENT:
            await self.retry(item, reason, outcome.retry_after)
        elif verdict is Verdict.UNCERTAIN:
            known = self._clock.seconds()

            def set_aside() -> Any:
                passed = self._clock.seconds() - known
                on_wire = None if outcome.on_wire is None else outcome.on_wire + passed
                return self._outbox.set_aside(item, reason, uncertain=True, on_wire=on_wire)

            if await self._stored(set_aside):
                self._metrics.count("sms_uncertain")
                self._log.error(
                    "Message {id}: the SMS may or may not have been sent, waiting for a receipt: {reason}",
                    id=item.message_id,
                    reason=reason,
                )
        elif verdict is Verdict.ACCOUNT_ERROR:
            self._metrics.count("account_errors")
            await self._suspend(item, reason)
        else:
            await self.give_up(item, "refused", reason, outcome.account_works)
        return False

    async def _suspend(self, item: Notification, reason: str) -> None:
        suspension: Suspension = await self._stored(lambda: self._outbox.suspend_sending(item, reason))
        if suspension is Suspension.IN_DOUBT:
            self._log.warn(
                "Message {id}: rejected, maybe because of the account; trying another SMS: {reason}",
                id=item.message_id,
                reason=reason,
            )
        elif suspension is Suspension.BEGUN:
            self._log.critical(
                "Sending suspended, the provider rejects the account; repair it, one SMS a minute is tried: {reason}",
                reason=reason,
            )
        elif suspension is Suspension.DEAD:
            self._metrics.count("dead_letters", "out", "refused")
            self._log.error(
                "Message {id}: dead letter, rejected repeatedly while others are accepted: {reason}",
                id=item.message_id,
                reason=reason,
            )

    async def _accepted(self, item: Notification, sms: Sms, attempt: Attempt, sent: Accepted) -> bool:
        ids, known = sent.message_ids, self._clock.seconds()
        record = f"sent {sms.sender} {short_sms_id(ids[0]) if ids else ''}"

        def accepted() -> Any:
            passed = self._clock.seconds() - known
            on_wire = None if sent.on_wire is None else sent.on_wire + passed
            return self._outbox.record_accepted(item, attempt, record, replace(sent, on_wire=on_wire))

        delivery: Delivery | None = await self._stored(accepted)
        if delivery is None:
            return False  # its receipt was faster, and counted
        if delivery.relink is not None:
            with suppress(StoreUnavailable):  # only what the Node service would read is behind
                await self._link_updates.rewrite_map(delivery.relink)
        self._metrics.count("sms_accepted")
        self._log.info(
            "Message {id}: SMS sent to {to} from {sender}",
            id=item.message_id,
            to=phones.masked(sms.to),
            sender=phones.masked(sms.sender),
        )
        self._news.report_earlier(delivery, sms.to)
        return True

    async def retry(self, item: Notification, reason: str, after: float | None = None, **kinds: bool) -> None:
        """``kinds`` are those of ``Outbox.reschedule``."""
        self._metrics.count("sms_retries")
        delay = backoff.delay(item.attempts + 1, retry_after=after, random=self._random)
        self._log.info(
            "Message {id}: retry in {delay:.0f} s: {reason}",
            id=item.message_id,
            delay=delay,
            reason=reason,
        )
        await self._stored(lambda: self._outbox.reschedule(item, int(delay * 1000), reason, **kinds))

    async def _pause(self, item: Notification, sms: Sms, outcome: Outcome) -> None:
        """The provider throttles the account or number: pause it for all processes; this SMS goes first afterwards."""
        duration = rate_limits.pause(outcome.retry_after)
        limit = sms.sender if outcome.exceeded == "number" else rate_limits.ACCOUNT
        self._metrics.count("sms_retries")
        self._metrics.count("provider_throttled", outcome.exceeded)
        self._log.warn(
            "Message {id}: throttled by {limit}, paused {seconds:.1f} s: {reason}",
            id=item.message_id,
            limit=phones.masked(sms.sender) if outcome.exceeded == "number" else "the account",
            seconds=duration / 1000,
            reason=outcome.reason,
        )
        await self._stored(lambda: self._outbox.pause_limit(item, limit, duration, outcome.reason))

    async def give_up(self, item: Notification, code: str, reason: str, account_works: bool = False) -> None:
        self._log.error("Message {id}: dead letter, {code}: {reason}", id=item.message_id, code=code, reason=reason)
        recorded = f"{code}: {reason}"
        if await self._stored(
            lambda: self._outbox.set_aside(item, recorded, uncertain=False, account_works=account_works)
        ):
            self._metrics.count("dead_letters", "out", code)

    async def _stored(self, move: Callable[[], Any]) -> Any:
        return await until_stored(self._clock, move)
