"""Webhooks go out like those of the real companies: in time, in turn, again, and not for ever."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from nexmo_twisted.sandbox.http.delivery import Deliverer
from nexmo_twisted.sandbox.http.messages import Patience, SimulatedResponse, WebhookCall
from nexmo_twisted.sandbox.layer.webhooks import EVENT_PATIENCE, EVENTS, VERIFICATION_PATIENCE
from nexmo_twisted.sandbox.nexmo.simulator import WEBHOOK_PATIENCE
from tests.sandbox.cases import Customer, SimulatorsCase

OURS, BOB = "12015550101", "12015550112"


def attempts(patience: Patience) -> list[float]:
    """When the attempts are made that all fail at once, in seconds after the first one."""
    times = [0.0]
    while (wait := patience.wait(len(times), times[-1])) is not None:
        times.append(times[-1] + wait)
    return times


class TimeoutTests(SynchronousTestCase):
    def test_layer(self) -> None:
        """Layer waits a second for an answer and tries for half an hour with growing waits."""
        times = attempts(EVENT_PATIENCE)
        self.assertEqual(EVENT_PATIENCE.timeout, 1.0)
        self.assertEqual((times[:5], times[-1]), ([0, 1, 3, 7, 15], 1800))

    def test_verification(self) -> None:
        """A verification is tried once."""
        self.assertEqual(attempts(VERIFICATION_PATIENCE), [0])

    def test_nexmo(self) -> None:
        """Nexmo waits 15 seconds, tries after 5, doubles up to 15 minutes and drops the SMS after a day."""
        times = attempts(WEBHOOK_PATIENCE)
        waits = [later - earlier for earlier, later in itertools.pairwise(times)]
        self.assertEqual(WEBHOOK_PATIENCE.timeout, 15.0)
        self.assertEqual(waits[:9], [5, 10, 20, 40, 80, 160, 320, 640, 900])
        self.assertEqual((set(waits[8:-1]), times[-1]), ({900}, 86400))

    @settings(deadline=None)
    @given(st.floats(0.1, 100), st.floats(0.1, 1000), st.floats(0, 100_000), st.integers(1, 5000), st.floats(0, 1e6))
    def test_never_beyond_the_limit(
        self, first: float, longest: float, limit: float, failures: int, elapsed: float
    ) -> None:
        """However often it failed, the next attempt is within the limit, or there is none."""
        wait = Patience(1.0, first, longest, limit).wait(failures, elapsed)
        if elapsed >= limit:
            self.assertIsNone(wait)
        else:
            assert wait is not None
            self.assertGreater(wait, 0)
            self.assertLessEqual(elapsed + wait, limit * (1 + 1e-9))


class LayerDeliveryTests(SimulatorsCase):
    """Events of Layer."""

    async def setup_conversation(self) -> str:
        self.webhook = await self.hook(*EVENTS)
        self.customer.hits.clear()
        return self.layer.start_conversation(["ann", "bob"])

    def texts(self) -> list[str]:
        bodies = [json.loads(hit.body) for hit in self.customer.posts()]
        return [body["message"]["parts"][0]["body"] for body in bodies if "message" in body]

    async def test_delivered(self) -> None:
        """An event arrives with its headers and its very bytes."""
        conversation = await self.setup_conversation()
        self.layer.send(conversation, "ann", "Grüße 😀")
        await self.sandbox.idle()
        hit = self.customer.posts()[-1]
        self.assertEqual((hit.method, hit.uri), ("POST", "/layer"))
        self.assertEqual(hit.header("content-type"), "application/vnd.layer.webhooks+json; version=1.0")
        self.assertEqual(hit.header("layer-webhook-event-type"), "message.sent")
        self.assertIn("Grüße 😀".encode(), hit.body)
        self.assertEqual(self.sandbox.deliverer.retries, 0)

    async def test_in_turn(self) -> None:
        """The events of one webhook arrive in their order, never two of them side by side."""
        conversation = await self.setup_conversation()
        expected = [f"message {number}" for number in range(20)]
        for text in expected:
            self.layer.send(conversation, "ann", text)
        await self.sandbox.idle()
        self.assertEqual(self.texts(), expected)

    async def test_again(self) -> None:
        """A failed event comes again, the same to the byte, with the same request id and event id."""
        conversation = await self.setup_conversation()
        await self.sandbox.idle()
        self.customer.hits.clear()
        self.customer.answer = lambda _hit: (503, b"")
        self.layer.send(conversation, "ann", "Hello")
        await self.sandbox.idle()
        self.clock.advance(1)
        await self.sandbox.idle()
        self.customer.answer = lambda _hit: (204, b"")
        self.clock.advance(2)
        await self.sandbox.idle()
        first, second, third = self.customer.posts()
        self.assertEqual(first.body, second.body)
        self.assertEqual(second.body, third.body)
        for name in ("layer-webhook-request-id", "layer-webhook-signature", "layer-webhook-id"):
            self.assertEqual(first.header(name), third.header(name))
        self.assertEqual(self.sandbox.deliverer.retries, 0)
        self.assertEqual(self.webhook.status, "active")

    async def test_others_go_ahead(self) -> None:
        """An event that waits for its next attempt does not hold up the others."""
        conversation = await self.setup_conversation()
        self.customer.answer = lambda hit: (500 if b"One" in hit.body else 200, b"")
        self.layer.send(conversation, "ann", "One")
        self.layer.send(conversation, "ann", "Two")
        await self.sandbox.idle()
        self.assertEqual(self.texts(), ["One", "Two"])
        self.assertEqual(self.sandbox.deliverer.retries, 1)

    async def test_inactive_after_half_an_hour(self) -> None:
        """After about half an hour of failures the webhook is inactive and hears nothing more."""
        conversation = await self.setup_conversation()
        await self.sandbox.idle()
        self.customer.answer = lambda _hit: (500, b"")
        self.layer.send(conversation, "ann", "Hello")
        await self.sandbox.idle()
        for _ in range(11):
            self.assertEqual(self.webhook.status, "active")
            self.clock.advance(1024)
            await self.sandbox.idle()
            if self.webhook.status != "active":
                break
        self.assertEqual(self.webhook.status, "inactive")
        hits = len(self.customer.hits)
        self.layer.send(conversation, "ann", "Hello?")
        await self.sandbox.idle()
        self.clock.advance(3600)
        await self.sandbox.idle()
        self.assertEqual((len(self.customer.hits), self.sandbox.deliverer.retries), (hits, 0))

    async def test_deleted_webhook(self) -> None:
        """What waits for a webhook that was deleted is forgotten."""
        conversation = await self.setup_conversation()
        self.customer.answer = lambda _hit: (500, b"")
        self.layer.send(conversation, "ann", "Hello")
        await self.sandbox.idle()
        hits = len(self.customer.hits)
        self.layer.webhooks.delete(self.webhook.id)
        self.clock.advance(60)
        await self.sandbox.idle()
        self.assertEqual(len(self.customer.hits), hits)

    async def test_too_slow(self) -> None:
        """An answer that takes more than a second is a failure, and the event comes again."""
        conversation = await self.setup_conversation()
        await self.sandbox.idle()
        self.customer.answer = lambda _hit: None
        before = len(self.customer.hits)
        self.layer.send(conversation, "ann", "Hello")
        await self.customer.reached(before + 1)
        self.clock.advance(0.9)
        self.assertEqual(self.sandbox.deliverer.retries, 0)
        self.clock.advance(0.2)
        await self.sandbox.idle()
        self.assertEqual(self.sandbox.deliverer.retries, 1)

    async def test_redirects_are_failures(self) -> None:
        """A redirect is no 2xx, and is not followed."""
        conversation = await self.setup_conversation()
        await self.sandbox.idle()
        self.customer.answer = lambda _hit: (302, b"")
        before = len(self.customer.hits)
        self.layer.send(conversation, "ann", "Hello")
        await self.sandbox.idle()
        self.assertEqual((len(self.customer.hits), self.sandbox.deliverer.retries), (before + 1, 1))


class NexmoDeliveryTests(SimulatorsCase):
    """Inbound SMS of Nexmo."""

    async def test_again(self) -> None:
        """An SMS that was not taken comes again with the same message id, first after five seconds."""
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/sms")
        self.customer.answer = lambda _hit: (503, b"")
        message_id = self.nexmo.reply(BOB, OURS, "Hello")
        await self.sandbox.idle()
        self.clock.advance(4.9)
        await self.sandbox.idle()
        self.assertEqual(len(self.customer.hits), 1)
        self.clock.advance(0.2)
        await self.sandbox.idle()
        self.assertEqual(len(self.customer.hits), 2)
        self.assertTrue(all(message_id.encode() in hit.body for hit in self.customer.hits))

    async def test_fifteen_seconds(self) -> None:
        """Nexmo waits 15 seconds for an answer."""
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/sms")
        self.customer.answer = lambda _hit: None
        self.nexmo.reply(BOB, OURS, "Hello")
        await self.customer.reached(1)
        self.clock.advance(14.9)
        self.assertEqual(self.sandbox.deliverer.retries, 0)
        self.clock.advance(0.2)
        await self.sandbox.idle()
        self.assertEqual(self.sandbox.deliverer.retries, 1)

    async def test_nobody_there(self) -> None:
        """A server that is not there is a failure like any other."""
        self.nexmo.route_inbound(OURS, "http://127.0.0.1:1/sms")
        self.nexmo.reply(BOB, OURS, "Hello")
        await self.sandbox.idle()
        self.assertEqual(self.sandbox.deliverer.retries, 1)


class DelivererTests(SimulatorsCase):
    """The deliverer on its own."""

    def call(self, number: int, done: list[Any]) -> WebhookCall:
        return WebhookCall(
            channel="one",
            method="POST",
            url=f"{self.customer_url}/{number}",
            headers=(),
            body=b"x",
            patience=Patience(1.0),
            done=done.append,
        )

    async def test_outcome(self) -> None:
        """The outcome is told once: the answer, whatever it was, or None."""
        done: list[SimulatedResponse | None] = []
        answers = {"/0": (201, b"made"), "/1": (404, b"no")}
        self.customer.answer = lambda hit: answers[hit.uri]
        self.sandbox.deliverer.deliver(self.call(0, done))
        self.sandbox.deliverer.deliver(self.call(1, done))
        self.sandbox.deliverer.deliver(
            WebhookCall(
                channel="two",
                method="GET",
                url="http://127.0.0.1:1/",
                headers=(),
                body=b"",
                patience=Patience(1.0),
                done=done.append,
            )
        )
        await self.sandbox.idle()
        self.assertCountEqual(done, [SimulatedResponse(201, b"made"), SimulatedResponse(404, b"no"), None])

    async def test_another_order(self) -> None:
        """Whoever wants to see another order says which one goes next."""
        deliverer = Deliverer(reactor, self.clock, pick=lambda count: count - 1)
        self.addCleanup(lambda: Deferred.fromCoroutine(deliverer.stop()))
        for number in range(4):
            deliverer.deliver(self.call(number, []))
        await deliverer.idle()
        self.assertEqual([hit.uri for hit in self.customer.hits], ["/0", "/3", "/2", "/1"])

    async def test_idle(self) -> None:
        """Idle at once when there is nothing to do, else when the last answer is in."""
        self.assertTrue(self.sandbox.idle().called)
        answered: list[SimulatedResponse | None] = []
        self.sandbox.deliverer.deliver(self.call(0, answered))
        self.assertFalse(self.sandbox.idle().called)
        await self.sandbox.idle()
        self.assertEqual(len(answered), 1)

    async def test_stop(self) -> None:
        """Stopping ends what is on the wire and forgets what waits; nothing is sent any more."""
        done: list[SimulatedResponse | None] = []
        self.customer.answer = lambda _hit: None
        self.sandbox.deliverer.deliver(self.call(0, done))
        self.sandbox.deliverer.deliver(self.call(1, done))
        await self.customer.reached(1)
        await self.sandbox.stop()
        self.assertTrue(self.sandbox.idle().called)
        self.sandbox.deliverer.deliver(self.call(2, done))
        self.assertEqual((len(self.customer.hits), done, self.clock.getDelayedCalls()), (1, [], []))

    async def test_kept_connection(self) -> None:
        """The calls of one channel share one connection, kept open between them."""
        ports = set()

        class Watched(Customer):
            def render(self, request: Any) -> Any:
                ports.add(request.getClientAddress().port)
                return super().render(request)

        url = self.serve(Site(Watched()))
        for _ in range(5):
            self.sandbox.deliverer.deliver(
                WebhookCall(channel="one", method="POST", url=url, headers=(), body=b"x", patience=Patience(1.0))
            )
        await self.sandbox.idle()
        self.assertEqual(len(ports), 1)

    async def test_broken_answer(self) -> None:
        """A connection that ends in the middle of an answer is no answer."""

        class Broken(Customer):
            def render(self, request: Any) -> Any:
                request.setHeader("content-length", "1000")
                request.write(b"half")
                request.transport.loseConnection()
                return super().render(request)

        broken = Broken()
        broken.answer = lambda _hit: None
        answer = await self.sandbox.deliverer.probe(self.serve(Site(broken)), 1.0)
        self.assertIsNone(answer)

    async def test_endless_answer(self) -> None:
        """A body that never ends is cut off by the time limit, not only a head that never comes."""

        class Endless(Customer):
            def render(self, request: Any) -> Any:
                request.write(b"and so on ")
                return super().render(request)

        endless = Endless()
        endless.answer = lambda _hit: None
        probing = Deferred.fromCoroutine(self.sandbox.deliverer.probe(self.serve(Site(endless)), 5.0))
        await endless.reached(1)
        # The head of the answer arrives in the next turns of the reactor.
        for _ in range(3):
            await deferLater(reactor, 0)
        self.assertFalse(probing.called)
        self.clock.advance(5)
        self.assertIsNone(await probing)
