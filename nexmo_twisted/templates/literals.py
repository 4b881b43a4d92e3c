"""What a template prints as it stands must not be the tag of another language, which every handset would get."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from nexmo_twisted.templates.underscore import quoted

IDENTITY_NAMES = ("name", "avatarUrl", "firstName", "lastName", "email", "phone", "metadata", "userId")
"""The members of an identity."""

#: What people call them by Layer's names of the same.
_ALSO = ("display_name", "first_name", "last_name", "avatar_url", "email_address", "phone_number", "user_id")
#: What people call the text.
_TEXT = ("message", "body")
_JINJA = re.compile(r"\{\{.{0,80}?(?:\}\}|\Z)|\{%.{0,80}?(?:%\}|\Z)|\{[{%]|\{#\s*[^\s#].{0,80}?#\}", re.DOTALL)
#: A template literal of JavaScript, or of Lodash, whatever it computes.
_DOLLAR = re.compile(r"\$\{[^{}]{0,200}?[A-Za-z_$][^{}]{0,200}\}")
_ESCAPED = re.compile(r"&(?:lt|#60|#x3c);%.{0,80}?(?:%(?:&(?:gt|#62|#x3e);|>)|\Z)", re.DOTALL | re.IGNORECASE)


def check_literal(text: str, names: Collection[str], *, underscore: bool) -> None:
    """Raises ValueError when ``text``, which a template prints as it stands, has a tag in it.

    ``names`` are those that the template may speak of. ``underscore``: it is one of Underscore's, which knows no tags
    of Jinja2.
    """
    tag = _JINJA.search(text) if underscore else None
    if tag is not None:
        raise ValueError(f"{quoted(tag[0])} is Jinja2, and <% is Underscore's: write the whole template in one of them")
    tag = _DOLLAR.search(text) or _ESCAPED.search(text) or _named(frozenset(names)).search(text)
    if tag is not None:
        right = "<%= sender.name %>" if underscore else "{{ sender.name }}"
        raise ValueError(f"{quoted(tag[0])} would be printed as it stands: write {right} for a value")


@lru_cache(maxsize=8)
def _named(names: frozenset[str]) -> re.Pattern[str]:
    """``{name}``, ``%name%``, ``%(name)s``, ``$name`` and ``[[name]]`` of what a template knows, and paths such as
    ``sender.name`` in any other signs. ``{senderName}`` and ``{sender_name}`` are meant for the same."""
    members = "|".join((*IDENTITY_NAMES, *_ALSO))
    known = "|".join(sorted({*names, *IDENTITY_NAMES, *_ALSO, *_TEXT}, key=len, reverse=True))
    known = rf"(?:sender|recipient)[_ -]?(?:{members})|{known}"
    path = rf"(?:{known})(?:\.\w+|\[[^\[\]]{{0,80}}\])*"
    return re.compile(
        rf"\{{\s*{path}\s*(?:[!:|][^{{}}]{{0,80}})?\}}|%{path}%|%\({path}\)|\$\{{?\s*(?:{known})\b|\[\[\s*{path}\s*\]\]"
        rf"|\b(?:sender|recipient)\.(?:{members})\b",
        re.IGNORECASE,
    )
