"""The Layer client against the simulated Layer, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from nexmo_twisted.errors import AccountFault, Declined, Intercepted, Permanent, Temporary, Throttled
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.platforms.layer.client import LayerClient
from nexmo_twisted.platforms.layer.registration import EVENTS, REPLACED_STAYS
from nexmo_twisted.sandbox.http.faults import Fault, Faults
from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.layer.api import LayerApi
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from tests.http_client.loopback import LoopbackCase, answer

APP = "082d4684-0992-11e5-a6c0-1697f925ec7b"
TOKEN = "the-token"
ONCE = UUID("a71ecf4f-2b43-4bf1-a63e-1ea1d5d39a0f")
TARGET = "https://hooks.example.com/nexmo-new-message"
UNKNOWN = "layer:///conversations/00000000-0000-4000-8000-000000000000"

#: What proxies, gateways and web servers answer in the place of Layer, whatever the status.
PAGES = (
    b"<html>404 Not Found</html>",
    b"",
    b"[]",
    b"null",
    b"\xff",
    b"[" * 100_000,
    b'{"message": "no Route matched with those values"}',
    b'{"id": "not_found", "message": "The resource could not be found."}',
    b'{"code": 404, "message": "not found"}',
    b'{"code": "404", "id": "not_found"}',
    b'{"code": true, "id": "not_found"}',
    b'{"code": 102, "id": ""}',
    b'{"code": 102, "id": null}',
    b'{"code": 102, "id": 7}',
)


def refusal(name: str) -> bytes:
    """Layer's error object."""
    error = {"code": 102, "id": name, "message": "No.", "url": "https://developer.layer.com/", "data": {}}
    return json.dumps(error).encode()


class LayerClientCase(LoopbackCase):
    def setUp(self) -> None:
        self.calls: list[WebhookCall] = []
        self.faults = Faults()
        self.time = 1_700_000_000.0
        self.layer = SimulatedLayer(app_id=APP, now=lambda: self.time, deliver=self.calls.append)
        api = LayerApi(self.layer, token=TOKEN, faults=self.faults, clock=Clock())
        self.url = self.serve_resource(api.resource)
        self.http = Http(self.connections(), reactor, timeout=30.0)
        self.client = LayerClient(self.http, api_url=self.url, app_id=APP, token=TOKEN)

    def client_of(self, status: int, body: bytes, **headers: str) -> LayerClient:
        """A client of a server that answers everything so."""
        return LayerClient(self.http, api_url=self.serve(answer(status, body, **headers)).url, app_id=APP, token=TOKEN)

    async def code(self, call: Awaitable[object]) -> str:
        """The code of the permanent failure this ends in."""
        error = await self.failure(call)
        assert isinstance(error, Permanent), error
        return error.code


