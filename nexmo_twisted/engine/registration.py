"""Registration: checks the webhook at the chat platform and the inbound URLs at the SMS provider, and repairs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.engine.issues import Issue, IssueLog
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.errors import AccountFault, NexmoTwistedError, StoreUnavailable
from nexmo_twisted.ports import ChatPlatform, Metrics, SmsProvider
from nexmo_twisted.ports.store import Links, Locks

#: Seconds between two checks, and for how long one process has the lock of a check.
EVERY = 60.0
ALONE = 50.0


class Registration:
    """Checks every minute, in one process at a time. A failure is logged when it begins, and the check is repeated.
    ``chat`` is None for a chat platform where nothing is to be registered."""

    _log = Logger()

    def __init__(
        self,
        *,
        locks: Locks,
        links: Links,
        chat: ChatPlatform | None,
        provider: SmsProvider,
        sms_url: str,
        numbers: Sequence[str],
        clock: IReactorTime,
        wall: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._locks = locks
        self._links = links
        self._chat = chat
        self._provider = provider
        self._sms_url = sms_url
        self._numbers = numbers
        self._metrics = metrics
        self._issues = IssueLog(wall)
        self._locked = False
        self._repaired = False
        self.poller = Poller("registration", clock=clock, poll=self._poll, longest=EVERY)
        self.start = self.poller.start

    async def _poll(self) -> float | None:
        self._locked = await self._locks.acquire_lock("registration", ALONE)
        if self._locked:
            if self._chat is not None:
                await self._check("chat webhook", partial(self._webhook, self._chat))
            await self._check("SMS numbers", self._inbound)
        return EVERY

    async def _check(self, what: str, do: Callable[[], Awaitable[None]]) -> None:
        """Run one check; its failure does not prevent the other checks."""
        try:
            await do()
        except StoreUnavailable:
            raise
        except NexmoTwistedError as error:
            self._metrics.count("registration_failures")
            self._report(
                what,
                error.reason,
                f"Registration: {what} cannot be checked or repaired: {error.reason}",
                alarm=isinstance(error, AccountFault),
            )
        else:
            self._issues.note(what, "")

    async def _webhook(self, chat: ChatPlatform) -> None:
        done = await chat.ensure_registered()
        for each in done:
            self._log.info("Registration: chat webhook {done}", done=each)
        if done and self._repaired:
            self._metrics.count("registration_failures")
            sentence = "Registration: the chat webhook was deactivated again; check that server.url is reachable"
            self._report("active chat webhook", "was deactivated again", sentence, alarm=True)
        elif not done:
            self._issues.note("active chat webhook", "")
        self._repaired = bool(done)

    async def _inbound(self) -> None:
        owned = {number.msisdn: number for number in await self._provider.numbers()}
        missing = [number for number in self._numbers if number not in owned]
        await self._links.set_unowned_numbers(missing)
        self._report(
            "configured numbers",
            f"the account does not own {', '.join(map(phones.masked, missing))}" if missing else "",
            f"Registration: the account does not own {', '.join(missing)}; no new conversation uses them",
            alarm=True,
        )
        for number in self._numbers:
            what = f"inbound URL of {phones.masked(number)}"
            if number in owned and owned[number].inbound_url != self._sms_url:
                await self._check(what, partial(self._route, owned[number]))
            else:
                self._issues.note(what, "")

    async def _route(self, number: OwnedNumber) -> None:
        await self._provider.route_inbound(number, self._sms_url)
        tell = self._log.warn if number.inbound_url else self._log.info
        tell(
            "Registration: inbound URL of {number} set to this service, was {before}",
            number=phones.masked(number.msisdn),
            before=urlsplit(number.inbound_url).netloc or "not set",
        )

    @property
    def busy(self) -> bool:
        return self.poller.busy

    async def stop(self) -> None:
        """Wait for the check in progress, ten seconds at most, and release the lock."""
        await self.poller.stop()
        if self._locked:
            with suppress(StoreUnavailable):
                await self._locks.release_lock("registration")

    def issues(self) -> list[Issue]:
        """What the last check could not repair, if this process made it."""
        return self._issues.all() if self._locked else []

    def _report(self, about: str, reason: str, sentence: str, *, alarm: bool) -> None:
        """Log an issue when it begins and when its reason changes, not every minute. A blank reason clears it."""
        if self._issues.note(about, reason):
            (self._log.error if alarm else self._log.warn)("{sentence}", sentence=sentence)
