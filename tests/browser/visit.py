"""The sandbox's page as somebody who looks at it uses it: all is found by role and name, as a screen reader would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

#: What can be unfolded.
FOLDED = ("New conversation", "New person", "Play a case", "Make something fail")


class Visit:
    """One open page. ``asked`` are the addresses it asked for, ``complaints`` what the browser's console says of it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("crash", lambda _: self.complaints.append("the page has crashed"))
        page.goto(f"{url}/")
        self.health.filter(has_text="The service runs").wait_for()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    # What is there

    @property
    def health(self) -> Locator:
        """One line: whether the service runs."""
        return self.page.get_by_role("status")

    @property
    def alert(self) -> Locator:
        """One line: what did not work."""
        return self.page.get_by_role("alert")

    @property
    def time(self) -> Locator:
        """The time of day in the sandbox, and how much was skipped."""
        return self.page.get_by_role("banner").get_by_role("paragraph").filter(has_text="Time in the sandbox")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def talk(self, name: str) -> Locator:
        """The button that shows a conversation."""
        return self.page.get_by_role("navigation", name="Conversations").get_by_role("button", name=name, exact=True)

    @property
    def line(self) -> Locator:
        """Where a message is written."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def messages(self) -> Locator:
        return self.page.get_by_role("log", name="Messages").get_by_role("listitem")

    def message(self, text: str) -> Locator:
        return self.messages.filter(has=self.page.get_by_text(text, exact=True))

    def mark(self, text: str, who: str, step: str) -> Locator:
        """The button by which somebody has got (delivered) or read a message."""
        return self.message(text).get_by_role("button", name=f"{who}: mark {step}", exact=True)

    def story(self, title: str) -> Locator:
        """What the service did with a message, or with a reply."""
        heading = self.page.get_by_role("heading", name=title, exact=True, level=3)
        return self.page.get_by_role("article").filter(has=heading)

    def handset(self, owner: str) -> Locator:
        return self.page.get_by_role("region", name=f"Handset {owner}", exact=True)

    def thread(self, owner: str, text: str = "") -> Locator:
        """The SMS thread on a handset, or that of several in which this text stands."""
        name = re.compile(f"^SMS thread of {re.escape(owner)} with ")
        return self.page.get_by_role("region", name=name).filter(has_text=text)

    def sms(self, owner: str, text: str = "") -> Locator:
        return self.thread(owner, text).get_by_role("listitem")

    def answer(self, owner: str, text: str = "") -> Locator:
        """Where a handset's owner answers."""
        return self.thread(owner, text).get_by_role("textbox")

    # What can be done

    def unfold(self, *what: str) -> None:
        for title in what:
            # No role of ARIA's is that of a summary.
            self.page.get_by_text(re.compile(f"^{re.escape(title)}")).click()

    def write(self, text: str, sender: str = "") -> None:
        """Send a message into the conversation that is shown, and wait until it stands there."""
        if sender:
            self.page.get_by_role("combobox", name="As", exact=True).select_option(sender)
        self.line.fill(text)
        self.button("Send").click()
        self.message(text).wait_for()

    def reply(self, owner: str, text: str, to: str = "") -> None:
        """Answer an SMS, ``to`` being in its text."""
        self.answer(owner, to).fill(text)
        self.thread(owner, to).get_by_role("button", name="Reply").click()

    def skip(self, by: str) -> None:
        """Skip time, and wait until all that fell due meanwhile has happened."""
        with self.page.expect_response(lambda response: response.url.endswith("/control/skip")) as answered:
            self.button(by).click()
        assert answered.value.ok, answered.value.text()
