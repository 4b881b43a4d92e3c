"""All settings as a table, for the documentation."""

from __future__ import annotations

import json

from nexmo_twisted.config.errors import keys
from nexmo_twisted.config.models import Settings


def settings_table() -> str:
    """All settings as a Markdown table: key, type, default as in TOML, and what it is for."""
    rows = ["| key | type | default | what it is for |", "|---|---|---|---|"]
    for key in keys(Settings):
        default = "required" if key.field.is_required() else f"`{_toml(key.field.default)}`"
        cells = (f"`{key.name}`", key.kind.name, default, key.sentence)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _toml(value: object) -> str:
    """JSON's texts, numbers and lists are TOML's, too."""
    return json.dumps(value, ensure_ascii=False)
