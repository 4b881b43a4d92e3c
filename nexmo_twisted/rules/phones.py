"""Phone numbers: as their owners write them, as the SMS provider takes them, and as a log may show them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from nexmo_twisted.rules import numbering

_LONGEST = 60  # characters somebody may reasonably need to write one number down
_INBOUND = re.compile(r"(?:\+|00)?(\d{3,15})", re.ASCII)


class BadPhone(ValueError):
    """Not a phone number an SMS can go to. ``str(error)`` never shows a whole number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def masked(number: str) -> str:
    """A number as a log may show it: the last four digits of six or more, else none."""
    return f"…{number[-4:]}" if len(number) >= 6 else "…"


def e164(raw: object, region: str) -> str:
    """The E.164 digits, without ``+``, of a number as its owner wrote it; raises :class:`BadPhone`.

    ``region`` is the ISO country whose national forms are understood. The readings, in this order:

    1. ``+`` or ``00`` in front: an international number, whatever the region.
    2. A number of the region, with or without its trunk prefix, its country code or its international prefix
       (``011`` in the US).
    3. If that is impossible there: digits that already carry another country code, the ``+`` left out. Hence
       447700900123 is British also in the US, where no number has twelve digits; 4477009001 is not.

    Integers are read as their digits. A number must be possible (its length fits its country); it need not be
    assigned, since the ranges kept for fiction and tests are not. Letters and extensions are refused: neither
    reaches a handset.
    """
    if raw is None or raw == "":
        raise BadPhone("no phone")
    if isinstance(raw, str):
        return _e164(raw, region.upper())
    if type(raw) is int and 0 < raw < 10**15:
        return _e164(str(raw), region.upper())
    raise BadPhone("the phone is not text")


@lru_cache(maxsize=4096)
def _e164(raw: str, region: str) -> str:
    if len(raw) > _LONGEST:
        raise BadPhone("the phone is too long to be a number")
    text = raw.strip()
    if not text:
        raise BadPhone("no phone")
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(char, char)) for char in text)
    if any(char.isalpha() for char in text):
        raise BadPhone("the phone has letters in it")
    digits = "".join(char for char in text if char.isdecimal())
    if text[0] in "+＋":
        number = _possible(text, None)
    elif text.startswith("00"):
        number = _possible("+" + text[2:], None)
    else:
        number = _without_plus(text, digits, region)
    if number is None:
        raise BadPhone(f"{masked(digits)} is not a possible phone number")
    if number.extension:
        raise BadPhone(f"{masked(digits)} has an extension")
    result = _digits(number)
    again = _possible("+" + result, None)
    if not 7 <= len(result) <= 15 or again is None or _digits(again) != result:  # there is more in front to strip
        raise BadPhone(f"{masked(digits)} is not a possible phone number")
    return result


def _digits(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]


def _without_plus(text: str, digits: str, region: str) -> PhoneNumber | None:
    """The national reading. It gives way where it is impossible, and where there is no trunk prefix and the digits
    make a likelier handset with a country code in front: German numbers have no fixed length, 49170... and 4479...
    may be both. Two numbers in one field are none.
    """
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return None
    national = _possible(text, region)
    if national is None:
        return None if any(sign in text for sign in "/*#,;") else _possible("+" + digits, None)
    if not digits.startswith("0"):
        worldwide = _possible("+" + digits, None)
        if worldwide is not None and _likelihood(worldwide) > _likelihood(national):
            return worldwide
    return national


def _likelihood(number: PhoneNumber) -> int:
    """How much the number looks like one that takes SMS: 2 may be mobile, 1 is in use, 0 is only possible."""
    kind = phonenumbers.number_type(number)
    if kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return 2
    return 0 if kind == PhoneNumberType.UNKNOWN else 1


def _possible(text: str, region: str | None) -> PhoneNumber | None:
    """The number, unless it cannot be one or can be dialled only within its own town."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if possible else None


@lru_cache(maxsize=4096)
def region_of(digits: str) -> str:
    """The ISO country of a number in E.164 digits; '' where its code belongs to none, as that of satellites.

    Area codes tell apart the countries that share a country code, as the US and Canada do. A number that is in nobody's
    range counts as one of the main country of its code.
    """
    try:
        number = phonenumbers.parse("+" + digits, None)
    except NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region in phonenumbers.SUPPORTED_REGIONS else ""


def inbound(raw: str) -> str:
    """The digits of a number as the provider's webhooks carry it; raises :class:`BadPhone`.

    ``msisdn`` and ``to`` are E.164 digits or short codes (Vonage SMS API, Inbound SMS); a leading ``+`` or
    ``00`` is forgiven, also when a query string turned that plus into a blank. Alphanumeric senders have no
    way back.
    """
    found = _INBOUND.fullmatch(raw.strip())
    if found is None:
        raise BadPhone("not a number")
    return found[1]


@lru_cache(maxsize=4096)
def canonical(digits: str) -> str:
    """The one spelling of a subscriber's number under which things are kept; E.164 digits in, E.164 digits out.

    A profile, a carrier and a webhook may spell the same number differently (docs/phones.md). All spellings give the
    same result, and so does the result itself. Two numbers that both exist never give the same, and what is no number
    that can be called from abroad, such as a short code, stays as it is. Not for dialling: in Argentina all numbers get
    the 9 of mobile ones. Never raises.
    """
    return numbering.key(digits)
