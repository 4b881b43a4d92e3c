"""Metrics in Prometheus' format. All are created at start, so that what never happened shows as 0."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

from nexmo_twisted.ports import Metrics

#: Every counter: its name here, what it counts, and the reasons that are known beforehand.
_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "webhooks": (
        "Webhooks received, by what became of them",
        (
            "layer_stored",
            "layer_ignored",
            "layer_unsigned",
            "layer_quarantined",
            "nexmo_stored",
            "nexmo_quarantined",
            "nexmo_forged",
            "nexmo_unsigned",
            "receipt_stored",
            "receipt_quarantined",
            "unavailable",
            "busy",
            "failed",
        ),
    ),
    "left_out": (
        "Members of Layer's webhooks that could not be used beside others that could, by kind",
        ("recipient", "actor", "part", "member"),
    ),
    "refused": (
        "Requests cut off before anybody looked at them",
        ("body_too_large", "slow_request", "slow_answer", "too_many_connections"),
    ),
    "checks": ("Messages whose delay was over", ()),
    "sent": ("SMS that Nexmo accepted", ()),
    "skipped": (
        "Notifications without an SMS, by reason",
        (
            "read",
            "deleted",
            "blank",
            "no_phone",
            "own_number",
            "unknown_user",
            "no_number",
            "opted_out",
            "done",
            "expired",
            "undecodable",
        ),
    ),
    "numbers_exhausted": ("Messages not sent because no number was free for the handset", ()),
    "taken_over": ("Numbers taken from an idle conversation because none was free for the handset", ()),
    "retried": ("Attempts that will be made again", ()),
    "waited": (
        "Times that an SMS was put off: by a limit of so many a second, or since its handset's numbers were all in use",
        ("account", "number", "handset"),
    ),
    "paused": ("Times that Nexmo said that we are too fast, by limit", ("account", "number")),
    "held": ("Attempts that failed because of the account", ()),
    "uncertain": ("SMS of which nobody knows whether they were sent", ()),
    "settled": (
        "SMS of unknown outcome, by what settled them",
        ("receipt", "resent", "buried", "dropped", "unneeded"),
    ),
    "receipts": (
        "Delivery receipts, by what they say; unmatched: of SMS that were not known (yet)",
        ("delivered", "failed", "rejected", "expired", "buffered", "accepted", "unknown", "unmatched"),
    ),
    "buried": ("Notifications given up, by reason", ("refused", "too_late", "template", "crashes", "uncertain")),
    "replies": (
        "Replies, by what became of them",
        (
            "received",
            "repeated",
            "part",
            "late_part",
            "incomplete",
            "posted",
            "stop",
            "start",
            "help",
            "no_thread",
            "not_their_phone",
            "ambiguous",
            "own_number",
            "not_a_number",
            "binary",
            "blank",
            "too_late",
            "conversation_gone",
            "not_participant",
            "refused",
        ),
    ),
    "registration_failures": ("Parts of our registration that could not be looked after", ()),
    "repaired": (
        "Things in Redis that should not exist and were put right, by kind",
        ("due", "parts", "attempt", "queue", "lane", "item", "aside", "expiry", "hold", "count", "type", "undecodable"),
    ),
    "expired": ("Items forgotten because of their age, by where they lay", ("uncertain", "buried_out", "buried_in")),
    "rollbacks": ("Times that Redis had lost what it had confirmed", ()),
}

#: Every histogram of seconds: its name here, what it measures, and the upper bounds of its buckets.
_HISTOGRAMS: dict[str, tuple[str, tuple[int, ...]]] = {
    "lateness": (
        "From the moment an SMS was due until it was accepted",
        (1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600),
    ),
}


class PrometheusMetrics:
    """Metrics named ``nexmo_twisted_<name>_total{reason="..."}``, histograms ``nexmo_twisted_<name>_seconds``."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._metrics: dict[str, Counter] = {}
        self._known: dict[tuple[str, tuple[str, ...]], Counter] = {}
        for name, (about, reasons) in _COUNTERS.items():
            labels = ("reason",) if reasons else ()
            counter = Counter(f"nexmo_twisted_{name}", about, labels, registry=self._registry)
            self._metrics[name] = counter
            for reason in reasons:
                counter.labels(reason)
        self._histograms = {
            name: Histogram(f"nexmo_twisted_{name}_seconds", about, buckets=bounds, registry=self._registry)
            for name, (about, bounds) in _HISTOGRAMS.items()
        }

    def count(self, name: str, *labels: str, amount: int = 1) -> None:
        known = self._known.get((name, labels))
        if known is None:
            counter = self._metrics[name]
            known = self._known[name, labels] = counter.labels(*labels) if labels else counter
        known.inc(amount)

    def observe(self, name: str, seconds: float) -> None:
        self._histograms[name].observe(seconds)

    def add(self, collector: Collector) -> None:
        """Have the page show what ``collector`` finds when it is asked for."""
        self._registry.register(collector)

    def page(self) -> bytes:
        """The exposition text, UTF-8."""
        return generate_latest(self._registry)


_: type[Metrics] = PrometheusMetrics
