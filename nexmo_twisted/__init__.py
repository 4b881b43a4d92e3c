"""Unread Layer messages become SMS through Nexmo, and the answers come back into the conversation.

For a ``.tac`` file::

    from twisted.application.service import Application
    from nexmo_twisted import load, make_service

    application = Application("nexmo")
    make_service(load("nexmo.toml", identities=my_function)).setServiceParent(application)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexmo_twisted.config.loading import load
    from nexmo_twisted.config.models import Settings
    from nexmo_twisted.errors import ConfigurationError
    from nexmo_twisted.service import make_service

__version__ = "1.0.0"

__all__ = ["ConfigurationError", "Settings", "load", "make_service"]

_HOMES = {
    "ConfigurationError": "errors",
    "Settings": "config.models",
    "load": "config.loading",
    "make_service": "service",
}


def __getattr__(name: str) -> Any:
    """Only what is asked for is imported: an import of a pure function does not import a Redis client."""
    if name in _HOMES:
        return getattr(import_module(f"nexmo_twisted.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
