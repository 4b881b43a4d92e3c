"""One line to one Redis server: made, logged in, and in use only after it has answered.

txredisapi speaks the protocol. Its factories are not used: they queue commands while they are disconnected, say
nothing when a master turns out to be none, and log every attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hiredis
import txredisapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from nexmo_twisted.store.tls import told

#: Seconds until a command without an answer fails and its line is given up. Webhooks must be answered in one.
REPLY_TIMEOUT = 0.5
#: Seconds that making a connection may take.
CONNECT_TIMEOUT = 2.0


class Unusable(Exception):
    """No line, for a reason that may be logged."""


class Line(txredisapi.RedisProtocol):  # type: ignore[misc]
    """Commands are carried out in the order in which they are sent.

    ``execute_command`` aborts the line when there is no answer in time. A time limit around it that is shorter would
    cancel this and leave a dead line in use: there must be none.
    """

    def __init__(self, reply_timeout: float = REPLY_TIMEOUT) -> None:
        super().__init__(charset="utf-8", convertNumbers=False, replyTimeout=reply_timeout)
        self.lost: Deferred[None] = Deferred()
        self.reason = ""  #: why it was lost

    def connectionLost(self, why: Failure) -> None:
        self.reason = told(why.value)
        self.lost.callback(None)  # before the commands without an answer learn of it, so that none is tried again here
        super().connectionLost(why)

    def abort(self) -> None:
        self.transport.abortConnection()

    def _build_command(self, *words: Any, **_: Any) -> bytes:
        """Into bytes in C: a third of what a webhook costs in the store was spent there."""
        try:
            packed: bytes = hiredis.pack_command(words)
        except UnicodeEncodeError:  # half a character from somewhere outside must not look like an outage
            whole: Any = tuple(w.encode("utf-8", "replace") if isinstance(w, str) else w for w in words)
            packed = hiredis.pack_command(whole)
        return packed


class _Lines(Factory):
    noisy = False

    def __init__(self, make: Callable[[], Line]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Line:
        return self._make()


async def dial(endpoint: IStreamClientEndpoint, make: Callable[[], Line] = Line) -> Line:
    """A line that nobody has spoken on. Raises Unusable when none can be had."""
    try:
        line: Any = await endpoint.connect(_Lines(make))
    except (CancelledError, ConnectingCancelledError):
        raise CancelledError from None
    except Exception as error:  # refused, no such host, no such socket ...
        raise Unusable(told(error)) from error
    return line  # type: ignore[no-any-return]


async def log_in(line: Line, username: str, password: str, db: int, *, as_master: bool) -> None:
    """Make a line ready for use. ``as_master``: only a master will do.

    Raises Unusable when the server does not answer or refuses, as one does that is still loading. Then, and when
    cancelled, the line is gone.
    """
    try:
        if password:
            await _ask(line, "AUTH", *([username] if username else []), password)
        if as_master and (await _ask(line, "ROLE"))[0] != "master":
            raise Unusable("this is not the master")
        if db:
            await _ask(line, "SELECT", db)
        await _ask(line, "PING")
    except BaseException:
        line.abort()
        raise


async def _ask(line: Line, *words: str | int) -> Any:
    try:
        return await line.execute_command(*words)
    except txredisapi.ResponseError as error:
        raise Unusable(f"{words[0]} was refused: {kind_of(error)}") from error
    except txredisapi.TimeoutError as error:
        raise Unusable("it does not answer") from error
    except txredisapi.ConnectionError as error:
        raise Unusable(line.reason or "the connection was lost") from error


def kind_of(error: Exception) -> str:
    """The part of an error of Redis that names its kind; the rest may hold values."""
    return str(error).partition(" script: ")[0][:80]
