"""What is kept of a webhook that could not be used: enough to find it again, and not too much."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.quarantine import KEPT, SetAside, entry, ids_in, known_as, read_entry, set_aside_story
from tests.factories import CONVERSATION_UUID, MESSAGE_UUID, webhook, without

EVENT_UUID = "c12f340d-3b62-4cf1-9b93-ef4d754cfe69"
SMS_ID = "0A0000000123ABCD1"


class QuarantinedIdsTests(SynchronousTestCase):
    def test_layer(self) -> None:
        """The ids of message, event and conversation are found, those of parts are that of their message."""
        ids = ids_in(json.dumps(webhook()).encode())
        self.assertEqual(set(ids[:2]), {EVENT_UUID, MESSAGE_UUID})
        self.assertIn(f"layer:///conversations/{CONVERSATION_UUID}", ids)
        self.assertEqual(len(ids), len(set(ids)))

    def test_layer_damaged(self) -> None:
        """So they are in half a document, in one with escaped slashes, and in one that is not UTF-8."""
        raw = json.dumps(webhook()).encode()
        for damaged in (
            raw[:-30],
            raw.replace(b"/", b"\\/"),
            raw.replace(b"This", b"\xff"),
            raw.replace(b"/", rb"\u002f"),
            raw.replace(b'"id"', rb'"\u0069d"').replace(MESSAGE_UUID[:3].encode(), rb"\u0039\u0034\u0030"),
            b"[" * 9 + raw,
        ):
            ids = ids_in(damaged)
            self.assertIn(MESSAGE_UUID, ids, damaged[:99])
            self.assertIn(EVENT_UUID, ids, damaged[:99])

    def test_message_behind_much_else(self) -> None:
        """However many other ids come before it, that of the message is among those that are found."""
        content = [{"id": f"layer:///content/{number}"} for number in range(100)]
        document: dict[str, dict[str, Any]] = {
            "event": {"id": EVENT_UUID},
            "message": {"more": content, "id": f"layer:///messages/{MESSAGE_UUID}"},
        }
        self.assertEqual(set(ids_in(json.dumps(document).encode())[:2]), {EVENT_UUID, MESSAGE_UUID})
        document["message"]["more"] = [{"id": str(number)} for number in range(100)]
        self.assertIn(MESSAGE_UUID, ids_in(json.dumps(document).encode()))
        sms = {"items": [{"id": str(number)} for number in range(100)], "messageId": SMS_ID}
        self.assertIn(SMS_ID.lower(), ids_in(json.dumps(sms).encode()))
        far = {"text": "x" * 500_000, "message": {"id": f"layer:///messages/{MESSAGE_UUID}"}}
        self.assertEqual(ids_in(json.dumps(far).encode()), [MESSAGE_UUID])

    def test_elsewhere(self) -> None:
        """A message is also known by what points to it, and in another encoding than UTF-8."""
        for raw in (
            json.dumps(without(webhook(parts=[]), "message", "id")).encode(),
            json.dumps({**webhook(), "message": f"layer:///messages/{MESSAGE_UUID}"}).encode(),
            json.dumps(webhook()).encode("utf-16"),
            json.dumps(webhook()).encode("utf-32-be"),
        ):
            self.assertIn(MESSAGE_UUID, ids_in(raw), raw[:50])
            self.assertIn(EVENT_UUID, ids_in(raw), raw[:50])

    def test_no_ids(self) -> None:
        """A text that only looks like one, and what is no value, give none."""
        for raw in (
            b"",
            b'{"text": "\\"id\\": \\"x\\""}',
            b'{"id": null, "id": {}, "id": [], "id": ""}',
            b'{"id": "%s"}' % (b"x" * 129),
            b"messageId=" + b"1" * 401,
        ):
            self.assertEqual(ids_in(raw), [], raw[:50])

    def test_nexmo(self) -> None:
        """Nexmo's messageId is found in each form, and so are the ids of its other API and our own reference."""
        params = {"messageId": SMS_ID, "msisdn": "x", "client-ref": "m-42"}
        for raw in (
            urlencode(params).encode(),
            json.dumps(params).encode(),
            b"junk?" + urlencode(params).encode(),
            urlencode({**params, "messageId": SMS_ID.replace("A", "%41")}).replace("%25", "%").encode(),
        ):
            self.assertEqual(ids_in(raw), [SMS_ID.lower(), "m-42"], raw)
        self.assertEqual(
            ids_in(b'{"message_uuid":"AAAAAAAA-bbbb-cccc-dddd-0123456789ab"}'), ["aaaaaaaa-bbbb-cccc-dddd-0123456789ab"]
        )
        self.assertEqual(ids_in(b'{"messageId": 12345, "x": 1}'), ["12345"])

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200))
    def test_anything(self, raw: bytes) -> None:
        """Whatever came, what is kept of it is JSON of a bounded size that can be read again."""
        aside = read_entry(
            '{"at": 1767225600000, ' + entry("layer", "the body is not JSON", raw, signed=True)[1:], signed=True
        )
        self.assertEqual(aside, SetAside("layer", "the body is not JSON", ids_in(raw), 1767225600000, True))

    def test_bounded(self) -> None:
        """A megabyte of ids is looked through, and few of them are kept."""
        raw = b",".join(b'"id": "%d"' % number for number in range(70_000))
        kept = entry("nexmo", "why", raw, signed=True)
        self.assertLessEqual(len(kept), KEPT)
        self.assertEqual(len(json.loads(kept)["ids"]), 16)

    def test_known_as(self) -> None:
        """A message is known by its UUID, however its id is written."""
        for text in (
            MESSAGE_UUID,
            MESSAGE_UUID.upper(),
            f" layer:///messages/{MESSAGE_UUID}",
            f"layer:///messages/{MESSAGE_UUID}/parts/0",
        ):
            self.assertEqual(known_as(text), MESSAGE_UUID)

    def test_what_nobody_of_ours_wrote(self) -> None:
        """Entries of other versions are read as far as they go."""
        for kept in ("", "junk", "[]", "1"):
            self.assertIsNone(read_entry(kept, signed=True))
        old = read_entry('{"source": "layer", "reason": "r", "body": ""}', signed=False)
        self.assertEqual(old, SetAside("layer", "r", (), None, False))
        self.assertEqual(read_entry('{"ids": "x", "at": "y"}', signed=True), SetAside("", "", (), None, True))

    def test_story(self) -> None:
        """The operator hears whose it was, when it came, why it was of no use and whether it was signed."""
        told = list(
            set_aside_story(SetAside("layer", "event is not an object", [MESSAGE_UUID, "\x1b"], 1767225600000, True))
        )
        self.assertEqual(
            told,
            [
                "Webhook of Layer quarantined 2026-01-01T00:00:00Z: event is not an object",
                "  signed",
                f"  ids in it: {MESSAGE_UUID}, \\x1b",
            ],
        )
        self.assertIn("anyone", "".join(set_aside_story(SetAside("nexmo", "r", (), None, False))))