class IdentityTests(LayerClientCase):
    async def test_whole_identity(self) -> None:
        """A user's profile has the names templates know."""
        self.layer.add_user(
            "ann",
            display_name="Ann",
            first_name="Ann Mary",
            last_name="Archer",
            phone_number="+12015550111",
            email_address="ann@example.com",
            avatar_url="https://example.com/ann.png",
            public_key="x",
            metadata={"team": "blue"},
        )
        self.assertEqual(
            await self.client.identity("ann"),
            {
                "userId": "ann",
                "name": "Ann",
                "firstName": "Ann Mary",
                "lastName": "Archer",
                "phone": "+12015550111",
                "email": "ann@example.com",
                "avatarUrl": "https://example.com/ann.png",
                "metadata": {"team": "blue"},
            },
        )

    async def test_names(self) -> None:
        """Without a display name, first and last name; without those, the user id."""
        for identity, name in (
            ({"display_name": "  ", "first_name": "Cleo", "last_name": "Carter"}, "Cleo Carter"),
            ({"display_name": None, "first_name": "Cleo"}, "Cleo"),
            ({"first_name": None, "last_name": "Carter"}, "Carter"),
            ({}, "cleo"),
            ({"display_name": "\u3164", "first_name": "Cleo", "last_name": "\u200b"}, "Cleo"),
            ({"display_name": "\u200b \ufeff", "first_name": "\u2800"}, "cleo"),
        ):
            self.layer.add_user("cleo", **identity)
            self.assertEqual((await self.client.identity("cleo"))["name"], name)

    async def test_blank_names(self) -> None:
        """A name of which nobody sees anything is none, in each member that is one."""
        self.layer.add_user("ann", first_name="\u200b", last_name=" \u2800", display_name="Ann")
        profile = await self.client.identity("ann")
        self.assertEqual((profile["name"], profile["firstName"], profile["lastName"]), ("Ann", "", ""))

    async def test_number_for_a_phone(self) -> None:
        """A phone that is a number, of as many digits as one may have, is read as its digits."""
        for number, phone in ((12015550123, "12015550123"), (0, ""), (-1, ""), (10**15, ""), (True, ""), (1.5, "")):
            self.layer.add_user("ann", phone_number=number)
            self.assertEqual((await self.client.identity("ann"))["phone"], phone)

    async def test_large_members(self) -> None:
        """Profiles are remembered by the thousand: a member longer than any name or address is cut, and metadata of an
        answer over 64 KiB is left out."""
        self.layer.add_user("ann", display_name="A" * 100_000, phone_number="1" * 100_000, metadata={"team": "blue"})
        profile = await self.client.identity("ann")
        self.assertEqual((profile["name"], profile["phone"]), ("A" * 4000, "1" * 4000))
        self.assertEqual(profile["metadata"], {})
        self.layer.add_user("bob", display_name="Bob", metadata={"team": "x" * 60_000})
        self.assertEqual((await self.client.identity("bob"))["metadata"], {"team": "x" * 60_000})

    async def test_missing_and_null_members(self) -> None:
        """What is missing or null is blank, metadata empty."""
        for identity in ({}, dict.fromkeys(("display_name", "phone_number", "avatar_url", "metadata"))):
            self.layer.add_user("bob", **identity)
            profile = await self.client.identity("bob")
            self.assertEqual((profile["phone"], profile["avatarUrl"], profile["metadata"]), ("", "", {}))

    async def test_unknown_user(self) -> None:
        """A user Layer does not know is unknown for good."""
        self.assertEqual(await self.code(self.client.identity("nobody")), "unknown_user")

    async def test_any_user_id(self) -> None:
        """A user id is data: whatever it holds, exactly that user is asked for."""
        ids = (
            "a/b",
            "../conversations",
            "..%2f",
            "%2e%2e",
            "a b+c",
            "a?b#c",
            "ä😀",
            "phone-1",
            "...",
            "a\\b",
            "a\x00b",
            "~",
        )
        for user_id in ids:
            self.layer.add_user(user_id, display_name=f"the one called {user_id!r}")
        for user_id in ids:
            profile = await self.client.identity(user_id)
            self.assertEqual((profile["userId"], profile["name"]), (user_id, f"the one called {user_id!r}"))

    async def test_impossible_user_ids(self) -> None:
        """Ids that no path can name are unknown, and no request is made."""
        server = self.serve(answer(200, b"{}"))
        client = LayerClient(self.http, api_url=server.url, app_id=APP, token=TOKEN)
        for user_id in (".", "..", "", "half \ud83d"):
            self.assertEqual(await self.code(client.identity(user_id)), "unknown_user")
        self.assertEqual(server.requests, [])


