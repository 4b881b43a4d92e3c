"""The picture in the README and in docs/sandbox.md: ``python -m tests.browser.screenshot`` plays a short story and
writes docs/sandbox.png."""

from __future__ import annotations

from tests.browser.running import chromium, missing, sandbox
from tests.browser.visit import Visit
from tests.scenarios.processes import ROOT

PICTURE = ROOT / "docs" / "sandbox.png"


def play(visit: Visit) -> None:
    """Two texts on Bob's handset, one answered; a message that was read in time, and one that is due soon."""
    visit.talk("Ann and Bob").click()
    visit.write("Are you coming tonight?")
    visit.talk("Lunch").click()
    visit.write("Lunch at noon?")
    visit.mark("Lunch at noon?", "Cleo Carter", "read").click()
    visit.skip("30 s")
    visit.talk("Ann and Bob").click()
    visit.reply("Bob", "Yes, at eight!", to="tonight?")
    visit.mark("Yes, at eight!", "Ann", "read").click()
    visit.message("Yes, at eight!").get_by_text("Ann: read").wait_for()
    visit.skip("30 s")
    visit.write("I bring the cake.")
    visit.story("Ann: I bring the cake.").get_by_text("due in 10 s").first.wait_for()


def main() -> None:
    reason = missing()
    if reason is not None:
        raise SystemExit(reason)
    with sandbox() as process, chromium() as browser:
        visit = Visit(browser.new_page(viewport={"width": 1320, "height": 860}), process.url)
        play(visit)
        visit.page.mouse.move(0, 0)
        PICTURE.parent.mkdir(exist_ok=True)
        visit.page.screenshot(path=PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")  # noqa: T201 - a program


if __name__ == "__main__":
    main()
