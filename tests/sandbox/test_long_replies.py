"""What handsets write is delivered like the real thing: a long text in parts, and as badly as one likes."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from nexmo_twisted.domain import segments
from nexmo_twisted.providers.nexmo.signatures import verify
from nexmo_twisted.sandbox.http.messages import WebhookCall
from nexmo_twisted.sandbox.nexmo import gsm
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo
from tests.sandbox.cases import BOB, NOW, OURS, SimulatorsCase

TEXT = "a" * 153 + "b" * 153 + "c"
ANY_TEXT = st.text(st.sampled_from("aé€[😀你\n") | st.characters(exclude_categories=["Cs"]), max_size=500)


class CutIntoPartsTests(SynchronousTestCase):
    @given(ANY_TEXT, st.booleans())
    def test_any_text(self, text: str, unicode: bool) -> None:
        """Joined, the parts are the text; none is longer than a part may be, and none could take more of the next."""
        pieces = gsm.split(text, unicode=unicode)
        self.assertEqual("".join(pieces), text)
        longest = 70 if unicode else 160
        if len(pieces) > 1:
            self.assertGreater(units(text, unicode), longest)
            longest = 67 if unicode else 153
        for piece, after in zip(pieces, [*pieces[1:], ""], strict=True):
            self.assertLessEqual(units(piece, unicode), longest)
            self.assertTrue(not after or units(piece + after[0], unicode) > longest)

    @given(ANY_TEXT)
    def test_counts(self, text: str) -> None:
        """There are as many as the rules of the service count for the same text."""
        self.assertEqual(gsm.parts(text, unicode=not segments.is_gsm(text)), segments.segments(text).parts)


def units(text: str, unicode: bool) -> int:
    if unicode:
        return len(text.encode("utf-16-le")) // 2
    return len(text) + sum(text.count(character) for character in "^{}\\[~]|€\f")


class ConcatPlanTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        """Which parts come, and in which order; a short SMS has but one, which comes."""
        for plan, total, numbers in (
            (PartsPlan(), 3, [1, 2, 3]),
            (PartsPlan(shuffled=True), 3, [3, 2, 1]),
            (PartsPlan(order=(3, 1, 1)), 3, [3, 1, 1]),
            (PartsPlan(order=(3, 1), shuffled=True), 2, [1]),
            (PartsPlan(order=(2,)), 1, [1]),
        ):
            self.assertEqual(plan.numbers(total, list.reverse), numbers, plan)

    def test_from_json(self) -> None:
        """A plan in JSON has the same names; what is left out has its default."""
        self.assertEqual(PartsPlan.from_json({}), PartsPlan())
        plan = PartsPlan.from_json({"order": [3, 1], "shuffled": True, "concat": False})
        self.assertEqual(plan, PartsPlan((3, 1), True, False))

    def test_not_a_plan(self) -> None:
        """What cannot be a plan is refused with the name of the member."""
        wrong: tuple[tuple[dict[str, Any], str], ...] = (
            ({"orders": [1]}, "orders"),
            ({"order": "321"}, "order"),
            ({"order": [0]}, "order"),
            ({"order": [1.0]}, "order"),
            ({"order": [True]}, "order"),
            ({"shuffled": 1}, "shuffled"),
            ({"concat": "true"}, "concat"),
        )
        for values, named in wrong:
            self.assertIn(named, str(self.assertRaises(ValueError, PartsPlan.from_json, values)))


class DeliveredPartsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.calls: list[WebhookCall] = []
        self.nexmo = SimulatedNexmo(
            key="key", secret="secret", now=lambda: NOW, deliver=self.calls.append, inbound_url="https://example.com"
        )
        self.nexmo.add_number(OURS)
        self.nexmo.add_number("12015550102")

    def came(self) -> list[dict[str, str]]:
        """The parameters of what was delivered since."""
        calls, self.calls[:] = self.calls[:], []
        return [dict(parse_qsl(call.body.decode(), keep_blank_values=True)) for call in calls]

    def concat(self, params: dict[str, str]) -> dict[str, str]:
        return {name.removeprefix("concat-"): value for name, value in params.items() if name.startswith("concat")}

    def test_parts(self) -> None:
        """Each part is a webhook with a message id of its own, and says which part of which text it is."""
        first = self.nexmo.reply(BOB, OURS, TEXT)
        parts = self.came()
        self.assertEqual([part["text"] for part in parts], ["a" * 153, "b" * 153, "c"])
        self.assertEqual(
            [self.concat(part) for part in parts],
            [{"concat": "true", "ref": "1", "total": "3", "part": number} for number in "123"],
        )
        self.assertEqual([part["type"] for part in parts], ["text"] * 3)
        self.assertEqual((len({part["messageId"] for part in parts}), parts[0]["messageId"]), (3, first))
        (seen,) = self.nexmo.handset(BOB)
        self.assertEqual((seen.direction, seen.text), ("sent", TEXT))

    def test_unicode(self) -> None:
        """One character that GSM-7 does not have makes all parts unicode; a pair of surrogates stays together."""
        self.nexmo.reply(BOB, OURS, "a" * 66 + "😀" + "a" * 66)
        parts = self.came()
        self.assertEqual([part["text"] for part in parts], ["a" * 66, "😀" + "a" * 65, "a"])
        self.assertEqual({part["type"] for part in parts}, {"unicode"})

    def test_short(self) -> None:
        """A text that fits into one SMS knows nothing of parts."""
        for text in ("a" * 160, "你" * 70):
            self.nexmo.reply(BOB, OURS, text)
            (whole,) = self.came()
            self.assertEqual((whole["text"], self.concat(whole)), (text, {}))

    def test_references(self) -> None:
        """The reference goes up with each long text of a handset to a number, and begins anew after 255."""
        for expected in (*range(1, 256), 0, 1):
            self.nexmo.reply(BOB, OURS, TEXT)
            self.assertEqual({part["concat-ref"] for part in self.came()}, {str(expected)})
        self.nexmo.reply(BOB, "12015550102", TEXT)
        self.assertEqual({part["concat-ref"] for part in self.came()}, {"1"})

    def test_badly(self) -> None:
        """In any order, some missing, some twice: a repeated part has the same message id."""
        self.nexmo.parts = PartsPlan(order=(3, 1, 3))
        self.nexmo.reply(BOB, OURS, TEXT)
        parts = self.came()
        self.assertEqual([part["concat-part"] for part in parts], ["3", "1", "3"])
        self.assertEqual(parts[0]["messageId"], parts[2]["messageId"])
        self.nexmo.reply(BOB, OURS, TEXT, PartsPlan(shuffled=True))
        self.assertEqual(sorted(part["concat-part"] for part in self.came()), ["1", "2", "3"])

    def test_without_concat(self) -> None:
        """Some carriers deliver the parts as if they were short texts."""
        self.nexmo.reply(BOB, OURS, TEXT, PartsPlan(concat=False))
        self.assertEqual([(part["text"][0], self.concat(part)) for part in self.came()], [(c, {}) for c in "abc"])

    def test_signed(self) -> None:
        """A signature speaks for these parameters, too."""
        self.nexmo.signature_secret = "hush"
        self.nexmo.reply(BOB, OURS, TEXT)
        for part in self.came():
            verify(list(part.items()), "hush", "md5hash", NOW)


class LongReplyControlTests(SimulatorsCase):
    async def test_replies(self) -> None:
        """The control API takes the same plan; without one it is the account's."""
        self.nexmo.route_inbound(OURS, f"{self.customer_url}/sms")
        for plan, texts in (
            ({}, ["a" * 153, "b" * 153, "c"]),
            ({"order": [2, 1]}, ["b" * 153, "a" * 153]),
            ({"concat": False, "order": [3]}, ["c"]),
        ):
            self.customer.hits.clear()
            body = {"handset": BOB, "number": OURS, "text": TEXT, **plan}
            answer = await self.ask("POST", "/control/replies", body)
            self.assertEqual((answer.status, list(answer.json)), (201, ["id"]))
            await self.sandbox.idle()
            hits = [dict(parse_qsl(hit.body.decode())) for hit in self.customer.hits]
            self.assertEqual([hit["text"] for hit in hits], texts)
            self.assertEqual({"concat" in hit for hit in hits}, {plan.get("concat", True)})

    async def test_not_a_plan(self) -> None:
        """What cannot be a plan is refused, and nothing is sent."""
        for member, value in (("order", "1"), ("shuffled", "yes"), ("concat", 0), ("colour", "red")):
            body = {"handset": BOB, "number": OURS, "text": TEXT, member: value}
            answer = await self.ask("POST", "/control/replies", body)
            self.assertEqual(answer.status, 422)
            self.assertIn(member, answer.json["error"])
        self.assertEqual(self.nexmo.handsets(), {})
