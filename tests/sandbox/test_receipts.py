"""Delivery receipts come like the real ones: one for each part, in every form, and as badly as one likes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived

from nexmo_twisted.providers.nexmo.signatures import verify
from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from tests.sandbox.cases import BOB, FORM, NOW, OURS, SimulatorsCase, basic

ANN = "12015550111"
MEMBERS = ["statuses", "err_code", "early", "times", "delay", "client_ref"]


class ReceiptPlanTests(SynchronousTestCase):
    def test_codes(self) -> None:
        """Success and what may still become one has the error code 0, everything else the plan's, or 1."""
        for plan, failed in ((ReceiptPlan(err_code="6"), "6"), (ReceiptPlan(), "1")):
            for status in ("accepted", "buffered", "delivered"):
                self.assertEqual(plan.code(status), "0")
            for status in ("failed", "rejected", "expired", "unknown", "UNDELIV"):
                self.assertEqual(plan.code(status), failed)

    def test_from_json(self) -> None:
        """A plan in JSON has the same names; what is left out has its default."""
        self.assertEqual(ReceiptPlan.from_json({}), ReceiptPlan())
        self.assertEqual(ReceiptPlan.from_json({"statuses": []}), ReceiptPlan(statuses=()))
        self.assertEqual(
            ReceiptPlan.from_json(
                {
                    "statuses": ["buffered", "failed"],
                    "err_code": "6",
                    "early": True,
                    "times": 3,
                    "delay": 2.5,
                    "client_ref": False,
                }
            ),
            ReceiptPlan(
                statuses=("buffered", "failed"), err_code="6", early=True, times=3, delay=2.5, client_ref=False
            ),
        )

    def test_not_a_plan(self) -> None:
        """What cannot be a plan is refused with the name of the member."""
        for values, named in (
            ({"status": "failed"}, "status"),
            ({"statuses": "failed"}, "statuses"),
            ({"statuses": [""]}, "statuses"),
            ({"statuses": [1]}, "statuses"),
            ({"err_code": 6}, "err_code"),
            ({"early": 1}, "early"),
            ({"client_ref": 0}, "client_ref"),
            ({"times": 0}, "times"),
            ({"times": True}, "times"),
            ({"times": 1.0}, "times"),
            ({"delay": -1}, "delay"),
            ({"delay": True}, "delay"),
            ({"delay": float("inf")}, "delay"),
            ({"delay": float("nan")}, "delay"),
        ):
            error = self.assertRaises(ValueError, ReceiptPlan.from_json, values)
            self.assertIn(named, str(error))

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(MEMBERS),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.none()),
        )
    )
    def test_any_json(self, values: dict[str, Any]) -> None:
        """Whatever the members hold, it becomes a plan with just these values, or is refused as a ValueError."""
        try:
            plan = ReceiptPlan.from_json(values)
        except ValueError:
            return
        for name, value in values.items():
            self.assertEqual(getattr(plan, name), tuple(value) if name == "statuses" else value)


class ReceiptCase(SimulatorsCase):
    """SMS sent over real HTTP to a customer's server that has a door for receipts."""

    def setUp(self) -> None:
        super().setUp()
        self.callback = f"{self.customer_url}/receipt"

    async def send(self, text: str = "Hello", to: str = BOB, **more: str) -> Any:
        params = {"from": OURS, "to": to, "text": text, "client-ref": "m-42", "callback": self.callback, **more}
        body = urlencode({name: value for name, value in params.items() if value}).encode()
        return await self.ask("POST", "/nexmo/sms/json", body, {**FORM, **basic()})

    def sending(self, **more: str) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.send(**more))

    async def receipts(self) -> list[dict[str, str]]:
        """All that have come, each one a form; none of them comes without being waited for."""
        await self.sandbox.idle()
        return [dict(parse_qsl(hit.body.decode(), strict_parsing=True)) for hit in self.customer.hits]

    async def posted(self, name: str) -> list[str]:
        return [receipt[name] for receipt in await self.receipts()]

    async def accepted(self, count: int = 1) -> None:
        """Waits until so many SMS have been accepted."""
        while len(self.nexmo.sent) < count:
            await self.ask("GET", "/control/state")

    def expected(self, **more: str) -> dict[str, str]:
        return {
            "msisdn": BOB,
            "to": OURS,
            "network-code": "12345",
            "messageId": self.nexmo.sent[0].message_ids[0],
            "price": "0.03330000",
            "status": "delivered",
            "scts": "2311142213",
            "err-code": "0",
            "client-ref": "m-42",
            "message-timestamp": "2023-11-14 22:13:20",
            "api-key": "sandbox1",
            **more,
        }

    async def hang_up(self, sending: Deferred[Any]) -> None:
        sending.addErrback(lambda _failure: None)
        sending.cancel()
        await sending


