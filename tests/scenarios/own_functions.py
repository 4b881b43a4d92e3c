"""Functions as a customer hands them over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def identity(user_id: str) -> dict[str, str]:
    return {"name": f"Mr. {user_id}", "phone": {"ann": "07700 900111", "bob": "07700 900112"}.get(user_id, "")}


async def introduce(_message: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
    return f"{conversation['metadata']['conversationName']}: answer here."