class ConversationTests(LayerClientCase):
    async def test_conversation(self) -> None:
        """The Conversation object of the documentation, by its id or the bare UUID."""
        conversation = self.layer.start_conversation(["ann", "bob"], {"conversationName": "Lunch"})
        for conversation_id in (conversation, conversation.rpartition("/")[2]):
            found = await self.client.conversation(conversation_id)
            self.assertEqual(found["id"], conversation)
            self.assertEqual(found["metadata"], {"conversationName": "Lunch"})

    async def test_gone(self) -> None:
        """Deleted and unknown conversations are gone."""
        deleted = self.layer.start_conversation(["ann", "bob"])
        self.layer.delete_conversation(deleted)
        for conversation_id in (deleted, UNKNOWN):
            self.assertEqual(await self.code(self.client.conversation(conversation_id)), "conversation_gone")
            self.assertEqual(
                await self.code(self.client.post(conversation_id, "bob", ["hello"], ONCE)), "conversation_gone"
            )

    async def test_foreign_ids(self) -> None:
        """What is no conversation's id reaches no path."""
        server = self.serve(answer(200, b"{}"))
        client = LayerClient(self.http, api_url=server.url, app_id=APP, token=TOKEN)
        for conversation_id in ("", "..", "layer:///messages/" + str(ONCE), str(ONCE) + "/messages", "x" * 36):
            self.assertEqual(await self.code(client.conversation(conversation_id)), "conversation_gone")
            self.assertEqual(await self.code(client.post(conversation_id, "bob", ["x"], ONCE)), "conversation_gone")
        self.assertEqual(server.requests, [])


class PostTests(LayerClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.conversation = self.layer.start_conversation(["ann", "bob"])

    def texts(self) -> list[tuple[str | None, str]]:
        return [(message.user_id, message.text) for message in self.layer.messages(self.conversation)]

    async def test_post(self) -> None:
        """A reply is one message of that user, with its parts in order and every character intact."""
        await self.client.post(self.conversation, "bob", ["Grüße 😀", '你好\n"&'], ONCE)
        self.assertEqual(self.texts(), [("bob", 'Grüße 😀\n你好\n"&')])

    async def test_same_reply_again(self) -> None:
        """Posted again under the same UUID nothing is added; under another one it is a new message."""
        for once in (ONCE, ONCE, uuid4()):
            await self.client.post(self.conversation, "bob", ["hello"], once)
        self.assertEqual(self.texts(), [("bob", "hello")] * 2)

    async def test_answer_lost(self) -> None:
        """The message was posted, the answer was lost: temporary, and the second try adds nothing."""
        self.faults.add(Fault(path="/messages", done=True, drop=True))
        self.assertIs(type(await self.failure(self.client.post(self.conversation, "bob", ["hello"], ONCE))), Temporary)
        await self.client.post(self.conversation, "bob", ["hello"], ONCE)
        self.assertEqual(self.texts(), [("bob", "hello")])

    async def test_not_a_participant(self) -> None:
        """Who takes no part in the conversation cannot write there: Layer says 403 or 422."""
        self.assertEqual(await self.code(self.client.post(self.conversation, "cleo", ["hi"], ONCE)), "not_participant")
        self.faults.add(Fault(status=422))
        self.assertEqual(await self.code(self.client.post(self.conversation, "bob", ["hi"], ONCE)), "not_participant")

    async def test_id_in_use(self) -> None:
        """A conflict over the UUID means that the message is there already; other conflicts do not."""
        await self.client_of(409, refusal("id_in_use")).post(self.conversation, "bob", ["hi"], ONCE)
        call = self.client_of(409, refusal("conflict")).post(self.conversation, "bob", ["hi"], ONCE)
        self.assertEqual(await self.code(call), "refused")

    async def test_made_by_layer(self) -> None:
        """A reply is posted when Layer answers with the message; a page with a good status is none."""
        for status in (200, 201):
            for body in (*PAGES, b'{"status": "ok"}'):
                call = self.client_of(status, body).post(self.conversation, "bob", ["hi"], ONCE)
                error = await self.failure(call)
                self.assertIs(type(error), Intercepted)
                reason = f"Layer answers {status} without the message it made: check layer.api_url"
                self.assertEqual(str(error), reason)


class InterceptedTests(LayerClientCase):
    """What something in front of Layer says is not Layer's last word."""

    def each_call(self, client: LayerClient) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "identity": lambda: client.identity("ann"),
            "conversation": lambda: client.conversation(UNKNOWN),
            "post": lambda: client.post(UNKNOWN, "bob", ["hi"], ONCE),
            "webhooks": lambda: client.ensure_webhook("Ours", TARGET, "secret"),
        }

    async def test_pages(self) -> None:
        """A refusal counts only with Layer's own error object: else every call is tried again, and the reason says
        where to look."""
        for status in (400, 403, 404, 405, 406, 409, 410, 413, 422, 451):
            for body in PAGES:
                for name, call in self.each_call(self.client_of(status, body)).items():
                    error = await self.failure(call())
                    self.assertIs(type(error), Intercepted, f"{name}: {status} {body!r}")
                    reason = f"Layer answers {status} without Layer's error object: check layer.api_url"
                    self.assertEqual(str(error), reason)

    async def test_layers_own(self) -> None:
        """With Layer's error object 404 and 410 are its word."""
        codes = {"identity": "unknown_user", "conversation": "conversation_gone", "post": "conversation_gone"}
        for status, name in ((404, "not_found"), (410, "object_deleted")):
            calls = self.each_call(self.client_of(status, refusal(name)))
            for call, code in codes.items():
                self.assertEqual(await self.code(calls[call]()), code)

    async def test_wrong_path(self) -> None:
        """A path that Layer does not know is no user, and no conversation, that it does not know."""
        client = LayerClient(self.http, api_url=f"{self.url}/v2", app_id=APP, token=TOKEN)
        for name, call in self.each_call(client).items():
            error = await self.failure(call())
            self.assertIs(type(error), Intercepted, name)
            self.assertEqual(str(error), "Layer answers 404 invalid_endpoint: check layer.api_url")

    async def test_wrong_app(self) -> None:
        """An app that Layer does not know, or has suspended, is a fault of the account."""
        for name, call in self.each_call(
            LayerClient(self.http, api_url=self.url, app_id="another", token=TOKEN)
        ).items():
            self.assertIs(type(await self.failure(call())), AccountFault, name)
        for status, what in ((403, "app_suspended"), (404, "invalid_app_id")):
            for name, call in self.each_call(self.client_of(status, refusal(what))).items():
                self.assertIs(type(await self.failure(call())), AccountFault, name)

    async def test_delete(self) -> None:
        """A second webhook is not deleted because a page says that there is none."""
        layer = self.layer.webhooks
        for _ in range(2):
            layer.register(TARGET, EVENTS, "secret", config={"name": "Ours"}).status = "active"
        self.faults.add(Fault(method="DELETE", status=404, body=b"<html>"))
        error = await self.failure(self.client.ensure_webhook("Ours", TARGET, "secret"))
        self.assertIs(type(error), Intercepted)


