"""The companies remember everything over a restart: what comes back is what was there, in its order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.sandbox.http.messages import SimulatedResponse, WebhookCall
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import EVENTS, signature
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo
from nexmo_twisted.sandbox.snapshot import remember, restore
from tests.sandbox.cases import BASE, NOW, PLATFORM, SimulatorsCase

APP = "082d4684-0992-11e5-a6c0-1697f925ec7b"
ONE, TWO = "12015550101", "12015550102"
HANDSETS = ("12015550113", "12015550111", "12015550112")
LONG = "a" * 400

#: Of each company: what comes back, and what does not, since it is a setting or is under way.
LAYER = {"users", "conversations", "webhooks", "all_messages", "made"}
LAYER_NOT = {"app_id", "now", "deliver", "api_url"}
NEXMO = {"sent", "opted_out", "threads", "references", "long_texts"}
NEXMO_NOT = {"key", "secret", "now", "deliver", "inbound_form", "inbound_url", "signature_secret", "signature_method"}
NEXMO_NOT |= {"receipts", "receipts_of", "parts", "rates_plan", "rates", "opt_out_assist"}

TEXTS = st.text(max_size=20)
Companies = tuple[SimulatedLayer, SimulatedNexmo, list[WebhookCall]]


def companies() -> Companies:
    """Both, as they are at start."""
    calls: list[WebhookCall] = []
    layer = SimulatedLayer(app_id=APP, now=lambda: NOW, deliver=calls.append)
    nexmo = SimulatedNexmo(key="key", secret="secret", now=lambda: NOW, deliver=calls.append, opt_out_assist=True)
    nexmo.add_number(ONE)
    nexmo.add_number(TWO)
    return layer, nexmo, calls


def lived() -> Companies:
    """Both with something in every corner."""
    layer, nexmo, calls = companies()
    layer.add_user("zoe", display_name="Zoë", phone_number=None, metadata={"team": "red"})
    layer.add_user("ann", display_name="Ann")
    hook = layer.webhooks.register(
        "https://example.com/layer", EVENTS, "s3cret", version="2.0", config={"name": "Ours"}
    )
    calls[-1].done(SimulatedResponse(200, calls[-1].url.partition("=")[2].encode()))
    layer.webhooks.deactivate(layer.webhooks.register("https://example.com/old", EVENTS, "old").id, "by hand")
    first = layer.start_conversation(["zoe", "ann"], {"conversationName": "Two"}, distinct=True)
    second = layer.start_conversation(["ann", "zoe"])
    layer.mark_read(layer.send(first, "zoe", "Grüße 😀"), "ann")
    layer.delete_message(layer.send(second, "ann", parts=[{"mime_type": "image/png", "content": {"size": 1}}]))
    layer.send_as_bot(first, "Reminder", "Lunch!")
    layer.delete_conversation(second)
    layer.made["/apps/x/webhooks", "7f1c2b0e-6f0a-4f57-9d55-0d8c6c1f7a01"] = hook.id
    nexmo.route_inbound(TWO, "https://example.com/sms")
    nexmo.accept(ONE, HANDSETS[0], LONG, "text", "m-42", "https://example.com/receipt")
    nexmo.reply(HANDSETS[0], ONE, LONG)
    nexmo.reply(HANDSETS[1], ONE, "STOP")
    nexmo.accept(ONE, HANDSETS[1], "你好", "unicode")
    return layer, nexmo, calls


def restarted(layer: SimulatedLayer, nexmo: SimulatedNexmo) -> Companies:
    """New ones that were told what the others remember, with JSON in between."""
    fresh = companies()
    restore(json.loads(json.dumps(remember(layer, nexmo))), fresh[0], fresh[1])
    return fresh


def inside(company: Any, name: str) -> Any:
    """What is in one corner, with its order, in a form that can be compared."""
    value = getattr(company, name)
    if name == "webhooks":
        return [(hook.secret, hook) for hook in value]
    return list(value.items()) if isinstance(value, dict) else value


class SnapshotTests(SynchronousTestCase):
    def test_nothing_is_forgotten(self) -> None:
        """Every field of a company's state is remembered, or is named here as one that need not be."""
        layer, nexmo, _ = lived()
        self.assertEqual({each.name for each in fields(layer)}, LAYER | LAYER_NOT)
        self.assertEqual({each.name for each in fields(nexmo)}, NEXMO | NEXMO_NOT | {"numbers"})
        self.assertEqual(set(vars(layer.webhooks)), {"_app_id", "_url", "_now", "_deliver", "_hooks"})

    def test_every_corner(self) -> None:
        """After a restart every corner is as it was, down to each member, and none of them was empty."""
        layer, nexmo, _ = lived()
        layer_again, nexmo_again, calls = restarted(layer, nexmo)
        for before, after, names in ((layer, layer_again, LAYER), (nexmo, nexmo_again, NEXMO)):
            for name in names:
                self.assertTrue(inside(before, name), name)
                self.assertEqual(inside(after, name), inside(before, name), name)
        self.assertEqual(nexmo_again.numbers, nexmo.numbers)
        self.assertEqual(calls, [])

    def test_every_member(self) -> None:
        """Each member of what is remembered has been something else than its default, so that none can be lost."""
        layer, nexmo, _ = lived()
        values = [*layer.conversations.values(), *layer.all_messages.values(), *layer.webhooks, *nexmo.sent]
        values += [sms for thread in nexmo.threads.values() for sms in thread]
        seen: Counter[tuple[type, str]] = Counter()
        for value in values:
            for each in fields(value):
                seen[type(value), each.name] += getattr(value, each.name) not in (each.default, None, "", False, ())
        self.assertEqual([f"{kind.__name__}.{name}" for (kind, name), times in seen.items() if not times], [])

    def test_not_shared(self) -> None:
        """What is remembered is of that moment: what happens later does not change it."""
        layer, nexmo, _ = lived()
        state = remember(layer, nexmo)
        before = deepcopy(state)
        again = companies()
        restore(state, again[0], again[1])
        for chat in (layer, again[0]):
            chat.send(next(iter(chat.conversations)), "zoe", "More")
            chat.users["ann"]["display_name"] = "Anna"
        for sms in (nexmo, again[1]):
            sms.reply(HANDSETS[0], ONE, LONG)
        self.assertEqual(state, before)

    @settings(deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("send"), st.sampled_from(["ann", "zoe"]), TEXTS),
                st.tuples(st.just("talk"), st.sampled_from(["ann", "zoe"]), TEXTS),
                st.tuples(st.just("accept"), st.sampled_from(HANDSETS), TEXTS),
                st.tuples(
                    st.just("reply"), st.sampled_from(HANDSETS), TEXTS | st.sampled_from(["STOP", "start", LONG])
                ),
            ),
            max_size=20,
        )
    )
    def test_any_life(self, deeds: list[tuple[str, str, str]]) -> None:
        """Whatever happened, it comes back in its order, and is remembered the same the next time."""
        layer, nexmo, _ = companies()
        talk = layer.start_conversation(["ann", "zoe"])
        for deed, who, text in deeds:
            if deed == "send":
                layer.send(talk, who, text)
            elif deed == "talk":
                talk = layer.start_conversation([who, "bob", "ann", "zoe"], {"conversationName": text})
            elif deed == "accept":
                nexmo.accept(ONE, who, text, client_ref=text)
            else:
                nexmo.reply(who, TWO, text)
        layer_again, nexmo_again, _ = restarted(layer, nexmo)
        for before, after, names in ((layer, layer_again, LAYER), (nexmo, nexmo_again, NEXMO)):
            for name in names:
                self.assertEqual(inside(after, name), inside(before, name), name)
        self.assertEqual(json.dumps(remember(layer_again, nexmo_again)), json.dumps(remember(layer, nexmo)))


