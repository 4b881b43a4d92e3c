"""Underscore's templates: paths into data, followed and printed as JavaScript does.

Only paths are understood, such as ``<%= sender.metadata['team'].name %>``, or ``<%- parts[0].body %>``, which is
escaped for HTML as Underscore does it. Source: Underscore.js documentation, ``_.template``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2.sandbox import is_internal_attribute

from nexmo_twisted.domain.text import utf16_units

_TAG = re.compile(r"<%([=-]?)(.*?)%>", re.DOTALL)
_NAME = r"(?!\d)[\w$]+"
_STEP = rf"\s*(?:\.\s*({_NAME})|\[\s*(?:(\d+)|'([^'\\\n]*)'|\"([^\"\\\n]*)\")\s*\])"
_PATH = re.compile(rf"\s*({_NAME})((?:{_STEP})*)\s*")
_ARROW = re.compile(rf"<%[=-]?({_PATH.pattern})=>")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "`": "&#x60;"})


@dataclass(frozen=True, slots=True)
class Path:
    """A path into the data: a top-level name, then the members and indexes that lead on from there."""

    name: str
    steps: tuple[str | int, ...]
    escaped: bool

    def text(self, context: Mapping[str, Any]) -> str:
        value = context.get(self.name)
        for step in self.steps:
            value = member(value, step)
        return printed(value).translate(_ESCAPES) if self.escaped else printed(value)


def parse(source: str, accepted: Callable[[str], bool]) -> list[str | Path]:
    """The literal texts and the paths of an Underscore template.

    ValueError, in one sentence, for a tag that is not closed or not a path. It quotes the tag and says how to
    write it in Jinja2 if that can be derived and ``accepted`` agrees.
    """
    pieces: list[str | Path] = []
    at = 0
    while (opened := source.find("<%", at)) >= 0:
        if arrow := _ARROW.match(source, opened):
            path_text = arrow[1].strip()
            raise ValueError(f"{quoted(arrow[0])} ends with => instead of %>: write <%= {path_text} %>")
        tag = _TAG.match(source, opened)
        if tag is None or "<%" in tag[2]:
            line = re.split(r"\n|<%", source[opened + 2 :])[0]
            raise ValueError(f"{quoted('<%' + line)} is not closed: end it with %>")
        path = _path(tag[1], tag[2])
        if path is None:
            raise ValueError(_refusal(tag, accepted))
        pieces += [source[at:opened], path]
        at = tag.end()
    return [piece for piece in [*pieces, source[at:]] if piece]


def member(value: Any, key: Any) -> Any:
    """``value.key`` or ``value[key]`` as JavaScript reads data: no methods, None for what is not there."""
    if isinstance(value, Mapping):
        found = value.get(key)
        return value.get(str(key)) if found is None and isinstance(key, int) else found
    if isinstance(value, (str, list, tuple)):
        if key == "length":
            return utf16_units(value) if isinstance(value, str) else len(value)
        try:
            return value[int(key) if isinstance(key, str) and key.isdecimal() else key]
        except (IndexError, TypeError):
            return None
    if not isinstance(key, str) or key.startswith("_") or is_internal_attribute(value, key):
        return None
    found = getattr(value, key, None)
    return None if callable(found) else found


def printed(value: Any) -> str:
    """What a template prints for ``value``: the text that JavaScript makes of it, and '' for nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple, Iterator)):
        return ",".join(map(printed, value))
    return "[object Object]" if isinstance(value, Mapping) else str(value)


