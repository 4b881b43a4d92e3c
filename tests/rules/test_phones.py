"""Phone numbers: as their owners write them, as the SMS provider takes them, and as a log may show them."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.rules.phones import BadPhone, e164, inbound, masked, region_of

#: (as its owner wrote it, default region, digits)
NUMBERS = (
    ("+1 (201) 555-0123", "US", "12015550123"),
    ("+1 (201) 555-0123", "GB", "12015550123"),
    ("+1.201.555.0123", "DE", "12015550123"),
    ("  +12015550123  ", "US", "12015550123"),
    ("0044 7700 900123", "US", "447700900123"),
    ("0044 7700 900123", "GB", "447700900123"),
    ("011 44 7700 900123", "US", "447700900123"),
    # national forms
    ("(201) 555-0123", "US", "12015550123"),
    ("2015550123", "US", "12015550123"),
    ("1 201 555 0123", "US", "12015550123"),
    ("07700 900123", "GB", "447700900123"),
    ("0170 1234567", "DE", "491701234567"),
    ("06 1234 5678", "IT", "390612345678"),
    # the country code without its plus
    ("12015550123", "US", "12015550123"),
    ("447700900123", "GB", "447700900123"),
    ("447700900123", "US", "447700900123"),
    ("33612345678", "US", "33612345678"),
    ("8613800138000", "US", "8613800138000"),
    ("491701234567", "DE", "491701234567"),
    ("4917012345678", "DE", "4917012345678"),
    # where both readings are possible, the national one
    ("4477009001", "US", "14477009001"),
    ("3912345678", "IT", "393912345678"),
    ("9198765432", "IN", "919198765432"),
    # integers, other digits and other pluses
    (12015550123, "US", "12015550123"),
    (447700900123, "US", "447700900123"),
    ("٠٠٤٤٧٧٠٠٩٠٠١٢٣", "US", "447700900123"),
    ("＋１２０１５５５０１２３", "US", "12015550123"),
    ("+12015550123", "us", "12015550123"),
    ("+12015550123", "ZZ", "12015550123"),
)

#: (as its owner wrote it, the reason)
BAD = (
    (None, "no phone"),
    ("", "no phone"),
    ("  \t", "no phone"),
    ("1-800-FLOWERS", "the phone has letters in it"),
    ("tel:+12015550123", "the phone has letters in it"),
    ("+12015550123 ext. 5", "the phone has letters in it"),
    ("ＡＢＣ", "the phone has letters in it"),
    ("+1 201 555 0123 #5", "…1235 has an extension"),
    ("+1 201 555 0123;55", "…2355 has an extension"),
    ("5550123", "…0123 is not a possible phone number"),
    ("911", "… is not a possible phone number"),
    ("+", "… is not a possible phone number"),
    ("00", "… is not a possible phone number"),
    ("--", "… is not a possible phone number"),
    ("+999123456789", "…6789 is not a possible phone number"),
    ("+1201555012", "…5012 is not a possible phone number"),
    ("+120155501234", "…1234 is not a possible phone number"),
    ("(201) 555-0123 / (201) 555-0124", "…0124 is not a possible phone number"),
    ("+49 00 7961855", "…1855 is not a possible phone number"),
    ("2" * 61, "the phone is too long to be a number"),
    (0, "the phone is not text"),
    (-12015550123, "the phone is not text"),
    (10**5000, "the phone is not text"),
    (True, "the phone is not text"),
    (12015550123.0, "the phone is not text"),
    (["+12015550123"], "the phone is not text"),
    ({"number": "+12015550123"}, "the phone is not text"),
)


class E164Tests(TestCase):
    def test_other_countries_without_plus(self) -> None:
        """Digits that make a likelier handset of another country are that handset, not a stranger's landline here."""
        for raw, region in (("447911123456", "DE"), ("33612345678", "DE"), ("33612345678", "AT"), ("4791234567", "US")):
            self.assertEqual(e164(raw, region), raw, region)
        for raw, region, expected in (
            ("1701234567", "DE", "491701234567"),
            ("0170/1234567", "DE", "491701234567"),
            ("4155552671", "US", "14155552671"),
        ):
            self.assertEqual(e164(raw, region), expected)

    def test_two_numbers(self) -> None:
        """Two numbers in one field are none, instead of a third one somewhere else."""
        for raw in ("202-555-0101/2", "415 555 0123/4", "415-555-0123*4"):
            self.assertRaises(BadPhone, e164, raw, "US")

    def test_numbers(self) -> None:
        """However its owner wrote it, a number comes out as its E.164 digits."""
        for raw, region, digits in NUMBERS:
            self.assertEqual(e164(raw, region), digits, f"{raw} in {region}")

    def test_bad_numbers(self) -> None:
        """What no SMS can go to is refused with a reason that shows four digits at most."""
        for raw, reason in BAD:
            error = self.assertRaises(BadPhone, e164, raw, "US")
            self.assertEqual((str(error), error.reason), (reason, reason))

    def test_no_such_region(self) -> None:
        """Where national forms belong nowhere, a number without its plus is not taken for one of any country."""
        self.assertRaises(BadPhone, e164, "2015550123", "ZZ")

    @settings(deadline=None)
    @given(raw=st.text() | st.from_regex(r"[+0-9 ().-]{1,20}", fullmatch=True), region=st.sampled_from(["US", "DE"]))
    def test_any_text(self, raw: str, region: str) -> None:
        """Any text is either a number of 7 to 15 digits, which stays what it is, or refused without showing it."""
        try:
            digits = e164(raw, region)
        except BadPhone as error:
            self.assertIsNone(re.search(r"\d{5}", error.reason))
        else:
            self.assertIsNotNone(re.fullmatch(r"[1-9][0-9]{6,14}", digits))
            self.assertEqual(e164("+" + digits, region), digits)


