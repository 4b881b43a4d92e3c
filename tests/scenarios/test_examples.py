"""The examples run as they stand, beside a real service."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from nexmo_twisted.config.models import Settings
from tests.configuration import WHSEC
from tests.documents import ROOT
from tests.inspector import K
from tests.scenarios.world import BOB, ONE, World, free_port
from tests.support import turn

DELAY = 2.0
PATIENCE = 30.0  #: seconds, on a busy machine


class Example(ProcessProtocol):
    """One of them, as a process of its own. ``printed`` is what it prints."""

    def __init__(self) -> None:
        self.printed = ""
        self.ended: Deferred[None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.printed += data.decode()

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        del reason
        self.ended.callback(None)

    def type(self, line: str) -> None:
        assert self.transport is not None
        self.transport.write(line.encode() + b"\n")


class ExampleCase(World):
    """``script`` is run with ``environ()``."""

    script = ""

    async def asyncSetUp(self) -> None:
        self.chat_port = free_port()
        await super().asyncSetUp()
        self.clock.advance(time.time() - self.clock.seconds())  # both have one clock
        await self.settle()
        self.example = Example()
        command = [sys.executable, str(ROOT / "examples" / self.script)]
        process: Any = reactor.spawnProcess(self.example, command[0], command, {**os.environ, **self.environ()})

        def end() -> Deferred[None]:
            process.loseConnection()  # the end of what is typed
            return self.example.ended

        self.addCleanup(end)

    def environ(self) -> dict[str, str]:
        raise NotImplementedError

    async def printed(self, pattern: str) -> None:
        """Waits until the example has printed it."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.example.printed):
            if time.monotonic() > end:
                self.fail(f"never printed {pattern}: {self.example.printed}")
            await turn(0.01)
            self.clock.advance(0)

    async def there_and_back(self) -> None:
        """A message that is not read, one that is, and an answer."""
        self.example.type("ann: Lunch at one?")
        await self.printed(r"message\.sent 204")
        self.assertEqual(await self.redis("ZCARD", K.due), 1)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: Lunch at one?"])
        self.nexmo.reply(BOB, ONE, "Yes, gladly")
        await self.printed(r"(?s)bob: Yes, gladly.*message\.sent 204")
        await self.settle()
        self.assertEqual(self.counted("replies_closed", "posted"), 1)
        self.example.type("ann reads")
        await self.printed(r"message\.read 204")
        self.example.type("ann: Never mind")
        await self.printed(r"(?s)Never mind.*message\.sent 204")
        self.example.type("bob reads")
        await self.printed(r"(?s)Never mind(.*message\.read 204){3}")
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(), len(self.nexmo.sent)), (["Ann: Lunch at one?"], 1))


class OwnChatExampleTests(ExampleCase):
    script = "own_chat.py"

    def configured(self, port: int, **more: Any) -> Settings:
        webhook = {"secret": WHSEC, "api_url": f"http://127.0.0.1:{self.chat_port}/sms"}
        own = {"platform": "webhook", "webhook": webhook, "delay": int(DELAY * 1000)}
        return super().configured(port, **own, **more)

    def environ(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.port}/chat-events"
        return {"CHAT_SECRET": WHSEC, "CHAT_EVENTS": url, "CHAT_PORT": str(self.chat_port)}

    async def test_there_and_back(self) -> None:
        """A chat of one's own without any library."""
        await self.there_and_back()


class LayerCompatibleExampleTests(ExampleCase):
    script = "layer_compatible.py"

    def configured(self, port: int, **more: Any) -> Settings:
        layer = {"api_url": f"http://127.0.0.1:{self.chat_port}", "register": False}
        return super().configured(port, layer=layer, delay=int(DELAY * 1000), **more)

    def environ(self) -> dict[str, str]:
        credentials = self.credentials
        return {
            "LAYER_SECRET": credentials.layer_secret,
            "LAYER_APP_ID": credentials.layer_app_id,
            "LAYER_TOKEN": credentials.layer_token,
            "LAYER_WEBHOOK": f"http://127.0.0.1:{self.port}/nexmo-new-message",
            "LAYER_PORT": str(self.chat_port),
        }

    async def test_there_and_back(self) -> None:
        """The least that a backend in place of Layer must do."""
        await self.there_and_back()
        self.assertEqual(self.service.pipeline.registration.issues(), [])
