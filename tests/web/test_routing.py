"""The two doors: what is right is stored and then answered 2xx; for everything else there is one right answer."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.platforms.layer.webhook import LayerWebhook
from nexmo_twisted.providers.nexmo.parameters import Pairs
from nexmo_twisted.providers.nexmo.signatures import sign, verify
from nexmo_twisted.web.routing import root
from nexmo_twisted.web.site import hardened_site
from tests.factories import API_ROOT, MESSAGE_UUID, READ_SMS, SMS, webhook
from tests.support import observe_log
from tests.web.cases import FORM, LAYER, LAYER_TYPE, NEXMO, OLD_SECRET, SECRET, SIGNING_SECRET, WebhookCase, signature
from tests.web.wire import Loopback, in_memory


class LayerTests(WebhookCase):
    async def test_event(self) -> None:
        """A signed event is stored and answered 204 without a body."""
        self.assertEqual(await self.post_event(webhook()), 204)
        [event] = self.intake.kept
        self.assertEqual((event.kind, event.message_id), ("sent", MESSAGE_UUID))
        self.assertEqual(self.counted.counts, {"layer_stored": 1})

    async def test_stored_before_answered(self) -> None:
        """The answer waits until the event is stored."""
        self.intake.waiting = []
        answered = Deferred.fromCoroutine(self.post_event(webhook()))
        self.client.flush()
        self.assertNoResult(answered)
        self.intake.waiting[0].callback(None)
        self.client.flush()
        self.assertEqual(await answered, 204)

    async def test_signatures_that_count(self) -> None:
        """Either secret will do, and hexadecimal in either case."""
        raw = json.dumps(webhook()).encode()
        for good in (signature(raw), signature(raw).upper(), signature(raw, OLD_SECRET)):
            self.assertEqual(await self.post_event(raw, layer_webhook_signature=good), 204)

    async def test_raw_bytes(self) -> None:
        """The signature is over the bytes as they came, however they are laid out."""
        raw = json.dumps(webhook(), indent=3).encode() + b"\n\n"
        self.assertEqual(await self.post_event(raw), 204)
        self.assertEqual(await self.post_event(raw + b" ", layer_webhook_signature=signature(raw)), 403)

    async def test_signatures_that_do_not(self) -> None:
        """Without a right signature nothing is parsed or stored: 403."""
        raw = json.dumps(webhook()).encode()
        good = signature(raw)
        bad: list[str | list[str]] = [
            "",
            "x",
            good[:-1],
            good + "0",
            signature(raw, b"other"),
            signature(b""),
            "é" * 40,
            [good, good],
            [signature(raw, b"other"), good],
        ]
        for wrong in bad:
            self.assertEqual(await self.post_event(raw, layer_webhook_signature=wrong), 403)
        self.assertEqual(await self.ask("POST", LAYER, body=raw, content_type=LAYER_TYPE), 403)
        self.assertEqual(await self.ask("POST", LAYER), 403)
        self.assertEqual(self.intake.kept, [])
        self.assertEqual(self.counted.counts, {"layer_unsigned": len(bad) + 2})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_unsigned_are_logged_once_a_minute(self) -> None:
        """Unsigned webhooks cannot fill the log."""
        for _ in range(125):
            await self.post_event(webhook(), layer_webhook_signature="x")
            self.clock.advance(1)
        self.assertEqual(len(self.lines), 3)

    async def test_signed_but_wrong(self) -> None:
        """What Layer signed but nobody can understand is kept and answered 202, or Layer turns the webhook off."""
        good = json.dumps(webhook())
        bodies = (
            b"",
            b"{",
            b"[]",
            b"null",
            b"[" * 200_000,
            b'{"event": ' + b"9" * 5000 + b"}",
            good.encode("utf-16"),
            good.replace("This is the message.", "\\ud83d").encode(),
            good.replace('"12345"', '"\\u0000"').encode(),
            json.dumps(webhook(recipient_status={"12345": "read", "999": "pondered"})).encode(),
            good.replace("message.sent", "conversation.created").encode(),
            good.replace("layer:///messages", "layer:///").encode(),
            json.dumps(webhook(sender=None)).encode(),
        )
        for raw in bodies:
            self.assertEqual(await self.post_event(raw), 202, raw[:100])
        self.assertEqual([entry[0] for entry in self.intake.kept], ["layer"] * len(bodies))
        self.assertEqual([entry[2] for entry in self.intake.kept], list(bodies))
        self.assertEqual(self.counted.counts, {"layer_quarantined": len(bodies)})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_content_types(self) -> None:
        """Every name of JSON is read, and so is no name; another type is kept and answered 202."""
        for good in (
            "application/vnd.layer.webhooks+json; version=2.0",
            "Application/JSON",
            "text/json; charset=utf-8",
            "application/problem+json",
            "",
            LAYER_TYPE,
        ):
            self.assertEqual(await self.post_event(webhook(), content_type=good), 204)
        self.assertEqual(self.counted.counts, {"layer_stored": 6})
        for bad in ("text/plain", "application/jsonx", "é", "text/x+json"):
            self.assertEqual(await self.post_event(webhook(), content_type=bad), 202)
        self.assertEqual(self.counted.counts, {"layer_stored": 6, "layer_quarantined": 4})
        self.assertIn("content type", self.intake.kept[-1][1])

    async def test_odd_members(self) -> None:
        """What is left out of an event is counted by its kind, and told in a line a minute; the event is stored."""
        odd = webhook(
            parts=[{"mime_type": "text/plain", "body": "Hi"}, None, None], recipient_status={"1": "sent", "2": 2}
        )
        for _ in range(2):
            self.assertEqual(await self.post_event(odd), 204)
        self.assertEqual(self.counted.counts, {"layer_stored": 2, "part": 4, "recipient": 2})
        self.assertEqual(len(self.lines), 2)

    async def test_bots(self) -> None:
        """Messages of bots are understood and left alone."""
        self.assertEqual(await self.post_event(webhook(sender={"name": "Nexmo"})), 204)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"layer_ignored": 1}))

    async def test_store_away(self) -> None:
        """While nothing can be stored Layer is asked to come again: 503, and no line for every webhook."""
        self.intake.fault = StoreUnavailable("Redis is away")
        self.assertEqual(await self.post_event(webhook()), 503)
        self.assertEqual(await self.post_event(b"[]"), 503)
        self.assertEqual(self.counted.counts, {"layer_unavailable": 2})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_unforeseen_failure(self) -> None:
        """A fault of ours is logged once and answered 503: what was sent to us must not be lost by it."""
        self.intake.fault = ZeroDivisionError()
        self.assertEqual(await self.post_event(webhook()), 503)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.counted.counts, {"layer_failed": 1})

    async def test_challenge(self) -> None:
        """Layer's verification text is echoed, and no browser takes it for anything but text."""
        for query, text in (("abc-123", "abc-123"), ("%C3%A9+%3Cscript%3E", "é <script>"), ("x" * 256, "x" * 256)):
            code, headers, body = await self.ask_for("GET", f"{LAYER}?verification_challenge={query}")
            self.assertEqual((code, body), (200, text.encode()))
            self.assertEqual(headers.getRawHeaders("content-type"), ["text/plain; charset=utf-8"])
            self.assertEqual(headers.getRawHeaders("x-content-type-options"), ["nosniff"])

    async def test_no_challenge(self) -> None:
        """Without a challenge, or with what is none, the door just says that it is there."""
        for query in ("", "?", "?a=b", "?verification_challenge=", "?verification_challenge=%ff"):
            self.assertEqual(await self.ask("GET", LAYER + query), 200)
        self.assertEqual(await self.ask("GET", f"{LAYER}?verification_challenge={'x' * 257}"), 200)

    async def test_a_secret_is_needed(self) -> None:
        """A door without a secret, or with an empty one, would let in anybody."""
        for secrets in ((), (b"",), (SECRET, b"")):
            intake: Any = self.intake
            with self.assertRaises(ValueError):
                LayerWebhook(
                    secrets=secrets,
                    api_root=API_ROOT,
                    intake=intake,
                    metrics=self.counted,
                    clock=self.clock,
                )


