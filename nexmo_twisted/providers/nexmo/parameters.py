"""The parameters of Nexmo's webhooks, in the three forms they come in.

Source: Vonage SMS API documentation, "Inbound SMS" and "Delivery receipts". An account chooses between a GET with
the parameters in the query, a POST of a form, and a POST of a flat JSON object. Vonage adds parameters as it likes, so
a fault in one that is not read is no reason to reject the others.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nexmo_twisted.domain.invisible import HALVES, is_blank
from nexmo_twisted.errors import BadRequest
from nexmo_twisted.web.json_depth import read_any_depth
from nexmo_twisted.web.responses import is_json

#: Names and values as they came. A value is None when it is no text: an object, a list, or bytes that are not UTF-8. A
#: name that is no text is blank, and so has no value either.
Found = Sequence[tuple[str, str | None]]
#: Those of a set in which every value is a text.
Pairs = Sequence[tuple[str, str]]

_MOST_PARAMETERS = 1000  # of one set; an ordinary one has a dozen
_MOST_PIECES = 10_000  # brackets and commas of a JSON body, those in its texts included
_MOST_STRAYS = 1000  # percent signs of one value that begin no escape; with more it is no text
_LONGEST_NAME = 128  # bytes as it is written
LONGEST_TEXT = 40_000  # characters; an SMS has at most 255 parts of 153
_LONGEST_VALUE = 128  # characters of anything but a text
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parameter_sets(
    query: bytes, content_type: str, body: bytes, names: Collection[str] | None = None
) -> tuple[Found, Found]:
    """The parameters of the body and those of the query, decoded once and in the order they came.

    ``content_type`` is the bare type in lower case; without one, a body that begins like an object is JSON. The two are
    never mixed: a signature speaks for one of them. One that cannot be read is as good as none beside the other. Raises
    BadRequest, which names the place, when nothing is left.

    With ``names`` it is enough to decode these: that is quick, whatever strangers post beside them.
    """
    sets: list[Found] = []
    faults = []
    for read in (lambda: _body_pairs(content_type, body, names), lambda: _form_pairs(query, "the query", names)):
        try:
            sets.append(read())
        except BadRequest as error:
            sets.append(())
            faults.append(error)
    if faults and not any(sets):
        raise faults[0]
    in_body, in_query = sets
    return in_body, in_query


def by_name(found: Found, names: Collection[str], needed: Collection[str]) -> Mapping[str, str | None]:
    """The values that have one of these names; None for one that has two of them.

    Raises BadRequest for one of those that are needed and have two: it is not known which was meant.
    """
    params: dict[str, str | None] = {}
    for name, value in found:
        if name in needed and params.get(name, value) != value:
            raise BadRequest("a parameter is repeated with another value")
        if name in names:
            params[name] = value if params.get(name, value) == value else None
    return params


def all_text(found: Found) -> Pairs:
    """The same set for a signature, which covers every value. Raises BadRequest when one of them is no text."""
    pairs = [(name, value) for name, value in found if value is not None]
    if len(pairs) != len(found):
        raise BadRequest("a parameter is not text, so the signature cannot be verified")
    return pairs


def required(params: Mapping[str, str | None], name: str) -> str:
    """A number, an id or a word. Raises BadRequest, which names it, unless it is there and usable."""
    value = params.get(name, "")
    if value is not None and is_blank(value) and not _CONTROL.search(value):
        raise BadRequest(f"{name} is missing")
    if value is None or not _usable(value):
        raise BadRequest(f"{name} is invalid")
    return value


def optional(params: Mapping[str, str | None], name: str) -> str:
    """The same, but blank when it is not there or cannot be used."""
    value = params.get(name) or ""
    return value if _usable(value) and not is_blank(value) else ""


def _usable(value: str) -> bool:
    return len(value) <= _LONGEST_VALUE and not _CONTROL.search(value)


def _body_pairs(content_type: str, body: bytes, names: Collection[str] | None) -> Found:
    body = body.removeprefix(BOM_UTF8)
    if not body:
        return ()
    if is_json(content_type) or (not content_type and body.lstrip()[:1] == b"{"):
        return _json_pairs(body, names)
    if content_type in ("application/x-www-form-urlencoded", ""):
        return _form_pairs(body, "the body", names)
    raise BadRequest("the content type is neither a form nor JSON")


def _form_pairs(raw: bytes, place: str, names: Collection[str] | None) -> Found:
    if raw.count(b"&") >= _MOST_PARAMETERS:
        raise BadRequest(f"{place} is not a form: it has more than {_MOST_PARAMETERS} parameters")
    found = []
    for piece in raw.split(b"&"):
        raw_name, _, raw_value = piece.partition(b"=")
        if piece:
            name = _decoded(raw_name) if len(raw_name) <= _LONGEST_NAME else None
            found.append(_named(name, _decoded(raw_value) if names is None or name in names else None))
    return found


def _named(name: str | None, value: str | None) -> tuple[str, str | None]:
    return ("", None) if name is None else (name, value)


def _decoded(raw: bytes) -> str | None:
    """What is written in percent-encoding, None when that is no UTF-8 or longer than any text.

    ``urllib`` makes a Python object of every escape, and a megabyte of them stops the process for a tenth of a second.
    The escapes of Python's own strings are the same but for their beginning, and decoded in C.
    """
    if len(raw) - 2 * raw.count(b"%") > 4 * LONGEST_TEXT:
        return None
    spaced = _STRAY_PERCENT.sub(b"%25", raw.replace(b"+", b" "), _MOST_STRAYS)
    try:
        escaped = spaced.replace(b"\\", b"\\\\").replace(b"%", b"\\x")
        return escaped.decode("unicode_escape").encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return None


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object as they came, so that a repeated name is seen."""


#: Numbers stay the characters that were sent: 1e3 does not become 1000.0. What is none (NaN, Infinity) does.
_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=float, object_pairs_hook=_Members, strict=False
)


def _json_pairs(raw: bytes, names: Collection[str] | None) -> Found:
    if raw.count(b"{") + raw.count(b"[") + raw.count(b",") > _MOST_PIECES:
        raise BadRequest("the body is not a flat object: it has more brackets and commas than any SMS")
    try:
        members = read_any_depth(raw.decode("utf-8", "surrogateescape"), _DECODER.decode)
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(members, _Members) or len(members) > _MOST_PARAMETERS:
        raise BadRequest("the body is not a flat object")
    if names is not None:  # no signature covers it
        members = _Members((name, _without_halves(value) if name == "text" else value) for name, value in members)
    return [_named(_json_text(name), _json_text(value)) for name, value in members if value is not None]


def _without_halves(value: object) -> object:
    """A text that was cut within an emoji, without that half; of another one nothing is left out."""
    whole = HALVES.sub("", value) if isinstance(value, str) else value
    return value if isinstance(whole, str) and is_blank(whole) else whole


def _json_text(value: object) -> str | None:
    """A value of a JSON object as a form would have it; None when it is an object or a list, or holds bytes that are
    no UTF-8 or half a character."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) and not HALVES.search(value) else None
