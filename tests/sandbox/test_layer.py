"""The simulated Layer keeps to the documentation of the real one, and is as strict."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote
from uuid import UUID

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.sandbox.http.messages import SimulatedResponse, WebhookCall
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import EVENTS, Gone, NoParticipant, NoSuch, signature
from tests.sandbox.cases import APP, BASE, PLATFORM, WEBHOOKS, SimulatorsCase

#: 2014-09-09 04:44:47 UTC, the time in the documentation's examples
SENT_AT = 1410237887.0


class LayerEventTests(SynchronousTestCase):
    """What is told to whom, without any HTTP."""

    def setUp(self) -> None:
        self.calls: list[WebhookCall] = []
        self.layer = SimulatedLayer(app_id=APP, now=lambda: SENT_AT, deliver=self.calls.append)
        self.conversation = self.layer.start_conversation(
            ["12345", "999", "111"], conversation_id="e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"
        )
        self.hook = self.layer.webhooks.register("https://example.com/hook", EVENTS, "s3cret", config={"name": "Ours"})
        self.verify(echo=True)

    def verify(self, *, echo: bool) -> None:
        call = self.calls.pop()
        self.assertEqual(call.method, "GET")
        challenge = call.url.partition("verification_challenge=")[2]
        call.done(SimulatedResponse(200, challenge.encode() if echo else b"hello"))

    def last(self) -> Any:
        return json.loads(self.calls[-1].body)

    def test_example_message(self) -> None:
        """A message event has the documented shape: event, message and config, the sender 'read' from the start."""
        message_id = self.layer.send(
            self.conversation,
            "12345",
            parts=[
                {"mime_type": "text/plain", "body": "This is the message."},
                {"mime_type": "image/png", "content": {"id": "layer:///content/1", "size": 172114124}},
            ],
        )
        uuid = message_id.removeprefix("layer:///messages/")
        self.assertEqual(str(UUID(uuid)), uuid)
        body = self.last()
        event = body.pop("event")
        UUID(event.pop("id"))
        self.assertEqual(
            event,
            {"created_at": "2014-09-09T04:44:47+00:00", "type": "message.sent", "actor": {"user_id": "12345"}},
        )
        self.assertEqual(
            body,
            {
                "message": {
                    "id": message_id,
                    "url": f"https://api.layer.com/apps/{APP}/messages/{uuid}",
                    "conversation": {
                        "id": "layer:///conversations/e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f",
                        "url": f"https://api.layer.com/apps/{APP}/conversations/e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f",
                    },
                    "parts": [
                        {"id": f"{message_id}/parts/0", "mime_type": "text/plain", "body": "This is the message."},
                        {
                            "id": f"{message_id}/parts/1",
                            "mime_type": "image/png",
                            "content": {"id": "layer:///content/1", "size": 172114124},
                        },
                    ],
                    "sent_at": "2014-09-09T04:44:47+00:00",
                    "sender": {"user_id": "12345", "name": None},
                    "recipient_status": {"12345": "read", "999": "sent", "111": "sent"},
                },
                "config": {"name": "Ours"},
            },
        )

    def test_headers(self) -> None:
        """Each call carries the five documented headers; the signature is over the body as it is sent."""
        self.layer.send(self.conversation, "12345", "Grüße 😀")
        call = self.calls[-1]
        headers = dict(call.headers)
        self.assertEqual((call.method, call.url), ("POST", "https://example.com/hook"))
        self.assertEqual(headers["content-type"], "application/vnd.layer.webhooks+json; version=1.0")
        self.assertEqual(headers["layer-webhook-event-type"], "message.sent")
        self.assertEqual(headers["layer-webhook-signature"], hmac.new(b"s3cret", call.body, hashlib.sha1).hexdigest())
        self.assertEqual(f"layer:///apps/{APP}/webhooks/{headers['layer-webhook-id']}", self.hook.id)
        UUID(headers["layer-webhook-request-id"])

    def test_signature_is_of_raw_bytes(self) -> None:
        """A body that was parsed and written again does not fit its signature: only the raw bytes do."""
        self.layer.send(self.conversation, "12345", "Hello")
        body = self.calls[-1].body
        rewritten = json.dumps(json.loads(body)).encode()
        self.assertNotEqual(signature("s3cret", rewritten), dict(self.calls[-1].headers)["layer-webhook-signature"])

    def test_known_signature(self) -> None:
        """HMAC-SHA1 in lower-case hex (the first test case of RFC 2202 that has a text for a key)."""
        self.assertEqual(signature("Jefe", b"what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")

    def test_statuses_only_go_up(self) -> None:
        """Delivered and read are told with the recipient as actor; a step back is nothing, and told to nobody."""
        message = self.layer.send(self.conversation, "12345", "Hello")
        self.layer.mark_delivered(message, "999")
        self.assertEqual(self.last()["event"]["type"], "message.delivered")
        self.assertEqual(self.last()["event"]["actor"], {"user_id": "999"})
        self.layer.mark_read(message, "999")
        self.assertEqual(self.last()["message"]["recipient_status"], {"12345": "read", "999": "read", "111": "sent"})
        told = len(self.calls)
        self.layer.mark_delivered(message, "999")
        self.layer.mark_read(message, "999")
        self.layer.mark_read(message, "12345")
        self.assertEqual(len(self.calls), told)

    def test_bot(self) -> None:
        """A bot has a name and no user id, is not among the participants, and nobody has read its message."""
        self.layer.send_as_bot(self.conversation, "Reminder", "Lunch!")
        self.assertEqual(self.last()["message"]["sender"], {"user_id": None, "name": "Reminder"})
        self.assertEqual(self.last()["event"]["actor"], {"name": "Reminder"})
        self.assertEqual(self.last()["message"]["recipient_status"], {"12345": "sent", "999": "sent", "111": "sent"})

    def test_conversation_events(self) -> None:
        """Created, changed and deleted conversations are told with the documented conversation object."""
        conversation = self.layer.start_conversation(["a", "b"], {"conversationName": "Two"})
        uuid = conversation.removeprefix("layer:///conversations/")
        url = f"https://api.layer.com/apps/{APP}/conversations/{uuid}"
        self.assertEqual(self.last()["event"]["type"], "conversation.created")
        self.assertEqual(
            self.last()["conversation"],
            {
                "id": conversation,
                "url": url,
                "messages_url": f"{url}/messages",
                "created_at": "2014-09-09T04:44:47+00:00",
                "participants": ["a", "b"],
                "distinct": False,
                "metadata": {"conversationName": "Two"},
            },
        )
        self.layer.leave(conversation, "a")
        self.assertEqual(self.last()["event"]["type"], "conversation.updated.participants")
        self.assertEqual(self.last()["conversation"]["participants"], ["b"])
        self.layer.delete_conversation(conversation)
        self.assertEqual(self.last()["event"]["type"], "conversation.deleted")

    def test_deleted(self) -> None:
        """A deleted message is told, and is gone; so is everything in a deleted conversation."""
        first = self.layer.send(self.conversation, "12345", "One")
        second = self.layer.send(self.conversation, "12345", "Two")
        self.layer.delete_message(first)
        self.assertEqual(self.last()["event"]["type"], "message.deleted")
        self.assertEqual([message.id for message in self.layer.messages(self.conversation)], [second])
        self.assertRaises(Gone, self.layer.mark_read, first, "999")
        self.layer.delete_conversation(self.conversation)
        self.assertRaises(Gone, self.layer.message, second)
        self.assertRaises(Gone, self.layer.send, self.conversation, "12345", "Three")

    def test_strangers(self) -> None:
        """Who takes no part can neither write nor read; what never was is not there."""
        message = self.layer.send(self.conversation, "12345", "Hello")
        self.assertRaises(NoParticipant, self.layer.send, self.conversation, "777", "Hello")
        self.assertRaises(NoParticipant, self.layer.mark_read, message, "777")
        self.assertRaises(NoSuch, self.layer.message, self.conversation)
        self.assertRaises(NoSuch, self.layer.conversation, message)

    def test_distinct(self) -> None:
        """A distinct conversation is unique among its participants, in whichever order they are named."""
        first = self.layer.start_conversation(["a", "b"], distinct=True)
        self.assertEqual(self.layer.start_conversation(["b", "a"], distinct=True), first)
        self.assertNotEqual(self.layer.start_conversation(["a", "b"]), first)

    def test_who_is_told(self) -> None:
        """Only active webhooks that asked for the event are told, each with its own secret and request id."""
        self.layer.webhooks.register("https://example.com/reads", ["message.read"], "other")
        self.verify(echo=True)
        self.layer.webhooks.register("https://example.com/unverified", EVENTS, "third")
        told = len(self.calls)
        message = self.layer.send(self.conversation, "12345", "Hello")
        self.assertEqual([call.url for call in self.calls[told:]], ["https://example.com/hook"])
        told = len(self.calls)
        self.layer.mark_read(message, "999")
        one, other = self.calls[told:]
        self.assertEqual(other.url, "https://example.com/reads")
        self.assertEqual(dict(other.headers)["layer-webhook-signature"], signature("other", other.body))
        self.assertNotEqual(
            dict(one.headers)["layer-webhook-request-id"], dict(other.headers)["layer-webhook-request-id"]
        )
        self.assertEqual(json.loads(one.body)["event"], json.loads(other.body)["event"])

    def test_challenge_not_echoed(self) -> None:
        """A webhook whose server answers anything but the challenge becomes inactive, with the reason."""
        hook = self.layer.webhooks.register("https://example.com/?a=b", EVENTS, "s")
        self.assertIn("/?a=b&verification_challenge=", self.calls[-1].url)
        self.verify(echo=False)
        self.assertEqual(hook.status, "inactive")
        self.assertIn("status_reason", hook.as_json())

    def test_failed_event(self) -> None:
        """An event that could not be delivered makes the webhook inactive, and nothing else is wanted."""
        self.layer.send(self.conversation, "12345", "One")
        self.layer.send(self.conversation, "12345", "Two")
        first, second = self.calls[-2:]
        self.assertTrue(first.wanted())
        first.done(None)
        self.assertEqual(self.hook.status, "inactive")
        self.assertFalse(second.wanted())


class LayerRestTests(SimulatorsCase):
    """The REST API over real HTTP."""

    def setUp(self) -> None:
        super().setUp()
        self.layer.add_user("ann", display_name="Ann", phone_number=None, metadata={"team": "red"})
        self.conversation = self.layer.start_conversation(["ann", "bob"], {"conversationName": "Two"})
        self.uuid = self.conversation.rpartition("/")[2]

    def refused(self, reply: Any, status: int) -> Any:
        """An error has its status and the five documented members."""
        self.assertEqual(reply.status, status)
        self.assertEqual(reply.header("content-type"), "application/json")
        self.assertEqual(reply.json.keys(), {"code", "id", "message", "url", "data"})
        return reply.json

    async def post(self, body: Any, **headers: str) -> Any:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", f"{BASE}/conversations/{self.uuid}/messages", body, {**PLATFORM, **more})

    async def test_identity(self) -> None:
        """An identity holds what is known of the user; members may be null or missing; 404 for no user."""
        reply = await self.ask("GET", f"{BASE}/users/ann/identity", headers=PLATFORM)
        self.assertEqual(
            (reply.status, reply.json),
            (200, {"user_id": "ann", "display_name": "Ann", "phone_number": None, "metadata": {"team": "red"}}),
        )
        self.refused(await self.ask("GET", f"{BASE}/users/zoe/identity", headers=PLATFORM), 404)

    async def test_user_ids_are_one_segment(self) -> None:
        """Any user id works when it is percent-encoded; a slash that is not leads elsewhere."""
        for user_id in ("a/b", "/", "..", "ünï 😀", "a%2Fb", "?x=y#z", "phone-1"):
            self.layer.add_user(user_id, display_name=user_id)
            path = f"{BASE}/users/{quote(user_id, safe='')}/identity"
            reply = await self.ask("GET", path, headers=PLATFORM)
            self.assertEqual((reply.status, reply.json), (200, {"user_id": user_id, "display_name": user_id}))
        self.refused(await self.ask("GET", f"{BASE}/users/a/b/identity", headers=PLATFORM), 404)

    async def test_conversation(self) -> None:
        """A conversation is there, was never there (404), or was deleted (410)."""
        path = f"{BASE}/conversations/{self.uuid}"
        reply = await self.ask("GET", path, headers=PLATFORM)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json["id"], self.conversation)
        self.assertEqual(reply.json["participants"], ["ann", "bob"])
        self.assertEqual(reply.json["metadata"], {"conversationName": "Two"})
        self.assertTrue(reply.json["url"].startswith(self.sandbox.layer_url))
        self.refused(await self.ask("GET", path[:-1] + "x", headers=PLATFORM), 404)
        self.layer.delete_conversation(self.conversation)
        self.refused(await self.ask("GET", path, headers=PLATFORM), 410)
        body = {"sender": {"user_id": "bob"}, "parts": [{"body": "Hi", "mime_type": "text/plain"}]}
        self.refused(await self.post(body), 410)

    async def test_post(self) -> None:
        """A message posted as a user is that user's, and every webhook hears of it as of any other."""
        await self.hook("message.sent")
        reply = await self.post(
            {"sender": {"user_id": "bob"}, "parts": [{"body": "Grüße 😀", "mime_type": "text/plain"}]}
        )
        self.assertEqual(reply.status, 201)
        self.assertEqual(reply.json["recipient_status"], {"ann": "sent", "bob": "read"})
        (message,) = self.layer.messages(self.conversation)
        self.assertEqual((message.id, message.user_id, message.text), (reply.json["id"], "bob", "Grüße 😀"))
        await self.sandbox.idle()
        (hit,) = self.customer.posts()
        self.assertEqual(json.loads(hit.body)["message"]["id"], message.id)

    async def test_post_as_bot(self) -> None:
        """A sender with a name is a bot."""
        reply = await self.post(
            {"sender": {"name": "Bot", "user_id": None}, "parts": [{"body": "Hi", "mime_type": "text/plain"}]}
        )
        self.assertEqual((reply.status, reply.json["sender"]), (201, {"user_id": None, "name": "Bot"}))

    async def test_bad_posts(self) -> None:
        """A missing or wrong property is 422 and named; a stranger is refused; nothing is posted."""
        part = {"body": "Hi", "mime_type": "text/plain"}
        for body, named in (
            ({"parts": [part]}, "sender"),
            ({"sender": {"user_id": "bob"}}, "parts"),
            ({"sender": {"user_id": "bob"}, "parts": []}, "parts"),
            ({"sender": {"user_id": "bob"}, "parts": ["Hi"]}, "parts[0]"),
            ({"sender": {"user_id": "bob"}, "parts": [part, {"body": "Hi"}]}, "parts[1].mime_type"),
            ({"sender": {"user_id": "bob"}, "parts": [{**part, "body": 5}]}, "parts[0].body"),
            ({"sender": {"user_id": "bob", "name": "Bot"}, "parts": [part]}, "sender"),
            ({"sender": {}, "parts": [part]}, "sender"),
        ):
            error = self.refused(await self.post(body), 422)
            self.assertEqual(error["data"], {"property": named})
        self.refused(await self.post(["no object"]), 422)
        self.refused(await self.post(b"{nonsense"), 400)
        self.refused(await self.post(b'{"sender": "\xff"}'), 400)
        self.refused(await self.post(b"[" * 200_000), 400)
        self.refused(await self.post(b'{"sender":{"user_id":"bob"},"parts":[{"body":"\\ud800"}]}'), 400)
        self.refused(await self.post({"sender": {"user_id": "zoe"}, "parts": [part]}), 403)
        self.refused(await self.post(b"sender=bob", Content_Type="application/x-www-form-urlencoded"), 415)
        self.assertEqual(self.layer.messages(self.conversation), [])

    async def test_part_limit(self) -> None:
        """A part's body holds 2 KB of UTF-8, not a byte more; several parts hold more."""
        fits = {"body": "é" * 1024, "mime_type": "text/plain"}
        sender = {"user_id": "bob"}
        self.assertEqual((await self.post({"sender": sender, "parts": [fits, fits]})).status, 201)
        long = {"body": "é" * 1024 + "!", "mime_type": "text/plain"}
        error = self.refused(await self.post({"sender": sender, "parts": [fits, long]}), 422)
        self.assertEqual(error["data"], {"property": "parts[1].body"})

    async def test_posted_once(self) -> None:
        """The same If-None-Match gives the first message again and posts nothing; another UUID posts another."""
        body = {"sender": {"user_id": "bob"}, "parts": [{"body": "Hi", "mime_type": "text/plain"}]}
        one, two = "7f1c2b0e-6f0a-4f57-9d55-0d8c6c1f7a01", "7f1c2b0e-6f0a-4f57-9d55-0d8c6c1f7a02"
        first = await self.post(body, If_None_Match=one)
        again = await self.post(body, If_None_Match=one.upper())
        other = await self.post(body, If_None_Match=two)
        self.assertEqual((first.status, again.status, other.status), (201, 200, 201))
        self.assertEqual(again.json, first.json)
        self.assertEqual(
            [message.id for message in self.layer.messages(self.conversation)], [first.json["id"], other.json["id"]]
        )
        self.refused(await self.post(body, If_None_Match="once"), 422)

    async def test_views_of_a_message(self) -> None:
        """A user's view says whether it is unread; the system's view leaves that and the statuses null."""
        message = self.layer.send(self.conversation, "ann", "Hello")
        uuid = message.rpartition("/")[2]
        path = f"{BASE}/users/bob/messages/{uuid}"
        view = (await self.ask("GET", path, headers=PLATFORM)).json
        self.assertEqual((view["id"], view["is_unread"]), (message, True))
        self.assertEqual(view["recipient_status"], {"ann": "read", "bob": "sent"})
        self.assertEqual(view["received_at"], "2023-11-14T22:13:20+00:00")
        self.layer.mark_read(message, "bob")
        self.assertEqual((await self.ask("GET", path, headers=PLATFORM)).json["is_unread"], False)
        system = await self.ask("GET", f"{BASE}/conversations/{self.uuid}/messages/{uuid}", headers=PLATFORM)
        self.assertEqual((system.json["is_unread"], system.json["recipient_status"]), (None, None))
        self.refused(await self.ask("GET", f"{BASE}/users/zoe/messages/{uuid}", headers=PLATFORM), 404)
        self.layer.delete_message(message)
        self.refused(await self.ask("GET", path, headers=PLATFORM), 410)

    async def test_versions(self) -> None:
        """Without the right Accept header: 406. Webhooks and the rest have different ones."""
        identity, webhooks = f"{BASE}/users/ann/identity", f"{BASE}/webhooks"
        for path, accept, status in (
            (identity, "application/vnd.layer+json; version=1.1", 200),
            (identity, "application/vnd.layer+json; version=1.0", 200),
            (identity, "application/vnd.layer+json; version=2.0", 406),
            (identity, "application/json", 406),
            (identity, "*/*", 406),
            (identity, WEBHOOKS["Accept"], 406),
            (webhooks, WEBHOOKS["Accept"], 200),
            (webhooks, PLATFORM["Accept"], 406),
        ):
            reply = await self.ask("GET", path, headers={**PLATFORM, "Accept": accept})
            self.assertEqual(reply.status, status, f"{path} {accept}")
        self.refused(await self.ask("GET", identity, headers={**PLATFORM, "Accept": "text/html"}), 406)

    async def test_token(self) -> None:
        """A wrong or missing token is 401, whatever is asked for; another app is 403."""
        path = f"{BASE}/users/ann/identity"
        for wrong in ("Bearer another", "sandbox-layer-token", "Basic sandbox-layer-token", "Bearer é"):
            self.refused(await self.ask("GET", path, headers={**PLATFORM, "Authorization": wrong}), 401)
        self.refused(await self.ask("GET", path, headers={"Accept": PLATFORM["Accept"]}), 401)
        other = path.replace(APP, "940de862-3c96-11e4-baad-164230d1df67")
        reply = await self.ask("GET", other, headers=PLATFORM)
        self.refused(reply, 403)
        self.assertEqual(reply.json["id"], "invalid_app_id")

    async def test_paths_and_methods(self) -> None:
        """Unknown paths are 404, known ones with another method 405, both in Layer's form."""
        reply = await self.ask("GET", f"{BASE}/nothing", headers=PLATFORM)
        self.refused(reply, 404)
        self.assertEqual(reply.json["id"], "invalid_endpoint")
        self.refused(await self.ask("GET", f"{BASE}/users//identity", headers=PLATFORM), 404)
        self.refused(await self.ask("PUT", f"{BASE}/webhooks", headers=WEBHOOKS), 405)