class SnapshotRestoreTests(SynchronousTestCase):
    """Life goes on from there."""

    def test_layer(self) -> None:
        """A webhook signs with its secret; a message is of its conversation, and gone with it."""
        layer, nexmo, _ = lived()
        again, _, calls = restarted(layer, nexmo)
        conversation, gone = again.conversations.values()
        again.send(conversation.id, "ann", "And now?")
        (call,) = calls
        self.assertEqual(dict(call.headers)["layer-webhook-signature"], signature("s3cret", call.body))
        self.assertTrue(call.wanted())
        self.assertEqual(
            [message.text for message in again.messages(conversation.id)], ["Grüße 😀", "Lunch!", "And now?"]
        )
        for message in again.all_messages.values():
            self.assertIs(message.conversation, again.conversations[message.conversation.id.rpartition("/")[2]])
        self.assertTrue(gone.deleted)

    def test_nexmo(self) -> None:
        """The opt-out holds, and the references of long texts and the count of SMS go on."""
        layer, nexmo, _ = lived()
        _, again, calls = restarted(layer, nexmo)
        self.assertTrue(again.accept(ONE, HANDSETS[1], "Hello", client_ref="m-42").blocked)
        self.assertEqual(again.count("m-42"), 2)
        again.reply(HANDSETS[0], TWO, LONG)
        again.route_inbound(ONE, "https://example.com/sms")
        again.reply(HANDSETS[0], ONE, LONG)
        references = [b"concat-ref=2" in call.body for call in calls]
        self.assertEqual(references, [False] * 3 + [True] * 3)

    def test_other_settings(self) -> None:
        """Numbers that are gone stay away, new ones have no inbound URL, webhooks are those of the app of now."""
        layer, nexmo, _ = lived()
        account = companies()[1]
        del account.numbers[ONE]
        account.add_number("12015550103")
        other = SimulatedLayer(
            app_id="940de862-3c96-11e4-baad-164230d1df67",
            now=lambda: NOW,
            deliver=lambda _call: None,
            api_url="http://127.0.0.1:1",
        )
        restore(remember(layer, nexmo), other, account)
        self.assertEqual(
            {msisdn: number.inbound_url for msisdn, number in account.numbers.items()},
            {TWO: "https://example.com/sms", "12015550103": ""},
        )
        for hook in other.webhooks:
            uuid = hook.id.removeprefix("layer:///apps/940de862-3c96-11e4-baad-164230d1df67/webhooks/")
            self.assertEqual(hook.url, f"http://127.0.0.1:1/apps/{other.app_id}/webhooks/{uuid}")
            self.assertEqual(other.webhooks.get(uuid), hook)


