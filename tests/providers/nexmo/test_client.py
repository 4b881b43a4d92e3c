"""The Nexmo client against the simulated Nexmo, over real HTTP."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from nexmo_twisted.domain.model import OwnedNumber, Sms, Verdict
from nexmo_twisted.errors import AccountFault, Permanent, Temporary, Throttled
from nexmo_twisted.http_client.client import Http
from nexmo_twisted.providers.nexmo.client import NexmoClient
from nexmo_twisted.providers.nexmo.send_results import STATUSES
from nexmo_twisted.providers.nexmo.signatures import METHODS, signed
from nexmo_twisted.sandbox.http.faults import Fault, Faults
from nexmo_twisted.sandbox.http.messages import SimulatedResponse, WebhookCall
from nexmo_twisted.sandbox.nexmo.api import NexmoApi
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo
from tests.http_client.loopback import Channel, LoopbackCase, Server, answer

CALLBACK = "https://hooks.example.com/nexmo-new-sms/receipt"
NUMBER, HANDSET = "12015550101", "12015550112"
KEY, SECRET = "abcd1234", "the=secret&of:it"
SMS = Sms(NUMBER, HANDSET, "Ann: lunch?", "ref-1")
REPLIES = "https://hooks.example.com/nexmo-new-sms"


def signing(method: str) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    """Signs the parameters of an SMS."""
    return lambda fields: signed(fields, KEY, "signs", method, 1_700_000_000.5)


class Reachable:
    """A world in which every URL answers 200, or none does."""

    def __init__(self) -> None:
        self.status = 200

    async def probe(self, _url: str, _timeout: float) -> SimulatedResponse | None:
        return SimulatedResponse(self.status)


class NexmoClientCase(LoopbackCase):
    def setUp(self) -> None:
        calls: list[WebhookCall] = []
        self.faults = Faults()
        self.reachable = Reachable()
        self.nexmo = SimulatedNexmo(key=KEY, secret=SECRET, now=lambda: 1_700_000_000.0, deliver=calls.append)
        self.nexmo.add_number(NUMBER)
        api = NexmoApi(self.nexmo, probe=self.reachable, faults=self.faults, clock=Clock())
        self.url = self.serve_resource(api.resource)
        self.http = Http(self.connections(), reactor, timeout=30.0)
        self.client = NexmoClient(self.http, api_url=self.url, key=KEY, secret=SECRET, callback=CALLBACK)

    def client_of(self, server: Server) -> NexmoClient:
        return NexmoClient(self.http, api_url=server.url, key=KEY, secret=SECRET, callback=CALLBACK)


class SendTests(NexmoClientCase):
    async def test_accepted(self) -> None:
        """An accepted SMS shows on the handset, and its id is known for the delivery receipt."""
        outcome = await self.client.send(SMS)
        (sms,) = self.nexmo.sent
        self.assertEqual((outcome.verdict, outcome.message_ids), (Verdict.ACCEPTED, sms.message_ids))
        self.assertEqual((outcome.alarm, outcome.retry_after), ("", None))
        (seen,) = self.nexmo.handset(HANDSET)
        self.assertEqual((seen.number, seen.text, seen.client_ref), (NUMBER, "Ann: lunch?", "ref-1"))

    async def test_characters(self) -> None:
        """Every character arrives, also those that mean something in a form."""
        for text in ("é € & = + % \n~", "Grüße 你好 😀 it’s"):
            await self.client.send(replace(SMS, text=text))
            self.assertEqual(self.nexmo.handset(HANDSET)[-1].text, text)

    async def test_half_a_character(self) -> None:
        """What no encoding can carry is replaced, and the rest arrives."""
        await self.client.send(replace(SMS, text="lunch \ud83d?"))
        self.assertEqual(self.nexmo.handset(HANDSET)[-1].text, "lunch ??")

    async def test_parts(self) -> None:
        """A long text is several parts; the ids of all are known."""
        outcome = await self.client.send(replace(SMS, text="long " * 80))
        self.assertEqual(len(outcome.message_ids), 3)
        self.assertEqual(outcome.message_ids, self.nexmo.sent[0].message_ids)

    async def test_request(self) -> None:
        """One form, and the secret in the Authorization header only: not in the URL, not in the body."""
        server = self.serve(answer(200, b"{}"))
        await self.client_of(server).send(SMS)
        head, body = server.requests[0].decode().split("\r\n\r\n")
        self.assertTrue(head.startswith("POST /sms/json HTTP/1.1\r\n"), head)
        self.assertIn("\r\nAuthorization: Basic YWJjZDEyMzQ6dGhlPXNlY3JldCZvZjppdA==", head)
        self.assertEqual(
            parse_qs(body),
            {
                "from": [NUMBER],
                "to": [HANDSET],
                "text": ["Ann: lunch?"],
                "type": ["text"],
                "client-ref": ["ref-1"],
                "callback": [CALLBACK],
            },
        )

    async def test_signed(self) -> None:
        """Signed, an SMS carries key, time and signature, and the secret in no form."""
        server = self.serve(answer(200, b"{}"))
        client = NexmoClient(
            self.http, api_url=server.url, key=KEY, secret=SECRET, callback=CALLBACK, sign=signing("sha256")
        )
        await client.send(SMS)
        head, body = server.requests[0].decode().split("\r\n\r\n")
        self.assertNotIn("authorization", head.lower())
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        self.assertNotIn("api_secret", sent)
        self.assertEqual((sent["api_key"], sent["timestamp"]), (KEY, "1700000000"))
        base = (
            f"&api_key={KEY}&callback={CALLBACK}&client-ref=ref-1&from={NUMBER}&text=Ann: lunch?&timestamp=1700000000"
            f"&to={HANDSET}&type=text"
        )
        self.assertEqual(sent["sig"], hmac.digest(b"signs", base.encode(), "sha256").hex())

    async def test_signed_by_every_method(self) -> None:
        """Nexmo accepts what is signed by its method, whatever the text, and nothing that is signed by another."""
        self.nexmo.signature_secret = "signs"
        for method in METHODS:
            self.nexmo.signature_method = method
            client = NexmoClient(
                self.http, api_url=self.url, key=KEY, secret=SECRET, callback=CALLBACK, sign=signing(method)
            )
            for text in ("a&b=c", "Grüße & 你好=😀", "half \ud83d", "+ % \n"):
                outcome = await client.send(replace(SMS, text=text))
                self.assertIs(outcome.verdict, Verdict.ACCEPTED, (method, text, outcome))
        outcome = await NexmoClient(
            self.http, api_url=self.url, key=KEY, secret=SECRET, callback=CALLBACK, sign=signing("md5")
        ).send(SMS)
        self.assertIs(outcome.verdict, Verdict.ACCOUNT_ERROR)
        self.assertEqual(len(await client.numbers()), 1)  # with the secret, as ever

    async def test_every_status(self) -> None:
        """Each status of the SMS API comes to the verdict of the table."""
        for status, known in STATUSES.items():
            if status:
                self.faults.add(Fault(nexmo_status=str(status)))
                outcome = await self.client.send(SMS)
                self.assertIs(outcome.verdict, known.verdict, status)
        self.assertEqual(self.nexmo.sent, [])

    async def test_partly_accepted(self) -> None:
        """A part accepted, a part not: accepted, and somebody should look."""
        self.faults.add(Fault(nexmo_status="0,1", done=True))
        outcome = await self.client.send(replace(SMS, text="long " * 40))
        self.assertIs(outcome.verdict, Verdict.ACCEPTED)
        self.assertIn("only 1 of 2 parts", outcome.alarm)
        self.assertEqual(len(outcome.message_ids), 1)

    async def test_http_statuses(self) -> None:
        """Answers of whatever stands before the SMS API."""
        for status, verdict in (
            (302, Verdict.ACCOUNT_ERROR),
            (400, Verdict.ACCOUNT_ERROR),
            (401, Verdict.ACCOUNT_ERROR),
            (402, Verdict.ACCOUNT_ERROR),
            (403, Verdict.ACCOUNT_ERROR),
            (404, Verdict.ACCOUNT_ERROR),
            (429, Verdict.NOT_SENT),
            (500, Verdict.UNCERTAIN),
            (502, Verdict.UNCERTAIN),
            (503, Verdict.UNCERTAIN),
        ):
            self.faults.add(Fault(status=status, retry_after=7.0))
            outcome = await self.client.send(SMS)
            self.assertIs(outcome.verdict, verdict, status)
            later = verdict in (Verdict.NOT_SENT, Verdict.ACCOUNT_ERROR)
            self.assertEqual(outcome.retry_after, 7.0 if later else None)

    async def test_wrong_secret(self) -> None:
        """Wrong credentials are a fault of the account, and the reason does not show them."""
        client = NexmoClient(self.http, api_url=self.url, key=KEY, secret="another-secret", callback=CALLBACK)
        outcome = await client.send(SMS)
        self.assertIs(outcome.verdict, Verdict.ACCOUNT_ERROR)
        self.assertTrue(outcome.alarm)
        self.assertNotIn("another-secret", repr(outcome))

    async def test_not_sent(self) -> None:
        """Nobody there: certainly not sent."""
        client = NexmoClient(self.http, api_url=await self.refused_url(), key=KEY, secret=SECRET, callback=CALLBACK)
        outcome = await client.send(SMS)
        self.assertEqual((outcome.verdict, outcome.reason), (Verdict.NOT_SENT, "connection refused"))

    async def test_answer_lost(self) -> None:
        """The line is cut after the request: uncertain, whether it took effect or not."""
        for done in (True, False):
            self.faults.add(Fault(drop=True, done=done))
            outcome = await self.client.send(SMS)
            self.assertEqual((outcome.verdict, outcome.reason), (Verdict.UNCERTAIN, "connection lost"))
        self.assertEqual(self.nexmo.count("ref-1"), 1)

    async def test_no_answer_in_time(self) -> None:
        """No answer within the time limit: uncertain."""
        received: Deferred[None] = Deferred()
        server, clock = self.serve(lambda _channel, _request: received.callback(None)), Clock()
        client = NexmoClient(
            Http(self.connections(), clock, timeout=30.0), api_url=server.url, key=KEY, secret=SECRET, callback=CALLBACK
        )
        sending = Deferred.fromCoroutine(client.send(SMS))
        await received
        clock.advance(30.0)
        self.assertIs((await sending).verdict, Verdict.UNCERTAIN)
        await server.channels[0].closed

    async def test_unreadable(self) -> None:
        """A 200 that says nothing readable: uncertain."""
        for body in (b"", b"<html>", b"[]", b"{}", b'{"messages": []}'):
            outcome = await self.client_of(self.serve(answer(200, body))).send(SMS)
            self.assertIs(outcome.verdict, Verdict.UNCERTAIN, body)


class NumbersTests(NexmoClientCase):
    async def test_all_pages(self) -> None:
        """All numbers of the account are found, however many pages they take."""
        self.nexmo.route_inbound(NUMBER, REPLIES)
        for last in range(249):
            self.nexmo.add_number(f"447700900{last:03}", country="GB", features=("SMS", "VOICE"))
        numbers = await self.client.numbers()
        self.assertEqual({number.msisdn for number in numbers}, set(self.nexmo.numbers))
        self.assertEqual(len(numbers), 250)
        self.assertEqual(numbers[0], OwnedNumber(NUMBER, "US", REPLIES, frozenset({"SMS", "VOICE"})))

    async def test_no_numbers(self) -> None:
        """An account without numbers answers an empty object."""
        self.nexmo.numbers.clear()
        self.assertEqual(await self.client.numbers(), [])

    async def test_small_pages(self) -> None:
        """A server whose pages are smaller than asked for is asked again until all are there."""

        def page(channel: Channel, request: bytes) -> None:
            index = int(parse_qs(request.split()[1].decode().partition("?")[2])["index"][0])
            body = json.dumps({"count": 3, "numbers": [{"country": "US", "msisdn": f"1201555010{index}"}]})
            answer(200, body.encode())(channel, request)

        server = self.serve(page)
        self.assertEqual(len(await self.client_of(server).numbers()), 3)
        self.assertEqual(len(server.requests), 3)

    async def test_same_page_for_ever(self) -> None:
        """A server that ignores the page number does not keep us for ever."""
        server = self.serve(answer(200, json.dumps({"numbers": [{"msisdn": NUMBER}]}).encode()))
        (number,) = await self.client_of(server).numbers()
        self.assertEqual(number.msisdn, NUMBER)
        self.assertEqual(len(server.requests), 2)

    async def test_not_all_pages(self) -> None:
        """Fewer numbers than counted, or an error in an answer with status 200: whoever is missing is not therefore
        somebody else's."""
        for page in (
            {"count": 500, "numbers": [{"country": "US", "msisdn": NUMBER}]},
            {"error-code": "420", "error-code-label": "no"},
            {"error-code": "401"},
        ):
            with self.assertRaises((Temporary, Permanent)):
                await self.client_of(self.serve(answer(200, json.dumps(page).encode()))).numbers()

    async def test_odd_entries(self) -> None:
        """Missing and null members are blank; what has no number is no number."""
        odd: list[Any] = [{}, None, {"msisdn": None}, {"msisdn": NUMBER, "country": None, "features": None}]
        client = self.client_of(self.serve(answer(200, json.dumps({"count": 1, "numbers": odd}).encode())))
        self.assertEqual(await client.numbers(), [OwnedNumber(NUMBER, "")])

    async def test_failures(self) -> None:
        """What each answer means to both calls of the Numbers API."""
        for status, kind in (
            (302, Temporary),
            (401, AccountFault),
            (403, Permanent),
            (420, Permanent),
            (429, Throttled),
            (500, Temporary),
        ):
            for call in (self.client.numbers, lambda: self.client.route_inbound(OwnedNumber(NUMBER, "US"), REPLIES)):
                self.faults.add(Fault(status=status, retry_after=7.0))
                error = await self.failure(call())
                self.assertIs(type(error), kind, status)
                if isinstance(error, Throttled):
                    self.assertEqual(error.retry_after, 7.0)
                self.faults.clear()

    async def test_no_connection(self) -> None:
        """Nexmo down is temporary."""
        client = NexmoClient(self.http, api_url=await self.refused_url(), key=KEY, secret=SECRET, callback=CALLBACK)
        for call in (client.numbers(), client.route_inbound(OwnedNumber(NUMBER, "US"), REPLIES)):
            self.assertIs(type(await self.failure(call)), Temporary)

    async def test_unreadable(self) -> None:
        """A 200 of the wrong shape is temporary."""
        for body in (b"", b"[]", b'{"numbers": {}}'):
            client = self.client_of(self.serve(answer(200, body)))
            self.assertEqual(str(await self.failure(client.numbers())), "Nexmo sent an unreadable answer")


