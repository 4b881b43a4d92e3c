"""Checks of settings that name a place: a URL, an endpoint to listen on, a function in the customer's code.

Each returns what the setting becomes, or raises ValueError with what is wrong with it; the value itself may hold a
secret and is not quoted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

_URL = re.compile(
    r"""(?P<scheme>https?)://
    (?P<host>\[[0-9a-f:.]+\]|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.?)(?::(?P<port>[0-9]{1,5}))?
    (?P<path>(?:/[a-z0-9._~%-]*)*)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"https": 443, "http": 80}


def https_url(value: str) -> str:
    """A URL whose secrets cannot be read on the way. A slash at the end and a default port are cut."""
    if "@" in value:
        raise ValueError("a user name or password is not allowed")
    if "?" in value or "#" in value:
        raise ValueError("a query or fragment is not allowed")
    found = _URL.fullmatch(value)
    if found is None:
        raise ValueError
    scheme, host, path = found["scheme"].lower(), found["host"].lower(), found["path"].rstrip("/")
    local = _is_this_machine(host)
    if scheme == "http" and not local:
        raise ValueError("http is allowed for this machine only")
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return f"{scheme}://{host}{'' if port == _DEFAULT_PORTS[scheme] else f':{port}'}{path}"


def _is_this_machine(host: str) -> bool:
    """Raises ValueError for what looks like an address and is none, or is one to listen on only."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    else:
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_unspecified or address.is_multicast:
            raise ValueError("unspecified or multicast address")
        return address.is_loopback
    if host.startswith("[") or host.rstrip(".").rpartition(".")[2].isdigit():
        raise ValueError("the host is not a name or an IP address")
    return host == "localhost"


def server_root(value: str) -> str:
    """The URL of a server, without a path."""
    url = https_url(value)
    if url.count("/") > 2:
        raise ValueError("a path is not allowed here; use server.layer_path and server.nexmo_path")
    return url


def endpoint(description: str) -> str:
    """A Twisted endpoint description that can be listened on; nothing is opened, but certificates are read."""
    kind = description.partition(":")[0]
    if kind not in ("tcp", "ssl", "unix", "systemd"):
        raise ValueError("only tcp:, ssl:, unix: and systemd: are allowed")
    reactor = MemoryReactorClock()
    fault = ""
    try:
        server = serverFromString(reactor, description)
    except OSError as error:
        fault = f"the file {error.filename} cannot be read: {error.strerror}"
    except (IndexError, KeyError):
        fault = "systemd passed no such socket"
    except TypeError:
        fault = "a part is missing, unknown or repeated"
    except ValueError as error:
        fault = str(error).replace("invalid literal for int() with base", "not a number of base")
    except RuntimeError:
        fault = "incomplete escape at its end"
    except Exception as error:  # of the libraries that read certificates
        fault = f"its certificate or private key cannot be used: {type(error).__name__}"
    if fault:
        raise ValueError(fault)
    if kind in ("tcp", "ssl"):
        server.listen(Factory())  # the reactor in memory only takes notes
        if any(not 0 <= port <= 65535 for port, *_ in [*reactor.tcpServers, *reactor.sslServers]):
            raise ValueError("a port is a number from 0 to 65535")
    return description


def function(dotted: str) -> Callable[..., Any]:
    """The function that ``package.module:function`` names. Importing it runs the customer's code."""
    module, _, name = dotted.partition(":")
    fault = ""
    found: Any = None
    try:
        found = getattr(import_module(module), name, None)
    except (Exception, SystemExit) as error:
        fault = f"{type(error).__name__}: {error}"[:200]
    if not fault and found is None:
        fault = f"there is no {name} in {module}"
    if fault:
        raise ValueError(fault)
    if not callable(found):
        raise ValueError("not callable")
    called: Callable[..., Any] = found
    return called
