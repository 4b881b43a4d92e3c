"""A chat of one's own: what it posts becomes SMS, and the answers are posted there once."""

from __future__ import annotations

import json

from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.store.admin import QueueAdmin
from tests.factories import REPORT
from tests.inspector import K
from tests.own_chat import Trouble, deleted, sent, status
from tests.scenarios.outside import Lines
from tests.scenarios.own_world import CHAT_DOOR, OwnWorld, headers_of
from tests.scenarios.world import ANN, BOB, CLEO, DELAY, ONE

#: What a chat says for good, and what a dead letter is counted as.
FINAL = {
    404: "conversation_gone",
    410: "conversation_gone",
    403: "not_participant",
    422: "not_participant",
    400: "refused",
}
CLEOS = {"id": "cleo", "name": "Cleo", "phone": "(201) 555-0113"}
NAMES = ("../../x", "a/b?c#d", "😀", " ", "\n", "x" * 255, "…/" * 63, K.seq, "phone-1", "%2e", "{}", "'\"]")
BOBS = {"id": "bob", "name": "Bob", "phone": "+12015550112"}


class OwnChatTests(OwnWorld):
    async def test_there_and_back(self) -> None:
        """An unread message becomes an SMS, the answer stands in the conversation, and nothing was ever looked up."""
        heard = await self.event(sent())
        self.assertEqual((heard.code, heard.body), (204, b""))
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: Lunch at one?"])
        await self.reply(BOB, ONE, "Yes, gladly 😀")
        self.assertEqual(self.chat.replies, [("42", "bob", "Yes, gladly 😀")])
        self.assertEqual(self.chat.calls[-1].method, "POST")
        self.assertEqual(self.chat.faults, [])

    async def test_read(self) -> None:
        """Who has read it gets no SMS, whichever event comes first; the others do."""
        both = [BOBS, CLEOS]
        await self.event(sent(recipients=both))
        self.assertEqual((await self.event(status("read"))).code, 204)
        await self.event(status("read", user="cleo", message="later"))
        await self.event(sent(id="later", text="Later", recipients=both))
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(BOB), self.texts(CLEO)), (["Ann: Later"], ["Ann: Lunch at one?"]))

    async def test_deleted(self) -> None:
        """A message that is deleted is texted to nobody, whichever event comes first."""
        await self.event(sent())
        self.assertEqual((await self.event(deleted())).code, 204)
        await self.event(deleted("67"))
        await self.event(sent(id="67"))
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), [])

    async def test_repeats(self) -> None:
        """The same event, and the same id with another body, are joined; nobody gets a second SMS."""
        for _ in range(3):
            self.assertEqual((await self.event(sent(), "msg_same")).code, 204)
        self.assertEqual((await self.event(sent(text="Another"), "msg_same")).code, 204)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: Lunch at one?"])
        await self.event(sent(), "msg_same")
        await self.pass_time(DELAY)
        self.assertEqual(len(self.texts()), 1)

    async def test_ids(self) -> None:
        """Any id will do, and reaches neither another path nor another key."""
        for number, name in enumerate(NAMES):
            phone = f"+1201555{1000 + number}"
            await self.text_it(
                id=name,
                conversation={"id": name},
                sender={"id": f"{name[:-1]}!", "name": "Ann"},
                recipients=[{"id": name, "phone": phone}],
            )
            self.assertEqual(self.texts(phone[1:]), ["Ann: Lunch at one?"], name)
            await self.reply(phone[1:], self.numbers(phone[1:])[0], "Yes")
            self.assertEqual(self.chat.replies[-1], (name, name, "Yes"))
            await self.text_it(id=f"second {number}", recipients=[{"id": name}], conversation={"id": name})
            self.assertEqual(self.chat.calls[-1].path, ("users", name))
        self.assertEqual(self.chat.faults, [])
        self.assertEqual(self.counted("dead_letters"), 0)

    async def test_recipients(self) -> None:
        """Whoever is named twice gets one SMS, and the sender none."""
        anns = {"id": "ann", "phone": "+12015550111"}
        heard = await self.event(sent(recipients=[BOBS, anns, BOBS, {**BOBS, "phone": "+12015550113"}]))
        self.assertEqual(heard.code, 204)
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(ANN), self.texts(BOB), self.texts(CLEO)), ([], ["Ann: Lunch at one?"], []))

    async def test_no_texts(self) -> None:
        """Who wants no SMS gets none, and nothing is looked up."""
        await self.text_it(recipients=[{**BOBS, "sms": False}, CLEOS])
        self.assertEqual((self.texts(BOB), len(self.texts(CLEO))), ([], 1))
        self.assertEqual(self.chat.calls, [])

    async def test_template_and_introduction(self) -> None:
        """Title and URL that come with the event are there without a question."""
        settings = {
            "template": "{{ sender.name }} in {{ conversation.title }} to {{ recipient.name }}: {{ text }} ({{ id }})",
            "introduce_conversation": "From {{ conversation.url }}.",
        }
        await self.stop(self.service)
        self.service = await self.start(**settings)
        await self.text_it()
        (text,) = self.texts()
        self.assertIn("From https://chat.example.org/c/42.", text)
        self.assertIn("Ann in Trip to Bob: Lunch at one? (12345)", text)
        self.assertEqual(self.chat.calls, [])


