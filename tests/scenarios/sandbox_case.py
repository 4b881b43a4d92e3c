"""The whole sandbox in this process, on free ports, in real time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.web.client import Agent, ResponseFailed

from nexmo_twisted.sandbox.service import SandboxService, make_sandbox, sandbox_settings
from tests.network import request_headers
from tests.scenarios.world import BOB, free_port
from tests.support import AsyncCase, until

#: As many turns of the reactor as it takes, within the test's time limit.
PATIENCE = 10_000_000


class SandboxCase(AsyncCase):
    """A sandbox that runs. ``toml`` of a subclass are settings of the user's own."""

    timeout = 60
    toml = ""
    delay = 10.0

    async def asyncSetUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.ports = dict(zip(("companies", "service", "operator"), (free_port() for _ in range(3)), strict=True))
        self.http = HTTPClient(Agent(reactor))
        self._started: SandboxService | None = None
        self.addCleanup(self.stop)
        await self.start()

    async def start(self) -> None:
        config = None
        if self.toml:
            config = self.directory / "nexmo.toml"
            config.write_text(self.toml)
        settings = sandbox_settings(config, {}, **self.ports)
        self._started = make_sandbox(settings, reactor, self.directory / "data")
        self.running.privilegedStartService()
        self.running.startService()
        self.layer, self.nexmo = self.running.sandbox.layer, self.running.sandbox.nexmo
        await until(
            lambda: self.nexmo.numbers and all(each.inbound_url for each in self.nexmo.numbers.values()), PATIENCE
        )
        await until(lambda: any(hook.status == "active" for hook in self.layer.webhooks), PATIENCE)

    async def stop(self) -> None:
        if self._started is not None:
            running, self._started = self._started, None
            await running.stopService()

    @property
    def running(self) -> SandboxService:
        assert self._started is not None
        return self._started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['companies']}"

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        answer = await self.http.request(method, f"{self.url}{path}", data=data, headers=request_headers(headers))
        content = await answer.content()
        return answer.code, json.loads(content) if "json" in answer.headers.getRawHeaders("content-type")[
            0
        ] else content

    async def do(self, command: str, /, **body: Any) -> Any:
        """A command that has to succeed."""
        code, answer = await self.ask("POST", f"/control/{command}", body)
        assert code < 300, answer
        return answer

    async def view(self) -> Any:
        """What a page that is opened now is told first."""
        answer: Any = await self.http.get(f"{self.url}/events", unbuffered=True)
        chunks: list[bytes] = []
        reading = answer.collect(chunks.append).addErrback(lambda failure: failure.trap(ResponseFailed))
        await until(lambda: b"".join(chunks).count(b"\n\n") == 2, PATIENCE)
        answer.original._transport.loseConnection()  # noqa: SLF001 - treq has no other way to hang up
        await reading
        _, event, _ = b"".join(chunks).split(b"\n\n")
        return json.loads(event.removeprefix(b"data: "))["view"]

    async def timeline_lines(self) -> list[str]:
        """Everything on the timeline."""
        return [line["text"] for story in (await self.view())["stories"] for line in story["lines"]]

    def texts(self, handset: str = BOB) -> list[str]:
        return [sms.text for sms in self.nexmo.handset(handset) if sms.direction == "received"]

    def posted(self) -> list[str]:
        return [message.text for each in self.layer.conversations for message in self.layer.messages(each)]
