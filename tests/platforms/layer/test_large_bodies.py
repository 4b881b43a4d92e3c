"""A body that is too large to be read is hashed all the same, so that Layer's own are kept and answered 2xx."""

from __future__ import annotations

import hmac
import json
from functools import partial

from twisted.internet import reactor
from twisted.web.http_headers import Headers

from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.platforms.layer.large_bodies import KEPT, LARGEST, MAX_IN_FLIGHT, LargeBodies, LargeBody
from nexmo_twisted.web.site import hardened_site
from tests.factories import MESSAGE_UUID, webhook
from tests.web.cases import LAYER, OLD_SECRET, SECRET, WebhookCase, signature
from tests.web.wire import Loopback, Wire

MEBIBYTE = 1024 * 1024
PART = 256 * 1024


def large(size: int = 2 * MEBIBYTE) -> bytes:
    """An event of that size."""
    raw = json.dumps({**webhook(), "more": "x" * size}).encode()
    return raw[:-2].ljust(size - 2, b"x")[: size - 2] + b'"}'


class LargeBodyCase(WebhookCase):
    def serve(self) -> Loopback:
        self.refused: list[str] = []
        self.large = LargeBodies(LAYER, secrets=(SECRET, OLD_SECRET))
        later = partial(reactor.callLater, 0)
        site = hardened_site(
            self.root, self.clock, on_rejected=self.refused.append, large=self.large.begin, later=later
        )
        return Loopback(self, site)

    def head(self, raw: bytes, given: str | None = None, *, length: int | None = None) -> bytes:
        """That of a request with this body; with another length in chunks (0), or a declared one."""
        given = signature(raw) if given is None else given
        length = len(raw) if length is None else length
        how = b"Content-Length: %d" % length if length else b"Transfer-Encoding: chunked"
        lines = (b"POST %s HTTP/1.1" % LAYER.encode(), b"Host: h", how, b"Layer-Webhook-Signature: " + given.encode())
        return b"\r\n".join(line for line in lines if not line.endswith(b": ")) + b"\r\n\r\n"

    async def answered(self, wire: Wire) -> bytes:
        """The status of the first answer."""
        await wire.expect(b"\r\n\r\n")
        return wire.received.split(b" ")[1]


