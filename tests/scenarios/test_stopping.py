"""Stopping: every step is done, whatever becomes of the others."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet import reactor
from twisted.internet.protocol import Factory

from nexmo_twisted.service import NexmoService
from tests.network import Listener
from tests.scenarios.outside import Lines
from tests.scenarios.world import World, free_port
from tests.support import until


class StuckEndpoint(Service):
    """A door that cannot be closed."""

    def stopService(self) -> None:
        raise ZeroDivisionError


async def fails() -> None:
    raise LookupError


class StopTests(World):
    async def connections(self) -> int:
        listed: str = await self.redis("CLIENT", "LIST")
        return len(listed.splitlines())

    async def test_a_step_that_fails(self) -> None:
        """It is told, and keeps no other from being done: doors are closed, nothing of ours is left at Redis."""
        before, port, lines = await self.connections(), free_port(), Lines(self)
        service = NexmoService(self.configured(port), reactor, clock=self.clock, now=self.now, after_work=fails)
        service.listeners.ports.insert(0, StuckEndpoint())
        service.privilegedStartService()
        service.startService()
        await until(lambda: service.ready)
        self.assertGreater(await self.connections(), before)
        await service.stopService()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertIn("Service: stopped", lines.all)
        await Listener(Factory(), port).stop()
        for _ in range(1000):
            if await self.connections() == before:
                break
        self.assertEqual(await self.connections(), before)
