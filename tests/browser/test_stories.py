"""What people do on the sandbox's page, and what comes of it."""

from __future__ import annotations

from tests.browser.case import BrowserCase, expect, in_browser


class StoryTests(BrowserCase):
    @in_browser
    def test_from_a_message_to_the_reply(self) -> None:
        """A message that is not read becomes a text on the handset, the answer to it stands in the chat, and the
        timeline tells every step between."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.write("Are you coming tonight?")
        told = visit.story(f"{talk.ann}: Are you coming tonight?")
        expect(told).to_contain_text("message.sent received, due in 10 s")
        expect(told.get_by_role("paragraph")).to_contain_text("due in")
        expect(visit.message("Are you coming tonight?")).to_contain_text(f"{talk.bob}: sent")
        expect(visit.handset(talk.bob)).to_contain_text("No SMS yet.")
        visit.skip("30 s")
        expect(visit.sms(talk.bob)).to_have_text(f"Received: {talk.ann}: Are you coming tonight?")
        steps = told.get_by_role("listitem")
        for place, step in enumerate(
            (
                "message.sent received",
                f"checked: not read by {talk.bob}",
                "linked to +1 201 555 01",
                "text sent from +1 201 555 01",
                "delivery receipt: delivered",
            )
        ):
            expect(steps.nth(place)).to_contain_text(step)
        expect(told.get_by_text("(1 segment, GSM-7)")).to_be_visible()
        expect(told.get_by_role("paragraph")).to_have_text("")
        visit.reply(talk.bob, "Yes, at eight!")
        expect(visit.message("Yes, at eight!")).to_contain_text(talk.bob)
        expect(visit.messages).to_have_count(2)
        expect(visit.sms(talk.bob)).to_have_text(
            [f"Received: {talk.ann}: Are you coming tonight?", "Sent: Yes, at eight!"]
        )
        expect(visit.answer(talk.bob)).to_have_value("")
        posted = visit.page.get_by_role("article").filter(has_text=f"reply posted into {talk.name} as {talk.bob}")
        expect(posted.get_by_role("heading")).to_contain_text("Yes, at eight!")

    @in_browser
    def test_read_in_time(self) -> None:
        """What was delivered and read before it was due is not texted, and the timeline says why."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.write("Seen already.")
        visit.mark("Seen already.", talk.bob, "delivered").click()
        expect(visit.message("Seen already.")).to_contain_text(f"{talk.bob}: delivered")
        visit.mark("Seen already.", talk.bob, "read").click()
        expect(visit.message("Seen already.")).to_contain_text(f"{talk.bob}: read")
        expect(visit.message("Seen already.").get_by_role("button", name="mark")).to_have_count(0)
        visit.skip("30 s")
        told = visit.story(f"{talk.ann}: Seen already.")
        for step in (
            f"delivered by {talk.bob}",
            f"read by {talk.bob}",
            "checked: skipped, all recipients have read it",
        ):
            expect(told).to_contain_text(step)
        expect(visit.thread(talk.bob)).to_have_count(0)

    @in_browser
    def test_deleted(self) -> None:
        """A message that is deleted is gone from the chat and never texted."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.write("I take that back.")
        visit.write("Only this is left.")
        visit.button("Delete the message: I take that back.").click()
        expect(visit.messages).to_have_count(1)
        visit.skip("30 s")
        expect(visit.story(f"{talk.ann}: I take that back.")).to_contain_text("message.deleted received")
        expect(visit.sms(talk.bob)).to_have_text(f"Received: {talk.ann}: Only this is left.")

    @in_browser
    def test_stop(self) -> None:
        """Who answers STOP is told so once and gets no text any more, until START."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.write("Are you there?")
        visit.skip("30 s")
        visit.reply(talk.bob, "STOP")
        expect(visit.sms(talk.bob)).to_have_count(3)
        visit.write("One more thing.")
        visit.skip("10 min")  # START counts a minute after STOP at the earliest
        refused = visit.story(f"{talk.ann}: One more thing.")
        expect(refused).to_contain_text("no SMS: the recipient has opted out by SMS")
        expect(visit.sms(talk.bob)).to_have_count(3)
        expect(visit.messages).to_have_count(2)
        visit.reply(talk.bob, "START")
        expect(visit.sms(talk.bob).nth(3)).to_have_text("Sent: START")
        expect(visit.page.get_by_text("START: no longer blocked")).to_be_visible()
        visit.write("Welcome back.")
        visit.skip("30 s")
        expect(visit.sms(talk.bob).last).to_have_text(f"Received: {talk.ann}: Welcome back.")

    @in_browser
    def test_new_person_in_a_new_conversation(self) -> None:
        """Somebody added on the page, with a phone as people write it, takes part in a conversation of three, and is
        texted like everybody else."""
        talk = self.new_talk()
        number = self.house.number()
        visit = self.visit(talk)
        visit.unfold("New person")
        person = visit.page.get_by_role("group").filter(has=visit.button("Add"))
        person.get_by_role("textbox", name="User id").fill(f"cleo-{number}")
        person.get_by_role("textbox", name="Name").fill(f"Cleo {number}")
        person.get_by_role("textbox", name="Phone").fill(f"(205) 555-01{number:02}")
        visit.button("Add").click()
        expect(visit.handset(f"Cleo {number}")).to_contain_text(f"+1 205 555 01{number:02}")
        visit.unfold("New conversation")
        for name in (talk.ann, talk.bob, f"Cleo {number}"):
            visit.page.get_by_role("checkbox", name=name, exact=True).check()
        start = visit.page.get_by_role("group").filter(has=visit.button("Start"))
        start.get_by_role("textbox", name="Name").fill(f"Lunch {number}")
        visit.button("Start").click()
        visit.talk(f"Lunch {number}").click()
        people = f"{talk.ann}, {talk.bob}, Cleo {number}"
        expect(visit.page.get_by_role("heading", name=people, exact=True)).to_be_visible()
        visit.write("Lunch at noon?", sender=f"Cleo {number}")
        visit.mark("Lunch at noon?", talk.ann, "read").click()
        expect(visit.message("Lunch at noon?")).to_contain_text(f"{talk.ann}: read")
        visit.skip("30 s")
        expect(visit.sms(talk.bob)).to_have_text(f"Received: Cleo {number}: Lunch at noon?")
        expect(visit.thread(talk.ann)).to_have_count(0)
        expect(visit.thread(f"Cleo {number}")).to_have_count(0)

    @in_browser
    def test_a_refusal_in_words(self) -> None:
        """What the sandbox refuses is said in words, what was typed stays, and the next success takes them away."""
        self.excused = ["status of 422"]
        visit = self.visit(self.new_talk())
        visit.unfold("New person", "New conversation")
        person = visit.page.get_by_role("group").filter(has=visit.button("Add"))
        person.get_by_role("textbox", name="User id").fill("ann")
        person.get_by_role("textbox", name="Name").fill("Another Ann")
        visit.button("Add").click()
        expect(visit.alert).to_have_text("That did not work: there is a user of that id already.")
        expect(person.get_by_role("textbox", name="Name")).to_have_value("Another Ann")
        visit.page.get_by_role("checkbox", name="Ann", exact=True).check()
        visit.button("Start").click()
        expect(visit.alert).to_have_text("That did not work: participants must be a list of at least two user ids.")
        visit.write("Never mind.")
        expect(visit.alert).to_have_text("")

    @in_browser
    def test_two_pages(self) -> None:
        """Two open pages see the same at once, and neither takes away what is being typed on the other."""
        talk = self.new_talk()
        first, second = self.visit(talk), self.visit(talk)
        second.line.fill("I am just writing")
        first.write("Are you there?")
        expect(second.message("Are you there?")).to_be_visible()
        first.mark("Are you there?", talk.bob, "delivered").click()
        expect(second.message("Are you there?")).to_contain_text(f"{talk.bob}: delivered")
        second.skip("30 s")
        expect(first.sms(talk.bob)).to_have_text(f"Received: {talk.ann}: Are you there?")
        self.assertEqual(first.time.inner_text(), second.time.inner_text())
        expect(second.line).to_have_value("I am just writing")
        second.answer(talk.bob).fill("Half an answer")
        first.reply(talk.bob, "Yes!")
        expect(second.message("Yes!")).to_be_visible()
        expect(second.answer(talk.bob)).to_have_value("Half an answer")
