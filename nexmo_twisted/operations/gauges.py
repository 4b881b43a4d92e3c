"""Gauges in Prometheus' format: the state at the moment of the request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily

from nexmo_twisted.engine.circuit_breaker import CircuitBreaker
from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.engine.redis_monitor import RedisMonitor


class Gauges:
    """A collector of ``prometheus_client``. What Redis holds is as of the last heartbeat, the same in every process."""

    def __init__(self, monitor: RedisMonitor, functions: CustomerFunctions, circuits: Sequence[CircuitBreaker]) -> None:
        self._monitor = monitor
        self._functions = functions
        self._circuits = circuits

    def collect(self) -> Iterator[GaugeMetricFamily]:
        heartbeat = self._monitor.heartbeat
        yield _one("redis_connected", "1 if Redis answers and accepts writes", not self._monitor.away())
        yield _one("clock_skew_seconds", "Time that Redis' clock is ahead of ours, at least", self._monitor.skew)
        yield _one("pending_messages", "Messages that wait for their delay to pass", heartbeat.pending)
        yield _one(
            "pending_age_seconds",
            "Time that the oldest due message has been waiting for its check",
            heartbeat.pending_age / 1000,
        )
        yield _by_queue(
            "queue_lanes", "Users (out) and handsets (in) that have jobs waiting", heartbeat.out, heartbeat.in_
        )
        yield _by_queue(
            "queue_jobs",
            "Jobs (notifications out, replies in) waiting or in progress; of more than 1,000 lanes, each further lane "
            "counts as one job",
            heartbeat.out_jobs,
            heartbeat.in_jobs,
        )
        yield _by_queue(
            "queue_age_seconds",
            "Time that the oldest due job has been waiting",
            heartbeat.out_age / 1000,
            heartbeat.in_age / 1000,
        )
        yield _one("uncertain_sms", "SMS of unknown outcome that wait for a receipt", heartbeat.uncertain)
        yield _one(
            "uncertain_age_seconds",
            "Time that the oldest SMS of unknown outcome has been waiting for a receipt",
            heartbeat.uncertain_age / 1000,
        )
        yield _by_queue(
            "dead_letters",
            "Notifications (out) and replies (in) that were given up and are kept for an operator",
            heartbeat.out_dead,
            heartbeat.in_dead,
        )
        yield _one("blocked_strangers", "Handsets that sent STOP and never got an SMS", heartbeat.blocked_strangers)
        yield _one(
            "sending_suspended",
            "1 if sending is suspended because the provider rejects SMS for a fault of the account",
            heartbeat.suspended_since is not None,
        )
        yield _one(
            "customer_function_threads_stuck",
            "Threads occupied by calls of customer functions that do not return",
            self._functions.stuck,
        )
        circuits = GaugeMetricFamily(
            "nexmo_twisted_circuit_open",
            "1 if a remote service failed so often that only one request at a time is sent to it",
            labels=["remote"],
        )
        for circuit in self._circuits:
            circuits.add_metric([circuit.name], float(circuit.open))
        yield circuits


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"nexmo_twisted_{name}", about, float(value))


def _by_queue(name: str, about: str, out: float, in_: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"nexmo_twisted_{name}", about, labels=["queue"])
    family.add_metric(["out"], float(out))
    family.add_metric(["in"], float(in_))
    return family