class NexmoTests(WebhookCase):
    async def test_three_forms(self) -> None:
        """An SMS comes by GET, as a form or as JSON, and is answered 200 without a body."""
        self.assertEqual(await self.ask("GET", f"{NEXMO}?{urlencode(SMS)}"), 200)
        self.assertEqual(await self.post_sms(SMS), 200)
        self.assertEqual(await self.post_sms(SMS, f"{FORM}; charset=UTF-8"), 200)
        self.assertEqual(await self.post_sms(json.dumps(SMS).encode(), "application/json"), 200)
        self.assertEqual(await self.ask("POST", f"{NEXMO}?{urlencode(SMS)}"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS] * 5)
        self.assertEqual(self.counted.counts, {"nexmo_stored": 5})

    async def test_what_nobody_reads(self) -> None:
        """An SMS whose needed parameters are all there is taken, whatever stands beside them or names its form."""
        more: dict[str, Any] = {"usage": {"price": "0.01", "currency": "EUR"}, "tags": ["a"], "of": None, "": {}}
        for content_type in ("application/json", "text/json", "application/vnd.vonage.sms+json; charset=x", ""):
            for mark in (b"", b"\xef\xbb\xbf"):
                raw = mark + json.dumps({**more, **SMS}).encode()
                self.assertEqual(await self.post_sms(raw, content_type), 200, content_type)
        form = urlencode([("tag", "1"), ("tag", "2"), *((f"x{n}", "") for n in range(100)), *SMS.items()]).encode()
        self.assertEqual(await self.post_sms(form.replace(b"keyword=HELLO", b"keyword=%E9")), 200)
        self.assertEqual(await self.ask("GET", f"{NEXMO}?{urlencode(SMS)}&keyword=%E9&tag=1&tag=2"), 200)
        self.assertEqual(await self.post_sms(b"<junk>", "text/xml", query=f"?{urlencode(SMS)}"), 200)
        self.assertEqual(await self.post_sms({"novel": "x"}, query=f"?{urlencode(SMS)}"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS] * 12)
        self.assertEqual(self.counted.counts, {"nexmo_stored": 12})

    async def test_body_before_query(self) -> None:
        """Parameters of the body count, and none of the query is mixed in."""
        self.assertEqual(await self.post_sms(SMS, query="?text=other&concat=true"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS])
        self.assertEqual(await self.post_sms({"text": "Hello"}, query=f"?{urlencode(SMS)}"), 200)
        self.assertEqual(self.intake.kept[1][0], "nexmo")

    async def test_bare_get(self) -> None:
        """Nexmo tries a URL with a bare GET before it takes it."""
        self.assertEqual(await self.ask("GET", NEXMO), 200)
        self.assertEqual(await self.ask("HEAD", NEXMO), 200)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {}))

    async def test_head(self) -> None:
        """A HEAD changes nothing, whatever parameters it has."""
        for query in (urlencode(SMS), "status=%ff", "a=b"):
            self.assertEqual(await self.ask("HEAD", f"{NEXMO}?{query}"), 200)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {}))

    async def test_unreadable(self) -> None:
        """What is no SMS is kept and answered 200, since it would be no SMS the next time either."""
        for body, content_type in (
            (b"", FORM),
            (b"text=%ff", FORM),
            (b"{", "application/json"),
            (b"[" * 200_000, "application/json"),
            (b"x", "text/plain"),
            (urlencode({**SMS, "msisdn": ""}).encode(), FORM),
            (urlencode([*SMS.items(), ("to", "x")]).encode(), FORM),
        ):
            self.assertEqual(await self.post_sms(body, content_type), 200)
            self.assertEqual(self.intake.kept.pop()[::2], ("nexmo", body))
        self.assertEqual(await self.ask("GET", f"{NEXMO}?text=%ff"), 200)
        self.assertEqual(self.intake.kept.pop()[::2], ("nexmo", b"text=%ff"))
        self.assertEqual(self.counted.counts, {"nexmo_quarantined": 8})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_store_away(self) -> None:
        """While nothing can be stored Nexmo is asked to come again."""
        self.intake.fault = StoreUnavailable("Redis is away")
        self.assertEqual(await self.post_sms(SMS), 503)
        self.assertEqual(await self.post_sms(b"x"), 503)
        self.assertEqual(self.counted.counts, {"nexmo_unavailable": 2})
        self.assertEqual(self.intake.again, 1)

    async def test_unforeseen_failure(self) -> None:
        """A fault of ours, in storing or in checking, is logged once and answered 503."""
        self.intake.fault = ZeroDivisionError()
        self.assertEqual(await self.post_sms(SMS), 503)

        def broken(_pairs: Pairs) -> None:
            raise LookupError

        self.open(check=broken)
        self.assertEqual(await self.post_sms({**SMS, "sig": "x"}), 503)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertEqual(self.counted.counts, {"nexmo_failed": 2})


