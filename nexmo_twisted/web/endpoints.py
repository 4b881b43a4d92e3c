"""The descriptions of the endpoints that we listen on: what they say, and what we add to them."""

from __future__ import annotations

import re
from ipaddress import ip_address

#: The endpoints that we open ourselves, with the place of ``backlog`` among their arguments; that of ``interface`` is
#: the one before it.
_BACKLOG = {"tcp": 2, "ssl": 5, "unix": 2}


def with_backlog(where: str, room: int = 512) -> str:
    """The endpoint description ``where``, with room for that many connections that are not accepted yet, or for as
    many as the kernel allows.

    Twisted's own 50 are soon taken when many clients come at once. The kernel then drops what the others send, and
    they try again after a second, two, four. An endpoint that says itself for how many it has room, or that was
    opened before (``systemd:``), is left as it is.
    """
    kind, *arguments = _split(where)
    if kind not in _BACKLOG:
        return where
    unnamed = sum("=" not in argument for argument in arguments)
    said = unnamed > _BACKLOG[kind] or any(argument.startswith("backlog=") for argument in arguments)
    return where if said else f"{where}:backlog={room}"


def on_loopback(where: str) -> bool:
    """Whether only this machine itself can reach the endpoint ``where``, through an address. Unix sockets have none."""
    kind, *arguments = _split(where)
    if kind not in ("tcp", "ssl"):
        return False
    named = [argument.removeprefix("interface=") for argument in arguments if argument.startswith("interface=")]
    unnamed = [argument for argument in arguments if "=" not in argument][_BACKLOG[kind] - 1 :]
    interface = next(iter(named or unnamed), "").replace("\\", "")
    try:
        return ip_address(interface).is_loopback
    except ValueError:
        return interface == "localhost"


def _split(where: str) -> list[str]:
    return re.split(r"(?<!\\):", where)
