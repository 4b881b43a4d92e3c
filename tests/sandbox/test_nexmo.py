"""The simulated Nexmo keeps to the documentation of the real one, and is as strict."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.providers.nexmo.signatures import sign, verify
from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.nexmo import gsm
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo
from nexmo_twisted.sandbox.simulators import Credentials
from tests.sandbox.cases import BOB, FORM, NOW, OURS, SimulatorsCase, basic


class HandsetTests(SynchronousTestCase):
    """What a handset sees, without any HTTP."""

    def test_parts(self) -> None:
        """Parts are counted as documented: 160/153 septets, extension characters twice; 70/67 UTF-16 units."""
        for text, unicode, expected in (
            ("a" * 160, False, 1),
            ("a" * 161, False, 2),
            ("a" * 306, False, 2),
            ("a" * 307, False, 3),
            ("€" * 80, False, 1),
            ("€" * 81, False, 2),
            ("€" * 152, False, 2),
            ("€" * 153, False, 3),
            ("This ^ That", False, 1),
            ("a" * 3200, False, 21),
            ("你" * 70, True, 1),
            ("你" * 71, True, 2),
            ("你" * 134, True, 2),
            ("你" * 135, True, 3),
            ("😀" * 35, True, 1),
            ("😀" * 36, True, 2),
            ("😀" * 66, True, 2),
            ("😀" * 67, True, 3),
            ("it’s", True, 1),
            ("你" * 3200, True, 48),
            ("", False, 1),
        ):
            self.assertEqual(gsm.parts(text, unicode=unicode), expected, f"{text[:3]} x {len(text)}")

    def test_alphabet(self) -> None:
        """What GSM-7 does not have arrives as '?' when sent as text; what it has arrives."""
        everything = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà ^{}\\[~]|€\n\r\f09azAZ"
        self.assertEqual(gsm.as_gsm7(everything), everything)
        self.assertEqual(gsm.as_gsm7("it’s `ç` – …😀áíóú"), "it?s ??? ? ??????")

    def test_without_a_url(self) -> None:
        """An SMS to a number without any URL is in the thread, and goes nowhere."""
        calls: list[WebhookCall] = []
        nexmo = SimulatedNexmo(key="key", secret="secret", now=lambda: NOW, deliver=calls.append)
        nexmo.add_number(OURS)
        nexmo.reply(BOB, OURS, "Hello")
        self.assertEqual([(sms.direction, sms.text) for sms in nexmo.handset(BOB)], [("sent", "Hello")])
        self.assertEqual(calls, [])
        nexmo.inbound_url = "https://example.com/account"
        nexmo.reply(BOB, OURS, "Hello")
        nexmo.route_inbound(OURS, "https://example.com/number")
        nexmo.reply(BOB, OURS, "Hello")
        self.assertEqual([call.url for call in calls], ["https://example.com/account", "https://example.com/number"])
        self.assertRaises(KeyError, nexmo.reply, BOB, "12015550199", "Hello")

    def test_secrets_do_not_print(self) -> None:
        """Neither the account's secrets nor the defaults of the sandbox print."""
        nexmo = SimulatedNexmo(key="key", secret="hush", now=lambda: NOW, deliver=print, signature_secret="hushhush")
        self.assertNotIn("hush", repr(nexmo))
        self.assertNotIn("secret'", repr(Credentials()))


