"""What an operator's monitoring sees: ``GET /metrics`` on a door of its own."""

from __future__ import annotations

import re
from typing import Any

from nexmo_twisted import __version__
from nexmo_twisted.config.models import Settings
from tests.documents import pages
from tests.scenarios.outside import Caller
from tests.scenarios.world import BOB, CLEO, DELAY, LUNCH, NO_RECEIPTS, ONE, World, free_port

#: name -> the values of its labels, in the order of their names; every one of these is there from the start.
COUNTERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "webhooks": tuple(
        (outcome, source)
        for source, more in (
            *(("layer", ("ignored",)), ("chat", ("ignored",))),
            *(("nexmo", ("forged",)), ("receipt", ("forged",))),
        )
        for outcome in ("stored", "unsigned", "quarantined", "busy", "unavailable", "failed", *more)
    ),
    "webhook_members_ignored": (("recipient",), ("actor",), ("part",), ("member",)),
    "http_rejected": (("body_too_large",), ("slow_request",), ("slow_answer",), ("too_many_connections",)),
    "messages_due": ((),),
    "notifications_skipped": (
        *(("read",), ("deleted",), ("blank",), ("no_phone",), ("own_number",), ("unknown_user",), ("no_number",)),
        *(("opted_out",), ("done",), ("expired",), ("undecodable",)),
    ),
    "sms_accepted": ((),),
    "sms_retries": ((),),
    "sms_rate_limited": (("account",), ("number",)),
    "sms_number_waits": ((),),
    "numbers_exhausted": ((),),
    "numbers_taken_over": ((),),
    "provider_throttled": (("account",), ("number",)),
    "account_errors": ((),),
    "sms_uncertain": ((),),
    "sms_reconciled": (("receipt",), ("resent",), ("parked",), ("dropped",), ("unneeded",)),
    "delivery_receipts": (
        *(("delivered",), ("failed",), ("rejected",), ("expired",), ("buffered",), ("accepted",), ("unknown",)),
        ("unmatched",),
    ),
    "replies_received": (
        *(("whole",), ("part",), ("late_part",), ("repeated",), ("stop",), ("start",), ("help",), ("ignored",)),
    ),
    "long_replies_incomplete": ((),),
    "replies_closed": (
        *(("posted",), ("no_thread",), ("not_their_phone",), ("own_number",), ("not_a_number",), ("binary",)),
        *(("blank",), ("dead_letter",)),
    ),
    "dead_letters": (
        *(("out", reason) for reason in ("refused", "too_late", "template", "crashes", "uncertain")),
        *(("in", reason) for reason in ("refused", "too_late", "conversation_gone", "not_participant")),
        *(("in", reason) for reason in ("ambiguous", "crashes")),
    ),
    "dead_letters_expired": (("out",), ("in",), ("uncertain",)),
    "registration_failures": ((),),
    "integrity_repairs": (
        *(
            ("due",),
            ("parts",),
            ("attempt",),
            ("queue",),
            ("lane",),
            ("item",),
            ("aside",),
            ("expiry",),
            ("suspension",),
        ),
        *(("count",), ("type",), ("undecodable",)),
    ),
    "redis_data_loss": ((),),
}
#: name -> its labels; every one of these is there from the start, too.
GAUGES = {
    "redis_connected": (),
    "clock_skew_seconds": (),
    "pending_messages": (),
    "pending_age_seconds": (),
    "queue_lanes": ('queue="out"', 'queue="in"'),
    "queue_jobs": ('queue="out"', 'queue="in"'),
    "queue_age_seconds": ('queue="out"', 'queue="in"'),
    "uncertain_sms": (),
    "uncertain_age_seconds": (),
    "dead_letters": ('queue="out"', 'queue="in"'),
    "blocked_strangers": (),
    "sending_suspended": (),
    "customer_function_threads_stuck": (),
    "circuit_open": ('remote="Layer"', 'remote="Nexmo"'),
}
_SAMPLE = re.compile(r"nexmo_twisted_(?P<name>\w+)_total(?:\{(?P<labels>.+)\})? (?P<value>\S+)")
_GAUGE = re.compile(r"nexmo_twisted_(?P<name>\w+)(?:\{(?P<label>[^}]+)\})? (?P<value>\S+)")


