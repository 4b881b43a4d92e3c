"""Registration: the chat platform and the SMS provider are told where we are, and told again when they forget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain import phones
from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.engine.issues import Issue, Troubles
from nexmo_twisted.engine.poller import Poller
from nexmo_twisted.errors import AccountFault, NexmoTwistedError, StoreUnavailable
from nexmo_twisted.ports import ChatPlatform, Metrics, SmsProvider, Store

#: Seconds from one look to the next, and how long a look is one process's alone.
EVERY = 60.0
ALONE = 50.0


class Registration:
    """Looks every minute, one process at a time. What fails is logged when it begins to fail and tried again."""

    _log = Logger()

    def __init__(
        self,
        store: Store,
        chat: ChatPlatform,
        provider: SmsProvider,
        sms_url: str,
        numbers: Sequence[str],
        clock: IReactorTime,
        wall: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._chat = chat
        self._provider = provider
        self._sms_url = sms_url
        self._numbers = numbers
        self._metrics = metrics
        self._complaints = Troubles(wall)
        self._locked = False
        self._mended = False
        self.poller = Poller("registration", clock, self._look, longest=EVERY)
        self.start = self.poller.start

    async def _look(self) -> float | None:
        self._locked = await self._store.acquire_lock("registration", ALONE)
        if self._locked:
            await self._tell("chat webhook", self._webhook)
            await self._tell("SMS numbers", self._inbound)
        return EVERY

    async def _tell(self, what: str, do: Callable[[], Awaitable[None]]) -> None:
        """Do one part of it; what fails does not keep the other parts from being done."""
        try:
            await do()
        except StoreUnavailable:
            raise
        except NexmoTwistedError as error:
            self._metrics.count("registration_failures")
            self._complain(
                what,
                error.reason,
                f"Registration: {what} cannot be checked or repaired: {error.reason}",
                alarm=isinstance(error, AccountFault),
            )
        else:
            self._complaints.note(what, "")

    async def _webhook(self) -> None:
        done = await self._chat.ensure_registered()
        for each in done:
            self._log.info("Registration: chat webhook {done}", done=each)
        if done and self._mended:
            self._metrics.count("registration_failures")
            sentence = "Registration: the chat webhook was deactivated again; check that server.url is reachable"
            self._complain("active chat webhook", "was deactivated again", sentence, alarm=True)
        elif not done:
            self._complaints.note("active chat webhook", "")
        self._mended = bool(done)

    async def _inbound(self) -> None:
        owned = {number.msisdn: number for number in await self._provider.numbers()}
        missing = [number for number in self._numbers if number not in owned]
        await self._store.set_unowned_numbers(missing)
        self._complain(
            "configured numbers",
            f"the account does not own {', '.join(map(phones.masked, missing))}" if missing else "",
            f"Registration: the account does not own {', '.join(missing)}; no new conversation uses them",
            alarm=True,
        )
        for number in self._numbers:
            what = f"inbound URL of {phones.masked(number)}"
            if number in owned and owned[number].inbound_url != self._sms_url:
                await self._tell(what, partial(self._route, owned[number]))
            else:
                self._complaints.note(what, "")

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
        """Waits for the present look, ten seconds at most, and lets the next process look at once."""
        await self.poller.stop()
        if self._locked:
            with suppress(StoreUnavailable):
                await self._store.release_lock("registration")

    def issues(self) -> list[Issue]:
        """What this process could not look after, or found amiss, if it was the one that looked last."""
        return self._complaints.all() if self._locked else []

    def _complain(self, about: str, reason: str, sentence: str, *, alarm: bool) -> None:
        """Log a fault when it begins and when it changes, not every minute. A blank reason ends it."""
        if self._complaints.note(about, reason):
            (self._log.error if alarm else self._log.warn)("{sentence}", sentence=sentence)