class ReceiptContentTests(ReceiptCase):
    """What is in a receipt."""

    async def test_form(self) -> None:
        """By POST, a receipt is a form with every documented field: 'msisdn' is the recipient, 'to' our number."""
        answer = await self.send()
        self.assertEqual(await self.receipts(), [self.expected()])
        (hit,) = self.customer.hits
        self.assertEqual((hit.method, hit.uri), ("POST", "/receipt"))
        self.assertEqual(hit.header("content-type"), "application/x-www-form-urlencoded")
        self.assertEqual(answer.json["messages"][0]["message-id"], self.expected()["messageId"])

    async def test_query(self) -> None:
        """By GET, the fields are in the query, behind those that the callback already has."""
        self.nexmo.inbound_form = "GET"
        await self.send(callback=f"{self.callback}?from=nexmo")
        await self.sandbox.idle()
        (hit,) = self.customer.hits
        self.assertEqual((hit.method, hit.body), ("GET", b""))
        self.assertTrue(hit.uri.startswith("/receipt?from=nexmo&msisdn="))
        pairs = parse_qsl(urlsplit(hit.uri).query, strict_parsing=True)
        self.assertEqual(dict(pairs), {"from": "nexmo", **self.expected()})

    async def test_json(self) -> None:
        """As JSON, a receipt is a flat object of strings."""
        self.nexmo.inbound_form = "JSON"
        await self.send()
        await self.sandbox.idle()
        (hit,) = self.customer.hits
        self.assertEqual((hit.method, hit.header("content-type")), ("POST", "application/json"))
        self.assertEqual(json.loads(hit.body), self.expected())

    async def test_signed(self) -> None:
        """With signing switched on, every method signs the fields with timestamp and nonce."""
        self.nexmo.signature_secret = "my_secret_key_for_testing"
        for method in ("md5hash", "md5", "sha1", "sha256", "sha512"):
            self.nexmo.signature_method = method
            await self.send(**{"client-ref": "a & b = c"})
            last = (await self.receipts())[-1]
            verify(list(last.items()), "my_secret_key_for_testing", method, NOW)
            self.assertEqual((last["timestamp"], last["client-ref"]), ("1700000000", "a & b = c"))
            self.assertIn("nonce", last)

    async def test_without_a_reference(self) -> None:
        """An SMS without client-ref has receipts without one, and so has any if the plan says so."""
        expected = self.expected_without_a_reference
        await self.send(**{"client-ref": ""})
        self.assertEqual(await self.receipts(), [expected(0)])
        self.nexmo.receipts = ReceiptPlan(client_ref=False)
        await self.send()
        self.assertEqual(await self.receipts(), [expected(0), expected(1)])

    def expected_without_a_reference(self, which: int) -> dict[str, str]:
        expected = self.expected(messageId=self.nexmo.sent[which].message_ids[0])
        del expected["client-ref"]
        return expected

    async def test_parts(self) -> None:
        """Every part of a long text has a receipt of its own, under its own id."""
        answer = await self.send("a" * 400)
        ids = [entry["message-id"] for entry in answer.json["messages"]]
        self.assertEqual((len(set(ids)), await self.posted("messageId")), (3, ids))

    async def test_partly_accepted(self) -> None:
        """Of the parts of a text only those that were accepted have receipts."""
        self.sandbox.faults.add(Fault(nexmo_status="1,0"))
        answer = await self.send("a" * 400)
        ids = [entry.get("message-id") for entry in answer.json["messages"]]
        self.assertIsNone(ids[0])
        self.assertEqual(await self.posted("messageId"), ids[1:])

    async def test_none(self) -> None:
        """Without a callback there are no receipts, nor for an SMS that was not accepted."""
        await self.send(callback="")
        await self.send(type="wappush")
        self.sandbox.faults.add(Fault(nexmo_status="5"))
        await self.send()
        self.sandbox.faults.add(Fault(status=503))
        await self.send()
        self.assertEqual(len(self.nexmo.sent), 1)
        self.assertEqual(await self.receipts(), [])


