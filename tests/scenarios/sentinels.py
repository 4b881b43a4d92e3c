"""Three servers of which one is the master, and three sentinels that watch over them, on loopback."""

from __future__ import annotations

from collections.abc import Callable

from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.world import free_port
from tests.support import turn

NAME = "nexmo"
#: Milliseconds without an answer after which a sentinel takes a server for dead.
DOWN_AFTER = 1000

#: What keeps a master that was cut off from taking what will be thrown away later.
_CAREFUL = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "10", "--repl-diskless-sync-delay", "0")


async def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    """Waits until ``condition()`` holds, which is asked every fiftieth of a second."""
    for _ in range(int(seconds * 50)):
        if condition():
            return
        await turn(0.02)
    raise AssertionError(f"still not so after {seconds} seconds: {condition}")


class Node(OwnRedis):
    """A server that is a replica of the one at ``master``, or a master itself."""

    def __init__(self, port: int, master: int) -> None:
        self.port = port
        replica = () if port == master else ("--replicaof", f"127.0.0.1 {master}")
        super().__init__("--port", str(port), "--bind", "127.0.0.1", *_CAREFUL, *replica)

    @property
    def role(self) -> str:
        """What it takes itself for: "master" or "slave"."""
        return str(self.ask("ROLE")[0])

    def of_ours(self) -> int:
        """How many connections the service has to it: all that are neither its own kin nor ours just now."""
        lines = self.ask("CLIENT", "LIST", "TYPE", "normal").splitlines()
        return len([line for line in lines if "name=sentinel" not in line]) - 1

    @property
    def whole(self) -> bool:
        """It is the master, or has all that the master has."""
        state = self.info("replication")
        return state["role"] == "master" or state["master_link_status"] == "up"


class Sentinel(OwnRedis):
    """The same program as a sentinel. It looks around more often than usual, so that tests need not wait for it."""

    def __init__(self, port: int, master: int) -> None:
        self.port = port
        self._master = master
        super().__init__()

    def start(self, *options: str, until: bytes = b"+monitor master") -> None:
        configuration = self.directory / "sentinel.conf"
        if not configuration.exists():
            configuration.write_text(
                f"port {self.port}\nbind 127.0.0.1\nunixsocket {self.socket}\n"
                f"sentinel monitor {NAME} 127.0.0.1 {self._master} 2\n"
                f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\n"
                f"sentinel failover-timeout {NAME} 10000\n"
                f"sentinel parallel-syncs {NAME} 2\n"
            )
        self._run([str(configuration), "--sentinel", *options], until)
        self.ask("SENTINEL", "DEBUG", "INFO-PERIOD", 500, "PUBLISH-PERIOD", 200, "ASK-PERIOD", 200)

    def master(self) -> int:
        """The port of the master, as far as it knows."""
        return int(self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def knows_all(self) -> bool:
        """It has found both replicas and both other sentinels, and all is well."""
        flat = self.ask("SENTINEL", "MASTER", NAME)
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        found = (state["num-slaves"], state["num-other-sentinels"], state["flags"])
        return found == ("2", "2", "master")


class Cluster:
    """Six processes from :meth:`start` to :meth:`close`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.sentinels: list[Sentinel] = []

    async def start(self) -> None:
        """Returns when everybody knows everybody, and the replicas everything."""
        first, *others = [free_port() for _ in range(6)]
        for port in (first, *others[:2]):
            self.nodes.append(Node(port, first))
        for port in others[2:]:
            self.sentinels.append(Sentinel(port, first))
        await eventually(lambda: all(node.whole for node in self.nodes))
        await eventually(lambda: all(sentinel.knows_all() for sentinel in self.sentinels))

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}/0"

    @property
    def master(self) -> Node:
        """The one that the first sentinel takes for it."""
        port = self.sentinels[0].master()
        (node,) = [node for node in self.nodes if node.port == port]
        return node

    def close(self) -> None:
        for server in (*self.sentinels, *self.nodes):
            server.close()
