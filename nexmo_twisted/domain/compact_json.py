"""JSON in few bytes."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json


def dump(value: Any) -> str:
    """JSON without spaces. (The standard library makes an encoder for every call, which takes longer than using it.)"""
    return to_json(value, inf_nan_mode="constants").decode()
