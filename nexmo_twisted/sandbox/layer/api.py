"""The simulated Layer's REST API, as strict as the documentation of the real one.

Source of the facts: Layer documentation, Platform API and Webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from nexmo_twisted.sandbox.http.faults import Faults
from nexmo_twisted.sandbox.http.messages import SimulatedResponse, json_response
from nexmo_twisted.sandbox.http.serving import BadInput, RawSegments, under_faults, write
from nexmo_twisted.sandbox.layer.bodies import check_message, check_webhook
from nexmo_twisted.sandbox.layer.requests import PLATFORM, WEBHOOKS, admit, create, text_of, user_of
from nexmo_twisted.sandbox.layer.responses import Refusal, broken
from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.layer.webhooks import Gone, NoParticipant, NoSuch


class LayerApi:
    """Serves ``/apps/<app_id>/...`` for one simulated Layer."""

    app = Klein()
    app.url_map.merge_slashes = False

    def __init__(self, layer: SimulatedLayer, *, token: str, faults: Faults, clock: IReactorTime) -> None:
        self._layer = layer
        self._token = token
        self._faults = faults
        self._clock = clock

    @property
    def resource(self) -> Resource:
        """The root of the API, for a Site or a parent resource."""
        return RawSegments(self.app.resource())

    # Users, conversations and messages

    @app.route("/apps/<app_id>/users/<user>/identity", methods=["GET"])
    async def identity(self, request: Request, app_id: str, user: str) -> bytes:
        return await self._serve(
            request, app_id, PLATFORM, lambda: json_response(200, self._layer.identity(user_of(user)))
        )

    @app.route("/apps/<app_id>/conversations/<uuid>", methods=["GET"])
    async def conversation(self, request: Request, app_id: str, uuid: str) -> bytes:
        def answer() -> SimulatedResponse:
            return json_response(200, self._layer.conversation_json(self._layer.conversation(uuid)))

        return await self._serve(request, app_id, PLATFORM, answer)

    @app.route("/apps/<app_id>/conversations/<uuid>/messages", methods=["POST"])
    async def post_message(self, request: Request, app_id: str, uuid: str) -> bytes:
        def to_json(message_id: str) -> dict[str, Any]:
            return self._layer.message_json(self._layer.message(message_id))

        def answer() -> SimulatedResponse:
            self._layer.conversation(uuid)
            return create(request, self._layer.made, lambda body: self._send(uuid, body), to_json)

        return await self._serve(request, app_id, PLATFORM, answer, text_of(request))

    @app.route("/apps/<app_id>/users/<user>/messages/<uuid>", methods=["GET"])
    async def message_of_user(self, request: Request, app_id: str, user: str, uuid: str) -> bytes:
        def answer() -> SimulatedResponse:
            message, user_id = self._layer.message(uuid), user_of(user)
            if user_id not in message.recipient_status:
                raise NoSuch("message")
            unread = message.recipient_status[user_id] != "read"
            shown = self._layer.message_json(message)
            return json_response(200, {**shown, "is_unread": unread, "received_at": shown["sent_at"]})

        return await self._serve(request, app_id, PLATFORM, answer)

    @app.route("/apps/<app_id>/conversations/<uuid>/messages/<message_uuid>", methods=["GET"])
    async def message(self, request: Request, app_id: str, uuid: str, message_uuid: str) -> bytes:
        def answer() -> SimulatedResponse:
            conversation = self._layer.conversation(uuid)
            message = self._layer.message(message_uuid)
            if message.conversation is not conversation:
                raise NoSuch("message")
            shown = self._layer.message_json(message)
            return json_response(200, {**shown, "is_unread": None, "recipient_status": None})

        return await self._serve(request, app_id, PLATFORM, answer)

    # Webhooks

    @app.route("/apps/<app_id>/webhooks", methods=["GET"])
    async def webhooks(self, request: Request, app_id: str) -> bytes:
        def answer() -> SimulatedResponse:
            return json_response(200, [hook.as_json() for hook in self._layer.webhooks])

        return await self._serve(request, app_id, WEBHOOKS, answer)

    @app.route("/apps/<app_id>/webhooks", methods=["POST"])
    async def register(self, request: Request, app_id: str) -> bytes:
        def to_json(hook_id: str) -> dict[str, Any]:
            return self._layer.webhooks.get(hook_id).as_json()

        def answer() -> SimulatedResponse:
            return create(request, self._layer.made, self._register, to_json)

        return await self._serve(request, app_id, WEBHOOKS, answer)

    @app.route("/apps/<app_id>/webhooks/<uuid>", methods=["GET"])
    async def webhook(self, request: Request, app_id: str, uuid: str) -> bytes:
        return await self._serve(
            request, app_id, WEBHOOKS, lambda: json_response(200, self._layer.webhooks.get(uuid).as_json())
        )

    @app.route("/apps/<app_id>/webhooks/<uuid>", methods=["DELETE"])
    async def delete_webhook(self, request: Request, app_id: str, uuid: str) -> bytes:
        def answer() -> SimulatedResponse:
            self._layer.webhooks.delete(uuid)
            return SimulatedResponse(204)

        return await self._serve(request, app_id, WEBHOOKS, answer)

    @app.route("/apps/<app_id>/webhooks/<uuid>/activate", methods=["POST"])
    async def activate(self, request: Request, app_id: str, uuid: str) -> bytes:
        return await self._serve(
            request, app_id, WEBHOOKS, lambda: json_response(200, self._layer.webhooks.activate(uuid).as_json())
        )

    @app.route("/apps/<app_id>/webhooks/<uuid>/deactivate", methods=["POST"])
    async def deactivate(self, request: Request, app_id: str, uuid: str) -> bytes:
        return await self._serve(
            request,
            app_id,
            WEBHOOKS,
            lambda: json_response(200, self._layer.webhooks.deactivate(uuid).as_json()),
        )

    @app.handle_errors(NotFound, RequestRedirect)
    def unknown_path(self, request: Any, failure: Failure) -> bytes:  # noqa: ARG002 - Klein's handlers have it
        return write(request, Refusal(404, "There is nothing at this path.", name="invalid_endpoint").answer)

    @app.handle_errors(MethodNotAllowed)
    def wrong_method(self, request: Any, failure: Failure) -> bytes:  # noqa: ARG002 - Klein's handlers have it
        return write(request, Refusal(405, "This method is not allowed here.").answer)

    # What they have in common

    async def _serve(
        self,
        request: Request,
        app_id: str,
        accepted: frozenset[str],
        answer: Callable[[], SimulatedResponse],
        text: str = "",
    ) -> bytes:
        async def effect() -> SimulatedResponse:
            try:
                admit(request, accepted, self._token)
                if app_id != self._layer.app_id:
                    raise Refusal(403, "There is no such app.", name="invalid_app_id")
                return answer()
            except Refusal as refusal:
                return refusal.answer
            except BadInput as bad:
                return Refusal(bad.status, bad.reason, {"property": bad.member} if bad.member else None).answer
            except NoSuch as missing:
                return Refusal(404, f"There is no such {missing}.").answer
            except Gone as gone:
                return Refusal(410, f"The {gone} was deleted.").answer
            except NoParticipant as stranger:
                return Refusal(403, f"The {stranger} is no participant.", name="not_participant").answer

        return await under_faults(request, self._faults, self._clock, effect, broken, text=text)

    def _send(self, conversation_id: str, body: Mapping[str, Any]) -> str:
        check_message(body)
        sender, parts = body["sender"], body["parts"]
        if sender.get("user_id") is None:
            return self._layer.send_as_bot(conversation_id, sender["name"], parts=parts)
        return self._layer.send(conversation_id, sender["user_id"], parts=parts)

    def _register(self, body: Mapping[str, Any]) -> str:
        check_webhook(body)
        hook = self._layer.webhooks.register(
            body["target_url"],
            body["events"],
            body["secret"],
            version=body["version"],
            config=body.get("config"),
        )
        return hook.id
