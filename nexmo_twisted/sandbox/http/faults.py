"""Faults as data: when a request looks like this, answer that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from nexmo_twisted.sandbox.json_fields import members, refuse_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with requests to the simulated companies.

    A request is meant when it fits everything that is not blank: ``path`` and ``text`` are parts of the
    request's path and message text, ``number`` is the phone number it is about, ``method`` the HTTP method.

    What happens then: after ``delay`` seconds the connection is closed (``drop``), or the fault's own answer is
    given: ``status`` (HTTP), ``nexmo_status`` (the status in Nexmo's answer; several, separated by commas, for the
    parts of a long text, the last one for all that follow), ``body``, ``retry_after`` (seconds). ``headers`` are
    added to whichever answer is given. The request has no effect, unless ``done`` is set: then it takes effect
    first, and fails after that. A fault that has nothing to answer only delays.

    ``times`` is how many requests it meets; 0 means all of them.
    """

    path: str = ""
    number: str = ""
    text: str = ""
    method: str = ""
    status: int | None = None
    nexmo_status: str | None = None
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None
    delay: float = 0.0
    drop: bool = False
    done: bool = False
    times: int = 1

    @property
    def answers(self) -> bool:
        """Whether it replaces the answer."""
        return any(part is not None for part in (self.status, self.nexmo_status, self.body, self.retry_after))

    @property
    def accepts_a_part(self) -> bool:
        """Whether Nexmo's answer says that some part of the text was accepted, so that it must be."""
        return "0" in [code.strip() for code in (self.nexmo_status or "").split(",")]

    def meets(self, path: str, method: str, number: str, text: str) -> bool:
        """Whether it is meant for this request."""
        return (
            self.path in path
            and self.text in text
            and self.number in ("", number)
            and self.method.upper() in ("", method)
        )

    def as_json(self) -> dict[str, object]:
        """The members that say something; what :meth:`from_json` makes this fault of."""
        said = {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }
        if self.body is not None:
            said["body"] = self.body.decode("utf-8", "replace")
        if self.headers:
            said["headers"] = dict(self.headers)
        return said

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Fault:
        """A fault from a JSON object with the same names; ``body`` is text, ``headers`` an object.

        Raises ValueError, saying which member is wrong.
        """
        refuse_unknown(values, members(cls))
        for name, value in values.items():
            wanted, allowed = _SHAPES[name]
            # In Python a bool is an int; in JSON it is not.
            if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise ValueError(f"{name} must be {allowed}")
        made: dict[str, object] = dict(values)
        status, body, headers = made.get("status"), made.get("body"), made.get("headers")
        if isinstance(status, int) and not 200 <= status <= 599:
            raise ValueError("status must be a number from 200 to 599")
        for name in ("delay", "retry_after", "times"):
            number = made.get(name, 0)
            if isinstance(number, int | float) and not 0 <= number < float("inf"):
                raise ValueError(f"{name} must not be negative")
        if isinstance(body, str):
            made["body"] = body.encode("utf-8")
        if isinstance(headers, dict):
            if not all(isinstance(value, str) for value in headers.values()):
                raise ValueError("headers must be an object of strings")
            made["headers"] = tuple(headers.items())
        return cls(**made)  # type: ignore[arg-type]


_TEXT = (str, "a string")
_NUMBER = ((int, float), "a number")
_SWITCH = (bool, "true or false")
_SHAPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "path": _TEXT,
    "number": _TEXT,
    "text": _TEXT,
    "method": _TEXT,
    "status": (int, "a number from 200 to 599"),
    "nexmo_status": _TEXT,
    "body": _TEXT,
    "headers": (dict, "an object of strings"),
    "retry_after": _NUMBER,
    "delay": _NUMBER,
    "drop": _SWITCH,
    "done": _SWITCH,
    "times": (int, "a whole number"),
}


@dataclass(slots=True)
class _Armed:
    fault: Fault
    met: int = 0


@dataclass(slots=True)
class Faults:
    """The faults in force, oldest first."""

    _armed: list[_Armed] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Put one more fault in force, behind the others."""
        self._armed.append(_Armed(fault))

    def __len__(self) -> int:
        """How many are in force."""
        return len(self._armed)

    def as_json(self) -> list[dict[str, object]]:
        """What they are, each with the number of requests it has met (``met``)."""
        return [{**armed.fault.as_json(), "times": armed.fault.times, "met": armed.met} for armed in self._armed]

    def remove(self, fault: Fault) -> None:
        """Take this one out of force, if it still is."""
        self._armed = [armed for armed in self._armed if armed.fault is not fault]

    def clear(self) -> None:
        """Everything works again."""
        self._armed.clear()

    def take(self, path: str, method: str, number: str = "", text: str = "") -> Fault | None:
        """The first fault meant for this request, counted as met; None when all goes well."""
        for armed in self._armed:
            if armed.fault.meets(path, method, number, text):
                armed.met += 1
                if armed.met == armed.fault.times:
                    self._armed.remove(armed)
                return armed.fault
        return None