class SignedNexmoTests(WebhookCase):
    """Signatures are checked by the real rule."""

    def setUp(self) -> None:
        super().setUp()
        check = partial(verify, secret=SIGNING_SECRET, method="sha256", now=1385047698.0)
        self.open(check=check)

    def signed(self, **params: str) -> dict[str, str]:
        unsigned = {**SMS, "timestamp": "1385047698", **params}
        return {**unsigned, "sig": sign(unsigned, SIGNING_SECRET, "sha256")}

    async def test_signed(self) -> None:
        """A signed SMS is taken in each form."""
        params = self.signed()
        self.assertEqual(await self.ask("GET", f"{NEXMO}?{urlencode(params)}"), 200)
        self.assertEqual(await self.post_sms(params), 200)
        self.assertEqual(await self.post_sms(json.dumps(params).encode(), "application/json"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS] * 3)

    async def test_forged(self) -> None:
        """A wrong signature is 403, and nothing is stored."""
        for forged in (
            {**self.signed(), "text": "Send money"},
            {**self.signed(), "sig": "0" * 64},
            {**self.signed(), "sig": "é"},
            self.signed(timestamp="1"),
        ):
            self.assertEqual(await self.post_sms(forged), 403)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"nexmo_forged": 4}))
        self.assertEqual(len(self.lines), 1)

    async def test_not_signed(self) -> None:
        """Without a signature it is 503: once signing is switched on the SMS comes again, signed. An alarm says so."""
        self.assertEqual(await self.post_sms(SMS), 503)
        self.assertEqual(await self.ask("GET", f"{NEXMO}?{urlencode({**SMS, 'sig': ''})}"), 503)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"nexmo_unsigned": 2}))
        self.assertEqual(len(self.lines), 2)  # who it was, and what is to be done, once

    async def test_not_signed_is_the_last(self) -> None:
        """Who does not sign, and could be anybody, has no further request on the same connection."""
        wire = await Loopback(self, hardened_site(self.root, self.clock)).connect()
        wire.send(f"GET {NEXMO}?{urlencode(SMS)} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * 100)
        received = await wire.gone()
        self.assertEqual(received.count(b"HTTP/1.1 503 "), 1)
        self.assertIn(b"\r\nConnection: close\r\n", received)

    async def test_only_what_is_signed(self) -> None:
        """A signed query does not vouch for the body beside it, nor the other way round."""
        signed, forged = self.signed(), {**SMS, "text": "Send money"}
        self.assertEqual(await self.post_sms(forged, query=f"?{urlencode(signed)}"), 200)
        self.assertEqual(await self.post_sms(signed, query=f"?{urlencode(forged)}"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS, READ_SMS])

    async def test_two_signatures(self) -> None:
        """When both carry a signature it is that of the body that counts."""
        signed, forged = self.signed(), {**self.signed(), "text": "Send money"}
        self.assertEqual(await self.post_sms(forged, query=f"?{urlencode(signed)}"), 403)
        self.assertEqual(await self.post_sms(signed, query=f"?{urlencode(forged)}"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS])

    async def test_bare_get(self) -> None:
        """Nexmo's trial of a URL is not signed."""
        self.assertEqual(await self.ask("GET", NEXMO), 200)

    async def test_unreadable(self) -> None:
        """What cannot be read was not signed: 503, and nothing that strangers post is kept."""
        signed = self.signed()
        bodies = (
            (b"", FORM),
            (b"text=%ff", FORM),
            (b"&".join([b"a=b"] * 100), FORM),
            (b"{", "application/json"),
            (b"\xff" * 65_536, "text/plain"),
            (urlencode([*signed.items(), ("text", "Send money")]).encode(), FORM),
            (urlencode({**signed, "text=Send&to": "x"}).encode(), FORM),
        )
        for body, content_type in bodies:
            self.assertEqual(await self.post_sms(body, content_type), 503, body[:40])
        self.assertEqual(await self.ask("GET", f"{NEXMO}?text=%ff"), 503)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"nexmo_unsigned": len(bodies) + 1}))
        self.assertEqual(len(self.lines), 1)  # who it was; junk is nobody's alarm
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_a_member_that_cannot_be_signed(self) -> None:
        """Where the account signs every member counts: with one that is no text 503, so that it comes again, and an
        alarm that says what is wrong."""
        for body, content_type in (
            (json.dumps({**self.signed(), "usage": {"price": "0.01"}}).encode(), "application/json"),
            (json.dumps({**self.signed(), "tags": ["a"]}).encode(), "application/json"),
            (urlencode(self.signed()).encode() + b"&keyword=%E9", FORM),
            (urlencode(self.signed()).encode() + b"&%E9=x", FORM),
        ):
            self.assertEqual(await self.post_sms(body, content_type), 503)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"nexmo_unsigned": 4}))
        self.assertEqual(len(self.lines), 2)  # who it was, and what is to be done, once

    async def test_signed_query_beside_junk(self) -> None:
        """A signed query is believed whatever the body beside it is."""
        self.assertEqual(await self.post_sms(b"{", "application/json", query=f"?{urlencode(self.signed())}"), 200)
        self.assertEqual(self.intake.kept, [READ_SMS])

    async def test_signed_but_no_sms(self) -> None:
        """A signed webhook that is no SMS is kept."""
        self.assertEqual(await self.post_sms(self.signed(msisdn="")), 200)
        self.assertEqual(self.counted.counts, {"nexmo_quarantined": 1})


