"""The settings: what is accepted, where it comes from, and how everything else is told."""

from __future__ import annotations

import os
import sys
import tomllib
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import ssl
from twisted.trial.unittest import TestCase

from nexmo_twisted.config import Settings, load, settings_table
from nexmo_twisted.config_faults import keys
from nexmo_twisted.errors import ConfigurationError

EXAMPLE = Path(__file__).parent.parent / "nexmo.example.toml"
APP_ID = "082d4684-0992-11e5-a6c0-1697f925ec7b"

#: The least that must be set.
LEAST: Mapping[str, Any] = {
    "delay": "10 minutes",
    "layer": {"app_id": APP_ID, "token": "layer-token", "secret": "layer secret"},
    "server": {"url": "https://hooks.example.com"},
    "nexmo": {"key": "nexmo-key", "secret": "nexmo-secret", "phone_numbers": ["12015550101"]},
}


def with_(key: str, value: object) -> dict[str, Any]:
    """The least, and one key more or changed."""
    table, _, name = key.rpartition(".")
    if not table:
        return {**LEAST, name: value}
    return {**LEAST, table: {**LEAST.get(table, {}), name: value}}


def loaded(key: str, value: object) -> Any:
    """What a setting becomes."""
    result: Any = load(environ={}, **with_(key, value))
    for name in key.split("."):
        result = getattr(result, name)
    return result


def faults(*arguments: Any, **overrides: Any) -> tuple[str, ...]:
    """The lines with which settings are refused."""
    overrides.setdefault("environ", {})
    try:
        load(*arguments, **overrides)
    except ConfigurationError as error:
        return error.faults
    raise AssertionError("nothing was refused")


def accept(user_id: str) -> dict[str, str]:
    return {"name": user_id}