class SendSmsTests(SimulatorsCase):
    """``POST /sms/json`` over real HTTP."""

    credentials = Credentials(signature_secret="abcdef0123456789", signature_method="sha256")

    def sms(self, **changed: str | None) -> dict[str, str]:
        sms = {"from": OURS, "to": BOB, "text": "Hello", "client-ref": "m-42"}
        return {
            name.rstrip("_").replace("__", "-"): value
            for name, value in {**sms, **changed}.items()
            if value is not None
        }

    async def send(self, params: dict[str, str] | None = None, /, *, headers: Any = None, **changed: Any) -> Any:
        body = urlencode(self.sms(**changed) if params is None else params).encode()
        return await self.ask("POST", "/nexmo/sms/json", body, {**FORM, **(basic() if headers is None else headers)})

    def status(self, reply: Any, expected: str) -> None:
        """A refused SMS: HTTP 200, one entry, all strings, neither a number nor an id in it."""
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json["message-count"], "1")
        (entry,) = reply.json["messages"]
        self.assertEqual(entry.keys(), {"status", "error-text"})
        self.assertEqual(entry["status"], expected)
        self.assertEqual(self.nexmo.sent, [])

    async def test_accepted(self) -> None:
        """An accepted SMS has the documented entry, is recorded, and is on the handset."""
        reply = await self.send()
        self.assertEqual(reply.header("content-type"), "application/json")
        (sms,) = self.nexmo.sent
        self.assertEqual(
            reply.json,
            {
                "message-count": "1",
                "messages": [
                    {
                        "to": BOB,
                        "message-id": sms.message_ids[0],
                        "status": "0",
                        "remaining-balance": "3.14159265",
                        "message-price": "0.03330000",
                        "network": "12345",
                        "client-ref": "m-42",
                    }
                ],
            },
        )
        self.assertEqual((sms.sender, sms.to, sms.text, sms.client_ref, sms.at), (OURS, BOB, "Hello", "m-42", NOW))
        (seen,) = self.nexmo.handset(BOB)
        self.assertEqual((seen.direction, seen.number, seen.text), ("received", OURS, "Hello"))

    async def test_counted_by_reference(self) -> None:
        """A second SMS under one client-ref is sent like the first: there is no de-duplication, only the count."""
        await self.send()
        await self.send()
        await self.send(**{"client-ref": None})
        self.assertEqual(self.nexmo.count("m-42"), 2)
        self.assertEqual(len(self.nexmo.handset(BOB)), 3)

    async def test_long_text(self) -> None:
        """A long text has one entry and one id for each part, and is one SMS on the handset."""
        reply = await self.send(text="€" * 153)
        entries = reply.json["messages"]
        self.assertEqual((reply.json["message-count"], len(entries)), ("3", 3))
        self.assertEqual(len({entry["message-id"] for entry in entries}), 3)
        self.assertEqual([sms.text for sms in self.nexmo.handset(BOB)], ["€" * 153])

    async def test_type(self) -> None:
        """As text, what GSM-7 lacks arrives as '?'; as unicode everything arrives."""
        text = "Olá “Zoë” – 5 € 😀"
        await self.send(text=text)
        await self.send(text=text, type="unicode")
        await self.send(text="5 € é", type="text")
        self.assertEqual([sms.text for sms in self.nexmo.handset(BOB)], ["Ol? ?Zo?? ? 5 € ?", text, "5 € é"])

    async def test_bad_credentials(self) -> None:
        """Wrong credentials in the body: 200 with status 4. Wrong ones in the header: 401. None: status 2."""
        key, secret = {"api_key": "sandbox1"}, {"api_secret": "sandbox-nexmo-secret"}
        self.status(await self.send(headers={}, **key, api_secret="wrong"), "4")
        self.status(await self.send(headers={}, api_key="wrong", **secret), "4")
        self.status(await self.send(headers={}), "2")
        self.status(await self.send(headers={}, **key), "2")
        for wrong in (basic(secret="wrong"), {"Authorization": "Basic ?"}, {"Authorization": "Bearer x"}):
            reply = await self.send(headers=wrong)
            self.assertEqual((reply.status, reply.header("content-type")), (401, "application/problem+json"))
        self.assertEqual((await self.send(headers={}, **key, **secret)).json["messages"][0]["status"], "0")

    async def test_exactly_one_way(self) -> None:
        """Credentials come in one way; a signature and the secret together are status 32."""
        secret = {"api_secret": "sandbox-nexmo-secret"}
        self.assertEqual((await self.send(api_key="sandbox1", **secret)).status, 401)
        self.assertEqual((await self.send(api_key="sandbox1", sig="0" * 64)).status, 401)
        self.status(await self.send(headers={}, api_key="sandbox1", sig="0" * 64, **secret), "32")

    async def test_signed(self) -> None:
        """A signed request is accepted; changed, stale or signed with another secret it is status 14."""
        params = {**self.sms(text="Grüße & 你好=😀", type="unicode"), "api_key": "sandbox1"}
        right = {**params, "timestamp": str(int(NOW))}
        right["sig"] = sign(right, "abcdef0123456789", "sha256")
        stale = {**params, "timestamp": str(int(NOW) - 3600)}
        stale["sig"] = sign(stale, "abcdef0123456789", "sha256")
        other = {**right, "sig": sign(right, "another", "sha256")}
        for wrong in ({**right, "text": "Hello"}, stale, other, {**params, "sig": "0"}):
            self.status(await self.send(wrong, headers={}), "14")
        self.assertEqual((await self.send(right, headers={})).json["messages"][0]["status"], "0")
        self.nexmo.signature_secret = ""
        self.nexmo.sent.clear()
        self.status(await self.send(right, headers={}), "14")

    async def test_refused(self) -> None:
        """What is missing or wrong has its documented status, and nothing is sent."""
        for changed, expected in (
            ({"to": None}, "2"),
            ({"from": None}, "2"),
            ({"text": None}, "2"),
            ({"text": ""}, "2"),
            ({"to": "+12015550112"}, "3"),
            ({"to": "123456"}, "3"),
            ({"to": "1234567890123456"}, "3"),
            ({"to": "1201555011２"}, "3"),
            ({"type": "wappush"}, "3"),
            ({"client-ref": "r" * 101}, "3"),
            ({"from": "12015550199"}, "15"),
            ({"from": "Acme"}, "15"),
            ({"text": "a" * 3201}, "12"),
            ({"callback": "https://example.com/" + "c" * 81}, "23"),
            ({"callback": "https://example.com/a b"}, "23"),
            ({"callback": "example.com"}, "23"),
        ):
            self.status(await self.send(**changed), expected)

    async def test_limits(self) -> None:
        """What is just within the limits is accepted."""
        callback = "https://example.com/" + "c" * 80
        reply = await self.send(**{"client-ref": "r" * 100, "callback": callback, "text": "a" * 3200})
        self.assertEqual(reply.json["message-count"], "21")
        self.assertEqual(self.nexmo.sent[0].callback, callback)

    async def test_example_error(self) -> None:
        """The documented example of a refused request comes out the same."""
        self.assertEqual(
            (await self.send(to=None)).json,
            {"message-count": "1", "messages": [{"status": "2", "error-text": "Missing to param"}]},
        )

    async def test_secret_in_a_url(self) -> None:
        """A GET, which would have the secret in its URL, is refused; parameters in a URL do not count."""
        params = {**self.sms(), "api_key": "sandbox1", "api_secret": "sandbox-nexmo-secret"}
        path = f"/nexmo/sms/json?{urlencode(params)}"
        self.assertEqual((await self.ask("GET", path)).status, 405)
        self.status(await self.ask("POST", path, b"", FORM), "2")

    async def test_only_forms(self) -> None:
        """Only form bodies are documented; repeated fields and other encodings are refused."""
        reply = await self.ask("POST", "/nexmo/sms/json", self.sms(), {"Content-Type": "application/json", **basic()})
        self.assertEqual(reply.status, 415)
        body = urlencode(self.sms()).encode()
        for odd in (body + b"&to=12015550113", body + b"&x=%ff", body + b"&x=\xff"):
            self.status(await self.ask("POST", "/nexmo/sms/json", odd, {**FORM, **basic()}), "3")

    async def test_paths(self) -> None:
        """Nothing else is there."""
        for method, path in (("POST", "/nexmo/sms/xml"), ("GET", "/nexmo/"), ("GET", "/nexmo/number/search")):
            self.assertEqual((await self.ask(method, path, headers=basic())).status, 404, path)


