"""The documented examples, one by one: what the real companies answer and accept, the simulated ones do too."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.layer.webhooks import EVENTS
from tests.providers.nexmo.signature_vectors import VECTORS
from tests.sandbox.cases import APP, BASE, FORM, OURS, PLATFORM, WEBHOOKS, SimulatorsCase, basic

#: A number of the documentation's own examples.
LONDON = "447700900000"
ELSEWHERE = ("http://example.com/", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/", "http://[::2]/")
NO_URLS = ("ftp://127.0.0.1/", "https://", "https://example.com:99999/", "https://example.com/\n", "/sms", "")


class DocumentedLayerTests(SimulatorsCase):
    """Source: Layer documentation, Platform API and Webhooks."""

    def setUp(self) -> None:
        super().setUp()
        self.conversation = self.layer.start_conversation(["ann", "bob"], {"conversationName": "Two"})
        self.url = f"{self.sandbox.layer_url}/apps/{APP}/conversations/{self.conversation.rpartition('/')[2]}"

    def path(self, tail: str) -> str:
        return f"{BASE}/{tail}"

    async def look(self, tail: str) -> Any:
        return (await self.ask("GET", self.path(tail), headers=PLATFORM)).json

    async def register(self, **changed: Any) -> Any:
        wish = {
            "version": "1.0",
            "target_url": f"{self.customer_url}/layer",
            "events": ["message.sent"],
            "secret": "s3cret",
            "config": {"name": "Ours"},
        }
        return await self.ask("POST", self.path("webhooks"), {**wish, **changed}, WEBHOOKS)

    def message(self, identifier: str) -> dict[str, Any]:
        """The documented Message object of Ann's first "Hello"."""
        return {
            "id": identifier,
            "url": f"{self.sandbox.layer_url}/apps/{APP}/messages/{identifier.rpartition('/')[2]}",
            "conversation": {"id": self.conversation, "url": self.url},
            "parts": [{"id": f"{identifier}/parts/0", "mime_type": "text/plain", "body": "Hello"}],
            "sent_at": "2023-11-14T22:13:20+00:00",
            "sender": {"user_id": "ann", "name": None},
            "recipient_status": {"ann": "read", "bob": "sent"},
        }

    async def test_conversation(self) -> None:
        """A conversation has all documented members and no others."""
        self.assertEqual(
            await self.look(f"conversations/{self.conversation.rpartition('/')[2]}"),
            {
                "id": self.conversation,
                "url": self.url,
                "messages_url": f"{self.url}/messages",
                "created_at": "2023-11-14T22:13:20+00:00",
                "participants": ["ann", "bob"],
                "distinct": False,
                "metadata": {"conversationName": "Two"},
            },
        )

    async def test_messages(self) -> None:
        """The answer to a post and the event of it have the same Message object; the two views add to it or blank it
        out."""
        await self.hook("message.sent")
        uuid = self.conversation.rpartition("/")[2]
        body = {"sender": {"user_id": "ann"}, "parts": [{"body": "Hello", "mime_type": "text/plain"}]}
        posted = await self.ask("POST", self.path(f"conversations/{uuid}/messages"), body, PLATFORM)
        message = self.message(posted.json["id"])
        self.assertEqual((posted.status, posted.json), (201, message))
        await self.sandbox.idle()
        self.assertEqual(json.loads(self.customer.posts()[0].body)["message"], message)
        tail = f"messages/{message['id'].rpartition('/')[2]}"
        self.assertEqual(
            await self.look(f"users/bob/{tail}"),
            {**message, "is_unread": True, "received_at": "2023-11-14T22:13:20+00:00"},
        )
        self.assertEqual(
            await self.look(f"conversations/{uuid}/{tail}"), {**message, "is_unread": None, "recipient_status": None}
        )

    async def test_webhook(self) -> None:
        """A webhook has the documented members; why it is not active is told only then, and the secret never."""
        hook = (await self.register()).json
        uuid = hook["id"].rpartition("/")[2]
        known = {"id", "url", "version", "target_url", "events", "status", "created_at", "config"}
        self.assertEqual(hook.keys(), known)
        self.assertEqual(hook["url"], f"{self.sandbox.layer_url}/apps/{APP}/webhooks/{uuid}")
        reply = await self.ask("POST", self.path(f"webhooks/{uuid}/deactivate"), headers=WEBHOOKS)
        self.assertEqual(reply.json.keys(), known | {"status_reason"})

    async def test_version_of_the_registration(self) -> None:
        """Webhooks are registered by version 1.0 of the API alone, although their events know a version 2.0."""
        for version, status in (("1.0", 200), ("2.0", 406), ("1.1", 406)):
            accept = {"Accept": f"application/vnd.layer.webhooks+json; version={version}"}
            reply = await self.ask("GET", self.path("webhooks"), headers={**WEBHOOKS, **accept})
            self.assertEqual(reply.status, status, version)

    async def test_version_of_the_events(self) -> None:
        """Events come in the version that the webhook was registered with."""
        await self.register(version="2.0")
        await self.sandbox.idle()
        self.layer.send(self.conversation, "ann", "Hello")
        await self.sandbox.idle()
        (hit,) = self.customer.posts()
        self.assertEqual(hit.header("content-type"), "application/vnd.layer.webhooks+json; version=2.0")

    async def test_all_events(self) -> None:
        """A webhook can be registered for every documented event, and for none that is not."""
        self.assertEqual((await self.register(events=list(EVENTS))).status, 201)
        for unknown in ("message.seen", "announcement.sent", "", None, 1, ["message.sent"]):
            self.assertEqual((await self.register(events=[unknown])).status, 422, unknown)

    async def test_config(self) -> None:
        """The config may be missing or null, and is an object otherwise."""
        config: object
        for config in ([], "", 0, False, "Ours"):
            reply = await self.register(config=config)
            self.assertEqual((reply.status, reply.json["data"]), (422, {"property": "config"}), repr(config))
        self.assertEqual((await self.register(config=None)).json["config"], {})

    async def test_targets(self) -> None:
        """Events go to https, and without encryption to this machine only."""
        for url in (*ELSEWHERE, *NO_URLS):
            self.assertEqual((await self.register(target_url=url)).status, 422, url)
        for url in ("http://localhost:1/", "http://[::1]:1/", "https://127.0.0.1:1/"):
            self.assertEqual((await self.register(target_url=url)).status, 201, url)


