"""Introductions: the text before the first SMS of a conversation on a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nexmo_twisted.engine.customer_functions import CustomerFunctions
from nexmo_twisted.ports import Introduction, Template


class TemplateIntroduction:
    """A template over the message, with ``conversation`` as the chat platform has it."""

    def __init__(self, template: Template) -> None:
        self._template = template

    async def introduce(self, context: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
        return self._template.render({**context, "conversation": conversation})


class CustomIntroduction:
    """The customer's own function ``f(message, conversation)``; None introduces nothing."""

    def __init__(self, functions: CustomerFunctions, function: Callable[..., Any]) -> None:
        self._functions = functions
        self._function = function

    async def introduce(self, context: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
        text = await self._functions.call(self._function, dict(context), dict(conversation))
        if text is None:
            return ""
        if not isinstance(text, str):
            raise TypeError(f"introduce_conversation returned {type(text).__name__}, not a text")
        return text


_: tuple[type[Introduction], ...] = (TemplateIntroduction, CustomIntroduction)