class MaskedTests(TestCase):
    def test_masked(self) -> None:
        """A log shows the last four digits, of short numbers none."""
        for number, shown in (("12015550123", "…0123"), ("123456", "…3456"), ("12345", "…"), ("", "…")):
            self.assertEqual(masked(number), shown)


class InboundTests(TestCase):
    def test_numbers(self) -> None:
        """The provider's digits, with a plus or zeros in front forgiven; short codes too."""
        for raw in ("447700900123", "+447700900123", "00447700900123", " 447700900123"):
            self.assertEqual(inbound(raw), "447700900123")
        for raw in ("123", "54321", "1" * 15):
            self.assertEqual(inbound(raw), raw)

    def test_others(self) -> None:
        """What is no number cannot be answered."""
        for raw in (
            "",
            "12",
            "1" * 16,
            "AcmeInc",
            "4477009OO123",
            "++4477",
            "44 7700 900123",
            "٤٤٧٧٠٠٩٠٠١٢٣",
            "447\x00",
        ):
            error = self.assertRaises(BadPhone, inbound, raw)
            self.assertEqual(str(error), "not a number")


class RegionTests(TestCase):
    def test_regions(self) -> None:
        """The country of a number; where several share a country code, its area code tells; '' where there is none."""
        for digits, region in (
            ("12015550123", "US"),
            ("14165550123", "CA"),
            ("16135550123", "CA"),
            ("18095550123", "DO"),
            ("18005550123", "US"),
            ("447700900123", "GB"),
            ("441534123456", "JE"),
            ("491701234567", "DE"),
            ("79161234567", "RU"),
            ("77011234567", "KZ"),
            ("390612345678", "IT"),
            ("19995550123", "US"),  # nobody's area code
            ("4479", "GB"),
            ("881612345678", ""),
            ("999123456789", ""),
            ("12", ""),
            ("", ""),
        ):
            self.assertEqual(region_of(digits), region, digits)