def in_jinja(expression: str) -> str:
    """``expression``, which is JavaScript, in Jinja2, as far as that is a matter of spelling."""
    literals: list[str] = []

    def hide(literal: re.Match[str]) -> str:
        literals.append(literal[0])
        return f"\0{len(literals) - 1}\0"

    text = re.sub(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", hide, expression.strip())
    for script, said in _SAID_IN_JINJA:
        text = re.sub(script, said, text)
    if literals:
        text = re.sub(r"\s*\+\s*", " ~ ", text)
    return re.sub(r"\0(\d+)\0", lambda hidden: literals[int(hidden[1])], text).strip()


_SAID_IN_JINJA = (
    (r"\s*\|\|\s*", " or "),
    (r"\s*&&\s*", " and "),
    (r"([=!]=)=", r"\1"),
    (r"!(?!=)\s*", "not "),
    (r"\b(null|undefined)\b", "none"),
    (r"\.to(Upp|Low)erCase\(\)", lambda found: "|" + found[1].lower() + "er"),
    (r"\.trim\(\)", "|trim"),
    (r"\.toString\(\)", "|string"),
    (r"\.split\(([^()]*)\)\[0\]", r"|split(\1)|first"),
    (r"\.(join|split|replace)\(", r"|\1("),
    (r"\.(?:slice|substr|substring)\((0),\s*(\d+)\)", r"[\1:\2]"),
    (r"\.(?:slice|substr|substring)\((\d+)\)", r"[\1:]"),
    (r"encodeURIComponent\(([^()]*)\)", r"\1|urlencode"),
    (r"^([^?]*?)\s*\?\s*([^:]*?)\s*:\s*(.*)$", r"\2 if \1 else \3"),
)

_LOOPS = (
    r"_\.(?:each|forEach|map)\(\s*(?P<over>.+?)\s*,\s*(?:function\s*\(|\(?)\s*(?P<name>\w+)",
    r"(?P<over>[\w$.]+)\.(?:forEach|map)\(\s*(?:function\s*\(|\(?)\s*(?P<name>\w+)",
    r"for\s*\(\s*(?:var|let|const)?\s*(?P<name>\w+)\s+(?:of|in)\s+(?P<over>[^)]+)\)",
    r"for\s*\(.*?(?P<over>[\w$.]+)\.length\b",
)


def _statement(code: str) -> str:
    """A JavaScript statement as Jinja2; '' when it is none of the usual ones."""
    code = code.strip()
    if found := re.fullmatch(r"if\s*\((.*)\)\s*\{?", code):
        return f"{{% if {in_jinja(found[1])} %}}…{{% endif %}}"
    for loop in _LOOPS:
        if found := re.match(loop, code):
            name = found.groupdict().get("name") or "item"
            return f"{{% for {name} in {in_jinja(found['over'])} %}}…{{% endfor %}}"
    if found := re.fullmatch(r"(?:var|let|const)\s+(\w+)\s*=\s*([^;]*);?", code):
        return f"{{% set {found[1]} = {in_jinja(found[2])} %}}"
    if found := re.fullmatch(r"print\((.*)\);?", code):
        return f"{{{{ {in_jinja(found[1])} }}}}"
    if code.startswith(("//", "/*")):
        return f"{{# {code.strip('/* ')} #}}"
    return ""


def _path(sign: str, code: str) -> Path | None:
    found = _PATH.fullmatch(code)
    if not sign or found is None:
        return None
    name = found[1]
    steps = [
        int(index) if index else dotted or single or double
        for dotted, index, single, double in re.findall(_STEP, found[2])
    ]
    if name == "obj" and steps and isinstance(steps[0], str):  # what Underscore itself calls the data
        name = steps.pop(0)
    return Path(name, tuple(steps), escaped=sign == "-")


def _refusal(tag: re.Match[str], accepted: Callable[[str], bool]) -> str:
    sign, code = tag[1], tag[2]
    if not sign and _PATH.fullmatch(code):
        return f"{quoted(tag[0])} prints nothing: write <%= {code.strip()} %>"
    advice = f"{{{{ {in_jinja(code)} }}}}" if sign else _statement(code)
    if advice and accepted(advice):
        return f"{quoted(tag[0])} is JavaScript: write {advice} and the rest of the template in Jinja2, too"
    return (
        f"{quoted(tag[0])} is JavaScript, of which only paths such as <%= sender.name %> are understood: "
        "write the template in Jinja2 instead, where filters such as {{ text|upper }} take the place of calls"
    )


def quoted(text: str) -> str:
    """``text`` for an error message: in quotes, on one line, at most 80 characters."""
    line = " ".join(text.split())
    return f"'{line if len(line) <= 80 else line[:79] + '…'}'"
