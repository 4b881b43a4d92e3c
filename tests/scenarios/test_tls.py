"""TLS is a matter of ``server.listen``: the doors behind an ``ssl:`` endpoint, with a certificate made for the test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.ssl import trustRootFromCertificates
from twisted.web.client import BrowserLikePolicyForHTTPS, RequestTransmissionFailed, ResponseNeverReceived

from nexmo_twisted.config.models import Settings
from nexmo_twisted.sandbox.layer.webhooks import signature
from tests.factories import webhook
from tests.http_client.loopback import certificate
from tests.inspector import K
from tests.scenarios.outside import LAYER_DOOR, LAYER_TYPE, Caller
from tests.scenarios.world import BOB, ONE, World
from tests.support import until
from tests.web.wire import Wire, connect


class TlsTests(World):
    async def asyncSetUp(self) -> None:
        private, self.certificate = certificate("127.0.0.1")
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        (self.directory / "key.pem").write_bytes(private.privateKey.dump(FILETYPE_PEM))
        (self.directory / "cert.pem").write_bytes(self.certificate.dumpPEM())
        self.trust(self.directory / "cert.pem")
        await super().asyncSetUp()
        policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([self.certificate]))
        self.caller = Caller(f"https://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret, policy)

    def trust(self, file: Path) -> None:
        """Have the simulated companies trust it: OpenSSL finds there what this machine trusts."""
        before = os.environ.get("SSL_CERT_FILE")

        def restore() -> None:
            os.environ.pop("SSL_CERT_FILE")
            if before is not None:
                os.environ["SSL_CERT_FILE"] = before

        self.addCleanup(restore)
        os.environ["SSL_CERT_FILE"] = str(file)

    def configured(self, port: int, **more: Any) -> Settings:
        files = f"privateKey={self.directory}/key.pem:certKey={self.directory}/cert.pem"
        listen = f"ssl:{port}:{files}:interface=127.0.0.1"
        return super().configured(port, server={"listen": listen, "url": f"https://127.0.0.1:{port}"}, **more)

    async def wire(self) -> Wire:
        """A connection without TLS."""
        return await connect(self.port)

    async def test_webhook(self) -> None:
        """A signed webhook posted over https, by a client that trusts the certificate, is stored and answered 204."""
        heard = await self.caller.event(webhook())
        self.assertEqual((heard.code, heard.body), (204, b""))
        self.assertEqual(await self.redis("ZCARD", K.due), 1)

    async def test_the_whole_way(self) -> None:
        """Both companies are told the https URL and deliver there: the SMS goes out, the answer comes back."""
        (hook,) = self.layer.webhooks
        self.assertEqual((hook.target_url[:8], hook.status), ("https://", "active"))
        await self.text_unread()
        await self.reply(BOB, ONE, "Yes, gladly")
        self.assertEqual(self.texts(), ["Ann: Lunch at noon?"])
        self.assertEqual(self.posted()[1:], [("bob", "Yes, gladly")])

    async def test_too_large(self) -> None:
        """The limits hold here as well: a body over 1 MiB is answered 413, and the answer arrives; what Layer signed is
        set aside."""
        raw = b" " * (1024 * 1024 + 1)
        heard = await self.caller.event(raw, layer_webhook_signature=None)
        self.assertEqual((heard.code, heard.body), (413, b""))
        heard = await self.caller.event(raw)
        self.assertEqual(heard.code, 202)
        self.assertIn(b"not used: too large", heard.body)

    async def test_plain_http(self) -> None:
        """Plain http gets no HTTP answer, stores nothing and is no error; the next one over https is served."""
        raw = b'{"event": {}}'
        head = f"POST {LAYER_DOOR} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {LAYER_TYPE}\r\n"
        head += f"Content-Length: {len(raw)}\r\n"
        head += f"layer-webhook-signature: {signature(self.sandbox.credentials.layer_secret, raw)}\r\n\r\n"
        wire = await self.wire()
        wire.send(head.encode() + raw)
        self.assertNotIn(b"HTTP/", await wire.gone())
        await self.settle()
        self.assertEqual(await self.redis("EXISTS", K.quarantine, K.unsigned), 0)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual((await self.caller.event(webhook())).code, 204)

    async def test_not_even_a_handshake(self) -> None:
        """Who connects and says nothing is cut off after ten seconds, TLS or not."""
        wire = await self.wire()
        await self.settle()
        self.clock.advance(9.9)
        await self.settle()
        self.assertFalse(wire.closed)
        self.clock.advance(0.2)
        await until(lambda: wire.closed)

    async def test_stranger_to_the_certificate(self) -> None:
        """A client that does not trust the certificate sends nothing; that is no error of ours."""
        _, another = certificate("127.0.0.1")
        policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([another]))
        stranger = Caller(f"https://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret, policy)
        with self.assertRaises((RequestTransmissionFailed, ResponseNeverReceived)):
            await stranger.event(webhook())
        await self.settle()
        self.assertEqual(await self.redis("ZCARD", K.due), 0)
        self.assertEqual(self.flushLoggedErrors(), [])
