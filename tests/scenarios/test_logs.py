"""Nothing that is said in confidence reaches the log, whatever happens: all of it is read here, at every level."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from nexmo_twisted.providers.nexmo.signatures import sign
from tests.factories import webhook
from tests.inspector import K
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller, Lines
from tests.scenarios.world import ANN, BOB, CLEO, DELAY, LUNCH, ONE, TALK, World

#: One of these words is in every text that anybody writes here.
WORDS = ("tangerine", "pomegranate", "huckleberry", "gooseberry", "persimmon")
STRANGER = "12015550188"
#: A user who is called like his phone, as happens.
DAN = "12015550114"
#: The simulated companies' own access log: their URLs hold user ids.
_THEIRS = re.compile(r'"[A-Z]+ /(layer|nexmo)/\S* HTTP/1\.1"')


class LogPrivacyTests(World):
    settings: dict[str, Any] = {
        "nexmo": {"phone_numbers": [ONE, "12015550177"], "signature_secret": "sandbox-signing-secret"},
        "introduce_conversation": "{{ sender.name }} writes",
    }

    async def asyncSetUp(self) -> None:
        self.lines = Lines(self)
        await super().asyncSetUp()
        self.nexmo.signature_secret = "sandbox-signing-secret"
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)
        self.layer.add_user(DAN, display_name="Dan", phone_number=f"+{DAN}")

    def log_lines(self) -> list[str]:
        return [line for line in self.lines.all if not _THEIRS.search(line)]

    def secrets(self) -> dict[str, str]:
        credentials = self.sandbox.credentials
        pair = f"{credentials.nexmo_key}:{credentials.nexmo_secret}".encode()
        return {
            "token": credentials.layer_token,
            "secret of the webhook": credentials.layer_secret,
            "secret of Nexmo": credentials.nexmo_secret,
            "secret of signatures": self.nexmo.signature_secret,
            "header of Nexmo": b64encode(pair).decode(),
        }

    def assert_discreet(self) -> None:
        """No whole phone of anybody, no text and no secret, in whatever form; and no failure."""
        for line in self.log_lines():
            for word in WORDS:
                self.assertNotIn(word, line.lower(), line)
            for secret in self.secrets().values():
                self.assertNotIn(secret, line)
            digits = re.sub(r"[\s().+-]", "", line)
            for handset in (ANN, BOB, CLEO, DAN, STRANGER):
                self.assertNotIn(handset[1:], digits, line)
        self.assertEqual(self.flushLoggedErrors(), [])

    def assert_logged(self, *parts: str) -> None:
        """These happened, and an operator can read that they did."""
        lines = "\n".join(self.log_lines())
        for part in parts:
            self.assertIn(part, lines)

    async def test_the_whole_story(self) -> None:
        """When all goes well, numbers are shown by their last four digits and texts not at all."""
        await self.text_unread("A tangerine?")
        for form in ("GET", "POST", "JSON"):
            self.nexmo.inbound_form = form
            await self.reply(BOB, ONE, f"By {form}: a pomegranate! " * 99)
        await self.text_unread("A gooseberry?", DAN, self.layer.start_conversation([DAN, "cleo"]))
        await self.reply(CLEO, ONE, "A persimmon.")
        await self.send("A huckleberry?")
        await self.pass_time(60)
        self.assertEqual(len(self.posted()), 5)
        self.assert_logged("sent to …0112 from …0101", "Reply from …0112: posted", "sent to …0113")
        self.assert_discreet()

    async def test_failures_of_nexmo(self) -> None:
        """Nor when Nexmo refuses, throttles, breaks down or talks too much."""
        to = f"to={BOB}&text=tangerine"
        talks = f'{{"message-count": "1", "messages": [{{"status": "%s", "error-text": "{BOB}: +1 (201) 555-0112"}}]}}'
        faults: tuple[dict[str, Any], ...] = (
            {"status": 429, "retry_after": 1.0},
            {"nexmo_status": "1"},
            {"nexmo_status": "10"},
            {"nexmo_status": "7"},
            {"nexmo_status": "99"},
            {"nexmo_status": "5"},
            {"nexmo_status": "0,1"},
            {"status": 500, "body": to.encode()},
            {"status": 404, "body": to.encode()},
            {"status": 302, "headers": (("location", f"http://127.0.0.1:1/?{to}"),)},
            {"drop": True},
            {"body": to.encode()},
            *({"body": (talks % status).encode()} for status in ("1", "3", "5", "15", "29", "77")),
            {"body": (talks % "9").encode()},
            {"status": 401},
        )
        for fault in faults:
            self.fault(path="/sms/json", **fault)
            await self.text_unread("A tangerine? " * 20)
            await self.pass_time(70)
        self.assertEqual(self.counted("sms_uncertain"), 5)
        self.assertGreaterEqual(self.counted("account_errors"), 4)
        self.assertGreaterEqual(self.counted("dead_letters", "out", "refused"), 5)
        self.assert_logged("may or may not have been sent", "dead letter, refused", ": retry in", "Sending suspended")
        self.assert_logged("throttled by the account", f"throttled by …{ONE[-4:]}")
        self.assert_discreet()

    async def test_failures_of_layer(self) -> None:
        """Nor when Layer does."""
        page = f'{{"message": "no {BOB} and no tangerine"}}'.encode()
        own = b'{"code": 105, "id": "invalid_property", ' + page[1:]
        for status in (401, 404, 422, 429, 500):
            self.fault(path="/identity", status=status, body=page, times=2)
            await self.text_unread("A tangerine?", conversation=LUNCH)
            await self.pass_time(400)
        await self.text_unread("A gooseberry?")
        for body in (page, own):
            for status in (401, 429, 500, 400, 410, 422):
                self.fault(path="/messages", method="POST", status=status, body=body)
                await self.reply(BOB, ONE, "A persimmon.")
                await self.pass_time(60)
        self.fault(path="/webhooks", status=401, body=page)
        self.fault(path="/account/numbers", status=500, body=page)
        await self.pass_time(60)
        self.assert_logged(
            "Chat platform: credentials or account rejected", "Reply from …0112: dead letter", "cannot be checked"
        )
        self.assert_logged("Layer answers 410 without Layer's error object")
        self.assert_discreet()

    async def test_no_number(self) -> None:
        """A handset for which no number is free is not named; our own number that is not ours is, whole."""
        for _ in range(2):
            await self.text_unread("A tangerine?", "ann", self.layer.start_conversation(["ann", "bob"]))
        self.assertEqual(self.counted("numbers_exhausted"), 1)
        self.assert_logged("all numbers of the handset are in use", "12015550177")
        self.assert_discreet()

    async def test_no_phone(self) -> None:
        """Nor is a phone that is none, or an introduction that fails."""
        phones = ("2015550112 ext. 5", "call 2015550112", f"+1{BOB}0000", "201555011", 12015550112.5)
        for number, phone in enumerate(phones):
            self.layer.add_user(f"user {number}", phone_number=phone)
        users = [f"user {number}" for number in range(len(phones))]
        await self.text_unread("A tangerine?", conversation=self.layer.start_conversation(["ann", *users]))
        self.assertEqual(self.counted("notifications_skipped", "no_phone"), len(phones))
        self.fault(path=TALK.rpartition("/")[2], method="GET", status=500, times=3)
        await self.text_unread("A gooseberry?")
        for _ in range(3):
            await self.pass_time(60)
        self.assert_logged("introduction failed, the SMS is sent without it", "no usable phone")
        self.assert_discreet()

    async def test_functions(self) -> None:
        """Nor what a function of the customer complains about, or a template stumbles over."""
        await self.stop(self.service)
        asked: list[str] = []

        def identities(user_id: str) -> object:
            asked.append(user_id)
            if len(asked) == 1:
                raise LookupError(f"{BOB} likes a tangerine")
            return {"name": "x", "phone": BOB} if len(asked) > 2 else f"{BOB}: tangerine"

        def introduce(message: Any, _conversation: Any) -> str:
            raise ValueError(message["text"], message["recipient"]["phone"])

        template = "{{ 1 // (text|length - 13) }}{{ text }}"  # which fails for a text of 13 characters
        self.service = await self.start(identities=identities, introduce_conversation=introduce, template=template)
        await self.text_unread("A tangerine? ")
        await self.text_unread("A gooseberry?")
        for _ in range(5):
            await self.pass_time(60)
        self.assertEqual(self.counted("dead_letters", "out", "template"), 2)
        await self.text_unread("A huckleberry?")
        for _ in range(5):
            await self.pass_time(60)
        self.assertEqual(self.counted("sms_accepted"), 1)
        self.assert_logged(
            "the identities function raised LookupError", "introduction: ValueError", "ZeroDivisionError"
        )
        self.assert_discreet()

    async def test_bad_input(self) -> None:
        """Nor what strangers, Layer and Nexmo throw at the doors."""
        await self.text_unread("A tangerine?")
        parts = [{"mime_type": "text/plain", "body": f"a pomegranate for {BOB}"}]
        await self.caller.event(webhook(parts=parts), layer_webhook_signature=None)
        for junk in (
            webhook(parts=parts, sender=None),
            webhook(parts=parts, recipient_status={BOB: "pomegranate"}),
            webhook(parts=parts, sender={"user_id": f"{BOB}\0"}),
            webhook("pomegranate", parts=parts),
            f"pomegranate {BOB}".encode(),
        ):
            await self.caller.event(junk)
        sms = {"messageId": "1", "msisdn": STRANGER, "to": ONE, "text": "a huckleberry"}
        signed = {**sms, "timestamp": str(int(self.clock.seconds())), "nonce": "x"}
        signed["sig"] = sign(signed, self.nexmo.signature_secret, "md5hash")
        named = {**signed, "messageId": "2", "msisdn": f"VONAGE{STRANGER}"}
        named["sig"] = sign(named, self.nexmo.signature_secret, "md5hash")
        odd = {**signed, "to": f"{BOB}\0"}
        odd["sig"] = sign(odd, self.nexmo.signature_secret, "md5hash")
        for params in (sms, {**sms, "sig": "0" * 32}, signed, {**signed, "text": "a persimmon"}, named, odd):
            form = urlencode(params)
            await self.caller.ask("GET", f"{NEXMO_DOOR}?{form}")
            await self.caller.ask("POST", NEXMO_DOOR, form.encode(), content_type=FORM)
            await self.caller.ask("POST", NEXMO_DOOR, form.encode(), content_type="text/plain")
        await self.settle()
        self.assertEqual(self.counted("replies_closed", "no_thread"), 1)
        for outcome in ("unsigned", "quarantined"):
            self.assertGreater(self.counted("webhooks", "layer", outcome), 0, outcome)
        for outcome in ("unsigned", "forged", "quarantined"):
            self.assertGreater(self.counted("webhooks", "nexmo", outcome), 0, outcome)
        self.assert_logged("unsigned request", "Quarantined a malformed", "Reply from …0188: not posted")
        self.assert_discreet()

    async def test_refusing_redis(self) -> None:
        """Nor when Redis refuses, or holds what nobody can read."""
        await self.send("A tangerine?")
        await self.redis("SET", K.due, f"pomegranate {BOB}")
        await self.pass_time(DELAY)
        self.layer.send(TALK, "ann", "A gooseberry?")
        await self.settle()
        self.assertGreater(self.counted("webhooks", "unavailable"), 0)
        await self.redis("DEL", K.due)
        await self.redis("SET", "nexmo-layer-integration-bob", f"persimmon {BOB}")
        await self.text_unread("A huckleberry?")
        await self.pass_time(60)
        self.assert_logged("unread_checks: Redis unavailable", "unread_checks: recovered")
        self.assert_discreet()
