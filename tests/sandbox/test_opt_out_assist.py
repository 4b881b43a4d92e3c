"""Opt-Out Assist: Vonage itself answers STOP, START and HELP, blocks and lifts the block, and tells the customer."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.sandbox.nexmo.opt_out_assist import Asked, asked
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from tests.sandbox.cases import BOB, FORM, OURS, SimulatorsCase, basic

ANN, TWO = "12015550111", "12015550102"


class KeywordTests(SynchronousTestCase):
    def test_words(self) -> None:
        """The words of short codes, in either case and with blanks around; a text that only has one is a message."""
        for text in ("stop", " STOP\n", "End", "quit", "cancel", "unsubscribe"):
            self.assertIs(asked(text), Asked.STOP, text)
        for text in ("start", "JOIN"):
            self.assertIs(asked(text), Asked.START, text)
        self.assertIs(asked("Help"), Asked.HELP)
        for text in ("", "stop by at five", "please stop", "unstop", "stopp", "helpful"):
            self.assertIsNone(asked(text), text)


class OptOutAssistTests(SimulatorsCase):
    """An account that has it switched on."""

    def setUp(self) -> None:
        super().setUp()
        self.nexmo.opt_out_assist = True
        self.nexmo.inbound_url = f"{self.customer_url}/sms"

    async def send(self, sender: str = OURS, to: str = BOB, **more: str) -> str:
        sms = {"from": sender, "to": to, "text": "Hello", "callback": f"{self.customer_url}/receipt", **more}
        reply = await self.ask("POST", "/nexmo/sms/json", urlencode(sms).encode(), {**FORM, **basic()})
        status: str = reply.json["messages"][0]["status"]
        return status

    async def came(self, path: str) -> list[dict[str, str]]:
        """What came to the customer's server since, by this path."""
        await self.sandbox.idle()
        hits = [hit for hit in self.customer.hits if hit.uri == path]
        self.customer.hits.clear()
        return [dict(parse_qsl(hit.body.decode())) for hit in hits]

    def screen(self, msisdn: str = BOB) -> list[tuple[str, str, str]]:
        return [(sms.direction, sms.number, sms.text) for sms in self.nexmo.handset(msisdn)]

    async def test_stop(self) -> None:
        """STOP is answered from the number it went to, and comes to the customer like any SMS."""
        self.nexmo.reply(BOB, OURS, "Stop")
        self.assertEqual(self.screen(), [("sent", OURS, "Stop"), ("received", OURS, Asked.STOP.value)])
        self.assertEqual([sms["text"] for sms in await self.came("/sms")], ["Stop"])
        self.assertEqual(self.nexmo.sent, [])

    async def test_blocked(self) -> None:
        """Later SMS are accepted, never arrive, and fail by a receipt with error code 9."""
        self.nexmo.reply(BOB, OURS, "STOP")
        screen = self.screen()
        self.assertEqual(await self.send(**{"client-ref": "m-42"}), "0")
        (receipt,) = await self.came("/receipt")
        self.assertEqual((receipt["status"], receipt["err-code"], receipt["client-ref"]), ("failed", "9", "m-42"))
        self.assertEqual(receipt["messageId"], self.nexmo.sent[0].message_ids[0])
        self.assertEqual(self.screen(), screen)

    async def test_one_number_only(self) -> None:
        """It is for that number and that handset: from another number, or to another handset, everything arrives."""
        self.nexmo.reply(BOB, OURS, "STOP")
        await self.send(TWO)
        await self.send(to=ANN)
        self.assertEqual([receipt["status"] for receipt in await self.came("/receipt")], ["delivered"] * 2)
        self.assertEqual(
            (self.screen()[-1], self.screen(ANN)), (("received", TWO, "Hello"), [("received", OURS, "Hello")])
        )

    async def test_start(self) -> None:
        """START lifts it, is answered, and comes to the customer; the next SMS arrives."""
        self.nexmo.reply(BOB, OURS, "STOP")
        self.nexmo.reply(BOB, TWO, "START")
        await self.send()
        self.assertEqual([receipt["err-code"] for receipt in await self.came("/receipt")], ["9"])
        self.nexmo.reply(BOB, OURS, "START")
        self.assertEqual(self.screen()[-1], ("received", OURS, Asked.START.value))
        self.assertEqual([sms["text"] for sms in await self.came("/sms")], ["START"])
        await self.send()
        self.assertEqual([receipt["status"] for receipt in await self.came("/receipt")], ["delivered"])
        self.assertEqual(self.screen()[-1], ("received", OURS, "Hello"))

    async def test_help(self) -> None:
        """HELP is answered and comes to the customer; it blocks nothing and lifts nothing."""
        self.nexmo.reply(BOB, OURS, "HELP")
        self.assertEqual(self.screen()[-1], ("received", OURS, Asked.HELP.value))
        self.assertEqual([sms["text"] for sms in await self.came("/sms")], ["HELP"])
        await self.send()
        self.assertEqual(self.screen()[-1], ("received", OURS, "Hello"))
        self.nexmo.reply(BOB, OURS, "STOP")
        self.nexmo.reply(BOB, OURS, "HELP")
        await self.send()
        self.assertEqual(self.screen()[-1], ("received", OURS, Asked.HELP.value))

    async def test_plan(self) -> None:
        """When and how often a receipt comes, or whether, is as planned; that it is of a failure is not."""
        self.nexmo.reply(BOB, OURS, "STOP")
        self.nexmo.receipts = ReceiptPlan(statuses=("buffered", "delivered"), times=2, delay=30)
        await self.send()
        self.assertEqual(await self.came("/receipt"), [])
        self.clock.advance(30)
        self.assertEqual([receipt["err-code"] for receipt in await self.came("/receipt")], ["9", "9"])
        self.nexmo.receipts = ReceiptPlan(statuses=())
        await self.send()
        self.assertEqual(await self.came("/receipt"), [])

    async def test_off(self) -> None:
        """Without it, STOP is an SMS like any other, and nothing is blocked."""
        self.nexmo.reply(BOB, OURS, "STOP")
        self.nexmo.opt_out_assist = False
        self.nexmo.reply(BOB, TWO, "STOP")
        self.assertEqual(self.screen()[-1], ("sent", TWO, "STOP"))
        await self.send()
        await self.send(TWO)
        self.assertEqual([receipt["status"] for receipt in await self.came("/receipt")], ["delivered"] * 2)
        self.assertFalse(any(sms.blocked for sms in self.nexmo.sent))

    async def test_long_text(self) -> None:
        """Each part of a long text that is blocked has a receipt that says so."""
        self.nexmo.reply(BOB, OURS, "STOP")
        await self.send(text="a" * 400)
        receipts: list[Any] = await self.came("/receipt")
        self.assertEqual([receipt["err-code"] for receipt in receipts], ["9"] * 3)
        self.assertEqual(tuple(receipt["messageId"] for receipt in receipts), self.nexmo.sent[0].message_ids)
