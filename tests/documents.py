"""The pages of the documentation. ``python -m tests.documents`` writes the tables in them that come from the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from nexmo_twisted.config import settings_table

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

#: Each table: the name between its markers, the page, and what makes it.
TABLES: Mapping[str, tuple[Path, Callable[[], str]]] = {
    "settings": (DOCS / "configuration.md", settings_table),
}


def pages() -> list[Path]:
    """Every page that people read."""
    return [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]


def between_markers(name: str, table: str) -> str:
    """The table as it stands in its page."""
    return f"<!-- {name} -->\n{table}<!-- /{name} -->"


def example(page: Path, name: str) -> str:
    """The code block after the comment that begins with ``name``."""
    match = re.search(rf"<!-- {re.escape(name)}.*?-->\s*```\w+\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert match is not None, f"{page.name} has no example {name}"
    return match[1]


def write_tables() -> None:
    for name, (page, make) in TABLES.items():
        table, text = between_markers(name, make()), page.read_text("utf-8")
        pattern = rf"<!-- {name} -->.*?<!-- /{name} -->"
        page.write_text(re.sub(pattern, lambda _, new=table: new, text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    write_tables()
