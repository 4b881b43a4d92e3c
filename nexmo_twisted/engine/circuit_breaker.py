"""Circuit breakers: a remote service that fails repeatedly gets one request at a time until one succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from nexmo_twisted.domain.backoff import CAP
from nexmo_twisted.domain.model import Outcome, OwnedNumber, Sms, Verdict
from nexmo_twisted.errors import Declined, Intercepted, Permanent, Temporary
from nexmo_twisted.ports import ChatPlatform, SmsProvider

#: How many failures in a row open a circuit.
FAILURES = 5
#: Seconds between two probes: the first pause, doubled with every further failure, and the longest.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0


class CircuitBreaker:
    """The state of one remote service, as this process knows it.

    Every :meth:`request` counts as a success or a failure. After five failures in a row the circuit is open: one
    request at a time passes, with a pause after each failure, and the others raise Temporary at once. A success closes
    it. ``since`` is when it opened, in seconds of ``clock``. A request that something else answered says nothing about
    the remote: see :attr:`intercepted`.
    """

    _log = Logger()

    def __init__(self, name: str, clock: IReactorTime) -> None:
        self.name = name
        self.since: float | None = None
        self.reason = ""
        self._clock = clock
        self._failures = 0
        self._probing = False
        self._next = 0.0
        self._strange: dict[str, _Strange] = {}  # by call

    @property
    def open(self) -> bool:
        return self.since is not None

    @property
    def pause(self) -> float:
        """Seconds until the next probe may begin; 0 when there is nothing to wait for."""
        return max(0.0, self._next - self._clock.seconds()) if self.open else 0.0

    @property
    def intercepted(self) -> tuple[float, str] | None:
        """Since when something else answers in place of the remote, and the reason; None when nothing does.

        Of each call the last answer counts, as long as the call may still be waiting for its retry.
        """
        now = self._clock.seconds()
        found = [(each.since, each.reason) for each in self._strange.values() if now - each.last <= 2 * CAP]
        return min(found, default=None)

    @contextmanager
    def request(self, call: str = "") -> Iterator[None]:
        """Around one request. Temporary counts as a failure, a return, Permanent and Declined as a success;
        Intercepted as neither. ``call`` says which request it is, since one may be intercepted and others not."""
        probe = self.open
        if probe and (self._probing or self.pause):
            raise Temporary(f"{self.name} is failing; only one request at a time is sent", max(self.pause, FIRST_PAUSE))
        self._probing = probe
        try:
            yield
        except Intercepted as error:
            self._note(call, error.reason)
            raise
        except (Permanent, Declined):
            self._answered(call)
            raise
        except Temporary as error:
            self.record_failure(error.reason)
            raise
        else:
            self._answered(call)
        finally:
            if probe:
                self._probing = False

    def _note(self, call: str, reason: str) -> None:
        now, known = self._clock.seconds(), self._strange.get(call)
        if known is None:
            self._log.error(
                "{name}: not its own answer, others are sent first and this is retried: {reason}",
                name=self.name,
                reason=reason,
            )
        self._strange[call] = _Strange(known.since if known else now, now, reason)

    def _answered(self, call: str) -> None:
        self._strange.pop(call, None)
        self.record_success()

    def record_failure(self, reason: str) -> None:
        self._failures += 1
        self.reason = reason
        if self._failures < FAILURES:
            return
        doubled = FIRST_PAUSE * 2.0 ** min(self._failures - FAILURES, 10)
        self._next = self._clock.seconds() + min(doubled, LONGEST_PAUSE)
        if not self.open:
            self.since = self._clock.seconds()
            self._log.error(
                "{name}: {n} failures in a row, only one request at a time is sent: {reason}",
                name=self.name,
                n=FAILURES,
                reason=reason,
            )

    def record_success(self) -> None:
        if self.open:
            self._log.info("{name}: recovered", name=self.name)
        self._failures, self.since, self.reason = 0, None, ""


class _Strange(NamedTuple):
    """Answers of something else: when the first and the last one came, in seconds of the clock, and the last reason."""

    since: float
    last: float
    reason: str


class _Failed(Temporary):
    """An outcome that counts as a failure of the remote."""


class GuardedChat:
    """A chat platform behind a circuit."""

    def __init__(self, chat: ChatPlatform, circuit: CircuitBreaker) -> None:
        self._chat = chat
        self._circuit = circuit
        self.read_payload = chat.read_payload

    async def identity(self, user_id: str) -> Mapping[str, Any]:
        with self._circuit.request("identity"):
            return await self._chat.identity(user_id)

    async def conversation(self, conversation_id: str) -> Mapping[str, Any]:
        with self._circuit.request("conversation"):
            return await self._chat.conversation(conversation_id)

    async def post(self, conversation_id: str, user_id: str, text: str, once: UUID) -> None:
        with self._circuit.request("post"):
            await self._chat.post(conversation_id, user_id, text, once)

    async def ensure_registered(self) -> Sequence[str]:
        with self._circuit.request("webhook"):
            return await self._chat.ensure_registered()


class GuardedProvider:
    """The sending side of an SMS provider behind a circuit; requests about its account always pass.

    A throttled request counts as a success: the provider works.
    """

    def __init__(self, provider: SmsProvider, circuit: CircuitBreaker) -> None:
        self._provider = provider
        self._circuit = circuit

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        outcome: Outcome | None = None
        try:
            with self._circuit.request():
                outcome = await self._provider.send(sms, until=until)
                if outcome.verdict in (Verdict.NOT_SENT, Verdict.UNCERTAIN) and not outcome.exceeded:
                    raise _Failed(outcome.reason)
        except Temporary as error:
            return outcome or Outcome(verdict=Verdict.NOT_SENT, reason=error.reason, retry_after=error.retry_after)
        return outcome

    async def numbers(self) -> Sequence[OwnedNumber]:
        return await self._provider.numbers()

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        await self._provider.route_inbound(number, url)


_chat: type[ChatPlatform] = GuardedChat
_provider: type[SmsProvider] = GuardedProvider
