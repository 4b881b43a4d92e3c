"""What a refusal by Layer means, and whether it is one: whatever stands in front of Layer says no as well.

Source of the facts: Layer documentation, Error handling. Every error is an object ``{code, id, message, url, data}``.
"""

from __future__ import annotations

import re
from typing import Any

from nexmo_twisted.errors import AccountFault, Intercepted, NexmoTwistedError, Permanent, Temporary
from nexmo_twisted.http_client.client import HttpResponse
from nexmo_twisted.http_client.responses import read_json, refusal

COMPANY = "Layer"

_NAME = re.compile("[a-z]+(?:_[a-z]+)*")
_WRONG_PATH = "invalid_endpoint"
#: What is wrong with the whole app, though the status says that something is forbidden.
_ACCOUNT = {"invalid_app_id": "does not know the app", "app_suspended": "has suspended the app"}


def read_json_or_none(answer: HttpResponse) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return read_json(COMPANY, answer)
    except Temporary:
        return None


def error_id(answer: HttpResponse) -> str:
    """The ``id`` of Layer's error object, blank when the answer holds none: a name alone is what others send, too, and
    the status as ``code``. Layer's codes are numbers of its own, its ids words such as ``not_found``."""
    error = read_json_or_none(answer)
    if not isinstance(error, dict) or type(error.get("code")) is not int or error["code"] in (0, answer.status):
        return ""
    name = error.get("id")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def foreign(answer: HttpResponse, missing: str) -> Intercepted:
    """The error that an answer with a good status stands for which lacks what Layer says in it."""
    return Intercepted(f"{COMPANY} answers {answer.status} without {missing}: check layer.api_url")


def gone(answer: HttpResponse) -> bool:
    """Whether Layer says that what was asked for does not exist, or no longer."""
    return answer.status in (404, 410) and error_id(answer) not in ("", _WRONG_PATH, *_ACCOUNT)


def refused(answer: HttpResponse) -> NexmoTwistedError:
    """The error that an answer without success stands for. Intercepted when it is not of Layer, or says that we do not
    speak to the right place."""
    error = refusal(COMPANY, answer.status, answer)
    if isinstance(error, Temporary) and answer.status < 400:
        reason = f"{COMPANY} answers {answer.status}, which it never does: check layer.api_url"
        return Intercepted(reason, error.retry_after)
    if not isinstance(error, Permanent):
        return error
    name = error_id(answer)
    if name in _ACCOUNT:
        return AccountFault(f"{COMPANY} {_ACCOUNT[name]}: check layer.app_id")
    if name and name != _WRONG_PATH:
        return error
    what = name or f"without {COMPANY}'s error object"
    return Intercepted(f"{COMPANY} answers {answer.status} {what}: check layer.api_url")
