"""Users as a chat of one's own tells of them, in its own form or as a directory does (SCIM 2.0).

Source: RFC 7643, section 4.1 (the User resource) and 2.4 (values of which one is primary).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nexmo_twisted.domain.invisible import is_blank
from nexmo_twisted.platforms.webhook.payload import Person

_LONGEST = 1000  # characters of a member
_SCIM = "urn:ietf:params:scim:schemas:core:2.0:User"
#: Members of which a user has at least one: what has none of them is none.
_OWN = frozenset({"id", "name", "phone", "sms"})


def profile(user_id: str, person: Person, **more: str) -> dict[str, Any]:
    """As :class:`nexmo_twisted.ports.ChatPlatform` says. Who wants no texts has no phone."""
    return {
        "userId": user_id,
        "name": person.name or user_id,
        "avatarUrl": "",
        "firstName": "",
        "lastName": "",
        "email": "",
        "metadata": {},
        **more,
        "phone": (person.phone or "") if person.sms else "",
    }


def read_user(user_id: str, user: Mapping[str, Any]) -> dict[str, Any] | None:
    """The profile in the answer to a question for a user; None when it is none."""
    schemas = user.get("schemas")
    if isinstance(schemas, list) and _SCIM in schemas:
        return _scim(user_id, user)
    if _OWN.isdisjoint(user):
        return None
    return profile(user_id, Person(_text(user, "name"), _phone(user.get("phone")), user.get("sms") is not False))


def _scim(user_id: str, user: Mapping[str, Any]) -> dict[str, Any]:
    given = user.get("name")
    name: Mapping[str, Any] = given if isinstance(given, dict) else {}
    first, last = _text(name, "givenName"), _text(name, "familyName")
    shown = _text(user, "displayName") or _text(name, "formatted") or f"{first} {last}".strip()
    phone, email = _primary(user.get("phoneNumbers")), _primary(user.get("emails"))
    person = Person(shown, _phone(phone), user.get("active") is not False)
    return profile(user_id, person, firstName=first, lastName=last, email=email if isinstance(email, str) else "")


def _primary(given: object) -> object:
    """The value that is primary, else that of a mobile phone, else the first one."""
    found = [each for each in given if isinstance(each, dict) and each.get("value")] if isinstance(given, list) else []
    found.sort(key=lambda each: (each.get("primary") is not True, each.get("type") != "mobile"))
    return found[0]["value"] if found else None


def _phone(value: object) -> str | int | None:
    if type(value) is int:
        return value
    return value[:_LONGEST] if isinstance(value, str) else None


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value[:_LONGEST].strip() if isinstance(value, str) and not is_blank(value) else ""
