"""``python -m tests.metrics_page | promtool check metrics``: the metrics page of a service that was never started."""

from __future__ import annotations

import sys

from nexmo_twisted import load, make_service
from tests.configuration import LEAST

if __name__ == "__main__":
    sys.stdout.buffer.write(make_service(load(environ={}, **LEAST)).metrics.page())
