"""The operator's endpoint, ``/health`` and ``/metrics``; never on the public port."""

from __future__ import annotations

import json
from dataclasses import dataclass

from klein import Klein
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from nexmo_twisted.operations.health import Health
from nexmo_twisted.operations.metrics import PrometheusMetrics
from nexmo_twisted.web.responses import answer_errors

log = Logger()


@dataclass(frozen=True)
class MetricsEndpoint:
    """``GET``: the metrics in Prometheus' text format."""

    metrics: PrometheusMetrics

    app = Klein()

    @app.route("/", methods=["GET"])
    def page(self, request: Request) -> bytes:
        request.responseHeaders.setRawHeaders(b"content-type", [b"text/plain; version=0.0.4; charset=utf-8"])
        return self.metrics.page()

    def failed(self, _request: Request, failure: Failure) -> None:
        log.failure("Metrics page: unexpected error, answered 503", failure)


@dataclass(frozen=True)
class HealthEndpoint:
    """``GET``: what is missing, as JSON. 503 while the service cannot do its job, so that a check that only looks at
    the status knows too."""

    health: Health

    app = Klein()

    @app.route("/", methods=["GET"])
    def report(self, request: Request) -> bytes:
        if self.health.down:
            request.setResponseCode(503)
        request.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
        request.responseHeaders.setRawHeaders(b"cache-control", [b"no-store"])
        return json.dumps(self.health.report(), indent=1).encode() + b"\n"

    def failed(self, _request: Request, failure: Failure) -> None:
        log.failure("Health page: unexpected error, answered 503", failure)


for endpoint in (MetricsEndpoint, HealthEndpoint):
    answer_errors(endpoint.app)
