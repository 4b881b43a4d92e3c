"""A webhook that could not be used is found by its ids, and health tells of it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.domain.quarantine import known_as
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.operations.health import Health
from nexmo_twisted.providers.nexmo.receipt_codes import describe
from nexmo_twisted.providers.nexmo.signatures import sign
from nexmo_twisted.store.admin import QueueAdmin
from tests.factories import MESSAGE_UUID, REPORT
from tests.inspector import K
from tests.scenarios.junk import JUNK, SAID, event
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller
from tests.scenarios.world import BOB, ONE, World

EVENT_UUID = "c12f340d-3b62-4cf1-9b93-ef4d754cfe69"
SECRET = "my_secret_key_for_testing"


class QuarantineCase(World):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)

    async def why(self, message_id: str) -> list[str]:
        told: list[str] = []
        operator = QueueAdmin(self.connection, self.now)
        found = await explain(operator, message_id, Policy(REPORT, 600_000, "resend"), describe, out=told.append)
        self.assertEqual(found, "Nothing is known" not in told[0])
        return [line.strip() for line in told]

    async def sms(self, **params: Any) -> int:
        body = urlencode({"messageId": "0A01", "msisdn": BOB, "to": ONE, "text": SAID, **params}).encode()
        return (await self.caller.ask("POST", NEXMO_DOOR, body, content_type=FORM)).code

    async def warnings(self) -> list[dict[str, str]]:
        await self.pass_time(1)  # a beat
        report: Any = Health([], [], [self.service.monitor.warnings]).report()
        return [each for each in report["warnings"] if "webhooks" in each["what"]]


class QuarantineTests(QuarantineCase):
    async def test_layer(self) -> None:
        """An event of Layer's is found by the id of its message, however that is written, and by its own."""
        await self.caller.event(event(parts=None))
        self.clock.advance(60)
        for known in (MESSAGE_UUID, MESSAGE_UUID.upper(), f"layer:///messages/{MESSAGE_UUID}", EVENT_UUID):
            told = await self.why(known)
            self.assertEqual(
                told[:2], ["Webhook of Layer quarantined 2026-01-01T00:00:00Z: message.parts is not a list", "signed"]
            )
            self.assertNotIn(SAID, "".join(told))

    async def test_whatever_it_is(self) -> None:
        """So it is whatever is wrong with it, as long as the id is in it."""
        for what, raw in JUNK.items():
            await self.redis("DEL", K.quarantine)
            await self.caller.event(raw)
            if f'"layer:///messages/{MESSAGE_UUID}"'.encode() in raw:
                self.assertIn("quarantined", (await self.why(MESSAGE_UUID))[0], what)

    async def test_nexmo(self) -> None:
        """An SMS of no use is found by Nexmo's messageId, whatever door or form it came by."""
        await self.sms(msisdn="")
        told = await self.why("0a01")
        self.assertIn("Webhook of Nexmo quarantined", told[0])
        self.assertIn("not signed", told[1])
        await self.sms(messageId="0A02", msisdn="FDF")
        self.assertIn("sender or receiver", (await self.why("0A02"))[0])
        raw = json.dumps({"messageId": "0A03", "msisdn": BOB, "to": ONE, "text": {}}).encode()
        await self.caller.ask("POST", NEXMO_DOOR, raw, content_type="application/json")
        self.assertIn("text is not UTF-8", (await self.why("0A03"))[0])
        await self.caller.ask("GET", f"{NEXMO_DOOR}/receipt?messageId=0A04")
        self.assertIn("status is missing", (await self.why("0A04"))[0])

    async def test_beside_what_is_known(self) -> None:
        """Of a message that is known both are told."""
        message = known_as(await self.send())
        await self.caller.event(
            event("message.read", id=f"layer:///messages/{message}", recipient_status=5, sender=None).replace(
                b'"actor"', b'"x"'
            )
        )
        told = await self.why(message)
        self.assertEqual(told[0], f"Message {message}")
        self.assertIn("quarantined", "".join(told))

    async def test_strangers(self) -> None:
        """What strangers post pushes no signed webhook out."""
        await self.caller.event(event(parts=None))
        for number in range(110):
            await self.sms(messageId=f"{number}", msisdn="")
        self.assertIn("signed", await self.why(MESSAGE_UUID))
        self.assertIn("Nothing is known", (await self.why("1"))[0])
        self.assertIn("quarantined", (await self.why("109"))[0])

    async def test_too_large(self) -> None:
        """A signed event over 1 MiB is answered 202 and found by its ids, and health warns."""
        heard = await self.caller.event(event(more="x" * 2_000_000))
        self.assertEqual(heard.code, 202)
        for known in (MESSAGE_UUID, EVENT_UUID):
            self.assertIn("too large", (await self.why(known))[0])
        self.assertEqual(len(await self.warnings()), 1)
        kept = json.loads(await self.redis("LINDEX", K.quarantine, 0))
        self.assertGreater(len(kept["body"]), 50_000)

    async def test_too_many_recipients(self) -> None:
        """A message to more than a thousand people is set aside, and nobody is texted."""
        statuses = {"12345": "read", **{str(number): "sent" for number in range(20_000, 21_001)}}
        self.assertEqual((await self.caller.event(event(recipient_status=statuses))).code, 202)
        self.assertIn("more than 1,000 recipients", (await self.why(MESSAGE_UUID))[0])
        await self.pass_time(600)
        self.assertEqual(self.nexmo.sent, [])

    async def test_health(self) -> None:
        """Health warns as long as there are any, in every process, and tells since when."""
        self.assertEqual(await self.warnings(), [])
        await self.caller.event(event(parts=None))
        self.clock.advance(60)
        await self.caller.event(event(parts=None))
        await self.sms(msisdn="")
        signed, unsigned = await self.warnings()
        self.assertEqual((signed["what"], signed["since"]), ("signed webhooks", "2026-01-01T00:00:01Z"))
        self.assertTrue(signed["reason"].startswith("2 in quarantine"), signed)
        self.assertTrue(unsigned["reason"].startswith("1 in quarantine"), unsigned)
        await self.redis("DEL", K.quarantine, K.unsigned)
        self.assertEqual(await self.warnings(), [])


class SignedQuarantineTests(QuarantineCase):
    settings = {"nexmo": {"signature_secret": SECRET, "signature_method": "sha256"}}

    async def test_nexmo(self) -> None:
        """Where the account signs, what Nexmo posts stands among the signed ones."""
        for number, params in enumerate(({"msisdn": ""}, {"msisdn": "FDF"})):
            whole = {"messageId": f"0A0{number}", "msisdn": BOB, "to": ONE, "text": SAID, **params}
            whole["timestamp"] = str(round(self.clock.seconds()))
            self.assertEqual(await self.sms(**whole, sig=sign(whole, SECRET, "sha256")), 200)
            self.assertEqual((await self.why(f"0A0{number}"))[1], "signed")
        self.assertEqual(await self.redis("EXISTS", K.unsigned), 0)
