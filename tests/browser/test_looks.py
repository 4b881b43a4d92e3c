"""Whether everybody can use the sandbox's page: by keyboard, with a screen reader, on a phone, in the dark."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tests.browser.case import BrowserCase, Talk, expect, in_browser
from tests.browser.visit import FOLDED, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator

CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

#: What has to be scrolled sideways to be seen, in the page or in a part of it.
SCROLLED = """[...document.querySelectorAll("*")]
    .filter((each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX))
    .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.outerHTML.slice(0, 100))"""

#: What can be operated, by its role in Chromium's accessibility tree.
OPERATED = {"button", "checkbox", "combobox", "DisclosureTriangle", "link", "option", "radio", "searchbox"}
OPERATED |= {"spinbutton", "textbox"}


class KeyboardTests(BrowserCase):
    @in_browser
    def test_keyboard_only(self) -> None:
        """With Tab and Enter alone one chooses a conversation, sends a message, skips time and answers the text; and
        sees all the time where one is."""
        talk = self.new_talk()
        visit = self.visit()
        keyboard = visit.page.keyboard
        self.tab_to(visit, visit.talk(talk.name))
        keyboard.press("Enter")
        expect(visit.talk(talk.name)).to_have_attribute("aria-current", "true")
        self.tab_to(visit, visit.line)
        keyboard.type("Are you coming tonight?")
        keyboard.press("Enter")
        expect(visit.message("Are you coming tonight?")).to_be_visible()
        expect(visit.line).to_be_focused()
        self.tab_to(visit, visit.button("30 s"))
        keyboard.press("Enter")
        expect(visit.sms(talk.bob)).to_have_count(1)
        self.tab_to(visit, visit.answer(talk.bob))
        keyboard.type("Yes, at eight!")
        keyboard.press("Enter")
        expect(visit.message("Yes, at eight!")).to_contain_text(talk.bob)
        expect(visit.answer(talk.bob)).to_be_focused()

    def tab_to(self, visit: Visit, where: Locator) -> None:
        """Press Tab until the focus is there, which can be seen wherever it goes."""
        for _ in range(200):
            visit.page.keyboard.press("Tab")
            if visit.page.evaluate("document.activeElement !== document.body"):
                focused = visit.page.locator(":focus")
                self.assertNotEqual(focused.evaluate("each => getComputedStyle(each).outlineStyle"), "none")
            if where.evaluate("each => each === document.activeElement"):
                return
        self.fail(f"Tab does not lead to {where}")

    @in_browser
    def test_the_focus_stays(self) -> None:
        """What happens elsewhere does not take the focus from the button one has reached."""
        talk = self.new_talk()
        visit, other = self.visit(talk), self.visit(talk)
        visit.write("Are you there?")
        visit.mark("Are you there?", talk.bob, "read").focus()
        other.mark("Are you there?", talk.bob, "delivered").click()
        expect(visit.message("Are you there?")).to_contain_text(f"{talk.bob}: delivered")
        expect(visit.mark("Are you there?", talk.bob, "read")).to_be_focused()


class LooksTests(BrowserCase):
    def everything(self) -> tuple[Visit, Talk]:
        """A page that shows all that it can: messages and SMS in each direction, a fault, and lines of every tone."""
        talk = self.new_talk()
        visit = self.visit(talk)
        visit.unfold(*FOLDED)
        self.control("faults", {"path": "/sms/json", "text": f"{talk.ann}: Are you", "nexmo_status": "1", "times": 1})
        visit.write("Seen already.")
        visit.mark("Seen already.", talk.bob, "read").click()
        visit.write("Are you coming tonight?")
        visit.skip("30 s")
        visit.reply(talk.bob, "Yes, at eight!")
        self.control("faults", {"path": "/nowhere"})
        visit.message("Yes, at eight!").wait_for()
        visit.page.get_by_text("/nowhere").wait_for()
        for tone in ("received", "waits", "nothing to do", "sent", "done", "trouble"):
            visit.page.get_by_role("article").get_by_text(f"{tone}: ").first.wait_for(state="attached")
        return visit, talk

    @in_browser
    def test_what_a_screen_reader_is_told(self) -> None:
        """In Chromium's own accessibility tree, whatever can be operated has a name, and messages and SMS are items of
        lists. There is one heading of level 1, it comes first, and no level is left out on the way down."""
        visit, talk = self.everything()
        operated = [node for node in self.tree(visit) if node["role"] in OPERATED]
        self.assertGreater(len(operated), 30)
        self.assertEqual([node for node in operated if not node["name"].strip()], [])
        for items in (visit.messages, visit.sms(talk.bob)):
            roles = self.roles(visit, items)
            self.assertGreater(len(roles), 1)
            self.assertEqual(set(roles), {"listitem"})
        levels = visit.page.get_by_role("heading").evaluate_all("all => all.map((each) => Number(each.tagName[1]))")
        self.assertEqual((levels[0], levels.count(1)), (1, 1))
        self.assertEqual([pair for pair in pairwise(levels) if pair[1] > pair[0] + 1], [])
        visit.page.evaluate("document.body.append(document.createElement('button'))")
        nameless = [node for node in self.tree(visit) if node["role"] == "button" and not node["name"]]
        self.assertEqual(len(nameless), 1)

    def tree(self, visit: Visit) -> list[dict[str, Any]]:
        """What a screen reader is told: role, name and DOM node of each."""
        nodes = visit.page.context.new_cdp_session(visit.page).send("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": node.get("name", {}).get("value", ""),
                "node": node.get("backendDOMNodeId"),
            }
            for node in nodes
            if not node["ignored"]
        ]

    def roles(self, visit: Visit, items: Locator) -> list[str]:
        """The role of each in the accessibility tree; blank when it has none there."""
        session = visit.page.context.new_cdp_session(visit.page)
        known = {node["node"]: node["role"] for node in self.tree(visit)}
        items.evaluate_all("all => { window.asked = all; }")
        found = []
        for place in range(items.count()):
            remote = session.send("Runtime.evaluate", {"expression": f"window.asked[{place}]"})["result"]
            node = session.send("DOM.describeNode", {"objectId": remote["objectId"]})["node"]
            found.append(known.get(node["backendNodeId"], ""))
        return found

    @in_browser
    def test_contrast(self) -> None:
        """Every text is at least 4.5 times as light or dark as what is behind it, in both schemes (WCAG 2.2, 1.4.3)."""
        visit, _ = self.everything()
        for scheme in SCHEMES:
            visit.page.emulate_media(color_scheme=scheme)
            texts = visit.page.evaluate(CONTRAST)
            self.assertGreater(len(texts), 80)
            self.assertEqual([each for each in texts if each["ratio"] < 4.5], [], scheme)
        visit.page.get_by_role("heading", level=1).evaluate("each => { each.style.color = '#4a4e57'; }")
        faint = [each["text"] for each in visit.page.evaluate(CONTRAST) if each["ratio"] < 4.5]
        self.assertEqual(faint, ["nexmo_twisted"])

    @in_browser
    def test_on_a_phone(self) -> None:
        """On a screen 390 pixels wide nothing has to be scrolled sideways, however long a word is, and all can be
        done."""
        visit, talk = self.everything()
        visit.page.set_viewport_size({"width": 390, "height": 844})
        visit.write("x" * 400)
        visit.skip("30 s")
        visit.reply(talk.bob, "y" * 150)
        expect(visit.message("y" * 150)).to_be_visible()
        for scheme in SCHEMES:
            visit.page.emulate_media(color_scheme=scheme)
            self.assertEqual(visit.page.evaluate("document.documentElement.scrollWidth"), 390)
            self.assertEqual(visit.page.evaluate(SCROLLED), [])