class FailureTests(LayerClientCase):
    async def test_table(self) -> None:
        """What each answer means. Whatever is wrong with a question to Layer, it is asked again; a message or a webhook
        that Layer itself refuses is refused."""
        conversation = self.layer.start_conversation(["ann", "bob"])
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: self.client.identity("ann"),
            lambda: self.client.conversation(conversation),
            lambda: self.client.post(conversation, "bob", ["hi"], ONCE),
            lambda: self.client.ensure_webhook("Ours", TARGET, "secret"),
        ]
        for status, kind in (
            (204, Intercepted),
            (302, Intercepted),
            (400, Permanent),
            (401, AccountFault),
            (402, AccountFault),
            (405, Permanent),
            (406, Permanent),
            (408, Temporary),
            (429, Throttled),
            (500, Temporary),
            (502, Temporary),
            (503, Temporary),
        ):
            for number, call in enumerate(calls):
                self.faults.add(Fault(status=status, retry_after=7.0))
                error = await self.failure(call())
                question = number < 2
                self.assertIs(type(error), Declined if question and kind is Permanent else kind, f"{status}: {error}")
                if isinstance(error, Temporary) and kind is not Permanent:
                    self.assertEqual(error.retry_after, 7.0)
                self.faults.clear()

    async def test_wrong_token(self) -> None:
        """A wrong token is a fault of the account, and the reason does not show it."""
        client = LayerClient(self.http, api_url=self.url, app_id=APP, token="another-token")
        error = await self.failure(client.identity("ann"))
        self.assertIs(type(error), AccountFault)
        self.assertNotIn("another-token", str(error))

    async def test_no_connection(self) -> None:
        """Layer down is temporary."""
        client = LayerClient(self.http, api_url=await self.refused_url(), app_id=APP, token=TOKEN)
        error = await self.failure(client.identity("ann"))
        self.assertEqual((type(error), str(error)), (Temporary, "Layer: connection refused"))

    async def test_no_answer_in_time(self) -> None:
        """A Layer that never answers is given up after the time limit; that too is temporary."""
        received: Deferred[None] = Deferred()
        server, clock = self.serve(lambda _channel, _request: received.callback(None)), Clock()
        client = LayerClient(Http(self.connections(), clock, timeout=10.0), api_url=server.url, app_id=APP, token=TOKEN)
        failing = Deferred.fromCoroutine(self.failure(client.identity("ann")))
        await received
        clock.advance(10.0)
        self.assertIs(type(await failing), Temporary)
        await server.channels[0].closed

    async def test_a_good_status(self) -> None:
        """A 200 without what was asked for is not of Layer: nobody is without a phone for that, and the reason says
        where to look."""
        for body in (b"", b"<html>", b"[1]", b"null", b'"x"', b"[" * 100_000, b"\xff", b"[" + b"9" * 5000 + b"]"):
            client = self.client_of(200, body)
            for what, call in (
                ("an identity", client.identity("ann")),
                ("a conversation", client.conversation(UNKNOWN)),
                ("a list of webhooks", client.ensure_webhook("Ours", TARGET, "secret")),
            ):
                error = await self.failure(call)
                self.assertEqual(str(error), f"Layer answers 200 without {what}: check layer.api_url", body[:20])
                self.assertIs(type(error), Intercepted)
        for body in (b"{}", b'{"message": "no Route matched with those values"}', b'{"status": "ok"}'):
            error = await self.failure(self.client_of(200, body).identity("ann"))
            self.assertEqual(str(error), "Layer answers 200 without an identity: check layer.api_url")


