"""All that is served to the internet: a door for Layer and a door for Nexmo, under the paths they know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from nexmo_twisted.web.answers import Door, answer
from nexmo_twisted.web.layer import LayerDoor
from nexmo_twisted.web.nexmo import NexmoDoor
from nexmo_twisted.web.reception import Intake

__all__ = ["Door", "Intake", "LayerDoor", "NexmoDoor", "root"]


def root(doors: Mapping[str, Door]) -> IResource:
    """The doors under their paths (of any number of segments), and 404 for everything else."""
    return cast(IResource, _Entrance(doors))


class _Entrance(Resource):
    """Leads each request to its door, and spares Klein what it would answer with an error of its own.

    That is a Host header which is no host name, and a path which is not UTF-8.
    """

    isLeaf = True

    def __init__(self, doors: Mapping[str, Door]) -> None:
        super().__init__()
        known = [(path.strip("/").encode().split(b"/"), door.app.resource()) for path, door in doors.items()]
        self._doors: list[tuple[list[bytes], Any]] = sorted(known, key=lambda entry: -len(entry[0]))

    def render(self, request: Request) -> Any:
        segments = request.postpath or []
        for path, door in self._doors:  # the longest first
            if segments[: len(path)] == path:
                rest = segments[len(path) :]
                if rest and not _is_utf8(rest):
                    break
                request.prepath, request.postpath = path[:], rest or [b""]
                request.getRequestHostname = _any_name  # type: ignore[method-assign]
                return door.render(request)
        return answer(request, 404)


def _any_name() -> bytes:
    """What Klein takes for the host; no route depends on it."""
    return b"localhost"


def _is_utf8(segments: list[bytes]) -> bool:
    try:
        b"/".join(segments).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