class RouteInboundTests(NexmoClientCase):
    def numbers_server(self, entry: dict[str, Any], updated: bytes) -> Server:
        """An account with this one number, whose every update is answered so."""
        listing = json.dumps({"count": 1, "numbers": [entry]}).encode()

        def react(channel: Channel, request: bytes) -> None:
            answer(200, listing if request.startswith(b"GET") else updated)(channel, request)

        return self.serve(react)

    async def test_routed(self) -> None:
        """The number's inbound SMS go to the URL from then on."""
        (number,) = await self.client.numbers()
        self.assertEqual(number.inbound_url, "")
        await self.client.route_inbound(number, REPLIES)
        (number,) = await self.client.numbers()
        self.assertEqual(number.inbound_url, REPLIES)

    async def test_refused(self) -> None:
        """A URL that Nexmo cannot reach is refused."""
        self.reachable.status = 503
        error = await self.failure(self.client.route_inbound(OwnedNumber(NUMBER, "US"), REPLIES))
        self.assertEqual((type(error), str(error)), (Permanent, "Nexmo answered 420"))

    async def test_what_else_is_set_stays(self) -> None:
        """Everything that can be written to a number is sent back as it was read, also right after a restart."""
        kept = {
            "app_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
            "voiceCallbackType": "tel",
            "voiceCallbackValue": "447700900000",
            "messagesCallbackType": "app",
            "messagesCallbackValue": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        }
        told = {
            "country": "US",
            "msisdn": NUMBER,
            "type": "mobile-lvn",
            "features": ["SMS"],
            "moHttpUrl": "https://old.example/",
        }
        server = self.numbers_server({**told, **kept, "moSmppSysType": None}, b'{"error-code":"200"}')
        for restarted in (False, True):
            server.requests.clear()
            client = self.client_of(server)
            if not restarted:
                await client.numbers()
            await client.route_inbound(OwnedNumber(NUMBER, "US"), REPLIES)
            listing, update = server.requests
            self.assertTrue(listing.startswith(b"GET /account/numbers?size=100&index=1 "))
            self.assertTrue(update.startswith(b"POST /number/update "))
            fields = {name: values[0] for name, values in parse_qs(update.partition(b"\r\n\r\n")[2].decode()).items()}
            self.assertEqual(fields, {**kept, "country": "US", "msisdn": NUMBER, "moHttpUrl": REPLIES})

    async def test_judged_by_error_code(self) -> None:
        """A 200 whose own code says otherwise is judged by that; without one it is unreadable."""
        for body, kind in (
            (b'{"error-code":"200","error-code-label":"success"}', None),
            (b'{"error-code":200}', None),
            (b'{"error-code":"401"}', AccountFault),
            (b'{"error-code":"420"}', Permanent),
            (b'{"error-code":"429"}', Throttled),
            (b'{"error-code":"500"}', Temporary),
            (b'{"error-code":""}', Temporary),
            (b'{"error-code":null}', Temporary),
            (b"{}", Temporary),
            (b"", Temporary),
        ):
            client = self.client_of(self.numbers_server({"country": "US", "msisdn": NUMBER}, body))
            call = client.route_inbound(OwnedNumber(NUMBER, "US"), REPLIES)
            if kind is None:
                await call
            else:
                self.assertIs(type(await self.failure(call)), kind, body)

    async def test_one_at_a_time(self) -> None:
        """Numbers calls wait for each other: made quickly they would be answered 429."""
        waiting: list[tuple[Channel, bytes]] = []
        asked: list[Deferred[None]] = [Deferred(), Deferred()]

        def react(channel: Channel, request: bytes) -> None:
            waiting.append((channel, request))
            asked[len(waiting) - 1].callback(None)

        server = self.serve(react)
        client = self.client_of(server)
        both = [Deferred.fromCoroutine(client.numbers()) for _ in range(2)]
        await asked[0]
        await self.client.numbers()  # somebody else's round trip: time enough for a second request to arrive
        self.assertEqual(len(waiting), 1)
        answer(200, b"{}")(*waiting[0])
        self.assertEqual(await both[0], [])
        await asked[1]
        answer(200, b"{}")(*waiting[1])
        self.assertEqual(await both[1], [])
