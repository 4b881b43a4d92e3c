"""What is known after one attempt to send an SMS: the one table, and how an answer is looked up in it.

*Not sent* and *account* are tried again, *refused* is over, *uncertain* must be settled by other evidence
before the SMS is tried again: so nothing is lost and nothing doubled. Sources: Vonage SMS API, the statuses of
a send request; Vonage knowledge base 205065817, throttling. Statuses 13, 16, 18, 19 and 20 are known from
older clients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nexmo_twisted.domain.backoff import named_wait
from nexmo_twisted.domain.model import Outcome, Verdict
from nexmo_twisted.domain.phones import masked

ACCEPTED, NOT_SENT, UNCERTAIN = Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.UNCERTAIN
ACCOUNT_ERROR, REFUSED = Verdict.ACCOUNT_ERROR, Verdict.REFUSED


@dataclass(frozen=True, slots=True)
class StatusRule:
    """One line of the table. ``alarm``: an operator should look, since the next SMS will fare no better; ``exceeded``:
    the limit that was."""

    verdict: Verdict
    name: str
    alarm: bool = False
    exceeded: Literal["", "account", "number"] = ""


#: ``messages[].status`` of a send request
STATUSES: Final[Mapping[int, StatusRule]] = {
    0: StatusRule(ACCEPTED, "accepted"),
    1: StatusRule(NOT_SENT, "throttled", exceeded="number"),
    2: StatusRule(ACCOUNT_ERROR, "missing parameter", alarm=True),
    3: StatusRule(REFUSED, "invalid parameter"),
    4: StatusRule(ACCOUNT_ERROR, "invalid credentials", alarm=True),
    5: StatusRule(UNCERTAIN, "internal error"),
    6: StatusRule(REFUSED, "invalid message"),
    7: StatusRule(REFUSED, "number barred"),
    8: StatusRule(ACCOUNT_ERROR, "account barred", alarm=True),
    9: StatusRule(ACCOUNT_ERROR, "no credit left", alarm=True),
    10: StatusRule(NOT_SENT, "too many connections"),
    11: StatusRule(ACCOUNT_ERROR, "account not enabled for HTTP", alarm=True),
    12: StatusRule(REFUSED, "message too long"),
    13: StatusRule(UNCERTAIN, "communication failure"),
    14: StatusRule(ACCOUNT_ERROR, "invalid signature", alarm=True),
    15: StatusRule(REFUSED, "invalid sender address", alarm=True),
    16: StatusRule(REFUSED, "invalid time to live"),
    17: StatusRule(REFUSED, "blocked by provider"),
    18: StatusRule(REFUSED, "too many destinations"),
    19: StatusRule(ACCOUNT_ERROR, "facility not allowed on the account", alarm=True),
    20: StatusRule(REFUSED, "invalid message class"),
    22: StatusRule(REFUSED, "invalid network code"),
    23: StatusRule(ACCOUNT_ERROR, "invalid callback URL", alarm=True),
    29: StatusRule(REFUSED, "destination not permitted while the account is in demo mode", alarm=True),
    32: StatusRule(ACCOUNT_ERROR, "signature and secret both sent", alarm=True),
    33: StatusRule(REFUSED, "number deactivated"),
}
#: an undocumented status is final, and logged as an error: trying again might never end
UNDOCUMENTED: Final = StatusRule(REFUSED, "undocumented status", alarm=True)

#: HTTP statuses that decide by themselves. 408 means that the server gave up in the middle of the request
HTTP: Final[Mapping[int, StatusRule]] = {
    401: StatusRule(ACCOUNT_ERROR, "authentication failed", alarm=True),
    402: StatusRule(ACCOUNT_ERROR, "payment required", alarm=True),
    408: StatusRule(UNCERTAIN, "request timed out"),
    429: StatusRule(NOT_SENT, "too many requests", exceeded="account"),
}
#: the other statuses by their hundreds, where the body tells no more. A 3xx or 4xx comes from something in
#: front of the SMS API or from a wrong ``api_url``: nothing was sent, the next SMS will fare no better, and
#: the alarm calls an operator
HUNDREDS: Final[Mapping[int, StatusRule]] = {
    3: StatusRule(ACCOUNT_ERROR, "redirected, which is never followed", alarm=True),
    4: StatusRule(ACCOUNT_ERROR, "request refused", alarm=True),
    5: StatusRule(UNCERTAIN, "server error"),
}
UNREADABLE: Final = StatusRule(UNCERTAIN, "unreadable answer", alarm=True)

#: several parts, none accepted: what may have been sent outweighs what was not, then what can still be sent
WEIGHT: Final[Sequence[Verdict]] = (UNCERTAIN, ACCOUNT_ERROR, NOT_SENT, REFUSED)

_MOST_PARTS: Final = 50  # no SMS of ours has so many
_LONGEST_TEXT: Final = 500  # characters of an error text that are looked at; the documented ones have 100
LONGEST_WAIT: Final = 60.0  #: seconds a throttle text is believed; its wording is no contract
_WAIT = re.compile(r"wait\W{0,4}(\d{1,9})", re.ASCII | re.IGNORECASE)
_INTERVAL = re.compile(
    r"INTERVAL\s*\[\s*(\d{1,9})\s*\].*?TIME_SINCE\w*\s*\[\s*(\d{1,9})\s*\]", re.ASCII | re.IGNORECASE
)
#: how it is told that status 1 is about the whole account and not about the sender alone
_ACCOUNT_WIDE = re.compile(r"exceeded maximum MT throughput|capacity allowed on this account", re.IGNORECASE)
_NUMBER = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){4,}")


def judge_answer(http_status: int, retry_after: str | None, body: bytes, *, date: str | None = None) -> Outcome:
    """The outcome of an answered SMS request. ``retry_after`` and ``date`` are the headers of that name.

    A 200 is judged by every ``messages[].status``: one accepted part makes the SMS accepted, with an alarm if
    others were not, and it is never sent again. A 200 without a verdict may stand for a sent SMS: uncertain.
    """
    wait = named_wait(retry_after, date)
    where = f"HTTP {http_status}"
    if http_status in HTTP:
        # Should some part have been taken all the same, sending again would double it.
        parts = [part for part in _parts(_read(body)) if _known(part) is not None]
        judged = _judge_parts(parts, wait) if parts else None
        if judged is not None and judged.verdict in (ACCEPTED, UNCERTAIN):
            return judged
        return _outcome(HTTP[http_status], where, wait=wait)
    if 200 <= http_status < 300:
        return _judge_body(_read(body), where, wait)
    known = HUNDREDS.get(http_status // 100, UNREADABLE)
    if known.verdict is ACCOUNT_ERROR:
        # A refusal may carry the SMS API's own, more exact verdict.
        parts = [part for part in _parts(_read(body)) if _known(part) is not None]
        if parts:
            return _judge_parts(parts, wait)
    return _outcome(known, where, wait=wait)


def judge_failure(sent_any: bool, reason: str) -> Outcome:
    """The outcome of an SMS request without an answer: all depends on whether any byte may have gone out."""
    return Outcome(verdict=UNCERTAIN if sent_any else NOT_SENT, reason=reason)


def _judge_body(document: Mapping[str, Any], where: str, wait: float | None) -> Outcome:
    parts = _parts(document)
    if parts:
        return _judge_parts(parts, wait)
    code = _integer(document.get("error-code"))
    if code in (401, 402, 429):
        return _outcome(HTTP[code], f"error-code {code}", wait=wait)
    return _outcome(UNREADABLE, where)


def _judge_parts(parts: Sequence[Mapping[str, Any] | None], wait: float | None) -> Outcome:
    judged = [_judge_part(part, wait) for part in parts]
    accepted = [outcome for outcome in judged if outcome.verdict is ACCEPTED]
    others = [outcome for outcome in judged if outcome.verdict is not ACCEPTED]
    if not accepted:
        return min(others, key=lambda outcome: WEIGHT.index(outcome.verdict))
    ids = tuple(message_id for outcome in accepted for message_id in outcome.message_ids)
    alarm = f"only {len(accepted)} of {len(judged)} parts accepted: {others[0].reason}" if others else ""
    return Outcome(verdict=ACCEPTED, reason=alarm or "accepted", message_ids=ids, alarm=alarm)


def _judge_part(part: Mapping[str, Any] | None, wait: float | None) -> Outcome:
    known = _known(part)
    if part is None or known is None:
        return _outcome(UNREADABLE, "no status")
    if known.verdict is ACCEPTED:
        message_id = part.get("message-id")
        ids = (message_id,) if isinstance(message_id, str) and 0 < len(message_id) <= 100 else ()
        return Outcome(verdict=ACCEPTED, reason=known.name, message_ids=ids)
    text = part.get("error-text")
    text = text[:_LONGEST_TEXT] if isinstance(text, str) else ""
    if known.verdict is NOT_SENT:
        named = _wait_in(text)
        wait = wait if named is None else named
    return _outcome(known, f"status {part['status']}", text, wait)


def _known(part: Mapping[str, Any] | None) -> StatusRule | None:
    status = None if part is None else _integer(part.get("status"))
    return None if status is None else STATUSES.get(status, UNDOCUMENTED)


def _outcome(known: StatusRule, where: str, text: str = "", wait: float | None = None) -> Outcome:
    reason = f"{where}: {known.name}"
    if text:
        reason += f" ({_safe(text)})"
    later = known.verdict in (NOT_SENT, ACCOUNT_ERROR)
    return Outcome(
        verdict=known.verdict,
        reason=reason,
        retry_after=wait if later else None,
        alarm=reason if known.alarm else "",
        exceeded="account" if known.exceeded and _ACCOUNT_WIDE.search(text) else known.exceeded,
        # That is said of one SMS, and to an account that may send. What is not documented may be said of anything.
        account_works=known.verdict is REFUSED and known is not UNDOCUMENTED,
    )


def _read(body: bytes) -> Mapping[str, Any]:
    """The JSON object of the body, whatever its declared charset; empty when it is none."""
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _parts(document: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
    """One entry for each part of the SMS, None for a part that is announced or listed but not readable."""
    messages = document.get("messages")
    if not isinstance(messages, list):
        # Refused credentials were seen as a bare {"status": "4", "error-text": ...}.
        return [document] if "status" in document and "error-text" in document else []
    listed = messages[:_MOST_PARTS]
    parts: list[Mapping[str, Any] | None] = [entry if isinstance(entry, dict) else None for entry in listed]
    announced = _integer(document.get("message-count"))
    if parts and max(announced or 0, len(messages)) > len(parts):
        parts.append(None)
    return parts


def _integer(value: object) -> int | None:
    """The values are strings today; a number would mean the same. No code has more than four digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4:
        return int(value)
    return value if type(value) is int and 0 <= value <= 9999 else None


def _wait_in(text: str) -> float | None:
    """The seconds a throttle text asks for: "please wait [ 978 ]" or the rest of its INTERVAL, both in ms."""
    found = _WAIT.search(text)
    if found:
        return min(int(found[1]) / 1000, LONGEST_WAIT)
    found = _INTERVAL.search(text)
    if found:
        return min(max(int(found[1]) - int(found[2]), 0) / 1000, LONGEST_WAIT)
    return None


def _safe(text: str) -> str:
    """A provider's text as a log may show it: one short line, numbers masked."""
    line = "".join(char if char.isprintable() else " " for char in text[:200])
    line = _NUMBER.sub(lambda found: masked(re.sub(r"\D", "", found[0])), line)
    return line if len(line) <= 80 else line[:79] + "…"
