"""Phone numbers: as their owners write them, as the SMS provider takes them, and as a log may show them."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from nexmo_twisted.domain import numbering
from nexmo_twisted.domain.phone_text import BadPhone, Written, masked, written

__all__ = ["BadPhone", "canonical", "e164", "inbound", "masked", "region_of"]

_INBOUND = re.compile(r"(?:\+|00)?(\d{3,15})", re.ASCII)
#: Mobile numbers that Ofcom keeps for fiction: no metadata has them, and every example does.
_FICTION = re.compile(r"447700900\d{3}", re.ASCII)
_IN_USE, _MOBILE = 1, 2
#: International prefixes in use that no metadata has.
_OTHER_PREFIXES = {"ID": ("001", "007")}


def e164(raw: object, region: str) -> str:
    """What is dialled, as E.164 digits without ``+``, for a number as its owner wrote it; raises :class:`BadPhone`.

    ``region`` is the ISO country whose national forms are understood. Marks that carry no digit are left out, and a
    number that its country's plan has changed is dialled as it is today (docs/phones.md). The readings, in this order:

    1. ``+`` or ``00`` in front: an international number, whatever the region. The region's own prefix may be a longer
       one that begins with ``00``, too (``0011`` in Australia).
    2. A number of the region, with or without its trunk prefix, its country code or its international prefix
       (``011`` in the US).
    3. Digits that already carry another country code, the ``+`` left out, where they make a mobile number of that
       country, nothing but single spaces stands between them, the first of which follows the country code, and the
       region has no such number: they are too many there, or in no range that is in use, also if one was typed too
       much or left out of its country code. Hence 447700900123 is British also in the US, where no number has twelve
       digits; 4477009001 is not.

    Integers are read as their digits. A number must be possible (its length fits its country); it need not be
    assigned, since the ranges kept for fiction and tests are not. Letters and extensions are refused: neither
    reaches a handset. ``tel:`` URIs (RFC 3966) are read.
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
    number = written(raw, lambda before: _likelihood(_read(before, region)) == _MOBILE)
    result = _read(number, region, or_abroad=True)
    if not 7 <= len(result) <= 15:
        raise BadPhone(f"{masked(number.digits)} is not a possible phone number")
    return result


def _read(number: Written, region: str, *, or_abroad: bool = False) -> str:
    """The number, '' if it is none. ``or_abroad``: also when it carries the code of another country, and nothing else
    says so."""
    if number.plus:
        return _today(number.digits)
    if number.digits.startswith("00"):
        return _behind_zeros(number.digits, region)
    return _without_plus(number, region) if or_abroad else _home(number.digits, region)


def _behind_zeros(digits: str, region: str) -> str:
    """The number behind ``00`` or behind the region's own international prefix, which may be longer: 001 in Hong Kong,
    0011 in Australia. Then the same digits may be the numbers of two people."""
    common, own = _today(digits[2:]), _behind_own_prefix(digits, region)
    at_home = _home(digits[1:], region)  # with the trunk zero typed twice
    if _likelihood(at_home) == _MOBILE and at_home != common:
        return ""
    if not common or not own or common == own:
        return common or own
    if common != digits[2:]:  # it is a number only without some of its digits
        return own
    if _likelihood(common) == _likelihood(own):
        raise BadPhone(f"{masked(digits)} may be two phone numbers")
    return max(common, own, key=_likelihood)


def _behind_own_prefix(digits: str, region: str) -> str:
    if digits.startswith(_OTHER_PREFIXES.get(region, ())):
        return _today(digits[3:])
    try:
        number = phonenumbers.parse(digits, region, keep_raw_input=True)
    except NumberParseException:
        return ""
    is_abroad = number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD
    return _today(_digits(number)) if is_abroad else ""


def _without_plus(number: Written, region: str) -> str:
    """The home reading. It gives way where it is none, or none that is in use, and the digits make a handset with
    another country code in front. Two numbers in one field, or one that was mistyped, are no number.
    """
    digits = number.digits
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return ""
    home, code = _home(digits, region), str(phonenumbers.country_code_for_region(region))
    if _likelihood(home) or digits.startswith("0"):
        return home
    abroad = _today(digits)
    if not _carries_code(number, abroad) or abroad.startswith(code) or _likelihood(abroad) < _MOBILE:
        abroad = ""
    if home and abroad != digits:
        return home
    if not home and not _is_too_long(digits, region):
        return ""
    # Where home has numbers of any length, nearly all digits are a landline without one of them.
    if abroad and _mistyped(digits, region) < (_MOBILE if home else _IN_USE):
        return abroad
    raise BadPhone(
        f"{masked(digits)} is too long for a phone number in {region}: one of another country needs a + in front"
    )


def _mistyped(digits: str, region: str) -> int:
    """How much they look like a number of the region in which one digit was typed too much, or one of its country code
    is missing."""
    code = str(phonenumbers.country_code_for_region(region))
    meant = {digits[:at] + digits[at + 1 :] for at in range(len(digits))}
    for short in {code[:at] + code[at + 1 :] for at in range(len(code))}:
        if digits.startswith(short):
            meant.add(code + digits[len(short) :])
    return max(_likelihood(_home(each, region)) for each in meant)


def _home(digits: str, region: str) -> str:
    """The number of the region that the digits are, the likeliest; '' if none. Its international prefix counts, too."""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return ""
    code = str(phonenumbers.country_code_for_region(region))
    parsed = _parsed(digits, region)
    possible = (
        parsed is not None and phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    )
    readings = [_today(_digits(parsed))] if parsed is not None and possible else [_today(code + digits)]
    with_code = digits.removeprefix("0")  # as if it were short for 00
    if with_code.startswith(code):
        readings.append(_today(with_code))
    return max(readings, key=_likelihood)


def _today(digits: str) -> str:
    """The number in its country's plan of today; '' when it is not possible there."""
    digits = numbering.current(digits)
    return digits if numbering.is_possible(digits) else ""


def _carries_code(number: Written, abroad: str) -> bool:
    """Whether it is written like a number with its country code in front: in one group, or with one for the code."""
    if len(number.groups) < 2:
        return bool(number.groups)
    parsed = _parsed("+" + abroad)
    return parsed is not None and number.groups[0] == str(parsed.country_code)


def _is_too_long(digits: str, region: str) -> bool:
    number = _parsed(digits, region)
    if number is None:
        return False
    verdict = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
    return bool(verdict == ValidationResult.TOO_LONG)


def _likelihood(digits: str) -> int:
    """How much the number looks like one that takes SMS: 2 may be mobile, 1 is in use, 0 is only possible, or ''."""
    number = _parsed("+" + digits)
    if number is None:
        return 0
    kind = phonenumbers.number_type(number)
    if kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE) or _FICTION.fullmatch(digits):
        return _MOBILE
    return 0 if kind == PhoneNumberType.UNKNOWN else _IN_USE


def _parsed(text: str, region: str | None = None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _digits(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]


@lru_cache(maxsize=4096)
def region_of(digits: str) -> str:
    """The ISO country of a number in E.164 digits; '' where its code belongs to none, as that of satellites.

    Area codes tell apart the countries that share a country code, as the US and Canada do. A number that is in no
    country's range counts as one of the main country of its code.
    """
    number = _parsed("+" + digits)
    if number is None:
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