class WebhookTests(LayerClientCase):
    def register(self, name: str = "Ours", url: str = TARGET, **changes: Any) -> Any:
        """A webhook that is registered already, one second after the one before."""
        self.time += 1
        hook = self.layer.webhooks.register(url, changes.pop("events", EVENTS), "secret", config={"name": name})
        hook.status = changes.pop("status", "active")
        return hook

    def hooks(self) -> list[tuple[str, str]]:
        return [(hook.id, hook.status) for hook in self.layer.webhooks]

    async def ensure(self, url: str = TARGET, secret: str = "secret") -> list[str]:
        return list(await self.client.ensure_webhook("Ours", url, secret))

    async def test_registers(self) -> None:
        """A missing webhook is registered as it should be; then there is nothing to do."""
        self.assertEqual(await self.ensure(), ["registered"])
        (hook,) = self.layer.webhooks
        self.assertEqual((hook.target_url, hook.events, hook.secret), (TARGET, EVENTS, "secret"))
        self.assertEqual((hook.config["name"], hook.version), ("Ours", "1.0"))
        hook.status = "active"
        self.assertEqual(await self.ensure(), [])
        self.assertEqual(self.hooks(), [(hook.id, "active")])

    async def test_others_are_left_alone(self) -> None:
        """A webhook of another name or URL is not ours."""
        others = [self.register("Theirs"), self.register(url="https://other.example/x", status="inactive")]
        self.assertEqual(await self.ensure(), ["registered"])
        self.assertEqual(self.hooks()[:2], [(hook.id, hook.status) for hook in others])

    async def test_activates(self) -> None:
        """One that Layer gave up, or could not verify yet, is verified again."""
        for status in ("inactive", "unverified"):
            hook = self.register(status=status)
            self.calls.clear()
            self.assertEqual(await self.ensure(), ["activated"])
            self.assertEqual(self.hooks(), [(hook.id, "unverified")])
            self.assertEqual(len(self.calls), 1)
            self.layer.webhooks.delete(hook.id)

    async def test_default_port(self) -> None:
        """ ":443" makes no difference, on either side."""
        hook = self.register(url="https://hooks.example.com:443/nexmo-new-message")
        self.assertEqual(await self.ensure(), [])
        self.layer.webhooks.delete(hook.id)
        self.register()
        self.assertEqual(await self.ensure("https://hooks.example.com:443/nexmo-new-message"), [])
        self.assertEqual(await self.ensure("https://hooks.example.com:4430/nexmo-new-message"), ["registered"])

    async def test_keeps_one(self) -> None:
        """Of several the active one stays, else the oldest; its status is mended too."""
        for statuses, kept, done in (
            (("inactive", "active", "active"), 1, []),
            (("inactive", "unverified"), 0, ["activated"]),
        ):
            hooks = [self.register(status=status) for status in statuses]
            surplus = ["duplicate deleted"] * (len(hooks) - 1)
            self.assertEqual(await self.ensure(), surplus + done)
            self.assertEqual([hook.id for hook in self.layer.webhooks], [hooks[kept].id])
            self.layer.webhooks.delete(hooks[kept].id)

    async def test_same_url(self) -> None:
        """The host's case and the default port make no other URL."""
        hook = self.register(url=TARGET.replace("hooks.example.com", "Hooks.Example.com:443"))
        self.assertEqual(await self.ensure(), [])
        self.assertEqual([kept.id for kept in self.layer.webhooks], [hook.id])

    async def test_untold_events(self) -> None:
        """A webhook whose events are not told is believed to have them, or it would be replaced for ever."""
        listed = {
            "id": "layer:///apps/x/webhooks/1",
            "target_url": TARGET,
            "status": "active",
            "config": {"name": "Ours"},
        }
        for events in ({}, {"events": None}):
            client = self.client_of(200, json.dumps([listed | events]).encode())
            self.assertEqual(await client.ensure_webhook("Ours", TARGET, "secret"), [])

    async def test_lacking_events(self) -> None:
        """Events cannot be added to a webhook: it is registered anew. More events than needed do no harm."""
        old = self.register(events=EVENTS[:3])
        self.assertEqual(await self.ensure(), ["registered again, it lacked events"])
        _, new = self.layer.webhooks
        self.assertEqual((old.status, new.events), ("active", EVENTS))
        new.status = "active"
        await self.look_often()
        self.assertEqual(self.hooks(), [(new.id, "active")])
        self.layer.webhooks.delete(new.id)
        self.register(events=(*EVENTS, "conversation.created"))
        self.assertEqual(await self.ensure(), [])

    async def look_often(self, **ensured: str) -> None:
        """As many looks as a webhook that was replaced stays for, and the one that deletes it."""
        for _ in range(REPLACED_STAYS):
            self.assertEqual(await self.ensure(**ensured), [])
            self.assertEqual(len(self.hooks()), 2)
        self.assertEqual(await self.ensure(**ensured), [])

    async def test_always_amiss(self) -> None:
        """However long a webhook lacks something, there are never more than the old one and the latest try."""
        for _ in range(5):
            await self.ensure()
            for hook in self.layer.webhooks:
                hook.events, hook.status = EVENTS[:3], "active"
        self.assertEqual(len(self.hooks()), 2)

    async def test_another_secret(self) -> None:
        """With another secret it is registered anew. The old one stays until the new one has worked for half an hour:
        so long Layer may repeat over it what it could not deliver."""
        await self.ensure(secret="the old secret")
        (old,) = self.layer.webhooks
        old.status = "active"
        self.assertEqual(await self.ensure(secret="a new secret"), ["registered again, it had another secret"])
        _, new = self.layer.webhooks
        self.assertEqual((new.secret, new.events, old.status), ("a new secret", EVENTS, "active"))
        self.assertEqual(await self.ensure(secret="a new secret"), ["activated"])
        self.assertEqual(self.hooks(), [(old.id, "active"), (new.id, "unverified")])
        new.status = "active"
        await self.look_often(secret="a new secret")
        self.assertEqual(self.hooks(), [(new.id, "active")])
        self.assertEqual(await self.ensure(secret="a new secret"), [])

    async def test_another_secret_and_turned_off(self) -> None:
        """One that Layer has turned off besides delivers nothing that could be lost."""
        await self.ensure(secret="the old secret")
        await self.ensure(secret="a new secret")
        old, new = self.layer.webhooks
        old.status, new.status = "inactive", "inactive"
        self.assertEqual(await self.ensure(secret="a new secret"), ["activated"])
        self.assertEqual(self.hooks(), [(new.id, "unverified")])

    async def test_fingerprint(self) -> None:
        """What tells two secrets apart is short, is another one for every URL, and is no secret."""
        told = []
        for url, secret in ((TARGET, "one"), (TARGET, "two"), (TARGET + "-2", "one")):
            await self.ensure(url, secret)
            *_, hook = self.layer.webhooks
            self.assertEqual(hook.config.keys(), {"name", "fingerprint"})
            self.assertRegex(hook.config["fingerprint"], r"\A[0-9a-f]{16}\Z")
            told.append(hook.config["fingerprint"])
            self.layer.webhooks.delete(hook.id)
        self.assertEqual(len(set(told)), 3)

    async def test_same_fingerprint(self) -> None:
        """However the URL is written, the fingerprint of a secret is the same."""
        await self.ensure()
        (hook,) = self.layer.webhooks
        hook.status = "active"
        self.assertEqual(await self.ensure("HTTPS://Hooks.example.com:443/nexmo-new-message"), [])
        self.assertEqual(self.hooks(), [(hook.id, "active")])

    async def test_no_fingerprint(self) -> None:
        """One without a fingerprint, as the Node service registers it, is believed to have our secret."""
        hook = self.register()
        odd: object
        for odd in (None, 5, []):
            hook.config = {"name": "Ours", "fingerprint": odd}
            self.assertEqual(await self.ensure(secret="whatever it was"), [])
        self.assertEqual(self.hooks(), [(hook.id, "active")])

    async def test_two_processes_that_differ(self) -> None:
        """Processes with different secrets replace each other's webhook ever more rarely, and say why."""
        clients = {
            "one secret": self.client,
            "another one": LayerClient(self.http, api_url=self.url, app_id=APP, token=TOKEN),
        }
        replaced = refused = 0
        for _ in range(32):
            for secret, client in clients.items():
                for number, hook in enumerate(self.layer.webhooks):
                    hook.status, hook.created_at = "active", float(number)
                try:
                    replaced += bool(await client.ensure_webhook("Ours", TARGET, secret))
                except Permanent as error:
                    refused += 1
                    self.assertIn("same settings", str(error))
                    self.assertNotIn(secret, str(error))
        self.assertLess(replaced, 14)
        self.assertGreater(refused, 16)

    async def test_never_without_any(self) -> None:
        """One that others registered with another secret and that was turned off is replaced at once."""
        other = LayerClient(self.http, api_url=self.url, app_id=APP, token=TOKEN)
        for _ in range(3):
            for hook in self.layer.webhooks:
                self.layer.webhooks.delete(hook.id)
            await other.ensure_webhook("Ours", TARGET, "another secret")
            self.assertEqual(await self.ensure(), ["registered again, it had another secret"])

    async def test_deleted_meanwhile(self) -> None:
        """A second one that somebody else deleted first is no failure."""
        self.register()
        self.register()
        self.faults.add(Fault(method="DELETE", status=404, done=True))
        self.assertEqual(await self.ensure(), ["duplicate deleted"])

    async def test_odd_entries(self) -> None:
        """Entries that lack what ours has are not ours; ours with an id that is none is unreadable."""
        odd = [{}, {"config": None}, {"config": {"name": "Ours"}, "target_url": None}, {"config": {"name": ["Ours"]}}]
        client = self.client_of(200, json.dumps(odd).encode())
        self.assertEqual(await client.ensure_webhook("Ours", TARGET, "secret"), ["registered"])
        ours = {"config": {"name": "Ours"}, "target_url": TARGET, "events": EVENTS, "status": "inactive", "id": "a?b"}
        client = self.client_of(200, json.dumps([ours]).encode())
        error = await self.failure(client.ensure_webhook("Ours", TARGET, "secret"))
        self.assertIs(type(error), Temporary)
