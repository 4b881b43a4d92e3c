"""Started and stopped while Redis is away: it comes up, and it always ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from tests.factories import webhook
from tests.inspector import K
from tests.scenarios.outage import OwnWorld
from tests.scenarios.outside import NEXMO_DOOR
from tests.scenarios.world import BOB, DELAY, ONE
from tests.support import turn, until

#: Seconds on the clock that a service which stops gives to what it has begun.
PATIENCE = 10


class StartWithoutRedisTests(OwnWorld):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        await self.stop_all()
        self.lines.clear()

    async def test_without_redis(self) -> None:
        """Started while Redis is down it comes up, says so, answers 503, and begins to work when Redis comes."""
        for hook in self.layer.webhooks:
            self.layer.webhooks.deactivate(hook.id)
        self.server.kill()
        service = self.begin()
        await self.turned_away()
        self.clock.advance(1)
        self.assertEqual(len([line for line in self.lines.ours if "no connection yet" in line]), 1)
        await self.pass_time(30)
        self.assertFalse(service.ready)
        self.assertEqual(len([line for line in self.lines.ours if "no connection yet" in line]), 1)
        self.server.start()
        await until(lambda: service.ready, 1_000_000)
        await self.pass_time(60)
        (hook,) = self.layer.webhooks
        self.assertEqual(hook.status, "active")
        await self.text_unread()
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_verification(self) -> None:
        """What needs no Redis is answered without it: a challenge, a stranger, a bare GET."""
        self.server.kill()
        self.begin()
        self.assertEqual((await self.caller.ask("GET", "/nexmo-new-message?verification_challenge=x")).body, b"x")
        self.assertEqual((await self.caller.event(webhook(), layer_webhook_signature=None)).code, 403)
        self.assertEqual((await self.caller.ask("GET", NEXMO_DOOR)).code, 200)


class StopWithoutRedisTests(OwnWorld):
    async def ended(self) -> float:
        """Stops the service; returns how many seconds of the clock it took, or fails after a minute of them."""
        self.running.remove(self.service)
        done = self.service.stopService()
        for passed in range(60):
            for _ in range(100):
                await turn()
            if done.called:
                await self.assert_nothing_left()
                return passed
            self.clock.advance(1)
        raise AssertionError("it does not end")

    async def assert_nothing_left(self) -> None:
        """No timer and no connection; of those at the real reactor trial takes care."""
        await self.sandbox.stop()  # the companies keep their connections to the doors
        for _ in range(5):
            await turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def at_work(self, condition: Callable[[], object], seconds: float = 0.0) -> None:
        """Lets the service work until the condition holds. It may be in the middle of something then."""

        def holds() -> object:
            self.clock.advance(seconds)
            return condition()

        await until(holds)

    async def text_under_way(self) -> None:
        """Nexmo has accepted an SMS, but its answer takes another five seconds."""
        self.fault(path="/sms/json", delay=5.0, done=True)
        await self.send()
        self.clock.advance(DELAY)
        await self.at_work(lambda: self.nexmo.sent)

    async def test_nothing_under_way(self) -> None:
        """Stopped while Redis is down and with nothing under way, it ends at once."""
        await self.send()
        self.server.kill()
        await self.turned_away()
        self.assertEqual(await self.ended(), 0)

    async def test_between_two_looks(self) -> None:
        """The same when every part has noticed, and pauses."""
        self.server.kill()
        await self.pass_time(60)
        self.assertEqual(await self.ended(), 0)

    async def test_never_came(self) -> None:
        """The same when it was started without Redis."""
        await self.stop_all()
        self.server.kill()
        self.begin()
        await self.turned_away()
        self.assertEqual(await self.ended(), 0)

    async def test_hung(self) -> None:
        """Stopped while Redis says nothing, with a webhook at the door, it ends without the clock."""
        self.server.pause()
        site: Any = self.service.listeners.public
        connections = len(site.limits.connections)
        asking = Deferred.fromCoroutine(self.caller.event(webhook()))
        await until(lambda: len(site.limits.connections) > connections)
        for _ in range(5):
            await turn()
        self.running.remove(self.service)
        await self.service.stopService()
        self.assertEqual((await asking).code, 503)
        self.server.go_on()
        await until(lambda: self.server.clients() == 0)
        await self.assert_nothing_left()

    async def test_text_under_way(self) -> None:
        """What is known of an SMS cannot be written down any more: ten seconds, then it ends. The SMS is uncertain."""
        await self.text_under_way()
        self.server.kill()
        self.clock.advance(5)
        await until(lambda: self.sandbox.idle().called)
        self.assertLessEqual(await self.ended(), PATIENCE + 1)
        self.server.start()
        self.begin()
        await until(lambda: self.service.ready, 1_000_000)
        await self.pass_time(100)
        self.assertEqual(len(self.nexmo.sent), 1)
        self.assertEqual(self.server.ask("ZCARD", K.out_uncertain), 1)

    async def test_answer_kept(self) -> None:
        """When Redis is back in time, what is known of the SMS is written down, and it is no uncertain one."""
        await self.text_under_way()
        self.server.kill()
        for _ in range(10):
            self.clock.advance(1)
            for _ in range(20):
                await turn()
        self.assertEqual(self.counted("sms_accepted"), 0)
        self.server.start()
        await self.connected()
        await self.at_work(lambda: self.counted("sms_accepted"), 0.1)
        self.assertEqual((self.counted("sms_accepted"), self.counted("sms_uncertain")), (1, 0))
        await self.pass_time(DELAY)
        self.assertEqual(len(self.nexmo.sent), 1)
        self.assertEqual(self.server.ask("ZCARD", K.out_queue), 0)

    async def test_reply_under_way(self) -> None:
        """A reply that is just being posted holds it up no longer, and stands there once in the end."""
        await self.text_unread()
        self.fault(path="/messages", method="POST", delay=5.0, done=True)
        self.nexmo.reply(BOB, ONE, "Yes")
        await self.at_work(lambda: len(self.posted()) == 2)
        self.server.kill()
        self.clock.advance(5)
        self.assertLessEqual(await self.ended(), PATIENCE + 1)
        self.server.start()
        self.begin()
        await until(lambda: self.service.ready, 1_000_000)
        await self.pass_time(100)
        self.assertEqual(self.posted()[1:], [("bob", "Yes")])
        self.assertEqual(self.counted("replies_closed", "posted"), 1)

    async def test_registration_under_way(self) -> None:
        """Nor does a look at the registration, whose calls the companies leave without an answer."""
        self.fault(path="/webhooks", delay=3600.0, times=0)
        self.fault(path="/account/numbers", delay=3600.0, times=0)
        self.clock.advance(60)
        await until(lambda: self.service.pipeline.registration.poller.busy)
        for _ in range(100):
            await turn()
        self.server.kill()
        self.assertLessEqual(await self.ended(), PATIENCE + 1)
