"""The settings one by one: what each accepts, what it becomes, what it refuses and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr
from twisted.internet import ssl
from twisted.trial.unittest import TestCase

from nexmo_twisted.config.errors import keys
from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from tests.configuration import APP_ID, LEAST, WHSEC, accept, faults, layer_of, loaded, with_

ACCEPTED: Mapping[str, list[tuple[object, object]]] = {
    "name": [("Ann's webhook", "Ann's webhook")],
    "delay": [("10 minutes", 600_000), (90_000, 90_000), ("1.5h", 5_400_000)],
    "number_expiration_time": [("1 week", 604_800_000)],
    "expire_after": [("2 days", 172_800_000)],
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
    "platform": [("layer", "layer")],
    "identities": [("platform", "platform"), ("os.path:join", os.path.join), (accept, accept)],
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
        for description in (
            "tcp:0",
            "tcp:80:interface=127.0.0.1",
            "tcp:80:interface=\\:\\:1",
            "unix:/run/nexmo.sock:mode=660",
        )
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
    "server.redis_prefix": [
        (prefix, prefix) for prefix in ("nx:", "a:", "{chat1}:", "app-{chat.1}_b:", "{" + "x" * 61 + "}:", "nx-2:")
    ],
    "layer.register": [(False, False), ("true", True)],
    "webhook.secret": [
        (WHSEC, (SecretStr(WHSEC),)),
        ([f"{WHSEC}AA==", WHSEC], (SecretStr(f"{WHSEC}AA=="), SecretStr(WHSEC))),
    ],
    "webhook.api_url": [("https://chat.example.com/sms/", "https://chat.example.com/sms")],
    "webhook.path": [("/hooks/chat/", "hooks/chat")],
    "server.layer_path": [("/hooks/layer/", "hooks/layer"), ("a.b_c~d-1", "a.b_c~d-1")],
    "server.nexmo_path": [("nexmo-new-message-2", "nexmo-new-message-2")],
    "nexmo.phone_numbers": [
        (["+1 (201) 555-0101", "44 7700 900123"], ("12015550101", "447700900123")),
        ([12015550101], ("12015550101",)),
        (["1234567", "123456789012345"], ("1234567", "123456789012345")),
    ],
    "nexmo.signature_method": [(name, name) for name in ("md5hash", "md5", "sha1", "sha256", "sha512")],
    "nexmo.sign_outgoing": [(False, False), ("False", False)],
    "nexmo.path_secret": [(value, SecretStr(value)) for value in ("", "x" * 16, "-_aZ09" * 8)],
    "sms.receipt_timeout": [("2 minutes", 120_000)],
    "sms.concat_timeout": [("90 seconds", 90_000)],
    "sms.limits.per_account": [(0, 0.0), (0.01, 0.01), ("2.5", 2.5), (1000, 1000.0)],
    "sms.limits.per_number": [(1, 1.0), ("10", 10.0)],
    "sms.limits.overrides": [
        ({}, {}),
        ({"+1 201 555 0101": 10}, {"12015550101": 10.0}),
        ('{"12015550101": 0.5}', {"12015550101": 0.5}),
    ],
    "sms.when_uncertain": [(name, name) for name in ("resend", "park", "drop")],
    "sms.when_exhausted": [(name, name) for name in ("skip", "oldest")],
    "sms.opt_out": [(name, name) for name in ("service", "provider", "off")],
    "sms.opt_out_words": [([], ()), (["Halt", "Schluss jetzt!"], ("Halt", "Schluss jetzt!")), ("stop", ("stop",))],
    "sms.no_thread_text": [("", ""), ("Over.", "Over.")],
    "sms.max_segments": [(1, 1), (20, 20), ("12", 12)],
    "operator.listen": [("", ""), ("tcp:9000", "tcp:9000")],
    "operator.hosts": [
        ([], ()),
        ("Ops.Example.COM.", ("ops.example.com",)),
        (["nexmo_sms", "a-1.example"], ("nexmo_sms", "a-1.example")),
        (["192.0.2.1"], ("192.0.2.1",)),
    ],
}

#: For each key what the fault says is allowed, then values with what it says was found, and why it is refused.
REFUSED: Mapping[str, tuple[str, list[tuple[object, str, str]]]] = {
    "name": (
        "not blank",
        [
            ("", "''", ""),
            (" \t", r"' \t'", ""),
            (5, "5", ""),
            (True, "true", ""),
            ("Ann \ud83d", "'Ann \\ud83d'", "not valid Unicode"),
        ],
    ),
    "delay": (
        "10 minutes",
        [("10 minuets", "'10 minuets'", ""), (0, "0", ""), (-5, "-5", ""), (False, "false", ""), ([1], "1 item", "")],
    ),
    "number_expiration_time": ("milliseconds", [("never", "'never'", ""), ({}, "a table", "")]),
    "expire_after": ("more than zero", [("0 s", "'0 s'", ""), (float("nan"), "nan", "")]),
    "report_on_status": (
        '"sent", "delivered" or both',
        [
            ([], "[]", "empty"),
            (["sent", "read"], "'read'", ""),
            (["sent", "sent"], "['sent', 'sent']", "repeated"),
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
            ("<% for (;;) {} %>", "'<% for", "JavaScript"),
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
    "platform": ('"layer"', [("matrix", "'matrix'", ""), ("", "''", "")]),
    "identities": (
        '"platform", "package.module:function"',
        [
            ("Layer", "'Layer'", ""),
            ("os:no_such_name", "'os:no_such_name'", "there is no no_such_name in os"),
            ("os:name", "'os:name'", "not callable"),
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
        [
            ("", "0 characters", ""),
            ("two words", "9 characters", ""),
            ("töken", "5 characters", ""),
            ("...", "3 characters", "the example"),
            ("token\n", "6 characters", "leading or trailing whitespace"),
        ],
    ),
    "layer.secret": (
        "different ones",
        [
            ("", "0 characters", ""),
            ("...", "3 characters", '"..." is the placeholder of the example'),
            (["new", "..."], "3 characters", "the example"),
            (["new", " old"], "4 characters", "leading or trailing whitespace"),
            ("half \ud83d", "6 characters", "not valid Unicode"),
            ([], "0 items", "empty"),
            (["one", "one"], "2 items", "repeated"),
            (["one", " "], "1 character", ""),
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
            ("https://1.2.3.999", "'https://1.2.3.999'", "not a name or an IP address"),
            ("https://[::1", "'https://[::1'", ""),
            ("https://[1:2]", "'https://[1:2]'", "not a name or an IP address"),
            ("https://api.layer.com\n", "\\n'", ""),
            ("https://bücher.example", "'https://bücher.example'", ""),
            (5, "5", ""),
        ],
    ),
    "nexmo.api_url": ("https", [("http://rest.nexmo.com", "'http://rest.nexmo.com'", "this machine only")]),
    "server.url": (
        "without a path",
        [
            ("https://hooks.example.com/sms", "'https://hooks.example.com/sms'", "a path is not allowed here"),
            ("http://hooks.example.com", "'http://", "this machine only"),
            ("https://ann@hooks.example.com", "29 characters", "user name"),
            ("https://0.0.0.0", "'https://0.0.0.0'", "unspecified or multicast address"),
            ("https://[::]:8080", "'https://[::]:8080'", "unspecified or multicast address"),
            ("https://[::ffff:0.0.0.0]", "'https://[::ffff:0.0.0.0]'", "unspecified or multicast address"),
            ("https://224.0.0.1", "'https://224.0.0.1'", "unspecified or multicast address"),
            ("https://[ff02::1]", "'https://[ff02::1]'", "unspecified or multicast address"),
        ],
    ),
    "server.listen": (
        "tcp:8080",
        [
            ("", "''", ""),
            ("8080", "'8080'", "only tcp:, ssl:, unix: and systemd:"),
            ("tcp", "'tcp'", "missing, unknown"),
            ("tcp:http", "'tcp:http'", "not a number"),
            ("tcp:65536", "'tcp:65536'", "0 to 65535"),
            ("tcp6:80", "'tcp6:80'", "only tcp:, ssl:, unix: and systemd:"),
            ("stdio:", "'stdio:'", "only tcp:, ssl:, unix: and systemd:"),
            ("haproxy:tcp\\:80", "'haproxy:tcp", "only tcp:, ssl:, unix: and systemd:"),
            ("tcp:80:interfaces=127.0.0.1", "'tcp:80:interfaces=127.0.0.1'", "missing, unknown"),
            ("tcp:80:interface=::1", "'tcp:80:interface=::1'", "repeated"),
            ("tcp:80\\", "'tcp:80\\\\'", "escape"),
            ("unix:/run/x:mode=9", "'unix:/run/x:mode=9'", "not a number"),
            ("systemd:domain=INET:name=nobody", "'systemd:domain=INET:name=nobody'", "systemd passed no such socket"),
            ("systemd:domain=INET:index=99", "'systemd:domain=INET:index=99'", "systemd passed no such socket"),
            (
                "ssl:443:privateKey=/no/key.pem",
                "'ssl:443:privateKey=/no/key.pem'",
                "the file /no/key.pem cannot be read",
            ),
            ("tls:/no/certificates:443", "'tls:/no/certificates:443'", "only tcp:, ssl:, unix: and systemd:"),
            ("unix:/run/\udc80", "'unix:/run/\\udc80'", "not valid Unicode"),
        ],
    ),
    "operator.listen": ('or "" for none', [("off", "'off'", "only tcp:, ssl:"), (False, "false", "")]),
    "operator.hosts": (
        "host names",
        [
            ("", "''", ""),
            ("ops.example.com:8081", "'ops.example.com:8081'", ""),
            (["ok", "https://ops.example.com"], "'https://ops.example.com'", ""),
            ("*", "'*'", ""),
            (".example.com", "'.example.com'", ""),
            ("ops..example", "'ops..example'", ""),
            ("ö.example", "'ö.example'", ""),
            ([5], "5", ""),
            (False, "false", ""),
        ],
    ),
    "server.redis": (
        "redis://host:6379/0",
        [
            ("localhost:6379", "14 characters", "scheme"),
            ("redis://host:99999", "18 characters", "1 to 65535"),
            ("redis://host/x", "14 characters", "database"),
            ("rediss+sentinel://h1/m", "22 characters", "TLS with Sentinel is not supported"),
        ],
    ),
    "server.redis_prefix": (
        "then ':', 64 characters at most",
        [
            ("", "''", ""),
            (":", "':'", ""),
            ("nx", "'nx'", ""),
            ("nx:2:", "'nx:2:'", ""),
            ("{}:", "'{}:'", ""),
            ("{a}{b}:", "'{a}{b}:'", ""),
            ("a*:", "'a*:'", ""),
            ("a b:", "'a b:'", ""),
            ("é:", "'é:'", ""),
            ("nx:\n", r"'nx:\n'", ""),
            ("x" * 64 + ":", "'" + "x" * 58, ""),
            ("nexmo-layer-integration-2:", "'nexmo-layer-integration-2:'", "of the Node service"),
            (5, "5", ""),
        ],
    ),
    "layer.register": ("true or false", [("yes", "'yes'", ""), (1, "1", "")]),
    "webhook.secret": (
        "whsec_ and the base64 of 24 to 64 bytes",
        [
            ("open-sesame", "a value of 11 characters", "does not begin with whsec_"),
            ("whsec_...", "a value of 9 characters", "placeholder"),
            ("whsec_open-sesame!", "a value of 18 characters", "not base64"),
            ("whsec_b3BlbiBzZXNhbWU=", "a value of 22 characters", "it has 11 bytes"),
            ("whsec_" + "A" * 88, "a value of 94 characters", "it has 66 bytes"),
            ([], "a list of 0 items", "empty"),
            ([WHSEC, WHSEC], "a list of 2 items", "repeated item"),
            (5, "a value of the type int", ""),
        ],
    ),
    "webhook.api_url": (
        "https",
        [("http://chat.example.com", "'http://chat.example.com'", "this machine only"), (5, "5", "")],
    ),
    "webhook.path": (
        "path",
        [
            ("a b", "'a b'", ""),
            ("nexmo-new-sms", "'nexmo-new-sms'", ""),
            ("nexmo-new-sms/chat", "'nexmo-new-sms/chat'", ""),
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
            ("nexmo-new-message", "'nexmo-new-message'", "same as server.layer_path"),
            ("/nexmo-new-message/sms", "'/nexmo-new-message/sms'", "below it"),
        ],
    ),
    "nexmo.key": (
        "visible ASCII",
        [("", "''", ""), ("a b", "'a b'", ""), (12345678, "12345678", ""), ("...", "'...'", "the example")],
    ),
    "nexmo.secret": (
        "visible ASCII",
        [("", "0 characters", ""), ("a\nb", "3 characters", ""), (5, "type int", ""), ("...", "3 characters", "")],
    ),
    "nexmo.phone_numbers": (
        "7 to 15 digits",
        [
            ([], "[]", "empty"),
            ("12015550101", "'12015550101'", ""),
            (["12015550101", "+1 201 555 0101"], "'12015550101', '+1 201 555 0101'", "repeated"),
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
    "nexmo.signature_secret": (
        "or",
        [
            (" ", "1 character", ""),
            (5, "type int", ""),
            ("...", "3 characters", "the example"),
            ("signed\t", "7 characters", "leading or trailing whitespace"),
        ],
    ),
    "nexmo.sign_outgoing": ("true or false", [("yes", "'yes'", ""), (1, "1", "")]),
    "nexmo.path_secret": (
        "16 to 64",
        [("x" * 15, "a value of 15 characters", ""), ("x" * 16 + "/", "a value of 17 characters", "")],
    ),
    "sms.receipt_timeout": ("more than zero", [("0 s", "'0 s'", "")]),
    "sms.concat_timeout": ("more than zero", [("soon", "'soon'", "")]),
    "sms.limits.per_account": (
        "0 for no limit",
        [
            (-1, "-1", ""),
            (0.009, "0.009", ""),
            (1001, "1001", ""),
            (10**400, "1000", ""),
            (float("inf"), "inf", ""),
            (float("nan"), "nan", ""),
            (True, "true", ""),
            ("nan", "'nan'", ""),
            ("many", "'many'", ""),
            ([30], "a list of 1 item", ""),
        ],
    ),
    "sms.limits.per_number": ("from 0.01 to 1000", [("", "''", ""), (None, "NoneType", "")]),
    "sms.limits.overrides": (
        "phone numbers",
        [
            ({"12015550101": "fast"}, "a table", ""),
            ({"0101": 1}, "a table", "country code"),
            ({"12015550101": 1, "+12015550101": 2}, "a table", "repeated"),
            ("12015550101=10", "'12015550101=10'", "not JSON"),
            ("[1]", "'[1]'", ""),
            (10, "10", ""),
        ],
    ),
    "sms.when_uncertain": ('"resend", "park"', [("Resend", "'Resend'", ""), ("", "''", "")]),
    "sms.when_exhausted": ('"skip" or', [("newest", "'newest'", ""), ("", "''", ""), (None, "NoneType", "")]),
    "nexmo.signature_method": ('"sha512"', [("MD5", "'MD5'", ""), ("", "''", ""), (5, "5", "")]),
    "sms.opt_out": ('"service"', [("on", "'on'", ""), (True, "true", "")]),
    "sms.opt_out_words": (
        "none blank",
        [
            ([" "], "' '", ""),
            (["Halt", "?!"], "'?!'", "punctuation"),
            (["Halt" * 41], "'HaltHalt", "more than 160 characters"),
            (["Start!"], "'Start!'", "another meaning"),
            (["unstop"], "'unstop'", "another meaning"),
            (["HELP"], "'HELP'", "another meaning"),
            ([5], "5", ""),
            (5, "5", ""),
        ],
    ),
    "sms.no_thread_text": ('or "" for none', [("  ", "'  '", ""), (5, "5", "")]),
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
        self.assertEqual(layer_of(result).token.get_secret_value(), "layer-token")
        self.assertEqual([secret.get_secret_value() for secret in layer_of(result).secret], ["layer secret"])
        self.assertEqual(result.nexmo.signature_secret.get_secret_value(), "")
        rotated = loaded("layer.secret", ["new", "old"])
        self.assertEqual([secret.get_secret_value() for secret in rotated], ["new", "old"])
        self.assertEqual(loaded("layer.token", layer_of(result).token), layer_of(result).token)

    def test_defaults(self) -> None:
        """What is not set is as documented."""
        result = load(environ={}, **LEAST)
        self.assertEqual(
            (result.name, result.report_on_status, result.number_expiration_time, result.template, result.expire_after),
            ("Nexmo Integration", ("sent", "delivered"), 604_800_000, "{{ sender.name }}: {{ text }}", 86_400_000),
        )
        self.assertEqual(
            (result.introduce_conversation, result.identities, result.default_region), ("", "platform", "US")
        )
        self.assertEqual(
            (layer_of(result).api_url, result.nexmo.api_url), ("https://api.layer.com", "https://rest.nexmo.com")
        )
        self.assertEqual((result.server.listen, result.server.redis), ("tcp:8080", "redis://localhost:6379/0"))
        self.assertEqual((result.server.layer_path, result.server.nexmo_path), ("nexmo-new-message", "nexmo-new-sms"))
        self.assertEqual((result.nexmo.signature_method, result.sms.max_segments), ("md5hash", 6))
        self.assertEqual((result.operator.listen, result.operator.hosts), ("tcp:8081:interface=127.0.0.1", ()))

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