class ReceiptTimeTests(ReceiptCase):
    """When a receipt is posted, and what happens when it is not taken."""

    async def test_after_the_answer(self) -> None:
        """By default a receipt goes out when the request has been answered."""
        self.sandbox.faults.add(Fault(delay=20, done=True))
        sending = self.sending()
        await self.accepted()
        self.assertEqual(await self.receipts(), [])
        self.clock.advance(20)
        await sending
        self.assertEqual(await self.posted("status"), ["delivered"])

    async def test_answer_lost(self) -> None:
        """An SMS that was accepted has its receipt, however its answer was spoilt: this is the evidence."""
        for fault in (
            Fault(status=500, done=True),
            Fault(nexmo_status="5", done=True),
            Fault(body=b'{"messages": [', done=True),
        ):
            self.customer.hits.clear()
            self.sandbox.faults.add(fault)
            await self.send()
            self.assertEqual(await self.posted("messageId"), list(self.nexmo.sent[-1].message_ids), fault)

    async def test_answer_cut_off(self) -> None:
        """An SMS whose request was cut off after it was accepted has its receipt."""
        self.sandbox.faults.add(Fault(drop=True, done=True))
        await self.assertFailure(self.sending(), ResponseNeverReceived)
        self.assertEqual(await self.receipts(), [self.expected()])

    async def test_given_up(self) -> None:
        """So has one whose sender gave up waiting for the answer."""
        self.sandbox.faults.add(Fault(delay=20, done=True))
        sending = self.sending()
        await self.accepted()
        await self.hang_up(sending)
        await self.customer.reached(1)
        self.assertEqual(await self.receipts(), [self.expected()])

    async def test_early(self) -> None:
        """An early receipt has been posted, and answered or not in time, before the request is answered."""
        self.nexmo.receipts = ReceiptPlan(early=True)
        self.customer.answer = lambda _hit: None
        sending = self.sending()
        await self.customer.reached(1)
        await self.ask("GET", "/control/state")
        self.assertFalse(sending.called)
        self.clock.advance(15)
        self.assertEqual((await sending).json["messages"][0]["status"], "0")
        self.assertEqual(self.sandbox.deliverer.retries, 1)

    async def test_early_parts(self) -> None:
        """Early means that every receipt of the SMS has been posted; one that was not taken is repeated later."""
        self.nexmo.receipts = ReceiptPlan(statuses=("buffered", "delivered"), early=True)
        self.customer.answer = lambda _hit: (503, b"")
        await self.send("a" * 200)
        self.assertEqual((len(self.customer.hits), self.sandbox.deliverer.retries), (4, 4))

    async def test_early_for_a_part(self) -> None:
        """An early receipt comes also when only a part of the text was accepted."""
        self.nexmo.receipts = ReceiptPlan(early=True)
        self.sandbox.faults.add(Fault(nexmo_status="0,1"))
        await self.send("a" * 200)
        self.assertEqual(await self.receipts(), [self.expected()])

    async def test_early_and_cut_off(self) -> None:
        """An early receipt comes once also when the request is cut off, or given up meanwhile."""
        self.nexmo.receipts = ReceiptPlan(early=True)
        self.sandbox.faults.add(Fault(drop=True, done=True))
        await self.assertFailure(self.sending(), ResponseNeverReceived)
        self.assertEqual(await self.receipts(), [self.expected()])
        self.customer.answer = lambda _hit: None
        sending = self.sending()
        await self.customer.reached(2)
        await self.hang_up(sending)
        await self.ask("GET", "/control/state")
        self.clock.advance(15)
        await self.sandbox.idle()
        self.assertEqual((len(self.customer.hits), self.sandbox.deliverer.retries), (2, 1))

    async def test_delayed(self) -> None:
        """A delay counts from acceptance, whatever the answer does; the receipt says when it was pushed."""
        self.nexmo.receipts = ReceiptPlan(delay=60)
        self.sandbox.faults.add(Fault(delay=300, done=True))
        sending = self.sending()
        await self.accepted()
        self.clock.advance(59)
        self.assertEqual((await self.receipts(), self.sandbox.receipts.delayed), ([], 1))
        self.clock.advance(1)
        self.assertEqual(
            await self.receipts(),
            [self.expected(**{"message-timestamp": "2023-11-14 22:14:20", "scts": "2311142214"})],
        )
        self.assertEqual((sending.called, self.sandbox.receipts.delayed), (False, 0))
        await self.hang_up(sending)

    async def test_early_and_delayed(self) -> None:
        """With both, the answer waits for the delay, too."""
        self.nexmo.receipts = ReceiptPlan(early=True, delay=60)
        sending = self.sending()
        await self.accepted()
        self.assertEqual((sending.called, await self.receipts()), (False, []))
        self.clock.advance(60)
        await sending
        self.assertEqual(await self.posted("status"), ["delivered"])

    async def test_again(self) -> None:
        """A receipt that is not taken comes again after five seconds, then ten, the same to the byte."""
        self.customer.answer = lambda _hit: (503, b"")
        await self.send()
        for wait, count in ((0, 1), (4.9, 1), (0.2, 2), (9.8, 2), (0.2, 3)):
            self.clock.advance(wait)
            self.assertEqual(len(await self.receipts()), count)
        self.assertEqual(len({hit.body for hit in self.customer.hits}), 1)
        self.customer.answer = lambda _hit: (204, b"")
        self.clock.advance(20)
        self.assertEqual((len(await self.receipts()), self.sandbox.deliverer.retries), (4, 0))

    async def test_idle(self) -> None:
        """The sandbox is not idle while a receipt is on the wire; one that is delayed does not count."""
        self.nexmo.receipts_of[ANN] = ReceiptPlan(delay=60)
        await self.send(to=ANN)
        self.assertTrue(self.sandbox.idle().called)
        self.customer.answer = lambda _hit: None
        await self.send()
        self.assertFalse(self.sandbox.idle().called)
        self.clock.advance(15)
        await self.sandbox.idle()

    async def test_stop(self) -> None:
        """A sandbox that was stopped posts nothing more."""
        self.nexmo.receipts = ReceiptPlan(delay=60)
        await self.send()
        await self.sandbox.stop()
        self.assertEqual((self.clock.getDelayedCalls(), self.sandbox.receipts.delayed), ([], 0))
        self.assertEqual(self.customer.hits, [])

    async def test_not_held_up(self) -> None:
        """What waits for a slow server holds up neither receipts of another handset nor those to another callback."""
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/slow/sms")
        self.customer.answer = lambda hit: None if hit.uri.startswith("/slow") else (200, b"")
        self.nexmo.reply(BOB, OURS, "Yes")
        for to in (BOB, ANN):
            await self.send(to=to, callback=f"{self.customer_url}/slow/receipt")
            await self.send(to=to)
        await self.customer.reached(5)
        self.assertEqual(
            sorted((hit.uri, dict(parse_qsl(hit.body.decode()))["msisdn"]) for hit in self.customer.hits),
            [
                ("/receipt", ANN),
                ("/receipt", BOB),
                ("/slow/receipt", ANN),
                ("/slow/receipt", BOB),
                ("/slow/sms", BOB),
            ],
        )


