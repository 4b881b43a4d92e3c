"""One TCP connection to one Redis server. It is used only after the server has accepted the login.

txredisapi speaks the protocol. Its factories are not used: they queue commands while they are disconnected, say
nothing when a master turns out to be none, and log every attempt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
import txredisapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from nexmo_twisted.tls import describe_error

#: Seconds until a command without an answer fails and its connection is given up. Webhooks must be answered in one.
REPLY_TIMEOUT = 0.5
#: Seconds by which a timer may be late before we say that we, not Redis, stood still.
PUNCTUAL = 0.05
#: Seconds that making a connection may take.
CONNECT_TIMEOUT = 2.0


class Unusable(Exception):
    """No connection, for a reason that may be logged."""


class Refused(Unusable):
    """The server does not do what it is asked on a new connection: ``answer`` is the error that it returned."""

    def __init__(self, command: str, answer: str) -> None:
        super().__init__(f"{command} was refused: {kind_of(answer)}")
        self.answer = answer


class RedisProtocol(txredisapi.RedisProtocol):  # type: ignore[misc]
    """Commands are carried out in the order in which they are sent.

    The connection is aborted when a command has no answer in time. A time limit around ``execute_command`` that is
    shorter would leave a dead connection in use: there must be none.

    Time in which this process stands still (a long computation, a suspended machine) is not Redis': the answers may be
    in the socket, not read yet, or the commands still with us. So a timer that is late begins anew, once
    for each command; and whenever time is up, the socket is read before that counts.
    """

    def __init__(self, clock: IReactorTime, reply_timeout: float = REPLY_TIMEOUT) -> None:
        super().__init__(charset="utf-8", convertNumbers=False)
        self.lost: Deferred[None] = Deferred()
        self.reason = ""  #: why it was lost
        self._clock = clock
        self._patience = reply_timeout
        self._asked: deque[float] = deque()  #: when the commands without an answer were sent
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        self._spared = False  #: the first of them was given its time again
        self._heard = False  #: something came since the last look

    def execute_command(self, *words: str | bytes | int, **options: Any) -> Deferred[Any]:
        answer: Deferred[Any] = super().execute_command(*words, **options)
        self._asked.append(self._clock.seconds())
        if self._timer is None:
            self._check_in(self._patience)
        return answer

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        self._heard = True
        super().dataReceived(data, unpause)

    def replyReceived(self, reply: Any) -> None:
        if self._asked:
            self._asked.popleft()
            self._spared = False
        super().replyReceived(reply)

    def tryConvertData(self, data: Any) -> Any:
        """Bytes into text; what is not UTF-8 stays bytes. The one of txredisapi does more, which is not needed here,
        and takes three times as long, for fifty values of each SMS."""
        if isinstance(data, bytes):
            try:
                return data.decode()
            except UnicodeDecodeError:
                return data
        return [self.tryConvertData(value) for value in data] if isinstance(data, list) else data

    def _check_in(self, seconds: float) -> None:
        self._due = self._clock.seconds() + seconds
        self._timer = self._clock.callLater(seconds, self._check_silence)

    def _check_silence(self) -> None:
        """Whether the first command without an answer has had its time."""
        self._timer = None
        if not self._asked:
            return
        now = self._clock.seconds()
        left = self._asked[0] + self._patience - now
        if left > 0:
            self._check_in(left)
        elif now - self._due > PUNCTUAL and not self._spared:
            self._spared = True
            self._check_in(self._patience)
        else:
            self._read_first(self._asked[0], now + self._patience)

    def _read_first(self, asked: float, end: float) -> None:
        """The reactor runs timers before it reads: let it read. A long answer takes several turns."""
        self._heard = False
        self._timer = self._clock.callLater(0, self._judge, asked, end)

    def _judge(self, asked: float, end: float) -> None:
        if not self._asked or self._asked[0] != asked:
            self._check_silence()
        elif self._heard and self._clock.seconds() < end:
            self._read_first(asked, end)
        else:
            self._timer = None
            while self.replyQueue.waiting:
                self.replyReceived(txredisapi.TimeoutError(f"no answer within {self._patience:g} seconds"))
            self.abort()

    def connectionLost(self, why: Failure) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.reason = describe_error(why.value)
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


class _ProtocolFactory(Factory):
    noisy = False

    def __init__(self, make: Callable[[], RedisProtocol]) -> None:
        self._make = make

    def buildProtocol(self, _addr: IAddress | None) -> RedisProtocol:
        return self._make()


async def dial(endpoint: IStreamClientEndpoint, make: Callable[[], RedisProtocol]) -> RedisProtocol:
    """A new connection. Raises Unusable when there is none."""
    try:
        protocol: Any = await endpoint.connect(_ProtocolFactory(make))
    except (CancelledError, ConnectingCancelledError):
        raise CancelledError from None
    except Exception as error:  # refused, no such host, no such socket ...
        raise Unusable(describe_error(error)) from error
    return protocol  # type: ignore[no-any-return]


async def log_in(protocol: RedisProtocol, username: str, password: str, db: int, *, as_master: bool) -> None:
    """Make a connection ready for use. ``as_master``: only a master will do.

    Raises Unusable when the server does not answer or refuses, as one does that is still loading. Then, and when
    cancelled, the connection is gone.
    """
    try:
        if password:
            await ask(protocol, "AUTH", *([username] if username else []), password)
        if as_master and (await ask(protocol, "ROLE"))[0] != "master":
            raise Unusable("this is not the master")
        if db:
            await ask(protocol, "SELECT", db)
        await ask(protocol, "PING")
    except BaseException:
        protocol.abort()
        raise


async def ask(protocol: RedisProtocol, *words: str | bytes | int) -> Any:
    """The answer to one command on a new connection. Raises Unusable."""
    try:
        return await protocol.execute_command(*words)
    except txredisapi.ResponseError as error:
        raise Refused(str(words[0]), str(error)) from error
    except txredisapi.TimeoutError as error:
        raise Unusable("no answer") from error
    except txredisapi.ConnectionError as error:
        raise Unusable(protocol.reason or "connection lost") from error


def kind_of(error: Exception | str) -> str:
    """The part of an error of Redis that names its kind; the rest may hold values."""
    return str(error).partition(" script: ")[0][:80]
