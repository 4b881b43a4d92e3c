"""A Redis Cluster of three nodes on loopback: two with half of the slots each, and a replica of one of them."""

from __future__ import annotations

from tests.scenarios.own_redis import OwnRedis
from tests.scenarios.sentinels import eventually
from tests.scenarios.world import free_port

SLOTS = 16_384


class ClusterNode(OwnRedis):
    def __init__(self) -> None:
        self.port = free_port()
        while self.port > 55_535:  # the nodes speak with each other 10,000 ports above
            self.port = free_port()
        cluster = (
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--cluster-require-full-coverage",
            "no",
        )
        super().__init__("--port", str(self.port), "--bind", "127.0.0.1", *cluster)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        return str(self.ask("CLUSTER", "MYID"))

    @property
    def role(self) -> str:
        """What it takes itself for: "master", "connected slave" or another state of one."""
        try:
            role = self.ask("ROLE")
        except OSError:  # whose role changes hangs up on everybody
            return ""
        return "master" if role[0] == "master" else f"{role[3]} slave"

    @property
    def synchronous(self) -> bool:
        """A replica that has all that its master has."""
        return self.role == "connected slave"


class Cluster:
    """``owner`` has the slot of ``{chat1}``, ``replica`` is its replica, ``other`` has the other half of the slots."""

    def __init__(self) -> None:
        self.nodes = [ClusterNode() for _ in range(3)]
        halves = self.nodes[:2]
        number = self.slot("{chat1}:") // (SLOTS // 2)
        self.owner, self.other, self.replica = halves[number], halves[1 - number], self.nodes[2]

    def slot(self, key: str) -> int:
        return int(self.nodes[0].ask("CLUSTER", "KEYSLOT", key))

    async def form(self) -> None:
        """Returns when all know who has what."""
        for number, node in enumerate(self.nodes[:2]):
            node.ask("CLUSTER", "ADDSLOTS", *range(number * SLOTS // 2, (number + 1) * SLOTS // 2))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        await eventually(lambda: all(len(node.ask("CLUSTER", "NODES").splitlines()) == 3 for node in self.nodes))
        await eventually(lambda: self.owner.name in self.replica.ask("CLUSTER", "NODES"))
        self.replica.ask("CLUSTER", "REPLICATE", self.owner.name)
        await eventually(lambda: all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in self.nodes))
        await eventually(lambda: self.replica.synchronous)
        await eventually(lambda: self.agreed(self.owner))

    def agreed(self, owner: ClusterNode) -> bool:
        """All that run know that ``owner`` has the slot of ``{chat1}``."""
        return all(self._owner_for(node) in ("", f":{owner.port}") for node in self.nodes if node.process is not None)

    def _owner_for(self, node: ClusterNode) -> str:
        try:
            node.ask("GET", "{chat1}:schema")
        except Exception as error:
            return ":" + str(error).rpartition(":")[2]
        return f":{node.port}"

    async def fail_over(self) -> None:
        """The replica becomes the owner, in agreement with it."""
        self.replica.ask("CLUSTER", "FAILOVER")
        await eventually(lambda: self.replica.role == "master")
        self.owner, self.replica = self.replica, self.owner
        await eventually(lambda: self.replica.synchronous and self.agreed(self.owner))

    async def lose_owner(self) -> None:
        """The owner dies, and the replica takes its place."""
        self.owner.kill()
        self.replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        await eventually(lambda: self.replica.role == "master")
        self.owner, self.replica = self.replica, self.owner
        await eventually(lambda: self.agreed(self.owner))

    def close(self) -> None:
        for node in self.nodes:
            node.close()