class InvalidSnapshotTests(SynchronousTestCase):
    """What is not ours is refused with one sentence, and nothing has changed."""

    def refused(self, state: Any, named: str) -> None:
        layer, nexmo, _ = lived()
        before = remember(layer, nexmo)
        said = str(self.assertRaises(ValueError, restore, state, layer, nexmo))
        self.assertEqual(remember(layer, nexmo), before)
        self.assertTrue(said.startswith("what the sandbox remembered cannot be restored: "), said)
        self.assertIn(named, said)
        self.assertNotIn("\n", said)
        self.assertNotIn(HANDSETS[0], said)

    def test_each_member(self) -> None:
        """Whichever member is missing, unknown or of another kind is named, without any number or text."""
        layer, nexmo, _ = lived()
        state = remember(layer, nexmo)
        spoils: tuple[tuple[str, Callable[[Any], object]], ...] = (
            ("version", lambda it: it.update(version=2)),
            ("version", lambda it: it.pop("version")),
            ("colour", lambda it: it.update(colour="red")),
            ("layer", lambda it: it.update(layer=[])),
            ("layer.users", lambda it: it["layer"].update(users={"ann": "Ann"})),
            ("layer.users", lambda it: it["layer"].pop("users")),
            ("layer.colour", lambda it: it["layer"].update(colour="red")),
            ("layer.conversations", lambda it: it["layer"]["conversations"][0].pop("participants")),
            ("layer.messages", lambda it: it["layer"]["messages"][0]["recipient_status"].update(ann="seen")),
            ("layer.messages", lambda it: it["layer"]["messages"][0].update(conversation="layer:///conversations/x")),
            ("layer.webhooks", lambda it: it["layer"]["webhooks"][0].update(status="asleep")),
            ("layer.made", lambda it: it["layer"]["made"][0].pop()),
            ("nexmo.threads", lambda it: it["nexmo"]["threads"][HANDSETS[0]][0].update(at="now")),
            ("nexmo.threads", lambda it: it["nexmo"]["threads"][HANDSETS[0]][0].update(colour="red")),
            ("nexmo.sent", lambda it: it["nexmo"]["sent"][0].update(message_ids="one")),
            ("nexmo.references", lambda it: it["nexmo"].update(references={"m-42": "1"})),
            ("nexmo.long_texts", lambda it: it["nexmo"].update(long_texts=[[ONE, TWO]])),
            ("nexmo.opted_out", lambda it: it["nexmo"].update(opted_out=[ONE])),
            ("nexmo.inbound_urls", lambda it: it["nexmo"].update(inbound_urls={ONE: None})),
        )
        for named, spoil in spoils:
            spoilt = deepcopy(state)
            spoil(spoilt)
            self.refused(spoilt, named)

    def test_nothing_of_ours(self) -> None:
        """Nor is anything restored from what is no such state at all."""
        state: object
        for state in ({}, [], None, "state", 1, {"layer": {}, "nexmo": {}}, {"version": {1, 2}}):
            self.refused(state, "")


class SnapshotOverHttpTests(SimulatorsCase):
    async def test_posted_once(self) -> None:
        """What was posted under an If-None-Match before a restart is not posted again after it."""
        talk = self.layer.start_conversation(["ann", "bob"])
        path = f"{BASE}/conversations/{talk.rpartition('/')[2]}/messages"
        body = {"sender": {"user_id": "bob"}, "parts": [{"body": "Hi", "mime_type": "text/plain"}]}
        once = {**PLATFORM, "If-None-Match": "7F1C2B0E-6f0a-4f57-9d55-0d8c6c1f7a01"}
        first = await self.ask("POST", path, body, once)
        state = remember(self.layer, self.nexmo)
        self.layer.made.clear()
        self.layer.all_messages.clear()
        restore(json.loads(json.dumps(state)), self.layer, self.nexmo)
        again = await self.ask("POST", path, body, once)
        self.assertEqual((first.status, again.status, again.json), (201, 200, first.json))
        self.assertEqual(len(self.layer.messages(talk)), 1)