class NumbersTests(SimulatorsCase):
    """The account's numbers over real HTTP."""

    async def page(self, query: str = "") -> Any:
        return await self.ask("GET", f"/nexmo/account/numbers{query}", headers=basic())

    async def update(self, url: str | None, msisdn: str = OURS, country: str = "US") -> Any:
        params = {"country": country, "msisdn": msisdn} | ({} if url is None else {"moHttpUrl": url})
        return await self.ask("POST", "/nexmo/number/update", urlencode(params).encode(), {**FORM, **basic()})

    async def test_numbers(self) -> None:
        """A number has its country, features and inbound URL, which is missing when there is none."""
        self.nexmo.route_inbound(OURS, "https://example.com/sms")
        reply = await self.page()
        self.assertEqual(reply.status, 200)
        first = {"country": "US", "msisdn": OURS, "type": "mobile-lvn", "features": ["SMS", "VOICE"]}
        self.assertEqual(
            reply.json,
            {
                "count": 2,
                "numbers": [
                    {**first, "moHttpUrl": "https://example.com/sms"},
                    {**first, "msisdn": "12015550102"},
                ],
            },
        )

    async def test_pages(self) -> None:
        """Ten to a page unless asked for up to a hundred; pages count from 1; behind the last there is nothing."""
        for extra in range(23):
            self.nexmo.add_number(str(12015550120 + extra))
        sizes = [len((await self.page(query)).json["numbers"]) for query in ("", "?index=2", "?index=3")]
        self.assertEqual(sizes, [10, 10, 5])
        self.assertEqual((await self.page("?size=100")).json["count"], 25)
        self.assertEqual((await self.page("?index=4")).json, {})
        for wrong in ("?size=101", "?size=0", "?index=0", "?size=ten", "?pattern=1201"):
            self.assertEqual((await self.page(wrong)).status, 420, wrong)

    async def test_no_numbers(self) -> None:
        """An account without numbers answers without the members."""
        self.nexmo.numbers.clear()
        self.assertEqual((await self.page()).json, {})

    async def test_credentials(self) -> None:
        """Only the Authorization header counts, not the URL and not the body."""
        secret = "api_key=sandbox1&api_secret=sandbox-nexmo-secret"
        label = {"error-code": "401", "error-code-label": "authentication failed"}
        for reply in (
            await self.ask("GET", "/nexmo/account/numbers", headers=basic(secret="wrong")),
            await self.ask("GET", f"/nexmo/account/numbers?{secret}"),
            await self.ask("POST", "/nexmo/number/update", secret.encode(), FORM),
        ):
            self.assertEqual((reply.status, reply.json), (401, label))

    async def test_update(self) -> None:
        """An inbound URL is accepted once a GET to it was answered with 200, and removed by a blank one."""
        url = f"{self.customer_url}/sms"
        reply = await self.update(url)
        self.assertEqual((reply.status, reply.json), (200, {"error-code": "200", "error-code-label": "success"}))
        (hit,) = self.customer.hits
        self.assertEqual((hit.method, hit.uri), ("GET", "/sms"))
        self.assertEqual(self.nexmo.numbers[OURS].inbound_url, url)
        await self.update(None)
        self.assertEqual(self.nexmo.numbers[OURS].inbound_url, url)
        await self.update("")
        self.assertEqual(self.nexmo.numbers[OURS].inbound_url, "")

    async def test_update_refused(self) -> None:
        """Not 200 OK, no answer, no URL, another's number, another country: 420, and nothing changes."""
        self.customer.answer = lambda _hit: (204, b"")
        url = f"{self.customer_url}/sms"
        for reply in (
            await self.update(url),
            await self.update("http://127.0.0.1:1/sms"),
            await self.update("no url"),
            await self.update(url, msisdn="12015550199"),
            await self.update(url, country="CA"),
        ):
            self.assertEqual((reply.status, reply.json["error-code"]), (420, "420"))
        self.assertEqual(self.nexmo.numbers[OURS].inbound_url, "")


