"""The parameters of Nexmo's webhooks, in the three forms they come in.

Source: Vonage SMS API documentation, "Inbound SMS" and "Delivery receipts". An account chooses between a GET with
the parameters in the query, a POST of a form, and a POST of a flat JSON object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from nexmo_twisted.errors import BadRequest

Pairs = Sequence[tuple[str, str]]

_MOST_PARAMETERS = 64
_LONGEST_VALUE = 128  # characters of anything but a text
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def parameter_sets(query: bytes, content_type: str, body: bytes) -> tuple[Pairs, Pairs]:
    """The parameters of the body and those of the query, decoded once and in the order they came.

    ``content_type`` is the bare type in lower case. Raises BadRequest, which names the place, when either cannot
    be read. The two are never mixed: a signature speaks for one of them.
    """
    return _body_pairs(content_type, body) if body else (), _form_pairs(query, "the query")


def by_name(pairs: Pairs) -> Mapping[str, str]:
    """The values of one set. Raises BadRequest for a repeated name: nobody knows which value was meant."""
    params = dict(pairs)
    if len(params) != len(pairs):
        raise BadRequest("a parameter is repeated")
    return params


def required(params: Mapping[str, str], name: str) -> str:
    """A number, an id or a word. Raises BadRequest, which names it, unless it is there and usable."""
    value = optional(params, name)
    if not value:
        raise BadRequest(f"{name} is missing")
    return value


def optional(params: Mapping[str, str], name: str) -> str:
    """The same, but blank when it is not there."""
    value = params.get(name, "")
    if len(value) > _LONGEST_VALUE or _CONTROL.search(value):
        raise BadRequest(f"{name} is unusable")
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