class LargeBodyTests(LargeBodyCase):
    async def test_signed(self) -> None:
        """One that Layer signed, with whichever secret, is kept with its beginning and answered 202; so it is in
        chunks. The connection goes on."""
        loopback = self.serve()
        raw = large()
        wire = await loopback.connect()
        for number, given in enumerate((signature(raw), signature(raw).upper(), signature(raw, OLD_SECRET)), 1):
            wire.send(self.head(raw, given) + raw)
            await wire.expect(b"HTTP/1.1 202", times=number)
        chunks = [raw[at : at + PART] for at in range(0, len(raw), PART)]
        wire.send(self.head(raw, length=0))
        wire.send(b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n")
        await wire.expect(b"HTTP/1.1 202", times=4)
        self.assertEqual([entry[0] for entry in self.intake.kept], ["layer"] * 4)
        for _, reason, kept in self.intake.kept:
            self.assertEqual(kept, raw[:KEPT])
            self.assertIn("too large", reason)
        self.assertIn(MESSAGE_UUID.encode(), raw[:KEPT])
        self.assertEqual(self.counted.counts, {"layer_quarantined": 4})
        wire.send(self.head(b"", "0" * 40, length=2) + b"{}")
        await wire.expect(b"HTTP/1.1 403")

    async def test_forged(self) -> None:
        """One with a wrong signature is read to its end and then answered 413; nothing of it is kept."""
        raw = large()
        loopback = self.serve()
        for given in ("0" * 40, signature(raw + b" "), signature(raw, b"other"), signature(raw[:MEBIBYTE])):
            wire = await loopback.connect()
            wire.send(self.head(raw, given) + raw)
            self.assertEqual(await self.answered(wire), b"413")
        self.assertEqual((self.intake.kept, self.counted.counts), ([], {"layer_unsigned": 4}))

    async def test_at_once(self) -> None:
        """One without a signature that could be right, or above 16 MiB, is refused before a byte of it was read."""
        loopback = self.serve()
        for given, length in (
            ("", MEBIBYTE + 1),
            ("x", MEBIBYTE + 1),
            ("0" * 41, MEBIBYTE + 1),
            ("0" * 40, LARGEST + 1),
        ):
            wire = await loopback.connect()
            wire.send(self.head(b"", given, length=length))
            self.assertEqual(await self.answered(wire), b"413", given)
        self.assertEqual(self.refused, ["body_too_large"] * 4)

    async def test_endless(self) -> None:
        """One in chunks is refused at the byte that makes it too large even for that."""
        loopback = self.serve()
        wire = await loopback.connect()
        chunk = b"%x\r\n%s\r\n" % (PART, b" " * PART)
        wire.send(self.head(b"", "0" * 40, length=0) + chunk * (LARGEST // PART))
        await loopback.hear(LARGEST)
        self.assertEqual(self.refused, [])
        wire.send(b"1\r\n \r\n")
        self.assertEqual(await self.answered(wire), b"413")
        self.assertEqual(self.refused, ["body_too_large"])

    async def test_places(self) -> None:
        """So many come at a time; a place is free again when one has come, was refused, or its client has gone."""
        loopback = self.serve()
        raw = large()
        head = self.head(raw)
        wires = [await loopback.connect() for _ in range(MAX_IN_FLIGHT)]
        for wire in wires:
            wire.send(head)
        await loopback.hear(MAX_IN_FLIGHT * len(head))
        excess = await loopback.connect()
        excess.send(head)
        self.assertEqual(await self.answered(excess), b"413")
        await self.left(loopback, MAX_IN_FLIGHT)
        wires[0].send(raw)
        self.assertEqual(await self.answered(wires[0]), b"202")
        wires[1].transport.abortConnection()
        await self.left(loopback, MAX_IN_FLIGHT - 1)
        heard = loopback.server.heard
        for _ in range(2):
            (await loopback.connect()).send(head)
        await loopback.hear(heard + 2 * len(head))
        last = await loopback.connect()
        last.send(head)
        self.assertEqual(await self.answered(last), b"413")

    async def test_pipelined(self) -> None:
        """Before and behind one there may be other requests of the same connection, large ones too, declared or in
        chunks; each gets its own answer, in order, and no place is lost."""
        loopback = self.serve()
        raw, small = large(), json.dumps(webhook()).encode()
        chunked = self.head(raw, length=0) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(raw), raw)
        asked = b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % LAYER.encode()
        for _ in range(MAX_IN_FLIGHT):
            self.intake.kept.clear()
            wire = await loopback.connect()
            wire.send(asked + self.head(raw) + raw + self.head(small) + small + chunked + asked + chunked + asked)
            await wire.expect(b"\r\n\r\n", times=7)
            answers = [part[:3] for part in wire.received.split(b"HTTP/1.1 ")[1:]]
            self.assertEqual(answers, [b"200", b"202", b"204", b"202", b"200", b"202", b"200"])
            self.assertEqual([each[-1] for each in self.intake.kept if isinstance(each, tuple)], [raw[:KEPT]] * 3)

    async def test_tiny_chunks(self) -> None:
        """One in tiny chunks is refused like a small one, also when it is large already, and its place is free."""
        loopback = self.serve()
        start = self.head(b"", "0" * 40, length=0) + b"%x\r\n%s\r\n" % (2 * MEBIBYTE, b" " * 2 * MEBIBYTE)
        for _ in range(MAX_IN_FLIGHT + 1):
            wire = await loopback.connect()
            wire.send(start + b"1\r\n \r\n" * 40_000)
            self.assertEqual(await self.answered(wire), b"400")

    async def left(self, loopback: Loopback, number: int) -> None:
        """Wait until so many connections are left."""
        await loopback.server.waiting.until(lambda: len(loopback.server.protocols) == number)

    async def test_store_away(self) -> None:
        """While nothing can be stored Layer is asked to come again."""
        self.intake.fault = StoreUnavailable("Redis is away")
        wire = await self.serve().connect()
        wire.send(self.head(large()) + large())
        self.assertEqual(await self.answered(wire), b"503")

    async def test_busy(self) -> None:
        """Nor does it push in front of others."""
        self.open(max_in_flight=0)
        wire = await self.serve().connect()
        wire.send(self.head(large()) + large())
        self.assertEqual(await self.answered(wire), b"503")

    async def test_stored_before_answered(self) -> None:
        """The answer waits until it is kept."""
        self.intake.waiting = []
        loopback = self.serve()
        wire = await loopback.connect()
        raw = large()
        wire.send(self.head(raw) + raw)
        await loopback.hear(len(self.head(raw) + raw))
        self.assertEqual((wire.received, len(self.intake.waiting)), (b"", 1))
        self.intake.waiting[0].callback(None)
        self.assertEqual(await self.answered(wire), b"202")


class BeginLargeBodyTests(WebhookCase):
    def begin(
        self, bodies: LargeBodies, method: bytes = b"POST", target: str = LAYER, length: int = 0
    ) -> LargeBody | None:
        return bodies.begin(method, target.encode(), Headers({b"layer-webhook-signature": [b"0" * 40]}), length or None)

    def test_whom(self) -> None:
        """Only what is posted to the door itself, with or without a query."""
        bodies = LargeBodies(LAYER, secrets=(SECRET,))
        for method, target in (
            (b"GET", LAYER),
            (b"PUT", LAYER),
            (b"POST", "/sms"),
            (b"POST", LAYER + "/x"),
            (b"POST", "/"),
        ):
            self.assertIsNone(self.begin(bodies, method, target))
        self.assertIsNotNone(self.begin(bodies, target=LAYER + "?a=b"))

    def test_closed_twice(self) -> None:
        """A place is given back once."""
        bodies = LargeBodies(LAYER, secrets=(SECRET,), max_in_flight=1)
        body = self.begin(bodies)
        assert body is not None
        self.assertIsNone(self.begin(bodies))
        body.close()
        body.close()
        self.assertIsNotNone(self.begin(bodies))
        self.assertIsNone(self.begin(bodies))

    def test_hashed(self) -> None:
        """The signature is that of all bytes, in however many pieces they came."""
        raw = b"0123456789"
        headers = Headers({b"layer-webhook-signature": [hmac.digest(SECRET, raw, "sha1").hex().encode()]})
        body = LargeBodies(LAYER, secrets=(OLD_SECRET, SECRET), largest=10).begin(
            b"POST", LAYER.encode(), headers, None
        )
        assert body is not None
        for at in range(10):
            self.assertFalse(body.is_signed())
            self.assertTrue(body.write(raw[at : at + 1]))
        self.assertTrue(body.is_signed())
        self.assertFalse(body.write(b"0"))