ACCEPTED: Mapping[str, list[tuple[object, object]]] = {
    "name": [("Ann's webhook", "Ann's webhook")],
    "delay": [("10 minutes", 600_000), (90_000, 90_000), ("1.5h", 5_400_000)],
    "number_expiration_time": [("1 week", 604_800_000)],
    "give_up": [("2 days", 172_800_000)],
    "report_on_status": [(["sent"], ("sent",)), (("delivered", "sent"), ("delivered", "sent"))],
    "template": [("{{ text }}", "{{ text }}"), ("<%= sender.name %>: <%= text %>",) * 2],
    "introduce_conversation": [
        ("", ""),
        ("  ", ""),
        ("In {{ conversation.metadata.title }}:",) * 2,
        ("Hello: you",) * 2,
        (accept, accept),
        ("os.path:join", os.path.join),
    ],
    "identities": [("layer", "layer"), ("os.path:join", os.path.join), (accept, accept)],
    "default_region": [("DE", "DE"), ("gb", "GB")],
    "layer.app_id": [
        (APP_ID.upper(), APP_ID),
        (f"layer:///apps/staging/{APP_ID}", APP_ID),
        (f"layer:///apps/production/{APP_ID.upper()}", APP_ID),
    ],
    "layer.api_url": [
        ("https://API.example.com/v1/", "https://api.example.com/v1"),
        ("HTTPS://api.example.com:8443", "https://api.example.com:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.8.9.10:8080/layer", "http://127.8.9.10:8080/layer"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
    "nexmo.api_url": [("https://rest.example.com/", "https://rest.example.com")],
    "server.url": [
        ("https://hooks.example.com/", "https://hooks.example.com"),
        ("https://hooks.example.com:443", "https://hooks.example.com"),
        ("https://hooks.example.com:8443/", "https://hooks.example.com:8443"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://[2001:db8::1]:444", "https://[2001:db8::1]:444"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
    "server.listen": [
        (description, description)
        for description in ("tcp:0", "tcp:80:interface=127.0.0.1", "tcp6:80", "unix:/run/nexmo.sock:mode=660")
    ],
    "server.redis": [
        (address, address)
        for address in (
            "redis://:pass@host:6380/3",
            "rediss://host",
            "unix:///run/redis.sock?db=1",
            "redis+sentinel://h1:26379,h2:26379/mymaster/0",
            "embedded",
        )
    ],
    "server.layer_path": [("/hooks/layer/", "hooks/layer"), ("a.b_c~d-1", "a.b_c~d-1")],
    "server.nexmo_path": [("nexmo-new-message-2", "nexmo-new-message-2")],
    "nexmo.phone_numbers": [
        (["+1 (201) 555-0101", "44 7700 900123"], ("12015550101", "447700900123")),
        ([12015550101], ("12015550101",)),
        (["1234567", "123456789012345"], ("1234567", "123456789012345")),
    ],
    "nexmo.signature_method": [(name, name) for name in ("md5hash", "md5", "sha1", "sha256", "sha512")],
    "sms.max_segments": [(1, 1), (20, 20), ("12", 12)],
    "operator.listen": [("", ""), ("tcp:9000", "tcp:9000")],
}

#: For each key what the fault says is allowed, then values with what it says was found, and why it is refused.
REFUSED: Mapping[str, tuple[str, list[tuple[object, str, str]]]] = {
    "name": ("not blank", [("", "''", ""), (" \t", r"' \t'", ""), (5, "5", ""), (True, "true", "")]),
    "delay": (
        "10 minutes",
        [("10 minuets", "'10 minuets'", ""), (0, "0", ""), (-5, "-5", ""), (False, "false", ""), ([1], "1 item", "")],
    ),
    "number_expiration_time": ("milliseconds", [("never", "'never'", ""), ({}, "a table", "")]),
    "give_up": ("more than zero", [("0 s", "'0 s'", ""), (float("nan"), "nan", "")]),
    "report_on_status": (
        '"sent", "delivered" or both',
        [
            ([], "[]", "empty"),
            (["sent", "read"], "'read'", ""),
            (["sent", "sent"], "['sent', 'sent']", "twice"),
            ("sent", "'sent'", ""),
            ([5], "5", ""),
        ],
    ),
    "template": (
        "Jinja2",
        [
            ("", "''", ""),
            ("{{ sendr.name }}", "'{{ sendr.name }}'", "'sendr'"),
            ("{{ text", "'{{ text'", ""),
            ("<% for (;;) {} %>", "'<% for", "prints nothing"),
            ("x" * 70 + "{% nope %}", f"'{'x' * 58}…", "nope"),
        ],
    ),
    "introduce_conversation": (
        '"package.module:function"',
        [
            ("{{ nope }}", "'{{ nope }}'", "'nope'"),
            ("no_such_package.module:f", "'no_such_package.module:f'", "ModuleNotFoundError: No module named"),
            (5, "5", ""),
        ],
    ),
    "identities": (
        '"layer", "package.module:function"',
        [
            ("Layer", "'Layer'", ""),
            ("os:no_such_name", "'os:no_such_name'", "there is no no_such_name in os"),
            ("os:name", "'os:name'", "cannot be called"),
            ("os..path:join", "'os..path:join'", "ModuleNotFoundError"),
            ("os.path.join", "'os.path.join'", ""),
            (None, "NoneType", ""),
        ],
    ),
    "default_region": ("two letters", [("XX", "'XX'", ""), ("USA", "'USA'", ""), ("", "''", ""), (1, "1", "")]),
    "layer.app_id": (
        "a UUID",
        [
            (APP_ID[:-1], repr(APP_ID[:-1]), ""),
            (f"layer:///apps/testing/{APP_ID}", "'layer:///apps/testing/", ""),
            (f"{APP_ID}\n", "\\n'", ""),
        ],
    ),
    "layer.token": (
        "visible ASCII",
        [("", "0 characters", ""), ("two words", "9 characters", ""), ("töken", "5 characters", "")],
    ),
    "layer.secret": (
        "different ones",
        [
            ("", "0 characters", ""),
            ([], "0 items", "empty"),
            (["one", "one"], "2 items", "twice"),
            (["one", " "], "1 character;", ""),
            (5, "type int", ""),
            ([5], "type int", ""),
        ],
    ),
    "layer.api_url": (
        "https",
        [
            ("http://api.layer.com", "'http://api.layer.com'", "this machine only"),
            ("http://localhost.example.com", "'http://localhost.example.com'", "this machine only"),
            ("http://128.0.0.1", "'http://128.0.0.1'", "this machine only"),
            ("https://ann:pass@api.layer.com", "30 characters", "user name or password"),
            ("https://api.layer.com?a=b", "25 characters", "query or fragment"),
            ("https://api.layer.com/#", "23 characters", "query or fragment"),
            ("ftp://api.layer.com", "'ftp://api.layer.com'", ""),
            ("api.layer.com", "'api.layer.com'", ""),
            ("https://", "'https://'", ""),
            ("https://api.layer.com:port", "'https://api.layer.com:port'", ""),
            ("https://api.layer.com:0", ":0'", "1 to 65535"),
            ("https://api.layer.com:65536", ":65536'", "1 to 65535"),
            ("https://1.2.3.999", "'https://1.2.3.999'", "neither a name nor an address"),
            ("https://[::1", "'https://[::1'", ""),
            ("https://[1:2]", "'https://[1:2]'", "neither a name nor an address"),
            ("https://api.layer.com\n", "\\n'", ""),
            ("https://bücher.example", "'https://bücher.example'", ""),
            (5, "5", ""),
        ],
    ),
    "nexmo.api_url": ("https", [("http://rest.nexmo.com", "'http://rest.nexmo.com'", "this machine only")]),
    "server.url": (
        "without a path",
        [
            ("https://hooks.example.com/sms", "'https://hooks.example.com/sms'", "a path is not possible here"),
            ("http://hooks.example.com", "'http://", "this machine only"),
            ("https://ann@hooks.example.com", "29 characters", "user name"),
        ],
    ),
    "server.listen": (
        "tcp:8080",
        [
            ("", "''", ""),
            ("8080", "'8080'", "Unknown endpoint type"),
            ("tcp", "'tcp'", "missing, unknown"),
            ("tcp:http", "'tcp:http'", "not a number"),
            ("tcp:65536", "'tcp:65536'", "0 to 65535"),
            ("tcp6:99999", "'tcp6:99999'", "0 to 65535"),
            ("tcp:80:interfaces=127.0.0.1", "'tcp:80:interfaces=127.0.0.1'", "missing, unknown"),
            ("tcp:80:interface=::1", "'tcp:80:interface=::1'", "twice"),
            ("tcp:80\\", "'tcp:80\\\\'", "escape"),
            ("unix:/run/x:mode=9", "'unix:/run/x:mode=9'", "not a number"),
            ("systemd:domain=INET:name=nobody", "'systemd:domain=INET:name=nobody'", "systemd has not"),
            ("systemd:domain=INET:index=99", "'systemd:domain=INET:index=99'", "systemd has not"),
            (
                "ssl:443:privateKey=/no/key.pem",
                "'ssl:443:privateKey=/no/key.pem'",
                "the file /no/key.pem cannot be read",
            ),
            ("tls:/no/certificates:443", "'tls:/no/certificates:443'", "in the directory /no/certificates"),
        ],
    ),
    "operator.listen": ('or "" for none', [("off", "'off'", "Unknown endpoint type"), (False, "false", "")]),
    "server.redis": (
        "redis://host:6379/0",
        [
            ("localhost:6379", "14 characters", "scheme"),
            ("redis://host:99999", "18 characters", "1 to 65535"),
            ("redis://host/x", "14 characters", "database"),
            ("rediss+sentinel://h1/m", "22 characters", "TLS with Sentinel is not supported"),
        ],
    ),
    "server.layer_path": (
        "the path of a URL",
        [
            ("", "''", ""),
            ("/", "'/'", ""),
            ("a//b", "'a//b'", ""),
            ("a/../b", "'a/../b'", "'..'"),
            ("a b", "'a b'", ""),
            ("a?b", "'a?b'", ""),
            ("ä", "'ä'", ""),
        ],
    ),
    "server.nexmo_path": (
        "the path of a URL",
        [
            ("nexmo-new-message", "'nexmo-new-message'", "the same as server.layer_path"),
            ("/nexmo-new-message/sms", "'/nexmo-new-message/sms'", "beneath it"),
        ],
    ),
    "nexmo.key": ("visible ASCII", [("", "''", ""), ("a b", "'a b'", ""), (12345678, "12345678", "")]),
    "nexmo.secret": ("visible ASCII", [("", "0 characters", ""), ("a\nb", "3 characters", ""), (5, "type int", "")]),
    "nexmo.phone_numbers": (
        "7 to 15 digits",
        [
            ([], "[]", "empty"),
            ("12015550101", "'12015550101'", ""),
            (["12015550101", "+1 201 555 0101"], "'12015550101', '+1 201 555 0101'", "twice"),
            (["123456"], "'123456'", "6 digits"),
            (["1234567890123456"], "'1234567890123456'", "16 digits"),
            (["00442079460958"], "'00442079460958'", "country code"),
            (["+44 (0)20 7946 0958"], "'+44 (0)20 7946 0958'", "(0)"),
            (["1-800-FLOWERS"], "'1-800-FLOWERS'", ""),
            (["1+2015550101"], "'1+2015550101'", ""),
            (["١٢٠١٥٥٥٠١٠١"], "'١٢٠١٥٥٥٠١٠١'", ""),
            ([""], "''", ""),
            ([True], "true", ""),
            ([-12015550101], "-12015550101", ""),
        ],
    ),
    "nexmo.signature_secret": ("or", [(" ", "1 character;", ""), (5, "type int", "")]),
    "nexmo.signature_method": ('"sha512"', [("MD5", "'MD5'", ""), ("", "''", ""), (5, "5", "")]),
    "sms.max_segments": (
        "from 1 to 20",
        [
            (0, "0", ""),
            (21, "21", ""),
            (True, "true", ""),
            (6.0, "6.0", ""),
            ("six", "'six'", ""),
            (10**5000, "long", ""),
        ],
    ),
    "layer": ("a table, [layer]", [("x" * 7, "7 characters", ""), ([], "0 items", ""), (5, "type int", "")]),
    "operator": ("a table, [operator]", [(False, "type bool", "")]),
}


class ValueTests(TestCase):
    def test_accepted(self) -> None:
        """Each setting takes what it documents, and holds it in one form."""
        for key, pairs in ACCEPTED.items():
            for value, expected in pairs:
                self.assertEqual(loaded(key, value), expected, f"{key} = {value!r}")

    def test_refused(self) -> None:
        """A fault is one line: the key, what was found, why that cannot be, what is allowed."""
        for key, (allowed, cases) in REFUSED.items():
            for value, found, reason in cases:
                settings = with_(key, value) if "." in key or key not in LEAST else {**LEAST, key: value}
                (line,) = faults(**settings)
                start, _, rest = line.partition("; allowed: ")
                self.assertTrue(start.startswith(f"{key} (argument): found "), line)
                self.assertIn(found, start)
                self.assertIn(reason, start)
                self.assertIn(allowed, rest, line)
                self.assertNotIn("\n", line)

    def test_every_key_is_tried(self) -> None:
        """No setting without a value that it refuses."""
        self.assertEqual({key.name for key in keys(Settings)} - set(REFUSED), set())

    def test_secrets(self) -> None:
        """They are kept as they are, one secret of Layer as a list of one, and no signature means none."""
        result = load(environ={}, **LEAST)
        self.assertEqual(result.layer.token.get_secret_value(), "layer-token")
        self.assertEqual([secret.get_secret_value() for secret in result.layer.secret], ["layer secret"])
        self.assertEqual(result.nexmo.signature_secret.get_secret_value(), "")
        rotated = loaded("layer.secret", ["new", "old"])
        self.assertEqual([secret.get_secret_value() for secret in rotated], ["new", "old"])
        self.assertEqual(load(environ={}, **with_("layer.token", result.layer.token)).layer.token, result.layer.token)

    def test_defaults(self) -> None:
        """What is not set is as documented."""
        result = load(environ={}, **LEAST)
        self.assertEqual(
            (result.name, result.report_on_status, result.number_expiration_time, result.template, result.give_up),
            ("Nexmo Integration", ("sent", "delivered"), 604_800_000, "{{ sender.name }}: {{ text }}", 86_400_000),
        )
        self.assertEqual((result.introduce_conversation, result.identities, result.default_region), ("", "layer", "US"))
        self.assertEqual(
            (result.layer.api_url, result.nexmo.api_url), ("https://api.layer.com", "https://rest.nexmo.com")
        )
        self.assertEqual((result.server.listen, result.server.redis), ("tcp:8080", "redis://localhost:6379/0"))
        self.assertEqual((result.server.layer_path, result.server.nexmo_path), ("nexmo-new-message", "nexmo-new-sms"))
        self.assertEqual((result.nexmo.signature_method, result.sms.max_segments), ("md5hash", 6))
        self.assertEqual(result.operator.listen, "tcp:8081:interface=127.0.0.1")

    def test_paths_against_defaults(self) -> None:
        """The paths of the two webhooks stay apart, also when only one of them is set."""
        for path in ("nexmo-new-sms", "nexmo-new-sms/receipt"):
            (line,) = faults(**with_("server.layer_path", path))
            self.assertTrue(line.startswith("server.nexmo_path"), line)
            self.assertIn("layer_path", line)

    def test_frozen(self) -> None:
        """Settings never change under those who were given them."""
        result = load(environ={}, **LEAST)
        self.assertRaises(ValueError, setattr, result, "delay", 1)
        self.assertRaises(ValueError, setattr, result.sms, "max_segments", 1)
        self.assertIsInstance(result.nexmo.phone_numbers, tuple)

    def test_certificates(self) -> None:
        """An endpoint with TLS is accepted if its certificate can be used, and nothing is opened."""
        folder = Path(self.mktemp())
        folder.mkdir()
        key = ssl.KeyPair.generate(size=2048)
        certificate = key.selfSignedCert(1, CN="localhost")
        pem = folder / "server.pem"
        pem.write_bytes(certificate.dumpPEM())
        description = f"ssl:443:privateKey={pem}"
        self.assertEqual(loaded("server.listen", description), description)
        broken = folder / "broken.pem"
        broken.write_text("no certificate")
        (line,) = faults(**with_("server.listen", f"ssl:443:privateKey={broken}"))
        self.assertIn("certificate or private key cannot be used", line)


class CustomerCodeTests(TestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.patch(sys, "path", [str(folder), *sys.path])
        self.addCleanup(lambda: [sys.modules.pop(name, None) for name in ("shop_good", "shop_bad", "shop_exit")])
        (folder / "shop_good.py").write_text("async def find(user_id):\n    return None\n")
        (folder / "shop_bad.py").write_text("raise LookupError('no\\ndatabase')\n")
        (folder / "shop_exit.py").write_text("raise SystemExit('licence expired')\n")

    def test_a_function_by_its_name(self) -> None:
        """`package.module:function` becomes the function itself."""
        for key in ("identities", "introduce_conversation"):
            self.assertEqual(loaded(key, "shop_good:find").__name__, "find")

    def test_code_that_fails(self) -> None:
        """What the customer's module raises on import is told in one line; even an exit does not end us."""
        for module, told in (("shop_bad", "LookupError: no database"), ("shop_exit", "SystemExit: licence expired")):
            for key in ("identities", "introduce_conversation"):
                (line,) = faults(**with_(key, f"{module}:find"))
                self.assertTrue(line.startswith(f"{key} (argument): found '{module}:find'; {told}; allowed: "), line)


class FaultsTests(TestCase):
    def test_all_at_once(self) -> None:
        """Every fault is told in one go, wherever its value was written, one line each."""
        file = Path(self.mktemp())
        file.write_text('delay = "soon"\nlayer.tokn = "x"\n[sms]\nmax_segments = 0\n')
        lines = faults(
            file,
            environ={
                "NEXMO_NUMBERS": "1,12015550101,2",
                "NEXMO_TWISTED__LAYER__APP_ID": "x",
                "NEXMO_TWISTED__DLAY": "x",
            },
            identities="nobody",
        )
        told = [line.partition(":")[0] for line in lines]
        self.assertEqual(
            sorted(told),
            sorted(
                [
                    f"delay ({file.name})",
                    f"layer.tokn ({file.name})",
                    f"sms.max_segments ({file.name})",
                    "nexmo.phone_numbers (NEXMO_NUMBERS)",
                    "nexmo.phone_numbers (NEXMO_NUMBERS)",
                    "layer.app_id (NEXMO_TWISTED__LAYER__APP_ID)",
                    "NEXMO_TWISTED__DLAY",
                    "identities (argument)",
                    "layer.token",
                    "layer.secret",
                    "server.url",
                    "nexmo.key",
                    "nexmo.secret",
                ]
            ),
        )

    def test_nothing_set(self) -> None:
        """What is required and missing is named, key by key, with what it is for and what is allowed."""
        lines = faults()
        self.assertEqual(
            [line.partition(": missing (")[0] for line in lines],
            [
                *("delay", "layer.app_id", "layer.token", "layer.secret", "server.url"),
                *("nexmo.key", "nexmo.secret", "nexmo.phone_numbers"),
            ],
        )
        for line, key in zip(lines, [key for key in keys(Settings) if key.field.is_required()], strict=True):
            self.assertIn(key.sentence[1:].rstrip("."), line)
            self.assertIn(f"; allowed: {key.kind.allowed}", line)

    def test_unknown_keys(self) -> None:
        """A key that does not exist is a fault that names the nearest one, never its value."""
        for key, meant in {
            "dealy": "delay",
            "layer.tokn": "layer.token",
            "layer.Secret": "layer.secret",
            "max_segments": "sms.max_segments",
            "api_key": "layer.api_url",
            "phone_numbers": "nexmo.phone_numbers",
            "nexmo.token": "layer.token",
            "operators": "operator",
            "servers": "server",
            "report_on_statuses": "report_on_status",
        }.items():
            (line,) = faults(**with_(key, "open-sesame"))
            self.assertEqual(line, f"{key} (argument): unknown key; the nearest known key is {meant}")

    def test_features_to_come(self) -> None:
        """What cannot be done yet cannot be set, instead of being ignored."""
        for key, value in {
            "nexmo.sign_outgoing": True,
            "nexmo.path_secret": "x",
            "nexmo.settle_time": "10 minutes",
            "nexmo.when_uncertain": "resend",
            "nexmo.on_exhausted": "skip",
            "nexmo.concat_timeout": "60 seconds",
            "nexmo.limits": {"per_key": 30},
            "sms.opt_out": "service",
            "sms.opt_out_words": [],
            "sms.no_thread_text": "",
            "operator.token": "",
        }.items():
            (line,) = faults(**with_(key, value))
            self.assertTrue(line.startswith(f"{key} (argument): unknown key; "), line)

    def test_odd_keys(self) -> None:
        """However a key is written, its fault is one short line."""
        (line,) = faults(**with_("a\nb\x1b[2J" + "c" * 500, 1))
        self.assertNotRegex(line, r"[\x00-\x1f]")
        self.assertLess(len(line), 200)

    def test_the_file(self) -> None:
        """A file that is missing or no TOML is one line with its name, and where in it."""
        missing = self.mktemp()
        self.assertEqual(faults(missing), (f"{missing}: the file cannot be read: No such file or directory",))
        self.assertEqual(faults("a\0b"), ("a b: this is not the name of a file",))
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(faults(folder), (f"{folder}: the file cannot be read: Is a directory",))
        for content, place in {
            b'name = "x"\ndelay = soon\n': "line 2, column 9",
            b'name = "x"\n\nx = [1,': "line 3, column 8",
            b'name = "x"\nname = "\xff"\n': "line 2, column 9",
            b'name = "x"\nname = "y"\n': "line 2, column 11",
            b"x = " + b"[" * 100_000: "too much",
            b"x = " + b"1" * 10_000: "too long",
        }.items():
            file = Path(self.mktemp())
            file.write_bytes(content)
            (line,) = faults(file)
            self.assertTrue(line.startswith(f"{file}: not "), line)
            self.assertIn(place, line)

    def test_the_file_s_values_are_no_part_of_a_fault(self) -> None:
        """Broken TOML is told without quoting it: it may hold secrets."""
        for content in (
            'token = open-sesame"',
            'token = "open-sesame',
            "[layer\ntoken = 'open-sesame'",
            '"open-sesame"',
        ):
            file = Path(self.mktemp())
            file.write_text(content)
            self.assertNotIn("sesame", "".join(faults(file)))

    @settings(deadline=None)
    @given(st.text(max_size=30), st.sampled_from(["", " ", "\n", "é", "@"]), st.booleans())
    def test_secrets_never_show(self, random: str, spoiled: str, as_list: bool) -> None:
        """Whatever is wrong with them or around them, secrets are in no fault, no traceback and no repr."""
        secret = f"xyzzy{random}{spoiled}"
        table: dict[str, Any] = {
            "delay": "soon",
            "layer": {
                "token": [secret] if as_list else f"{secret} ",
                "secret": [secret, secret],
                "api_url": f"https://{secret}@example.com",
                "tokn": secret,
            },
            "server": {"url": f"https://example.com?{secret}", "redis": f"redis://:{secret}@host:port"},
            "nexmo": {"secret": {"is": secret}, "signature_secret": [secret], "api_url": f"https://h/#{secret}"},
            "sms": secret,
        }
        clean = "".join(character for character in secret if character != "\0")
        environ = {
            "NEXMO_TWISTED__LAYER__SECRET_FILE": clean,
            "NEXMO_TWISTED__NEXMO__SECRET": f"[{clean}",
            "NEXMO_TWISTED__LAYER__TOKN": clean,
            "LAYER_BEARER_TOKEN": f"{clean} ",
        }
        for arguments in ({"environ": environ}, {"environ": {}, **table}, {"environ": environ, **table}):
            error = self.assertRaises(ConfigurationError, load, **arguments)
            told = "".join(traceback.format_exception(error)) + repr(error)
            self.assertNotIn("xyzzy", told)

    def test_secrets_do_not_print(self) -> None:
        """Settings can be printed and logged: no secret is in it, the password of Redis neither."""
        table = with_("server.redis", "redis://:open-sesame@localhost/0")
        table["layer"] = {**LEAST["layer"], "token": "open-sesame", "secret": ["open-sesame", "open sesame"]}
        table["nexmo"] = {**LEAST["nexmo"], "secret": "open-sesame", "signature_secret": "open-sesame"}
        result = load(environ={}, **table)
        for text in (repr(result), str(result), f"{result}", repr(result.server), repr(result.layer)):
            self.assertNotIn("sesame", text)
        self.assertIn("hooks.example.com", repr(result))


class EnvironmentTests(TestCase):
    def load(self, environ: Mapping[str, str], path: object = None, **overrides: Any) -> Settings:
        return load(EXAMPLE if path is None else str(path), environ=environ, **overrides)

    def secret_file(self, content: bytes) -> str:
        file = Path(self.mktemp())
        file.write_bytes(content)
        return str(file.absolute())

    def test_everything_from_the_environment(self) -> None:
        """No file is needed: every key has a variable."""
        environ = {
            "NEXMO_TWISTED__NAME": "x",
            "NEXMO_TWISTED__DELAY": "90000",
            "NEXMO_TWISTED__REPORT_ON_STATUS": "sent",
            "NEXMO_TWISTED__NUMBER_EXPIRATION_TIME": "1 day",
            "NEXMO_TWISTED__TEMPLATE": "{{ text }}",
            "NEXMO_TWISTED__INTRODUCE_CONVERSATION": "Hello",
            "NEXMO_TWISTED__IDENTITIES": "os.path:join",
            "NEXMO_TWISTED__DEFAULT_REGION": "DE",
            "NEXMO_TWISTED__GIVE_UP": "1 h",
            "NEXMO_TWISTED__LAYER__APP_ID": APP_ID,
            "NEXMO_TWISTED__LAYER__TOKEN": "token",
            "NEXMO_TWISTED__LAYER__SECRET": "new, old",
            "NEXMO_TWISTED__LAYER__API_URL": "https://layer.example",
            "NEXMO_TWISTED__SERVER__URL": "https://hooks.example",
            "NEXMO_TWISTED__SERVER__LISTEN": "tcp:1",
            "NEXMO_TWISTED__SERVER__REDIS": "embedded",
            "NEXMO_TWISTED__SERVER__LAYER_PATH": "l",
            "NEXMO_TWISTED__SERVER__NEXMO_PATH": "n",
            "NEXMO_TWISTED__NEXMO__KEY": "key",
            "NEXMO_TWISTED__NEXMO__SECRET": "a,b",
            "NEXMO_TWISTED__NEXMO__PHONE_NUMBERS": '["12015550101", 12015550102]',
            "NEXMO_TWISTED__NEXMO__API_URL": "https://nexmo.example",
            "NEXMO_TWISTED__NEXMO__SIGNATURE_SECRET": "signature",
            "NEXMO_TWISTED__NEXMO__SIGNATURE_METHOD": "sha256",
            "NEXMO_TWISTED__SMS__MAX_SEGMENTS": "3",
            "NEXMO_TWISTED__OPERATOR__LISTEN": "",
        }
        self.assertEqual({f"NEXMO_TWISTED__{'__'.join(key.path).upper()}" for key in keys(Settings)}, set(environ))
        result = load(environ=environ)
        self.assertEqual((result.delay, result.report_on_status, result.sms.max_segments), (90_000, ("sent",), 3))
        self.assertEqual([secret.get_secret_value() for secret in result.layer.secret], ["new", "old"])
        self.assertEqual(result.nexmo.secret.get_secret_value(), "a,b")
        self.assertEqual(result.nexmo.phone_numbers, ("12015550101", "12015550102"))
        self.assertEqual((result.identities, result.operator.listen), (os.path.join, ""))
        for name, value in environ.items():
            if "LISTEN" not in name:
                others = {key: other for key, other in environ.items() if key != name}
                self.assertNotEqual(self.load({**others, name: value}), self.load(others), name)

    def test_the_process_environment(self) -> None:
        """Unless another environment is given it is that of the process."""
        self.patch(os, "environ", {"NEXMO_TWISTED__NAME": "from the process"})
        self.assertEqual(load(EXAMPLE).name, "from the process")

    def test_lists(self) -> None:
        """They are separated by commas or JSON."""
        for text, numbers in {
            "12015550101": ("12015550101",),
            " 12015550101 , +1 201 555 0102": ("12015550101", "12015550102"),
            ' ["12015550101"]': ("12015550101",),
        }.items():
            for variable in ("NEXMO_NUMBERS", "NEXMO_TWISTED__NEXMO__PHONE_NUMBERS"):
                self.assertEqual(self.load({variable: text}).nexmo.phone_numbers, numbers)
        (secret,) = self.load({"NEXMO_TWISTED__LAYER__SECRET": '["a,b"]'}).layer.secret
        self.assertEqual(secret.get_secret_value(), "a,b")

    def test_lists_that_are_none(self) -> None:
        """A list without an item or with a blank one, or broken JSON, is a fault with the variable's name."""
        for text, part in {
            "": "it is empty",
            "12015550101,": "found ''",
            "[12015550101": "must be a JSON list",
            "[" * 100_000: "must be a JSON list",
            "[[1]]": "found a list of 1 item",
        }.items():
            for variable in ("NEXMO_TWISTED__NEXMO__PHONE_NUMBERS", "NEXMO_NUMBERS"):
                if text or variable != "NEXMO_NUMBERS":
                    (line,) = faults(EXAMPLE, environ={variable: text})
                    self.assertTrue(line.startswith(f"nexmo.phone_numbers ({variable}): "), line)
                    self.assertIn(part, line)

    def test_secrets_from_files(self) -> None:
        """Each secret may stand in a file of its own, with one line break at its end."""
        environ = {
            "NEXMO_TWISTED__LAYER__TOKEN_FILE": self.secret_file(b"token\n"),
            "NEXMO_TWISTED__LAYER__SECRET_FILE": self.secret_file("geheimnis, ä\n\n".encode()),
            "NEXMO_TWISTED__NEXMO__SECRET_FILE": self.secret_file(b"secret\r\n"),
            "NEXMO_TWISTED__NEXMO__SIGNATURE_SECRET_FILE": self.secret_file(b" signature"),
            "NEXMO_TWISTED__SERVER__REDIS_FILE": self.secret_file(b"redis://:pass@host\n"),
        }
        result = self.load(environ)
        self.assertEqual(result.layer.token.get_secret_value(), "token")
        self.assertEqual([secret.get_secret_value() for secret in result.layer.secret], ["geheimnis", "ä"])
        self.assertEqual(result.nexmo.secret.get_secret_value(), "secret")
        self.assertEqual(result.nexmo.signature_secret.get_secret_value(), " signature")
        self.assertEqual(result.server.redis, "redis://:pass@host")

    def test_secret_files_that_cannot_be_used(self) -> None:
        """One line each, which names the variable; a value's fault names the file as well, neither shows the value."""
        token = "NEXMO_TWISTED__LAYER__TOKEN"
        latin, empty = self.secret_file(b"\xff"), self.secret_file(b"\n")
        for file, part in {
            "/no/such/file": f"layer.token ({token}_FILE): the file cannot be read: No such file or directory; ",
            "/": f"layer.token ({token}_FILE): the file cannot be read: Is a directory; ",
            latin: f"layer.token ({token}_FILE): the file is not UTF-8; ",
            empty: f"layer.token ({empty}, named by {token}_FILE): found a value of 0 characters; allowed: ",
        }.items():
            (line,) = faults(EXAMPLE, environ={f"{token}_FILE": file})
            self.assertTrue(line.startswith(part), line)
        (line,) = faults(EXAMPLE, environ={f"{token}_FILE": empty, token: "token"})
        self.assertIn(f"{token} is set as well", line)

    def test_unknown_variables(self) -> None:
        """Each variable with our prefix must be one of ours; a fault names the nearest."""
        for variable, meant in {
            "NEXMO_TWISTED__DEALY": "NEXMO_TWISTED__DELAY",
            "NEXMO_TWISTED__LAYER__TOKN": "NEXMO_TWISTED__LAYER__TOKEN",
            "NEXMO_TWISTED__LAYER_TOKEN": "NEXMO_TWISTED__LAYER__TOKEN",
            "NEXMO_TWISTED__LAYER__TOKEN_FILES": "NEXMO_TWISTED__LAYER__TOKEN_FILE",
            "NEXMO_TWISTED__DELAY_FILE": "NEXMO_TWISTED__DELAY",
            "NEXMO_TWISTED__layer__token": "NEXMO_TWISTED__LAYER__TOKEN",
            "nexmo_twisted__delay": "NEXMO_TWISTED__DELAY",
            "NEXMO_TWISTED__": "",
            "NEXMO_TWISTED__SMS": "NEXMO_TWISTED__",
        }.items():
            (line,) = faults(EXAMPLE, environ={variable: "open-sesame"})
            self.assertTrue(line.startswith(f"{variable}: unknown variable; the nearest known one is {meant}"), line)
            self.assertNotIn("sesame", line)
        self.load({"NEXMO_TWISTED_SERVICE_HOST": "10.0.0.1", "NEXMO_TWISTED": "1", "LAYER_WEBHOOK_SECRET": "x"})

    def test_the_variables_of_the_node_service(self) -> None:
        """Its example's own variables work as they are."""
        result = self.load(
            {
                "LAYER_APP_ID": f"layer:///apps/staging/{APP_ID}",
                "LAYER_BEARER_TOKEN": "node-token",
                "NEXMO_KEY": "node-key",
                "NEXMO_SECRET": "node-secret",
                "NEXMO_NUMBERS": "12015550103,12015550104",
                "REDIS_URL": "redis://node",
            }
        )
        self.assertEqual((result.layer.app_id, result.layer.token.get_secret_value()), (APP_ID, "node-token"))
        self.assertEqual((result.nexmo.key, result.nexmo.secret.get_secret_value()), ("node-key", "node-secret"))
        self.assertEqual(result.nexmo.phone_numbers, ("12015550103", "12015550104"))
        self.assertEqual(result.server.redis, "redis://node")

    def test_host_and_ports(self) -> None:
        """HOST and WEBHOOK_PORT are the URL; PORT, else WEBHOOK_PORT, else 443 is listened on, if HOST is set at all."""
        for environ, url, listen in (
            ({"HOST": "node.example"}, "https://node.example", "tcp:443"),
            ({"HOST": "https://node.example/"}, "https://node.example", "tcp:443"),
            ({"HOST": "node.example", "WEBHOOK_PORT": "443"}, "https://node.example", "tcp:443"),
            ({"HOST": "node.example", "WEBHOOK_PORT": "8443"}, "https://node.example:8443", "tcp:8443"),
            ({"HOST": "https://node.example", "WEBHOOK_PORT": "1"}, "https://node.example:1", "tcp:1"),
            ({"HOST": "node.example", "PORT": "3000"}, "https://node.example", "tcp:3000"),
            ({"HOST": "x", "PORT": "3000", "WEBHOOK_PORT": "8443"}, "https://x:8443", "tcp:3000"),
            ({"PORT": "3000"}, None, "tcp:3000"),
            ({"WEBHOOK_PORT": "8443"}, None, "tcp:8443"),
            ({"HOST": "", "PORT": "", "WEBHOOK_PORT": "", "REDIS_URL": "", "NEXMO_KEY": ""}, None, "tcp:8080"),
        ):
            file = Path(self.mktemp())
            file.write_text(
                EXAMPLE.read_text("utf-8")
                .replace('listen = "tcp:8080"', "")
                .replace('url = "https://hooks', 'url = "https://file')
            )
            result = self.load(environ, file)
            self.assertEqual(
                (result.server.url, result.server.listen), (url or "https://file.example.com", listen), environ
            )

    def test_a_file_s_endpoint_stays(self) -> None:
        """The port that the Node service defaults to does not replace an endpoint that a file names."""
        self.assertEqual(self.load({"HOST": "node.example"}).server.listen, "tcp:8080")

    def test_faults_of_the_node_variables(self) -> None:
        """A fault in a value that was put together names the variables."""
        lines = faults(EXAMPLE, environ={"HOST": "node.example", "WEBHOOK_PORT": "https"})
        self.assertTrue(lines[0].startswith("server.url (HOST and WEBHOOK_PORT): found 'https://node.example:https'; "))
        self.assertTrue(lines[1].startswith("server.listen (WEBHOOK_PORT): found 'tcp:https'; "))
        self.assertEqual(len(lines), 2)
        (line,) = faults(EXAMPLE, environ={"HOST": "http://node.example"})
        self.assertIn("(HOST): found 'http://node.example'; http is possible for this machine only", line)

    def test_precedence(self) -> None:
        """A file counts less than the Node service's variables, these less than ours, these less than arguments."""
        node = {"NEXMO_KEY": "node", "HOST": "node.example", "PORT": "1"}
        own = {"NEXMO_TWISTED__NEXMO__KEY": "own", "NEXMO_TWISTED__SERVER__URL": "https://own.example"}
        self.assertEqual(self.load({}).nexmo.key, "...")
        self.assertEqual(self.load(node).nexmo.key, "node")
        both = self.load({**own, **node})
        self.assertEqual((both.nexmo.key, both.server.url, both.server.listen), ("own", "https://own.example", "tcp:1"))
        result = self.load({**own, **node}, nexmo={"key": "argument"}, identities=accept)
        self.assertEqual((result.nexmo.key, result.server.url), ("argument", "https://own.example"))
        self.assertEqual((result.nexmo.api_url, result.identities), ("https://rest.nexmo.com", accept))

    def test_what_is_replaced_is_not_judged(self) -> None:
        """A stray HOST harms nobody who has set the URL; a table that is none stays a fault."""
        self.assertEqual(
            self.load({"HOST": "x86_64-linux", "NEXMO_TWISTED__SERVER__URL": "https://own.example"}).server.url,
            "https://own.example",
        )
        file = Path(self.mktemp())
        file.write_text('sms = "six"\n' + EXAMPLE.read_text("utf-8").replace("[sms]\nmax_segments", "#"))
        (line,) = faults(file, environ={"NEXMO_TWISTED__SMS__MAX_SEGMENTS": "3"})
        self.assertTrue(line.startswith(f"sms ({file.name}): found a value of 3 characters; allowed: a table"), line)

    def test_arguments_are_left_alone(self) -> None:
        """Tables given as arguments are merged into the settings, not the other way round."""
        nexmo = {"key": "argument"}
        self.load({"NEXMO_TWISTED__NEXMO__SECRET": "x"}, nexmo=nexmo)
        self.assertEqual(nexmo, {"key": "argument"})


class DocumentsTests(TestCase):
    def test_the_example_loads(self) -> None:
        """The example file holds every key there is, the optional ones with their defaults."""
        result = load(EXAMPLE, environ={})
        example = tomllib.loads(EXAMPLE.read_text("utf-8"))
        for key in keys(Settings):
            table: Any = example
            for name in key.path:
                table = table[name]
            if not key.field.is_required():
                self.assertEqual(table, key.field.default, key.name)
        least = {name: example[name] for name in ("delay", "layer", "nexmo")}
        self.assertEqual(result, load(environ={}, server={"url": "https://hooks.example.com"}, **least))

    def test_the_table(self) -> None:
        """One row for every key: type, default as in TOML, and a sentence."""
        head, rule, *rows = settings_table().splitlines()
        self.assertEqual((head.count("|"), rule), (5, "|---|---|---|---|"))
        self.assertEqual(len(rows), len(list(keys(Settings))))
        for row, key in zip(rows, keys(Settings), strict=True):
            _, name, kind, default, sentence, _ = (cell.strip() for cell in row.split("|"))
            self.assertEqual((name, kind), (f"`{key.name}`", key.kind.name))
            self.assertTrue(sentence.endswith("."), row)
            if key.field.is_required():
                self.assertEqual(default, "required")
            else:
                self.assertEqual(tomllib.loads(f"x = {default.strip('`')}")["x"], key.field.default)
        self.assertIn('| `give_up` | duration | `"24 hours"` | ', settings_table())
        self.assertIn("| `sms.max_segments` | number | `6` | ", settings_table())