class DeliveredTests(OwnWorld):
    settings = {"report_on_status": ["sent"]}

    async def test_delivered(self) -> None:
        """Whoever has got it on a device needs no SMS, if the settings say so."""
        await self.event(sent(recipients=[BOBS, CLEOS]))
        self.assertEqual((await self.event(status("delivered"))).code, 204)
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(BOB), self.texts(CLEO)), ([], ["Ann: Lunch at one?"]))


class ExplainTests(OwnWorld):
    async def explained(self, message_id: str) -> str:
        told: list[str] = []
        operator = QueueAdmin(self.connection, self.now)
        await explain(operator, message_id, Policy(REPORT, 600_000, "resend"), describe, out=told.append)
        return "\n".join(told)

    async def test_by_id(self) -> None:
        """An operator finds a message, and an event in quarantine, by the id that the chat has given it."""
        self.assertIn("Nothing is known", await self.explained("room 7/12345"))
        await self.text_it(id="room 7/12345")
        self.assertIn("sent", await self.explained("room 7/12345"))
        await self.event(sent(id="67890", conversation=None))
        self.assertIn("data.conversation is missing", await self.explained("67890"))


class ChatDownTests(OwnWorld):
    async def test_texts_go_on(self) -> None:
        """A chat that fails holds up its replies, not the texts that need nothing of it."""
        await self.text_it()
        self.chat.trouble.append(Trouble(500, times=1000))
        await self.reply(BOB, ONE, "Yes")
        while not self.service.pipeline.circuits[0].open:
            await self.pass_time(60)
        await self.event(sent(id="2", text="Still there?"))
        await self.event(sent(id="3", text="Hello?", recipients=[CLEOS]))
        await self.pass_time(DELAY)
        self.assertEqual((self.texts()[1:], self.texts(CLEO)), (["Ann: Still there?"], ["Ann: Hello?"]))


class WarningTests(OwnWorld):
    async def test_what_is_left_out(self) -> None:
        """One recipient or phone that cannot be used stops nobody else, and whoever writes the sender sees it."""
        heard = await self.event(
            sent(recipients=[{"id": ".."}, {"name": "x"}, 5, {**CLEOS, "phone": "12"}, BOBS], sent_at=7)
        )
        self.assertEqual(heard.code, 202)
        told = json.loads(heard.body)
        self.assertTrue(told["stored"])
        places = [
            "data.recipients[0].id is no id",
            "data.recipients[1].id is missing",
            "data.recipients[2] is not an object",
            "data.recipients[3].phone is not a phone number",
            "data.sent_at is not a text",
        ]
        for place, warning in zip(places, told["warnings"], strict=True):
            self.assertTrue(warning.startswith(place), warning)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), ["Ann: Lunch at one?"])
        self.assertEqual(self.counted("webhook_members_ignored", "recipient"), 3)

    async def test_envelope(self) -> None:
        """422 with the place and what is allowed, and nothing is stored but in quarantine."""
        for place, document in {
            "the body is not JSON": b"{",
            "the body is not an object": [],
            "type is missing": {"data": {}},
            "data is missing": {"type": "message.sent"},
            "data.id is missing": sent(id=None),
            "data.id is no id": sent(id=12345),
            "data.conversation is missing": sent(conversation=None),
            "data.conversation.id is no id": sent(conversation={"id": "a\0b"}),
            "data.sender is not an object": sent(sender="ann"),
            "data.sender.id is no id": sent(sender={"id": "."}),
            "data.recipients is missing": sent(recipients=None),
            "data.recipients is not a list": sent(recipients="all"),
            "data.recipients has no one": sent(recipients=[{"id": "ann"}]),
            "data.recipients[0].id is no id": sent(recipients=[{"id": "é" * 128}]),
            "data.recipients has more than 500": sent(recipients=[{"id": str(n)} for n in range(501)]),
            "data.user is missing": status("read", user=None),
            "data.message is missing": status("delivered", message=None),
        }.items():
            heard = await self.event(document)
            self.assertEqual(heard.code, 422, place)
            error = json.loads(heard.body)["error"]
            self.assertTrue(error.startswith(place), error)
            self.assertTrue("; allowed: " in error or "JSON" in error, error)
        self.assertEqual(await self.redis("ZCARD", K.due), 0)

    async def test_unknown_types(self) -> None:
        """422 that names the types that are read; nothing of it is kept."""
        for kind in ("message.edited", "member.left", "typing", "", 5):
            heard = await self.event({"type": kind, "data": {}})
            self.assertEqual(heard.code, 422)
            for known in ("message.sent", "message.delivered", "message.read", "message.deleted"):
                self.assertIn(known, json.loads(heard.body)["error"])
        self.assertEqual(await self.redis("EXISTS", K.quarantine, K.unsigned), 0)
        self.assertEqual(self.counted("webhooks", "chat", "ignored"), 5)

    async def test_500_recipients(self) -> None:
        """So many are taken, the sender not counted."""
        people = [{"id": f"u{n}", "sms": False} for n in range(500)]
        self.assertEqual((await self.event(sent(recipients=[*people, {"id": "ann"}, *people]))).code, 422)
        self.assertEqual((await self.event(sent(recipients=[*people, {"id": "ann"}, people[0]]))).code, 204)


