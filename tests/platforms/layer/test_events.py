"""A Layer webhook is read into an event, or refused with the place that is wrong; nothing else can happen."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain.model import Status
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.platforms.layer.events import LayerEvent, read_event
from tests.factories import CONVERSATION_UUID, MESSAGE, MESSAGE_UUID, webhook, without


def read(document: object) -> LayerEvent:
    event = read_event(json.dumps(document).encode())
    assert event is not None
    return event


class ReadEventTests(SynchronousTestCase):
    def test_documented_example(self) -> None:
        """The example of Layer's documentation is understood, and its message is kept whole."""
        self.assertEqual(
            read(webhook()),
            LayerEvent(
                kind="sent",
                message_id=MESSAGE_UUID,
                sender="12345",
                statuses={"12345": Status.READ, "999": Status.SENT, "111": Status.SENT},
                message=MESSAGE,
            ),
        )

    def test_kinds(self) -> None:
        """All four events about messages are known."""
        for kind in ("sent", "delivered", "read", "deleted"):
            self.assertEqual(read(webhook(f"message.{kind}")).kind, kind)

    def test_unknown_members_stay(self) -> None:
        """What a later version of Layer adds to a message reaches the templates."""
        event = read(webhook(mood={"level": [1, 2.5, None, True]}))
        self.assertEqual(event.message["mood"], {"level": [1, 2.5, None, True]})

    def test_ids_in_lower_case(self) -> None:
        """UUIDs in capitals are the same message and the same conversation."""
        event = read(
            webhook(
                id=f"layer:///messages/{MESSAGE_UUID.upper()}",
                conversation={"id": f"layer:///conversations/{CONVERSATION_UUID.upper()}", "url": "U"},
            )
        )
        self.assertEqual(event.message_id, MESSAGE_UUID)
        self.assertEqual(event.message["id"], MESSAGE["id"])
        self.assertEqual(event.message["conversation"], {"id": MESSAGE["conversation"]["id"], "url": "U"})

    def test_actor_of_read_and_delivered(self) -> None:
        """The actor has read the message (or got it), whatever the map beside it says; nobody goes back."""
        for kind, before, after in (
            ("read", "sent", Status.READ),
            ("read", "read", Status.READ),
            ("delivered", "sent", Status.DELIVERED),
            ("delivered", "read", Status.READ),
        ):
            event = read(webhook(f"message.{kind}", {"user_id": "999"}, recipient_status={"999": before, "1": "sent"}))
            self.assertEqual(event.statuses, {"999": after, "1": Status.SENT})

    def test_actor_alone(self) -> None:
        """Without any map the actor still counts."""
        for document in (
            webhook("message.read", {"user_id": "999"}, recipient_status=None),
            without(webhook("message.read", {"user_id": "999"}), "message", "recipient_status"),
        ):
            self.assertEqual(read(document).statuses, {"999": Status.READ})

    def test_map_alone(self) -> None:
        """Without an actor that is a user the map still counts."""
        for actor in ({}, {"name": "a bot"}, {"user_id": None}):
            event = read(webhook("message.read", actor, recipient_status={"999": "read"}))
            self.assertEqual(event.statuses, {"999": Status.READ})

    def test_actor_of_other_events(self) -> None:
        """Who sends or deletes a message changes nobody's status."""
        for kind in ("message.sent", "message.deleted"):
            event = read(webhook(kind, {"user_id": "999"}))
            self.assertEqual(event.statuses["999"], Status.SENT)

    def test_lean_deletion(self) -> None:
        """A deletion needs the id of the message and nothing else."""
        lean = {"event": {"type": "message.deleted"}, "message": {"id": MESSAGE["id"]}}
        nulls = webhook("message.deleted", **dict.fromkeys((key for key in MESSAGE if key != "id"), None))
        for document in (lean, nulls):
            event = read(document)
            self.assertEqual((event.kind, event.message_id, event.sender), ("deleted", MESSAGE_UUID, ""))
            self.assertEqual(event.statuses, {})

    def test_bots_are_ignored(self) -> None:
        """A message that a bot posted through the Platform API is ignored, whatever happens to it."""
        for kind in ("sent", "delivered", "read", "deleted"):
            for sender in ({"name": "Nexmo"}, {"name": "Nexmo", "user_id": None}, {"name": ""}):
                self.assertIsNone(read_event(json.dumps(webhook(f"message.{kind}", sender=sender)).encode()))

    def test_user_with_a_name(self) -> None:
        """A sender with a user id is a user, also with a name beside it."""
        self.assertEqual(read(webhook(sender={"user_id": "12345", "name": "Ann"})).sender, "12345")

    def test_odd_user_ids(self) -> None:
        """User ids are any text a customer likes."""
        for user_id in ("a/b", "..", "%2e", "phone-4155550100", "Zoë 你好 😀", "x" * 1024, "é" * 512, " "):
            event = read(webhook(sender={"user_id": user_id}, recipient_status={user_id: "sent"}))
            self.assertEqual((event.sender, list(event.statuses)), (user_id, [user_id]))

    def test_emoji(self) -> None:
        """Characters outside the basic plane arrive whole, written as UTF-8 or as pairs of escapes."""
        document = webhook(parts=[{"mime_type": "text/plain", "body": "See you 😀"}])
        for raw in (json.dumps(document), json.dumps(document, ensure_ascii=False)):
            event = read_event(raw.encode())
            assert event is not None
            self.assertEqual(event.message["parts"][0]["body"], "See you 😀")

    def test_many_participants_are_not_depth(self) -> None:
        """Many objects side by side, or brackets in a text, are no deep nesting."""
        parts = [{"mime_type": "text/plain", "body": "[{" * 100}] * 100
        self.assertEqual(len(read(webhook(parts=parts)).message["parts"]), 100)

    def test_nesting_within_the_limit(self) -> None:
        """Fifty levels pass."""
        self.assertEqual(read(webhook(extra=json.loads("[" * 48 + "]" * 48))).kind, "sent")


