"""An unread message becomes an SMS."""

from __future__ import annotations

from tests.scenarios.world import BOB, CLEO, DELAY, LUNCH, ONE, TALK, World


class UnreadTests(World):
    async def test_the_whole_way(self) -> None:
        """Ann writes, Bob does not read, Bob's handset gets the SMS, Bob answers, Ann sees the answer."""
        await self.send("Lunch at noon?")
        self.assertEqual(self.texts(BOB), [])
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), ["Ann: Lunch at noon?"])
        await self.reply(BOB, ONE, "Yes, gladly")
        self.assertEqual(self.posted(), [("ann", "Lunch at noon?"), ("bob", "Yes, gladly")])

    async def test_read(self) -> None:
        """A message that was read in time is nobody's business; one that was only delivered is."""
        message = await self.send(conversation=LUNCH)
        self.layer.mark_read(message, "bob")
        self.layer.mark_delivered(message, "cleo")
        await self.pass_time(DELAY)
        self.assertEqual((self.texts(BOB), self.texts(CLEO)), ([], ["Ann: Lunch at noon?"]))

    async def test_read_late(self) -> None:
        """A read long after everything is done texts nobody."""
        message = await self.text_unread()
        await self.pass_time(3 * 86_400)
        self.layer.mark_read(message, "bob")
        await self.pass_time(DELAY)
        self.assertEqual(len(self.texts(BOB)), 1)

    async def test_deleted(self) -> None:
        """A deleted message is not sent."""
        message = await self.send()
        self.layer.delete_message(message)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), [])

    async def test_everyone_but_the_sender(self) -> None:
        """Every other participant gets one, the author none."""
        await self.text_unread(conversation=LUNCH, sender="bob")
        self.assertEqual((self.texts(BOB), self.texts(CLEO)), ([], ["Bob: Lunch at noon?"]))

    async def test_bots(self) -> None:
        """Messages of bots are ignored."""
        self.layer.send_as_bot(TALK, "Robot", "Beep")
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), [])
        self.assertGreater(self.counted("webhooks", "layer", "ignored"), 0)

    async def test_blank(self) -> None:
        """A blank text, or a picture alone, sends nothing and says why."""
        await self.send("  \n ")
        self.layer.send(TALK, "ann", parts=[{"mime_type": "image/png", "body": "aGk=", "encoding": "base64"}])
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), [])
        self.assertEqual(self.counted("notifications_skipped", "blank"), 2)

    async def test_blank_to_the_eye(self) -> None:
        """So does a text of which nobody sees anything; a name of that kind gives way to the next."""
        for text in ("\u200b", "\u2060\ufeff", " \u3164\n", "\u2800", "\u00ad\ufe0f"):
            await self.text_unread(text)
        self.assertEqual((self.texts(BOB), self.counted("notifications_skipped", "blank")), ([], 5))
        self.layer.add_user("dan", display_name="\u3164", first_name="Dan", last_name="\u200b")
        await self.text_unread("Hi", "dan", self.layer.start_conversation(["dan", "bob"]))
        self.assertEqual(self.texts(BOB), ["Dan: Hi"])

    async def test_towers_of_marks(self) -> None:
        """A character with thousands of marks is texted with a few of them, and so is what comes after it."""
        await self.text_unread("H" + "\u0301\u0323" * 4000 + "i")
        self.assertEqual(self.texts(BOB), ["Ann: H" + "\u0301\u0323" * 5 + "i"])

    async def test_text_of_the_last_clients(self) -> None:
        """A text message of Layer's XDK is texted as any other."""
        parts = [
            {
                "id": "layer:///messages/940de862-3c96-11e4-baad-164230d1df67/parts/0",
                "mime_type": "application/vnd.layer.text+json; role=root; node-id=root",
                "body": '{"text": "Are you coming tonight?"}',
            }
        ]
        self.layer.send(TALK, "ann", parts=parts)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), ["Ann: Are you coming tonight?"])

    async def test_several_parts(self) -> None:
        """All text parts make one text, a line each."""
        parts = [{"mime_type": "text/plain", "body": "One"}, {"mime_type": "text/plain", "body": "Two"}]
        self.layer.send(TALK, "ann", parts=parts)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), ["Ann: One\nTwo"])

    async def test_intact(self) -> None:
        """é, €, emoji and Chinese arrive as they were written."""
        for text in ("Café 5€ {ok}", "Grüße 😀 你好", "it’s"):
            await self.text_unread(text)
        self.assertEqual(self.texts(BOB), ["Ann: Café 5€ {ok}", "Ann: Grüße 😀 你好", "Ann: it's"])

    async def test_user_text_is_data(self) -> None:
        """What users write is never a template."""
        await self.text_unread("{{ 7 * 7 }} <%= text %>")
        self.assertEqual(self.texts(BOB), ["Ann: {{ 7 * 7 }} <%= text %>"])

    async def test_one_failure_is_ones_own(self) -> None:
        """One recipient's failure neither stops nor repeats another's."""
        self.fault(path="/sms/json", number=BOB, status=429)
        await self.text_unread(conversation=LUNCH)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (0, 1))
        await self.pass_time(10)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (1, 1))

    async def test_order(self) -> None:
        """First attempts for one user go out in due order, also when the first one has to wait."""
        self.fault(path="/sms/json", text="first", status=429)
        for text in ("first", "second", "third"):
            await self.send(text)
            self.clock.advance(1)
        await self.pass_time(DELAY)
        self.assertEqual(self.texts(BOB), [])
        await self.pass_time(10)
        self.assertEqual(self.texts(BOB), ["Ann: first", "Ann: second", "Ann: third"])


