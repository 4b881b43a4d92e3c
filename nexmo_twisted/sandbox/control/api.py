"""What people do, as JSON over HTTP: users write, read and delete, handsets answer.

For the sandbox's page, the demo, curl, and tests of a whole process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from klein import Klein
from twisted.web.http import Request
from twisted.web.resource import Resource

from nexmo_twisted.sandbox.control.commands import obey, refuse_politely
from nexmo_twisted.sandbox.http.messages import json_response
from nexmo_twisted.sandbox.http.serving import write
from nexmo_twisted.sandbox.json_fields import members
from nexmo_twisted.sandbox.layer.simulator import Conversation, SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import NoSuch, iso
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo


class ControlApi:
    """Serves ``/state``, ``/users``, ``/conversations``, ``/messages``, ``/delivered``, ``/read``, ``/deleted`` and
    ``/replies``."""

    app = Klein()
    refuse_politely(app)

    def __init__(self, layer: SimulatedLayer, nexmo: SimulatedNexmo) -> None:
        self._layer = layer
        self._nexmo = nexmo

    @property
    def resource(self) -> Resource:
        """The root of the API, for a Site or a parent resource."""
        return self.app.resource()

    @app.route("/state", methods=["GET"])
    def state(self, request: Request) -> bytes:
        return write(
            request,
            json_response(
                200,
                {
                    "users": self._layer.users,
                    "conversations": [self._conversation(each) for each in self._layer.conversations.values()],
                    "handsets": {
                        msisdn: [{**asdict(sms), "at": iso(sms.at)} for sms in thread]
                        for msisdn, thread in self._nexmo.handsets().items()
                    },
                    "webhooks": [hook.as_json() for hook in self._layer.webhooks],
                    "numbers": {
                        msisdn: {"country": number.country, "inbound_url": number.inbound_url}
                        for msisdn, number in self._nexmo.numbers.items()
                    },
                },
            ),
        )

    @app.route("/users", methods=["POST"])
    def users(self, request: Request) -> bytes:
        """One more person; ``phone`` as people write it, or blank for none::

        {"id": "dan", "name": "Dan", "phone": "+1 201 555 0114"}
        """

        def add(id: str, name: str, phone: object = "") -> Mapping[str, Any]:
            if id in self._layer.users:
                raise ValueError("there is a user of that id already")
            if not isinstance(phone, str):
                raise ValueError("phone must be a string")
            self._layer.add_user(id, display_name=name, phone_number=phone or None)
            return {"id": id}

        return obey(request, add, "id", "name", more=("phone",), status=201)

    @app.route("/conversations", methods=["POST"])
    def conversations(self, request: Request) -> bytes:
        """A new conversation; the first of the ``participants``, user ids, starts it::

        {"participants": ["ann", "bob"], "name": "Dinner"}
        """

        def start(participants: object = None, name: object = "") -> Mapping[str, Any]:
            if not isinstance(participants, list) or len(participants) < 2 or len(set(map(str, participants))) < 2:
                raise ValueError("participants must be a list of at least two user ids")
            if not all(isinstance(user, str) and user in self._layer.users for user in participants):
                raise NoSuch("user")
            if not isinstance(name, str):
                raise ValueError("name must be a string")
            metadata = {"conversationName": name, "title": name} if name.strip() else {}
            return {"id": self._layer.start_conversation(list(dict.fromkeys(participants)), metadata)}

        return obey(request, start, more=("participants", "name"), status=201)

    @app.route("/messages", methods=["POST"])
    def messages(self, request: Request) -> bytes:
        def send(conversation: str, sender: str, text: str) -> Mapping[str, Any]:
            return {"id": self._layer.send(conversation, sender, text)}

        return obey(request, send, "conversation", "sender", "text", status=201)

    @app.route("/delivered", methods=["POST"])
    def delivered(self, request: Request) -> bytes:
        def deliver(message: str, user: str) -> Mapping[str, Any]:
            self._layer.mark_delivered(message, user)
            return {}

        return obey(request, deliver, "message", "user")

    @app.route("/read", methods=["POST"])
    def read(self, request: Request) -> bytes:
        def read(message: str, user: str) -> Mapping[str, Any]:
            self._layer.mark_read(message, user)
            return {}

        return obey(request, read, "message", "user")

    @app.route("/deleted", methods=["POST"])
    def deleted(self, request: Request) -> bytes:
        def delete(message: str) -> Mapping[str, Any]:
            self._layer.delete_message(message)
            return {}

        return obey(request, delete, "message")

    @app.route("/replies", methods=["POST"])
    def replies(self, request: Request) -> bytes:
        """A handset writes to one of the numbers. A text longer than one SMS is delivered in parts::

            {"handset": "12015550112", "number": "12015550101", "text": "...", "order": [3, 1, 1], "concat": true}

        The last two, and ``"shuffled": true``, may be left out; they are the members of :class:`PartsPlan`.
        """

        def reply(handset: str, number: str, text: str, **plan: object) -> Mapping[str, Any]:
            if number not in self._nexmo.numbers:
                raise NoSuch("number")
            parts = PartsPlan.from_json(plan) if plan else None
            return {"id": self._nexmo.reply(handset, number, text, parts)}

        return obey(request, reply, "handset", "number", "text", more=members(PartsPlan), status=201)

    def _conversation(self, conversation: Conversation) -> Mapping[str, Any]:
        return {
            "id": conversation.id,
            "participants": conversation.participants,
            "metadata": conversation.metadata,
            "deleted": conversation.deleted,
            "messages": [
                {
                    "id": message.id,
                    "sender": message.user_id or message.name,
                    "text": message.text,
                    "sent_at": iso(message.sent_at),
                    "recipient_status": message.recipient_status,
                }
                for message in self._layer.messages(conversation.id)
            ],
        }
