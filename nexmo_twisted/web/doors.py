"""What the doors for webhooks have in common: where what comes in is taken, and how it is answered.

No answer has a body, apart from the echo that Layer asks for: nothing here is meant for people.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from nexmo_twisted.boundaries import Counters
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.model import InboundSms, MessageEvent
from nexmo_twisted.web.shield import shielded

log = Logger()


class Intake(Protocol):
    """Where webhooks go once they are read: stored when the call returns. Each may raise StoreUnavailable."""

    async def layer_event(self, event: MessageEvent) -> None:
        """Join one event to what is known of its message."""

    async def inbound_sms(self, sms: InboundSms) -> None:
        """Take one SMS from a handset, once however often it is delivered."""

    async def quarantine(self, source: str, reason: str, raw: bytes) -> None:
        """Keep the raw webhook of ``source`` ("layer" or "nexmo") for an operator to look at."""


class Reception:
    """Takes webhooks from the doors to the intake: not too many at once, and each one to its end.

    ``places`` is how many are worked on at a time. One reception serves all doors of a process.
    """

    def __init__(self, intake: Intake, counters: Counters, places: int = 256) -> None:
        self.intake = intake
        self.counters = counters
        self._places = places
        self._taken = 0
        self._waiting: list[Deferred[None]] = []

    def full(self) -> bool:
        """Whether there is no place left; to be asked before anything is taken. A yes is counted."""
        if self._taken < self._places:
            return False
        self.counters.count("webhooks", "busy")
        return True

    def take(self, work: Coroutine[Any, Any, None], outcome: str, code: int) -> Deferred[int]:
        """Finish ``work`` even if the client hangs up. Fires with the status to answer: ``code``, or 503 when it
        failed and the sender should come again. Counts ``outcome`` of webhooks, or the failure."""
        self._taken += 1
        return shielded(Deferred.fromCoroutine(self._finish(work, outcome, code)))

    def idle(self) -> Deferred[None]:
        """Fires when nothing is being worked on: then the store may be closed."""
        waiting: Deferred[None] = Deferred()
        if self._taken:
            self._waiting.append(waiting)
        else:
            waiting.callback(None)
        return waiting

    async def _finish(self, work: Coroutine[Any, Any, None], outcome: str, code: int) -> int:
        try:
            await work
        except StoreUnavailable:
            outcome, code = "unavailable", 503
        except Exception:
            log.failure("A webhook could not be stored")
            outcome, code = "failed", 503
        finally:
            self._taken -= 1
            if not self._taken:
                waiting, self._waiting = self._waiting, []
                for each in waiting:
                    each.callback(None)
        self.counters.count("webhooks", outcome)
        return code


class Door(Protocol):
    """A Klein app with a route '/', and its reception."""

    @property
    def app(self) -> Klein: ...

    @property
    def reception(self) -> Reception: ...


def answer(request: Request, code: int) -> bytes:
    """An answer without a body."""
    request.setResponseCode(code)
    if code != 204:
        request.setHeader(b"content-length", b"0")
    if code == 503:
        request.setHeader(b"retry-after", b"5")
    return b""


def source_of(request: Request) -> str:
    """The address a request came from, for the log."""
    return str(getattr(request.client, "host", "-"))


def content_type_of(request: Request) -> str:
    """The content type in lower case without its parameters, '' when there is none."""
    value = request.getHeader(b"content-type") or b""
    return value.partition(b";")[0].strip().lower().decode("latin-1")


def handle_errors(app: Klein) -> None:
    """Give the app of a door its answers to whatever its routes do not answer: 404, 405, and 503 rather than 500,
    since the senders come again. Klein tries handlers in the order of their definition."""

    @app.handle_errors(HTTPException)  # type: ignore[arg-type]
    def no_route(door: Door, request: Request, failure: Failure) -> bytes:
        if not isinstance(failure.value, MethodNotAllowed):
            return answer(request, 404)
        request.setHeader(b"allow", ", ".join(sorted(failure.value.valid_methods or ())).encode())
        return answer(request, 405)

    @app.handle_errors(Exception)
    def failed(door: Door, request: Request, failure: Failure) -> bytes:
        log.failure("A webhook could not be handled", failure)
        door.reception.counters.count("webhooks", "failed")
        return answer(request, 503)


def root(layer_path: str, layer_door: Door, nexmo_path: str, nexmo_door: Door) -> IResource:
    """All that is served to the internet: the two doors under their paths (of any number of segments)."""
    return _Entrance({layer_path: layer_door.app.resource(), nexmo_path: nexmo_door.app.resource()})


class _Entrance(Resource):
    """Leads each request to its door, and keeps from Klein what Klein answers with an error of its own.

    That is a Host header which is no host name, and a path which is not UTF-8.
    """

    isLeaf = True

    def __init__(self, doors: dict[str, Resource]) -> None:
        super().__init__()
        paths = {tuple(path.strip("/").encode().split(b"/")): door for path, door in doors.items()}
        self._doors = sorted(paths.items(), key=lambda item: -len(item[0]))  # the longest path that fits

    def render(self, request: Request) -> Any:
        postpath = request.postpath or []
        for path, door in self._doors:
            if tuple(postpath[: len(path)]) == path:
                rest = postpath[len(path) :]
                if rest and not _is_utf8(rest):
                    break
                request.prepath, request.postpath = list(path), rest or [b""]
                request.requestHeaders.setRawHeaders(b"host", [b"localhost"])
                return door.render(request)
        return answer(request, 404)


def _is_utf8(segments: list[bytes]) -> bool:
    try:
        b"/".join(segments).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
