"""What is known after an attempt to send decides what happens next."""

from __future__ import annotations

from typing import Any

from nexmo_twisted.store.schema import F
from tests.inspector import K
from tests.scenarios.world import BOB, CLEO, DELAY, LUNCH, NO_RECEIPTS, TALK, World
from tests.support import turn, until


class SendAttemptTests(World):
    async def uncertain(self) -> list[str]:
        uncertain: list[str] = await self.inspector.uncertain()
        return uncertain

    async def dead_letters(self) -> list[str]:
        ids = await self.inspector.dead()
        return [await self.inspector.reason(nid) for nid in ids]

    async def test_tried_again(self) -> None:
        """What certainly was not sent is tried again: 429, status 1 and 10."""
        for fault in ({"status": 429}, {"nexmo_status": "1"}, {"nexmo_status": "10"}):
            self.fault(path="/sms/json", **fault)
            before = len(self.texts())
            await self.text_unread()
            self.assertEqual(len(self.texts()), before, fault)
            await self.pass_time(60)
            self.assertEqual(len(self.texts()), before + 1, fault)

    async def test_refused_connection(self) -> None:
        """A Nexmo that cannot be reached is tried again, with growing pauses of up to a quarter of an hour."""
        await self.stop(self.service)
        url = self.sandbox.nexmo_url
        self.service = await self.start(nexmo={"api_url": "http://127.0.0.1:1"})
        await self.text_unread()
        for _ in range(8):
            await self.pass_time(900)
        (nid,) = await self.inspector.keys("out_item")
        self.assertGreaterEqual(int(await self.redis("HGET", nid, F.failures)), 5)
        await self.stop(self.service)
        self.service = await self.start(nexmo={"api_url": url})
        await self.pass_time(900)
        self.assertEqual(len(self.texts()), 1)

    async def test_same_reference(self) -> None:
        """Every attempt at the same notification carries the same client-ref."""
        self.nexmo.receipts = NO_RECEIPTS
        self.fault(path="/sms/json", status=429, done=True)
        await self.text_unread()
        await self.pass_time(60)
        self.assertEqual(len({sms.client_ref for sms in self.nexmo.sent}), 1)
        self.assertEqual(len(self.nexmo.sent), 2)

    async def test_uncertain(self) -> None:
        """After the first byte: a 5xx, status 5 and 13, a dropped connection. Visible, and not sent again at once."""
        faults: tuple[dict[str, Any], ...]
        faults = ({"status": 500}, {"nexmo_status": "5"}, {"nexmo_status": "13"}, {"drop": True}, {"body": b"<html>"})
        for number, fault in enumerate(faults, 1):
            self.fault(path="/sms/json", **fault)
            await self.text_unread()
            self.assertEqual(len(await self.uncertain()), 1, fault)
            await self.pass_time(599)
            self.assertEqual(len(self.texts()), number - 1)
            await self.pass_time(1)
            self.assertEqual((len(self.texts()), len(await self.uncertain())), (number, 0))
        self.assertEqual(self.counted("sms_uncertain"), len(faults))
        await self.text_unread("next")
        self.assertEqual(self.texts()[len(faults) :], ["Ann: next"])

    async def test_time_out(self) -> None:
        """A Nexmo that accepts and then says nothing leaves an uncertain SMS."""
        self.fault(path="/sms/json", delay=3600.0)
        await self.send()
        self.clock.advance(DELAY)
        for _ in range(50):
            await self.redis("PING")
            self.clock.advance(1)
        await self.settle()
        self.assertEqual(len(await self.uncertain()), 1)

    async def test_refused(self) -> None:
        """What can never work becomes a dead letter with its reason."""
        self.fault(path="/sms/json", nexmo_status="7")
        await self.text_unread()
        (reason,) = await self.dead_letters()
        self.assertIn("refused", reason)
        self.assertEqual(self.counted("dead_letters", "out", "refused"), 1)

    async def test_partly_accepted(self) -> None:
        """An SMS of which Nexmo took some parts counts as accepted and is never sent again."""
        self.fault(path="/sms/json", nexmo_status="0,1")
        await self.text_unread("long " * 60)
        await self.pass_time(3600)
        self.assertEqual(len(self.nexmo.sent), 1)
        self.assertEqual(self.counted("sms_accepted"), 1)

    async def test_account_fault(self) -> None:
        """No credit: all is held, one waiting SMS is tried each minute, the first success releases all."""
        self.fault(path="/sms/json", nexmo_status="9", times=4)
        await self.text_unread(conversation=LUNCH)
        for _ in range(3):
            await self.send("more")
        await self.pass_time(DELAY)
        tried = self.counted("account_errors")
        await self.pass_time(59)
        self.assertLessEqual(self.counted("account_errors"), tried + 1)
        for _ in range(4):
            await self.pass_time(60)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (4, 1))
        self.assertEqual(await self.inspector.suspended(), 0)

    async def test_held_while_others_are_under_way(self) -> None:
        """What was sent before the account was at fault, and is heard of only afterwards, tells nothing of it now: the
        hold goes on, and nobody is blamed for it."""
        users = [f"u{n}" for n in range(3)]
        for n, user in enumerate(users):
            self.layer.add_user(user, display_name=user, phone_number=f"+1201555012{n}")
            self.fault(path="/sms/json", number=f"1201555012{n}", delay=1.0 + n, done=True)
        self.fault(path="/sms/json", number=BOB, nexmo_status="9", times=0)
        await self.send(conversation=self.layer.start_conversation(["ann", "bob", *users]))
        self.clock.advance(DELAY)
        for _ in range(5):
            for _ in range(2000):
                self.clock.advance(0)
                await turn()
            self.clock.advance(1)
        self.assertEqual(len(await self.inspector.dead()), 0)
        self.assertEqual(await self.inspector.suspended(), 1)
        self.sandbox.faults.clear()
        for _ in range(3):
            await self.pass_time(60)
        self.assertEqual((await self.inspector.suspended(), len(self.texts())), (0, 1))

    async def test_held_for_days(self) -> None:
        """Time on hold does not count: after three days without credit the SMS still goes out."""
        self.fault(path="/sms/json", status=401, times=0)
        await self.text_unread()
        await self.pass_time(3 * 86_400)
        self.sandbox.faults.clear()
        await self.pass_time(60)
        self.assertEqual(len(self.texts()), 1)

    async def test_too_late(self) -> None:
        """What could not be sent within a day after it was due becomes a dead letter as too late."""
        self.fault(path="/sms/json", status=429, times=0)
        await self.text_unread()
        for _ in range(4):
            await self.pass_time(6 * 3600)
        self.sandbox.faults.clear()
        await self.pass_time(900)
        self.assertEqual(self.texts(), [])
        self.assertEqual(self.counted("dead_letters", "out", "too_late"), 1)
        self.assertIn("too_late", (await self.dead_letters())[0])

    async def test_read_while_waiting(self) -> None:
        """A message that is read while its SMS waits for another attempt is not sent."""
        self.fault(path="/sms/json", status=429)
        message = await self.text_unread()
        self.layer.mark_read(message, "bob")
        await self.pass_time(60)
        self.assertEqual(self.texts(), [])
        self.assertEqual(self.counted("notifications_skipped", "read"), 1)


