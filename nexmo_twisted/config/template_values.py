"""The kinds of values that depend on what the chat platform tells of a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator
from pydantic_core.core_schema import ValidationInfo

from nexmo_twisted.config.urls import function
from nexmo_twisted.config.validators import FUNCTION, text
from nexmo_twisted.config.values import Kind
from nexmo_twisted.platforms.layer import settings as layer
from nexmo_twisted.platforms.webhook import settings as webhook
from nexmo_twisted.templates import compiled

#: What a template can speak of, by platform.
_NAMES = {
    "layer": compiled.COMMON_NAMES | layer.TEMPLATE_NAMES,
    "webhook": compiled.COMMON_NAMES | webhook.TEMPLATE_NAMES,
}


def template(value: object, info: ValidationInfo) -> str:
    source = text(value)
    names = _NAMES.get(info.data.get("platform", ""))
    if names is not None:  # else the platform is a fault of its own
        compiled.compile_template(source, names=names)
    return source


def introduction(value: object, info: ValidationInfo) -> str | Callable[..., Any]:
    if callable(value):
        return value
    if isinstance(value, str) and not value.strip():
        return ""
    if FUNCTION.fullmatch(text(value)):
        return function(text(value))
    return template(value, info)


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
