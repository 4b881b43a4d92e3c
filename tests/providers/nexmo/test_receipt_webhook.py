"""Delivery receipts come in beneath the URL of inbound SMS, and are treated like those."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.providers.nexmo.signatures import sign, verify
from tests.factories import READ_RECEIPT, READ_SMS, RECEIPT, SMS
from tests.web.cases import FORM, NEXMO, SIGNING_SECRET, WebhookCase

DOOR = f"{NEXMO}/receipt"


class ReceiptWebhookCase(WebhookCase):
    async def post(self, body: Any, content_type: str = FORM, query: str = "") -> int:
        raw = body if isinstance(body, bytes) else urlencode(body).encode()
        return await self.ask("POST", DOOR + query, body=raw, content_type=content_type)


class ReceiptTests(ReceiptWebhookCase):
    async def test_three_forms(self) -> None:
        """A receipt comes by GET, as a form or as JSON, and is answered 200 without a body."""
        self.assertEqual(await self.ask("GET", f"{DOOR}?{urlencode(RECEIPT)}"), 200)
        self.assertEqual(await self.post(RECEIPT), 200)
        self.assertEqual(await self.post(json.dumps(RECEIPT).encode(), "application/json"), 200)
        self.assertEqual(await self.ask("POST", f"{DOOR}?{urlencode(RECEIPT)}"), 200)
        self.assertEqual(self.intake.kept, [READ_RECEIPT] * 4)
        self.assertEqual(self.counted.counts, {"receipt_stored": 4})

    async def test_stored_before_answered(self) -> None:
        """The answer waits until the receipt is stored."""
        self.intake.waiting = []
        answered = Deferred.fromCoroutine(self.post(RECEIPT))
        self.client.flush()
        self.assertNoResult(answered)
        self.intake.waiting[0].callback(None)
        self.client.flush()
        self.assertEqual(await answered, 200)

    async def test_bare_get(self) -> None:
        """Nexmo tries a URL with a bare GET before it takes it."""
        self.assertEqual(await self.ask("GET", DOOR), 200)
        self.assertEqual(await self.ask("HEAD", DOOR), 200)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {}))

    async def test_head(self) -> None:
        """A HEAD changes nothing, whatever parameters it has."""
        for query in (urlencode(RECEIPT), "status=%ff", "a=b"):
            self.assertEqual(await self.ask("HEAD", f"{DOOR}?{query}"), 200)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {}))

    async def test_unreadable(self) -> None:
        """What is no receipt is kept and answered 200, since it would be no receipt the next time either."""
        for body, content_type in (
            (b"", FORM),
            (b"status=%ff", FORM),
            (b"{", "application/json"),
            (b"[" * 200_000, "application/json"),
            (b"x", "text/plain"),
            (urlencode(SMS).encode(), FORM),
            (urlencode({"status": "delivered", "msisdn": "447547232824"}).encode(), FORM),
            (urlencode([*RECEIPT.items(), ("status", "x")]).encode(), FORM),
        ):
            self.assertEqual(await self.post(body, content_type), 200)
            self.assertEqual(self.intake.kept.pop()[::2], ("nexmo", body))
        self.assertEqual(await self.ask("GET", f"{DOOR}?status=%ff"), 200)
        self.assertEqual(self.intake.kept.pop()[::2], ("nexmo", b"status=%ff"))
        self.assertEqual(self.counted.counts, {"receipt_quarantined": 9})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_each_at_its_own_url(self) -> None:
        """A receipt that is delivered where SMS belong is no SMS, and the reverse: both are kept."""
        self.assertEqual(await self.ask("GET", f"{NEXMO}?{urlencode(RECEIPT)}"), 200)
        self.assertEqual(await self.ask("GET", f"{DOOR}?{urlencode(SMS)}"), 200)
        self.assertEqual(self.counted.counts, {"nexmo_quarantined": 1, "receipt_quarantined": 1})

    async def test_store_away(self) -> None:
        """While nothing can be stored Nexmo is asked to come again."""
        self.intake.fault = StoreUnavailable("Redis is away")
        self.assertEqual(await self.post(RECEIPT), 503)
        self.assertEqual(await self.post(b"x"), 503)
        self.assertEqual(self.counted.counts, {"receipt_unavailable": 2})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_unforeseen_failure(self) -> None:
        """A fault of ours is logged once and answered 503."""
        self.intake.fault = ZeroDivisionError()
        self.assertEqual(await self.post(RECEIPT), 503)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.counted.counts, {"receipt_failed": 1})

    async def test_places(self) -> None:
        """Receipts and SMS share the places of the door: over the bound the answer is 503 at once."""
        self.open(max_in_flight=2)
        self.intake.waiting = []
        waiting = [Deferred.fromCoroutine(self.post(RECEIPT)), Deferred.fromCoroutine(self.post_sms(SMS))]
        self.assertEqual(await self.post(RECEIPT), 503)
        self.assertEqual(await self.post_sms(SMS), 503)
        self.assertEqual(self.counted.counts, {"receipt_busy": 1, "nexmo_busy": 1})
        for done in self.intake.waiting:
            done.callback(None)
        self.client.flush()
        self.assertEqual([await each for each in waiting], [200, 200])
        self.assertEqual(self.intake.kept, [READ_RECEIPT, READ_SMS])

    async def test_methods(self) -> None:
        """405 names the methods there are."""
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            code, headers, body = await self.ask_for(method, DOOR)
            self.assertEqual((code, body, headers.getRawHeaders("allow")), (405, b"", ["GET, HEAD, POST"]))

    async def test_paths(self) -> None:
        """There is nothing beside it or beneath it, nor does a path that is nearly right lead there."""
        for path in ("/receipt/", "/receipt/x", "/receipts", "/RECEIPT", "/%ff", "/receipt%00"):
            for method in ("GET", "POST"):
                self.assertEqual(await self.ask(method, NEXMO + path), 404, path)
        self.assertEqual(await self.ask("GET", "/receipt"), 404)
        self.assertEqual((self.intake.kept, self.flushLoggedErrors()), ([], []))


class SignedReceiptTests(ReceiptWebhookCase):
    """Signatures are checked by the real rule."""

    def setUp(self) -> None:
        super().setUp()
        self.open(check=partial(verify, secret=SIGNING_SECRET, method="sha256", now=1540469429.0))

    def signed(self, **params: str) -> dict[str, str]:
        unsigned = {**RECEIPT, "timestamp": "1540469429", "nonce": "c8f2", **params}
        return {**unsigned, "sig": sign(unsigned, SIGNING_SECRET, "sha256").upper()}

    async def test_signed(self) -> None:
        """A signed receipt is taken in each form."""
        params = self.signed()
        self.assertEqual(await self.ask("GET", f"{DOOR}?{urlencode(params)}"), 200)
        self.assertEqual(await self.post(params), 200)
        self.assertEqual(await self.post(json.dumps(params).encode(), "application/json"), 200)
        self.assertEqual(self.intake.kept, [READ_RECEIPT] * 3)

    async def test_forged(self) -> None:
        """A wrong signature is 403, and nothing is stored."""
        for forged in (
            {**self.signed(), "client-ref": "m-43"},
            {**self.signed(), "sig": "0" * 64},
            {**self.signed(), "sig": "é"},
            self.signed(timestamp="1"),
        ):
            self.assertEqual(await self.post(forged), 403)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"receipt_forged": 4}))
        self.assertEqual(len(self.lines), 1)

    async def test_not_signed(self) -> None:
        """Without a signature it is 503: once signing is switched on the receipt comes again, signed."""
        self.assertEqual(await self.post(RECEIPT), 503)
        self.assertEqual(await self.ask("GET", f"{DOOR}?{urlencode({**RECEIPT, 'sig': ''})}"), 503)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"receipt_unsigned": 2}))

    async def test_only_what_is_signed(self) -> None:
        """A signed query does not vouch for the body beside it."""
        query = f"?{urlencode(self.signed())}"
        self.assertEqual(await self.post({**RECEIPT, "client-ref": "m-43"}, query=query), 200)
        self.assertEqual(self.intake.kept, [READ_RECEIPT])

    async def test_ambiguous(self) -> None:
        """A repeated parameter or an odd name makes it ambiguous what was signed: 503, and nothing is kept."""
        signed = self.signed()
        self.assertEqual(await self.post([*signed.items(), ("status", "failed")]), 503)
        self.assertEqual(await self.post({**signed, "status=failed&to": "x"}), 503)
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"receipt_unsigned": 2}))

    async def test_signed_but_no_receipt(self) -> None:
        """A signed webhook that is no receipt is kept."""
        self.assertEqual(await self.post(self.signed(status="")), 200)
        self.assertEqual(self.counted.counts, {"receipt_quarantined": 1})

    async def test_bare_get(self) -> None:
        """Nexmo's trial of a URL is not signed."""
        self.assertEqual(await self.ask("GET", DOOR), 200)
