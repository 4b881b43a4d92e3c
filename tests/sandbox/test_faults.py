"""Faults as data: which request they meet, and what happens to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived

from nexmo_twisted.sandbox.http.faults import Fault, Faults
from tests.sandbox.cases import BASE, BOB, FORM, NOW, OURS, PLATFORM, SimulatorsCase, basic


class FaultMatchTests(SynchronousTestCase):
    def test_blank_meets_all(self) -> None:
        """A fault that names nothing is meant for every request."""
        self.assertTrue(Fault().meets("/nexmo/sms/json", "POST", BOB, "Hello"))

    def test_everything_named_must_fit(self) -> None:
        """Path and text are parts of the request's; number and method are the whole."""
        fault = Fault(path="/sms/", number=BOB, text="ell", method="post")
        self.assertTrue(fault.meets("/nexmo/sms/json", "POST", BOB, "Hello"))
        for path, method, number, text in (
            ("/nexmo/account", "POST", BOB, "Hello"),
            ("/nexmo/sms/json", "GET", BOB, "Hello"),
            ("/nexmo/sms/json", "POST", BOB[:-1], "Hello"),
            ("/nexmo/sms/json", "POST", BOB, "Bye"),
        ):
            self.assertFalse(fault.meets(path, method, number, text))

    def test_oldest_first(self) -> None:
        """Of several faults for one request the oldest meets it, until it is used up."""
        faults = Faults()
        first, second = Fault(status=500, times=2), Fault(status=503)
        faults.add(first)
        faults.add(second)
        met = [faults.take("/", "GET") for _ in range(4)]
        self.assertEqual(met, [first, first, second, None])

    @settings(deadline=None)
    @given(st.integers(1, 20), st.integers(0, 30))
    def test_counts_down(self, times: int, requests: int) -> None:
        """A fault meets exactly as many of its requests as it says; other requests do not count."""
        faults = Faults()
        faults.add(Fault(path="/a", times=times))
        met = 0
        for _ in range(requests):
            self.assertIsNone(faults.take("/b", "GET"))
            met += faults.take("/a", "GET") is not None
        self.assertEqual(met, min(times, requests))

    def test_always(self) -> None:
        """Zero times means every time, until the faults are cleared."""
        faults = Faults()
        faults.add(Fault(times=0))
        self.assertTrue(all(faults.take("/", "GET") for _ in range(50)))
        faults.clear()
        self.assertIsNone(faults.take("/", "GET"))

    def test_from_json(self) -> None:
        """A fault in JSON has the same names."""
        self.assertEqual(
            Fault.from_json(
                {
                    "path": "/sms",
                    "status": 503,
                    "body": "down é",
                    "headers": {"x-why": "test"},
                    "retry_after": 2.5,
                    "delay": 1,
                    "drop": True,
                    "times": 0,
                }
            ),
            Fault(
                path="/sms",
                status=503,
                body="down é".encode(),
                headers=(("x-why", "test"),),
                retry_after=2.5,
                delay=1,
                drop=True,
                times=0,
            ),
        )

    def test_not_a_fault(self) -> None:
        """What cannot be a fault is refused with the name of the member."""
        for values, named in (
            ({"stauts": 500}, "stauts"),
            ({"status": "500"}, "status"),
            ({"status": True}, "status"),
            ({"status": 99}, "status"),
            ({"path": None}, "path"),
            ({"drop": 1}, "drop"),
            ({"times": -1}, "times"),
            ({"delay": -0.5}, "delay"),
            ({"delay": float("nan")}, "delay"),
            ({"headers": {"x": 1}}, "headers"),
            ({"headers": []}, "headers"),
        ):
            error = self.assertRaises(ValueError, Fault.from_json, values)
            self.assertIn(named, str(error))


