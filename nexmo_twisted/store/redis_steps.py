"""What all parts of the store in Redis have in common."""

from __future__ import annotations

from secrets import token_hex

from nexmo_twisted.store.connection import Connection, Now, redis_time


class RedisSteps:
    """``web`` serves the webhooks and ``work`` the engine, so that neither waits behind the other's commands.

    ``now`` gives the scripts their time: '' for Redis' own (production), absolute ms in tests and the sandbox. ``name``
    is what this process is called, differently at each start. ``conversation_prefix`` is what the ids of conversations
    begin with on this platform, and is not kept with messages.
    """

    def __init__(
        self, web: Connection, work: Connection, now: Now = redis_time, name: str = "", *, conversation_prefix: str = ""
    ) -> None:
        self._web = web
        self._work = work
        self._now = now
        self._name = name or token_hex(4)
        self._prefix = conversation_prefix
        self._received = {"out": 0, "in": 0}  #: the last token that a claim brought
        self._lost: set[str] = set()  #: queues of which the answer to a claim was lost, and not made up for yet
