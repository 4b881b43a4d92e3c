"""One connection to Redis that reconnects by itself, says at once when Redis is away, and runs scripts."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import txredisapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from nexmo_twisted.errors import AnswerLost, StoreUnavailable
from nexmo_twisted.store.entry import Moved, Unsuitable, admit
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.protocol import CONNECT_TIMEOUT, REPLY_TIMEOUT, RedisProtocol, Unusable, dial, kind_of, log_in
from nexmo_twisted.store.sentinels import Host, Sentinels
from nexmo_twisted.store.url import RedisAddress
from nexmo_twisted.tls import Verifying

#: Seconds between two attempts to connect, at first and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
#: Seconds that a connection must last for its loss to be a new outage and not more of the one before.
LASTING = 5.0
CLOSE_TIMEOUT = 2.0
#: So often the nodes of a cluster may send us on, one to another, before we try anew.
MOVES = 5

#: What a server says that is no longer the master, or will not be for long.
_DEMOTED = re.compile("READONLY|NOREPLICAS|MASTERDOWN")


class Connection:
    """One connection at a time: commands sent over it are carried out in that order.

    ``tell``: whether it is logged when Redis is away (each reason once) and when it is there again. Of several
    connections to one Redis one is enough. ``reply_timeout``: seconds until a command without an answer fails.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        address: RedisAddress,
        scripts: Scripts,
        *,
        tell: bool = True,
        reply_timeout: float = REPLY_TIMEOUT,
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._scripts = scripts
        self._tell = tell
        self._reply_timeout = reply_timeout
        self._told: set[str] = set()
        self._outage = False
        self.why_away = ""  #: why the last attempt to connect failed; blank while there is a connection
        self._protocol: RedisProtocol | None = None
        self._sentinels: Sentinels | None = None
        self._master: Host | None = None  #: as Sentinel has it; None also when it is about to change
        if address.kind == "sentinel":
            self._sentinels = Sentinels(reactor, hosts=address.hosts, name=address.master, changing=self._changing)
        #: Where to connect: None is the address of the settings. In a cluster also all nodes, first that with our keys.
        self._nodes: deque[Host | None] = deque([None])
        self._opened: Deferred[None] = Deferred()
        self._keeping: Deferred[None] | None = None
        self._closed = False

    def open(self) -> Deferred[None]:
        """Begin to connect, and go on trying until :meth:`close`. Fires when connected for the first time."""
        if self._sentinels is not None:
            self._sentinels.listen()
        self._keeping = Deferred.fromCoroutine(self._keep())
        return self._opened

    @property
    def prefix(self) -> str:
        """What all keys begin with."""
        return self._scripts.prefix

    @property
    def keys(self) -> Mapping[str, str]:
        """Every key, or what it begins with, by its name in ``schema.py``."""
        return self._scripts.keys

    @property
    def connected(self) -> bool:
        return self._protocol is not None

    async def command(self, *words: str | bytes | int) -> Any:
        """One plain command. Raises StoreUnavailable when Redis is away, silent (AnswerLost) or refuses."""
        protocol = self._protocol
        if protocol is None:
            raise StoreUnavailable(": ".join(filter(None, ("not connected to Redis", self.why_away))))
        try:
            return await protocol.execute_command(*words)
        except txredisapi.ResponseError as error:
            if str(error).startswith("NOSCRIPT"):
                raise _UnknownScript("script not loaded") from error
            if (self._sentinels is not None and _DEMOTED.search(str(error))) or str(error).startswith("MOVED "):
                protocol.abort()  # so that we look for the one that it is now
            raise StoreUnavailable(f"Redis refused: {kind_of(error)}") from error
        except txredisapi.RedisError as error:  # connection lost, or no answer in time
            raise AnswerLost(f"no answer from Redis: {type(error).__name__}") from error
        except UnicodeError as error:
            raise StoreUnavailable("Redis returned a value that is not UTF-8") from error

    async def run(self, name: str, *arguments: str | int) -> Any:
        """Run one script. Numbers in the answer are strings unless the script returned integers.

        Raises StoreUnavailable: then the script has either not run or its answer was lost, so every script may be
        run again.
        """
        digest, source = self._scripts[name]
        try:
            return await self.command("EVALSHA", digest, 1, self._scripts.key, *arguments)
        except _UnknownScript:  # after a restart, a failover or SCRIPT FLUSH
            return await self.command("EVAL", source, 1, self._scripts.key, *arguments)

    async def close(self) -> None:
        """Hang up and try no more. Ends soon, whatever Redis does."""
        self._closed = True
        if self._sentinels is not None:
            self._sentinels.stop()
        if self._keeping is None:
            return
        protocol, self._protocol = self._protocol, None
        if protocol is None:
            self._keeping.cancel()
            await self._keeping
        else:
            protocol.transport.loseConnection()
            patience = self._reactor.callLater(CLOSE_TIMEOUT, protocol.abort)  # a silent server may hold it up
            await self._keeping
            if patience.active():
                patience.cancel()

    async def _keep(self) -> None:
        """Connect; when the connection is lost, again: at once if it lasted, else after a pause that grows."""
        pause = FIRST_PAUSE
        while not self._closed:
            try:
                protocol = await self._connect()
            except Exception as error:
                self._away(error)
            else:
                began = self._reactor.seconds()
                self._there(protocol)
                await protocol.lost
                self._protocol = None
                if self._reactor.seconds() - began >= LASTING:
                    self._told.clear()
                    pause = 0.0
            if not self._closed:
                await self._wait(pause)
                pause = min(max(FIRST_PAUSE, 2 * pause), LONGEST_PAUSE)

    async def _wait(self, seconds: float) -> None:
        with suppress(CancelledError):
            await deferLater(self._reactor, seconds)

    async def _connect(self) -> RedisProtocol:
        """A connection that can be used. Raises Unusable."""
        host = self._nodes[0]
        if self._sentinels is not None:
            host = self._master = await self._sentinels.master()
        for _ in range(MOVES):
            try:
                return await self._connect_to(host)
            except Moved as moved:
                name, port = moved.host
                host = (name or (host[0] if host else self._address.host), port)
            except Unusable:
                self._nodes.rotate(-1)
                raise
        raise Unusable("the nodes of the cluster do not agree which of them has our keys")

    async def _connect_to(self, host: Host | None) -> RedisProtocol:
        address, master = self._address, self._sentinels is not None
        protocol = await dial(self._endpoint(host), lambda: RedisProtocol(self._reactor, self._reply_timeout))
        await log_in(protocol, address.username, address.password, address.db, as_master=master)
        try:
            if master and self._master is None:
                raise Unusable("failover started")
            nodes = await admit(protocol, self._scripts)
        except BaseException:
            protocol.abort()
            raise
        if nodes:
            self._nodes = deque(dict.fromkeys((host, None, *nodes)))
        return protocol

    def _endpoint(self, to: Host | None) -> IStreamClientEndpoint:
        """``to``: None for the address of the settings."""
        address = self._address
        if to is None and address.kind == "unix":
            return UNIXClientEndpoint(self._reactor, address.path, timeout=CONNECT_TIMEOUT)
        host, port = to or (address.host, address.port)
        tcp = HostnameEndpoint(self._reactor, host.encode("idna"), port, timeout=CONNECT_TIMEOUT)
        if address.kind == "tls":
            return wrapClientTLS(Verifying(host), tcp)
        return tcp

    def _changing(self, master: Host | None) -> None:
        """Sentinel is about to make another server the master, or has done so."""
        if master is None or master != self._master:
            self._master = None
            if self._protocol is not None:
                self._protocol.abort()

    def _there(self, protocol: RedisProtocol) -> None:
        self._protocol = protocol
        self.why_away = ""
        if self._outage:
            self._outage = False
            self._log.info("Redis: reconnected")
        if not self._opened.called:
            self._opened.callback(None)

    def _away(self, error: Exception) -> None:
        self.why_away = reason = str(error) if isinstance(error, Unusable) else type(error).__name__
        if self._tell and not self._closed and reason not in self._told:
            self._told.add(reason)
            self._outage = True
            if isinstance(error, Unsuitable):
                self._log.error("Redis is not used, webhooks are answered 503: {reason}", reason=reason)
            else:
                self._log.error("Redis: not connected, retrying: {reason}", reason=reason)


class _UnknownScript(StoreUnavailable):
    pass


Now = Callable[[], str]


def redis_time() -> str:
    """The ``now`` of production: scripts ask Redis itself, so that processes with skewed clocks agree."""
    return ""