class LayerWebhookRegistrationTests(SimulatorsCase):
    """Webhooks over real HTTP."""

    def wish(self, **changed: Any) -> dict[str, Any]:
        wish = {
            "version": "1.0",
            "target_url": f"{self.customer_url}/layer",
            "events": ["message.sent", "message.read"],
            "secret": "s3cret",
            "config": {"name": "Ours"},
        }
        return {name: value for name, value in {**wish, **changed}.items() if value is not None}

    async def register(self, **changed: Any) -> Any:
        headers = WEBHOOKS
        if "once" in changed:
            headers = {**headers, "If-None-Match": changed.pop("once")}
        return await self.ask("POST", f"{BASE}/webhooks", self.wish(**changed), headers)

    async def test_registered(self) -> None:
        """Registered is 'unverified' without the secret in it; the challenge is echoed and it is active."""
        reply = await self.register()
        self.assertEqual(reply.status, 201)
        shown = reply.json
        self.assertTrue(shown["id"].startswith(f"layer:///apps/{APP}/webhooks/"))
        self.assertEqual(
            {name: shown[name] for name in ("version", "target_url", "events", "status", "config", "created_at")},
            {
                "version": "1.0",
                "target_url": f"{self.customer_url}/layer",
                "events": ["message.sent", "message.read"],
                "status": "unverified",
                "config": {"name": "Ours"},
                "created_at": "2023-11-14T22:13:20+00:00",
            },
        )
        self.assertNotIn("s3cret", json.dumps(shown))
        await self.sandbox.idle()
        (verification,) = self.customer.hits
        self.assertEqual(verification.method, "GET")
        UUID(verification.args["verification_challenge"])
        (listed,) = (await self.ask("GET", f"{BASE}/webhooks", headers=WEBHOOKS)).json
        self.assertEqual(listed, {**shown, "status": "active"})

    async def test_not_verified(self) -> None:
        """A server that fails the verification gets no events; it is asked once, not again."""
        self.customer.answer = lambda _hit: (500, b"")
        await self.register()
        await self.sandbox.idle()
        self.assertEqual((len(self.customer.hits), self.sandbox.deliverer.retries), (1, 0))
        (hook,) = (await self.ask("GET", f"{BASE}/webhooks", headers=WEBHOOKS)).json
        self.assertEqual(hook["status"], "inactive")

    async def test_life(self) -> None:
        """Deactivate, activate, look and delete: 200, 200 (verified again), 200 and 204, then 404."""
        uuid = (await self.register()).json["id"].rpartition("/")[2]
        path = f"{BASE}/webhooks/{uuid}"
        await self.sandbox.idle()
        reply = await self.ask("POST", f"{path}/deactivate", headers=WEBHOOKS)
        self.assertEqual((reply.status, reply.json["status"]), (200, "inactive"))
        reply = await self.ask("POST", f"{path}/activate", headers=WEBHOOKS)
        self.assertEqual((reply.status, reply.json["status"]), (200, "unverified"))
        await self.sandbox.idle()
        self.assertEqual(len(self.customer.hits), 2)
        reply = await self.ask("GET", path, headers=WEBHOOKS)
        self.assertEqual((reply.status, reply.json["status"]), (200, "active"))
        reply = await self.ask("DELETE", path, headers=WEBHOOKS)
        self.assertEqual((reply.status, reply.body), (204, b""))
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/activate"), ("POST", "/deactivate")):
            self.assertEqual((await self.ask(method, path + tail, headers=WEBHOOKS)).status, 404)

    async def test_refused(self) -> None:
        """A webhook needs its version, an https URL (http for this machine only), known events and a secret."""
        for changed, named in (
            ({"target_url": None}, "target_url"),
            ({"target_url": "http://example.com/"}, "target_url"),
            ({"target_url": "ftp://127.0.0.1/"}, "target_url"),
            ({"target_url": "https://[bad"}, "target_url"),
            ({"events": None}, "events"),
            ({"events": []}, "events"),
            ({"events": ["message.seen"]}, "events"),
            ({"events": "message.sent"}, "events"),
            ({"secret": None}, "secret"),
            ({"secret": ""}, "secret"),
            ({"version": None}, "version"),
            ({"version": "9"}, "version"),
            ({"config": "Ours"}, "config"),
        ):
            reply = await self.register(**changed)
            self.assertEqual((reply.status, reply.json["data"]), (422, {"property": named}), changed)
        self.assertEqual(list(self.layer.webhooks), [])

    async def test_registered_once(self) -> None:
        """With If-None-Match a webhook is registered once."""
        once = "7f1c2b0e-6f0a-4f57-9d55-0d8c6c1f7a01"
        first, again = await self.register(once=once), await self.register(once=once)
        self.assertEqual((first.status, again.status), (201, 200))
        self.assertEqual(first.json["id"], again.json["id"])
        self.assertEqual(len(list(self.layer.webhooks)), 1)