class ReceiptSelectionTests(ReceiptCase):
    """Which receipts come, as the plan says."""

    async def test_off(self) -> None:
        """No statuses, no receipts."""
        self.nexmo.receipts = ReceiptPlan(statuses=())
        await self.send()
        self.assertEqual((len(self.nexmo.sent), await self.receipts()), (1, []))

    async def test_failed(self) -> None:
        """A final status other than 'delivered' comes with its error code."""
        for status in ("failed", "rejected", "expired"):
            self.customer.hits.clear()
            self.nexmo.receipts = ReceiptPlan(statuses=(status,), err_code="9")
            await self.send()
            self.assertEqual((await self.posted("status"), await self.posted("err-code")), ([status], ["9"]))

    async def test_sequences(self) -> None:
        """Several statuses are posted in the order of the plan, in a sensible one or not; each for every part."""
        for statuses in (("buffered", "delivered"), ("delivered", "buffered"), ("accepted", "buffered", "failed")):
            self.customer.hits.clear()
            self.nexmo.receipts = ReceiptPlan(statuses=statuses, err_code="2")
            await self.send("a" * 200)
            ids = self.nexmo.sent[-1].message_ids
            self.assertEqual(
                [(receipt["status"], receipt["messageId"]) for receipt in await self.receipts()],
                [(status, message_id) for status in statuses for message_id in ids],
            )
        self.assertEqual((await self.posted("err-code")), ["0", "0", "0", "0", "2", "2"])

    async def test_repeated(self) -> None:
        """A repeated receipt is the same every time, although all were taken."""
        self.nexmo.receipts = ReceiptPlan(times=3)
        await self.send()
        self.assertEqual(await self.receipts(), [self.expected()] * 3)
        self.assertEqual(len({hit.body for hit in self.customer.hits}), 1)

    async def test_by_handset(self) -> None:
        """A handset's own plan counts for it alone, and before the one for all."""
        self.nexmo.receipts = ReceiptPlan(statuses=("failed",))
        self.nexmo.receipts_of[ANN] = ReceiptPlan(statuses=("expired",), err_code="1")
        await self.send(to=ANN)
        await self.send(to=BOB)
        found = {(receipt["msisdn"], receipt["status"]) for receipt in await self.receipts()}
        self.assertEqual(found, {(ANN, "expired"), (BOB, "failed")})

    async def test_control(self) -> None:
        """Plans are made and forgotten over HTTP, for all or for one handset; a new one replaces the old one."""
        plan = {"statuses": ["failed"], "err_code": "6", "early": True, "times": 2, "delay": 30}
        self.assertEqual((await self.ask("POST", "/control/receipts", plan)).status, 200)
        self.assertEqual(
            self.nexmo.receipts, ReceiptPlan(statuses=("failed",), err_code="6", early=True, times=2, delay=30)
        )
        await self.ask("POST", "/control/receipts", {"handset": BOB, "statuses": []})
        self.assertEqual(self.nexmo.receipt_plan(BOB), ReceiptPlan(statuses=()))
        await self.ask("POST", "/control/receipts", {"times": 2})
        self.assertEqual(self.nexmo.receipt_plan(ANN), ReceiptPlan(times=2))
        self.assertEqual(self.nexmo.receipt_plan(BOB), ReceiptPlan(statuses=()))
        self.assertEqual((await self.ask("DELETE", "/control/receipts")).status, 200)
        self.assertEqual((self.nexmo.receipts, self.nexmo.receipts_of), (ReceiptPlan(), {}))

    async def test_control_refuses(self) -> None:
        """What is no plan, or for no phone number, is refused with one clear sentence, and changes nothing."""
        for body, status, said in (
            (b"{", 400, "JSON"),
            ([], 422, "object"),
            ({"statuses": "failed"}, 422, "statuses"),
            ({"colour": "red"}, 422, "colour"),
            ({"handset": "+12015550112"}, 422, "handset"),
            ({"handset": None}, 422, "handset"),
            ({"handset": BOB, "times": 0}, 422, "times"),
        ):
            reply = await self.ask("POST", "/control/receipts", body)
            self.assertEqual((reply.status, list(reply.json)), (status, ["error"]), f"{body!r}")
            self.assertIn(said, reply.json["error"])
        self.assertEqual((self.nexmo.receipts, self.nexmo.receipts_of), (ReceiptPlan(), {}))
        self.assertEqual((await self.ask("GET", "/control/receipts")).status, 405)
