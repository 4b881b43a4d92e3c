"""Templates: what an SMS says, written by the operator in Jinja2 or, as in the Node service, with Underscore.

They come from the configuration only, so what guards them is meant for accidents: whatever a message holds, a
template prints at most 10,000 characters and does not run away. Users' texts are data, never interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any

from jinja2 import TemplateSyntaxError, meta, nodes

from nexmo_twisted.errors import Permanent
from nexmo_twisted.templates import jinja, underscore
from nexmo_twisted.templates.jinja import LIMIT
from nexmo_twisted.templates.literals import IDENTITY_NAMES, check_literal
from nexmo_twisted.templates.underscore import quoted

COMMON_NAMES = frozenset({"text", "sender", "recipient", "conversation"})
"""What a template can speak of on any platform; ``sender`` and ``recipient`` are identities."""


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. ``names`` are the top-level names it uses: nothing else need be fetched for it."""

    source: str
    names: frozenset[str]
    _print: Callable[[dict[str, Any]], Iterator[str]] = field(repr=False, compare=False)

    def render(self, context: Mapping[str, Any]) -> str:
        """What the template says of ``context``, cut at 10,000 characters.

        What is missing or None prints '', True prints 'true', a list prints its members with commas. Raises
        Permanent(code="template") when the template fails on this data, such as by a division by zero.
        """
        failure = ""
        chunks: list[str] = []
        length = 0
        try:
            values = {name: context[name] for name in self.names if context.get(name) is not None}
            for chunk in self._print(values):
                chunks.append(chunk)
                length += len(chunk)
                if length > LIMIT:
                    break
        except Exception as error:  # its text may hold the user's
            failure = type(error).__name__
        if failure:
            raise Permanent(f"the template failed with {failure}", code="template")
        return "".join(chunks)[:LIMIT]


def compile_template(source: str, names: Collection[str]) -> Template:
    """The template of ``source``, which may speak of ``names``.

    It is Underscore's if it holds ``<%``, else Jinja2. ValueError for what can be neither, could only fail, or would
    print a tag of another language as it stands, in one sentence that quotes the offending text and says what to
    write instead.
    """
    return _underscore(source, names) if "<%" in source else _jinja(source, names)


def _underscore(source: str, names: Collection[str]) -> Template:
    pieces = underscore.parse(source, lambda snippet: _compiles(snippet, names))
    used = frozenset(piece.name for piece in pieces if isinstance(piece, underscore.Path))
    _check_names(used, names)
    for piece in pieces:
        if isinstance(piece, str):
            check_literal(piece, names, underscore=True)

    def print_(values: dict[str, Any]) -> Iterator[str]:
        return (piece if isinstance(piece, str) else piece.text(values) for piece in pieces)

    return Template(source, used, print_)


def _jinja(source: str, names: Collection[str]) -> Template:
    try:
        tree = jinja.parse(source)
        used = meta.find_undeclared_variables(tree)
        used |= {name.name for name in tree.find_all(nodes.Name)} & {"self", "super"}
        _check_names(used, names)
        for literal in tree.find_all(nodes.TemplateData):
            check_literal(literal.data, names, underscore=False)
        template = jinja.compiled(tree)
    except TemplateSyntaxError as error:
        raise ValueError(_syntax(source, error, names)) from None
    except (RecursionError, SyntaxError):
        raise ValueError(f"{quoted(source)} is nested too deeply: write it in fewer levels") from None

    return Template(source, frozenset(used), partial(jinja.chunks, template))


def _compiles(source: str, names: Collection[str]) -> bool:
    try:
        _jinja(source, names)
    except ValueError:
        return False
    return True


def _check_names(used: Collection[str], names: Collection[str]) -> None:
    for name in sorted(set(used) - set(names)):
        if name in IDENTITY_NAMES:
            advice = f"sender.{name} or recipient.{name}"
        else:
            advice = " or ".join(get_close_matches(name, names)) or "one of " + ", ".join(sorted(names))
        raise ValueError(f"'{name}' is nothing that a template knows: write {advice}")


def _syntax(source: str, error: TemplateSyntaxError, names: Collection[str]) -> str:
    line = jinja.line(source, error.lineno)
    mended = re.sub(r"(\{[{%])(.*?)([%}]\})", lambda tag: f"{tag[1]} {underscore.in_jinja(tag[2])} {tag[3]}", source)
    if line.count("{{") > line.count("}}"):
        advice = "end it with }}"
    elif line.count("{%") > line.count("%}"):
        advice = "end it with %}"
    elif mended != source and _compiles(mended, names):
        advice = f"write {jinja.line(mended, error.lineno)}"
    else:
        advice = "write {{ sender.name }} for a value, {% if sender.name %}…{% endif %} for a condition"
    reason = (error.message or "").rstrip(".").replace(". ", "; ")
    return f"{quoted(line)} is not Jinja2 ({reason}): {advice}"
