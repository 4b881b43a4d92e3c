"""National numbering plans: the same subscriber by another number, and never another subscriber."""

from __future__ import annotations

import random
from collections.abc import Iterator

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.numbering import _RENUMBERED, current, is_possible
from nexmo_twisted.domain.phones import canonical

#: (as it may be written, as it is dialled today)
TODAY = (
    # Argentina: what is said at home
    ("54111523456789", "5491123456789"),
    ("549111523456789", "5491123456789"),
    ("5401123456789", "541123456789"),
    ("54901123456789", "5491123456789"),
    ("54223151234567", "5492231234567"),
    # Mexico: the 1 of mobile numbers, the prefixes of calls at home
    ("5215512345678", "525512345678"),
    ("52015512345678", "525512345678"),
    ("520445512345678", "525512345678"),
    ("520455512345678", "525512345678"),
    # Brazil: eight digits, with and without the trunk zero and a carrier's code
    ("551187654321", "5511987654321"),
    ("5501187654321", "5511987654321"),
    ("550151187654321", "5511987654321"),
    ("554196543210", "5541996543210"),
    ("55011987654321", "5511987654321"),
    # Ivory Coast, Benin, Cameroon, Ecuador, Georgia
    ("22507123456", "2250707123456"),
    ("22545123456", "2250545123456"),
    ("22501123456", "2250101123456"),
    ("22997123456", "2290197123456"),
    ("23777123456", "237677123456"),
    ("23799123456", "237699123456"),
    ("59399123456", "593999123456"),
    ("99599123456", "995599123456"),
    # Egypt
    ("20101234567", "201001234567"),
    ("20161234567", "201061234567"),
    ("20191234567", "201091234567"),
    ("20111234567", "201111234567"),
    ("20141234567", "201141234567"),
    ("20121234567", "201221234567"),
    ("20171234567", "201271234567"),
    ("20181234567", "201281234567"),
    ("200121234567", "201221234567"),
    # Mauritius, Qatar
    ("2307512345", "23057512345"),
    ("2309112345", "23059112345"),
    ("9743123456", "97433123456"),
    ("9745512345", "97455512345"),
    # Vietnam
    ("841201234567", "84701234567"),
    ("841211234567", "84791234567"),
    ("841221234567", "84771234567"),
    ("841231234567", "84831234567"),
    ("841241234567", "84841234567"),
    ("841251234567", "84851234567"),
    ("841261234567", "84761234567"),
    ("841271234567", "84811234567"),
    ("841281234567", "84781234567"),
    ("841291234567", "84821234567"),
    ("841621234567", "84321234567"),
    ("841691234567", "84391234567"),
    ("841861234567", "84561234567"),
    ("841881234567", "84581234567"),
    ("841991234567", "84591234567"),
    # a trunk zero after the country code; also where a plan has none any more
    ("4407700900123", "447700900123"),
    ("330612345678", "33612345678"),
    ("4901701234567", "491701234567"),
    ("787011234567", "77011234567"),
    ("480601123456", "48601123456"),
    ("3006971234567", "306971234567"),
    # a zero that belongs there
    ("39612345678", "390612345678"),
    ("3903381234567", "393381234567"),
    ("225707123456", "2250707123456"),
    ("229197123456", "2290197123456"),
    ("24266123456", "242066123456"),
)

#: What stays as it is: it is another number with or without that digit, or no number at all.
AS_IT_IS = (
    "12015550123",
    "447700900123",
    "541123456789",
    "5491123456789",
    "525512345678",
    "5511987654321",
    "551171234567",  # Brazil: eight digits with 7 in front were of a radio service, too
    "551123456789",  # a landline
    "390612345678",
    "3903311234567",  # Italy: a landline, whose number without the zero is somebody's mobile one
    "393311234567",
    "2250707123456",
    "2290197123456",
    "20151234567",  # Egypt: a landline
    "2267012345",  # Burkina Faso, Tajikistan, Niger: a digit is missing, and not a zero
    "99272123456",
    "2279123456",
    "39313123456",  # Italy: so it is with a mobile number
    "24106123456",  # Gabon: both forms are in today's plan
    "97444123456",
    "97433123456",
    "2302012345",
    "2302512345",
    "123",
    "54321",
    "1234567",
    "999123456789",
    "44007700900123",
    "1" * 15,
    "2" * 40,
    "0123456789",
    "",
    "x",
    "５４１１２３４５６７８９",
)