class MetricsTests(World):
    settings = {"nexmo": {"phone_numbers": [ONE]}, "sms": {"receipt_timeout": "1 day"}}

    async def asyncSetUp(self) -> None:
        self.operator = free_port()
        await super().asyncSetUp()
        self.caller = Caller(f"http://127.0.0.1:{self.operator}")
        self.layer_caller = Caller(f"http://127.0.0.1:{self.port}", self.sandbox.credentials.layer_secret)

    def configured(self, port: int, **more: Any) -> Settings:
        return super().configured(port, operator={"listen": f"tcp:{self.operator}:interface=127.0.0.1"}, **more)

    async def page(self) -> dict[tuple[str, ...], float]:
        """Name and label values -> value of every counter of ours on the page."""
        text = (await self.caller.ask("GET", "/metrics")).body.decode("utf-8")
        found = [_SAMPLE.fullmatch(line) for line in text.splitlines()]
        return {
            (each["name"], *re.findall('"([^"]+)"', each["labels"] or "")): float(each["value"])
            for each in found
            if each
        }

    async def test_from_the_start(self) -> None:
        """Every counter is there from the start, with every known label value, at 0."""
        expected = {(name, *values): 0.0 for name, known in COUNTERS.items() for values in known}
        self.assertEqual(await self.page(), expected)

    async def gauges(self) -> dict[str, float]:
        """Name, with its label if it has one -> value of every gauge on the page."""
        text = (await self.caller.ask("GET", "/metrics")).body.decode("utf-8")
        types = dict(re.findall(r"(?m)^# TYPE nexmo_twisted_(\w+) (\w+)$", text))
        found = [_GAUGE.fullmatch(line) for line in text.splitlines()]
        return {
            each["name"] + (f"{{{each['label']}}}" if each["label"] else ""): float(each["value"])
            for each in found
            if each and types.get(each["name"]) == "gauge" and not each["name"].endswith(("_created", "build_info"))
        }

    async def test_gauges_from_the_start(self) -> None:
        """Every gauge is there from the start, with every label, at 0; only that Redis is there is a 1."""
        names = [name for name, labels in GAUGES.items() if not labels]
        names += [f"{name}{{{label}}}" for name, labels in GAUGES.items() for label in labels]
        expected = dict.fromkeys(names, 0.0) | {"redis_connected": 1.0}
        self.assertEqual(await self.gauges(), expected)
        self.assertIn(b"nexmo_twisted_sms_lateness_seconds_count 0.0", self.service.metrics.page())

    async def test_gauges(self) -> None:
        """They show what waits, how long, and what stands aside."""
        await self.send()
        await self.pass_time(1)
        self.assertEqual((await self.gauges())["pending_messages"], 1)
        self.nexmo.receipts = NO_RECEIPTS
        self.fault(path="/sms/json", nexmo_status="5")
        await self.pass_time(DELAY)
        self.fault(path="/sms/json", nexmo_status="7")
        await self.text_unread(conversation=LUNCH, sender="bob")
        self.fault(path="/sms/json", nexmo_status="9", times=0)
        await self.text_unread()
        await self.pass_time(1)
        gauges = await self.gauges()
        shown = {name: value for name, value in gauges.items() if value}
        expected = {"redis_connected", "uncertain_sms", "uncertain_age_seconds", 'dead_letters{queue="out"}'}
        expected |= {"sending_suspended", 'queue_age_seconds{queue="out"}'}
        expected |= {'queue_lanes{queue="out"}', 'queue_jobs{queue="out"}'}
        self.assertEqual(set(shown), expected)
        for name in ("uncertain_sms", 'dead_letters{queue="out"}', "sending_suspended", 'queue_lanes{queue="out"}'):
            self.assertEqual(shown[name], 1, name)
        self.assertEqual(shown['queue_age_seconds{queue="out"}'], 1)

    async def test_lateness(self) -> None:
        """How late an SMS was: accepted at once it counts in the first bucket, after five minutes in a later one."""
        await self.text_unread()
        self.fault(path="/sms/json", status=429, retry_after=300.0)
        await self.text_unread()
        await self.pass_time(330)
        text = (await self.caller.ask("GET", "/metrics")).body.decode("utf-8")
        buckets = dict(re.findall(r'nexmo_twisted_sms_lateness_seconds_bucket\{le="(\S+)"\} (\S+)', text))
        self.assertEqual((buckets["1.0"], buckets["60.0"]), ("1.0", "1.0"))
        self.assertEqual((buckets["900.0"], buckets["86400.0"]), ("2.0", "2.0"))

    async def test_documented(self) -> None:
        """Every metric that the documentation names is on the page, with the labels and values that it names."""
        text = (await self.caller.ask("GET", "/metrics")).body.decode("utf-8")
        families = set(re.findall(r"(?m)^# TYPE (nexmo_twisted_\w+) \w+$", text))
        samples = [(name, set(labels.split(","))) for name, labels in re.findall(r"(?m)^(\w+)\{(.*)\} ", text)]
        for page in pages():
            for name, labels in re.findall(r"`(nexmo_twisted_\w+)(?:\{([^}]*)\})?", page.read_text("utf-8")):
                self.assertIn(name, families, page.name)
                named = {label.strip() for label in labels.split(",") if "=" in label}
                found = [there for known, there in samples if known == name and named <= there]
                self.assertTrue(found or not named, f"{page.name}: {name}{{{labels}}}")

    async def test_standard_ones(self) -> None:
        """The process, Python and the version are there under the names that Prometheus' users know."""
        text = (await self.caller.ask("GET", "/metrics")).body.decode("utf-8")
        self.assertIn(f'nexmo_twisted_build_info{{version="{__version__}"}} 1.0', text)
        for name in ("process_resident_memory_bytes", "process_open_fds", "python_info", "python_gc_collections_total"):
            self.assertRegex(text, rf"(?m)^{name}(?:\{{.*\}})? \S+$")

    async def test_format(self) -> None:
        """It is Prometheus' text format: content type, and a type and a sentence for each counter."""
        heard = await self.caller.ask("GET", "/metrics")
        self.assertEqual(heard.code, 200)
        self.assertEqual(heard.headers.getRawHeaders("content-type"), ["text/plain; version=0.0.4; charset=utf-8"])
        text = heard.body.decode("utf-8")
        self.assertTrue(text.endswith("\n"))
        for name in COUNTERS:
            self.assertRegex(text, f"(?m)^# TYPE nexmo_twisted_{name}_total counter$")
            self.assertRegex(text, rf"(?m)^# HELP nexmo_twisted_{name}_total \S")

    async def test_counts(self) -> None:
        """What happens is counted, under a name and labels that were there before it happened."""
        before = await self.page()
        await self.layer_caller.event(b"junk")
        await self.layer_caller.event(b"junk", layer_webhook_signature=None)
        await self.layer_caller.ask("POST", "/nexmo-new-sms", b"junk")
        await self.layer_caller.event(b" " * (1024 * 1024 + 1), layer_webhook_signature=None)
        self.layer.add_user("dan", display_name="Dan")
        talk = self.layer.start_conversation(["ann", "dan", "ghost", "bob"])
        await self.text_unread(conversation=talk)
        await self.text_unread(conversation=LUNCH)  # no number is left for Bob
        self.fault(path="/sms/json", nexmo_status="7")
        await self.text_unread(conversation=LUNCH)
        self.fault(path="/sms/json", nexmo_status="5")
        await self.text_unread(conversation=LUNCH)
        self.fault(path="/sms/json", nexmo_status="9")
        await self.text_unread(conversation=LUNCH)
        await self.pass_time(60)
        self.layer.send_as_bot(LUNCH, "Robot", "Beep")
        await self.text_unread(" ", conversation=talk)
        for handset, text in ((BOB, "Yes"), (CLEO, "Yes"), ("12015550199", "Who?"), ("VONAGE", "Hello"), (BOB, "\x01")):
            await self.reply(handset, ONE, text)
        after = await self.page()
        self.assertEqual(set(after) - set(before), set())
        for counted in (
            *(("webhooks", what, "layer") for what in ("stored", "ignored", "unsigned", "quarantined")),
            *(("webhooks", what, "nexmo") for what in ("stored", "quarantined")),
            *(("notifications_skipped", reason) for reason in ("no_phone", "unknown_user", "no_number", "blank")),
            *(("replies_received", kind) for kind in ("whole", "ignored")),
            *(("replies_closed", outcome) for outcome in ("posted", "no_thread", "not_a_number", "blank")),
            *((name,) for name in ("messages_due", "sms_accepted", "numbers_exhausted", "sms_uncertain")),
            ("account_errors",),
            ("http_rejected", "body_too_large"),
            ("dead_letters", "out", "refused"),
        ):
            self.assertGreater(after[counted], 0, counted)

    async def test_refusals_of_layer(self) -> None:
        """Also what Layer refuses us is counted under labels that were there before."""
        before = await self.page()
        await self.text_unread()
        for status in (400, 403, 409, 413, 418):
            self.fault(path="/messages", method="POST", status=status)
            await self.reply(BOB, ONE, "Yes")
            self.fault(path="/users/cleo/identity", status=status)
            await self.text_unread(conversation=LUNCH)
        self.assertEqual(set(await self.page()) - set(before), set())

    async def test_other_paths(self) -> None:
        """There is nothing else behind that door, and the webhooks least of all."""
        for path in ("/", "/metrics/all", "/metricsx", "/nexmo-new-message", "/nexmo-new-sms", "/%ff"):
            heard = await self.caller.ask("GET", path)
            self.assertEqual((heard.code, heard.body), (404, b""), path)

    async def test_other_methods(self) -> None:
        """Another method is answered 405, with the one that is allowed."""
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            heard = await self.caller.ask(method, "/metrics")
            self.assertEqual((heard.code, heard.body), (405, b""), method)
            self.assertIn("GET", heard.headers.getRawHeaders("allow", [""])[0])

    async def test_not_in_public(self) -> None:
        """The public port does not show it."""
        self.assertEqual((await self.layer_caller.ask("GET", "/metrics")).code, 404)
