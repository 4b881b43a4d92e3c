"""The operator's door: what its pages answer when they cannot be made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from treq.testing import StubTreq
from twisted.trial.unittest import TestCase

from nexmo_twisted.engine.issues import Issue
from nexmo_twisted.operations.endpoints import HealthEndpoint, MetricsEndpoint
from nexmo_twisted.operations.health import Health
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.web.routing import root
from tests.scenarios.outside import Lines


class Broken(Collector):
    """A gauge that fails when it is asked."""

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        raise ZeroDivisionError


def broken() -> Iterable[Issue]:
    raise ZeroDivisionError


class FailingPageTests(TestCase):
    async def test_pages(self) -> None:
        """A page that cannot be made is answered 503 and told as what it is, not as a webhook that failed."""
        metrics = PrometheusMetrics()
        before = metrics.page()
        metrics.add(Broken())
        health = Health(vital=[broken], partial=[], doubtful=[])
        lines = Lines(self)
        client: Any = StubTreq(root({"health": HealthEndpoint(health), "metrics": MetricsEndpoint(metrics)}))
        for page in ("health", "metrics"):
            response = await client.get(f"http://operator.example/{page}")
            self.assertEqual((response.code, await response.content()), (503, b""))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertIn("page", lines.ours[0])
        self.assertNotIn("webhook", "".join(lines.ours))
        self.assertIn(b'webhooks_total{outcome="failed",source="layer"} 0.0', before)
