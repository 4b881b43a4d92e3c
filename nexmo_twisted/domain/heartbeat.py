"""The result of a heartbeat: the state and settings of Redis, the work in it, and the warnings that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The answer to one heartbeat: how much work Redis holds. Times are in ms, ages 0 when nothing is overdue.

    ``before`` is the number of the last heartbeat of this process that Redis remembers, None when it remembers none.
    ``now`` is Redis' time since the epoch. ``out`` and ``in_`` are the users and handsets that have jobs, ``out_jobs``
    and ``in_jobs`` those jobs, waiting or in progress (counted for the first thousand users or handsets, and as one
    for each further); the ages are those of the oldest due job. ``suspended_since`` is None unless sending is
    suspended. ``quarantined`` and ``unsigned`` are the webhooks in quarantine, with and without a valid signature, and
    since when. ``blocked_strangers`` are the handsets that sent STOP and never got an SMS. ``prefix`` is what the keys
    in Redis begin with.
    """

    before: int | None = None
    now: int = 0
    pending: int = 0
    pending_age: int = 0
    out: int = 0
    out_age: int = 0
    in_: int = 0
    in_age: int = 0
    uncertain: int = 0
    uncertain_age: int = 0
    out_dead: int = 0
    in_dead: int = 0
    out_jobs: int = 0
    in_jobs: int = 0
    suspended_since: int | None = None
    suspended_reason: str = ""
    quarantined: int = 0
    quarantined_since: int | None = None
    unsigned: int = 0
    unsigned_since: int | None = None
    blocked_strangers: int = 0
    prefix: str = "nx:"


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """The settings that decide what Redis may lose, each None when it cannot be read."""

    policy: str | None  #: maxmemory-policy
    aof: bool | None  #: appendonly
    fsync: str | None  #: appendfsync


#: What a power loss takes, by appendfsync.
_LOSS = {"everysec": "the last second", "no": "the last half minute"}


def doubts(settings: RedisSettings) -> dict[str, str]:
    """What may be lost because of the settings: each doubt there can be, with its reason, blank when there is none.

    Source: Redis documentation, "Key eviction" and "Redis persistence".
    """
    return {"Redis eviction": _eviction(settings.policy), "Redis durability": _durability(settings)}


def _eviction(policy: str | None) -> str:
    if policy is None:
        return "maxmemory-policy cannot be read: Redis may evict keys"
    if policy == "noeviction":
        return ""
    return f"Redis may evict keys of this service: maxmemory-policy is {policy}; use noeviction"


def _durability(settings: RedisSettings) -> str:
    if settings.aof is None:
        return "appendonly cannot be read: Redis may have no append-only file"
    if not settings.aof:
        return "no append-only file (appendonly no): when Redis stops, everything since its last snapshot is lost"
    if settings.fsync is None:
        return "appendfsync cannot be read: a power loss may lose confirmed data"
    if settings.fsync == "always":
        return ""
    lost = _LOSS.get(settings.fsync, "the newest data")
    return f"appendfsync is {settings.fsync}, not always: a power loss loses {lost}"


def set_aside(heartbeat: Heartbeat) -> Iterator[tuple[str, int, str]]:
    """The webhooks in quarantine: what they are, since when (ms), and the warning."""
    for count, since, whose, where in (
        (heartbeat.quarantined, heartbeat.quarantined_since, "signed", "quarantine"),
        (heartbeat.unsigned, heartbeat.unsigned_since, "unsigned", "quarantine:unsigned"),
    ):
        if count:
            key = heartbeat.prefix + where
            how = f"`nexmo-twisted explain` with an id, or the Redis list {key} (deleting it ends this warning)"
            reason = f"{count} in quarantine: see {how}"
            yield f"{whose} webhooks", since if since is not None else heartbeat.now, reason


#: More blocked handsets than this that never got an SMS are a warning.
MANY_STRANGERS = 100_000


def forged_stops(heartbeat: Heartbeat) -> str:
    """In words, that more strangers have said STOP than there can honestly be; blank when they have not."""
    if heartbeat.blocked_strangers <= MANY_STRANGERS:
        return ""
    return f"more than {MANY_STRANGERS:,} handsets that never got an SMS have sent STOP: inbound SMS may be forged"


def rolled_back(before: int | None, confirmed: int, silence: int, remembered: int) -> bool:
    """Whether Redis has lost what it confirmed: the last beat that it answered was ``confirmed``, and now it remembers
    ``before``. It forgets beats by itself after ``remembered`` ms; ``silence`` is how many have passed since that one.

    A later number than the confirmed one is a beat whose answer never came.
    """
    if before is None:
        return confirmed > 0 and silence < remembered
    return before < confirmed


def skew(redis: int, asked: float, answered: float) -> float:
    """How far the clock of Redis is ahead of ours, in seconds, at least; 0 unless that is certain.

    ``redis`` is what it said, in whole ms; it looked at its clock somewhere between our question and its answer, both
    in seconds since the epoch.
    """
    earliest, latest = redis / 1000, (redis + 1) / 1000
    if latest < asked:
        return latest - asked
    return max(0.0, earliest - answered)
