"""Where Redis is, read from the one text that the settings have for it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

ALLOWED = (
    "redis://host:6379/0, rediss:// for TLS, unix:///path/to/socket?db=0, "
    "redis+sentinel://host:26379,host:26379/master/0, "
    'each with user:password@ (percent-encoded) if needed, or "embedded"'
)
"""What can be written, for those who wrote something else."""

_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_HOST_AND_PORT = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_MASTER = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST_SOCKET = 107  # bytes of a socket's path that the kernel takes


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """Where Redis is and as whom to log in. What its kind has no use for is blank.

    ``tcp`` and ``tls`` have ``host`` and ``port``, ``unix`` a ``path``, ``sentinel`` the ``hosts`` of its sentinels
    and the name of the ``master``. ``embedded`` is a server that we start ourselves. The password never prints.
    """

    kind: Literal["tcp", "tls", "unix", "sentinel", "embedded"]
    host: str = ""
    port: int = 0
    path: str = ""
    hosts: tuple[tuple[str, int], ...] = ()
    master: str = ""
    db: int = 0
    username: str = ""
    password: str = field(default="", repr=False)


def parse(url: str) -> RedisAddress:
    """The address that ``url`` stands for; :data:`ALLOWED` says what it may be.

    Raises ValueError with a sentence that quotes nothing of the URL, since it may hold a password.
    """
    if url == "embedded":
        return RedisAddress(kind="embedded")
    if re.search(r"[\x00-\x20\x7f]", url):
        raise ValueError("spaces and control characters are not allowed, percent-encode them")
    scheme, separator, rest = url.partition("://")
    match scheme.lower() if separator else "":
        case "redis":
            return _over_network("tcp", rest)
        case "rediss":
            return _over_network("tls", rest)
        case "unix":
            return _unix(rest)
        case "redis+sentinel":
            return _sentinel(rest)
        case "rediss+sentinel":
            raise ValueError("TLS with Sentinel is not supported")
    raise ValueError("the scheme is unknown")


def _over_network(kind: Literal["tcp", "tls"], rest: str) -> RedisAddress:
    username, password, authority, path = _split(rest)
    host, port = _host(authority, 6379)
    return RedisAddress(
        kind=kind, host=host, port=port, db=_database(path or "0"), username=username, password=password
    )


def _sentinel(rest: str) -> RedisAddress:
    username, password, authority, path = _split(rest)
    hosts = tuple(_host(each, 26379) for each in authority.split(","))
    master, _, db = path.partition("/")
    if not _MASTER.fullmatch(master):
        raise ValueError("the name of the master must follow the sentinels: letters, digits, '.', '-' and '_'")
    return RedisAddress(
        kind="sentinel", hosts=hosts, master=master, db=_database(db or "0"), username=username, password=password
    )


def _unix(rest: str) -> RedisAddress:
    login, slash, path = rest.partition("/")
    if login and not login.endswith("@"):
        raise ValueError("the path of the socket must be absolute, with three slashes: unix:///path")
    username, password = _login(login[:-1]) if login else ("", "")
    path, _, query = path.partition("?")
    name, _, db = query.partition("=")
    if query and name != "db":
        raise ValueError("only the query ?db= is allowed")
    path = _decoded(slash + path)
    if len(path) < 2 or path.endswith("/") or "\0" in path:
        raise ValueError("the path of the socket is missing")
    if len(path.encode()) > _LONGEST_SOCKET:
        raise ValueError(f"the path of the socket is longer than {_LONGEST_SOCKET} bytes")
    return RedisAddress(kind="unix", path=path, db=_database(db) if query else 0, username=username, password=password)


def _split(rest: str) -> tuple[str, str, str, str]:
    """User name, password, hosts and path, the latter without its first slash."""
    authority, _, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    if re.search("[?#]", rest):
        raise ValueError("neither '?' nor '#' is allowed, percent-encode them in a password")
    username, password = _login(login) if at else ("", "")
    return username, password, hosts, path


def _login(login: str) -> tuple[str, str]:
    username, colon, password = login.partition(":")
    if not colon or not password:
        raise ValueError("only user:password, or :password for the default user, is allowed before the @")
    return _decoded(username), _decoded(password)


def _host(text: str, default_port: int) -> tuple[str, int]:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        raise ValueError("the host or its port is missing or unreadable, or a password is not percent-encoded")
    port = int(found["port"] or default_port)
    if not 1 <= port <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    if found["six"]:
        try:
            return str(ipaddress.IPv6Address(found["six"])), port
        except ValueError:
            pass
    elif _HOST_NAME.fullmatch(found["host"]):
        return found["host"].lower(), port
    raise ValueError("the host is not a name or an IP address")


def _database(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text):
        raise ValueError("the database must be a whole number, 0 or more")
    return int(text)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        pass
    raise ValueError("percent-encoded bytes must be UTF-8")