class RefusedEventTests(SynchronousTestCase):
    def refused(self, raw: object, place: str) -> None:
        """The body is refused, and the reason names the place but none of the content."""
        if not isinstance(raw, bytes):
            raw = json.dumps(raw).encode()
        error = self.assertRaises(BadRequest, read_event, raw)
        self.assertIn(place, error.reason)
        self.assertNotIn("SECRET", error.reason)

    def test_not_json(self) -> None:
        """Anything that is not one JSON document in UTF-8."""
        good = json.dumps(webhook())
        for raw in (
            b"",
            b"SECRET",
            b"\xff\xfe",
            good.encode("utf-16"),
            good.encode() + b"x",
            good.encode()[:-1],
        ):
            self.refused(raw, "the body is not JSON")

    def test_nested_endlessly(self) -> None:
        """Thousands of levels, which no JSON parser can take."""
        good = json.dumps(webhook(extra="HERE"))
        for opening, closing, levels in (("[", "]", 200_000), ('{"a":', "}", 200_000), ("[", "]", 21_000)):
            nested = opening * levels + "0" + closing * levels
            self.refused(good.replace('"HERE"', nested).encode(), "the body is not JSON")
        self.refused(b"[" * 200_000, "the body")

    def test_not_an_object(self) -> None:
        """JSON of another shape."""
        for raw in (b"[]", b"null", b"1", b'"SECRET"', b"true", b"[{}]", b'"' + b"[" * 100 + b'"'):
            self.refused(raw, "the body is not an object")

    def test_missing_members(self) -> None:
        """Members that must be there, missing or null."""
        for path, place in (
            (("event",), "event"),
            (("event", "type"), "event.type"),
            (("message",), "message"),
            (("message", "id"), "message.id"),
            (("message", "sender"), "message.sender"),
            (("message", "sender", "user_id"), "message.sender.user_id"),
            (("message", "conversation"), "message.conversation"),
            (("message", "conversation", "id"), "message.conversation.id"),
            (("message", "parts"), "message.parts"),
            (("message", "recipient_status"), "message.recipient_status"),
        ):
            self.refused(without(webhook(), *path), place)
            document = webhook()
            inner = document
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = None
            self.refused(document, place)

    def test_wrong_types(self) -> None:
        """Members of another type, as far as that kind of event needs them and nothing better stands beside them."""
        for kinds, members, place in (
            ("sent delivered read deleted", {"id": 5}, "message.id"),
            ("sent", {"sender": "SECRET"}, "message.sender"),
            ("sent", {"sender": {"user_id": 12345}}, "message.sender.user_id"),
            ("sent", {"sender": {"name": ["SECRET"]}}, "message.sender.user_id"),
            ("sent", {"conversation": "SECRET"}, "message.conversation"),
            ("sent", {"conversation": {"id": {}}}, "message.conversation.id"),
            ("sent", {"parts": {"0": {}}}, "message.parts"),
            ("sent", {"parts": ["SECRET"]}, "message.parts"),
            ("sent", {"parts": [{}]}, "the mime_type of a part"),
            ("sent", {"parts": [{"mime_type": 1}]}, "the mime_type of a part"),
            ("sent", {"parts": [{"mime_type": "text/plain", "body": ["SECRET"]}]}, "the body of a part"),
            ("sent", {"parts": [{"mime_type": "text/\ud83d", "body": "SECRET"}]}, "a part of message.parts"),
            ("sent", {"parts": [{"mime_type": "text/plain", "body": "\ud83d"}]}, "a part of message.parts"),
            ("sent delivered read", {"recipient_status": ["SECRET"]}, "message.recipient_status"),
            ("sent delivered read", {"recipient_status": {"1": "SECRET"}}, "message.recipient_status"),
            ("sent delivered read", {"recipient_status": {"1": None}}, "message.recipient_status"),
            ("sent delivered read", {"recipient_status": {"1": ["sent"]}}, "message.recipient_status"),
            ("sent delivered read", {"recipient_status": {"1": "Read"}}, "message.recipient_status"),
            ("sent", {"recipient_status": {"12345": "read", "1": "Read"}}, "message.recipient_status"),
        ):
            for kind in kinds.split():
                self.refused(webhook(f"message.{kind}", {"name": "nobody"}, **members), place)

    def test_unknown_events(self) -> None:
        """Events about conversations, and words that are no events."""
        for kind in (
            "conversation.created",
            "conversation.deleted",
            "message.SECRET",
            "sent",
            "",
            1,
            ["message.sent"],
        ):
            self.refused(webhook(kind), "event.type")

    def test_ids_that_are_none(self) -> None:
        """Only what has the form of a Layer id may reach a key or a path."""
        for bad in (
            MESSAGE_UUID,
            f"layer:///messages/{MESSAGE_UUID}/../SECRET",
            f"layer:///messages/{MESSAGE_UUID}\n",
            f" layer:///messages/{MESSAGE_UUID}",
            f"layer:///conversations/{MESSAGE_UUID}",
            "layer:///messages/",
            f"layer:///messages/{MESSAGE_UUID[:-1]}g",
            f"layer:///messages/{MESSAGE_UUID[:-1]}٣",
            f"LAYER:///messages/{MESSAGE_UUID}",
        ):
            self.refused(webhook(id=bad), "message.id")
            conversation = {"id": bad.replace("messages", "X").replace("conversations", "messages")}
            self.refused(webhook(conversation=conversation), "message.conversation.id")

    def test_user_ids_that_are_none(self) -> None:
        """Empty, endless or with control characters: such a user id is refused wherever it stands."""
        for bad in ("", "x" * 1025, "é" * 513, "SECRET\x00", "a\nb", "\x7f", "\x85"):
            self.refused(webhook(sender={"user_id": bad}), "message.sender.user_id")
            self.refused(webhook(recipient_status={bad: "sent"}), "a key of message.recipient_status")
            self.refused(webhook("message.read", {"user_id": bad}, recipient_status=None), "event.actor.user_id")

    def test_an_event_that_says_nothing(self) -> None:
        """A read event needs a reader."""
        for actor in ({}, {"name": "a bot"}):
            self.refused(webhook("message.read", actor, recipient_status=None), "event.actor")
        self.refused(webhook("message.read", "SECRET", recipient_status=None), "event.actor is not an object")

    def test_too_many_recipients(self) -> None:
        """A message to more than a thousand people is refused; the sender is none of them."""
        thousand = {str(number): "sent" for number in range(1000)}
        read(webhook(recipient_status={"12345": "read", **thousand}))  # the author is among them
        self.refused(
            webhook(sender={"user_id": "x"}, recipient_status={**thousand, "1000": "sent"}), "1,000 recipients"
        )


