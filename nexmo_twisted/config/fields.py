"""What every table of settings is made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def setting(sentence: str, default: Any = ..., **more: Any) -> Any:
    """A field whose default is written as in TOML and checked like any other value; without one it is required."""
    return Field(default, description=sentence, validate_default=True, **more)


class Table(BaseModel):
    """A table of settings."""

    # A ValidationError would quote values, and so does its input; config.loading tells faults itself.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
