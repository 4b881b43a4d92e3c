"""So many SMS a second, and what follows when Nexmo says that it was too fast all the same."""

from __future__ import annotations

import json

from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.store.admin import QueueAdmin
from tests.factories import REPORT
from tests.scenarios.world import BOB, CLEO, LUNCH, ONE, World
from tests.support import counted

THROUGHPUT = (
    "Exceeded maximum MT throughput[ MAX [ 30 ] INTERVAL [ 1000 ] COUNT [ 30 ] LAST INT-START [ 1463131241 ] "
    "TIME_SINCE_LAST_INTERVAL_START [ 529 ]  ]"
)


class LimitedWorld(World):
    """The limits that are set unless others are."""

    settings = {"sms": {"limits": {"per_account": 30, "per_number": 1}}, "nexmo": {"phone_numbers": [ONE]}}

    def all_texts(self) -> int:
        return len(self.texts(BOB)) + len(self.texts(CLEO))


class RateLimitTests(LimitedWorld):
    async def test_a_second_apart(self) -> None:
        """Two SMS from one number of the US go out a second apart, and no worker waits meanwhile."""
        await self.text_unread(conversation=LUNCH)
        self.assertEqual((self.all_texts(), self.counted("sms_rate_limited", "number")), (1, 1))
        self.assertFalse(self.service.pipeline.notifications.worker.busy)
        await self.pass_time(0.9)
        self.assertEqual(self.all_texts(), 1)
        await self.pass_time(0.1)
        self.assertEqual(self.all_texts(), 2)

    async def test_two_processes(self) -> None:
        """It makes no difference which process sends them."""
        second = await self.start()
        for _ in range(4):
            await self.send(conversation=LUNCH)
        await self.pass_time(600)
        for seconds in range(8):
            self.assertEqual(self.all_texts(), seconds + 1)
            await self.pass_time(1)
        self.assertEqual(sum(counted(each.metrics, "sms_accepted") for each in (self.service, second)), 8)

    async def test_read_while_it_waits(self) -> None:
        """Whoever reads the message while the SMS waits gets none."""
        message = await self.text_unread(conversation=LUNCH)
        for user in ("bob", "cleo"):
            self.layer.mark_read(message, user)
        await self.pass_time(1)
        self.assertEqual((self.all_texts(), self.counted("notifications_skipped", "read")), (1, 1))

    async def test_notices(self) -> None:
        """What the service itself has to say waits as well, but need not wait long."""
        await self.text_unread()
        await self.reply(BOB, ONE, "STOP")
        self.assertEqual(len(self.texts()), 1)
        await self.pass_time(1)
        self.assertEqual(len(self.texts()), 2)

    async def test_why(self) -> None:
        """An operator is told that it waits for a limit, whose, and until when."""
        message = await self.text_unread(conversation=LUNCH)
        told: list[str] = []
        await explain(
            QueueAdmin(self.connection, self.now), message, Policy(REPORT, 600_000, "resend"), describe, out=told.append
        )
        text = "\n".join(told)
        self.assertIn(f"waiting for the rate limit of …{ONE[-4:]}", text)
        self.assertRegex(text, r"next attempt 2026-01-01T00:10:0\d")
        self.assertNotIn(ONE, text)


class LimitOverrideTests(LimitedWorld):
    settings = {**LimitedWorld.settings, "sms": {"limits": {"overrides": {ONE: 10}}}}

    async def test_faster(self) -> None:
        """A number that may send more does."""
        await self.text_unread(conversation=LUNCH)
        self.assertEqual(self.all_texts(), 1)
        await self.pass_time(0.1)
        self.assertEqual(self.all_texts(), 2)


class ThrottledTests(LimitedWorld):
    """Nexmo throttles although nothing seems to be too fast: others send with this key, too."""

    settings = {"sms": {"limits": {"per_account": 30, "per_number": 30}}}

    async def test_status_1(self) -> None:
        """The number pauses for a second, then the SMS goes out; no failure is made of it."""
        self.fault(path="/sms/json", nexmo_status="1")
        await self.text_unread()
        self.assertEqual((self.texts(), self.counted("provider_throttled", "number")), ([], 1))
        await self.pass_time(0.9)
        self.assertEqual(self.texts(), [])
        await self.pass_time(0.2)
        self.assertEqual(len(self.texts()), 1)

    async def test_429(self) -> None:
        """The whole account pauses for as long as it is told to, in every process."""
        second = await self.start()
        self.fault(path="/sms/json", status=429, retry_after=7)
        await self.text_unread()
        self.assertEqual(
            self.counted("provider_throttled", "account") + counted(second.metrics, "provider_throttled", "account"), 1
        )
        await self.send("Bob?", conversation=LUNCH)
        await self.pass_time(6.9)
        self.assertEqual(self.texts(), [])
        await self.pass_time(0.2)
        self.assertEqual(len(self.texts()), 1)

    async def test_others(self) -> None:
        """A number that pauses is no hindrance to others; an account that pauses is, and so is one that says so in
        the words of a status 1."""
        pair = self.layer.start_conversation(["bob", "cleo"])  # goes over another number than Ann and Bob's
        body = json.dumps({"message-count": "1", "messages": [{"status": "1", "error-text": THROUGHPUT}]}).encode()
        for fault, passed, pause in (
            ({"nexmo_status": "1"}, True, 1.0),
            ({"status": 429}, False, 1.0),
            ({"body": body}, False, 0.4),
        ):
            before = len(self.texts(CLEO))
            self.fault(path="/sms/json", text="slow", **fault)
            await self.send("slow")
            await self.pass_time(0.2)
            await self.send("quick", conversation=pair, sender="bob")
            await self.pass_time(600 - 0.2)
            await self.pass_time(0.2)
            self.assertEqual(len(self.texts(CLEO)) > before, passed, fault)
            await self.pass_time(pause)
            for _ in range(5):  # those that waited are some hundredths of a second apart
                await self.pass_time(0.05)
            self.assertEqual(len(self.texts(CLEO)), before + 1, fault)

    async def test_however_often(self) -> None:
        """There is no limit to how often, and Nexmo still counts as working."""
        self.fault(path="/sms/json", nexmo_status="1", times=30)
        await self.text_unread()
        for _ in range(31):
            await self.pass_time(1.1)
        self.assertEqual(len(self.texts()), 1)
        self.assertEqual(self.counted("provider_throttled", "number"), 30)
        self.assertNotIn('circuit_open{remote="Nexmo"} 1.0', self.service.metrics.page().decode())
