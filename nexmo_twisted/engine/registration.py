"""Registration: the chat platform and the SMS provider are told where we are, and told again when they forget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.boundaries import ChatPlatform, Counters, SmsProvider, Store
from nexmo_twisted.engine.loop import Loop
from nexmo_twisted.errors import AccountFault, NexmoTwistedError, StoreUnavailable
from nexmo_twisted.model import OwnedNumber
from nexmo_twisted.rules import phones

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
        name: str,
        chat_url: str,
        chat_secret: str,
        sms_url: str,
        numbers: Sequence[str],
        clock: IReactorTime,
        counters: Counters,
    ) -> None:
        self._store = store
        self._chat = chat
        self._provider = provider
        self._name = name
        self._chat_url = chat_url
        self._chat_secret = chat_secret
        self._sms_url = sms_url
        self._numbers = numbers
        self._counters = counters
        self._complaints: dict[str, str] = {}
        self._locked = False
        self._mended = False
        self.loop = Loop("registration", clock, self._look, longest=EVERY)
        self.start = self.loop.start

    async def _look(self) -> float | None:
        self._locked = await self._store.lock("registration", ALONE)
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
            self._counters.count("registration_failures")
            self._complain(
                what, f"{what} cannot be looked after: {error.reason}", alarm=isinstance(error, AccountFault)
            )
        else:
            self._complaints.pop(what, None)

    async def _webhook(self) -> None:
        done = await self._chat.ensure_webhook(self._name, self._chat_url, self._chat_secret)
        for each in done:
            self._log.info("Chat webhook: {done}", done=each)
        if done and self._mended:
            self._counters.count("registration_failures")
            self._complain("webhook", f"Our webhook does not stay active: is {self._chat_url} reachable?", alarm=True)
        elif not done:
            self._complaints.pop("webhook", None)
        self._mended = bool(done)

    async def _inbound(self) -> None:
        owned = {number.msisdn: number for number in await self._provider.numbers()}
        missing = [number for number in self._numbers if number not in owned]
        await self._store.set_unowned(missing)
        for number in missing:
            self._complain(number, f"The account does not own {number}: it gets no new conversation", alarm=True)
        for number in self._numbers:
            if number in owned:
                self._complaints.pop(number, None)
                if owned[number].inbound_url != self._sms_url:
                    await self._tell(f"inbound URL of {phones.masked(number)}", partial(self._route, owned[number]))

    async def _route(self, number: OwnedNumber) -> None:
        await self._provider.route_inbound(number, self._sms_url)
        tell = self._log.warn if number.inbound_url else self._log.info
        tell(
            "Replies to {number} come to us now; they went to {before}",
            number=phones.masked(number.msisdn),
            before=number.inbound_url or "nobody",
        )

    @property
    def busy(self) -> bool:
        return self.loop.busy

    async def stop(self) -> None:
        """Waits for the present look, ten seconds at most, and lets the next process look at once."""
        await self.loop.stop()
        if self._locked:
            with suppress(StoreUnavailable):
                await self._store.unlock("registration")

    def _complain(self, about: str, sentence: str, *, alarm: bool) -> None:
        """Log a fault when it begins and when it changes, not every minute."""
        if self._complaints.get(about) != sentence:
            self._complaints[about] = sentence
            (self._log.error if alarm else self._log.warn)("{sentence}", sentence=sentence)