def as_written(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]


def is_assigned(digits: str) -> bool:
    """Whether the digits are in a range of a plan, with nothing stripped off."""
    try:
        number = phonenumbers.parse("+" + digits, None)
    except NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) and as_written(number) == digits


def assigned() -> Iterator[str]:
    """Numbers of every range that a country has assigned: examples, and others whose last digits are random."""
    chance = random.Random(1)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            digits = as_written(example)
            yield digits
            for _ in range(8):
                kept = len(digits) - chance.randint(1, 7)
                other = digits[:kept] + "".join(chance.choices("0123456789", k=len(digits) - kept))
                if is_assigned(other):
                    yield other


class RenumberingTests(TestCase):
    def test_today(self) -> None:
        """What a plan allows no longer, or never did, is dialled as the plan has it today."""
        for written, today in TODAY:
            self.assertEqual(current(written), today, written)
            self.assertTrue(is_possible(today), today)

    def test_as_it_is(self) -> None:
        """A number of today's plan is not touched, and so is what is no number."""
        for digits in AS_IT_IS:
            self.assertEqual(current(digits), digits)

    def test_old_forms_are_free(self) -> None:
        """No form that a plan has given up can be a number of today's plan."""
        for old, _ in _RENUMBERED:

            @settings(deadline=None, max_examples=30)
            @given(written=st.from_regex(old, fullmatch=True))
            def check(written: str) -> None:
                self.assertFalse(is_assigned(written), written)

            check()

    def test_missing_digit(self) -> None:
        """A number in which one digit is missing is no other number, where a zero is nothing that people leave out."""
        chance = random.Random(3)
        count = 0
        for digits in assigned():
            code = phonenumbers.parse("+" + digits, None).country_code
            if code in (39, 225, 229, 242) or digits[len(str(code))] == "0":
                continue
            at = chance.randrange(len(str(code)) + 1, len(digits))
            shorter = digits[:at] + digits[at + 1 :]
            self.assertNotEqual(current(shorter), f"{code}0{shorter[len(str(code)) :]}", digits)
            count += 1
        self.assertGreater(count, 1500)


class CanonicalTests(TestCase):
    def test_spellings(self) -> None:
        """All spellings of one subscriber have one key."""
        for written, today in TODAY:
            self.assertEqual(canonical(written), canonical(today), written)
        for one, other in (
            ("541123456789", "5491123456789"),
            ("542231234567", "5492231234567"),
            ("54111523456789", "541123456789"),
        ):
            self.assertEqual(canonical(one), canonical(other))

    def test_short_codes(self) -> None:
        """What is no number that can be called from abroad stays as it is."""
        for digits in ("123", "54321", "1234567", "999123456789", "", "x", "2" * 40):
            self.assertEqual(canonical(digits), digits)

    def test_nobody_is_merged(self) -> None:
        """Two numbers that both exist have different keys; only Argentina writes one number in two ways today."""
        count = 0
        for digits in assigned():
            expected = "549" + digits[2:] if digits.startswith("54") and digits[2] in "123" else digits
            self.assertEqual(canonical(digits), expected, digits)
            count += 1
        self.assertGreater(count, 3000)

    @settings(deadline=None, max_examples=300)
    @given(
        digits=st.from_regex(r"(?:54|52|55|225|229|237|593|995|84|39|44|7|1)?[0-9]{1,13}", fullmatch=True)
        | st.sampled_from([old for old, _ in _RENUMBERED]).flatmap(lambda old: st.from_regex(old, fullmatch=True))
        | st.text()
    )
    def test_again(self, digits: str) -> None:
        """A key is its own key, and what is dialled is dialled as it is, whatever comes."""
        self.assertEqual(canonical(canonical(digits)), canonical(digits))
        self.assertEqual(current(current(digits)), current(digits))
        self.assertEqual(canonical(current(digits)), canonical(digits))
