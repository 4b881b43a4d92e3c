"""One crash from start to end with a chat of one's own: a message there, and the answer back."""

from __future__ import annotations

import json
from pathlib import Path
from signal import SIGKILL

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed
from twisted.web.server import Site

from nexmo_twisted.platforms.webhook.signatures import Signatures
from tests.chaos.crash_world import CrashWorld
from tests.chaos.expectations import Crash
from tests.chaos.forked_processes import ForkedProcesses
from tests.configuration import WHSEC
from tests.network import Listener
from tests.own_chat import OwnChat, sent
from tests.scenarios.world import BOB, ONE


class OwnChatCrashWorld(CrashWorld):
    """The chat repeats an event until it is answered 204, as the contract asks for."""

    def __init__(self, processes: ForkedProcesses, directory: Path, database: int, crash: Crash) -> None:
        super().__init__(processes, directory, database, crash)
        self._signatures = Signatures([WHSEC], reactor.seconds)
        self.chat = OwnChat(WHSEC, reactor.seconds)
        self._chat_listener = Listener(Site(self.chat))
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._http = HTTPClient(Agent(reactor, connectTimeout=1, pool=pool))

    async def run(self) -> list[str]:
        try:
            return await super().run()
        finally:
            await self._chat_listener.stop()

    async def _run(self) -> None:
        await self._start((self._crash.at,))
        await self.until(self._is_known, "Nexmo knows the service")
        talk = Deferred.fromCoroutine(self._talk())
        await self._wait_for_exit(-SIGKILL)
        await self._start(())
        await talk
        await self.at_rest()
        self.terminate()
        await self._wait_for_exit(0)

    async def _talk(self) -> None:
        """Ann writes to Bob, who does not read it, and answers the SMS."""
        while not await self._event():
            await deferLater(reactor, 0.1)
        await self.until(lambda: self.nexmo.sent, "the SMS is sent")
        self.nexmo.reply(BOB, ONE, "Yes")
        await self.until(lambda: self.chat.posted, "the answer is posted")

    async def _event(self) -> bool:
        """Whether it was stored."""
        raw = json.dumps(sent()).encode()
        headers = self._signatures.signed("msg_1", raw)
        url = f"http://127.0.0.1:{self._port}/chat-events"
        try:
            answer = await self._http.post(url, data=raw, headers=headers, timeout=5)
        except (ConnectError, ConnectionClosed, ResponseFailed):
            return False
        return bool(answer.code == 204)

    def _environ(self) -> dict[str, str]:
        own = {
            "platform": "webhook",
            "webhook__secret": WHSEC,
            "webhook__api_url": f"http://127.0.0.1:{self._chat_listener.port}/sms",
            "introduce_conversation": "",
        }
        return super()._environ() | {f"NEXMO_TWISTED__{name.upper()}": value for name, value in own.items()}

    def _is_known(self) -> bool:
        return all(number.inbound_url for number in self.nexmo.numbers.values())

    def _deviations(self) -> list[str]:
        outcome: tuple[tuple[str, object, object], ...] = (
            ("SMS", len(self.nexmo.sent), 1),
            ("posts", self.chat.replies, [("42", "bob", "Yes")]),
            ("lookups", [call.path for call in self.chat.calls if call.method == "GET"], []),
            ("faults", self.chat.faults, []),
            ("left", self.redis.left(), []),
            ("errors", self._errors(), []),
        )
        return [f"{what}: {found}, not {due}" for what, found, due in outcome if found != due]
