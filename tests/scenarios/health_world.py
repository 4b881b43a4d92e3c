"""The world on a Redis of its own, with the operator's pages and what they say is missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from nexmo_twisted.config.models import Settings
from tests.scenarios.outage import OwnWorld
from tests.scenarios.outside import Caller
from tests.scenarios.world import free_port


class HealthWorld(OwnWorld):
    """The world with a door for the operator, and a Redis that would lose nothing."""

    async def asyncSetUp(self) -> None:
        self.operator = free_port()
        await super().asyncSetUp()
        self.monitor = Caller(f"http://127.0.0.1:{self.operator}")

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, **{"operator": {"listen": f"tcp:{self.operator}:interface=127.0.0.1"}, **more})

    async def health(self) -> dict[str, Any]:
        """What is told, with the HTTP status beside it."""
        heard = await self.monitor.ask("GET", "/health")
        told: dict[str, Any] = json.loads(heard.body)
        return told | {"code": heard.code}

    async def missing(self, status: str, code: int) -> dict[str, tuple[str, str]]:
        """What is missing -> (since, reason); with this status, and all of it said once."""
        told = await self.health()
        self.assertEqual((told["status"], told["code"]), (status, code), told)
        found = {each["what"]: (each["since"], each["reason"]) for each in told["missing"]}
        self.assertEqual(len(found), len(told["missing"]))
        return found

    async def assert_well(self) -> None:
        self.assertEqual(await self.health(), {"status": "ok", "missing": [], "warnings": [], "code": 200})

    def time(self) -> str:
        return datetime.fromtimestamp(self.clock.seconds(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def back(self) -> None:
        """The server is there again, and has been found."""
        await self.connected()
        await self.pass_time(5)