class FaultEffectTests(SimulatorsCase):
    """Faults over real HTTP."""

    async def send(self, text: str = "Hello", to: str = BOB) -> Any:
        body = urlencode({"from": OURS, "to": to, "text": text, "client-ref": "m-1"}).encode()
        return await self.ask("POST", "/nexmo/sms/json", body, {**FORM, **basic()})

    def statuses(self, reply: Any) -> list[str]:
        return [entry["status"] for entry in reply.json["messages"]]

    async def test_status(self) -> None:
        """An HTTP status in place of the answer: nothing was sent, and the next request works."""
        self.sandbox.faults.add(Fault(path="/sms/json", status=503))
        self.assertEqual((await self.send()).status, 503)
        self.assertEqual(self.nexmo.count("m-1"), 0)
        self.assertEqual(self.statuses(await self.send()), ["0"])

    async def test_nexmo_status(self) -> None:
        """A status of Nexmo's own comes with HTTP 200 and its words."""
        self.sandbox.faults.add(Fault(nexmo_status="1"))
        reply = await self.send()
        self.assertEqual(reply.status, 200)
        self.assertEqual(
            reply.json["messages"],
            [{"status": "1", "error-text": "Throughput Rate Exceeded - please wait [ 978 ] and retry"}],
        )
        self.assertEqual(self.nexmo.count("m-1"), 0)

    async def test_partly_accepted(self) -> None:
        """Of a long text one part is accepted and the others are not: it has gone out, with that part's id."""
        self.sandbox.faults.add(Fault(nexmo_status="0,1"))
        reply = await self.send("a" * 400)
        self.assertEqual(self.statuses(reply), ["0", "1", "1"])
        (sms,) = self.nexmo.sent
        self.assertEqual(reply.json["messages"][0]["message-id"], sms.message_ids[0])

    async def test_done_but_failed(self) -> None:
        """'Done' means that it took effect although the answer says it failed."""
        self.sandbox.faults.add(Fault(status=500, done=True))
        self.assertEqual((await self.send()).status, 500)
        self.assertEqual(self.nexmo.count("m-1"), 1)
        self.sandbox.faults.add(Fault(nexmo_status="5", done=True))
        self.assertEqual(self.statuses(await self.send()), ["5"])
        self.assertEqual(self.nexmo.count("m-1"), 2)

    async def test_dropped(self) -> None:
        """The connection is closed without an answer, before or after the request took effect."""
        for done, sent in ((False, 0), (True, 1)):
            self.sandbox.faults.add(Fault(drop=True, done=done))
            await self.assertFailure(Deferred.fromCoroutine(self.send()), ResponseNeverReceived)
            self.assertEqual(self.nexmo.count("m-1"), sent)

    async def test_delayed(self) -> None:
        """A delay ends by the clock of the sandbox; then the request takes effect as always."""
        self.sandbox.faults.add(Fault(delay=20))
        sending = Deferred.fromCoroutine(self.send())
        await self.arrived()
        self.assertEqual((sending.called, self.nexmo.sent), (False, []))
        self.clock.advance(20)
        self.assertEqual(self.statuses(await sending), ["0"])
        self.assertEqual(self.nexmo.sent[0].at, NOW + 20)

    async def test_delayed_after_it_was_done(self) -> None:
        """Done first and answered late: who gives up waiting has sent it all the same."""
        self.sandbox.faults.add(Fault(delay=20, done=True))
        sending = Deferred.fromCoroutine(self.send())
        await self.arrived()
        self.assertEqual(self.nexmo.count("m-1"), 1)
        sending.addErrback(lambda _failure: None)
        sending.cancel()
        await sending

    async def test_given_up_before_it_was_done(self) -> None:
        """Who gives up within the delay has not sent it, even when the delay is over."""
        self.sandbox.faults.add(Fault(delay=20))
        sending = Deferred.fromCoroutine(self.send())
        await self.arrived()
        sending.addErrback(lambda _failure: None)
        sending.cancel()
        await sending
        # One more request, so that the server has certainly seen the other one go.
        await self.ask("GET", "/control/state")
        self.clock.advance(20)
        self.assertEqual(self.nexmo.sent, [])

    async def test_retry_after(self) -> None:
        """'Retry-After' makes it a 429 unless another status is named."""
        self.sandbox.faults.add(Fault(retry_after=7))
        reply = await self.send()
        self.assertEqual((reply.status, reply.header("retry-after")), (429, "7"))
        self.sandbox.faults.add(Fault(retry_after=0.5, status=503, headers=(("x-why", "test"),)))
        reply = await self.send()
        self.assertEqual((reply.status, reply.header("retry-after"), reply.header("x-why")), (503, "0.5", "test"))

    async def test_body(self) -> None:
        """Any body in place of the answer: a broken one, one in another form."""
        self.sandbox.faults.add(Fault(body=b'{"messages": [', done=True))
        reply = await self.send()
        self.assertEqual((reply.status, reply.body), (200, b'{"messages": ['))
        html = (("content-type", "text/html"),)
        self.sandbox.faults.add(Fault(status=402, body=b"<html>Bad Account Credentials</html>", headers=html))
        reply = await self.send()
        self.assertEqual((reply.status, reply.header("content-type")), (402, "text/html"))

    async def test_one_number_only(self) -> None:
        """A fault for one recipient, or one text, leaves the others alone."""
        self.sandbox.faults.add(Fault(number=BOB, nexmo_status="7"))
        self.sandbox.faults.add(Fault(path="/sms/json", text="lunch", nexmo_status="17"))
        self.assertEqual(self.statuses(await self.send(to="12015550113")), ["0"])
        self.assertEqual(self.statuses(await self.send()), ["7"])
        self.assertEqual(self.statuses(await self.send("About lunch")), ["17"])

    async def test_layer(self) -> None:
        """Layer fails in its own form, and a message that was posted after all is not posted twice."""
        self.layer.add_user("ann")
        self.sandbox.faults.add(Fault(path="/identity", status=500))
        reply = await self.ask("GET", f"{BASE}/users/ann/identity", headers=PLATFORM)
        self.assertEqual((reply.status, reply.json["id"]), (500, "internal_server_error"))
        conversation = self.layer.start_conversation(["ann", "bob"])
        path = f"{BASE}/conversations/{conversation.rpartition('/')[2]}/messages"
        body = {"sender": {"user_id": "bob"}, "parts": [{"body": "Yes", "mime_type": "text/plain"}]}
        headers = {**PLATFORM, "If-None-Match": "7f1c2b0e-6f0a-4f57-9d55-0d8c6c1f7a01"}
        self.sandbox.faults.add(Fault(path="/messages", text="Yes", status=503, done=True))
        self.assertEqual((await self.ask("POST", path, body, headers)).status, 503)
        self.assertEqual((await self.ask("POST", path, body, headers)).status, 200)
        self.assertEqual([message.text for message in self.layer.messages(conversation)], ["Yes"])

    async def arrived(self) -> None:
        """Waits until the only fault has met its request."""
        while len(self.sandbox.faults):
            await self.ask("GET", "/control/state")