class DocumentedNexmoTests(SimulatorsCase):
    """Source: Vonage documentation, SMS API, Numbers API and "Signing messages"."""

    async def send(self, **changed: str) -> Any:
        sms = {"from": OURS, "to": LONDON, "text": "Hello", **changed}
        return await self.post("sms/json", sms)

    async def post(self, path: str, params: dict[str, str], **more: str) -> Any:
        headers = {**FORM, **(more or basic())}
        return await self.ask("POST", f"/nexmo/{path}", urlencode(params).encode(), headers)

    async def statuses(self, **changed: str) -> list[str]:
        return [entry["status"] for entry in (await self.send(**changed)).json["messages"]]

    async def test_example_answer(self) -> None:
        """The documented answer, to the member; only the message id is another one, in the form of today."""
        reply = await self.send(**{"client-ref": "my-ref"})
        shown = reply.json
        UUID(shown["messages"][0].pop("message-id"))
        example = {
            "message-count": "1",
            "messages": [
                {
                    "to": "447700900000",
                    "status": "0",
                    "remaining-balance": "3.14159265",
                    "message-price": "0.03330000",
                    "network": "12345",
                    "client-ref": "my-ref",
                }
            ],
        }
        self.assertEqual((reply.status, shown), (200, example))

    async def test_example_receipt(self) -> None:
        """A receipt has every member of the documented example, each in the example's form."""
        self.nexmo.inbound_form = "JSON"
        await self.send(**{"client-ref": "m-42", "callback": f"{self.customer_url}/receipt"})
        await self.sandbox.idle()
        forms = {
            "err-code": "0",
            "message-timestamp": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
            "messageId": r"[0-9a-f-]{36}",
            "msisdn": LONDON,
            "network-code": r"\d{5}",
            "price": r"\d\.\d{8}",
            "scts": r"\d{10}",
            "status": "delivered",
            "to": OURS,
            "api-key": "sandbox1",
            "client-ref": "m-42",
        }
        self.formed(json.loads(self.customer.hits[0].body), forms)

    async def test_example_inbound(self) -> None:
        """An SMS from a handset has every documented parameter, each in the documented form."""
        self.nexmo.inbound_form = "JSON"
        self.nexmo.inbound_url = f"{self.customer_url}/sms"
        self.nexmo.signature_secret = "my_secret_key_for_testing"
        self.nexmo.reply(LONDON, OURS, "hello there")
        await self.sandbox.idle()
        forms = {
            "msisdn": LONDON,
            "to": OURS,
            "messageId": "[0-9A-F]{16}",
            "text": "hello there",
            "type": "text",
            "keyword": "HELLO",
            "message-timestamp": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
            "api-key": "sandbox1",
            "timestamp": r"\d{10}",
            "nonce": r"[0-9a-f-]{36}",
            "sig": "[0-9a-f]{32}",
        }
        self.formed(json.loads(self.customer.hits[0].body), forms)

    def formed(self, shown: dict[str, str], forms: dict[str, str]) -> None:
        self.assertEqual(shown.keys(), forms.keys())
        for name, form in forms.items():
            self.assertTrue(re.fullmatch(form, shown[name]), f"{name}: {shown[name]}")

    async def test_known_signatures(self) -> None:
        """Every published signature of a send request is accepted at its time, by every method; no other text is."""
        tried = set()
        for params, secret, method, sig in VECTORS:
            if "api_key" not in params:
                continue  # of a webhook
            self.nexmo.key, self.nexmo.signature_secret, self.nexmo.signature_method = params["api_key"], secret, method
            self.nexmo.now = partial(float, params["timestamp"])
            self.nexmo.add_number(params["from"])
            signed = {**params, "sig": sig}
            for sent, expected in ((signed, "0"), ({**signed, "text": "x"}, "14"), ({**params, "sig": "0"}, "14")):
                reply = await self.post("sms/json", sent, Accept="application/json")
                self.assertEqual(reply.json["messages"][0]["status"], expected, method)
            tried.add((params["api_key"], method))
        self.assertEqual(len(tried), 9)

    async def test_words_of_every_status(self) -> None:
        """Every documented status can be had, with words of its own."""
        documented = [str(code) for code in (*range(1, 21), 22, 23, 29, 32, 33)]
        words = set()
        for code in documented:
            self.sandbox.faults.add(Fault(nexmo_status=code))
            (entry,) = (await self.send()).json["messages"]
            self.assertEqual(entry["status"], code)
            words.add(entry["error-text"])
        self.assertNotIn("Unknown error", words)
        self.assertEqual(len(words), len(documented))

    async def test_recipients(self) -> None:
        """A recipient is written in E.164, 7 to 15 digits, with neither '+' nor '00' in front."""
        for to in ("0012015550112", "012015550112", "+12015550112", "123456", "1" * 16, "12015550112 ", "bob"):
            self.assertEqual(await self.statuses(to=to), ["3"], to)
        for to in ("1234567", "1" * 15):
            self.assertEqual(await self.statuses(to=to), ["0"], to)

    async def test_targets(self) -> None:
        """Receipts and inbound SMS go to https, and without encryption to this machine only."""
        for url in (*ELSEWHERE, *NO_URLS[:-1]):
            self.assertEqual(await self.statuses(callback=url), ["23"], url)
            reply = await self.post("number/update", {"country": "US", "msisdn": OURS, "moHttpUrl": url})
            self.assertEqual(reply.status, 420, url)
        self.assertEqual((self.nexmo.sent, self.customer.hits), ([], []))
        for url in (f"{self.customer_url}/receipt", "https://127.0.0.1:1/", "http://localhost:1/"):
            self.assertEqual(await self.statuses(callback=url), ["0"], url)

    async def test_types_of_numbers(self) -> None:
        """A number that the caller need not pay for has a type of its own."""
        self.nexmo.add_number("18335550100")
        self.nexmo.add_number("448335550100", "GB")
        listed = (await self.ask("GET", "/nexmo/account/numbers", headers=basic())).json["numbers"]
        self.assertEqual(
            [(number["msisdn"], number["type"]) for number in listed[-3:]],
            [("12015550102", "mobile-lvn"), ("18335550100", "landline-toll-free"), ("448335550100", "mobile-lvn")],
        )
