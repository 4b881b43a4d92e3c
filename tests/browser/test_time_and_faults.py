"""Skipping time, restarts, faults and cases on the sandbox's page."""

from __future__ import annotations

import re

from tests.browser.case import BrowserCase, expect, in_browser


class TimeTests(BrowserCase):
    @in_browser
    def test_a_week(self) -> None:
        """Both numbers carry a conversation of Bob's, so a third gets none; after a week their links have expired, and
        the third gets one."""
        talk = self.new_talk()
        number = talk.name.removeprefix("Talk ")
        for place in ("second", "third"):
            self.control(
                "conversations", {"participants": [f"anna-{number}", f"bert-{number}"], "name": f"{place} {number}"}
            )
        visit = self.visit(talk)
        for name in (talk.name, f"second {number}", f"third {number}"):
            visit.talk(name).click()
            visit.write(f"This is {name}.")
        visit.skip("30 s")
        expect(visit.thread(talk.bob)).to_have_count(2)
        untexted = visit.story(f"{talk.ann}: This is third {number}.")
        expect(untexted).to_contain_text("no SMS: all numbers were in use on the recipient's handset")
        visit.skip("1 week")
        expect(visit.time).to_contain_text("1 week")
        visit.write("Do you get this one?")
        visit.skip("30 s")
        expect(visit.story(f"{talk.ann}: Do you get this one?")).to_contain_text("linked to +1 201 555 01")
        expect(visit.sms(talk.bob, "Do you get this one?")).to_have_count(2)
        visit.reply(talk.bob, "Yes, that one!", to="Do you get this one?")
        expect(visit.message("Yes, that one!")).to_contain_text(talk.bob)

    @in_browser
    def test_a_restart(self) -> None:
        """The chat, the handsets, the timeline and the time skipped survive a restart. A page that is open meanwhile
        says what is the matter, and goes on by itself; so does the SMS thread."""
        self.excused = ["net::ERR_"]
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.write("Are you coming tonight?")
        visit.skip("10 min")
        visit.reply(talk.bob, "Yes, at eight!")
        expect(visit.message("Yes, at eight!")).to_be_visible()
        visit.write("And this falls due while nobody is there.")
        skipped = re.search(r"\(.* skipped\)", visit.time.inner_text())
        assert skipped is not None
        self.house.sandbox.stop()
        try:
            expect(visit.health).to_have_text("The sandbox does not answer; trying again …")
            visit.button("30 s").click()
            expect(visit.alert).to_have_text("The sandbox does not answer. Does it still run?")
        finally:
            self.house.sandbox.start()
        expect(visit.health).to_have_text("The service runs")
        for page in (visit, self.visit(talk)):
            expect(page.messages).to_have_count(3)
            expect(page.sms(talk.bob).nth(1)).to_have_text("Sent: Yes, at eight!")
            expect(page.time).to_contain_text(skipped[0])
            expect(page.story(f"{talk.ann}: Are you coming tonight?")).to_contain_text("text sent from")
        visit.skip("30 s")
        expect(visit.sms(talk.bob)).to_have_count(3)
        visit.reply(talk.bob, "Who restarted it?")
        expect(visit.message("Who restarted it?")).to_contain_text(talk.bob)


class FaultTests(BrowserCase):
    @in_browser
    def test_a_fault_and_its_recovery(self) -> None:
        """Nexmo throttles the next two requests as the page tells it to; then the text goes out, once."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.unfold("Make something fail")
        trouble = visit.page.get_by_role("group").filter(has=visit.button("Set"))
        trouble.get_by_role("combobox", name="When").select_option("Nexmo is asked to send an SMS")
        trouble.get_by_role("textbox", name="with the text").fill("Does it go out?")
        trouble.get_by_role("combobox", name="then").select_option("answer with Nexmo's code")
        trouble.get_by_role("textbox", name="Code or status").fill("1")
        trouble.get_by_role("spinbutton", name="for the next").fill("2")
        visit.button("Set").click()
        expect(trouble.get_by_role("listitem")).to_have_text("/sms/json “Does it go out?”: answer code 1 (2 left)")
        visit.write("Does it go out?")
        visit.skip("10 min")
        story = visit.story(f"{talk.ann}: Does it go out?")
        expect(story.get_by_text("not accepted by Nexmo")).to_have_count(2)
        expect(story.get_by_text("text sent from")).to_have_count(1)
        expect(visit.sms(talk.bob)).to_have_text(f"Received: {talk.ann}: Does it go out?")
        expect(trouble.get_by_role("listitem")).to_have_count(0)
        expect(visit.button("All works again")).to_be_hidden()

    @in_browser
    def test_all_works_again(self) -> None:
        """A fault for all requests, here one for a number and a text, lasts until it is lifted on the page."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.unfold("Make something fail")
        trouble = visit.page.get_by_role("group").filter(has=visit.button("Set"))
        phone = visit.handset(talk.bob).get_by_text(re.compile(r"^\+1 203")).inner_text()
        trouble.get_by_role("textbox", name="for the number").fill(phone)
        trouble.get_by_role("textbox", name="with the text").fill("Fail")
        trouble.get_by_role("combobox", name="then").select_option("answer with the HTTP status")
        expect(trouble.get_by_role("textbox", name="Code or status")).to_have_value("503")
        trouble.get_by_role("spinbutton", name="for the next").fill("0")
        visit.button("Set").click()
        digits = re.sub(r"\D", "", phone)
        expect(trouble.get_by_role("listitem")).to_have_text(f"/sms/json {digits} “Fail”: answer HTTP 503 (always)")
        visit.write("Fail once or twice.")
        visit.skip("30 s")
        story = visit.story(f"{talk.ann}: Fail once or twice.")
        expect(story.get_by_text("may have been accepted by Nexmo").first).to_be_visible()
        expect(visit.thread(talk.bob)).to_have_count(0)
        visit.button("All works again").click()
        expect(trouble.get_by_role("listitem")).to_have_count(0)
        visit.skip("10 min")
        expect(visit.sms(talk.bob)).to_have_text(f"Received: {talk.ann}: Fail once or twice.")

    @in_browser
    def test_a_case(self) -> None:
        """One click plays a case to its end: a long reply comes in three parts, in disorder, and is posted as one."""
        visit = self.visit()
        visit.skip("10 min")  # what others have left to be texted
        visit.unfold("Play a case")
        visit.button("Long reply in three parts").click()
        expect(visit.button("Long reply in three parts …")).to_be_visible()
        story = visit.story("Case: Long reply in three parts")
        expect(story).to_contain_text("who does not read it")
        (ann, bob), *_ = re.findall(r"(Ann \d+) writes to (Bob \d+)", story.inner_text())  # the case's own
        visit.talk(f"{ann}, {bob}").click()
        visit.message("Are you coming tonight?").wait_for()
        visit.skip("30 s")
        expect(story).to_contain_text("Nexmo delivers part 3, then part 1, then part 2")
        whole = " ".join(f"This is sentence {each} of a long answer." for each in range(1, 11))
        expect(visit.message(whole)).to_contain_text(bob)
        parts = visit.page.get_by_role("article").filter(has_text="part 3 of 3 received")
        expect(parts).to_contain_text(f"reply posted into {ann}, {bob} as {bob}")
        expect(visit.button("Long reply in three parts")).to_be_visible()
