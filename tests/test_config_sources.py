"""Where settings come from: the file, the environment, arguments; and which of them counts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, formatEvent
from twisted.trial.unittest import TestCase

from nexmo_twisted.config.errors import keys
from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from tests.configuration import APP_ID, FILLED_IN, WHSEC, accept, faults, layer_of
from tests.support import observe_log


class EnvironmentTests(TestCase):
    def setUp(self) -> None:
        file = Path(self.mktemp())
        file = file.with_name(f"{file.name}.toml")
        file.write_text(FILLED_IN)
        self.example = str(file)

    def load(self, environ: Mapping[str, str], path: object = None, **overrides: Any) -> Settings:
        return load(self.example if path is None else str(path), environ=environ, **overrides)

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
            "NEXMO_TWISTED__EXPIRE_AFTER": "1 h",
            "NEXMO_TWISTED__PLATFORM": "layer",
            "NEXMO_TWISTED__LAYER__APP_ID": APP_ID.replace("0", "1"),
            "NEXMO_TWISTED__LAYER__TOKEN": "token",
            "NEXMO_TWISTED__LAYER__SECRET": "new, old",
            "NEXMO_TWISTED__LAYER__API_URL": "https://layer.example",
            "NEXMO_TWISTED__LAYER__REGISTER": "false",
            "NEXMO_TWISTED__WEBHOOK__SECRET": WHSEC,
            "NEXMO_TWISTED__WEBHOOK__API_URL": "https://chat.example",
            "NEXMO_TWISTED__WEBHOOK__PATH": "c",
            "NEXMO_TWISTED__SERVER__URL": "https://hooks.example",
            "NEXMO_TWISTED__SERVER__LISTEN": "tcp:1",
            "NEXMO_TWISTED__SERVER__REDIS": "embedded",
            "NEXMO_TWISTED__SERVER__REDIS_PREFIX": "{chat1}:",
            "NEXMO_TWISTED__SERVER__LAYER_PATH": "l",
            "NEXMO_TWISTED__SERVER__NEXMO_PATH": "n",
            "NEXMO_TWISTED__NEXMO__KEY": "key",
            "NEXMO_TWISTED__NEXMO__SECRET": "a,b",
            "NEXMO_TWISTED__NEXMO__PHONE_NUMBERS": '["12015550102", 12015550109]',
            "NEXMO_TWISTED__NEXMO__API_URL": "https://nexmo.example",
            "NEXMO_TWISTED__NEXMO__SIGNATURE_SECRET": "signature",
            "NEXMO_TWISTED__NEXMO__SIGNATURE_METHOD": "sha256",
            "NEXMO_TWISTED__NEXMO__SIGN_OUTGOING": "true",
            "NEXMO_TWISTED__NEXMO__PATH_SECRET": "a-secret-segment",
            "NEXMO_TWISTED__SMS__RECEIPT_TIMEOUT": "1 h",
            "NEXMO_TWISTED__SMS__WHEN_UNCERTAIN": "park",
            "NEXMO_TWISTED__SMS__WHEN_EXHAUSTED": "oldest",
            "NEXMO_TWISTED__SMS__CONCAT_TIMEOUT": "2 minutes",
            "NEXMO_TWISTED__SMS__LIMITS__PER_ACCOUNT": "20",
            "NEXMO_TWISTED__SMS__LIMITS__PER_NUMBER": "0.5",
            "NEXMO_TWISTED__SMS__LIMITS__OVERRIDES": '{"12015550102": 10}',
            "NEXMO_TWISTED__SMS__MAX_SEGMENTS": "3",
            "NEXMO_TWISTED__SMS__OPT_OUT": "off",
            "NEXMO_TWISTED__SMS__OPT_OUT_WORDS": "Halt, Schluss jetzt",
            "NEXMO_TWISTED__SMS__NO_THREAD_TEXT": "",
            "NEXMO_TWISTED__OPERATOR__LISTEN": "",
            "NEXMO_TWISTED__OPERATOR__HOSTS": "ops.example.com, nexmo_sms",
        }
        self.assertEqual({f"NEXMO_TWISTED__{'__'.join(key.path).upper()}" for key in keys(Settings)}, set(environ))
        own = load(environ={**environ, "NEXMO_TWISTED__PLATFORM": "webhook"}).webhook
        assert own is not None
        self.assertEqual((own.secrets, own.api_url, own.path), ((WHSEC,), "https://chat.example", "c"))
        result = load(environ=environ)
        self.assertEqual((result.delay, result.report_on_status, result.sms.max_segments), (90_000, ("sent",), 3))
        self.assertEqual([secret.get_secret_value() for secret in layer_of(result).secret], ["new", "old"])
        self.assertEqual(result.nexmo.secret.get_secret_value(), "a,b")
        self.assertEqual(result.nexmo.phone_numbers, ("12015550102", "12015550109"))
        self.assertEqual(result.sms.opt_out_words, ("Halt", "Schluss jetzt"))
        limits = result.sms.limits
        self.assertEqual((limits.per_account, limits.per_number, limits.overrides), (20, 0.5, {"12015550102": 10}))
        self.assertEqual((result.identities, result.operator.listen), (os.path.join, ""))
        self.assertEqual(result.operator.hosts, ("ops.example.com", "nexmo_sms"))
        for name, value in environ.items():
            if "LISTEN" not in name and "__WEBHOOK__" not in name:
                others = {key: other for key, other in environ.items() if key != name}
                if name.endswith("PLATFORM"):
                    value = "webhook"
                if name.endswith("SIGNATURE_SECRET"):
                    others.pop("NEXMO_TWISTED__NEXMO__SIGN_OUTGOING")  # which needs it
                self.assertNotEqual(self.load({**others, name: value}), self.load(others), name)

    def test_the_process_environment(self) -> None:
        """Unless another environment is given it is that of the process."""
        self.patch(os, "environ", {"NEXMO_TWISTED__NAME": "from the process"})
        self.assertEqual(load(self.example).name, "from the process")

    def test_lists(self) -> None:
        """They are separated by commas or JSON."""
        for text, numbers in {
            "12015550101": ("12015550101",),
            " 12015550101 , +1 201 555 0102": ("12015550101", "12015550102"),
            ' ["12015550101"]': ("12015550101",),
        }.items():
            for variable in ("NEXMO_NUMBERS", "NEXMO_TWISTED__NEXMO__PHONE_NUMBERS"):
                self.assertEqual(self.load({variable: text}).nexmo.phone_numbers, numbers)
        (secret,) = layer_of(self.load({"NEXMO_TWISTED__LAYER__SECRET": '["a,b"]'})).secret
        self.assertEqual(secret.get_secret_value(), "a,b")

    def test_lists_that_are_none(self) -> None:
        """A list without an item or with a blank one, or broken JSON, is a fault with the variable's name."""
        for text, part in {
            "": "empty",
            "12015550101,": "found ''",
            "[12015550101": "must be a JSON list",
            "[" * 100_000: "must be a JSON list",
            "[[1]]": "found a list of 1 item",
        }.items():
            for variable in ("NEXMO_TWISTED__NEXMO__PHONE_NUMBERS", "NEXMO_NUMBERS"):
                if text or variable != "NEXMO_NUMBERS":
                    (line,) = faults(self.example, environ={variable: text})
                    self.assertTrue(line.startswith(f"nexmo.phone_numbers ({variable}): "), line)
                    self.assertIn(part, line)

    def test_secrets_from_files(self) -> None:
        """Each secret may stand in a file of its own, with one line break at its end."""
        environ = {
            "NEXMO_TWISTED__LAYER__TOKEN_FILE": self.secret_file(b"token\n"),
            "NEXMO_TWISTED__LAYER__SECRET_FILE": self.secret_file("geheimnis, ä\n\n".encode()),
            "NEXMO_TWISTED__NEXMO__SECRET_FILE": self.secret_file(b"secret\r\n"),
            "NEXMO_TWISTED__NEXMO__SIGNATURE_SECRET_FILE": self.secret_file(b"signature s\n"),
            "NEXMO_TWISTED__SERVER__REDIS_FILE": self.secret_file(b"redis://:pass@host\n"),
        }
        result = self.load(environ)
        self.assertEqual(layer_of(result).token.get_secret_value(), "token")
        self.assertEqual([secret.get_secret_value() for secret in layer_of(result).secret], ["geheimnis", "ä"])
        self.assertEqual(result.nexmo.secret.get_secret_value(), "secret")
        self.assertEqual(result.nexmo.signature_secret.get_secret_value(), "signature s")
        self.assertEqual(result.server.redis, "redis://:pass@host")

    def test_secret_files_that_cannot_be_used(self) -> None:
        """One line each, which names the variable; a value's fault names the file as well, neither shows the value."""
        token = "NEXMO_TWISTED__LAYER__TOKEN"
        latin, empty, blank = (self.secret_file(content) for content in (b"\xff", b"\n", b"token\n\n"))
        for file, part in {
            "/no/such/file": f"layer.token ({token}_FILE): the file cannot be read: No such file or directory; ",
            "/": f"layer.token ({token}_FILE): the file cannot be read: Is a directory; ",
            latin: f"layer.token ({token}_FILE): the file is not UTF-8; ",
            empty: f"layer.token ({empty}, named by {token}_FILE): found a value of 0 characters; allowed: ",
            blank: f"layer.token ({blank}, named by {token}_FILE): found a value of 6 characters; leading or trailing",
        }.items():
            (line,) = faults(self.example, environ={f"{token}_FILE": file})
            self.assertTrue(line.startswith(part), line)
        (line,) = faults(self.example, environ={f"{token}_FILE": empty, token: "token"})
        self.assertIn(f"{token} is set as well", line)

    def test_half_characters(self) -> None:
        """A variable that is not UTF-8 is a fault, not a crash at the first use."""
        for variable in ("NEXMO_TWISTED__NAME", "NEXMO_TWISTED__SMS__NO_THREAD_TEXT", "NEXMO_TWISTED__LAYER__SECRET"):
            (line,) = faults(self.example, environ={variable: b"M\xfcller".decode("utf-8", "surrogateescape")})
            self.assertIn("not valid Unicode", line)
            line.encode("utf-8")

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
        }.items():
            (line,) = faults(self.example, environ={variable: "open-sesame"})
            self.assertTrue(line.startswith(f"{variable}: unknown variable; the nearest known one is {meant}"), line)
            self.assertNotIn("sesame", line)
        for variable in ("NEXMO_TWISTED__", "NEXMO_TWISTED__GIVE_UP"):
            self.assertEqual(faults(self.example, environ={variable: "x"}), (f"{variable}: unknown variable",))
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
        self.assertEqual((layer_of(result).app_id, layer_of(result).token.get_secret_value()), (APP_ID, "node-token"))
        self.assertEqual((result.nexmo.key, result.nexmo.secret.get_secret_value()), ("node-key", "node-secret"))
        self.assertEqual(result.nexmo.phone_numbers, ("12015550103", "12015550104"))
        self.assertEqual(result.server.redis, "redis://node")

    def test_host_and_ports(self) -> None:
        """HOST and WEBHOOK_PORT are the URL; PORT, else WEBHOOK_PORT, else 443 with HOST is listened on."""
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
            environ = {"LAYER_APP_ID": APP_ID} | environ
            file = Path(self.mktemp())
            file.write_text(
                FILLED_IN.replace('listen = "tcp:8080"', "").replace('url = "https://hooks', 'url = "https://file')
            )
            result = self.load(environ, file)
            self.assertEqual(
                (result.server.url, result.server.listen), (url or "https://file.example.com", listen), environ
            )

    def test_a_file_s_endpoint_stays(self) -> None:
        """The port that the Node service defaults to does not replace an endpoint that a file names."""
        self.assertEqual(self.load({"HOST": "node.example", "NEXMO_KEY": "x"}).server.listen, "tcp:8080")

    def test_host_and_port_of_somebody_else(self) -> None:
        """HOST and PORT, which shells and containers set, too, count only beside another variable of that service."""
        stray = {"HOST": "x86_64-linux", "PORT": "3000"}
        for more in ({}, {"NEXMO_KEY": "", "WEBHOOK_PORT": ""}, {"NEXMO_TWISTED__NAME": "x", "DELAY": "1"}):
            server = self.load({**stray, **more}).server
            self.assertEqual((server.url, server.listen), ("https://hooks.example.com", "tcp:8080"), more)
        for variable, value in (
            ("LAYER_APP_ID", APP_ID),
            ("LAYER_BEARER_TOKEN", "x"),
            ("NEXMO_KEY", "x"),
            ("NEXMO_SECRET", "x"),
            ("NEXMO_NUMBERS", "12015550101"),
            ("REDIS_URL", "redis://node"),
            ("WEBHOOK_PORT", "443"),
        ):
            server = self.load({"HOST": "node.example", "PORT": "3000", variable: value}).server
            self.assertEqual((server.url, server.listen), ("https://node.example", "tcp:3000"), variable)

    def log_lines(self, environ: Mapping[str, str], path: object = None, **overrides: Any) -> list[str]:
        """What the log says of these settings."""
        events: list[LogEvent] = []
        observe_log(self, events.append)
        self.load(environ, path, **overrides)
        return [formatEvent(event) for event in events]

    def test_where_they_came_from(self) -> None:
        """The log says in one line, without values, where each setting came from that does not stand in the file."""
        file = Path(self.example).name
        self.assertEqual(self.log_lines({}), [])
        key = self.secret_file(b"open-sesame")
        environ = {
            "NEXMO_KEY": "open-sesame",
            "PORT": "3000",
            "NEXMO_TWISTED__DELAY": "1 hour",
            "NEXMO_TWISTED__NEXMO__SECRET_FILE": key,
        }
        origins = (
            f"delay (NEXMO_TWISTED__DELAY), identities (argument), server.listen (PORT), nexmo.key (NEXMO_KEY), "
            f"nexmo.secret ({key}, named by NEXMO_TWISTED__NEXMO__SECRET_FILE)"
        )
        self.assertEqual(self.log_lines(environ, identities=accept), [f"Settings (not from {file}): {origins}"])
        (line,) = self.log_lines({"HOST": "x", "PORT": "1"})
        self.assertTrue(line.startswith("HOST and PORT ignored: they are only read beside another variable"), line)

    def test_faults_of_the_node_variables(self) -> None:
        """A fault in a value that was put together names the variables."""
        lines = faults(self.example, environ={"HOST": "node.example", "WEBHOOK_PORT": "https"})
        self.assertTrue(lines[0].startswith("server.url (HOST and WEBHOOK_PORT): found 'https://node.example:https'; "))
        self.assertTrue(lines[1].startswith("server.listen (WEBHOOK_PORT): found 'tcp:https'; "))
        self.assertEqual(len(lines), 2)
        for host in ("0.0.0.0", "[::]"):  # noqa: S104 - not what is listened on
            (line,) = faults(self.example, environ={"HOST": host, "NEXMO_KEY": "x"})
            self.assertTrue(
                line.startswith(f"server.url (HOST): found 'https://{host}'; unspecified or multicast "), line
            )
        (line,) = faults(self.example, environ={"HOST": "http://node.example", "NEXMO_KEY": "x"})
        self.assertIn("(HOST): found 'http://node.example'; http is allowed for this machine only", line)

    def test_precedence(self) -> None:
        """A file counts less than the Node service's variables, these less than ours, these less than arguments."""
        node = {"NEXMO_KEY": "node", "HOST": "node.example", "PORT": "1"}
        own = {"NEXMO_TWISTED__NEXMO__KEY": "own", "NEXMO_TWISTED__SERVER__URL": "https://own.example"}
        self.assertEqual(self.load({}).nexmo.key, "filled-in")
        self.assertEqual(self.load(node).nexmo.key, "node")
        both = self.load({**own, **node})
        self.assertEqual((both.nexmo.key, both.server.url, both.server.listen), ("own", "https://own.example", "tcp:1"))
        result = self.load({**own, **node}, nexmo={"key": "argument"}, identities=accept)
        self.assertEqual((result.nexmo.key, result.server.url), ("argument", "https://own.example"))
        self.assertEqual((result.nexmo.api_url, result.identities), ("https://rest.nexmo.com", accept))

    def test_what_is_replaced_is_not_judged(self) -> None:
        """A stray HOST harms nobody who has set the URL; a table that is none stays a fault."""
        self.assertEqual(
            self.load(
                {"HOST": "x86_64-linux", "NEXMO_KEY": "x", "NEXMO_TWISTED__SERVER__URL": "https://own.example"}
            ).server.url,
            "https://own.example",
        )
        file = Path(self.mktemp())
        without = re.sub(r"(?ms)^\[sms\]$.*(?=^\[operator\]$)", "", FILLED_IN)
        file.write_text(f'sms = "six"\n{without}')
        (line,) = faults(file, environ={"NEXMO_TWISTED__SMS__MAX_SEGMENTS": "3"})
        self.assertTrue(line.startswith(f"sms ({file.name}): found a value of 3 characters; allowed: a table"), line)

    def test_arguments_are_left_alone(self) -> None:
        """Tables given as arguments are merged into the settings, not the other way round."""
        nexmo = {"key": "argument"}
        self.load({"NEXMO_TWISTED__NEXMO__SECRET": "x"}, nexmo=nexmo)
        self.assertEqual(nexmo, {"key": "argument"})
