"""What strangers, Layer and Nexmo may throw at the doors, through real HTTP: never a 500, never a crash."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

from nexmo_twisted.sandbox.layer.webhooks import signature
from tests.factories import MESSAGE_UUID, webhook
from tests.inspector import K
from tests.scenarios.junk import HOSTILE, JUNK, MEBIBYTE, NEXMO_JUNK, OTHER_TYPES, SAID, UNNEEDED, event, part
from tests.scenarios.outside import FORM, LAYER_DOOR, NEXMO_DOOR, Caller, Heard, Lines
from tests.scenarios.world import BOB, CLEO, DELAY, ONE, World
from tests.support import until
from tests.web.wire import Wire, connect

DIGEST = "return redis.sha1hex(redis.call('DUMP', KEYS[1]))"


class EndpointWorld(World):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.lines = Lines(self)
        self.secret = self.sandbox.credentials.layer_secret
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.secret)

    async def wire(self) -> Wire:
        """A connection on which anything can be written."""
        return await connect(self.port)

    async def contents(self) -> dict[str, str]:
        """Every key with a digest of what it holds. Left out: the lock, whose time goes on."""
        keys = set(await self.redis("KEYS", "*")) - {f"{K.lock}registration"}
        return {key: await self.redis("EVAL", DIGEST, 1, key) for key in keys}

    async def entries(self, key: str = K.quarantine) -> list[dict[str, Any]]:
        """What is in quarantine, the newest first."""
        return [json.loads(entry) for entry in await self.redis("LRANGE", key, 0, -1)]

    def assertEmpty(self, heard: Heard, code: int, msg: object = None) -> None:
        self.assertEqual((heard.code, heard.body), (code, b""), msg)
        self.assertFalse(heard.headers.hasHeader("content-type"), msg)


class UnsignedRequestTests(EndpointWorld):
    def forged(self, raw: bytes) -> dict[str, Any]:
        """Ways to post without the signature."""
        right = signature(self.secret, raw)
        return {
            "none": None,
            "blank": "",
            "wrong": "0" * 40,
            "cut short": right[:-1],
            "too long": right + "0",
            "of another body": signature(self.secret, raw + b" "),
            "with another secret": signature("another secret", raw),
            "without a secret": signature("", raw),
            "with a scheme": f"sha1={right}",
            "not ASCII": "ü" * 40,
            "right and another one": [right, "0" * 40],
        }

    async def test_unsigned(self) -> None:
        """Wrongly signed or unsigned webhooks: 403, an empty body, and not one key stored."""
        before, size = await self.contents(), await self.redis("DBSIZE")
        bodies = (event(parts=part()), b"junk", b"", b"[" * 200_000)
        count = 0
        for raw in bodies:
            for how, given in self.forged(raw).items():
                self.assertEmpty(await self.caller.event(raw, layer_webhook_signature=given), 403, how)
                count += 1
        self.assertEqual(await self.redis("DBSIZE"), size)
        self.assertEqual(await self.contents(), before)
        self.assertEqual(self.counted("webhooks", "layer", "unsigned"), count)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_a_line_a_minute(self) -> None:
        """At most one log line a minute and source, and nothing of the body in it."""
        for minute in range(1, 4):
            for _ in range(5):
                await self.caller.event(event(parts=part()), layer_webhook_signature=None)
                self.clock.advance(1)
            found = [line for line in self.lines.ours if "127.0.0.1" in line]
            self.assertEqual(len(found), minute)
            self.clock.advance(56)
        self.assertNotIn(SAID, "\n".join(self.lines.all))

    async def test_any_case(self) -> None:
        """A right signature is right in capitals, too."""
        raw = event()
        heard = await self.caller.event(raw, layer_webhook_signature=signature(self.secret, raw).upper())
        self.assertEmpty(heard, 204)
        self.assertEqual(await self.redis("ZCARD", K.due), 1)

    async def test_raw_bytes(self) -> None:
        """The signature is one of the bytes as they came: the same JSON written otherwise needs its own."""
        raw = json.dumps(webhook(), indent=3, ensure_ascii=False).encode()
        rewritten = json.dumps(webhook()).encode()
        self.assertEmpty(await self.caller.event(raw), 204)
        self.assertEmpty(await self.caller.event(raw, layer_webhook_signature=signature(self.secret, rewritten)), 403)

    async def test_too_large(self) -> None:
        """Bodies over 1 MiB: 413 while reading, declared or chunked, but for those that bear a signature of Layer's;
        nothing is stored."""
        size = await self.redis("DBSIZE")
        signed = b"layer-webhook-signature: %s\r\n" % signature(self.secret, b" " * (MEBIBYTE + 1)).encode()
        junk = b"layer-webhook-signature: x\r\n"
        for door, header in ((LAYER_DOOR, b""), (LAYER_DOOR, junk), (NEXMO_DOOR, signed), ("/elsewhere", signed)):
            head = b"POST %s HTTP/1.1\r\nHost: x\r\n%s" % (door.encode(), header)
            declared = await self.wire()
            declared.send(head + b"Content-Length: %d\r\n\r\n" % (MEBIBYTE + 1))  # and not one byte of it
            await declared.expect(b"413")
            chunked = await self.wire()
            chunked.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunked.send(b"%x\r\n" % (MEBIBYTE + 1) + b" " * (MEBIBYTE + 1))  # and no end
            await chunked.expect(b"413")
            for wire in (declared, chunked):
                self.assertTrue((await wire.gone()).endswith(b"Content-Length: 0\r\n\r\n"))
        self.assertEqual(await self.redis("DBSIZE"), size)
        self.assertEqual(self.counted("http_rejected", "body_too_large"), 8)

    async def test_slow(self) -> None:
        """A request that trickles in is cut off ten seconds after its beginning, however busily it trickles."""
        wire = await self.wire()
        wire.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" % LAYER_DOOR.encode())
        for _ in range(9):
            await self.settle()
            self.clock.advance(1)
            wire.send(b" ")
        await self.settle()
        self.assertFalse(wire.closed)
        self.clock.advance(1)
        await until(lambda: wire.closed)
        self.assertEqual((wire.received, self.counted("http_rejected", "slow_request")), (b"", 1))

    async def test_pipeline(self) -> None:
        """Twenty thousand requests in one go do not keep an event of Layer waiting until all are answered; those that
        are refused end with the first one."""
        door = LAYER_DOOR.encode()
        flood = await self.wire()
        flood.send(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % door * 20_000)
        await flood.expect(b"HTTP/1.1 200")
        self.assertEmpty(await self.caller.event(webhook()), 204)
        self.assertLess(flood.received.count(b"HTTP/1.1 200"), 5000)
        refused = await self.wire()
        refused.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" % door * 20_000)
        received = await refused.gone()
        self.assertEqual(received.count(b"HTTP/1.1 "), 1)
        self.assertIn(b"\r\nConnection: close\r\n", received)
        flood.transport.abortConnection()

    async def test_methods(self) -> None:
        """A wrong method is answered 405, with those that are allowed."""
        for door, methods in ((LAYER_DOOR, "PUT DELETE PATCH"), (NEXMO_DOOR, "PUT DELETE PATCH")):
            for method in methods.split():
                heard = await self.caller.ask(method, door)
                self.assertEmpty(heard, 405, method)
                self.assertIn("POST", heard.headers.getRawHeaders("allow", [""])[0])

    async def test_paths(self) -> None:
        """A wrong path is answered 404."""
        for path in ("/", "/index.php", "/metrics", "/health", "/%ff", "/%00", LAYER_DOOR + "/x", NEXMO_DOOR + "x"):
            for method in ("GET", "POST"):
                self.assertEmpty(await self.caller.ask(method, path), 404, path)

    async def test_not_quite_http(self) -> None:
        """What is hardly HTTP gets a 4xx or a closed connection, and is no error of ours."""
        for raw in (
            b"\0" * 100 + b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 20_000),
            b"POST %s HTTP/1.1\r\nContent-Length: -1\r\n\r\n" % LAYER_DOOR.encode(),
            b"POST %s HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (LAYER_DOOR.encode(), b"7" * 5000),
            b"POST %s HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n" % LAYER_DOOR.encode(),
            b"POST %s HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n" % LAYER_DOOR.encode(),
        ):
            wire = await self.wire()
            wire.send(raw)
            await self.settle()
            self.clock.advance(10)
            self.assertRegex(await wire.gone(), rb"\A(HTTP/1\.[01] 4\d\d |\Z)", raw[:40])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_challenge(self) -> None:
        """The challenge of a verification is echoed as plain text, so that nobody can have us serve HTML."""
        for challenge in ("5a0c6f2f-1b7d", "<script>alert(1)</script>", "ünï & more=1 😀"):
            heard = await self.caller.ask("GET", f"{LAYER_DOOR}?verification_challenge={quote(challenge)}")
            self.assertEqual((heard.code, heard.body.decode()), (200, challenge))
            self.assertEqual(heard.headers.getRawHeaders("content-type"), ["text/plain; charset=utf-8"])
            self.assertEqual(heard.headers.getRawHeaders("x-content-type-options"), ["nosniff"])

    async def test_no_challenge(self) -> None:
        """Without one, or with something that is none, a GET is answered 200 and echoes nothing."""
        for query in ("", "?", "?verification_challenge=", "?challenge=x", "?verification_challenge=%ff%fe"):
            self.assertEmpty(await self.caller.ask("GET", LAYER_DOOR + query), 200, query)
        long = "?verification_challenge=" + "x" * 10_000
        self.assertEmpty(await self.caller.ask("GET", LAYER_DOOR + long), 200)


class InvalidWebhookTests(EndpointWorld):
    async def assertQuarantined(self, source: str, before: dict[str, str], count: int, what: str) -> None:
        """One entry is new, and nothing else in Redis is. Layer signs, and Nexmo does not."""
        key = K.quarantine if source == "layer" else K.unsigned
        entries = await self.entries(key)
        self.assertEqual(len(entries), count, what)
        self.assertEqual(entries[0].keys(), {"at", "source", "reason", "ids", "body"}, what)
        self.assertEqual(entries[0]["at"], int(self.now()), what)
        self.assertEqual(entries[0]["source"], source, what)
        self.assertTrue(entries[0]["reason"], what)
        self.assertNotIn(SAID, entries[0]["reason"], what)
        after = await self.contents()
        del after[key]
        self.assertEqual(after, before, what)

    def assertReason(self, heard: Heard, what: str) -> None:
        """202 with one line that says why it was not used."""
        self.assertEqual((heard.code, heard.body.count(b"\n")), (202, 1), what)
        self.assertRegex(heard.body, b"^not used: .+\n$", what)
        self.assertNotIn(SAID.encode(), heard.body)

    async def test_layer(self) -> None:
        """Signed junk of every kind: 202 with the reason, one entry in quarantine, counted, no failure in the log."""
        before = await self.contents()
        for count, (what, raw) in enumerate(JUNK.items(), 1):
            heard = await self.caller.event(raw)
            self.assertReason(heard, what)
            await self.assertQuarantined("layer", before, count, what)
        self.assertEqual(self.counted("webhooks", "layer", "quarantined"), len(JUNK))
        self.assertEqual(self.counted("webhooks", "failed"), 0)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertNotIn(SAID, "\n".join(self.lines.all))
        await self.pass_time(DELAY)
        self.assertEqual(self.nexmo.sent, [])
        (hook,) = self.layer.webhooks
        self.assertEqual(hook.status, "active")

    async def test_content_types(self) -> None:
        """So is what is declared to be no JSON."""
        before = await self.contents()
        for count, kind in enumerate(OTHER_TYPES, 1):
            heard = await self.caller.event(event(parts=part()), content_type=kind)
            self.assertReason(heard, str(kind))
            await self.assertQuarantined("layer", before, count, str(kind))
        self.assertEqual(self.counted("webhooks", "layer", "quarantined"), len(OTHER_TYPES))

    async def test_json_by_any_name(self) -> None:
        """Version 2.0, plain JSON with a charset, another name of JSON, or no name is what it should be."""
        for kind in (
            "application/vnd.layer.webhooks+json; version=2.0",
            "application/vnd.layer.webhooks+json",
            "Application/JSON; charset=utf-8",
            "text/json",
            "application/hal+json",
            "",
            None,
        ):
            self.assertEmpty(await self.caller.event(webhook(), content_type=kind), 204)
        self.assertEqual(self.counted("webhooks", "layer", "stored"), 7)

    async def test_one_line(self) -> None:
        """The same junk again and again makes one line a minute."""
        for _ in range(5):
            await self.caller.event(event(parts=[{"body": SAID}]))
        (line,) = [line for line in self.lines.ours if "part" in line]
        self.assertNotIn(SAID, line)
        self.clock.advance(60)
        await self.caller.event(event(parts=[{"body": SAID}]))
        self.assertEqual(len([line for line in self.lines.ours if "part" in line]), 2)

    async def test_bounded(self) -> None:
        """The quarantine keeps the newest hundred, 64 KiB of each, for a week."""
        for number in range(130):
            await self.caller.event(b"%d " % number + b"x" * (200_000 if number == 129 else 0))
        entries = await self.entries()
        self.assertEqual([entry["body"].split()[0] for entry in entries], [str(n) for n in range(129, 29, -1)])
        kept = await self.redis("LINDEX", K.quarantine, 0)
        self.assertEqual(len(kept), 65_536)
        self.assertLessEqual(await self.redis("PTTL", K.quarantine), 7 * 86_400_000)
        self.assertGreater(await self.redis("PTTL", K.quarantine), 0)

    async def test_bounded_whatever_it_is(self) -> None:
        """So much is kept of each in all, whatever has to be escaped, and it stays JSON."""
        for raw in (b"\xff", b"\0", b"\\", b'"', b"\\\xff\n", "ü".encode(), "😀".encode()):
            for length in (80_000, 80_001):
                await self.caller.event((raw * length)[:length])
                kept = await self.redis("LINDEX", K.quarantine, 0)
                self.assertLessEqual(len(kept), 65_536)
                self.assertGreater(len(kept), 65_500)
                self.assertGreater(len(json.loads(kept)["body"]), 5_000)

    async def test_the_next_one(self) -> None:
        """Between junk, good events are stored and texted as ever."""
        for raw in (b"junk", b"[" * 200_000, event(sender=None)):
            await self.caller.event(raw)
            await self.send("Still there?")
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), ["Ann: Still there?"] * 3)

    async def test_the_example_of_2014(self) -> None:
        """The documented example message, sent in 2014, is no junk: it is texted after the delay."""
        self.layer.add_user("999", display_name="Nina", phone_number="+12015550199")
        self.layer.add_user("12345", display_name="Ole")
        self.assertEmpty(await self.caller.event(webhook()), 204)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts("12015550199"), ["Ole: This is the message."])

    async def test_unneeded(self) -> None:
        """Whatever is odd about what nobody needs, the message is texted to who can be made out."""
        self.layer.add_user("999", display_name="Nina", phone_number="+12015550199")
        self.layer.add_user("12345", display_name="Ole")
        for number, (what, raw) in enumerate(UNNEEDED.items(), 1):
            message = f"{number:08d}{MESSAGE_UUID[8:]}".encode()
            self.assertEmpty(await self.caller.event(raw.replace(MESSAGE_UUID.encode(), message)), 204, what)
            await self.pass_time(DELAY)
            self.assertEqual(self.texts("12015550199"), ["Ole: This is the message."] * number, what)
        self.assertEqual(await self.redis("EXISTS", K.quarantine, K.unsigned), 0)

    async def test_nexmo(self) -> None:
        """Unreadable webhooks of Nexmo: 200, one entry in quarantine, counted, never a failure in the log."""
        before = await self.contents()
        for count, (what, (kind, raw)) in enumerate(NEXMO_JUNK.items(), 1):
            heard = await self.caller.ask("POST", NEXMO_DOOR, raw, content_type=kind)
            self.assertEmpty(heard, 200, what)
            await self.assertQuarantined("nexmo", before, count, what)
        queries = ("?x=tangerine", "?text=%ff", "?messageId=1&msisdn=12015550112&to=12015550101", "?" + "&" * 100)
        for count, query in enumerate(queries, len(NEXMO_JUNK) + 1):
            heard = await self.caller.ask("GET", NEXMO_DOOR + query)
            self.assertEmpty(heard, 200, query)
            await self.assertQuarantined("nexmo", before, count, query)
        self.assertEqual(self.counted("webhooks", "nexmo", "quarantined"), len(NEXMO_JUNK) + len(queries))
        self.assertEqual(self.flushLoggedErrors(), [])
        told = "\n".join(self.lines.all)
        self.assertNotIn(SAID, told)
        self.assertNotIn(BOB, told)

    async def test_bare_get(self) -> None:
        """A bare GET, with which Nexmo tries a URL, is 200 and no junk."""
        self.assertEmpty(await self.caller.ask("GET", NEXMO_DOOR), 200)
        self.assertEqual(await self.redis("EXISTS", K.quarantine, K.unsigned), 0)

    async def test_hostile_numbers(self) -> None:
        """Senders and receivers that are no numbers reach no key: 200 and quarantine."""
        before = await self.contents()
        hostile = (
            "phone-12015550112",
            "../12015550112",
            "*",
            "bob",
            "12015550112 12015550113",
            "１２０",
            "-1",
            "1" * 99,
        )
        for count, number in enumerate(hostile, 1):
            form = urlencode({"messageId": "1", "msisdn": number, "to": ONE, "text": SAID}).encode()
            heard = await self.caller.ask("POST", NEXMO_DOOR, form, content_type=FORM)
            self.assertEmpty(heard, 200, number)
            await self.assertQuarantined("nexmo", before, count, number)


class TextCleaningTests(World):
    async def test_control_characters(self) -> None:
        """NUL and control characters are left out of what is texted; line breaks stay, and a tab is a blank."""
        self.layer.add_user("ann", display_name="A\0n\x1bn")
        await self.text_unread("\0Lunch\x07 at\tnoon\x1b[31m?\x7f\r\nYes\0")
        self.assertEqual(self.texts(), ["Ann: Lunch at noon[31m?\nYes"])

    async def test_control_characters_of_the_second_kind(self) -> None:
        """So are those from U+0080 to U+009F, one of which can begin a command to a terminal."""
        await self.text_unread("Lunch\x9b31m at\x85 noon\x80?")
        self.assertEqual(self.texts(), ["Ann: Lunch31m at noon?"])

    async def test_replies(self) -> None:
        """Nor are they posted into the conversation; there a tab stays."""
        await self.text_unread()
        await self.reply(BOB, ONE, "\0Yes,\x08 glad\tly\x1b[0m\x7f\r\nBob\0")
        self.assertEqual(self.posted()[1:], [("bob", "Yes, glad\tly[0m\nBob")])


class HostileUserIdTests(EndpointWorld):
    def requests(self) -> set[str]:
        """The paths that the simulated Layer was asked for, as they were written."""
        asked = [re.search(r'"[A-Z]+ (/layer/\S*) HTTP/1\.1" ', line) for line in self.lines.all]
        return {each[1] for each in asked if each}

    async def test_hostile(self) -> None:
        """However users are called, they reach neither another path at Layer nor another key in Redis."""
        await self.text_unread("Hi, Bob")  # bob's and cleo's keys, which are to stay as they are
        await self.text_unread("Hi, Cleo", "ann", self.layer.start_conversation(["ann", "cleo"]))
        phones = {}
        for number, user in enumerate(HOSTILE):
            phones[user] = f"120155520{number:02}"
            self.layer.add_user(user, display_name="Odd", phone_number=phones[user])
        reachable = [user for user in HOSTILE if user not in (".", "..")]  # no URL can name these two
        talk = self.layer.start_conversation([*HOSTILE, "ann"])
        await self.pass_time(60)  # the registration's next look
        before = await self.contents()
        self.lines.clear()

        await self.text_unread("Hi", "ann", talk)
        for user in HOSTILE:
            expected = ["Ann: Hi"] if user in reachable else []
            self.assertEqual(self.texts(phones[user]), expected, user)
        users = f"/layer/apps/{self.sandbox.credentials.layer_app_id}/users"
        self.assertEqual(
            {path for path in self.requests() if "/webhooks" not in path},
            {f"{users}/{quote(user, safe='')}/identity" for user in (*reachable, "ann")},
        )
        self.assertEqual(self.counted("notifications_skipped", "unknown_user"), 2)

        after = await self.contents()
        shared = (K.beat, K.sms)  # several messages lie in one nx:sms:, by the beginning of their ids
        changed = {key for key, value in before.items() if after.get(key) != value and not key.startswith(shared)}
        self.assertEqual(changed - {K.seq, K.receipts_seen}, set())
        maps = {f"{K.escaped}{u}" if u.startswith("phone-") else f"nexmo-layer-integration-{u}" for u in reachable}
        owners = {f"nexmo-layer-integration-phone-{phones[user]}" for user in reachable}
        handsets = {f"{K.handset}{phones[user]}" for user in reachable}
        new = {key for key in after if key not in before and not key.startswith((K.message, K.sms))}
        self.assertEqual(new, maps | owners | handsets | {f"{K.texted}{user}" for user in reachable})

    async def test_hostile_authors(self) -> None:
        """The same goes for those who write, and for those who read."""
        users = ("a/b/../c", "phone-12015550112", "%2e%2e", "😀", "../../webhooks", "*", K.due, " bob")
        for number, user in enumerate(users):
            self.layer.add_user(user, display_name=f"Odd {number}", phone_number=f"120155520{number:02}")
        talk = self.layer.start_conversation([*users, "bob"])
        for user in users:
            message = await self.send("Hi", user, talk)
            for other in users:
                self.layer.mark_read(message, other)
            await self.settle()
            self.clock.advance(1)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(), [f"Odd {number}: Hi" for number in range(len(users))])
        self.assertEqual(len(self.nexmo.sent), len(users))

    async def test_hostile_answers(self) -> None:
        """Their answers are posted as them, in their conversation and in no other."""
        users = ("a/b/../c", "phone-12015550112", "%2e%2e", "😀", "../../webhooks")
        for number, user in enumerate(users):
            phone = f"120155520{number:02}"
            self.layer.add_user(user, display_name="Odd", phone_number=phone)
            talk = self.layer.start_conversation(["ann", user])
            await self.text_unread("Hi", "ann", talk)
            await self.reply(phone, self.numbers(phone)[0], "Ho")
            self.assertEqual(self.posted(talk), [("ann", "Hi"), (user, "Ho")])
        await self.reply(BOB, ONE, "Who is this?")
        await self.reply(CLEO, ONE, "Who is this?")
        self.assertEqual(self.counted("replies_closed", "no_thread"), 2)
