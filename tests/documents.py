"""The pages of the documentation. ``python -m tests.documents`` writes the tables in them that come from the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from nexmo_twisted import load, make_service
from nexmo_twisted.config.reference import settings_table
from nexmo_twisted.store import schema
from tests.configuration import LEAST

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

#: Units of times, the longest first, in milliseconds.
_UNITS = (("day", schema.DAY), ("hour", 60 * schema.MINUTE), ("minute", schema.MINUTE))


def _comments(table: str) -> Iterator[tuple[str, str]]:
    """Each name of a table in store/schema.py and the comment in its line."""
    source = Path(schema.__file__).read_text("utf-8")
    body = source.partition(f"\n{table} = {{\n")[2].partition("\n}\n")[0]
    for line in body.splitlines():
        found = re.fullmatch(r' {4}"(\w+)": [^#]+# (.+)', line)
        if found is not None:
            yield found[1], found[2].replace("|", "\\|")


def _groups(pattern: str, line: str) -> Sequence[str]:
    """The groups of the pattern, which the whole line has to match."""
    match = re.fullmatch(pattern, line)
    assert match is not None, line
    return match.groups()


def keys_table() -> str:
    """Every key in Redis as a Markdown table, from the table in store/schema.py and the comments in it."""
    rows = ["| key | followed by | name in scripts | content |", "|---|---|---|---|"]
    for name, comment in _comments("KEYS"):
        suffix, content = _groups(r"(?:\+ (.*?): )?(.*)", comment)
        rows.append(f"| `{schema.KEYS[name]}` | {suffix or ''} | `K.{name}` | {content} |")
    return "\n".join(rows) + "\n"


def kept_table() -> str:
    """How long things are kept, as a Markdown table, from the same place."""
    rows = ["| name in scripts | time | what |", "|---|---|---|"]
    rows += [f"| `KEEP.{name}` | {_time(schema.KEEP[name])} | {comment} |" for name, comment in _comments("KEEP")]
    return "\n".join(rows) + "\n"


def fields_table() -> str:
    """The fields of every record, as one Markdown table a record, from the class F in store/schema.py."""
    source = Path(schema.__file__).read_text("utf-8")
    body = source.partition("\nclass F:\n")[2].partition("\n\n\n")[0].partition('"""\n\n')[2]
    lines: list[str] = []
    for line in body.splitlines():
        record = re.fullmatch(r" {4}# (.+)", line)
        if record is not None:
            lines += [f"\n### {record[1]}\n", "| field | name in scripts | content |", "|---|---|---|"]
            continue
        name, comment = _groups(r" {4}(\w+) = [^#]+# (.+)", line)
        suffix, content = _groups(r"(?:\+ (.*?): )?(.*)", comment)
        field = f"`{schema.FIELDS[name]}`" if schema.FIELDS[name] else "(empty)"
        lines.append(f"| {field}{f' + {suffix}' if suffix else ''} | `F.{name}` | {content} |")
    return "\n".join(lines) + "\n\n"


def metrics_table() -> str:
    """Every metric of the service as a Markdown table, from the page of a service that was never started."""
    page = make_service(load(environ={}, **LEAST)).metrics.page().decode("utf-8")
    labels: dict[str, dict[str, dict[str, None]]] = {}
    for name, those in re.findall(r"^(\w+?)(?:_bucket)?\{(.*)\} ", page, re.MULTILINE):
        for label, value in re.findall(r'(\w+)="([^"]*)"', those):
            if label != "le":
                labels.setdefault(name, {}).setdefault(label, {})[value] = None
    rows = ["| metric | type | labels | what it shows |", "|---|---|---|---|"]
    for name, about in re.findall(r"^# HELP (nexmo_twisted_\w+) (.*)$", page, re.MULTILINE):
        kind = _groups(rf"(?s).*\n# TYPE {name} (\w+)\n.*", page)[0]
        if name.endswith(("_created", "_info")):
            continue
        of_it = "; ".join(f"`{label}`: {', '.join(values)}" for label, values in labels.get(name, {}).items())
        rows.append(f"| `{name}` | {kind} | {of_it} | {about} |")
    return "\n".join(rows) + "\n"


def _time(ms: int) -> str:
    unit, length = next((unit, length) for unit, length in _UNITS if ms % length == 0)
    return f"{ms // length} {unit}{'s' if ms > length else ''}"


#: Each table: the name between its markers, the page, and what makes it.
TABLES: Mapping[str, tuple[Path, Callable[[], str]]] = {
    "settings": (DOCS / "configuration.md", settings_table),
    "keys": (DOCS / "redis-schema.md", keys_table),
    "fields": (DOCS / "redis-schema.md", fields_table),
    "kept": (DOCS / "redis-schema.md", kept_table),
    "metrics": (DOCS / "metrics.md", metrics_table),
}


def pages() -> list[Path]:
    """Every page that people read."""
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts),
    ]


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
        page.write_text(re.sub(pattern, table.replace("\\", r"\\"), text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    write_tables()