class UnsignedTests(OwnWorld):
    async def test_unsigned(self) -> None:
        """401 with the reason, one line in the log a minute, nothing stored."""
        lines = Lines(self)
        for headers in ({"webhook_signature": "v1,AAAA"}, {"webhook_id": None}, {"webhook_timestamp": "now"}):
            heard = await self.event(sent(), **headers)
            self.assertEqual(heard.code, 401)
            self.assertIn("error", json.loads(heard.body))
        self.assertEqual(len([line for line in lines.ours if "rejected a request from 127.0.0.1" in line]), 1)
        self.assertEqual(self.counted("webhooks", "chat", "unsigned"), 3)
        self.assertEqual(await self.redis("ZCARD", K.due), 0)

    async def test_the_clock(self) -> None:
        """A clock that is more than five minutes off is named in the log; within them a replay is joined."""
        lines = Lines(self)
        raw = json.dumps(sent()).encode()
        old = headers_of(self.signatures.signed("msg_1", raw))
        for wait, code in ((0, 204), (299, 204), (2, 401)):
            await self.pass_time(wait)
            self.assertEqual((await self.caller.ask("POST", CHAT_DOOR, raw, **old)).code, code)
        (line,) = (line for line in lines.ours if "rejected a request" in line)
        self.assertIn("301 seconds behind this server's clock", line)
        await self.pass_time(DELAY)
        self.assertEqual(len(self.texts()), 1)

    async def test_other_requests(self) -> None:
        """A look at the URL is answered 200, another method 405."""
        for method, code in (("GET", 200), ("HEAD", 200), ("PUT", 405), ("DELETE", 405)):
            self.assertEqual((await self.caller.ask(method, CHAT_DOOR)).code, code, method)

    async def test_any_content_type(self) -> None:
        """The body is what was signed, whatever curl says that it is."""
        for number, kind in enumerate(("application/x-www-form-urlencoded", "text/plain", None)):
            self.assertEqual((await self.event(sent(id=str(number)), content_type=kind)).code, 204)


class ReplyTests(OwnWorld):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        await self.text_it()

    async def replied(self, *troubles: Trouble) -> None:
        self.chat.trouble += troubles
        await self.reply(BOB, ONE, "Yes")

    async def test_posted_once(self) -> None:
        """Whatever the chat answers before it takes the reply, or after it did: it stands there once."""
        for number, trouble in enumerate(
            (
                Trouble(0, done=True),
                Trouble(500, done=True),
                Trouble(409, b'{"error": {"code": "in_work"}}', done=True),
                Trouble(429, headers={"retry-after": "30"}),
                Trouble(503, headers={"retry-after": "30"}),
                Trouble(502, done=True),
                Trouble(404),  # a proxy's page
                Trouble(302, headers={"location": "/login"}),
                Trouble(403),
                Trouble(401, done=False),
            ),
            1,
        ):
            await self.replied(trouble)
            self.assertEqual(self.counted("replies_closed", "posted"), number - 1, trouble)
            await self.pass_time(60)
            self.assertEqual(self.counted("replies_closed", "posted"), number, trouble)
            self.assertEqual(self.chat.replies, [("42", "bob", "Yes")] * number, trouble)
        self.assertEqual((self.chat.faults, self.counted("dead_letters")), ([], 0))

    async def test_refused(self) -> None:
        """With the error object of the contract a no is final: a dead letter."""
        for number, (code, name) in enumerate(FINAL.items(), 1):
            await self.replied(Trouble(code, b'{"error": {"code": "because"}}'))
            await self.pass_time(3600)
            self.assertEqual(self.counted("dead_letters", "in"), number, code)
            self.assertGreaterEqual(self.counted("dead_letters", "in", name), 1, code)
        self.assertEqual(self.chat.replies, [])

    async def test_never_answered(self) -> None:
        """A chat that never answers: a dead letter after a day, with the reason."""
        await self.replied(Trouble(0, times=10_000))
        for _ in range(26):
            await self.pass_time(3600)
        self.assertEqual(self.counted("dead_letters", "in", "too_late"), 1)


