"""Monitors Redis: whether it accepts writes, whether it still has what it confirmed, and how much work it holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain.heartbeat import Heartbeat, RedisSettings, doubts, forged_stops, rolled_back, set_aside, skew
from nexmo_twisted.engine.issues import Issue, IssueLog
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.ports import Metrics

#: Seconds between two heartbeats, and between two checks of the settings of Redis.
EVERY = 1.0
SETTINGS_EVERY = 60.0
#: Milliseconds that Redis keeps a heartbeat: longer than an outage that is worth an alarm of its own.
REMEMBERED = 24 * 3_600_000
#: Seconds that a data loss stays on the health page after it was noticed.
IN_SIGHT = 3600.0
#: Seconds of clock difference at which a warning begins, and at which it ends.
SKEWED, IN_STEP = 2.0, 1.0


class Watched(Protocol):
    """Redis as seen by one process. Every method raises StoreUnavailable and nothing else."""

    async def heartbeat(self, number: int, remember: int) -> Heartbeat:
        """Write the number of this beat, remembered for so many ms. Refused whenever a webhook could not be stored."""

    async def settings(self) -> RedisSettings:
        """What decides what Redis may lose."""

    async def forget(self) -> None:
        """There will be no more beats."""


class RedisMonitor:
    """Sends a heartbeat once a second, and keeps what Redis answers.

    Each heartbeat writes a number, one higher than the last, and reads the number that was there. If that is lower than
    the last one that Redis confirmed, or missing, Redis has lost data: after a power loss, a failover to a replica that
    was behind, the restore of a backup, or FLUSHALL. Messages are missing then, or will be sent twice, and nothing else
    would show it. It is logged and counted, and work continues.

    Each process has a number of its own: a shared one would soon be as high again as before the loss. A heartbeat
    without an answer may have been written or not, so the last answered one counts. A loss between two heartbeats, or
    while no process runs, is not noticed.

    ``wall`` is the time of day, in seconds since the epoch; ``clock`` times the heartbeats.
    """

    _log = Logger()

    def __init__(self, redis: Watched, *, clock: IReactorTime, wall: Callable[[], float], metrics: Metrics) -> None:
        self.heartbeat = Heartbeat()  #: the newest one
        self.skew = 0.0  #: seconds that Redis' clock is ahead of ours, at least
        self._redis = redis
        self._clock = clock
        self._wall = wall
        self._metrics = metrics
        self._sent = self._confirmed = 0
        self._away: Issue | None = Issue("Redis", wall(), "not connected to Redis")
        self._alarmed = False
        self._rollback: tuple[float, Issue] | None = None
        self._warnings = IssueLog(wall)
        self._skewed = False
        self._settings_at = 0.0
        self.poller = Poller("redis_monitor", clock=clock, poll=self._poll, longest=EVERY)
        self.start = self.poller.start

    @property
    def busy(self) -> bool:
        return self.poller.busy

    async def stop(self) -> None:
        """Wait for the heartbeat in progress, which ends by itself."""
        await self.poller.stop()
        if self._confirmed:
            with suppress(StoreUnavailable):
                await self._redis.forget()

    def away(self) -> list[Issue]:
        """The issue that webhooks cannot be stored, if that is so."""
        return [self._away] if self._away else []

    def issues(self) -> list[Issue]:
        """Sending is suspended; Redis lost data within the last hour."""
        found = []
        if self.heartbeat.suspended_since is not None:
            found.append(
                Issue(
                    "outgoing SMS",
                    self.heartbeat.suspended_since / 1000,
                    f"suspended: {self.heartbeat.suspended_reason}",
                )
            )
        if self._rollback is not None and self._clock.seconds() - self._rollback[0] < IN_SIGHT:
            found.append(self._rollback[1])
        return found

    def warnings(self) -> list[Issue]:
        """Settings with which Redis may lose data, clocks that differ, webhooks in quarantine."""
        aside = [Issue(what, since / 1000, reason) for what, since, reason in set_aside(self.heartbeat)]
        return self._warnings.all() + aside

    async def _poll(self) -> float:
        try:
            await self._beat()
            if self._clock.seconds() >= self._settings_at:
                self._check_settings(await self._redis.settings())
                self._settings_at = self._clock.seconds() + SETTINGS_EVERY
        except StoreUnavailable as error:
            self._report_outage(error.reason)
        return EVERY

    async def _beat(self) -> None:
        self._sent += 1
        number, asked = self._sent, self._wall()
        heartbeat = await self._redis.heartbeat(number, REMEMBERED)
        answered = self._wall()
        if rolled_back(heartbeat.before, self._confirmed, heartbeat.now - self.heartbeat.now, REMEMBERED):
            self._report_data_loss()
        self.heartbeat, self._confirmed = heartbeat, number
        self._report_skew(skew(heartbeat.now, asked, answered))
        if self._warnings.note("blocked handsets", reason := forged_stops(heartbeat)) and reason:
            self._log.warn("Blocked handsets: {reason}; require signed webhooks", reason=reason)
        if self._away:
            self._away = None
            self._settings_at = 0.0  # it may be another one
        if self._alarmed:
            self._alarmed = False
            self._log.info("Redis: recovered, webhooks are accepted again")

    def _report_outage(self, reason: str) -> None:
        self._away = Issue("Redis", self._away.since if self._away else self._wall(), reason)
        if not self._alarmed:
            self._alarmed = True
            self._log.error("Redis unavailable, webhooks are answered 503: {reason}", reason=reason)

    def _report_data_loss(self) -> None:
        reason = "Redis has lost data that it had confirmed (power loss, failover, restore or FLUSHALL)"
        self._rollback = self._clock.seconds(), Issue("Redis data", self._wall(), reason)
        self._metrics.count("redis_data_loss")
        self._log.critical(
            "{reason}: messages may be missing or sent twice; check the persistence of Redis", reason=reason
        )

    def _report_skew(self, seconds: float) -> None:
        self.skew, was, apart = seconds, self._skewed, abs(seconds)
        self._skewed = apart >= (IN_STEP if was else SKEWED)
        if self._skewed and not was:
            reason = f"the clock of Redis is {apart:.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
            self._warnings.note("clock", reason)
            self._log.error(
                "Redis: {reason}; signatures with a time may be rejected, delays may end early or late; synchronise "
                "the clocks (NTP)",
                reason=reason,
            )
        elif not self._skewed:
            self._warnings.note("clock", "")

    def _check_settings(self, settings: RedisSettings) -> None:
        for what, reason in doubts(settings).items():
            if self._warnings.note(what, reason):
                self._log.warn("{what}: {reason}", what=what, reason=reason)
