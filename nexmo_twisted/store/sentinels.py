"""What Sentinel knows: which of several servers is the master, and that this is about to change.

Redis documentation, "Sentinel client spec" and "High availability with Redis Sentinel".
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from nexmo_twisted.store.protocol import RedisProtocol, Unusable, dial

#: Seconds that all sentinels together get to say who the master is.
ANSWER_TIMEOUT = 1.0
#: Seconds after which a sentinel that hung up is listened to again.
LISTEN_AGAIN = 1.0

Host = tuple[str, int]
Changing = Callable[[Host | None], None]


@dataclass(frozen=True, slots=True)
class MasterReport:
    """What one sentinel says. ``epoch`` counts the failovers it knows of: who knows of more is right.

    ``failing_over``: a replica is being made master, but is not known to be one yet. What the old master stores now
    is lost.
    """

    epoch: int
    master: Host
    failing_over: bool


class Sentinels:
    """All sentinels of one master.

    The moment between a replica's promotion and the old master's demotion is a second and more, in which the old one
    accepts what will be thrown away. So the sentinels are listened to: ``changing`` is called with None when one of
    them begins a failover, which is a tenth of a second before it promotes a replica, and :meth:`master` names none
    until the new one is there. When it is over they call ``changing`` with the new master.
    """

    def __init__(self, reactor: Any, *, hosts: Collection[Host], name: str, changing: Changing) -> None:
        self._reactor = reactor
        self._hosts = hosts
        self._name = name
        self._changing = changing
        self._listening: list[Deferred[None]] = []

    async def master(self) -> Host:
        """Where the master is. Raises Unusable when no sentinel knows, or a failover is under way."""
        asking = [Deferred.fromCoroutine(self._ask(host)) for host in self._hosts]
        for each in asking:
            each.addTimeout(ANSWER_TIMEOUT, self._reactor, onTimeoutCancel=lambda *_: None)
        found = await gatherResults(asking, consumeErrors=True)
        opinions = [opinion for opinion in found if opinion is not None]
        if not opinions:
            raise Unusable(f"no sentinel reports the address of master {self._name}")
        newest = max(opinion.epoch for opinion in opinions)
        latest = [opinion for opinion in opinions if opinion.epoch == newest]
        if any(opinion.failing_over for opinion in latest):
            raise Unusable("failover in progress")
        return latest[0].master

    async def _ask(self, host: Host) -> MasterReport | None:
        try:
            line = await dial(self._endpoint(host), lambda: RedisProtocol(self._reactor))
        except Unusable:
            return None
        try:
            flat = await line.execute_command("SENTINEL", "MASTER", self._name)
            ip, port = await line.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
        except CancelledError:
            raise
        except Exception:  # whatever it says instead, it does not know
            return None
        finally:
            line.abort()
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        unchanged = (ip, port) == (state["ip"], state["port"])
        return MasterReport(
            int(state["config-epoch"]), (ip, int(port)), unchanged and "failover_in_progress" in state["flags"]
        )

    def listen(self) -> None:
        """Have ``changing`` called from now on."""
        self._listening = [Deferred.fromCoroutine(self._listen(host)) for host in self._hosts]

    def stop(self) -> None:
        """Stop listening."""
        for listening in self._listening:
            listening.addErrback(lambda failure: failure.trap(CancelledError))
            listening.cancel()

    async def _listen(self, host: Host) -> None:
        while True:
            try:
                ear = await dial(
                    self._endpoint(host), lambda: _FailoverSubscriber(self._reactor, self._name, self._changing)
                )
                try:
                    await ear.lost
                finally:
                    ear.abort()
            except Unusable:
                pass  # one that is away is no outage: there are others
            await deferLater(self._reactor, LISTEN_AGAIN)

    def _endpoint(self, host: Host) -> HostnameEndpoint:
        return HostnameEndpoint(self._reactor, host[0].encode("idna"), host[1], timeout=ANSWER_TIMEOUT)


class _FailoverSubscriber(RedisProtocol):
    """Notices when a failover begins, and when it is over."""

    def __init__(self, clock: IReactorTime, name: str, changing: Changing) -> None:
        super().__init__(clock)
        self._name = name
        self._changing = changing

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.write(self._build_command("SUBSCRIBE", "+try-failover", "+switch-master"))

    def replyReceived(self, reply: Any) -> None:
        if not isinstance(reply, list) or reply[0] != "message":
            return
        match reply[1], reply[2].split():
            case "+try-failover", ["master", name, *_] if name == self._name:
                self._changing(None)
            case "+switch-master", [name, _, _, ip, port] if name == self._name:
                self._changing((ip, int(port)))
