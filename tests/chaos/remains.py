"""What a play leaves behind in Redis."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import hiredis

_OPEN = """local open = 0
for _, key in ipairs({'nx:due', 'nx:out', 'nx:in', 'nx:uncertain:out'}) do open = open + redis.call('ZCARD', key) end
return open"""
_RECORD = "return cjson.encode(cmsgpack.unpack(redis.call('GET', ARGV[1])))"

#: What stays for ever: a counter, how long all holds lasted, the numbers that the account does not own.
_FOR_EVER = ("nx:fence", "nx:held", "nx:unowned")


class Database:
    """One database of a server. Asking it blocks, which is no harm: it is another process that answers."""

    def __init__(self, path: Path, number: int) -> None:
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(30)
        self._connection.connect(str(path))
        self._reader = hiredis.Reader(encoding="utf-8", errors="backslashreplace")
        self.ask("SELECT", number)

    def ask(self, *words: str | int) -> Any:
        self._connection.sendall(hiredis.pack_command(words))
        while (answer := self._reader.gets()) is False:
            self._reader.feed(self._connection.recv(65_536))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self._connection.close()

    def still_open(self) -> int:
        """How many messages wait to be checked, users and handsets have work, SMS are uncertain."""
        number: int = self.ask("EVAL", _OPEN, 0)
        return number

    def ends(self) -> list[str]:
        """What became of every message, for each recipient, and of every reply: "bob sent", "reply posted" ..."""
        found = []
        for key in self.ask("KEYS", "nx:m:*"):
            record: dict[str, Any] = json.loads(self.ask("EVAL", _RECORD, 0, key))
            told = record.get("o") or {}
            found += [f"{user} {outcome.split()[0]}" for user, outcome in told.items()]
            if not told and not record.get("n"):
                found.append(record.get("x", "open"))
        for key in self.ask("KEYS", "nx:n:*"):
            user, state, reason = self.ask("HMGET", key, "l", "s", "e")
            found.append(f"{user} {_end(state, reason)}")
        for key in self.ask("KEYS", "nx:i:*"):
            done = self.ask("TYPE", key) == "string"
            found.append(f"reply {self.ask('GET', key) if done else _end(*self.ask('HMGET', key, 's', 'e'))}")
        return sorted(found)

    def left(self) -> list[str]:
        """Lanes that are not empty, and other keys that never end, but for what is buried."""
        keys: list[str] = self.ask("KEYS", "*")
        endless = [key for key in keys if self.ask("PTTL", key) < 0 and key not in _FOR_EVER]
        return [key for key in endless if not key.startswith("nx:buried:")]


def _end(state: str, reason: str) -> str:
    return f"buried: {reason.partition(':')[0]}" if state == "D" else f"in state {state}"
