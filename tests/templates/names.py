"""Templates that may speak of all that Layer's messages have."""

from __future__ import annotations

from collections.abc import Collection

from nexmo_twisted.platforms.layer.settings import TEMPLATE_NAMES
from nexmo_twisted.templates import compiled

MESSAGE_NAMES = compiled.COMMON_NAMES | TEMPLATE_NAMES


def compile_template(source: str, names: Collection[str] = MESSAGE_NAMES) -> compiled.Template:
    return compiled.compile_template(source, names)
