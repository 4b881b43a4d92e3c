"""National numbering plans: what a number is today that is written as a plan allows no longer, or never did.

Digits come and go between a profile, a carrier and a webhook: a trunk zero that stays behind the country code, a digit
that a plan has added or dropped and that address books keep. docs/phones.md lists them with their sources.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

_DIGITS = re.compile(r"[1-9]\d{6,14}", re.ASCII)
#: (the old form, today's). No old form can be a number of today's plan; none of today's forms is an old one.
_RENUMBERED = tuple(
    (re.compile(old, re.ASCII), today)
    for old, today in (
        # Mexico, 2019: no 1 before mobile numbers any more, nor the prefixes of calls within the country.
        (r"52(?:1|01|044|045)([2-9]\d{9})", r"52\1"),
        # Brazil, 2012 to 2016: a ninth digit before mobile numbers. Those with 7 in front were of a radio service, too,
        # which kept its eight digits: they stay as they are.
        (r"55([1-9][1-9])([689]\d{7})", r"55\g<1>9\2"),
        # Ivory Coast, 2021: the operator before mobile numbers, which their second digit told until then.
        (r"225([04-9][0-3]\d{6})", r"22501\1"),
        (r"225([04-9][4-6]\d{6})", r"22505\1"),
        (r"225([04-9][7-9]\d{6})", r"22507\1"),
        # Benin, 2024: 01 before all numbers.
        (r"229([2-9]\d{7})", r"22901\1"),
        # Cameroon, 2014: 6 before mobile numbers.
        (r"237([579]\d{7})", r"2376\1"),
        # Ecuador, 2012: 9 before mobile numbers.
        (r"593([89]\d{7})", r"5939\1"),
        # Georgia, 2011: 5 before mobile numbers.
        (r"995((?:5[58]|68|7[147]|9[135789])\d{6})", r"9955\1"),
        # Egypt, 2011: the operator's digit in the third place of mobile numbers. Those in 15 are landlines today.
        (r"201([069]\d{7})", r"2010\1"),
        (r"201([14]\d{7})", r"2011\1"),
        (r"201([278]\d{7})", r"2012\1"),
        # Mauritius, 2013: 5 before mobile numbers. Those in 25 are landlines today.
        (r"230([79]\d{6})", r"2305\1"),
        # Qatar, 2010: the first digit twice.
        (r"974([35-7])(\d{6})", r"974\1\1\2"),
        # Vietnam, 2018: shorter codes of the mobile operators.
        (r"84120(\d{7})", r"8470\1"),
        (r"84121(\d{7})", r"8479\1"),
        (r"84122(\d{7})", r"8477\1"),
        (r"8412([68])(\d{7})", r"847\1\2"),
        (r"8412([345])(\d{7})", r"848\1\2"),
        (r"84127(\d{7})", r"8481\1"),
        (r"84129(\d{7})", r"8482\1"),
        (r"8416([2-9])(\d{7})", r"843\1\2"),
        (r"8418([68])(\d{7})", r"845\1\2"),
        (r"84199(\d{7})", r"8459\1"),
    )
)
#: Numbers that begin with a zero which people leave out by habit: landlines in Italy, mobile phones in the Ivory Coast
#: and Congo, all in Benin. Elsewhere such digits are a number in which any digit may be missing; so they are in Italy
#: with 3 in front, as mobile numbers have it.
_MISSING_ZERO = re.compile(r"39[124-9]\d{5,9}|225[157]\d{8}|229\d{9}|242[4-6]\d{7}", re.ASCII)
# Argentina: one number has 9 in front when it is called as a mobile one from abroad, 15 after the area code when it is
# called within the country, and often neither in an SMS. Area codes begin with 1 to 3, no other number with 9.
_ARGENTINE = re.compile(r"54([1-3]\d{9})", re.ASCII)
_ARGENTINE_MIXED = re.compile(r"549(0[1-3]\d{9}|0?[1-3]\d{11})", re.ASCII)


def key(digits: str) -> str:
    """:func:`current`, and in Argentina with the 9 of mobile numbers, whether it is one or not."""
    digits = current(digits)
    found = _ARGENTINE.fullmatch(digits)
    return "549" + found[1] if found else digits


def current(digits: str) -> str:
    """The E.164 digits to be dialled for a number that is written as its country's plan once allowed, or wrongly.

    What is a number of today's plan stays as it is, and so does what can be no number at all, such as a short code.
    """
    number = _parsed(digits) if _DIGITS.fullmatch(digits) else None
    if number is None or _is_assigned(digits, number) or digits.startswith(f"{number.country_code}00"):
        return digits
    stripped = phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]
    for written in dict.fromkeys((digits, stripped)):
        for old, today in _RENUMBERED:
            if old.fullmatch(written):
                return old.sub(today, written)
        if other := _other_zeros(written, str(number.country_code)):
            return other
    if mixed := _ARGENTINE_MIXED.fullmatch(digits):
        return key("54" + mixed[1])
    return stripped if is_possible(stripped) else digits


def is_possible(digits: str) -> bool:
    """Whether E.164 digits may be a whole number as they stand: long enough, and with nothing in front to strip."""
    number = _parsed(digits)
    return (
        number is not None
        and phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
        and phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:] == digits
    )


def _parsed(digits: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse("+" + digits, None)
    except NumberParseException:
        return None


def _other_zeros(digits: str, code: str) -> str:
    """The assigned number with one zero less after the country code, or with the one that is missing; '' if neither
    is."""
    national = digits[len(code) :]
    with_zero = code + "0" + national if _MISSING_ZERO.fullmatch(digits) else digits
    for other in (code + national.removeprefix("0"), with_zero):
        if other != digits and (number := _parsed(other)) is not None and _is_assigned(other, number):
            return other
    return ""


def _is_assigned(digits: str, number: PhoneNumber) -> bool:
    """Whether the digits, with nothing stripped off, are in a range of the plan of that number's country."""
    national = digits[len(str(number.country_code)) :]
    zeros = len(national) - len(national.lstrip("0"))
    as_written = PhoneNumber(
        country_code=number.country_code,
        national_number=int(national or "0"),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=zeros or None,
    )
    return phonenumbers.is_valid_number(as_written)
