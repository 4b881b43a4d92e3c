"""Which servers the simulated companies call."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")

#: Neither blanks nor control characters belong into a URL; urlsplit would quietly drop some of them.
_PRINTABLE = re.compile(r"[!-~]+")


def can_be_called(url: str) -> bool:
    """Whether it is a URL of https, or of http on this machine.

    Layer demands https. A server beside the sandbox has no certificate; to any other nothing goes out unencrypted, so
    that a wrong setting sends no texts to a stranger.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not _PRINTABLE.fullmatch(url) or not host or port == 0:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
