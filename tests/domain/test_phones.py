"""Phone numbers: as their owners write them, as the SMS provider takes them, and as a log may show them."""

from __future__ import annotations

import contextlib
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import NumberParseException, country_code_for_region, is_valid_number, parse
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.phones import BadPhone, e164, inbound, masked, region_of

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
    ("p:+12015550123", "the phone has letters in it"),
    ("tel:+12015550123;ext=5", "the phone has an extension"),
    ("tel:", "no phone"),
    ("\u200b\u3164", "no phone"),
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
        """Digits that are a handset of another country, and no number in use here, are that handset."""
        for raw, region in (
            ("4791234567", "US"),
            ("47 91234567", "US"),
            ("447911123456", "US"),
            ("44 7911 123456", "US"),
            ("447911123456", "NO"),
            ("4915112345678", "US"),
        ):
            self.assertEqual(e164(raw, region), "".join(raw.split()), raw)

    def test_valid_at_home(self) -> None:
        """What is a number in use at home is never taken for one of another country, however it is written."""
        for raw, region, expected in (
            ("1701234567", "DE", "491701234567"),
            ("0170/1234567", "DE", "491701234567"),
            ("4155552671", "US", "14155552671"),
            ("33612345678", "DE", "4933612345678"),
        ):
            self.assertEqual(e164(raw, region), expected)

    def test_written_as_at_home(self) -> None:
        """Nor is what is written like a number of one's own country: with marks, or in groups that no code begins."""
        for raw in (
            "(479) 123-4567",
            "479-123-4567",
            "479 123 4567",
            "479•123•4567",
            "479\u200b1234567?",
            "4 791234567",
        ):
            self.assertEqual(e164(raw, "US"), "14791234567", ascii(raw))
        for raw in (
            "(447) 911-123456",
            "447-911-123-456",
            "447 911 123456",
            "44  7911 123456",
            "447911 123456",
            "447•911123456",
        ):
            error = self.assertRaises(BadPhone, e164, raw, "US")
            self.assertEqual(
                error.reason, "…3456 is too long for a phone number in US: one of another country needs a + in front"
            )

    def test_a_digit_too_many(self) -> None:
        """A number of one's own country with a digit typed twice, or one too many, is nobody's number."""
        chance = random.Random(2)
        abroad = 0
        for region, digits in (
            ("US", "2015550123"),
            ("US", "3362345678"),
            ("US", "6143334444"),
            ("NO", "41234567"),
            ("ES", "612345678"),
            ("AU", "412345678"),
            ("IN", "8123685078"),
            ("DE", "15123590527"),
            ("JP", "09012084937"),
            ("KR", "01020732595"),
            ("CN", "13123039202"),
            ("IT", "3123723997"),
            ("AE", "501306067"),
            ("PK", "3012824791"),
        ):
            code = str(country_code_for_region(region))
            for at in range(len(digits) + 1):
                for more in "0123456789":
                    slip = digits[:at] + more + digits[at:]
                    with contextlib.suppress(NumberParseException):
                        abroad += is_valid_number(parse(f"+{slip}", None))
                    for raw in (slip, f"{slip[:3]}-{slip[3:]}", chance.choice("•_|:=~\t\u200b").join(slip)):
                        try:
                            found = e164(raw, region)
                        except BadPhone:
                            continue
                        self.assertTrue(found.startswith(code), (region, raw, found))
        self.assertGreater(abroad, 200)

    def test_a_digit_too_few(self) -> None:
        """Nor is one with a digit missing, though it may be possible abroad."""
        for raw in ("201555012", "20155512", "612 345 67"):
            self.assertRaises(BadPhone, e164, raw, "US")
        self.assertRaises(BadPhone, e164, "35 312 345 67", "FR")

    def test_a_country_code_too_short(self) -> None:
        """Nor is one whose country code, written without a plus, lost a digit, though it is one abroad."""
        for raw, region in (
            ("51912357081", "PT"),
            ("22650015150", "MA"),
            ("23231693491", "GH"),
            ("35850436511", "IE"),
            ("881812593042", "BD"),
            ("56712891197", "UG"),
        ):
            error = self.assertRaises(BadPhone, e164, raw, region)
            self.assertIn("needs a + in front", error.reason)
            self.assertEqual(e164(f"+{raw}", region), raw)
        self.assertEqual(e164("919876543210", "US"), "919876543210")
        self.assertEqual(e164("67251441", "AL"), "35567251441")  # one of Norfolk Island only with another digit

    def test_a_trunk_zero_twice(self) -> None:
        """A mobile number of one's own country with its trunk zero typed twice is nobody's number."""
        for raw, region in (("0081234 56745", "IN"), ("0030 12345678", "PK"), ("00612345678", "FR")):
            self.assertRaises(BadPhone, e164, raw, region)
        for raw, region in (("0091 81234 56745", "IN"), ("0041 79 123 45 67", "FR"), ("0044 7911 123456", "DE")):
            self.assertEqual(e164(raw, region), raw[2:].replace(" ", ""), raw)

    def test_one_zero_before_the_country_code(self) -> None:
        """One zero before one's own country code, instead of two, is no trunk zero, where a mobile number follows."""
        for raw, region in (
            ("049 170 1234567", "DE"),
            ("0491701234567", "DE"),
            ("039 338 1234567", "IT"),
            ("043 664 1234567", "AT"),
            ("081 90 1234 5678", "JP"),
            ("044 7911 123456", "GB"),
            ("033 6 12 34 56 78", "FR"),
            ("091 98765 43210", "IN"),
            ("061 412 345 678", "AU"),
            ("0971 50 123 4567", "AE"),
            ("0972 50 234 5678", "IL"),
            ("090 532 123 45 67", "TR"),
            ("047 412 34 567", "NO"),
        ):
            self.assertEqual(e164(raw, region), "".join(raw[1:].split()), f"{raw} in {region}")
        for raw, region, digits in (
            ("0491 912345", "DE", "49491912345"),
            ("039 338 1234", "IT", "390393381234"),
            ("03 58 12345", "FI", "35835812345"),
        ):
            self.assertEqual(e164(raw, region), digits, f"{raw} in {region}")

    def test_international_prefixes(self) -> None:
        """A region's own international prefix is read where it begins with 00; digits that may be a number of either of
        two countries are nobody's number."""
        for raw, region, digits in (
            ("0011 44 7911 123456", "AU", "447911123456"),
            ("0011 65 9234 5678", "AU", "6592345678"),
            ("0011 1 201 555 0123", "AU", "12015550123"),
            ("0044 7911 123456", "AU", "447911123456"),
            ("001 82 10 1234 5678", "KR", "821012345678"),
            ("00700 1 201 555 0123", "KR", "12015550123"),
            ("002 1 201 555 0123", "KR", "12015550123"),
            ("001 44 7911 123456", "HK", "447911123456"),
            ("001 201 555 0123", "HK", "12015550123"),
            ("001 1 201 555 0123", "SG", "12015550123"),
            ("00 47 912 34 567", "SG", "4791234567"),
            ("002 65 9234 5678", "SG", "6592345678"),
            ("001 47 9123 4567", "SG", "4791234567"),
            ("001 44 7911 123456", "ID", "447911123456"),
            ("009 44 7911 123456", "TH", "447911123456"),
            ("009 44 7911 123456", "NG", "447911123456"),
            ("009 1 201 555 0123", "CO", "12015550123"),
            ("0021 1 201 555 0123", "BR", "12015550123"),
            ("0031 6 12345678", "BR", "31612345678"),
            ("00 55 11 98765-4321", "BR", "5511987654321"),
        ):
            self.assertEqual(e164(raw, region), digits, f"{raw} in {region}")
        for raw, region in (
            ("001 65 9234 5678", "HK"),
            ("001 65 9234 5678", "SG"),
            ("001 65 9234 5678", "KR"),
            ("001 65 9234 5678", "TH"),
            ("001 65 9234 5678", "ID"),
        ):
            error = self.assertRaises(BadPhone, e164, raw, region)
            self.assertRegex(error.reason, "^…[0-9]{4} may be two phone numbers$", f"{raw} in {region}")

    def test_marks(self) -> None:
        """Marks that carry no digit are left out, whatever they are."""
        for mark in "·•‧∙⋅・●_|:=~'´>\t\u200b\u2063\u00ad\u2022\u00b7.-–—−/\\,&\u00a0\u3000\u2800\u3164\U000e0020":
            for parts, region, digits in (
                (("201", "555", "0123"), "US", "12015550123"),
                (("917", "555", "0123"), "US", "19175550123"),
                (("612", "345", "678"), "ES", "34612345678"),
                (("06", "12", "34", "56", "78"), "FR", "33612345678"),
                (("07700", "900", "123"), "GB", "447700900123"),
                (("+44", "7700", "900123"), "US", "447700900123"),
                (("+33", "6", "12", "34", "56", "78"), "FR", "33612345678"),
            ):
                raw = mark.join(parts)
                self.assertEqual(e164(raw, region), digits, f"{raw!a} in {region}")
        for raw in (
            "☎ 201 555 0123",
            "201 555 0123!",
            "201 555 0123 ?",
            "201 555 0123*",
            "'2015550123",
            "「201」555-0123",
            "2️⃣0️⃣1️⃣5550123",
            "\u202a+1 201 555 0123\u202c",
            "(+1) 201 555 0123",
            "➕12015550123",
            "﹢12015550123",
            "201ー555ー0123",
            "201ｰ555ｰ0123",
            "201ㆍ555ㆍ0123",
            "201ᆞ555ᆞ0123",
            "201ʼ555ʼ0123",
            "201ˈ555ː0123",
            "201ـ555ـ0123",
            "℡ 201-555-0123",
        ):
            self.assertEqual(e164(raw, "US"), "12015550123", ascii(raw))

    def test_more_than_marks(self) -> None:
        """Signs that may be digits, stand for some, or divide two numbers or an extension: nobody's number."""
        for raw, region, reason in (
            ("201555012³", "US", "the phone has characters in it that may be digits"),
            ("20155501②3", "US", "the phone has characters in it that may be digits"),
            ("2015550\ue000123", "US", "the phone has characters in it that may be digits"),
            ("201555 2🔟 3", "US", "the phone has characters in it that may be digits"),
            ("一二三", "US", "the phone has letters in it"),
            ("0170 1234•••67", "DE", "…3467 has digits left out"),
            ("0170 12345?67", "DE", "…4567 has digits left out"),
            ("0170…1234567", "DE", "…4567 has digits left out"),
            ("0170\ufffd1234567", "DE", "…4567 has digits left out"),
            ("0170****4567", "DE", "…4567 has an extension"),
            ("0170----4567", "DE", "…4567 has digits left out"),
            ("0170 1234567/8", "DE", "…5678 may be two phone numbers"),
            ("0170 1234567, 68", "DE", "…6768 may be two phone numbers"),
            ("0170 1234567-8", "DE", "…5678 may have an extension"),
            ("+49 170 1234567 - 12", "US", "…6712 may have an extension"),
            ("+86 138 1234 5678-1", "US", "…6781 may have an extension"),
            ("0170 1234567\n8", "DE", "…5678 may be two phone numbers"),
            ("+49 170 1234567/8", "US", "…5678 may be two phone numbers"),
            ("+49 170 1234567;5544", "US", "…5544 has an extension"),
            ("*67 201 555 0123", "US", "…0123 has an extension"),
            ("+1 201 555 0123,,5", "US", "…1235 has an extension"),
            ("491701234567.0", "DE", "…5670 has a fraction"),
            ("12015550123.00", "US", "…2300 has a fraction"),
            ("0170 1234567 (8)", "DE", "…5678 may be two phone numbers"),
            ("0664 1234567[2]", "AT", "…5672 may be two phone numbers"),
            ("0170 1234567＃5", "DE", "…5675 has an extension"),
            ("＊31＃0170 1234567", "DE", "…4567 has an extension"),
            ("0170 1234567；5", "DE", "…5675 has an extension"),
            ("0170 1234？567", "DE", "…4567 has digits left out"),
            ("0170 1234‥567", "DE", "…4567 has digits left out"),
            ("0170 • • • 4567", "DE", "…4567 has digits left out"),
            ("0170 _ _ _ 4567", "DE", "…4567 has digits left out"),
            ("0170 . . . 4567", "DE", "…4567 has digits left out"),
            ("0170 - - - 4567", "DE", "…4567 has digits left out"),
            ("0170 12345**", "DE", "…2345 has digits left out"),
            ("0170 12345＊＊", "DE", "…2345 has digits left out"),
            ("0170 12345…", "DE", "…2345 has digits left out"),
            ("0170 12345...", "DE", "…2345 has digits left out"),
            ("0170 12345__", "DE", "…2345 has digits left out"),
            ("0170 12345 _ _", "DE", "…2345 has digits left out"),
            ("0170 12345••", "DE", "…2345 has digits left out"),
            ("0170 12345??", "DE", "…2345 has digits left out"),
            ("0170 12345##", "DE", "…2345 has digits left out"),
            ("0170 12345--", "DE", "…2345 has digits left out"),
            ("201㋀555 0123", "US", "the phone has characters in it that may be digits"),
            ("201 💯 0123", "US", "the phone has characters in it that may be digits"),
            ("0170 1234567 +49 8", "DE", "…7498 is not a possible phone number"),
            ("2015550123+", "US", "…0123 is not a possible phone number"),
        ):
            error = self.assertRaises(BadPhone, e164, raw, region)
            self.assertEqual(error.reason, reason, ascii(raw))

    def test_uris(self) -> None:
        """tel: URIs are read, those of address books as well."""
        for raw in (
            "tel:+1-201-555-0123",
            "TEL:+12015550123",
            "tel:+1.201.555.0123;isub=1",
            "tel:2015550123",
            "tel:2015550123;phone-context=example.com",
            "tel:201-555-0123;phone-context=+1",
            "tel:555-0123;phone-context=+1201",
            "tel:%2B1%20201%20555%200123",
            "tel://+12015550123",
            " tel: +1 201 555 0123 ",
            "\u202atel:+12015550123\u202c",
            "\ufeff tel:+1-201-555-0123\u200b;isub=1",
        ):
            self.assertEqual(e164(raw, "US"), "12015550123", raw)
        self.assertEqual(e164("tel:06-12-34-56-78", "FR"), "33612345678")
        self.assertEqual(e164("tel:+33-6-12-34-56-78", "US"), "33612345678")

    def test_plans_of_today(self) -> None:
        """A number that its country's plan has changed is dialled as it is today, also in its national form."""
        for raw, region, digits in (
            ("+52 1 55 1234 5678", "US", "525512345678"),
            ("044 55 1234 5678", "MX", "525512345678"),
            ("(11) 8765-4321", "BR", "5511987654321"),
            ("+55 11 98765 4321", "US", "5511987654321"),
            ("07 12 34 56", "CI", "2250707123456"),
            ("97 12 34 56", "BJ", "2290197123456"),
            ("0123 456 7890", "VN", "84834567890"),
            ("+54 9 11 2345 6789", "US", "5491123456789"),
            ("+54 11 2345 6789", "US", "541123456789"),
            ("011 15 2345 6789", "AR", "5491123456789"),
            ("+39 (0)338 1234567", "US", "393381234567"),
        ):
            self.assertEqual(e164(raw, region), digits, raw)

    def test_every_area_code(self) -> None:
        """No number of the US or Canada goes abroad, whatever stands between its groups."""
        for area in range(200, 1000):
            for mark in ("•", "_", "\u200b", "\t", "", " ", "-"):
                raw = mark.join((str(area), "555", "0123"))
                if is_valid_number(parse(f"+1{area}5550123", None)):
                    self.assertEqual(e164(raw, "US"), f"1{area}5550123", ascii(raw))

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
