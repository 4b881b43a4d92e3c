"""Commands to a Redis on a unix socket. They block, which is no harm: another process answers them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import hiredis


def packed(*words: str | bytes | int) -> bytes:
    """A command, or the answer that is a list of these words, as it goes over the wire."""
    whole: Any = words  # the annotation of pack_command asks for exactly one word
    command: bytes = hiredis.pack_command(whole)
    return command


class RedisSocket:
    """A connection. ``timeout`` is in seconds; what is not UTF-8 in answers comes with backslashes."""

    def __init__(self, path: Path | str, *, timeout: float = 5) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader(encoding="utf-8", errors="backslashreplace")

    def __enter__(self) -> RedisSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, *words: str | bytes | int) -> None:
        """Send a command whose answer nobody waits for."""
        self._socket.sendall(packed(*words))

    def ask(self, *words: str | bytes | int) -> Any:
        """The answer to a command. Raises hiredis.ReplyError for one that is refused."""
        self.send(*words)
        while (answer := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(65_536))
        if isinstance(answer, Exception):
            raise answer
        return answer
