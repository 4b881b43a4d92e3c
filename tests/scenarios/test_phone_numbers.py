"""A phone is one phone, however it is written."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import uuid4

from tests.scenarios.outside import FORM, NEXMO_DOOR, Caller
from tests.scenarios.world import BOB, ONE, TALK, TWO, World

BRITISH = "447700900112"


class PhoneNumberTests(World):
    settings = {"default_region": "GB", "nexmo": {"phone_numbers": [ONE, TWO, "447700900201"]}}

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.nexmo.add_number("447700900201", country="GB")
        await self.pass_time(60)  # until the service looks at its numbers again

    async def test_as_its_owner_wrote_it(self) -> None:
        """National or international, with or without what is only dialled: the SMS arrives, and the answer, too."""
        for number, phone in enumerate(("07700 900112", "+44 (0)7700-900112", "0044 7700 900112", "447700900112")):
            user = f"user {number}"
            self.layer.add_user(user, display_name="Zoe", phone_number=phone)
            talk = self.layer.start_conversation(["ann", user])
            await self.redis("FLUSHALL")
            await self.text_unread(f"This is {number}", conversation=talk)
            self.assertEqual(self.texts(BRITISH)[-1], f"Ann: This is {number}")
            await self.reply(BRITISH, self.numbers(BRITISH)[-1], "Yes")
            self.assertEqual(self.posted(talk)[-1], (user, "Yes"), phone)

    async def test_as_the_provider_writes_it(self) -> None:
        """An inbound SMS comes from the same handset, whatever stands before its digits."""
        self.layer.add_user("zoe", display_name="Zoe", phone_number="07700 900112")
        talk = self.layer.start_conversation(["ann", "zoe"])
        await self.text_unread(conversation=talk)
        for sender in (BRITISH, f"+{BRITISH}", f"00{BRITISH}", "4407700900112"):
            await self.reply(sender, self.numbers(BRITISH)[0], f"From {sender}")
            self.assertEqual(self.posted(talk)[-1], ("zoe", f"From {sender}"))

    async def test_our_number_in_another_spelling(self) -> None:
        """The provider may write our number in another way than the settings do: replies find their conversation."""
        self.layer.add_user("zoe", display_name="Zoe", phone_number="07700 900112")
        talk = self.layer.start_conversation(["ann", "zoe"])
        await self.text_unread(conversation=talk)
        self.assertEqual(self.numbers(BRITISH), ["447700900201"])
        caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)
        for number in ("4407700900201", "+447700900201"):
            sms = {"messageId": str(uuid4()), "msisdn": BRITISH, "to": number, "text": f"To {number}", "type": "text"}
            self.assertEqual(
                (await caller.ask("POST", NEXMO_DOOR, urlencode(sms).encode(), content_type=FORM)).code, 200
            )
            await self.settle()
            self.assertEqual(self.posted(talk)[-1], ("zoe", f"To {number}"))

    async def test_two_spellings(self) -> None:
        """Where a country writes a number with and without a digit, a reply by either spelling finds its conversation,
        and STOP by either ends the texts."""
        for number, (phone, dialled, spellings) in enumerate(
            (
                ("+54 9 11 2345 6789", "5491123456789", ("541123456789", "54111523456789")),
                ("+54 11 2345 6780", "541123456780", ("5491123456780", "541123456780")),
                ("+52 1 55 1234 5678", "525512345678", ("5215512345678", "525512345678")),
                ("+55 11 8765-4321", "5511987654321", ("551187654321", "5511987654321")),
            )
        ):
            user = f"user {number}"
            self.layer.add_user(user, display_name="Zoe", phone_number=phone)
            talk = self.layer.start_conversation(["ann", user])
            await self.text_unread(f"This is {number}", conversation=talk)
            self.assertEqual(self.texts(dialled)[-1], f"Ann: This is {number}")
            ours = self.numbers(dialled)[-1]
            for spelling in spellings:
                await self.reply(spelling, ours, f"From {spelling}")
                self.assertEqual(self.posted(talk)[-1], (user, f"From {spelling}"))
            await self.reply(spellings[0], ours, "STOP")
            before = len(self.texts(dialled))
            await self.text_unread("Still there?", conversation=talk)
            self.assertEqual(len(self.texts(dialled)), before, phone)
        self.assertEqual(self.counted("notifications_skipped", "opted_out"), 4)

    async def test_one_handset_in_two_spellings(self) -> None:
        """Two users who spell one phone with and without such a digit share a handset, and never a number on it."""
        talks = []
        for user, phone in (("rob", "+54 9 11 2345 6789"), ("zoe", "+54 11 2345 6789")):
            self.layer.add_user(user, display_name=user, phone_number=phone)
            talks.append(self.layer.start_conversation(["ann", user]))
            await self.text_unread(conversation=talks[-1])
        (robs,), (zoes,) = self.numbers("5491123456789"), self.numbers("541123456789")
        self.assertNotEqual(robs, zoes)
        await self.reply("541123456789", robs, "Rob here")
        await self.reply("5491123456789", zoes, "Zoe here")
        self.assertEqual([self.posted(talk)[-1] for talk in talks], [("rob", "Rob here"), ("zoe", "Zoe here")])

    async def test_one_handset(self) -> None:
        """Two users who write the same phone in two ways share a handset, and never a number on it."""
        self.layer.add_user("rob", display_name="Rob", phone_number="+1 (201) 555-0112")
        robs = self.layer.start_conversation(["ann", "rob"])
        await self.text_unread()
        await self.text_unread(conversation=robs)
        self.assertEqual(self.numbers(BOB), [ONE, TWO])
        await self.reply(BOB, TWO, "Rob here")
        self.assertEqual((self.posted(robs)[-1], len(self.posted(TALK))), (("rob", "Rob here"), 1))

    async def test_own_country_first(self) -> None:
        """A handset is texted from a number of its own country while one is free."""
        self.layer.add_user("zoe", display_name="Zoe", phone_number="07700 900112")
        for n in range(2):
            await self.text_unread(conversation=self.layer.start_conversation(["ann", "zoe"], {"n": n}))
        await self.text_unread()
        self.assertEqual((self.numbers(BRITISH), self.numbers(BOB)), (["447700900201", ONE], [ONE]))

    async def test_impossible(self) -> None:
        """A phone that is no possible number gets no SMS; the others of the conversation do."""
        for number, phone in enumerate(("+1 201 555 011", "+44 770 0", "+999 123456789", "1-800-FLOWERS")):
            self.layer.add_user(f"user {number}", display_name="Zoe", phone_number=phone)
        users = [f"user {number}" for number in range(4)]
        await self.text_unread(conversation=self.layer.start_conversation(["ann", "bob", *users]))
        self.assertEqual((len(self.texts(BOB)), self.counted("notifications_skipped", "no_phone")), (1, 4))
        self.assertEqual(self.counted("sms_accepted"), 1)