class RouteTests(WebhookCase):
    def test_resource(self) -> None:
        """The root is a resource like any other."""
        self.assertTrue(verifyObject(IResource, self.root))

    async def test_wrong_method(self) -> None:
        """405 names the methods there are."""
        for path, allowed in ((LAYER, ["GET, HEAD, POST"]), (NEXMO, ["GET, HEAD, POST"])):
            for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
                code, headers, body = await self.ask_for(method, path)
                self.assertEqual((code, body, headers.getRawHeaders("allow")), (405, b"", allowed))

    async def test_wrong_path(self) -> None:
        """404, and nothing that says what there is instead."""
        for path in (
            "/",
            "/hooks",
            "/layer",
            "/hooks/layer/x",
            "/hooks//layer",
            "//hooks/layer",
            "/HOOKS/LAYER",
            "/sms/x",
            "/smsx",
            "/sms/%ff",
            "/%ff",
            "/sms/..",
            "/sms%2Fx",
            "/sms/a|b",
            "/hooks/layer/%00",
        ):
            for method in ("GET", "POST"):
                self.assertEqual(await self.ask(method, path), 404, path)
        self.assertEqual(self.intake.kept, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_nested_paths(self) -> None:
        """One door may lie behind the other's path."""
        self.client = StubTreq(root({"in": self.layer, "/in/sms/": self.nexmo}))
        self.assertEqual(await self.ask("POST", "/in"), 403)
        self.assertEqual(await self.ask("GET", f"/in/sms?{urlencode(SMS)}"), 200)
        self.assertEqual(await self.ask("GET", "/in/other"), 404)
        self.assertEqual(self.intake.kept, [READ_SMS])

    async def test_host(self) -> None:
        """The doors do not care what name they are called by, nor do bad names make them fail."""
        for host in ("[::1]:8080", "", "x" * 300, "é", "a..b", "[::1", "a:b:c", "\x80\xff", "xn--"):
            self.assertEqual(await self.ask("GET", LAYER, host=host), 200)
        self.assertEqual(self.flushLoggedErrors(), [])


class BusyTests(WebhookCase):
    async def test_bounded(self) -> None:
        """Over the bound the answer is 503 at once; free places are used again. The doors do not block each other."""
        self.open(max_in_flight=2)
        self.intake.waiting = []
        first, second = (Deferred.fromCoroutine(self.post_event(webhook())) for _ in range(2))
        self.assertEqual(await self.post_event(webhook()), 503)
        self.assertEqual(await self.post_event(b"[]"), 503)
        self.assertEqual(self.counted.counts, {"layer_busy": 2})
        sms = Deferred.fromCoroutine(self.post_sms(SMS))
        for done in self.intake.waiting:
            done.callback(None)
        self.client.flush()
        self.assertEqual((await first, await second, await sms), (204, 204, 200))
        self.intake.waiting = None
        self.assertEqual(await self.post_event(webhook()), 204)

    async def test_unsigned_take_no_place(self) -> None:
        """However busy it is, strangers are told off: they wait for nothing and block nobody."""
        self.open(max_in_flight=0)
        self.assertEqual(await self.post_event(webhook(), layer_webhook_signature="x"), 403)

    async def test_idle(self) -> None:
        """A process that stops can wait for the webhooks it is working on, also the ones that fail."""
        self.intake.waiting = []
        asked = [Deferred.fromCoroutine(self.post_event(webhook())) for _ in range(2)]
        idle = self.layer.admission.drained()
        self.assertNoResult(idle)
        self.intake.waiting[0].callback(None)
        self.assertNoResult(idle)
        self.intake.waiting[1].errback(StoreUnavailable("Redis is away"))
        self.successResultOf(idle)
        self.client.flush()
        self.assertEqual([await each for each in asked], [204, 503])
        self.successResultOf(self.nexmo.admission.drained())


class HangingUpTests(WebhookCase):
    """On a real socket."""

    def raw_event(self) -> bytes:
        body = json.dumps(webhook()).encode()
        head = f"POST {LAYER} HTTP/1.1\r\nHost: h\r\nContent-Type: {LAYER_TYPE}\r\nContent-Length: {len(body)}\r\n"
        return f"{head}Layer-Webhook-Signature: {signature(body)}\r\n\r\n".encode() + body

    async def hang_up(self, loopback: Loopback) -> Deferred[None]:
        """Post an event and go before it is stored, which this stands for."""
        self.intake.waiting = []
        wire = await loopback.connect()
        wire.send(self.raw_event())
        await loopback.hear(len(self.raw_event()))
        (storing,) = self.intake.waiting
        wire.transport.abortConnection()
        await loopback.empty()
        return storing

    async def test_stored_all_the_same(self) -> None:
        """A webhook whose sender hangs up is stored to the end and counted, and nothing is logged as an error."""
        loopback = Loopback(self, hardened_site(self.root, self.clock))
        storing = await self.hang_up(loopback)
        idle = self.layer.admission.drained()
        self.assertNoResult(idle)
        storing.callback(None)
        self.successResultOf(idle)
        self.assertEqual([event.kind for event in self.intake.kept], ["sent"])
        self.assertEqual(self.counted.counts, {"layer_stored": 1})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_failure_is_heard_all_the_same(self) -> None:
        """Nor does a failure get lost because nobody waits for the answer."""
        loopback = Loopback(self, hardened_site(self.root, self.clock))
        storing = await self.hang_up(loopback)
        storing.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.counted.counts, {"layer_failed": 1})

    async def test_cut_by_the_site(self) -> None:
        """The same when our own limit of time ends the waiting."""
        loopback = Loopback(self, hardened_site(self.root, self.clock, answer_within=20))
        self.intake.waiting = []
        wire = await loopback.connect()
        wire.send(self.raw_event())
        await loopback.hear(len(self.raw_event()))
        self.clock.pump([10, 10])
        await wire.gone()
        await loopback.empty()
        self.intake.waiting[0].callback(None)
        self.assertEqual(len(self.intake.kept), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_kept_alive(self) -> None:
        """Several webhooks go over one connection."""
        wire = await Loopback(self, hardened_site(self.root, self.clock)).connect()
        for number in range(1, 4):
            wire.send(self.raw_event())
            await wire.expect(b"HTTP/1.1 204", times=number)
        self.assertEqual(len(self.intake.kept), 3)

    async def test_access_log(self) -> None:
        """Each webhook that is stored has a line in the access log; what is not signed has one in all, and so has what
        nobody can read, since it may come from anybody."""
        lines: list[str] = []
        observe_log(self, lambda event: lines.append(event.get("log_io") or ""))
        loopback = Loopback(self, hardened_site(self.root, self.clock))
        for _ in range(3):
            wire = await loopback.connect()
            wire.send(self.raw_event())
            await wire.expect(b"HTTP/1.1 204")
            wire.send(f"POST {LAYER} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            self.assertIn(b"HTTP/1.1 403 ", await wire.gone())
            wire = await loopback.connect()
            wire.send(f"GET {NEXMO}?a=b HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            await wire.expect(b"HTTP/1.1 200")
        self.assertEqual(sum(NEXMO in line for line in lines), 1)
        statuses = sorted(line.split(" ")[3] for line in lines if LAYER in line)
        self.assertEqual(statuses, ["204", "204", "204", "403"])


#: Bytes that a client can put into a request line or a header without breaking the request apart.
TARGET = st.binary(max_size=30).map(lambda raw: bytes(c for c in raw if 32 < c < 177))
HEADER = st.binary(max_size=30).map(lambda raw: bytes(c for c in raw if c not in b"\r\n\x00"))


class AnyRequestTests(WebhookCase):
    ANSWERS = frozenset({200, 202, 204, 403, 404, 405, 413, 503})

    def answered(self, request: bytes) -> int:
        """The status of the answer to these bytes, through the hardened site but in memory."""
        channel, transport = in_memory(hardened_site(self.root, self.clock, max_body=64))
        channel.dataReceived(request)
        version, code = transport.value().split(b" ")[:2]
        self.assertEqual(version, b"HTTP/1.1")
        return int(code)

    def test_two_hosts(self) -> None:
        """A second name for the same server is as unimportant as the first one, and as harmless."""
        for host in (b"h", b"", b"\xff", b":::", b"a b", b"x:99999999", b"/", b"[", b"a@b", b"x:y", b"a..b"):
            for hosts in ((b"h", host), (host, b"h"), (b"h", b"h", host)):
                heads = b"".join(b"Host: %b\r\n" % each for each in hosts)
                self.assertEqual(self.answered(b"GET %b HTTP/1.1\r\n%b\r\n" % (LAYER.encode(), heads)), 200, hosts)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_multipart(self) -> None:
        """Uploads are parsed by nobody: the door finds that they are no SMS."""
        head = b"POST /sms HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\n"
        self.assertEqual(self.answered(head + b"--b--"), 200)
        self.assertEqual(self.intake.kept[0][::2], ("nexmo", b"--b--"))

    def test_too_large(self) -> None:
        """A body over the limit reaches no door."""
        self.assertEqual(self.answered(b"POST /sms HTTP/1.1\r\nContent-Length: 65\r\n\r\n"), 413)

    @settings(max_examples=400, deadline=None)
    @given(
        st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS"]),
        st.sampled_from(
            [LAYER.encode(), NEXMO.encode(), NEXMO.encode() + b"/receipt", LAYER.encode() + b"/", b"*", b""]
        ),
        TARGET,
        st.one_of(st.just(b""), TARGET.map(lambda raw: b"?" + raw), st.just(b"?verification_challenge=x")),
        st.lists(
            st.tuples(
                st.sampled_from([b"Content-Type", b"Host", b"Layer-Webhook-Signature", b"X", b"Connection"]),
                st.one_of(HEADER, st.sampled_from([LAYER_TYPE.encode(), FORM.encode(), b"application/json"])),
            ),
            max_size=4,
        ),
        st.one_of(st.binary(max_size=70), st.sampled_from([b"[]", b"{}", b"a=b", b"text=%ff"])),
        st.booleans(),
    )
    def test_any_request(
        self,
        method: bytes,
        path: bytes,
        more: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        signed: bool,
    ) -> None:
        """Whatever is asked, only an answer of the table is given: never 500, and never an error in the log."""
        lines = [method + b" " + (path + more.replace(b"?", b"") + query or b"/") + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        lines += [b"Content-Length: %d" % len(body)]
        if signed:
            lines += [b"Layer-Webhook-Signature: " + signature(body).encode()]
        code = self.answered(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.assertIn(code, self.ANSWERS)
        self.assertEqual(self.flushLoggedErrors(), [])