class ReportOnStatusTests(World):
    settings = {"report_on_status": ["sent"]}

    async def test_delivered_is_enough(self) -> None:
        """report_on_status = ["sent"] leaves delivered messages alone."""
        message = await self.send(conversation=LUNCH)
        self.layer.mark_delivered(message, "bob")
        await self.pass_time(DELAY)
        self.assertEqual((len(self.texts(BOB)), len(self.texts(CLEO))), (0, 1))


class PlatformIdentityTests(World):
    async def test_names(self) -> None:
        """Without a display name it is first and last name, without these the user id."""
        self.layer.add_user("dan")
        talk = self.layer.start_conversation(["cleo", "dan", "bob"])
        await self.text_unread("Hi", "cleo", talk)
        await self.text_unread("Ho", "dan", talk)
        self.assertEqual(self.texts(BOB), ["Cleo Carter: Hi", "dan: Ho"])

    async def test_no_phone(self) -> None:
        """A recipient without a usable phone is skipped with a reason."""
        self.layer.add_user("dan", display_name="Dan")
        self.layer.add_user("eve", display_name="Eve", phone_number="12")
        talk = self.layer.start_conversation(["ann", "dan", "eve", "bob"])
        await self.text_unread("Hi", "ann", talk)
        self.assertEqual(self.counted("notifications_skipped", "no_phone"), 2)
        self.assertEqual(self.texts(BOB), ["Ann: Hi"])

    async def test_unknown(self) -> None:
        """A recipient Layer does not know is skipped; an unknown sender is no reason to keep silent."""
        talk = self.layer.start_conversation(["ghost", "bob", "wraith"])
        await self.text_unread("Boo", "ghost", talk)
        self.assertEqual(self.texts(BOB), ["ghost: Boo"])
        self.assertEqual(self.counted("notifications_skipped", "unknown_user"), 1)

    async def test_layer_down(self) -> None:
        """An identity that cannot be had now is asked for again; the SMS goes out late."""
        self.fault(path="/identity", status=500, times=2)
        await self.text_unread()
        self.assertEqual(self.texts(BOB), [])
        await self.pass_time(10)
        await self.pass_time(10)
        self.assertEqual(len(self.texts(BOB)), 1)

    async def test_strange_user_ids(self) -> None:
        """Slashes, dots, emoji and a leading phone- reach neither another path nor another key."""
        for number, user in enumerate(("a/b/../c", "..", "😀", "phone-12015550112", "%2e%2e", "a?b#c")):
            phone = f"1201555016{number}"
            self.layer.add_user(user, display_name="Odd", phone_number=phone)
            talk = self.layer.start_conversation(["ann", user])
            await self.text_unread("Hi", "ann", talk)
            self.assertEqual(len(self.texts(phone)), 0 if user == ".." else 1, user)
            if user != "..":
                await self.reply(phone, self.numbers(phone)[0], "Ho")
                self.assertEqual(self.posted(talk)[-1], (user, "Ho"))
        self.assertIsNone(await self.redis("GET", "nexmo-layer-integration-phone-12015550112"))


class CustomIdentityTests(World):
    async def test_function(self) -> None:
        """The customer's function is asked instead of Layer, and its object reaches the template whole."""
        await self.stop(self.service)

        async def identities(user_id: str) -> dict[str, str]:
            return {"name": user_id.upper(), "phone": "201-555-0199", "mood": "fine"}

        self.service = await self.start(
            identities=identities, template="{{ sender.name }} ({{ sender.mood }}): {{ text }}"
        )
        await self.text_unread("Hi")
        self.assertEqual(self.texts("12015550199"), ["ANN (fine): Hi"])

    async def test_plain_function_that_fails(self) -> None:
        """A function that raises costs only its own message, and only for the time being."""
        await self.stop(self.service)
        calls: list[str] = []

        def identities(user_id: str) -> dict[str, str]:
            calls.append(user_id)
            if len(calls) < 3:
                raise ValueError("+12015550199")
            return {"name": user_id, "phone": "12015550199"}

        self.service = await self.start(identities=identities)
        await self.text_unread("Hi")
        for _ in range(3):
            await self.pass_time(15)
        self.assertEqual(self.texts("12015550199"), ["ann: Hi"])
