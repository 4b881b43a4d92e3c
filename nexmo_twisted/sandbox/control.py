"""What people do, as JSON over HTTP: users write and read, handsets answer, companies fail.

For the demo, for curl, and for tests of a whole process. It asks for no credentials: serve it on loopback only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from klein import Klein
from twisted.web.http import Request
from twisted.web.resource import Resource
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from nexmo_twisted.sandbox.answering import BadInput, json_object, write
from nexmo_twisted.sandbox.faults import Fault, Faults
from nexmo_twisted.sandbox.layer import Conversation, SimulatedLayer
from nexmo_twisted.sandbox.layer_webhooks import Gone, NoParticipant, NoSuch, iso
from nexmo_twisted.sandbox.nexmo import SimulatedNexmo
from nexmo_twisted.sandbox.parts_plan import PartsPlan
from nexmo_twisted.sandbox.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.wire import Answer, json_answer

_HANDSET = re.compile(r"([0-9]{7,15})?")


class ControlApi:
    """Serves ``/state``, ``/messages``, ``/read``, ``/delivered``, ``/replies``, ``/faults`` and ``/receipts``."""

    app = Klein()

    def __init__(self, layer: SimulatedLayer, nexmo: SimulatedNexmo, faults: Faults) -> None:
        self._layer = layer
        self._nexmo = nexmo
        self._faults = faults

    @property
    def resource(self) -> Resource:
        """The root of the API, for a Site or a parent resource."""
        return self.app.resource()

    @app.route("/state", methods=["GET"])
    def state(self, request: Request) -> bytes:
        return write(
            request,
            json_answer(
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

    @app.route("/messages", methods=["POST"])
    def messages(self, request: Request) -> bytes:
        def send(conversation: str, sender: str, text: str) -> Answer:
            return json_answer(201, {"id": self._layer.send(conversation, sender, text)})

        return self._do(request, send, "conversation", "sender", "text")

    @app.route("/delivered", methods=["POST"])
    def delivered(self, request: Request) -> bytes:
        def deliver(message: str, user: str) -> Answer:
            self._layer.mark_delivered(message, user)
            return json_answer(200, {})

        return self._do(request, deliver, "message", "user")

    @app.route("/read", methods=["POST"])
    def read(self, request: Request) -> bytes:
        def read(message: str, user: str) -> Answer:
            self._layer.mark_read(message, user)
            return json_answer(200, {})

        return self._do(request, read, "message", "user")

    @app.route("/replies", methods=["POST"])
    def replies(self, request: Request) -> bytes:
        """A handset writes to one of the numbers. A text longer than one SMS is delivered in parts::

            {"handset": "12015550112", "number": "12015550101", "text": "...", "order": [3, 1, 1], "concat": true}

        The last two, and ``"shuffled": true``, may be left out; they are the members of :class:`PartsPlan`.
        """

        def reply(handset: str, number: str, text: str, **plan: object) -> Answer:
            if number not in self._nexmo.numbers:
                raise NoSuch("number")
            try:
                parts = PartsPlan.from_json(plan) if plan else None
            except ValueError as wrong:
                raise BadInput(422, str(wrong)) from None
            return json_answer(201, {"id": self._nexmo.reply(handset, number, text, parts)})

        return self._do(request, reply, "handset", "number", "text", more=("order", "shuffled", "concat"))

    @app.route("/faults", methods=["POST"])
    def add_fault(self, request: Request) -> bytes:
        try:
            self._faults.add(Fault.from_json(json_object(request)))
        except ValueError as wrong:
            return write(request, _error(422, str(wrong)))
        except BadInput as bad:
            return write(request, _error(bad.status, bad.reason))
        return write(request, json_answer(201, {}))

    @app.route("/faults", methods=["DELETE"])
    def clear_faults(self, request: Request) -> bytes:
        self._faults.clear()
        return write(request, json_answer(200, {}))

    @app.route("/receipts", methods=["POST"])
    def plan_receipts(self, request: Request) -> bytes:
        """What delivery receipts come from now on, all members being those of :class:`ReceiptPlan`::

            {"handset": "12015550112", "statuses": ["buffered", "failed"], "err_code": "6",
             "early": false, "times": 1, "delay": 30, "client_ref": true}

        Each may be left out and then has its default: one receipt, ``delivered``, right after the answer.
        ``{"statuses": []}`` switches receipts off. Without ``handset`` it is for all that have no plan of their own.
        """
        try:
            body = dict(json_object(request))
            handset = body.pop("handset", "")
            if not isinstance(handset, str) or not _HANDSET.fullmatch(handset):
                raise ValueError("handset must be a phone number in digits")
            plan = ReceiptPlan.from_json(body)
        except ValueError as wrong:
            return write(request, _error(422, str(wrong)))
        except BadInput as bad:
            return write(request, _error(bad.status, bad.reason))
        if handset:
            self._nexmo.receipts_of[handset] = plan
        else:
            self._nexmo.receipts = plan
        return write(request, json_answer(200, {}))

    @app.route("/receipts", methods=["DELETE"])
    def forget_receipt_plans(self, request: Request) -> bytes:
        """Every handset has the default receipts again."""
        self._nexmo.receipts = ReceiptPlan()
        self._nexmo.receipts_of.clear()
        return write(request, json_answer(200, {}))

    @app.handle_errors(NotFound, RequestRedirect)
    def unknown_path(self, request: Any, failure: object) -> bytes:
        return write(request, _error(404, "there is nothing at this path"))

    @app.handle_errors(MethodNotAllowed)
    def wrong_method(self, request: Any, failure: object) -> bytes:
        return write(request, _error(405, "this method is not allowed here"))

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

    def _do(self, request: Request, act: Callable[..., Answer], *names: str, more: tuple[str, ...] = ()) -> bytes:
        """Hand these members of the body to ``act``, all of them strings that are not blank, and by name whatever there
        is of ``more``."""
        try:
            body = json_object(request)
            for name in sorted(body.keys() - {*names, *more}):
                raise BadInput(422, f"unknown: {name}; known: {', '.join((*names, *more))}")
            for name in names:
                if not isinstance(body.get(name), str) or not body[name]:
                    raise BadInput(422, f"{name} must be a string, and not blank")
            others = {name: body[name] for name in more if name in body}
            return write(request, act(*(body[name] for name in names), **others))
        except BadInput as bad:
            return write(request, _error(bad.status, bad.reason))
        except NoSuch as missing:
            return write(request, _error(422, f"there is no such {missing}"))
        except Gone as gone:
            return write(request, _error(422, f"the {gone} was deleted"))
        except NoParticipant as stranger:
            return write(request, _error(422, f"the {stranger} is no participant"))


def _error(status: int, reason: str) -> Answer:
    return json_answer(status, {"error": reason})
