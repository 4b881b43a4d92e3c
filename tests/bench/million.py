"""A restart with a million pending checks: how long until the first webhook is answered, and how much memory it takes.

``python -m tests.bench.million`` runs a real ``twistd -n nexmo`` four times: with a Redis beside it and with the
embedded Valkey, each with nothing and with the million. It exits with 1 when one of these limits
is exceeded: two seconds (five with the embedded server, which loads its file first) and 5 MB more than the empty one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from nexmo_twisted.store.schema import with_constants
from tests.redis_socket import RedisSocket
from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.processes import ROOT, TWISTD
from tests.scenarios.world import free_port

CONFIG = """
delay = "1 hour"
layer = {{app_id = "082d4684-0992-11e5-a6c0-1697f925ec7b", token = "t", secret = "s", api_url = "http://127.0.0.1:1"}}
nexmo = {{key = "k", secret = "s", phone_numbers = ["12015550101"], api_url = "http://127.0.0.1:1"}}
operator = {{listen = ""}}
[server]
url = "https://hooks.example.com"
listen = "tcp:{port}:interface=127.0.0.1"
redis = "{redis}"
"""

#: What a webhook leaves behind, a thousand times: due in a month, two recipients.
FILL = with_constants("""
local first, now = tonumber(ARGV[1]), tonumber(redis.call('TIME')[1]) * 1000
for n = first, first + 999 do
  local mid = string.format('%022d', n)
  local user = 'user-' .. (n % 9973)
  local record = {
    [F.due] = now + 2592000000 + n, [F.delay] = 3600000, [F.sender] = user, [F.packed] = ARGV[2],
    [F.conversation] = ARGV[3], [F.statuses] = {[user] = 2, [user .. 'a'] = 0, [user .. 'b'] = 0},
  }
  redis.call('SET', K.message .. mid, cmsgpack.pack(record), 'PX', 5184000000)
  redis.call('ZADD', K.due, string.format('%.0f', now + 2592000000 + n), mid)
end
""")
PAYLOAD = '["2026-01-01T12:00:00.000Z",["' + "x" * 100 + '"]]'
#: An inbound SMS: the shortest way to a 2xx that is stored.
SMS = "msisdn=12015550112&to=12015550101&messageId={}&text=Hi&type=text"


def fill(socket: Path, messages: int) -> None:
    with RedisSocket(socket, timeout=60) as redis:
        for first in range(0, messages, 1000):
            redis.ask("EVAL", FILL, 0, first, PAYLOAD, "5n-JXaLPRCGeFZVaeXxAvg")


def rss(pid: int) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def first_answer(port: int, begin: float) -> float:
    """Seconds from ``begin`` until a webhook was answered 2xx."""
    while time.monotonic() - begin < 60:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
            body = SMS.format(f"m{begin}")
            connection.request("POST", "/nexmo-new-sms", body, {"content-type": "application/x-www-form-urlencoded"})
            if connection.getresponse().status == 200:
                return time.monotonic() - begin
        except OSError:
            pass
        time.sleep(0.01)
    raise SystemExit("no webhook was answered in a minute")


@contextmanager
def service(directory: Path, redis: str) -> Iterator[tuple[float, float]]:
    """A running process: seconds until its first 2xx, and its memory when it has been at work for a while."""
    port = free_port()
    config = directory / "nexmo.toml"
    config.write_text(CONFIG.format(port=port, redis=redis), "utf-8")
    begin = time.monotonic()
    process = subprocess.Popen(
        [TWISTD, "-n", "--pidfile=", "--logfile=nexmo.log", "nexmo", "--config", str(config)],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    try:
        seconds = first_answer(port, begin)
        time.sleep(6)
        yield seconds, rss(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def beside(messages: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """With a Redis of its own: empty, and full."""
    redis = OwnRedis()
    directory = Path(tempfile.mkdtemp(prefix="nxb-"))
    try:
        with service(directory, redis.url) as empty:
            fill(redis.socket, messages)
        with service(directory, redis.url) as full:
            return empty, full
    finally:
        redis.close()
        shutil.rmtree(directory, ignore_errors=True)


def embedded(messages: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """With the embedded server, which stops with the process and loads its file at the next start."""
    directory = Path(tempfile.mkdtemp(prefix="nxb-"))
    try:
        with service(directory, "embedded") as empty:
            fill(directory / "nexmo-data" / "valkey.sock", messages)
        with service(directory, "embedded") as full:
            return empty, full
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main(messages: int) -> bool:
    kept = True
    for name, run, limit in (("Redis beside it", beside, 2.0), ("embedded Valkey", embedded, 5.0)):
        (nothing, least), (seconds, most) = run(messages)
        kept = kept and seconds <= limit and most - least <= 5
        print(
            f"{name}: first webhook after {seconds:.2f} s with {messages} pending checks, {nothing:.2f} s with none; "
            f"{most:.1f} MB and {least:.1f} MB"
        )
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    sys.exit(0 if main(parser.parse_args().messages) else 1)
