"""The settings as a whole: all faults at once, no secret in any of them, and the documents that go with them."""

from __future__ import annotations

import tomllib
import traceback
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.config.errors import keys
from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from nexmo_twisted.config.reference import settings_table
from nexmo_twisted.errors import ConfigurationError
from tests.configuration import EXAMPLE, FILLED_IN, LEAST, OWN_CHAT, faults, loaded, with_


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
        needed = [key for key in keys(Settings) if key.field.is_required() and key.path[0] != "webhook"]
        for line, key in zip(lines, needed, strict=True):
            self.assertIn(key.sentence[1:].rstrip("."), line)
            self.assertIn(f"; allowed: {key.kind.allowed}", line)

    def test_sections_of_platforms(self) -> None:
        """Only the section of the platform in use is read; in the others a key that does not exist is a fault."""
        result = load(environ={}, **OWN_CHAT)
        self.assertEqual((result.layer, result.webhook is None), (None, False))
        result = load(environ={"LAYER_APP_ID": "none"}, **{**OWN_CHAT, "layer": {"token": "..."}})
        self.assertIs(result.layer, None)
        result = load(environ={}, **{**LEAST, "webhook": {"secret": "whsec_..."}})
        self.assertIs(result.webhook, None)
        self.assertEqual(
            faults(**{**OWN_CHAT, "webhook": {}, "layer": {"tokn": "open-sesame"}}),
            (
                "layer.tokn (argument): unknown key; the nearest known key is layer.token",
                *faults(**{**OWN_CHAT, "webhook": {}}),
            ),
        )
        missing = [line.partition(":")[0] for line in faults(**{**OWN_CHAT, "webhook": {}})]
        self.assertEqual(missing, ["webhook.secret", "webhook.api_url"])
        (line,) = faults(**{**LEAST, "platform": "matrx"})
        self.assertIn('platform (argument): found \'matrx\'; allowed: "layer" or "webhook"', line)
        (line,) = faults(**{**OWN_CHAT, "template": "{{ parts }}"})
        self.assertIn("'parts' is nothing that a template knows", line)

    def test_unknown_keys(self) -> None:
        """A key that does not exist is a fault that names the nearest one, never its value."""
        for key, meant in {
            "dealy": "delay",
            "layer.tokn": "layer.token",
            "layer.Secret": "layer.secret",
            "max_segments": "sms.max_segments",
            "api_key": "nexmo.key",
            "phone_numbers": "nexmo.phone_numbers",
            "nexmo.token": "layer.token",
            "operators": "operator",
            "servers": "server",
            "report_on_statuses": "report_on_status",
        }.items():
            (line,) = faults(**with_(key, "open-sesame"))
            self.assertEqual(line, f"{key} (argument): unknown key; the nearest known key is {meant}")

    def test_unlike_keys(self) -> None:
        """A key that is like none of ours is a fault without a suggestion, which would be nonsense."""
        for key in ("give_up", "colour", "debug", "nexmo.gibberish"):
            self.assertEqual(faults(**with_(key, "open-sesame")), (f"{key} (argument): unknown key",))

    def test_features_to_come(self) -> None:
        """What cannot be done yet cannot be set, instead of being ignored."""
        for key, value in {
            "operator.token": "",
        }.items():
            (line,) = faults(**with_(key, value))
            self.assertTrue(line.startswith(f"{key} (argument): unknown key"), line)

    def test_a_long_receipt_url(self) -> None:
        """Nexmo takes 100 characters for the URL of receipts: one more is a fault at start, not of every SMS."""
        room = 100 - len("https://hooks.example.com//receipt")
        self.assertEqual(len(loaded("server.nexmo_path", "x" * room)), room)
        (line,) = faults(**with_("server.nexmo_path", "x" * (room + 1)))
        self.assertTrue(line.startswith("server.nexmo_path (argument): the URL for receipts"), line)
        self.assertTrue(line.endswith("has 101 characters; allowed: 100, which is what Nexmo takes"), line)
        (line,) = faults(**with_("nexmo.path_secret", "x" * 64))
        self.assertNotIn("x" * 16, line)

    def test_a_limit_for_nobody(self) -> None:
        """Only numbers that are configured can have a limit of their own."""
        (line,) = faults(**with_("sms.limits.overrides", {"12015550101": 10, "12015550102": 10}))
        self.assertEqual(
            line,
            "sms.limits.overrides (argument): found 12015550102; allowed: numbers of nexmo.phone_numbers",
        )

    def test_signing_needs_its_secret(self) -> None:
        """SMS cannot be signed without a secret."""
        (line,) = faults(**with_("nexmo.sign_outgoing", True))
        self.assertEqual(
            line,
            "nexmo.sign_outgoing (argument): found true; requires nexmo.signature_secret; allowed: true or false",
        )

    def test_odd_keys(self) -> None:
        """However a key is written, its fault is one short line."""
        (line,) = faults(**with_("a\nb\x1b[2J" + "c" * 500, 1))
        self.assertNotRegex(line, r"[\x00-\x1f]")
        self.assertLess(len(line), 200)

    def test_the_file(self) -> None:
        """A file that is missing or no TOML is one line with its name, and where in it."""
        missing = self.mktemp()
        self.assertEqual(faults(missing), (f"{missing}: the file cannot be read: No such file or directory",))
        self.assertEqual(faults("a\0b"), ("a b: not a file name",))
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(faults(folder), (f"{folder}: the file cannot be read: Is a directory",))
        for content, place in {
            b'name = "x"\ndelay = soon\n': "line 2, column 9",
            b'name = "x"\n\nx = [1,': "line 3, column 8",
            b'name = "x"\nname = "\xff"\n': "line 2, column 9",
            b'name = "x"\nname = "y"\n': "line 2, column 11",
            b"x = " + b"[" * 100_000: "too deeply",
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
            "nexmo": {"secret": {"is": secret}, "signature_secret": [secret], "api_url": [f"https://h/#{secret}"]},
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


class DocumentsTests(TestCase):
    def test_the_example_loads(self) -> None:
        """The example file holds every key there is, the optional ones with their defaults."""
        file = Path(self.mktemp())
        file.write_text(FILLED_IN)
        result = load(file, environ={})
        example = tomllib.loads(FILLED_IN)
        for key in keys(Settings):
            table: Any = example
            for name in key.path:
                table = table[name]
            if not key.field.is_required():
                self.assertEqual(table, key.field.default, key.name)
        least = {name: example[name] for name in ("delay", "layer", "nexmo")}
        self.assertEqual(result, load(environ={}, server={"url": "https://hooks.example.com"}, **least))

    def test_the_example_is_to_be_filled_in(self) -> None:
        """What stands for credentials in the example is a fault each, instead of a login that fails later."""
        lines = faults(EXAMPLE)
        self.assertEqual(
            [line.partition(" ")[0] for line in lines], ["layer.token", "layer.secret", "nexmo.key", "nexmo.secret"]
        )
        for line in lines:
            self.assertIn('; "..." is the placeholder of the example; allowed: ', line)

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
        self.assertIn('| `expire_after` | duration | `"24 hours"` | ', settings_table())
        self.assertIn("| `sms.max_segments` | number | `6` | ", settings_table())
