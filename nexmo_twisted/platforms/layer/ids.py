"""The ids of Layer's objects. Source: Layer documentation, Platform API."""

from __future__ import annotations

import re

#: What stands before the UUID in the id of a conversation, and of a message.
CONVERSATION = "layer:///conversations/"
MESSAGE = "layer:///messages/"

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
CONVERSATION_ID = re.compile(f"{CONVERSATION}({UUID})")
MESSAGE_ID = re.compile(f"{MESSAGE}({UUID})")
