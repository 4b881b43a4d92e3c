"""What is seen from outside: which webhook was first sent and first acknowledged when, and which SMS were asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

from nexmo_twisted.sandbox.http.messages import SimulatedResponse, WebhookCall
from nexmo_twisted.sandbox.layer.webhooks import bare
from tests.chaos.names import pieces

#: What a webhook is about: ("sent", message, ""), ("read", message, user), ("receipt", Nexmo's message id, ""), or
#: ("reply", name of the part, Nexmo's message id).
Subject = tuple[str, str, str]


@dataclass(slots=True)
class Delivery:
    """Seconds since the epoch: when the first attempt at any copy began, and when the first one was answered 2xx."""

    began: float | None = None
    acknowledged: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to send an SMS, whatever became of it."""

    handset: str
    text: str
    at: float


@dataclass
class Observations:
    """``message_ids`` are Nexmo's, by the names of the parts of replies; ``barred`` are the handsets to which Nexmo
    refused an SMS for good, ``failed`` is when a request to send to a handset last was not answered as it should."""

    now: Callable[[], float]
    message_ids: dict[str, str] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    failed: dict[str, float] = field(default_factory=dict)
    deliveries: dict[Subject, Delivery] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    open: int = 0  #: webhooks that are neither acknowledged nor given up
    given_up: int = 0
    calls: int = 0

    def followed(self, call: WebhookCall) -> WebhookCall:
        """The call, with every attempt and its outcome noted down."""
        about = self._about(call)
        delivery = self.deliveries.setdefault(about, Delivery())
        self.open += 1
        self.calls += 1

        def wanted() -> bool:
            if delivery.began is None:
                delivery.began = self.now()
            if call.wanted():
                return True
            self.open -= 1
            return False

        def done(answer: SimulatedResponse | None) -> None:
            self.open -= 1
            if answer is None or not answer.ok:
                self.given_up += 1
            elif delivery.acknowledged is None:
                delivery.acknowledged = self.now()
            call.done(answer)

        return replace(call, wanted=wanted, done=done)

    def _about(self, call: WebhookCall) -> Subject:
        about = subject(call)
        if about[0] != "reply":
            return about
        name, message_id = about[1:]
        self.message_ids[name] = message_id
        return "reply", name, ""

    def attempted(self, handset: str, text: str) -> None:
        self.attempts.append(Attempt(handset, text, self.now()))

    def delivery(self, *about: str) -> Delivery:
        """Of this subject; an empty one when there was no such webhook."""
        kind, of, by = about
        return self.deliveries.get((kind, of, by), Delivery())


def subject(call: WebhookCall) -> Subject:
    """What a webhook of either company is about; blank for a verification."""
    if call.method == "GET":
        return "", "", ""
    if any(value.startswith("application/vnd.layer") for name, value in call.headers if name == "content-type"):
        body = json.loads(call.body)
        kind = body["event"]["type"].removeprefix("message.")
        by = body["event"]["actor"].get("user_id", "") if kind in ("delivered", "read") else ""
        return kind, bare(body["message"]["id"]), by
    form = parse_qs(call.body.decode())
    if "scts" in form:
        return "receipt", form["messageId"][0], ""
    return "reply", pieces(form["text"][0])[0], form["messageId"][0]
