"""What a server is asked before it is used: whether it is the right one, and whether it may be touched at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.protocol import RedisProtocol, Refused, Unusable, ask
from nexmo_twisted.store.schema import VERSION
from nexmo_twisted.store.sentinels import Host


class Unsuitable(Unusable):
    """This Redis must not be used until it, or the settings, are changed."""


class Moved(Exception):
    """Another node of the cluster has our keys: ``host``, whose name is blank if it is that of the node asked."""

    def __init__(self, host: Host) -> None:
        self.host = host


async def admit(protocol: RedisProtocol, scripts: Scripts) -> Sequence[Host]:
    """Whether a server that has let us in is used. Returns the nodes of its cluster, none if it is in no cluster.

    Raises Moved, or Unusable; then nothing was touched.
    """
    clustered = await _in_cluster(protocol)
    if clustered and "{" not in scripts.prefix:
        raise Unsuitable(
            f"it is a node of a Redis Cluster, and server.redis_prefix {scripts.prefix!r} has no hash tag: set one, "
            'such as "{chat1}:", which keeps all keys on one node'
        )
    await check_schema(protocol, scripts)
    return await _nodes(protocol) if clustered else ()


async def check_schema(protocol: RedisProtocol, scripts: Scripts) -> None:
    """What is stored there must have the form that this process knows."""
    _, source = scripts["check_schema"]
    try:
        found, unversioned = await ask(protocol, "EVAL", source, 1, scripts.key, VERSION)
    except Refused as refused:
        moved = re.match(r"MOVED \d+ (.*):(\d+)$", refused.answer)
        if moved is None:
            raise
        raise Moved((moved[1], int(moved[2]))) from None
    if found == str(VERSION):
        return
    what = f"{scripts.key} is {found[:20]!a}"
    if unversioned:
        what = f"{unversioned} is of a version before {VERSION}"
    raise Unsuitable(
        f"{what}, and this version reads {VERSION}: nothing is touched; run the version that wrote it, or remove its "
        "keys, or use another server.redis or server.redis_prefix"
    )


async def _in_cluster(protocol: RedisProtocol) -> bool:
    """By its own answer. A server that does not say so counts as none; then a MOVED shows that it is one."""
    answer: object = None
    with suppress(Refused):
        answer = await ask(protocol, "HELLO")
    return isinstance(answer, list) and dict(zip(answer[::2], answer[1::2], strict=False)).get("mode") == "cluster"


async def _nodes(protocol: RedisProtocol) -> Sequence[Host]:
    """Every node that this one knows the address of."""
    table = ""
    with suppress(Refused):
        table = str(await ask(protocol, "CLUSTER", "NODES"))
    return [(host, int(port)) for host, port in re.findall(r"^\w+ ([^ @]+):(\d+)", table, re.MULTILINE)]