class LeftOutMemberTests(SynchronousTestCase):
    """One odd member never voids the rest."""

    good = {"mime_type": "text/plain", "body": "the good part"}

    def read_raw(self, raw: str | bytes) -> LayerEvent:
        event = read_event(raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogateescape"))
        assert event is not None
        json.dumps(event.message, ensure_ascii=False, allow_nan=False).encode("utf-8")
        return event

    def test_parts(self) -> None:
        """A part that cannot be used is left out beside one with a text, wherever it stands."""
        for odd in (
            None,
            "x",
            {},
            {"mime_type": None, "content": {"id": "layer:///content/1"}},
            {"mime_type": "application/json", "body": {"a": 1}},
            {"mime_type": "application/x-count", "body": 5},
            {"mime_type": "text/\ud83d", "body": "x"},
            {"mime_type": "text/plain", "body": "a*Gk=", "encoding": "base64"},
            {"mime_type": "application/vnd.layer.text+json", "body": "{"},
        ):
            for parts in ([self.good, odd], [odd, self.good], [odd, odd, self.good]):
                event = read(webhook(parts=parts))
                self.assertEqual(event.message["parts"], [self.good])
                self.assertEqual(event.left_out, {"part": len(parts) - 1})

    def test_half_characters(self) -> None:
        """A text that was cut within an emoji is a text without that half, also when it is the only one."""
        event = read(webhook(parts=[{"mime_type": "text/plain", "body": "cut in an emoji \ud83d"}]))
        self.assertEqual(event.message["parts"], [{"mime_type": "text/plain", "body": "cut in an emoji "}])
        self.assertEqual(event.left_out, {})

    def test_deep_members(self) -> None:
        """A member that nobody reads may be nested as deeply as it likes."""
        for levels in (100, 300, 1500, 9000):
            deep = "[" * levels + '"]"' + "]" * levels
            raw = json.dumps(webhook()).replace('"sent_at"', f'"odd": {deep}, "sent_at"')
            self.assertEqual(self.read_raw(raw).message, MESSAGE, levels)

    def test_many_parts(self) -> None:
        """Of more than a thousand parts the first thousand are read, and the others counted."""
        event = read(webhook(parts=[self.good] + [0] * 500_000))
        self.assertEqual((event.message["parts"], event.left_out), ([self.good], {"part": 500_000}))

    def test_many_odd_members(self) -> None:
        """What needs to be looked at member by member is bounded: beyond that, members that nobody reads are left out,
        and what is read stays."""
        deep: Any = "x"
        for _ in range(60):
            deep = [deep]
        many = {f"m{number}": deep for number in range(5000)}
        event = read(webhook(**many, parts=[{**many, **self.good, "encoding": None}]))
        self.assertEqual(event.message["parts"], [{**self.good, "encoding": None}])
        self.assertEqual(event.message["conversation"], MESSAGE["conversation"])
        self.assertEqual(event.message.keys(), MESSAGE.keys())

    def test_members_of_parts(self) -> None:
        """A part is used without those of its members that cannot be kept, if these are not its type or text."""
        values = ['"\\ud83d"', '["caf\udce9"]', "NaN", '{"a": Infinity}', '{"\\ud83d": 1}', "9" * 5000]
        values += ["[" * depth + "]" * depth for depth in (46, 47, 48, 49, 50, 60, 150)]
        for value in values:
            for name in ("id", "size", "mood"):
                for parts in ([{**self.good, name: "HERE"}], [{**self.good, name: "HERE"}, self.good]):
                    event = self.read_raw(json.dumps(webhook(parts=parts)).replace('"HERE"', value))
                    known = [{key: part[key] for key in self.good} for part in event.message["parts"]]
                    self.assertEqual(known, [self.good] * len(parts), (name, value[:20]))
                    if event.message["parts"][0] == self.good:
                        self.assertEqual(event.left_out, {"member": 1}, (name, value[:20]))

    def test_only_text_is_odd(self) -> None:
        """When what may have been the text is odd, no picture beside it makes the message a blank one."""
        picture = {"mime_type": "image/png", "content": {"id": "layer:///content/1"}}
        for parts in ([picture, {"mime_type": "text/plain", "body": 5}], [{**self.good, "body": " "}, None]):
            self.assertRaises(BadRequest, read, webhook(parts=parts))
        for part in ({"body": "/w==", "encoding": "base64"}, {"mime_type": "application/vnd.layer.text+json"}):
            error = self.assertRaises(BadRequest, read, webhook(parts=[{**self.good, **part}]))
            self.assertEqual(error.reason, "the text of a part cannot be read")

    def test_recipients(self) -> None:
        """A recipient with an odd status or id is left out beside others, in every kind of event."""
        for kind in ("sent", "delivered", "read"):
            for odd in ({"9": "pondered"}, {"9": None}, {"9": {"sent": True}}, {"": "sent"}, {"a\0": "sent"}, {"9": 1}):
                event = read(webhook(f"message.{kind}", recipient_status={"111": "sent", **odd, "12345": "read"}))
                self.assertEqual(event.statuses, {"111": Status.SENT, "12345": Status.READ})
                self.assertEqual(event.message["recipient_status"], {"111": "sent", "12345": "read"})
                self.assertEqual(event.left_out, {"recipient": 1})

    def test_actor(self) -> None:
        """An odd actor is left out beside a map, and an odd map beside an actor."""
        for actor in ("x", ["x"], {"user_id": 5}, {"user_id": ""}, {"user_id": "a\0"}):
            event = read(webhook("message.read", actor, recipient_status={"999": "delivered"}))
            self.assertEqual((event.statuses, event.left_out), ({"999": Status.DELIVERED}, {"actor": 1}))
        for statuses in ("x", ["x"], {"": "read"}, {"9": "pondered"}, 5):
            event = read(webhook("message.read", {"user_id": "999"}, recipient_status=statuses))
            self.assertEqual((event.statuses, event.left_out), ({"999": Status.READ}, {"recipient": 1}))

    def test_what_an_event_does_not_need(self) -> None:
        """Who reads or deletes a message is heard, whatever becomes of the rest of the message."""
        members: dict[str, Any]
        for members in (
            {"sender": "x"},
            {"sender": {"user_id": 5}},
            {"sender": {"name": ["x"]}},
            {"conversation": "x"},
            {"conversation": {"id": {}}},
            {"parts": {"0": {}}},
            {"parts": [None]},
        ):
            for kind in ("delivered", "read", "deleted"):
                event = read(webhook(f"message.{kind}", {"user_id": "999"}, **members))
                self.assertEqual((event.kind, event.message_id, event.left_out), (kind, MESSAGE_UUID, {}))
        self.assertEqual(read(webhook("message.deleted", recipient_status="x")).kind, "deleted")
        self.assertEqual(read(webhook(sender={"user_id": "1", "name": ["x"]})).sender, "1")

    def test_too_many(self) -> None:
        """Of a message to more people than are texted only who acts is heard, so that it costs no more than another."""
        many = {str(number): "sent" for number in range(1002)}
        event = read(webhook("message.read", {"user_id": "7"}, recipient_status=many))
        self.assertEqual(event.statuses, {"7": Status.READ})
        self.assertEqual(read(webhook("message.deleted", recipient_status=many)).statuses, {})

    def test_members_that_cannot_be_kept(self) -> None:
        """An unknown member that cannot be kept is left out, and so is one of sender or conversation; the event is
        read."""
        for value in (
            "NaN",
            "-Infinity",
            "9" * 5000,
            '"\\ud83d"',
            '"\\ude00\\ud83d"',
            '{"\\ud83d": 1}',
            '["caf\udce9"]',
            "[" * 60 + "]" * 60,
            '{"a":' * 60 + "0" + "}" * 60,
            "[" * 49 + "0" + "]" * 49,
        ):
            good = self.read_raw(json.dumps(webhook(extra="HERE")).replace('"HERE"', value))
            self.assertEqual((good.message, good.left_out), (MESSAGE, {"member": 1}), value[:20])
            for name, needed in (("sender", "user_id"), ("conversation", "id")):
                member = {needed: MESSAGE[name][needed], "mood": "HERE"}
                event = self.read_raw(json.dumps(webhook(**{name: member})).replace('"HERE"', value))
                self.assertEqual(event.message[name], {needed: MESSAGE[name][needed]}, value[:20])

    def test_members_that_nobody_needs(self) -> None:
        """Who reads, gets or deletes a message is heard, though its members can neither be used nor kept."""
        for kind in ("delivered", "read", "deleted"):
            for name in ("sender", "conversation", "parts", "recipient_status", "url", "mood"):
                for value in (
                    "NaN",
                    '["user_id", "id", NaN]',
                    '{"user_id": NaN, "id": NaN}',
                    '"\\ud83d"',
                    "[" * 60 + "]" * 60,
                ):
                    document = json.dumps(webhook(f"message.{kind}", {"user_id": "999"}, **{name: "HERE"}))
                    event = self.read_raw(document.replace('"HERE"', value))
                    self.assertEqual((event.kind, event.message_id), (kind, MESSAGE_UUID), (kind, name, value[:20]))

    def test_beside_the_message(self) -> None:
        """What stands beside what is read is not even looked at."""
        for value in ("NaN", '"\\ud83d"', '"caf\udce9"', "[" * 150 + "]" * 150):
            for document in ({**webhook(), "config": "HERE"}, {**webhook(), "novel": "HERE"}):
                event = self.read_raw(json.dumps(document).replace('"HERE"', value))
                self.assertEqual((event.message, event.left_out), (MESSAGE, {}), value[:20])

    def test_odd_text_of_json(self) -> None:
        """A byte order mark, and control characters in a text, are no reason to refuse it."""
        self.assertEqual(self.read_raw(b"\xef\xbb\xbf" + json.dumps(webhook()).encode()).message, MESSAGE)
        text = self.read_raw(json.dumps(webhook()).replace("This is", "This\tis\n")).message["parts"][0]["body"]
        self.assertEqual(text, "This\tis\n the message.")


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in a JSON document."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


class AnyInputTests(SynchronousTestCase):
    def reads_or_refuses(self, raw: bytes) -> None:
        try:
            event = read_event(raw)
        except BadRequest:
            return
        if event is not None:
            json.dumps(event.message, ensure_ascii=False, allow_nan=False).encode("utf-8")
            "".join([event.sender, *event.statuses]).encode("utf-8")

    @settings(max_examples=200, deadline=None)
    @given(ANY_JSON)
    def test_any_json(self, document: Any) -> None:
        """Arbitrary JSON is never answered by anything but BadRequest."""
        self.assertRaises(BadRequest, read_event, json.dumps(document).encode())

    @settings(max_examples=200, deadline=None)
    @given(st.binary())
    def test_any_bytes(self, raw: bytes) -> None:
        """Nor are arbitrary bytes."""
        self.assertRaises(BadRequest, read_event, raw)

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(["sent", "delivered", "read", "deleted"]),
        st.sampled_from([path for path in paths(webhook()) if path]),
        ANY_JSON,
    )
    def test_any_change(self, kind: str, path: tuple[Any, ...], value: Any) -> None:
        """A webhook with anything in one of its places is read or refused; what is read can be kept."""
        document = webhook(f"message.{kind}")
        inner: Any = document
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        self.reads_or_refuses(json.dumps(document).encode())
