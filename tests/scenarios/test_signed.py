"""Signed both ways, and the secret path for accounts whose webhooks are not signed."""

from __future__ import annotations

from urllib.parse import urlencode

from nexmo_twisted.sandbox.http.faults import Fault
from nexmo_twisted.sandbox.simulators import Credentials
from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller, Lines
from tests.scenarios.world import BOB, ONE, World

SIGNS = "signs-and-never-shows"
HIDDEN = "only-nexmo-knows-this-path"


class SignedTests(World):
    """The account signs everything, and so do we."""

    credentials = Credentials(signature_secret=SIGNS, signature_method="sha512")
    settings = {"nexmo": {"signature_secret": SIGNS, "signature_method": "sha512", "sign_outgoing": True}}

    async def test_the_whole_way(self) -> None:
        """Text, receipt and reply: all signed, all accepted."""
        self.sandbox.faults.add(Fault(path="/sms/json", drop=True, done=True))
        await self.text_unread()
        self.assertEqual((self.counted("sms_accepted"), self.counted("webhooks", "receipt", "stored")), (1, 1))
        await self.reply(BOB, ONE, "Yes & no = maybe")
        self.assertEqual(self.posted()[-1], ("bob", "Yes & no = maybe"))

    async def test_unsigned(self) -> None:
        """What is not signed is asked for again, what is signed wrongly is not."""
        lines = Lines(self)
        caller = Caller(f"http://127.0.0.1:{self.port}")
        fields = {"messageId": "x", "msisdn": BOB, "to": ONE, "text": "Forged", "status": "delivered"}
        for path in (NEXMO_DOOR, f"{NEXMO_DOOR}/receipt"):
            for more, code in (({}, 503), ({"timestamp": "1767225600", "sig": "0" * 128}, 403)):
                body = urlencode({**fields, **more}).encode()
                self.assertEqual((await caller.ask("POST", path, body, content_type=FORM)).code, code)
        self.assertEqual(len([line for line in lines.ours if "enable signed webhooks" in line]), 1)


class SecretPathTests(World):
    """Nothing is signed; the URLs that Nexmo knows have a secret in them."""

    settings = {"nexmo": {"path_secret": HIDDEN}}

    async def test_the_whole_way(self) -> None:
        """Text, receipt and reply come through the secret path; the plain one is not there."""
        lines = Lines(self)
        self.sandbox.faults.add(Fault(path="/sms/json", drop=True, done=True))
        await self.text_unread()
        self.assertEqual((self.counted("sms_accepted"), self.counted("webhooks", "receipt", "stored")), (1, 1))
        await self.reply(BOB, ONE, "Yes")
        self.assertEqual(self.posted()[-1], ("bob", "Yes"))
        caller = Caller(f"http://127.0.0.1:{self.port}")
        for path in (NEXMO_DOOR, f"{NEXMO_DOOR}/receipt", f"{NEXMO_DOOR}/{HIDDEN[:-1]}", f"{NEXMO_DOOR}/"):
            self.assertEqual((await caller.ask("GET", path)).code, 404, path)
        self.assertEqual((await caller.ask("GET", f"{NEXMO_DOOR}/{HIDDEN}")).code, 200)
        await self.stop(self.service)
        self.service = await self.start()
        self.assertTrue([line for line in lines.all if NEXMO_DOOR in line])
        self.assertNotIn(HIDDEN, "\n".join(lines.all))

    async def test_no_warning(self) -> None:
        """With a secret path nobody is warned about forged SMS, without any protection everybody is."""
        for more, warned in (
            ({}, False),
            ({"path_secret": ""}, True),
            ({"path_secret": "", "signature_secret": "x"}, False),
        ):
            await self.stop(self.service)
            lines = Lines(self)
            self.service = await self.start(nexmo=more)
            self.assertEqual(bool([line for line in lines.ours if "can forge" in line]), warned, more)
