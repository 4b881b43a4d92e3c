"""One connection to Redis that reconnects by itself, answers at once when it is away, and runs scripts.

txredisapi queues commands while it is disconnected and runs them after the reconnect, so the link is looked at first.
Its ``replyTimeout`` aborts a connection that does not answer; an outer time limit shorter than that would cancel the
abort and leave a dead connection in use, so there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from importlib.resources import files
from typing import Any

import hiredis
import txredisapi
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.keys import with_constants
from nexmo_twisted.store.url import RedisAddress

log = Logger()

#: Seconds until a command without an answer fails and its connection is given up. Webhooks must be answered in one.
REPLY_TIMEOUT = 0.5
CLOSE_TIMEOUT = 2.0


class Scripts:
    """The atomic moves, one ``scripts/<name>.lua`` each: name -> (SHA1, source).

    A first line ``-- uses a b`` puts ``scripts/shared/a.lua`` and ``b.lua`` before it; ``K.name`` and ``KEEP.name``
    become the constants of ``keys.py``, since tables and functions that are not needed cost time in every call.
    """

    def __init__(self) -> None:
        folder = files("nexmo_twisted.store") / "scripts"
        shared = {
            file.name.removesuffix(".lua"): file.read_text("utf-8")
            for file in (folder / "shared").iterdir()
            if file.name.endswith(".lua")
        }
        self._sources: dict[str, tuple[str, bytes]] = {}
        for file in folder.iterdir():
            name, _, ending = file.name.rpartition(".")
            if ending == "lua":
                script = file.read_text("utf-8")
                uses = (
                    script.partition("\n")[0].removeprefix("-- uses ").split() if script.startswith("-- uses ") else []
                )
                source = with_constants("".join(shared[part] for part in uses) + script).encode()
                self._sources[name] = (hashlib.sha1(source).hexdigest(), source)

    def all(self) -> Collection[tuple[str, bytes]]:
        """Every script: (SHA1, source)."""
        return self._sources.values()

    def __getitem__(self, name: str) -> tuple[str, bytes]:
        return self._sources[name]


class _Packing:
    """Commands are put into bytes in C: a third of what a webhook costs in the store was spent there."""

    def _build_command(self, *words: Any, **_: Any) -> bytes:
        try:
            packed: bytes = hiredis.pack_command(words)
        except UnicodeEncodeError:  # half a character from somewhere outside must not look like an outage
            whole: Any = tuple(w.encode("utf-8", "replace") if isinstance(w, str) else w for w in words)
            packed = hiredis.pack_command(whole)
        return packed


class _Protocol(_Packing, txredisapi.RedisProtocol):  # type: ignore[misc]
    pass


class _MasterProtocol(_Packing, txredisapi.SentinelRedisProtocol):  # type: ignore[misc]
    pass


class _Insisting:
    """Never stops trying: a refused AUTH or SELECT may be a Redis that is still loading."""

    initialDelay = 0.1
    maxDelay = 1.0

    def stopTrying(self) -> Deferred[None]:
        return succeed(None)

    def connectionError(self, why: str) -> None:
        log.warn("Redis: {why}", why=why)


class _Persistent(_Insisting, txredisapi.RedisFactory):  # type: ignore[misc]
    protocol = _Protocol


class _PersistentMaster(_Insisting, txredisapi.SentinelConnectionFactory):  # type: ignore[misc]
    protocol = _MasterProtocol


def _endpoint(reactor: Any, address: RedisAddress) -> IStreamClientEndpoint:
    if address.kind == "unix":
        return UNIXClientEndpoint(reactor, address.path, timeout=5)
    tcp = HostnameEndpoint(reactor, address.host.encode("idna"), address.port, timeout=5)
    if address.kind == "tls":
        return wrapClientTLS(optionsForClientTLS(address.host), tcp)
    return tcp


class Connection:
    """A single connection: commands sent over it are carried out in that order."""

    def __init__(self, reactor: Any, address: RedisAddress, scripts: Scripts) -> None:
        self._reactor = reactor
        self._address = address
        self._scripts = scripts
        self._factory: Any = None
        self._sentinel: Any = None

    def open(self) -> Deferred[None]:
        """Begin to connect, and go on trying until :meth:`close`. Fires when connected for the first time."""
        address = self._address
        options: dict[str, Any] = {
            "charset": "utf-8",
            "convertNumbers": False,
            "password": address.password or None,
            "username": address.username or None,
            "replyTimeout": REPLY_TIMEOUT,
        }
        if address.kind == "sentinel":
            self._sentinel = txredisapi.Sentinel(list(address.hosts), replyTimeout=REPLY_TIMEOUT, convertNumbers=False)
            handler = self._sentinel.master_for(
                address.master, factory_class=_PersistentMaster, dbid=address.db or None, **options
            )
            self._factory = handler._factory
        else:
            self._factory = _Persistent(uuid=None, dbid=address.db or None, poolsize=1, isLazy=True, **options)
            self._factory.startConnecting(_endpoint(self._reactor, address))
        opened: Deferred[None] = Deferred()
        self._factory.deferred.addCallback(lambda _: opened.callback(None))
        return opened

    @property
    def connected(self) -> bool:
        return self._factory is not None and bool(self._factory.pool)

    async def command(self, *words: str | bytes | int) -> Any:
        """One plain command. Raises StoreUnavailable when Redis is away, silent or refuses."""
        if not self.connected:
            raise StoreUnavailable("not connected to Redis")
        try:
            return await self._factory.pool[0].execute_command(*words)
        except txredisapi.ResponseError as error:
            if str(error).startswith("NOSCRIPT"):
                raise _UnknownScript("script not loaded") from error
            raise StoreUnavailable(f"Redis refused: {_kind_of(error)}") from error
        except txredisapi.RedisError as error:  # connection lost, or no answer in time
            raise StoreUnavailable(f"Redis is away: {type(error).__name__}") from error
        except UnicodeError as error:
            raise StoreUnavailable("Redis holds what is not UTF-8") from error

    async def run(self, name: str, *arguments: str | int) -> Any:
        """Run one script. Numbers in the answer are strings unless the script returned integers.

        Raises StoreUnavailable: then the script has either not run or its answer was lost, so every script may be
        run again.
        """
        digest, source = self._scripts[name]
        try:
            return await self.command("EVALSHA", digest, 0, *arguments)
        except _UnknownScript:  # after a restart, a failover or SCRIPT FLUSH
            return await self.command("EVAL", source, 0, *arguments)

    async def close(self) -> None:
        if self._factory is not None:
            closed = self._factory.disconnect()
            # a silent server behind TLS never says farewell
            await closed.addTimeout(CLOSE_TIMEOUT, self._reactor, onTimeoutCancel=lambda *_: None)
        if self._sentinel is not None:
            await self._sentinel.disconnect()


class _UnknownScript(StoreUnavailable):
    pass


def _kind_of(error: Exception) -> str:
    """The part of an error of Redis that names its kind; the rest may hold values."""
    return str(error).partition(" script: ")[0][:80]


Now = Callable[[], str]


def redis_time() -> str:
    """The ``now`` of production: scripts ask Redis itself, so that processes with skewed clocks agree."""
    return ""
