"""The operator's door: never on the public port."""

from __future__ import annotations

from dataclasses import dataclass

from klein import Klein
from twisted.web.server import Request

from nexmo_twisted.operations.metrics import PrometheusCounters
from nexmo_twisted.web.answers import answer_errors


@dataclass(frozen=True)
class MetricsDoor:
    """``GET``: the counters in Prometheus' text format."""

    counters: PrometheusCounters

    app = Klein()

    @app.route("/", methods=["GET"])
    def metrics(self, request: Request) -> bytes:
        request.responseHeaders.setRawHeaders(b"content-type", [b"text/plain; version=0.0.4; charset=utf-8"])
        return self.counters.page()


answer_errors(MetricsDoor.app)
