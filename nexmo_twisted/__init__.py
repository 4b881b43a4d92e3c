"""Unread Layer messages become SMS through Nexmo, and the answers come back into the conversation.

For a ``.tac`` file::

    from twisted.application.service import Application
    from nexmo_twisted import load, make_service

    application = Application("nexmo")
    make_service(load("nexmo.toml", identities=my_function)).setServiceParent(application)
"""

from __future__ import annotations

from nexmo_twisted.config import Settings, load
from nexmo_twisted.errors import ConfigurationError
from nexmo_twisted.service import make_service

__all__ = ["ConfigurationError", "Settings", "load", "make_service"]