class WhosePhoneTests(OwnWorld):
    """A phone that comes with an event is the user's as if a profile said so."""

    async def test_another_phone(self) -> None:
        """Once an event names another phone, the old one does not speak as that user, in every process."""
        await self.text_it()
        await self.event(sent(id="2", sent_at="2026-01-01T00:20:00Z", recipients=[{**BOBS, "phone": "+12015550113"}]))
        await self.stop(self.service)
        self.service = await self.start()
        await self.reply(BOB, ONE, "Not Bob any more")
        while self.sandbox.deliverer.retries:  # the process that was stopped took its connections with it
            await self.pass_time(1)
        self.assertEqual(self.counted("replies_closed", "not_their_phone"), 1)
        self.assertEqual((self.chat.replies, self.chat.calls), ([], []))

    async def test_the_newest(self) -> None:
        """An older event that comes late, or again, does not bring the old phone back."""
        await self.event(sent(sent_at="2026-01-01T00:20:00Z"))
        await self.event(sent(id="0", sent_at="2025-12-31T23:00:00+00:00", recipients=[{**BOBS, "phone": CLEO}]))
        await self.pass_time(DELAY)
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual(self.chat.replies, [("42", "bob", "Yes")])

    async def test_looked_up(self) -> None:
        """Of whoever never came with a phone the chat is asked."""
        self.chat.users["bob"] = BOBS
        await self.text_it(recipients=[{"id": "bob"}])
        await self.pass_time(400)
        self.chat.users["bob"] = {**BOBS, "phone": "+12015550113"}
        await self.reply(BOB, ONE, "Not Bob any more")
        self.assertEqual((self.chat.replies, self.counted("replies_closed", "not_their_phone")), ([], 1))


class LookupTests(OwnWorld):
    async def test_own_form(self) -> None:
        """Who comes without a phone is looked up when the message falls due."""
        self.chat.users["bob"] = {"id": "bob", "name": "Bobby", "phone": "+12015550112"}
        self.chat.users["ann"] = {"id": "ann", "name": "Ann Archer"}
        await self.text_it(sender={"id": "ann"}, recipients=[{"id": "bob"}])
        self.assertEqual(self.texts(), ["Ann Archer: Lunch at one?"])

    async def test_scim(self) -> None:
        """A directory's answer may be handed on as it is."""
        self.chat.users["bob"] = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "2819c223-7f76-453a-919d-413861904646",
            "userName": "bjensen",
            "displayName": "Bob",
            "active": True,
            "phoneNumbers": [
                {"value": "tel:+1-201-555-0113", "type": "work"},
                {"value": "tel:+1-201-555-0112", "type": "home", "primary": True},
            ],
        }
        await self.text_it(recipients=[{"id": "bob"}])
        self.assertEqual((len(self.texts(BOB)), self.texts(CLEO)), (1, []))
        self.chat.users["dan"] = {**self.chat.users["bob"], "active": False}
        await self.text_it(id="2", recipients=[{"id": "dan"}])
        self.assertEqual(len(self.texts(BOB)), 1)

    async def test_unknown(self) -> None:
        """With the contract's error object there is no such user; a proxy's 404 is asked again."""
        await self.text_it(recipients=[{"id": "nobody"}])
        self.assertEqual(self.counted("notifications_skipped", "unknown_user"), 1)
        self.chat.users["bob"] = {"phone": "+12015550112"}
        self.chat.trouble += [Trouble(404), Trouble(200, b"{}"), Trouble(200, b"[]"), Trouble(200)]
        await self.text_it(id="2", recipients=[{"id": "bob"}])
        self.assertEqual(self.texts(), [])
        for _ in range(10):
            await self.pass_time(60)
        self.assertEqual(self.texts(), ["Ann: Lunch at one?"])

    async def test_conversation(self) -> None:
        """It is looked up when a template speaks of it and the event says nothing of it."""
        await self.stop(self.service)
        self.service = await self.start(template="{{ conversation.title }}: {{ text }}")
        self.chat.conversations["42"] = {"id": "42", "title": "Office"}
        await self.text_it(conversation={"id": "42"})
        await self.text_it(id="2", conversation={"id": "gone"})
        self.assertEqual(self.texts(), ["Office: Lunch at one?", ": Lunch at one?"])
