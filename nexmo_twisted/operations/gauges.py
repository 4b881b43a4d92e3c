"""Gauges in Prometheus' format: what is the case at the moment when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily

from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.engine.redis_monitor import RedisMonitor


class Gauges:
    """A collector of ``prometheus_client``. What waits in Redis is as of the last beat, in every process the same."""

    def __init__(self, monitor: RedisMonitor, functions: CustomerFunctions, circuits: Sequence[CircuitBreaker]) -> None:
        self._monitor = monitor
        self._functions = functions
        self._circuits = circuits

    def collect(self) -> Iterator[GaugeMetricFamily]:
        heartbeat = self._monitor.heartbeat
        yield _one("redis_connected", "Whether Redis answers and takes what is written", not self._monitor.away())
        yield _one("clock_skew_seconds", "How far Redis' clock is ahead of ours, at least", self._monitor.skew)
        yield _one("pending_messages", "Messages that wait until their delay is over", heartbeat.pending)
        yield _one(
            "pending_age_seconds", "How long the oldest due message waits for its check", heartbeat.pending_age / 1000
        )
        yield _two("queue_depth", "Users (out) and handsets (in) with work waiting", heartbeat.out, heartbeat.in_)
        yield _two(
            "queue_age_seconds", "How long the oldest due work waits", heartbeat.out_age / 1000, heartbeat.in_age / 1000
        )
        yield _one("uncertain_sms", "SMS of unknown outcome that wait for their receipt", heartbeat.uncertain)
        yield _one("uncertain_age_seconds", "How long the oldest of them waits", heartbeat.uncertain_age / 1000)
        yield _two(
            "buried_items", "Notifications (out) and replies (in) given up", heartbeat.out_buried, heartbeat.in_buried
        )
        yield _one(
            "blocked_strangers",
            "Handsets that were never texted and said STOP",
            heartbeat.blocked_strangers,
        )
        yield _one("outgoing_held", "Whether the account holds the outgoing side", heartbeat.held_since is not None)
        yield _one("stuck_functions", "Threads in functions of yours that do not return", self._functions.stuck)
        circuits = GaugeMetricFamily(
            "nexmo_twisted_circuit_open", "Whether a remote failed so often that it is asked rarely", labels=["remote"]
        )
        for circuit in self._circuits:
            circuits.add_metric([circuit.name], float(circuit.open))
        yield circuits


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"nexmo_twisted_{name}", about, float(value))


def _two(name: str, about: str, out: float, in_: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"nexmo_twisted_{name}", about, labels=["queue"])
    family.add_metric(["out"], float(out))
    family.add_metric(["in"], float(in_))
    return family
