"""What the parts of the control API have in common: a command is read, checked, done and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from klein import Klein
from twisted.web.http import Request
from twisted.web.resource import Resource
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from nexmo_twisted.sandbox.http.messages import SimulatedResponse, json_response
from nexmo_twisted.sandbox.http.serving import BadInput, json_object, write
from nexmo_twisted.sandbox.json_fields import refuse_unknown
from nexmo_twisted.sandbox.layer.webhooks import Gone, NoParticipant, NoSuch


def error(status: int, reason: str) -> SimulatedResponse:
    return json_response(status, {"error": reason})


def refuse_politely(app: Klein) -> None:
    """Have the app of a class answer wrong paths and methods as everything else is answered here."""

    @app.handle_errors(NotFound, RequestRedirect)
    def unknown_path(self: object, request: Any, failure: object) -> bytes:  # noqa: ARG001 - Klein's handlers have them
        return write(request, error(404, "there is nothing at this path"))

    @app.handle_errors(MethodNotAllowed)
    def wrong_method(self: object, request: Any, failure: object) -> bytes:  # noqa: ARG001 - Klein's handlers have them
        return write(request, error(405, "this method is not allowed here"))


def obey(
    request: Request, act: Callable[..., Mapping[str, Any]], *names: str, more: tuple[str, ...] = (), status: int = 200
) -> bytes:
    """Hand these members of the body to ``act``, all of them strings that are not blank, and by name whatever there is
    of ``more``. What it gives is answered with ``status``; a ValueError, NoSuch, Gone or NoParticipant is a 422."""
    return write(request, _obeyed(request, act, names, more, status))


def _obeyed(
    request: Request, act: Callable[..., Mapping[str, Any]], names: tuple[str, ...], more: tuple[str, ...], status: int
) -> SimulatedResponse:
    try:
        body = json_object(request)
        refuse_unknown(body, (*names, *more))
        for name in names:
            if not isinstance(body.get(name), str) or not body[name]:
                raise ValueError(f"{name} must be a string, and not blank")
        others = {name: body[name] for name in more if name in body}
        return json_response(status, act(*(body[name] for name in names), **others))
    except BadInput as bad:
        return error(bad.status, bad.reason)
    except ValueError as wrong:
        return error(422, str(wrong))
    except NoSuch as missing:
        return error(422, f"there is no such {missing}")
    except Gone as gone:
        return error(422, f"the {gone} was deleted")
    except NoParticipant as stranger:
        return error(422, f"the {stranger} is no participant")


class Root(Resource):
    """What everything of the sandbox is below.

    Its control asks for no credentials, and those of its companies are public. Served on loopback, it is
    still within reach of every page in a browser on this machine, so a request that comes from another page than
    ours, or by a name that is not this machine's, is refused.
    """

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        return super().getChildWithDefault(path, request) if own(request) else _Refused()


class Control(Resource):
    """The control API, put together: each of ``parts`` serves the paths that begin with its word, ``rest`` all else."""

    def __init__(self, rest: Resource) -> None:
        super().__init__()
        self.parts: dict[bytes, Resource] = {}
        self._rest = rest

    def getChild(self, path: bytes, request: Any) -> Resource:
        request.postpath.insert(0, request.prepath.pop())
        return self.parts.get(path, self._rest)


def own(request: Request) -> bool:
    """Whether a request was made by our page, or by no page at all."""
    host = request.requestHeaders.getRawHeaders("host", [""])[0]
    origins = request.requestHeaders.getRawHeaders("origin", [f"http://{host}"])
    return host.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]") and origins == [f"http://{host}"]


class _Refused(Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        return write(request, error(403, "only the sandbox's own page may do that"))
