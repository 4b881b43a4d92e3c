"""The operator's door: never on the public port."""

from __future__ import annotations

from dataclasses import dataclass

from klein import Klein
from twisted.web.iweb import IRequest

from nexmo_twisted.operations.metrics import PrometheusCounters


@dataclass(frozen=True)
class OperatorDoor:
    """``GET /metrics`` in Prometheus' text format."""

    metrics: PrometheusCounters

    app = Klein()

    @app.route("/metrics", methods=["GET"])  # type: ignore[untyped-decorator]
    def prometheus(self, request: IRequest) -> bytes:
        request.setHeader(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        return self.metrics.page()