class InboundSmsTests(SimulatorsCase):
    """What a handset sends arrives as a webhook."""

    async def reply(self, text: str) -> tuple[str, Any]:
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/sms")
        message_id = self.nexmo.reply(BOB, OURS, text)
        await self.sandbox.idle()
        return message_id, self.customer.hits[-1]

    def expected(self, message_id: str, text: str, **more: str) -> dict[str, str]:
        return {
            "msisdn": BOB,
            "to": OURS,
            "messageId": message_id,
            "text": text,
            "type": "text",
            "keyword": "YES",
            "message-timestamp": "2023-11-14 22:13:20",
            "api-key": "sandbox1",
            **more,
        }

    async def test_form(self) -> None:
        """By POST, the parameters are a form in the body; a missing signature adds nothing."""
        message_id, hit = await self.reply("Yes & no = maybe + é")
        self.assertEqual((hit.method, hit.uri), ("POST", "/sms"))
        self.assertEqual(hit.header("content-type"), "application/x-www-form-urlencoded")
        pairs = parse_qsl(hit.body.decode(), strict_parsing=True)
        self.assertEqual(dict(pairs), self.expected(message_id, "Yes & no = maybe + é"))

    async def test_query(self) -> None:
        """By GET, the parameters are in the query, behind those the URL already had."""
        self.nexmo.inbound_form = "GET"
        message_id, hit = await self.reply("Yes 😀")
        self.assertEqual((hit.method, hit.body), ("GET", b""))
        pairs = parse_qsl(urlsplit(hit.uri).query, strict_parsing=True)
        self.assertEqual(dict(pairs), self.expected(message_id, "Yes 😀", type="unicode"))
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/sms?from=nexmo")
        self.nexmo.reply(BOB, OURS, "Yes")
        await self.sandbox.idle()
        self.assertTrue(self.customer.hits[-1].uri.startswith("/sms?from=nexmo&msisdn="))

    async def test_json(self) -> None:
        """As JSON, it is a flat object of strings."""
        self.nexmo.inbound_form = "JSON"
        message_id, hit = await self.reply("yes")
        self.assertEqual((hit.method, hit.header("content-type")), ("POST", "application/json"))
        self.assertEqual(json.loads(hit.body), self.expected(message_id, "yes"))

    async def test_blank(self) -> None:
        """An SMS may be empty; then so is its keyword."""
        _, hit = await self.reply("")
        pairs = dict(parse_qsl(hit.body.decode(), keep_blank_values=True))
        self.assertEqual((pairs["text"], pairs["keyword"]), ("", ""))

    async def test_signed(self) -> None:
        """With signing switched on, every method signs the decoded parameters with timestamp and nonce."""
        self.nexmo.signature_secret = "my_secret_key_for_testing"
        for method in ("md5hash", "md5", "sha1", "sha256", "sha512"):
            self.nexmo.signature_method = method
            _, hit = await self.reply("Test with & and =")
            pairs = parse_qsl(hit.body.decode(), strict_parsing=True)
            verify(pairs, "my_secret_key_for_testing", method, NOW)
            self.assertEqual(dict(pairs)["timestamp"], "1700000000")
            self.assertIn("nonce", dict(pairs))
