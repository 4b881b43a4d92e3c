"""The kinds of values that depend on what the chat platform tells of a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator

from nexmo_twisted.config.urls import function
from nexmo_twisted.config.validators import FUNCTION, text
from nexmo_twisted.config.values import Kind
from nexmo_twisted.platforms.layer.settings import TEMPLATE_NAMES
from nexmo_twisted.templates import compiled

#: What a template can speak of.
_NAMES = compiled.COMMON_NAMES | TEMPLATE_NAMES


def template(value: object) -> str:
    source = text(value)
    compiled.compile_template(source, names=_NAMES)
    return source


def introduction(value: object) -> str | Callable[..., Any]:
    if callable(value):
        return value
    if isinstance(value, str) and not value.strip():
        return ""
    if FUNCTION.fullmatch(text(value)):
        return function(text(value))
    compiled.compile_template(text(value), names=_NAMES)
    return text(value)


TemplateValue = Annotated[
    str,
    PlainValidator(template),
    Kind("template", "a Jinja2 template, or one of Underscore with <%= name %>"),
]
IntroductionValue = Annotated[
    str | Callable[..., Any],
    PlainValidator(introduction),
    Kind("template or function", 'a template, "package.module:function", a Python function, or "" for none'),
]
