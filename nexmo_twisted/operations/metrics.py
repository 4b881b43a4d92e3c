"""Metrics in Prometheus' format. Every counter, with every known label value, exists from the start and reads 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.registry import Collector

from nexmo_twisted import __version__
from nexmo_twisted.ports import Metrics

_PREFIX = "nexmo_twisted_"


@dataclass(frozen=True, slots=True)
class _Declared:
    """A counter: its help text, the names of its labels, and the label values that are known beforehand."""

    help: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()


def _by(label: str, values: str, about: str) -> _Declared:
    """With one label; ``values`` are separated by spaces."""
    return _Declared(about, (label,), tuple((value,) for value in values.split()))


def _by_two(labels: tuple[str, str], values: Mapping[str, str], about: str) -> _Declared:
    """With two labels; ``values`` has those of the second label for each of the first."""
    return _Declared(about, labels, tuple((one, two) for one, those in values.items() for two in those.split()))


_COUNTERS: dict[str, _Declared] = {
    # what comes in
    "webhooks": _by_two(
        ("source", "outcome"),
        {
            "layer": "stored ignored unsigned quarantined busy unavailable failed",
            "chat": "stored ignored unsigned quarantined busy unavailable failed",
            "nexmo": "stored unsigned forged quarantined busy unavailable failed",
            "receipt": "stored unsigned forged quarantined busy unavailable failed",
        },
        "Webhooks received, by source (chat: your own chat, receipt: delivery receipts) and outcome",
    ),
    "webhook_members_ignored": _by(
        "kind", "recipient actor part member", "Unusable members of webhooks that were ignored; the rest was stored"
    ),
    "http_rejected": _by(
        "reason",
        "body_too_large slow_request slow_answer too_many_connections",
        "HTTP requests and connections rejected because of a limit",
    ),
    # from an unread message to an SMS
    "messages_due": _Declared("Messages whose delay has passed"),
    "notifications_skipped": _by(
        "reason",
        "read deleted blank no_phone own_number unknown_user no_number opted_out done expired undecodable",
        "Notifications that needed no SMS or could not get one",
    ),
    "sms_accepted": _Declared("SMS accepted by the provider"),
    "sms_retries": _Declared("Attempts to send an SMS that failed and are repeated"),
    "sms_rate_limited": _by("limit", "account number", "Times that an SMS waited for a configured rate limit"),
    "sms_number_waits": _Declared("Times that an SMS waited because all numbers of its handset were in use"),
    "numbers_exhausted": _Declared("SMS not sent because no number was free for the handset"),
    "numbers_taken_over": _Declared("Numbers taken from an idle conversation because none was free for the handset"),
    "provider_throttled": _by(
        "limit", "account number", "SMS rejected by the provider for exceeding a rate limit; they are repeated"
    ),
    "account_errors": _Declared("SMS rejected by the provider because of the account; sending is suspended"),
    "sms_uncertain": _Declared("SMS that may or may not have been sent"),
    "sms_reconciled": _by(
        "by", "receipt resent parked dropped unneeded", "SMS of unknown outcome, by how they were reconciled"
    ),
    "delivery_receipts": _by(
        "status",
        "delivered failed rejected expired buffered accepted unknown unmatched",
        "Delivery receipts by status; unmatched: for an SMS that is not known (yet)",
    ),
    # from an inbound SMS to the conversation
    "replies_received": _by(
        "kind",
        "whole part late_part repeated stop start help ignored",
        "Inbound SMS stored, each counted once",
    ),
    "long_replies_incomplete": _Declared("Long replies posted although parts were missing"),
    "replies_closed": _by(
        "outcome",
        "posted no_thread not_their_phone own_number not_a_number binary blank dead_letter",
        "Replies by final outcome, each counted once; a redriven dead letter is counted again",
    ),
    # what needs attention
    "dead_letters": _by_two(
        ("queue", "reason"),
        {
            "out": "refused too_late template crashes uncertain",
            "in": "refused too_late conversation_gone not_participant ambiguous crashes",
        },
        "Notifications (out) and replies (in) that were given up",
    ),
    "dead_letters_expired": _by(
        "kind", "out in uncertain", "Dead letters and uncertain SMS deleted because they were not handled in time"
    ),
    "registration_failures": _Declared("Webhook or number registrations that could not be checked or repaired"),
    "integrity_repairs": _by(
        "kind",
        "due parts attempt queue lane item aside expiry suspension count type undecodable",
        "Inconsistencies in Redis that the sweep repaired",
    ),
    "redis_data_loss": _Declared("Times that Redis lost data that it had confirmed"),
}

#: Every histogram of seconds: its name, its help text, and the upper bounds of its buckets.
_HISTOGRAMS: dict[str, tuple[str, tuple[int, ...]]] = {
    "sms_lateness": (
        "Time from the moment that an SMS was due until the provider accepted it",
        (1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600),
    ),
}


class PrometheusMetrics:
    """Counters ``nexmo_twisted_<name>_total``, histograms ``nexmo_twisted_<name>_seconds``, ``process_*``, ``python_*``
    and ``nexmo_twisted_build_info``."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        Info(f"{_PREFIX}build", "Version of nexmo_twisted", registry=self._registry).info({"version": __version__})
        self._counters: dict[str, Counter] = {}
        self._known: dict[tuple[str, tuple[str, ...]], Counter] = {}
        for name, declared in _COUNTERS.items():
            counter = Counter(_PREFIX + name, declared.help, declared.labels, registry=self._registry)
            self._counters[name] = counter
            for values in declared.known:
                self._known[name, values] = counter.labels(*values)
        self._histograms = {
            name: Histogram(f"{_PREFIX}{name}_seconds", about, buckets=bounds, registry=self._registry)
            for name, (about, bounds) in _HISTOGRAMS.items()
        }

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        known = self._known.get((name, labels))
        if known is None:
            counter = self._counters[name]
            known = self._known[name, labels] = counter.labels(*labels) if labels else counter
        known.inc(amount)

    def observe(self, name: str, seconds: float) -> None:
        self._histograms[name].observe(seconds)

    def add(self, collector: Collector) -> None:
        """Add a collector; it is asked each time the page is made."""
        self._registry.register(collector)

    def value(self, name: str, *labels: str) -> float:
        """What a counter has come to; to make the whole page costs much more."""
        (family,) = self._counters[name].collect()
        return sum(
            sample.value
            for sample in family.samples
            if sample.name.endswith("_total") and tuple(sample.labels.values()) == labels
        )

    def page(self) -> bytes:
        """The exposition text, UTF-8."""
        return generate_latest(self._registry)


_: type[Metrics] = PrometheusMetrics
