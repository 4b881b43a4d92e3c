"""The sandbox's page: the chat, the handsets, and between them what the service does; with time and cases at hand."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource

from nexmo_twisted.durations import milliseconds
from nexmo_twisted.errors import StoreUnavailable
from nexmo_twisted.sandbox.clock import SkippingClock
from nexmo_twisted.sandbox.control.commands import error, obey, refuse_politely
from nexmo_twisted.sandbox.control.events import Events
from nexmo_twisted.sandbox.control.view import View
from nexmo_twisted.sandbox.http.messages import SimulatedResponse, json_response
from nexmo_twisted.sandbox.http.serving import BadInput, json_object, write
from nexmo_twisted.sandbox.layer.webhooks import NoSuch
from nexmo_twisted.sandbox.names import Names
from nexmo_twisted.sandbox.scenarios import CASES, Cases
from nexmo_twisted.sandbox.simulators import Simulators
from nexmo_twisted.sandbox.time_travel import AlreadyTravelling, TimeTravel
from nexmo_twisted.sandbox.timeline.timeline import Timeline

#: The page loads nothing from other servers, and no other page may frame it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    b"": ("page.html", "text/html"),
    b"page.css": ("page.css", "text/css"),
    b"page.js": ("page.js", "text/javascript"),
}


class Page:
    """Puts the page and what it needs below the root of ``sandbox``. ``reactor`` gives the machine's time."""

    def __init__(
        self,
        sandbox: Simulators,
        *,
        timeline: Timeline,
        names: Names,
        clock: SkippingClock,
        skipping: TimeTravel,
        reactor: IReactorTime,
    ) -> None:
        self.cases = Cases(sandbox, timeline=timeline, names=names, clock=clock)
        view = View(sandbox, timeline=timeline, names=names, clock=clock, cases=self.cases, skipping=skipping)
        self._events = Events(view.as_json, clock.wall, reactor)
        sandbox.resource.putChild(b"events", self._events)
        for path, (name, kind) in _FILES.items():
            content = (files("nexmo_twisted.sandbox.page") / "static" / name).read_bytes()
            sandbox.resource.putChild(path, _File(content, kind))
        api = PageApi(clock, skipping, self.cases).resource
        sandbox.control.parts |= {b"skip": api, b"cases": api}

    async def stop(self) -> None:
        await self.cases.stop()
        self._events.stop()


class _File(Resource):
    isLeaf = True

    def __init__(self, content: bytes, kind: str) -> None:
        super().__init__()
        self._content = content
        self._kind = kind

    def render_GET(self, request: Request) -> bytes:
        headers = (
            ("content-type", f"{self._kind}; charset=utf-8"),
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        )
        return write(request, SimulatedResponse(200, self._content, headers))


class PageApi:
    """Serves ``/skip`` and ``/cases``, which need the clock and the timeline."""

    app = Klein()
    refuse_politely(app)

    def __init__(self, clock: SkippingClock, skipping: TimeTravel, cases: Cases) -> None:
        self._clock = clock
        self._skipping = skipping
        self._cases = cases

    @property
    def resource(self) -> Resource:
        """The root of the API, for a parent resource."""
        return self.app.resource()

    @app.route("/skip", methods=["POST"])
    async def skip(self, request: Request) -> bytes:
        """Let time pass: ``{"by": "10 minutes"}``. Answered when all that falls due meanwhile has happened."""
        try:
            by = json_object(request).get("by")
            if not isinstance(by, str):
                raise ValueError('by must be a duration, such as "10 minutes"')
            await self._skipping.skip(milliseconds(by) / 1000)
        except BadInput as bad:
            return write(request, error(bad.status, bad.reason))
        except ValueError as wrong:
            return write(request, error(422, str(wrong)))
        except AlreadyTravelling:
            return write(request, error(409, "time is being skipped already"))
        except StoreUnavailable as away:
            return write(request, error(503, f"time was skipped up to where Redis failed: {away.reason}"))
        return write(request, json_response(200, {"ahead": self._clock.ahead}))

    @app.route("/cases", methods=["GET"])
    def cases(self, request: Request) -> bytes:
        """What there is to play."""
        known = [{"id": case.id, "title": case.title, "shows": case.shows} for case in CASES.values()]
        return write(request, json_response(200, {"cases": known, "playing": self._cases.playing}))

    @app.route("/cases", methods=["POST"])
    def play(self, request: Request) -> bytes:
        """Begin one: ``{"id": "throttled"}``. What it does and what comes of it is told by the timeline."""

        def play(id: str) -> Mapping[str, Any]:
            if id not in CASES:
                raise NoSuch("case")
            self._cases.play(CASES[id])
            return {}

        return obey(request, play, "id", status=202)
