"""An API that is broken or means ill, in a process of its own: its answers would fill the memory or stall the client.

``python -m tests.bench.hostile layer`` answers what Layer is asked so, ``nexmo`` what Nexmo is asked; all
else is answered as tests/bench/peer.py does. It prints its port.
"""

from __future__ import annotations

import gzip
import json
import sys
from itertools import cycle

from tests.bench.peer import Server, serve

OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"\0" * 200_000_000)
WORDY = json.dumps({"messages": [{"status": "1", "error-text": "INTERVAL[1]" * 20_000}]}).encode()
CROWDED = json.dumps({"messages": [{"status": "1", "error-text": "INTERVAL[1]" * 45}] * 1900}).encode()


def whole(body: bytes, *lines: bytes) -> bytes:
    return OK + b"".join(line + b"\r\n" for line in (*lines, b"content-length: %d" % len(body))) + b"\r\n" + body


ANSWERS = cycle(
    (
        OK + b"x: y\r\n" * 20_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        whole(BOMB, b"content-encoding: gzip"),
        whole(gzip.compress(BOMB), b"content-encoding: gzip, gzip"),
        OK + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000,
        whole(WORDY),
        whole(CROWDED),
        whole(
            b'{"display_name": "%b", "phone_number": "+12015550100"}' % (b"x" * 900_000)
        ),  # no end of failures in a row
    )
)


class Hostile(Server):
    """Answers what ends with ``path`` in one bad way after the other."""

    path = ""

    def canned(self, path: str) -> tuple[int, object]:
        if path.endswith(self.path):
            return 0, None
        return super().canned(path)

    def answer(self, code: int, value: object) -> None:
        if code:
            super().answer(code, value)
        else:
            self.transport.write(next(ANSWERS))


if __name__ == "__main__":
    Hostile.path = {"layer": "/identity", "nexmo": "/sms/json"}[sys.argv[1]]
    serve(Hostile)
