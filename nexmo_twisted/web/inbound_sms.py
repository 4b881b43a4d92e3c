"""Reading Nexmo's inbound webhooks: the three forms they come in, and the SMS they carry.

Source: Vonage SMS API documentation, "Inbound SMS". An account chooses between a GET with the parameters in
the query, a POST of a form, and a POST of a flat JSON object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from nexmo_twisted.errors import BadRequest
from nexmo_twisted.model import InboundSms

Pairs = Sequence[tuple[str, str]]

_MOST_PARAMETERS = 64
_LONGEST_VALUE = 128  # characters of a number or an id
_LONGEST_TEXT = 40_000  # characters; an SMS has at most 255 parts of 153
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def parameter_sets(query: bytes, content_type: str, body: bytes) -> tuple[Pairs, Pairs]:
    """The parameters of the body and those of the query, decoded once and in the order they came.

    ``content_type`` is the bare type in lower case. Raises BadRequest, which names the place, when either cannot
    be read. The two are never mixed: a signature speaks for one of them.
    """
    return _body_pairs(content_type, body) if body else (), _form_pairs(query, "the query")


def read_sms(pairs: Pairs) -> InboundSms:
    """The SMS in one set of parameters. Raises BadRequest, which names the parameter, when there is none."""
    params = dict(pairs)
    if len(params) != len(pairs):
        raise BadRequest("a parameter is repeated")
    message_id, msisdn, to = (_required(params, name) for name in ("messageId", "msisdn", "to"))
    text = params.get("text", "")
    if params.get("type") == "binary":
        raise BadRequest("type is binary, which carries no text")
    if not text.strip():
        raise BadRequest("text is empty")
    if len(text) > _LONGEST_TEXT:
        raise BadRequest("text is longer than any SMS")
    return InboundSms(message_id=message_id, msisdn=msisdn, to=to, text=text)


def _required(params: dict[str, str], name: str) -> str:
    value = params.get(name, "")
    if not value or len(value) > _LONGEST_VALUE or _CONTROL.search(value):
        raise BadRequest(f"{name} is missing or unusable")
    return value


def _body_pairs(content_type: str, body: bytes) -> Pairs:
    if content_type in ("application/x-www-form-urlencoded", ""):
        return _form_pairs(body, "the body")
    if content_type == "application/json":
        return _json_pairs(body)
    raise BadRequest("the content type is neither a form nor JSON")


def _form_pairs(raw: bytes, place: str) -> Pairs:
    try:
        return parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:  # not UTF-8, or too many
        raise BadRequest(f"{place} is not a form") from None


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object as they came, so that a repeated name is seen."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


#: Numbers stay the characters that were sent: 1e3 does not become 1000.0.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_Members)


def _json_pairs(raw: bytes) -> Pairs:
    try:
        members = _DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(members, _Members) or len(members) > _MOST_PARAMETERS:
        raise BadRequest("the body is not a flat object")
    pairs = [(name, _json_text(value)) for name, value in members if value is not None]
    try:
        "".join(name + value for name, value in pairs).encode("utf-8")
    except UnicodeEncodeError:
        raise BadRequest("the body holds half a character") from None
    return pairs


def _json_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise BadRequest("the body is not a flat object")
    return value