class SeveralProcessesTests(World):
    async def test_two_processes(self) -> None:
        """Two processes on one Redis give the same result as one."""
        second = await self.start()
        for number in range(10):
            await self.send(f"number {number}", conversation=LUNCH)
            self.clock.advance(1)
        await self.pass_time(DELAY)
        for handset in (BOB, CLEO):
            self.assertEqual(self.texts(handset), [f"Ann: number {number}" for number in range(10)])
        await self.stop(second)

    async def test_restart(self) -> None:
        """What waits in Redis survives the process: texted once, by whoever comes next."""
        await self.send()
        await self.stop(self.service)
        self.clock.advance(DELAY)
        self.service = await self.start()
        await self.pass_time(5)
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])

    async def test_key_of_another_kind(self) -> None:
        """A key of the Node service's family that is no string keeps its user waiting, and nobody else; it does not
        make the engine spin."""
        await self.redis("LPUSH", "nexmo-layer-integration-bob", "x")
        await self.text_unread(conversation=LUNCH)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (0, 1))
        self.assertLess(int(await self.redis("GET", K.seq)), 10)
        await self.redis("DEL", "nexmo-layer-integration-bob")
        await self.pass_time(10)
        self.assertEqual(len(self.texts(BOB)), 1)

    async def test_stopped_while_sending(self) -> None:
        """A stop waits ten seconds for what is on the wire; an SMS without an answer by then is uncertain, not tried
        again."""
        self.fault(path="/sms/json", delay=3600.0)
        await self.send()
        self.clock.advance(DELAY)
        await until(lambda: not self.sandbox.faults)
        for _ in range(20):
            await self.redis("PING")
        stopping = self.service.stopService()
        for _ in range(20):  # the doors close first
            await self.redis("PING")
        self.clock.advance(9.9)
        await self.redis("PING")
        self.assertFalse(stopping.called)
        self.clock.advance(0.2)
        await stopping
        self.running.remove(self.service)
        (item,) = await self.inspector.keys("out_item")
        self.assertIn(await self.redis("HGET", item, F.state), ("S", "U"))
        self.clock.advance(120)
        self.service = await self.start()
        await self.pass_time(5)
        self.assertEqual(await self.redis("HGET", item, F.state), "U")
        self.assertEqual(self.texts(), [])

    async def test_redis_without_its_scripts(self) -> None:
        """After SCRIPT FLUSH, as after a restart or failover of Redis, everything goes on."""
        await self.send()
        await self.redis("SCRIPT", "FLUSH")
        await self.pass_time(DELAY)
        self.assertEqual(len(self.texts()), 1)

    async def test_only_links_remain(self) -> None:
        """When all is done nothing but links and a few days' memory is left, and all of it ends."""
        await self.text_unread()
        await self.reply(BOB, self.numbers()[0], "Yes")
        await self.pass_time(DELAY)
        for key in await self.redis("KEYS", "*"):
            if key not in (K.seq, K.schema):
                self.assertGreater(await self.redis("PTTL", key), 0, key)
        self.assertIn("nexmo-layer-integration-bob", await self.redis("KEYS", "*"))
        self.assertEqual(TALK in await self.redis("GET", "nexmo-layer-integration-bob"), True)
